//! It meets a row without a port, one that refers elsewhere, or rows that contradict each other.

use crate::policy::index::RowId;
use crate::verdict::check::{Check, Found, Near};
use crate::verdict::content::Content;
use crate::verdict::facts::Facts;
use crate::verdict::reason::Reason;

/// The registry's entry.
#[derive(Debug)]
pub struct AmbiguousDocument;

impl Check for AmbiguousDocument {
    fn reason(&self) -> Reason {
        Reason::AmbiguousDocument
    }

    fn look(&self, facts: &Facts<'_>) -> Option<Found> {
        let disputed = facts.fits.iter().filter(|fit| fit.content == Content::Disputed).map(|fit| Near {
            row: fit.row,
            why: "the documents contradict each other on encryption here".to_owned(),
        });
        let mut rows: Vec<Near> = disputed.collect();
        let portless = |&row: &RowId| {
            let why = match &facts.case.policy.row(row).refers_to {
                Some(document) => format!("the row refers to {document}, which is not loaded"),
                None => "the row documents no port".to_owned(),
            };
            Near { row, why }
        };
        // A row that documents a port for the pair speaks with more authority than one without.
        if facts.fits.is_empty() {
            rows.extend(facts.portless.iter().map(portless));
        }
        let missing = rows.first().map(|near| near.why.clone());
        (!rows.is_empty()).then_some(Found { rows, missing, severity: None })
    }
}
