//! Words and figures as people read them, and text from the wire made safe to show.

/// Text from the wire with control characters, and what reorders or hides text, escaped: `\u{1b}`.
pub fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() || is_sly(letter) {
            shown.extend(letter.escape_unicode());
        } else {
            shown.push(letter);
        }
    }
    shown
}

/// Letters that change how others are shown: direction marks and overrides, zero width, line and paragraph separators.
const fn is_sly(letter: char) -> bool {
    matches!(letter,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// JSON with the letters of [`shown`] that JSON lets stand raw written as its escapes: a reader gets the same text,
/// and a terminal that it is printed on no commands.
pub fn safe_json(json: String) -> String {
    if json.bytes().all(|byte| byte < 0x7f) {
        return json;
    }
    let mut safe = String::with_capacity(json.len());
    for letter in json.chars() {
        if (letter.is_control() && letter >= '\u{7f}') || is_sly(letter) {
            // All of them stand in the first plane: four digits suffice.
            safe.push_str(&format!("\\u{:04x}", letter as u32));
        } else {
            safe.push(letter);
        }
    }
    safe
}

/// `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 flow`, `2 flows`.
pub fn count(number: u64, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{} {one}s", grouped(number)) }
}

/// `999 B`, `1.2 KiB`, `3.4 GiB`.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = number as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    if unit == 0 { format!("{number} {name}") } else { format!("{value:.1} {name}") }
}

/// `850 us`, `4.2 ms`, `1.5 s`.
pub fn microseconds(number: u64) -> String {
    match number {
        0..1_000 => format!("{number} us"),
        1_000..1_000_000 => format!("{:.1} ms", number as f64 / 1e3),
        _ => format!("{:.1} s", number as f64 / 1e6),
    }
}

/// Ports as ranges: `1-1024, 3306`; at most `most` ranges, then how many more there are.
pub fn ports(ports: &[u16], most: usize) -> String {
    let mut ranges: Vec<(u16, u16)> = Vec::new();
    for &port in ports {
        match ranges.last_mut() {
            Some((_, high)) if port == high.saturating_add(1) => *high = port,
            _ => ranges.push((port, port)),
        }
    }
    let mut text: Vec<String> = ranges
        .iter()
        .take(most)
        .map(|&(low, high)| if low == high { low.to_string() } else { format!("{low}-{high}") })
        .collect();
    if ranges.len() > most {
        text.push(format!("and {} more", ranges.len() - most));
    }
    text.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_the_wire_moves_the_cursor_or_turns_the_text() {
        assert_eq!(shown("a\u{1b}[2Jb\r\n"), "a\\u{1b}[2Jb\\u{d}\\u{a}");
        assert_eq!(shown("x\u{202e}y"), "x\\u{202e}y");
        assert_eq!(shown("größe"), "größe");
    }

    #[test]
    fn json_is_safe_to_print_and_reads_the_same() {
        let text = "a\u{9b}2J\u{202e}\u{7f}\u{feff}\u{e9}\n";
        let json = safe_json(serde_json::to_string(text).unwrap());
        assert_eq!(json, "\"a\\u009b2J\\u202e\\u007f\\ufeff\u{e9}\\n\"");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }

    #[test]
    fn figures_are_short_to_read() {
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(12), "12");
        assert_eq!(count(1, "flow"), "1 flow");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(microseconds(4200), "4.2 ms");
        assert_eq!(ports(&[1, 2, 3, 9, 11], 2), "1-3, 9, and 1 more");
    }
}
