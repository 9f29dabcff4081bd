//! One protocol on one port, printed in different words within one table: TCP here and SSL there.

use crate::policy::lint::finding::{At, Found, Lint, Severity, by_value, found, in_words};
use crate::policy::table::Table;

/// The registry's entry.
#[derive(Debug)]
pub struct ProtocolVaries;

impl Lint for ProtocolVaries {
    fn name(&self) -> &'static str {
        "protocol-varies"
    }

    fn title(&self) -> &'static str {
        "rows of one table with one port, where the same is spoken, print different protocols"
    }

    fn severity(&self) -> Severity {
        Severity::Note
    }

    fn look(&self, tables: &[Table]) -> Vec<Found> {
        let mut all = Vec::new();
        for table in tables {
            let mut kinds: Vec<_> = table
                .rows
                .iter()
                .flat_map(|row| &row.readings)
                .filter(|reading| !reading.protocols.is_empty() && !reading.ports.is_empty())
                .map(|reading| (reading.ports.ranges().to_vec(), reading.protocols.clone()))
                .collect();
            kinds.sort();
            kinds.dedup();
            for (ports, protocols) in kinds {
                let rows: Vec<At<'_>> = table
                    .rows
                    .iter()
                    .filter(|row| {
                        row.readings
                            .iter()
                            .any(|reading| reading.ports.ranges() == ports && reading.protocols == protocols)
                    })
                    .map(|row| At { table, row })
                    .collect();
                let values = by_value(&rows, |at| at.row.protocol.clone());
                let port = crate::policy::table::PortSet::new(ports);
                if values.len() > 1 {
                    all.push(found(self, &rows, format!("port {port} is {}", in_words(&values))));
                }
            }
        }
        all
    }
}
