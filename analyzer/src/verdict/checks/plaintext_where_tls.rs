//! The row documents HTTPS, SSL or TLS; the payload is plaintext.

use crate::verdict::check::{Check, Found, Near};
use crate::verdict::content::Content;
use crate::verdict::facts::Facts;
use crate::verdict::reason::{Reason, Severity};

/// The registry's entry.
#[derive(Debug)]
pub struct PlaintextWhereTls;

impl Check for PlaintextWhereTls {
    fn reason(&self) -> Reason {
        Reason::PlaintextWhereTls
    }

    fn look(&self, facts: &Facts<'_>) -> Option<Found> {
        let mut found = Found::default();
        let mut is_mild = true;
        for fit in &facts.fits {
            if let Content::Plaintext { is_mild: mild } = fit.content {
                is_mild &= mild;
                let printed = facts.case.policy.row(fit.row).protocol.clone().unwrap_or_default();
                found.rows.push(Near {
                    row: fit.row,
                    why: format!("the row documents {printed}, the payload is plaintext"),
                });
            }
        }
        found.severity = is_mild.then_some(Severity::Warning);
        (!found.rows.is_empty()).then_some(found)
    }
}
