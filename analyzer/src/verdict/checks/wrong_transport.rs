//! Pair and port fit a row on another transport.

use crate::verdict::check::{Check, Found};
use crate::verdict::facts::Facts;
use crate::verdict::reason::Reason;

/// The registry's entry.
#[derive(Debug)]
pub struct WrongTransport;

impl Check for WrongTransport {
    fn reason(&self) -> Reason {
        Reason::WrongTransport
    }

    fn look(&self, facts: &Facts<'_>) -> Option<Found> {
        let transport = facts.case.record.transport;
        Found::near(&facts.other_transport, |row| {
            let documented =
                facts.case.policy.entry(row).readings.first().map_or("", |reading| reading.transport.name());
            format!("the row documents {documented}, the flow is {transport}")
        })
    }
}
