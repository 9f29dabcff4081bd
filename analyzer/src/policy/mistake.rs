//! A mistake in a table or site file: place, what was expected, what was found, and the mend.

use std::fmt;
use std::ops::Range;

/// One mistake, shown as one line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicyError {
    /// The file as the caller named it.
    pub path: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// `expected a port such as 22 or 12300-12307, found "16x2"`, and the mend where there is one.
    pub message: String,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.path.escape_debug(), self.line, self.column, self.message)
    }
}

impl std::error::Error for PolicyError {}

/// A line and a column, both from 1; the column counts characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// A file's text, to make mistakes with their places.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    pub path: &'a str,
    pub text: &'a str,
}

/// Characters of the file that a message repeats.
const FOUND_CHARS: usize = 48;

impl Origin<'_> {
    /// The place of a byte offset; an offset inside a character counts as that character.
    pub fn place(&self, offset: usize) -> Place {
        let mut place = Place { line: 1, column: 1 };
        for (at, letter) in self.text.char_indices() {
            if at + letter.len_utf8() > offset {
                break;
            }
            if letter == '\n' {
                place = Place { line: place.line + 1, column: 1 };
            } else {
                place.column += 1;
            }
        }
        place
    }

    /// A mistake at a byte offset.
    pub fn mistake(&self, offset: usize, message: String) -> PolicyError {
        let place = self.place(offset);
        PolicyError { path: self.path.to_owned(), line: place.line, column: place.column, message }
    }

    /// The file's own words in that range, quoted once, on one line and of bounded length.
    pub fn found(&self, span: &Range<usize>) -> String {
        let text = self.text.get(span.clone()).unwrap_or_default();
        let bare = ["\"\"\"", "'''", "\"", "'"].iter().find_map(|mark| {
            text.strip_prefix(mark)?.strip_suffix(mark).filter(|inside| !inside.contains(['"', '\'', '\\']))
        });
        quoted(bare.unwrap_or(text))
    }

    /// toml's complaint in the house's words.
    pub fn from_toml(&self, error: &toml::de::Error) -> PolicyError {
        let span = error.span().unwrap_or(0..0);
        let message = error.message().trim();
        if message.starts_with("expected ") {
            return self.mistake(span.start, one_line(message));
        }
        let rest_of_line =
            || self.text.get(span.start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        let found = if span.is_empty() { quoted(rest_of_line().trim()) } else { self.found(&span) };
        let names = in_backticks(message);
        if let Some(rest) =
            message.strip_prefix("unknown field ").or(message.strip_prefix("unknown variant "))
            && let Some((name, known)) = names.split_first()
        {
            let what = if message.starts_with("unknown field") { "a known key" } else { "a known value" };
            let mend = mend(name, known.iter().copied())
                .unwrap_or_else(|| rest.split_once(", expected ").map_or_else(String::new, |_| list(known)));
            return self.mistake(span.start, format!("expected {what}, found {}{mend}", quoted(name)));
        }
        if let ("missing", Some(name)) = (message.split(' ').next().unwrap_or_default(), names.first()) {
            return self
                .mistake(span.start, format!("expected the key {}, found none; add it", quoted(name)));
        }
        if message.starts_with("duplicate") {
            return self
                .mistake(span.start, format!("expected each key once, found {found} again; remove one"));
        }
        if message.starts_with("invalid type") || message.starts_with("invalid value") {
            let wanted = message.split_once(", expected ").map_or("another value", |(_, wanted)| wanted);
            let mend = match wanted {
                "a sequence" if rest_of_line().starts_with('[') => "; write the name in [[ ]]",
                "a sequence" => "; put it in [ ]",
                "a string" => "; put it in quotes",
                _ => "",
            };
            return self.mistake(span.start, format!("expected {}, found {found}{mend}", plain(wanted)));
        }
        let at_end = self.text.get(span.start..).is_none_or(|rest| rest.trim().is_empty());
        let found = if at_end { "the end of the file".to_owned() } else { found };
        self.mistake(span.start, format!("expected TOML, found {found}; {}", one_line(message)))
    }
}

/// Lines of ascending offsets in one pass.
#[derive(Debug)]
pub struct LineCounter<'a> {
    rest: &'a str,
    offset: usize,
    line: usize,
}

impl<'a> LineCounter<'a> {
    /// Counts from the start of `text`.
    pub fn new(text: &'a str) -> Self {
        Self { rest: text, offset: 0, line: 1 }
    }

    /// The line of `offset`, from 1; offsets must ascend.
    pub fn line(&mut self, offset: usize) -> usize {
        let ahead = offset.saturating_sub(self.offset);
        if let Some((passed, rest)) = self.rest.split_at_checked(ahead) {
            self.line += passed.bytes().filter(|&byte| byte == b'\n').count();
            self.rest = rest;
            self.offset = offset;
        }
        self.line
    }
}

/// serde's words for kinds of values, in ours.
fn plain(wanted: &str) -> String {
    match wanted {
        "a string" => "text in quotes".to_owned(),
        "a sequence" => "a list in [ ]".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a map" => "a table".to_owned(),
        other if other.starts_with("struct ") => "a table".to_owned(),
        other => one_line(other),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The words of a message that stand in backticks.
fn in_backticks(message: &str) -> Vec<&str> {
    message.split('`').skip(1).step_by(2).collect()
}

/// In quotes, control characters escaped, cut at [`FOUND_CHARS`].
pub fn quoted(text: &str) -> String {
    if text.chars().nth(FOUND_CHARS).is_some() {
        let kept: String = text.chars().take(FOUND_CHARS).collect();
        format!("{:?}...", kept)
    } else {
        format!("{text:?}")
    }
}

/// `; known are "a", "b"`: for when nothing is near.
pub fn list(known: &[&str]) -> String {
    let names: Vec<String> = known.iter().map(|name| quoted(name)).collect();
    format!("; known are {}", names.join(", "))
}

/// `; did you mean "source"`, where a known name is near enough.
pub fn mend<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    nearest(name, known).map(|near| format!("; did you mean {}", quoted(near)))
}

/// Characters beyond which names are not compared: the work grows with the square.
const COMPARED_CHARS: usize = 128;

/// The known name nearest to `name`: at most a third of its letters differ. The first of equals wins.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name: Vec<char> = name.to_lowercase().chars().take(COMPARED_CHARS + 1).collect();
    if name.len() > COMPARED_CHARS {
        return None;
    }
    let bound = name.len() / 3;
    known
        .map(|other| (distance(&name, other), other))
        .filter(|&(distance, _)| distance <= bound)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, other)| other)
}

/// Letters to insert, delete, replace or swap with their neighbour (optimal string alignment), case aside.
fn distance(a: &[char], b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().take(COMPARED_CHARS).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &left) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        for (j, &right) in b.iter().enumerate() {
            let at = |row: &[usize], k: usize| row.get(k).copied().unwrap_or(usize::MAX / 2);
            let replaced = at(&last, j) + usize::from(left != right);
            let mut best = replaced.min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            if i > 0 && j > 0 && a.get(i - 1) == Some(&right) && b.get(j - 1) == Some(&left) {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(a.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_within_a_third() {
        let known = ["kafka", "postgresql", "openwire", "http"];
        for (name, expect) in [
            ("kafak", Some("kafka")),
            ("Postgres", Some("postgresql")),
            ("htpp", Some("http")),
            ("oracle", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known.into_iter()), expect, "{name}");
        }
    }

    #[test]
    fn columns_count_characters() {
        let origin = Origin { path: "a.toml", text: "é = 1\nñx = 2" };
        assert_eq!(origin.place(3), Place { line: 1, column: 3 });
        assert_eq!(origin.place(9), Place { line: 2, column: 2 });
        assert_eq!(origin.place(900), Place { line: 2, column: 7 });
    }
}
