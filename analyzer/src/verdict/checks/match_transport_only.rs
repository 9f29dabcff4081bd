//! Endpoints, port and transport agree; there was no payload.

use crate::verdict::check::{Check, Found, Near};
use crate::verdict::content::Content;
use crate::verdict::facts::Facts;
use crate::verdict::reason::Reason;

/// The registry's entry.
#[derive(Debug)]
pub struct MatchTransportOnly;

impl Check for MatchTransportOnly {
    fn reason(&self) -> Reason {
        Reason::MatchTransportOnly
    }

    fn look(&self, facts: &Facts<'_>) -> Option<Found> {
        let fits = facts.fits.iter().filter(|fit| fit.content == Content::TransportOnly);
        let rows: Vec<Near> = fits
            .map(|fit| Near { row: fit.row, why: "endpoints, port and transport agree".to_owned() })
            .collect();
        (!rows.is_empty()).then(|| Found { rows, ..Found::default() })
    }
}
