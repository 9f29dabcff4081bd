//! Rows that refer to a document which is not among the tables.

use crate::policy::lint::finding::{Found, Lint, Severity, found, rows};
use crate::policy::table::Table;

/// The registry's entry.
#[derive(Debug)]
pub struct MissingDocument;

impl Lint for MissingDocument {
    fn name(&self) -> &'static str {
        "missing-document"
    }

    fn title(&self) -> &'static str {
        "a row refers to a document that is not loaded"
    }

    fn severity(&self) -> Severity {
        Severity::Warning
    }

    fn look(&self, tables: &[Table]) -> Vec<Found> {
        let mut all = Vec::new();
        for at in rows(tables) {
            let Some(document) = &at.row.refers_to else { continue };
            if tables
                .iter()
                .all(|table| !table.document.contains(document.as_str()) && table.name != *document)
            {
                let message = format!("row {} refers to \"{document}\", which is not loaded", at.row.id);
                all.push(found(self, &[at], message));
            }
        }
        all
    }
}
