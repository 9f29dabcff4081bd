//! Both ends fill roles; no row connects them in either direction.

use crate::policy::index::Mode;
use crate::verdict::check::{Check, Found};
use crate::verdict::facts::Facts;
use crate::verdict::reason::Reason;

/// The registry's entry.
#[derive(Debug)]
pub struct UndocumentedPair;

impl Check for UndocumentedPair {
    fn reason(&self) -> Reason {
        Reason::UndocumentedPair
    }

    fn look(&self, facts: &Facts<'_>) -> Option<Found> {
        let is_known = !facts.source_roles.is_empty() && !facts.destination_roles.is_empty();
        let is_judged = facts.case.judge_all && facts.is_roleless() && facts.case.policy.mode() == Mode::Site;
        (is_known || is_judged).then(Found::default)
    }
}
