//! Standard error while watching: lines for the log, and one quiet status line on a terminal.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a status line stands on the terminal.
static IS_SHOWN: AtomicBool = AtomicBool::new(false);

const CLEAR: &str = "\r\x1b[2K";

/// One line for the log.
pub fn say(line: &str) {
    clear();
    // Nobody is left to tell where standard error is closed.
    let _ = writeln!(std::io::stderr().lock(), "uncharted: {line}");
}

/// Takes the status line away, so that another line may stand there.
pub fn clear() {
    if IS_SHOWN.swap(false, Ordering::AcqRel) {
        let _ = write!(std::io::stderr().lock(), "{CLEAR}");
    }
}

/// Shows `line` in place of the last status, cut to the width of the terminal; nothing where there is none.
pub fn status(line: &str) {
    let mut stderr = std::io::stderr().lock();
    if !stderr.is_terminal() {
        return;
    }
    let columns = terminal_size::terminal_size_of(std::io::stderr())
        .map_or(80, |(terminal_size::Width(columns), _)| usize::from(columns));
    let shown: String = line.chars().take(columns.saturating_sub(1)).collect();
    let _ = write!(stderr, "{CLEAR}{shown}");
    let _ = stderr.flush();
    IS_SHOWN.store(true, Ordering::Release);
}

/// A count with blanks between thousands.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([count(7), count(1234), count(1_234_567)], ["7", "1 234", "1 234 567"]);
    }
}
