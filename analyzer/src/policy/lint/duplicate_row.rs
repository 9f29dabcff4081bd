//! Rows that print the same connection twice in one table.

use crate::policy::lint::finding::{At, Found, Lint, Severity, found, listed};
use crate::policy::table::{Row, Table};

/// The registry's entry.
#[derive(Debug)]
pub struct DuplicateRow;

impl Lint for DuplicateRow {
    fn name(&self) -> &'static str {
        "duplicate-row"
    }

    fn title(&self) -> &'static str {
        "two rows of one table have the same cells"
    }

    fn severity(&self) -> Severity {
        Severity::Warning
    }

    fn look(&self, tables: &[Table]) -> Vec<Found> {
        let mut all = Vec::new();
        for table in tables {
            for (at, row) in table.rows.iter().enumerate() {
                if table.rows.iter().take(at).any(|before| cells(before) == cells(row)) {
                    continue;
                }
                let same: Vec<At<'_>> = table
                    .rows
                    .iter()
                    .filter(|other| cells(other) == cells(row))
                    .map(|row| At { table, row })
                    .collect();
                if same.len() > 1 {
                    all.push(found(self, &same, format!("the same cells stand in {}", listed(&same))));
                }
            }
        }
        all
    }
}

/// All that is printed, but for the number; and the readings, for rows whose printed ends are blank.
pub fn cells(row: &Row) -> impl PartialEq + '_ {
    (
        [&row.source, &row.destination, &row.protocol, &row.port, &row.classification, &row.data],
        &row.readings,
        (&row.from, &row.to),
    )
}
