//! What a lint is and what it finds.

use std::fmt;

use serde::Serialize;

use crate::policy::table::{Row, Table};

/// One thing to look for in tables.
pub trait Lint: Sync {
    /// The name in findings: `document-conflict`.
    fn name(&self) -> &'static str;
    /// One sentence: what it finds.
    fn title(&self) -> &'static str;
    /// How grave each finding is.
    fn severity(&self) -> Severity;
    /// What it finds in these tables.
    fn look(&self, tables: &[Table]) -> Vec<Found>;
}

/// How grave a finding about a table is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The table contradicts itself or another: somebody must ask.
    Warning,
    /// What a reader of the verdicts should know.
    Note,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}

/// A row of a table.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Place {
    pub table: String,
    pub row: String,
    /// The table's file, and the row's line in it.
    pub path: String,
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.table, self.row)
    }
}

/// One finding about tables.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Found {
    pub lint: &'static str,
    pub severity: Severity,
    /// The rows that it is about, in the order of the tables; never empty.
    pub places: Vec<Place>,
    pub message: String,
}

impl fmt::Display for Found {
    /// `rules/genesys/tenant.toml:179: warning: cross-region: row 22 ..`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(first) = self.places.first() {
            write!(f, "{}:{}: ", first.path.escape_debug(), first.line)?;
        }
        write!(f, "{}: {}: {}", self.severity, self.lint, self.message)
    }
}

/// A row with its table.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    pub table: &'a Table,
    pub row: &'a Row,
}

impl At<'_> {
    /// Where it is.
    pub fn place(self) -> Place {
        Place {
            table: self.table.name.clone(),
            row: self.row.id.clone(),
            path: self.table.path.clone(),
            line: self.row.line,
        }
    }
}

/// Every row of the tables, in order.
pub fn rows(tables: &[Table]) -> Vec<At<'_>> {
    tables.iter().flat_map(|table| table.rows.iter().map(move |row| At { table, row })).collect()
}

/// A finding of `lint` about these rows.
pub fn found(lint: &dyn Lint, rows: &[At<'_>], message: String) -> Found {
    Found {
        lint: lint.name(),
        severity: lint.severity(),
        places: rows.iter().map(|at| at.place()).collect(),
        message,
    }
}

/// `genesys/tenant 15, 17; genesys/iwd 8`.
pub fn listed(rows: &[At<'_>]) -> String {
    let mut out = String::new();
    let mut table = "";
    for at in rows {
        if at.table.name == table {
            out.push_str(", ");
        } else {
            if !out.is_empty() {
                out.push_str("; ");
            }
            table = &at.table.name;
            out.push_str(table);
            out.push(' ');
        }
        out.push_str(&at.row.id);
    }
    out
}

/// Values with the rows that print them.
pub type Values<'a> = Vec<(String, Vec<At<'a>>)>;

/// What rows print in one cell, each value with its rows: `Egress in genesys/gcxi 8, Intra-cluster in genesys/iwd 15`.
pub fn by_value<'a>(rows: &[At<'a>], cell: impl Fn(At<'a>) -> Option<String>) -> Values<'a> {
    let mut values: Values<'a> = Vec::new();
    for &at in rows {
        let Some(value) = cell(at) else { continue };
        match values.iter_mut().find(|(known, _)| *known == value) {
            Some((_, rows)) => rows.push(at),
            None => values.push((value, vec![at])),
        }
    }
    values
}

/// The values in words.
pub fn in_words(values: &Values<'_>) -> String {
    let parts: Vec<String> =
        values.iter().map(|(value, rows)| format!("{value} in {}", listed(rows))).collect();
    parts.join(", but ")
}
