//! Endpoints, port, transport, protocol and encryption agree with a row.

use crate::verdict::check::{Check, Found, Near};
use crate::verdict::content::Content;
use crate::verdict::facts::Facts;
use crate::verdict::reason::Reason;

/// The registry's entry.
#[derive(Debug)]
pub struct Agreement;

impl Check for Agreement {
    fn reason(&self) -> Reason {
        Reason::Match
    }

    fn look(&self, facts: &Facts<'_>) -> Option<Found> {
        let fits = facts.fits.iter().filter(|fit| fit.content == Content::Agrees);
        let mut rows: Vec<Near> = fits
            .map(|fit| Near { row: fit.row, why: "endpoints, port and content agree".to_owned() })
            .collect();
        rows.sort();
        rows.dedup_by_key(|near| near.row);
        (!rows.is_empty()).then(|| Found { rows, ..Found::default() })
    }
}
