//! Rows connect this pair only the other way round, and who began was seen.

use crate::verdict::check::{Check, Found};
use crate::verdict::facts::Facts;
use crate::verdict::reason::Reason;

/// The registry's entry.
#[derive(Debug)]
pub struct WrongDirection;

impl Check for WrongDirection {
    fn reason(&self) -> Reason {
        Reason::WrongDirection
    }

    fn look(&self, facts: &Facts<'_>) -> Option<Found> {
        Found::near(&facts.reversed, |_| "the row documents the other end as the one who begins".to_owned())
    }
}
