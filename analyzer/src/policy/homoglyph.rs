//! Letters of other scripts that look like Latin ones, and their folding.
//!
//! Source: the Unicode confusables (UTS 39) of Cyrillic and Greek capital letters and the small ones that are alike.
//! Left out: whole prose in another script, which no connection table prints.

/// A look-alike and the Latin letter it looks like.
const PAIRS: &[(char, char)] = &[
    // Cyrillic
    ('А', 'A'),
    ('В', 'B'),
    ('Е', 'E'),
    ('Ѕ', 'S'),
    ('І', 'I'),
    ('Ј', 'J'),
    ('К', 'K'),
    ('М', 'M'),
    ('Н', 'H'),
    ('О', 'O'),
    ('Р', 'P'),
    ('С', 'C'),
    ('Т', 'T'),
    ('У', 'Y'),
    ('Х', 'X'),
    ('а', 'a'),
    ('е', 'e'),
    ('о', 'o'),
    ('р', 'p'),
    ('с', 'c'),
    ('у', 'y'),
    ('х', 'x'),
    ('ѕ', 's'),
    ('і', 'i'),
    ('ј', 'j'),
    // Greek
    ('Α', 'A'),
    ('Β', 'B'),
    ('Ε', 'E'),
    ('Ζ', 'Z'),
    ('Η', 'H'),
    ('Ι', 'I'),
    ('Κ', 'K'),
    ('Μ', 'M'),
    ('Ν', 'N'),
    ('Ο', 'O'),
    ('Ρ', 'P'),
    ('Τ', 'T'),
    ('Υ', 'Y'),
    ('Χ', 'X'),
    ('ο', 'o'),
];

/// The Latin letter that `letter` looks like.
pub fn latin(letter: char) -> Option<char> {
    PAIRS.iter().find(|&&(look_alike, _)| look_alike == letter).map(|&(_, latin)| latin)
}

/// The text with every look-alike folded.
pub fn fold(text: &str) -> String {
    text.chars().map(|letter| latin(letter).unwrap_or(letter)).collect()
}
