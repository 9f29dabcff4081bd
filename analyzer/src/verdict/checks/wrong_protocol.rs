//! Pair and port fit; the payload is positively another protocol.

use crate::verdict::check::{Check, Found, Near};
use crate::verdict::content::Content;
use crate::verdict::facts::Facts;
use crate::verdict::reason::Reason;

/// The registry's entry.
#[derive(Debug)]
pub struct WrongProtocol;

impl Check for WrongProtocol {
    fn reason(&self) -> Reason {
        Reason::WrongProtocol
    }

    fn look(&self, facts: &Facts<'_>) -> Option<Found> {
        let mut rows = Vec::new();
        for fit in &facts.fits {
            if let Content::Wrong(protocol) = fit.content {
                let wanted =
                    facts.reading(fit).map(|reading| reading.protocols.join(" or ")).unwrap_or_default();
                rows.push(Near {
                    row: fit.row,
                    why: format!("the row expects {wanted}, the payload is {protocol}"),
                });
            }
        }
        (!rows.is_empty()).then(|| Found { rows, ..Found::default() })
    }
}
