//! Rows called Intra-cluster whose own words lead out of the cluster: cross-region, remote, the Internet.

use crate::policy::lint::finding::{Found, Lint, Severity, found, rows};
use crate::policy::table::{PUBLIC_INTERNET, Table};

/// Words of a data cell that lead out of the cluster.
const OUTSIDE: &[&str] =
    &["cross-region", "cross region", "cross-cluster", "remote region", "remote cluster", "another region"];

/// The registry's entry.
#[derive(Debug)]
pub struct CrossRegion;

impl Lint for CrossRegion {
    fn name(&self) -> &'static str {
        "cross-region"
    }

    fn title(&self) -> &'static str {
        "a row is Intra-cluster, but its own words lead out of the cluster"
    }

    fn severity(&self) -> Severity {
        Severity::Warning
    }

    fn look(&self, tables: &[Table]) -> Vec<Found> {
        let mut all = Vec::new();
        for at in rows(tables) {
            let is_inside = at
                .row
                .classification
                .as_deref()
                .is_some_and(|word| word.eq_ignore_ascii_case("intra-cluster"));
            if !is_inside {
                continue;
            }
            let data = at.row.data.as_deref().unwrap_or_default().to_lowercase();
            let word = OUTSIDE.iter().copied().find(|word| data.contains(word));
            let internet = at.row.from.iter().chain(&at.row.to).any(|role| role == PUBLIC_INTERNET);
            if let Some(word) = word.or(internet.then_some(PUBLIC_INTERNET)) {
                let message = format!("row {} is Intra-cluster, but it says \"{word}\"", at.row.id);
                all.push(found(self, &[at], message));
            }
        }
        all
    }
}
