//! What one side's bytes say of a role, and what the two sides say together.
//!
//! A helper for probes that may be shown one side only: each side is looked at alone, then both are held together.

use crate::flow::opening::{Heard, View};
use crate::net::Side;

/// What the bytes of one side say when they are read as one role of a protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Look {
    /// They prove it alone.
    Proves,
    /// They agree with it, and prove it where the other side agrees too.
    Fits,
    /// There are too few of them to tell.
    More,
    /// They exclude it.
    Not,
}

impl Look {
    /// What a client's and a server's looks say together.
    pub const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Not, _) | (_, Self::Not) => Self::Not,
            (Self::Proves, _) | (_, Self::Proves) | (Self::Fits, Self::Fits) => Self::Proves,
            _ => Self::More,
        }
    }
}

/// Reads each side as the client in turn. Gives the side that proved to be the client, or `More` or `Not`.
pub fn either(
    view: &View<'_>,
    client: fn(&Heard<'_>) -> Look,
    server: fn(&Heard<'_>) -> Look,
) -> Result<Side, Look> {
    let mut best = Look::Not;
    for (side, asks, answers) in view.ways() {
        let look = match client(&asks) {
            Look::Not => Look::Not,
            asked => asked.and(server(&answers)),
        };
        match look {
            Look::Proves => return Ok(side),
            Look::More => best = Look::More,
            Look::Fits | Look::Not => {}
        }
    }
    Err(best)
}

/// Whether `bytes` begin with `wanted`: `More` while they are a part of it.
pub fn begins(bytes: &[u8], wanted: &[u8]) -> Look {
    let together = bytes.iter().zip(wanted).all(|(have, want)| have == want);
    match together {
        false => Look::Not,
        true if bytes.len() >= wanted.len() => Look::Proves,
        true => Look::More,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contradicting_side_outweighs_a_proving_one() {
        assert_eq!(Look::Proves.and(Look::Not), Look::Not);
        assert_eq!(Look::Proves.and(Look::More), Look::Proves);
        assert_eq!(Look::Fits.and(Look::Fits), Look::Proves);
        assert_eq!(Look::Fits.and(Look::More), Look::More);
    }

    #[test]
    fn a_beginning_is_undecided_while_it_is_short() {
        assert_eq!(begins(b"SS", b"SSH-"), Look::More);
        assert_eq!(begins(b"SSH-2", b"SSH-"), Look::Proves);
        assert_eq!(begins(b"ST", b"SSH-"), Look::Not);
    }
}
