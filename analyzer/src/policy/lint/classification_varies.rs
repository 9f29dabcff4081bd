//! Connections with one outside component that are classified differently: Prometheus scrapes Ingress here and
//! Intra-cluster there.
//!
//! The component must be nobody's subject: a page may classify its own services by their peers.

use std::collections::BTreeSet;

use crate::policy::lint::finding::{At, Found, Lint, Severity, by_value, found, in_words, rows};
use crate::policy::table::{Row, Table};

/// The registry's entry.
#[derive(Debug)]
pub struct ClassificationVaries;

impl Lint for ClassificationVaries {
    fn name(&self) -> &'static str {
        "classification-varies"
    }

    fn title(&self) -> &'static str {
        "connections from, or to, one component are classified differently"
    }

    fn severity(&self) -> Severity {
        Severity::Note
    }

    fn look(&self, tables: &[Table]) -> Vec<Found> {
        let subjects: BTreeSet<&str> =
            tables.iter().flat_map(|table| &table.subjects).map(String::as_str).collect();
        let peers: BTreeSet<&str> =
            tables.iter().flat_map(Table::roles).filter(|role| !subjects.contains(role)).collect();
        let mut all = Vec::new();
        for peer in peers {
            type Ends = fn(&Row) -> &Vec<String>;
            let sides: [(&str, Ends); 2] = [("from", |row| &row.from), ("to", |row| &row.to)];
            for (word, ends) in sides {
                let rows: Vec<At<'_>> = rows(tables)
                    .into_iter()
                    .filter(|at| ends(at.row).iter().any(|role| role == peer))
                    .collect();
                let values = by_value(&rows, |at| at.row.classification.clone());
                if values.len() > 1 {
                    let rows: Vec<At<'_>> =
                        rows.into_iter().filter(|at| at.row.classification.is_some()).collect();
                    all.push(found(
                        self,
                        &rows,
                        format!("connections {word} {peer} are {}", in_words(&values)),
                    ));
                }
            }
        }
        all
    }
}
