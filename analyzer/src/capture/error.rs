//! Why a capture could not be opened: one line, place first.

use std::fmt;
use std::path::Path;

/// What kind of mistake it is, for callers that treat some of them apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// The file or stream could not be read at all.
    Unreadable,
    /// Not a byte in it.
    Empty,
    /// Its first bytes are not those of a capture.
    NotCapture,
    /// A capture whose head is broken, cut short or of an unknown version.
    Header,
    /// The system does not permit it.
    Forbidden,
    /// A filter expression that libpcap does not take.
    Filter,
    /// Nothing to read where captures were expected, or too many of them.
    Inputs,
}

/// One line: `place: expected .., found `..`; mend`.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{place}: expected {expected}, found `{found}`{mend}")]
pub struct CaptureError {
    pub kind: ErrorKind,
    place: String,
    expected: String,
    found: String,
    mend: Mend,
}

impl CaptureError {
    pub(crate) fn new(
        kind: ErrorKind,
        place: &str,
        expected: impl Into<String>,
        found: impl fmt::Display,
        mend: &'static str,
    ) -> Self {
        Self {
            kind,
            place: place.to_owned(),
            expected: expected.into(),
            found: printable(&found.to_string()),
            mend: Mend(mend),
        }
    }

    pub(crate) fn unreadable(place: &str, cause: &std::io::Error) -> Self {
        Self::new(ErrorKind::Unreadable, place, "a readable capture", cause, "")
    }
}

/// What would put it right; empty where nothing general can be said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Mend(&'static str);

impl fmt::Display for Mend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "; {}", self.0) }
    }
}

/// A path as a place in an error or report, without control characters.
pub(crate) fn place(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

/// The text with control characters escaped.
pub(crate) fn printable(text: &str) -> String {
    let mut printed = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() {
            printed.extend(letter.escape_default());
        } else {
            printed.push(letter);
        }
    }
    printed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_with_place_expectation_finding_and_mend() {
        let error =
            CaptureError::new(ErrorKind::NotCapture, "a.pcap", "a capture", "zip\n", "unzip it first");
        assert_eq!(error.to_string(), "a.pcap: expected a capture, found `zip\\n`; unzip it first");
    }
}
