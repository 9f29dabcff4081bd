//! Ingress and Egress against the page's own definition: Egress means that the page's service is the source,
//! Ingress that it is the destination, Intra-cluster a connection between services.
//!
//! A row that is the translation of others has one service at both its ends, whatever the source is called.
//! Left out: tables that name no subjects.

use crate::policy::lint::finding::{At, Found, Lint, Severity, found};
use crate::policy::table::{Row, Table};

/// The registry's entry.
#[derive(Debug)]
pub struct DirectionWord;

impl Lint for DirectionWord {
    fn name(&self) -> &'static str {
        "direction-word"
    }

    fn title(&self) -> &'static str {
        "Ingress or Egress contradicts the page's own definition of the word"
    }

    fn severity(&self) -> Severity {
        Severity::Note
    }

    fn look(&self, tables: &[Table]) -> Vec<Found> {
        let mut all = Vec::new();
        for table in tables.iter().filter(|table| !table.subjects.is_empty()) {
            for row in &table.rows {
                if let Some(message) = contradiction(table, row) {
                    all.push(found(self, &[At { table, row }], message));
                }
            }
        }
        all
    }
}

fn contradiction(table: &Table, row: &Row) -> Option<String> {
    let word = row.classification.as_deref()?;
    let (is_egress, is_ingress) = (word.eq_ignore_ascii_case("egress"), word.eq_ignore_ascii_case("ingress"));
    if !is_egress && !is_ingress {
        return None;
    }
    let is_own = |roles: &[String]| roles.iter().any(|role| table.subjects.contains(role));
    let own_destination = is_own(&row.to);
    let is_translation = !row.credited_with.is_empty() && own_destination;
    let own_source = is_own(&row.from) || is_translation;
    let (from, to) = (row.from.join(" or "), row.to.join(" or "));
    if own_source && own_destination {
        return Some(format!(
            "row {} is {word}, but both its ends, {from} and {to}, are the page's own services",
            row.id
        ));
    }
    if is_egress && !own_source {
        return Some(format!("row {} is Egress, but its source, {from}, is not the page's service", row.id));
    }
    if is_ingress && !own_destination {
        return Some(format!(
            "row {} is Ingress, but its destination, {to}, is not the page's service",
            row.id
        ));
    }
    None
}
