//! Homoglyphs in a document's text: cells that look like TCP or HTTP and are spelled in another script.
//!
//! Found: words that mix scripts, and words of look-alikes alone that fold to a word of connection tables.
//! Left out: words of another script that only happen to fold.

use serde::Serialize;

use crate::policy::homoglyph::{fold, latin};
use crate::policy::mistake::quoted;

/// The name of the lint.
pub const NAME: &str = "homoglyph";

/// Words of the protocol, port and classification columns.
const WORDS: &[&str] = &[
    "TCP", "UDP", "SCTP", "ICMP", "HTTP", "HTTPS", "SSL", "TLS", "SMTP", "IMAP", "POP", "SSH", "FTP", "SNMP",
    "SIP", "RPC", "REST", "KAFKA", "INGRESS", "EGRESS", "RS", "MCP", "RM", "REDIS",
];

/// One word with look-alike letters.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Homoglyphs {
    /// From 1.
    pub line: usize,
    /// From 1, in characters: the word's first letter.
    pub column: usize,
    /// The word as it stands.
    pub word: String,
    /// The word that it looks like.
    pub folded: String,
    pub message: String,
}

/// Every word of `text` with look-alike letters, in order.
pub fn lint_text(text: &str) -> Vec<Homoglyphs> {
    let mut all = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let mut word = String::new();
        let mut column = 1;
        for (at, letter) in line.chars().chain(std::iter::once(' ')).enumerate() {
            if letter.is_alphanumeric() {
                if word.is_empty() {
                    column = at + 1;
                }
                word.push(letter);
            } else if !word.is_empty() {
                all.extend(homoglyphs(number + 1, column, &word));
                word.clear();
            }
        }
    }
    all
}

fn homoglyphs(line: usize, column: usize, word: &str) -> Option<Homoglyphs> {
    let mut odd: Vec<char> = word.chars().filter(|&letter| latin(letter).is_some()).collect();
    let first = odd.first().copied()?;
    let folded = fold(word);
    let is_mixed = word.chars().any(|letter| letter.is_ascii_alphabetic());
    let is_known = WORDS.contains(&folded.to_uppercase().as_str());
    if !folded.is_ascii() || !(is_mixed || is_known) {
        return None;
    }
    odd.dedup();
    let letters: Vec<String> = odd
        .iter()
        .map(|&letter| format!("U+{:04X} for {}", u32::from(letter), latin(letter).unwrap_or(first)))
        .collect();
    let message = format!(
        "{} only looks like {}: {}; write {folded}",
        quoted(word),
        quoted(&folded),
        letters.join(", ")
    );
    Some(Homoglyphs { line, column, word: word.to_owned(), folded, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[(usize, usize, &str)]) {
        let found: Vec<(usize, usize, String)> =
            lint_text(text).into_iter().map(|word| (word.line, word.column, word.folded)).collect();
        let found: Vec<(usize, usize, &str)> =
            found.iter().map(|(line, column, folded)| (*line, *column, folded.as_str())).collect();
        assert_eq!(found, expect, "of {text}");
    }

    #[test]
    fn cells_in_other_letters_are_found_and_words_of_other_languages_are_not() {
        check("1\tA\tТСР\t80\nb НТТР", &[(1, 5, "TCP"), (2, 3, "HTTP")]);
        check("TСP|ΗTTP", &[(1, 1, "TCP"), (1, 5, "HTTP")]);
        check("сор торт Москва Ελλάδα RÉSUMÉ ñandú", &[]);
        check("", &[]);
    }

    #[test]
    fn the_message_names_each_letter() {
        let found = lint_text("ТСР");
        assert_eq!(
            found[0].message,
            "\"ТСР\" only looks like \"TCP\": U+0422 for T, U+0421 for C, U+0420 for P; write TCP"
        );
    }
}
