//! The tables that the binary carries.

use crate::policy::mistake::PolicyError;
use crate::policy::table::Table;
use crate::policy::table_file::parse_table;

/// Name and text of every shipped table, in the order of `tables list`.
pub const ALL: &[(&str, &str)] = &[
    ("genesys/gcxi", include_str!("../../../rules/genesys/gcxi.toml")),
    ("genesys/gvp-reporting-server", include_str!("../../../rules/genesys/gvp-reporting-server.toml")),
    ("genesys/info-mart", include_str!("../../../rules/genesys/info-mart.toml")),
    ("genesys/iwd", include_str!("../../../rules/genesys/iwd.toml")),
    ("genesys/tenant", include_str!("../../../rules/genesys/tenant.toml")),
    ("platform/kubernetes", include_str!("../../../rules/platform/kubernetes.toml")),
];

/// The names, in order.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|&(name, _)| name)
}

/// The text of the shipped table of that name.
pub fn text(name: &str) -> Option<&'static str> {
    ALL.iter().find(|&&(shipped, _)| shipped == name).map(|&(_, text)| text)
}

/// The shipped table of that name.
///
/// # Errors
/// None in practice: a test parses every shipped table.
pub fn table(name: &str) -> Option<Result<Table, PolicyError>> {
    text(name).map(|text| parse_table(text, &format!("rules/{name}.toml")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::print::reading_in_words;
    use crate::policy::table::Needs;

    #[test]
    fn every_shipped_table_has_the_rows_that_are_printed() {
        for (name, rows) in [
            ("genesys/gcxi", 16),
            ("genesys/info-mart", 15),
            ("genesys/iwd", 16),
            ("genesys/tenant", 22),
            ("genesys/gvp-reporting-server", 8),
            ("platform/kubernetes", 19),
        ] {
            let table = table(name).unwrap().unwrap_or_else(|mistake| panic!("{mistake}"));
            assert_eq!((table.name.as_str(), table.rows.len()), (name, rows));
        }
    }

    /// The readings of `genesys/TABLE ROW` in words, one a line.
    fn check(place: &str, expect: &[&str]) {
        let (name, id) = place.split_once(' ').unwrap();
        let table = table(&format!("genesys/{name}")).unwrap().unwrap();
        let row = table.row(id).unwrap();
        assert_eq!(row.readings.iter().map(reading_in_words).collect::<Vec<_>>(), expect, "of {place}");
    }

    #[test]
    fn rows_that_are_not_plain_are_read_as_agreed() {
        check("gcxi 1", &["tcp 443, http or http2, tls required"]);
        check("gcxi 4", &["tcp 8080, http or http2, plaintext"]);
        check("gcxi 6", &["tcp, no port, any content"]);
        check("gcxi 7", &["tcp 5432, postgresql, tls or plaintext"]);
        check("info-mart 5", &["tcp 5432, postgresql, tls required"]);
        check("info-mart 6", &["tcp 443, http or http2, tls disputed"]);
        check("info-mart 9", &["tcp 9092, kafka, tls or plaintext"]);
        check("info-mart internal-6122", &["tcp 6122, pekko, tls or plaintext"]);
        check("info-mart internal-6124", &["tcp 6124, any content"]);
        check(
            "iwd 1",
            &[
                "tcp 443, http or http2, tls required",
                "tcp 993, imap, tls required",
                "tcp 587, smtp, tls required",
                "tcp 25, smtp, tls expected",
            ],
        );
        check("iwd 6", &["tcp 9200, http or http2, tls or plaintext"]);
        check("tenant 5", &["tcp 7120, any content"]);
        check("tenant 18", &[]);
        check("tenant 19", &["tcp 9092, 9093, kafka, tls or plaintext"]);
        check("gvp-reporting-server 2", &["tcp 1433, tds, tls or plaintext"]);
        check("gvp-reporting-server 3", &["tcp 1705, agentx or snmp, tls or plaintext"]);
        check(
            "gvp-reporting-server 4",
            &["tcp 61616, a bare connect, any content", "tcp 8080, http or http2, plaintext"],
        );
        check("gvp-reporting-server 7", &["tcp 61616, openwire, tls or plaintext"]);
    }

    #[test]
    fn rows_that_stand_for_others_or_need_more_say_so() {
        let row = |name: &str, id: &str| table(name).unwrap().unwrap().row(id).unwrap().clone();
        assert_eq!(row("genesys/iwd", "5").credited_with, ["2", "4", "9"]);
        assert_eq!(row("genesys/gvp-reporting-server", "4").needs, Needs::All);
        assert_eq!(row("genesys/gcxi", "2").to, ["Ingress controller", "GCXI StatefulSet"]);
        assert_eq!(row("genesys/gcxi", "9").to, ["Info Mart database"]);
        assert_eq!(row("genesys/info-mart", "internal-8081").from, ["GIM Stream Processor"]);
        for id in ["2", "4", "5", "7", "9"] {
            assert!(row("genesys/iwd", id).port_is_configurable, "row {id}");
        }
    }

    #[test]
    fn the_list_is_in_the_order_of_names() {
        assert!(names().is_sorted());
    }
}
