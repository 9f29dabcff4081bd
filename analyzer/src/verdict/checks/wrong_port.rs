//! Rows connect this pair in this direction, none on this port.

use crate::policy::index::Mode;
use crate::verdict::check::{Check, Found};
use crate::verdict::facts::Facts;
use crate::verdict::reason::Reason;

/// The registry's entry.
#[derive(Debug)]
pub struct WrongPort;

impl Check for WrongPort {
    fn reason(&self) -> Reason {
        Reason::WrongPort
    }

    fn look(&self, facts: &Facts<'_>) -> Option<Found> {
        let policy = facts.case.policy;
        if policy.mode() == Mode::PortOnly {
            return (facts.fits.is_empty() && facts.other_transport.is_empty()).then(Found::default);
        }
        let port = facts.destination.port;
        Found::near(&facts.other_port, |row| {
            let ports: Vec<String> =
                policy.entry(row).readings.iter().map(|reading| reading.ports.to_string()).collect();
            format!("the row documents port {}, the flow is to {port}", ports.join(" or "))
        })
    }
}
