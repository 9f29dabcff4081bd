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

    #[test]
    fn the_list_is_in_the_order_of_names() {
        assert!(names().is_sorted());
    }
}
