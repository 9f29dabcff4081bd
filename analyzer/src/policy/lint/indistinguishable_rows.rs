//! Rows of one table that no packet can tell apart.
//!
//! Left out: duplicate rows, which are a finding of their own, and a row that is another's translation.

use crate::policy::lint::duplicate_row::cells;
use crate::policy::lint::finding::{At, Found, Lint, Severity, found, listed};
use crate::policy::table::{Row, Table};

/// The registry's entry.
#[derive(Debug)]
pub struct IndistinguishableRows;

impl Lint for IndistinguishableRows {
    fn name(&self) -> &'static str {
        "indistinguishable-rows"
    }

    fn title(&self) -> &'static str {
        "rows of one table have the same ends, ports and readings: they are credited together"
    }

    fn severity(&self) -> Severity {
        Severity::Note
    }

    fn look(&self, tables: &[Table]) -> Vec<Found> {
        let mut all = Vec::new();
        for table in tables {
            for (at, row) in table.rows.iter().enumerate() {
                if row.readings.is_empty() || table.rows.iter().take(at).any(|before| same(before, row)) {
                    continue;
                }
                let group: Vec<At<'_>> =
                    table.rows.iter().filter(|other| same(row, other)).map(|row| At { table, row }).collect();
                let differ = group.iter().any(|other| cells(other.row) != cells(row));
                if group.len() > 1 && differ {
                    let message = format!(
                        "no packet tells {} apart, unless the site gives them ends of their own",
                        listed(&group)
                    );
                    all.push(found(self, &group, message));
                }
            }
        }
        all
    }
}

/// Whether the same flows meet both rows.
fn same(one: &Row, other: &Row) -> bool {
    let wire = |row: &Row| -> Vec<_> {
        row.readings
            .iter()
            .map(|reading| (reading.transport, reading.ports.clone(), reading.protocols.clone(), reading.tls))
            .collect()
    };
    let has_port = !one.all_ports().is_empty() || one.readings.is_empty();
    one.from == other.from
        && one.to == other.to
        && wire(one) == wire(other)
        && (has_port || one.data == other.data)
}
