//! The written shape of a table file: what serde reads, and what the JSON Schema says.
//!
//! Left out: what only the rows together show; `table_file` checks that.

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use crate::policy::field::{Ordered, PortList, Text};

/// A connection table: one printed table, its lines as printed, and our reading of each.
#[derive(Deserialize, JsonSchema, Debug)]
#[serde(deny_unknown_fields)]
pub struct TableFile {
    /// `vendor/document`; without it, the path below `rules/`, or the file's stem.
    #[schemars(with = "Option<Text>")]
    pub name: Option<Spanned<Text>>,
    /// The document's title as printed.
    pub document: Text,
    /// What the table is, where it is nobody's print.
    pub note: Option<Text>,
    /// How many lines are printed: rows and skips together must be as many.
    #[schemars(with = "Option<usize>")]
    pub printed: Option<Spanned<usize>>,
    /// The services whose point of view the page takes: Ingress and Egress are said of them.
    #[serde(default)]
    #[schemars(with = "Vec<Text>")]
    pub subjects: Vec<Spanned<Text>>,
    /// Names printed here for what another document names otherwise: as printed = canonical.
    #[serde(default)]
    #[schemars(with = "Ordered<Text>")]
    pub aliases: Ordered<Spanned<Text>>,
    /// Printed lines left out on purpose.
    #[serde(default)]
    #[schemars(with = "Vec<SkipFile>")]
    pub skip: Vec<SkipFile>,
    /// One for each printed line, in printed order.
    #[serde(default)]
    #[schemars(with = "Vec<RowFile>")]
    pub row: Vec<Spanned<RowFile>>,
}

/// A printed line left out on purpose.
#[derive(Deserialize, JsonSchema, Debug)]
#[serde(deny_unknown_fields)]
pub struct SkipFile {
    #[schemars(with = "Text")]
    pub id: Spanned<Text>,
    /// Why it is left out.
    pub because: Text,
}

/// One printed line: its cells, then our reading.
#[derive(Deserialize, JsonSchema, Debug)]
#[serde(deny_unknown_fields)]
pub struct RowFile {
    /// The printed number, or an id of ours where print has none.
    #[schemars(with = "Text")]
    pub id: Spanned<Text>,
    /// Printed cells, verbatim; a blank cell is left out.
    pub source: Option<Text>,
    pub destination: Option<Text>,
    pub protocol: Option<Text>,
    #[schemars(with = "Option<Text>")]
    pub port: Option<Spanned<Text>>,
    pub classification: Option<Text>,
    pub data: Option<Text>,
    /// The roles that may begin, where not the printed source alone; `"*"` is any address.
    #[schemars(with = "Option<Vec<Text>>")]
    pub from: Option<Spanned<Vec<Spanned<Text>>>>,
    /// The roles that may answer, where not the printed destination alone; `"*"` is any address.
    #[schemars(with = "Option<Vec<Text>>")]
    pub to: Option<Spanned<Vec<Spanned<Text>>>>,
    /// What the row allows; may be left out only where `refers_to` says where it stands.
    #[schemars(with = "Option<Vec<ReadingFile>>")]
    pub readings: Option<Spanned<Vec<Spanned<ReadingFile>>>>,
    /// Whether one reading suffices for the row to be seen, or all are needed.
    #[schemars(with = "NeedsFile")]
    pub needs: Option<Spanned<NeedsFile>>,
    /// The connection exists in some deployments only.
    #[serde(default)]
    pub optional: bool,
    /// The site may put another port in force.
    #[serde(default)]
    pub port_is_configurable: bool,
    /// The row of this table whose port, once configured, is this row's too.
    #[schemars(with = "Option<Text>")]
    pub port_follows: Option<Spanned<Text>>,
    /// Both ends usually stand on one host or in one pod.
    #[serde(default)]
    pub same_host: bool,
    /// The document that holds the rest.
    pub refers_to: Option<Text>,
    /// Rows of this table whose flows show this one too.
    #[serde(default)]
    #[schemars(with = "Vec<Text>")]
    pub credited_with: Vec<Spanned<Text>>,
    /// Why the reading adds anything to print.
    pub note: Option<Text>,
}

/// One way in which a row may be met.
#[derive(Deserialize, JsonSchema, Debug)]
#[serde(deny_unknown_fields)]
pub struct ReadingFile {
    /// `tcp` where left out.
    #[schemars(with = "Option<TransportName>")]
    pub transport: Option<Spanned<Text>>,
    /// Ports of the responder, for ICMP types of the message; `[]` is a logical connection, never any port.
    pub ports: PortList,
    /// Names of protocols; without it any content is fine.
    #[serde(default)]
    #[schemars(with = "Vec<Text>")]
    pub protocols: Vec<Spanned<Text>>,
    /// `either` where left out.
    #[serde(default)]
    pub tls: TlsFile,
    /// A connect without payload meets it.
    #[serde(default)]
    pub bare_connect: bool,
    pub note: Option<Text>,
}

#[derive(Deserialize, JsonSchema, Clone, Copy, Debug)]
#[serde(rename_all = "lowercase")]
pub enum NeedsFile {
    Any,
    All,
}

/// What print says of encryption.
#[derive(Deserialize, JsonSchema, Clone, Copy, Debug, Default)]
#[serde(rename_all = "lowercase")]
pub enum TlsFile {
    /// Plaintext is not allowed.
    Required,
    /// Plaintext is a warning.
    Expected,
    /// The documents contradict each other.
    Disputed,
    /// Both are as documented.
    #[default]
    Either,
    /// Plaintext is documented; TLS is a note.
    Plain,
}

/// The names of transports, for the schema alone.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[expect(dead_code, reason = "stands in the schema for what `Transport::from_name` reads")]
enum TransportName {
    Tcp,
    Udp,
    Sctp,
    Icmp,
    Icmp6,
}
