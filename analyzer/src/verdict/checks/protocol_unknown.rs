//! A row expects a protocol; payload was seen and proves neither it nor another.

use crate::verdict::check::{Check, Found, Near};
use crate::verdict::content::Content;
use crate::verdict::facts::Facts;
use crate::verdict::reason::Reason;

/// The registry's entry.
#[derive(Debug)]
pub struct ProtocolUnknown;

impl Check for ProtocolUnknown {
    fn reason(&self) -> Reason {
        Reason::ProtocolUnknown
    }

    fn look(&self, facts: &Facts<'_>) -> Option<Found> {
        let mut found = Found::default();
        for fit in &facts.fits {
            if let Content::Unknown(missing) = &fit.content {
                let wanted =
                    facts.reading(fit).map(|reading| reading.protocols.join(" or ")).unwrap_or_default();
                found.rows.push(Near { row: fit.row, why: format!("the row expects {wanted}: {missing}") });
                found.missing = Some(missing.clone());
            }
        }
        (!found.rows.is_empty()).then_some(found)
    }
}
