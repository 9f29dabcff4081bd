//! Destination, port and transport fit a row; the initiator fills no role.

use crate::verdict::check::{Check, Found};
use crate::verdict::facts::Facts;
use crate::verdict::reason::Reason;

/// The registry's entry.
#[derive(Debug)]
pub struct UnknownSource;

impl Check for UnknownSource {
    fn reason(&self) -> Reason {
        Reason::UnknownSource
    }

    fn look(&self, facts: &Facts<'_>) -> Option<Found> {
        Found::near(&facts.from_unknown, |row| {
            let roles = facts.case.policy.row(row).from.join(" or ");
            format!("the row allows {roles}, and {} fills no role", facts.source.address)
        })
    }
}
