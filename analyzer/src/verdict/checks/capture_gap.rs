//! Loss or truncation hides what would decide it.

use crate::verdict::check::{Check, Found, Near};
use crate::verdict::content::Content;
use crate::verdict::facts::Facts;
use crate::verdict::reason::Reason;

/// The registry's entry.
#[derive(Debug)]
pub struct CaptureGap;

impl Check for CaptureGap {
    fn reason(&self) -> Reason {
        Reason::CaptureGap
    }

    fn look(&self, facts: &Facts<'_>) -> Option<Found> {
        let mut found = Found::default();
        // An ICMP error whose flow is known belongs to that flow; one that comes here complains of what was not captured.
        if facts.fits.is_empty() && facts.is_icmp_error() {
            found.missing =
                Some("the flow that this ICMP error complains of is not in the capture".to_owned());
            return Some(found);
        }
        for fit in &facts.fits {
            if let Content::Hidden(missing) = &fit.content {
                found.rows.push(Near { row: fit.row, why: missing.clone() });
                found.missing = Some(missing.clone());
            }
        }
        (!found.rows.is_empty()).then_some(found)
    }
}
