//! A connection table: one printed table, its rows as printed, and our reading of each.

use crate::net::Transport;

/// One printed connection table.
#[derive(Clone, PartialEq, Debug)]
pub struct Table {
    /// `genesys/info-mart`: the folder and the file's stem, or what a file of the user's says.
    pub name: String,
    /// The document's title as printed.
    pub document: String,
    /// What the table is, where it is ours and nobody's print.
    pub note: Option<String>,
    /// The services whose point of view the page takes; Ingress and Egress are said of them.
    pub subjects: Vec<String>,
    /// Names printed here for what another document names otherwise: (as printed, canonical).
    pub aliases: Vec<(String, String)>,
    /// In printed order.
    pub rows: Vec<Row>,
    /// Lower-case hexadecimal SHA-256 of the file.
    pub sha256: String,
}

/// One printed line.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// The printed number, or an id of ours (`internal-6122`).
    pub id: String,
    /// The printed cells, homoglyphs folded; `None` where print is blank.
    pub source: Option<String>,
    pub destination: Option<String>,
    pub protocol: Option<String>,
    pub port: Option<String>,
    pub classification: Option<String>,
    pub data: Option<String>,
    /// The roles that may begin, canonical names; usually the printed source alone.
    pub from: Vec<String>,
    /// The roles that may answer, canonical names.
    pub to: Vec<String>,
    /// What the row allows; empty where it refers elsewhere.
    pub readings: Vec<Reading>,
    /// Whether one reading suffices for the row to be seen, or all are needed.
    pub needs: Needs,
    /// The connection exists in some deployments only.
    pub optional: bool,
    /// The site may put another port in force.
    pub port_is_configurable: bool,
    /// The document that holds the rest, where the row refers to one.
    pub refers_to: Option<String>,
    /// Rows of the same table whose flows show this one too (a translation behind a cluster address).
    pub credited_with: Vec<String>,
    /// Why the reading adds anything to print.
    pub note: Option<String>,
}

/// How many of a row's readings must be met for it to be seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Needs {
    #[default]
    Any,
    All,
}

/// One way in which a row may be met.
#[derive(Clone, PartialEq, Debug)]
pub struct Reading {
    pub transport: Transport,
    /// Empty for a logical connection: never "any port".
    pub ports: PortSet,
    /// Names of the protocol registry; empty where any content is fine.
    pub protocols: Vec<&'static str>,
    pub tls: TlsReading,
    /// Bytes need not flow: a bare connect meets it (a liveness probe).
    pub bare_connect: bool,
    pub note: Option<String>,
}

/// What a reading says of encryption.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum TlsReading {
    /// Plaintext is `plaintext-where-tls`.
    Required,
    /// Plaintext is `plaintext-where-tls`, a warning only.
    Expected,
    /// The documents contradict each other: plaintext is `ambiguous-document`.
    Disputed,
    /// Both are as documented.
    #[default]
    Either,
    /// Plaintext is documented; TLS is no violation, but the note `tls-where-plaintext`.
    Plain,
}

/// Ports, as inclusive ranges in ascending order without overlap.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct PortSet {
    ranges: Vec<(u16, u16)>,
}

impl PortSet {
    /// The set of these inclusive ranges, in any order.
    pub fn new(mut ranges: Vec<(u16, u16)>) -> Self {
        ranges.sort_unstable();
        let mut merged: Vec<(u16, u16)> = Vec::with_capacity(ranges.len());
        for (low, high) in ranges {
            match merged.last_mut() {
                Some(last) if low <= last.1.saturating_add(1) => last.1 = last.1.max(high),
                _ => merged.push((low, high)),
            }
        }
        Self { ranges: merged }
    }

    /// The ranges, ascending.
    pub fn ranges(&self) -> &[(u16, u16)] {
        &self.ranges
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether `port` is in the set.
    pub fn contains(&self, port: u16) -> bool {
        self.ranges.iter().any(|&(low, high)| (low..=high).contains(&port))
    }
}

impl std::fmt::Display for PortSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, (low, high)) in self.ranges.iter().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            if low == high {
                write!(f, "{low}")?;
            } else {
                write!(f, "{low}-{high}")?;
            }
        }
        Ok(())
    }
}
