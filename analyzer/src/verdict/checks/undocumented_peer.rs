//! One end fills a role, the other none, and no row of that role fits the port and transport.

use crate::verdict::check::{Check, Found};
use crate::verdict::facts::Facts;
use crate::verdict::reason::Reason;

/// The registry's entry.
#[derive(Debug)]
pub struct UndocumentedPeer;

impl Check for UndocumentedPeer {
    fn reason(&self) -> Reason {
        Reason::UndocumentedPeer
    }

    fn look(&self, facts: &Facts<'_>) -> Option<Found> {
        let is_half = facts.source_roles.is_empty() != facts.destination_roles.is_empty();
        if !is_half {
            return None;
        }
        let near = Found::near(&facts.of_peer, |_| "the row is of this role, on another port".to_owned());
        Some(near.unwrap_or_default())
    }
}
