//! Rows without a port: nothing on the wire can meet them, unless the site pins one.

use crate::policy::lint::finding::{Found, Lint, Severity, found, rows};
use crate::policy::table::Table;

/// The registry's entry.
#[derive(Debug)]
pub struct NoPort;

impl Lint for NoPort {
    fn name(&self) -> &'static str {
        "no-port"
    }

    fn title(&self) -> &'static str {
        "a row names no port: it is never any port, and not observable unless the site pins one"
    }

    fn severity(&self) -> Severity {
        Severity::Note
    }

    fn look(&self, tables: &[Table]) -> Vec<Found> {
        let all = rows(tables).into_iter().filter(|at| at.row.all_ports().is_empty());
        all.map(|at| {
            let print = match &at.row.port {
                Some(port) => format!("its port is printed as \"{port}\""),
                None => "its port is blank".to_owned(),
            };
            found(self, &[at], format!("row {} has no port: {print}", at.row.id))
        })
        .collect()
    }
}
