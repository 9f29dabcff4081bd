//! Source, port and transport fit a row; the responder fills no role.

use crate::verdict::check::{Check, Found};
use crate::verdict::facts::Facts;
use crate::verdict::reason::Reason;

/// The registry's entry.
#[derive(Debug)]
pub struct UnknownDestination;

impl Check for UnknownDestination {
    fn reason(&self) -> Reason {
        Reason::UnknownDestination
    }

    fn look(&self, facts: &Facts<'_>) -> Option<Found> {
        Found::near(&facts.to_unknown, |row| {
            let roles = facts.case.policy.row(row).to.join(" or ");
            format!("the row allows {roles}, and {} fills no role", facts.destination.address)
        })
    }
}
