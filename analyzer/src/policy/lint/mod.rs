//! The door: what is odd in tables themselves, with no capture, one file each, in one registry.

pub mod finding;
pub mod text;

mod classification_varies;
mod cross_region;
mod direction_word;
mod document_conflict;
mod duplicate_row;
mod indistinguishable_rows;
mod missing_document;
mod no_port;
mod protocol_and_port;
mod protocol_varies;

use crate::policy::lint::finding::{Found, Lint};
use crate::policy::table::Table;

/// Every lint over tables. Docs, tests and help walk this list.
pub const ALL: &[&dyn Lint] = &[
    &classification_varies::ClassificationVaries,
    &cross_region::CrossRegion,
    &direction_word::DirectionWord,
    &document_conflict::DocumentConflict,
    &duplicate_row::DuplicateRow,
    &indistinguishable_rows::IndistinguishableRows,
    &missing_document::MissingDocument,
    &no_port::NoPort,
    &protocol_and_port::ProtocolAndPort,
    &protocol_varies::ProtocolVaries,
];

/// What every lint finds in these tables, by table and row in printed order, then by lint.
pub fn lint(tables: &[Table]) -> Vec<Found> {
    let mut found: Vec<Found> = ALL.iter().flat_map(|lint| lint.look(tables)).collect();
    let order = |place: &finding::Place| {
        let table = tables.iter().position(|table| table.name == place.table);
        let row = table.and_then(|at| tables.get(at)?.rows.iter().position(|row| row.id == place.row));
        (table, row)
    };
    found.sort_by_cached_key(|found| (found.places.first().map(order), found.lint, found.message.clone()));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::shipped;
    use crate::policy::table_file::parse_table;

    fn five() -> Vec<Table> {
        shipped::names()
            .filter(|name| name.starts_with("genesys/"))
            .map(|name| shipped::table(name).unwrap().unwrap())
            .collect()
    }

    /// Whether `lint` finds one thing that names all these rows.
    fn check(lint_name: &str, rows: &[&str]) {
        let found = lint(&five());
        let names = |found: &Found| found.places.iter().map(ToString::to_string).collect::<Vec<_>>();
        let hit = found.iter().any(|found| {
            found.lint == lint_name && rows.iter().all(|row| names(found).contains(&(*row).to_owned()))
        });
        let all: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert!(hit, "{lint_name} {rows:?} in\n{}", all.join("\n"));
    }

    #[test]
    fn the_known_contradictions_of_the_five_documents_are_found() {
        check("document-conflict", &["genesys/gcxi 8", "genesys/iwd 15"]);
        check("protocol-varies", &["genesys/info-mart 3", "genesys/info-mart 4", "genesys/info-mart 5"]);
        check("document-conflict", &["genesys/info-mart 4", "genesys/info-mart 5"]);
        check("document-conflict", &["genesys/info-mart 1", "genesys/info-mart 2", "genesys/info-mart 6"]);
        check("protocol-and-port", &["genesys/info-mart 6"]);
        check("protocol-and-port", &["genesys/iwd 1"]);
        check("document-conflict", &["genesys/iwd 11", "genesys/iwd 13"]);
        check(
            "classification-varies",
            &[
                "genesys/gcxi 11",
                "genesys/gcxi 12",
                "genesys/info-mart 7",
                "genesys/info-mart 8",
                "genesys/iwd 10",
                "genesys/tenant 14",
                "genesys/gvp-reporting-server 5",
            ],
        );
        check("direction-word", &["genesys/iwd 2"]);
        check("direction-word", &["genesys/iwd 5"]);
        check("cross-region", &["genesys/tenant 22"]);
    }

    #[test]
    fn rows_that_no_packet_tells_apart_and_rows_without_ports_are_found() {
        check("indistinguishable-rows", &["genesys/tenant 15", "genesys/tenant 17"]);
        check("indistinguishable-rows", &["genesys/tenant 20", "genesys/tenant 21", "genesys/tenant 22"]);
        for row in ["6", "13", "14", "15", "16"] {
            check("no-port", &[&format!("genesys/gcxi {row}")]);
        }
        check("no-port", &["genesys/tenant 18"]);
        check("missing-document", &["genesys/tenant 18"]);
    }

    #[test]
    fn our_own_table_has_nothing_to_find() {
        let table = shipped::table("platform/kubernetes").unwrap().unwrap();
        let found: Vec<String> = lint(&[table]).iter().map(ToString::to_string).collect();
        assert_eq!(found, Vec::<String>::new());
    }

    const CLEAN: &str = r#"
document = "Shop"
subjects = ["Shop"]
[[row]]
id = "1"
source = "Public Internet"
destination = "Shop"
protocol = "HTTPS"
port = "443"
classification = "Ingress"
readings = [{ ports = [443], protocols = ["http", "http2"], tls = "required" }]
[[row]]
id = "2"
source = "Shop"
destination = "Orders database"
protocol = "TCP"
port = "5432"
classification = "Egress"
readings = [{ ports = [5432], protocols = ["postgresql"] }]
note = "A database."
[[row]]
id = "3"
source = "Shop"
destination = "Payment"
protocol = "HTTPS"
port = "8443"
classification = "Egress"
readings = [{ ports = [8443], protocols = ["http", "http2"], tls = "required" }]
"#;

    #[test]
    fn a_clean_table_of_a_users_has_nothing_to_find() {
        let table = parse_table(CLEAN, "shop.toml").unwrap();
        let found: Vec<String> = lint(&[table]).iter().map(ToString::to_string).collect();
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn a_row_printed_twice_is_found() {
        let again = CLEAN.split("[[row]]").nth(2).unwrap().replace("id = \"2\"", "id = \"4\"");
        let table = parse_table(&format!("{CLEAN}[[row]]{again}"), "shop.toml").unwrap();
        let found: Vec<&str> = lint(&[table]).iter().map(|found| found.lint).collect();
        assert_eq!(found, ["duplicate-row"]);
    }

    #[test]
    fn the_order_of_tables_changes_what_is_found_in_order_only() {
        let mut tables = five();
        let mut one: Vec<String> = lint(&tables).iter().map(|found| found.lint.to_owned()).collect();
        tables.reverse();
        let mut other: Vec<String> = lint(&tables).iter().map(|found| found.lint.to_owned()).collect();
        one.sort();
        other.sort();
        assert_eq!(one, other);
    }

    #[test]
    fn names_and_titles_are_of_their_own() {
        let mut names: Vec<&str> = ALL.iter().map(|lint| lint.name()).collect();
        assert!(names.is_sorted());
        names.dedup();
        assert_eq!(names.len(), ALL.len());
        assert!(ALL.iter().all(|lint| !lint.title().is_empty()));
    }
}
