//! JSON Schema of table and site files, generated from the types that read them.
//!
//! What a schema cannot say (ids once each, ports in order, roles that exist) only the readers check.

use schemars::generate::SchemaSettings;

use crate::policy::site_file::SiteFile;
use crate::policy::table_shape::TableFile;

/// The kinds of files, with their schemas: `tables schema` prints them, `rules/schema/` holds them.
pub const ALL: &[Kind] = &[Kind { name: "site", schema: site }, Kind { name: "table", schema: table }];

/// A kind of file.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    pub name: &'static str,
    /// Its schema, as JSON with a last line feed.
    pub schema: fn() -> String,
}

/// The schema of a table file, as JSON with a last line feed.
pub fn table() -> String {
    of::<TableFile>("https://json-schema.org/draft/2020-12/schema")
}

/// The schema of a site file, as JSON with a last line feed.
pub fn site() -> String {
    of::<SiteFile>("https://json-schema.org/draft/2020-12/schema")
}

fn of<T: schemars::JsonSchema>(meta: &'static str) -> String {
    let mut settings = SchemaSettings::draft2020_12();
    settings.meta_schema = Some(meta.into());
    let schema = settings.into_generator().into_root_schema_for::<T>();
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `UNCHARTED_BLESS=1 cargo test schema` writes the files anew.
    #[test]
    fn the_schemas_in_rules_are_those_of_the_types() {
        for Kind { name: kind, schema } in ALL {
            let path = format!("{}/../rules/schema/{kind}.json", env!("CARGO_MANIFEST_DIR"));
            if std::env::var_os("UNCHARTED_BLESS").is_some() {
                std::fs::write(&path, schema()).unwrap();
            }
            assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), schema(), "of {kind}");
        }
    }

    #[test]
    fn every_key_of_a_shipped_table_stands_in_the_schema() {
        let schema: serde_json::Value = serde_json::from_str(&table()).unwrap();
        for (name, text) in crate::policy::shipped::ALL {
            let file: toml::Table = toml::from_str(text).unwrap();
            for key in file.keys() {
                assert!(schema["properties"][key].is_object(), "{key} of {name}");
            }
            for row in file["row"].as_array().unwrap() {
                for key in row.as_table().unwrap().keys() {
                    assert!(schema["$defs"]["RowFile"]["properties"][key].is_object(), "{key} of {name}");
                }
            }
        }
    }
}
