//! The outer flow of a tunnel that was opened.

use crate::verdict::check::{Check, Found};
use crate::verdict::facts::Facts;
use crate::verdict::reason::Reason;

/// The registry's entry.
#[derive(Debug)]
pub struct Carrier;

impl Check for Carrier {
    fn reason(&self) -> Reason {
        Reason::Carrier
    }

    fn look(&self, facts: &Facts<'_>) -> Option<Found> {
        facts.case.record.carrier.map(|_| Found::default())
    }
}
