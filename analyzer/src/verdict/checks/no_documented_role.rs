//! Neither end fills a role of the loaded tables.

use crate::policy::index::Mode;
use crate::verdict::check::{Check, Found};
use crate::verdict::facts::Facts;
use crate::verdict::reason::Reason;

/// The registry's entry.
#[derive(Debug)]
pub struct NoDocumentedRole;

impl Check for NoDocumentedRole {
    fn reason(&self) -> Reason {
        Reason::NoDocumentedRole
    }

    fn look(&self, facts: &Facts<'_>) -> Option<Found> {
        let is_out = match facts.case.policy.mode() {
            Mode::Site => !facts.case.judge_all && facts.is_roleless(),
            // By ports alone nothing can be said of a transport without ports.
            Mode::PortOnly => facts.case.record.transport.is_icmp(),
        };
        (is_out && facts.fits.is_empty()).then(Found::default)
    }
}
