//! What a check is: one reason, looked for in the facts of a case.

use crate::policy::index::RowId;
use crate::verdict::facts::Facts;
use crate::verdict::reason::{Reason, Severity};

/// One reason and the facts that give it.
pub trait Check: Sync {
    fn reason(&self) -> Reason;
    /// What it found, or `None` where the reason does not apply.
    fn look(&self, facts: &Facts<'_>) -> Option<Found>;
}

/// What a check found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Found {
    /// The rows that allow the flow, or the nearest ones that do not, each with why.
    pub rows: Vec<Near>,
    /// A severity of its own, where the row says so.
    pub severity: Option<Severity>,
    /// What was missing, for what could not be determined.
    pub missing: Option<String>,
}

/// A row and why it does (or does not) allow the flow.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Near {
    pub row: RowId,
    pub why: String,
}

/// Rows named with a finding; the rest of a long list says nothing more.
const NEAR_ROWS: usize = 8;

impl Found {
    /// These rows, each with the same why; `None` where there are none.
    pub fn near(rows: &[RowId], why: impl Fn(RowId) -> String) -> Option<Self> {
        if rows.is_empty() {
            return None;
        }
        let rows = rows.iter().take(NEAR_ROWS).map(|&row| Near { row, why: why(row) }).collect();
        Some(Self { rows, ..Self::default() })
    }
}
