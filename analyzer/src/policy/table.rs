//! A connection table: one printed table, its rows as printed, and our reading of each.

use std::fmt;

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
    /// Printed lines that the file leaves out on purpose.
    pub skips: Vec<Skip>,
    /// Where it was read, for messages.
    pub path: String,
    /// Lower-case hexadecimal SHA-256 of the file.
    pub sha256: String,
}

/// A printed line that the file leaves out, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Skip {
    pub id: String,
    pub because: String,
}

/// The role that any address fills, bound or not.
pub const ANY: &str = "*";

/// The role of every address outside the site's networks and outside private ranges.
pub const PUBLIC_INTERNET: &str = "Public Internet";

/// Roles that no site needs to bind.
pub const BUILT_IN_ROLES: [&str; 2] = [ANY, PUBLIC_INTERNET];

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
    /// The row of this table whose port, once configured, is this row's too.
    pub port_follows: Option<String>,
    /// Both ends usually stand on one host or in one pod, where a capture does not see them.
    pub same_host: bool,
    /// The document that holds the rest, where the row refers to one.
    pub refers_to: Option<String>,
    /// Rows of the same table whose flows show this one too (a translation behind a cluster address).
    pub credited_with: Vec<String>,
    /// Why the reading adds anything to print.
    pub note: Option<String>,
    /// Line of the row in its file, from 1.
    pub line: usize,
}

impl Table {
    /// The row of that id.
    pub fn row(&self, id: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.id == id)
    }

    /// The canonical form of a name printed in this table.
    pub fn canonical<'a>(&'a self, name: &'a str) -> &'a str {
        self.aliases.iter().find(|(printed, _)| printed == name).map_or(name, |(_, canonical)| canonical)
    }

    /// Every role of the rows, in canonical form, sorted.
    pub fn roles(&self) -> Vec<&str> {
        let mut roles: Vec<&str> =
            self.rows.iter().flat_map(|row| row.from.iter().chain(&row.to)).map(String::as_str).collect();
        roles.sort_unstable();
        roles.dedup();
        roles
    }
}

impl Row {
    /// The ports of all readings together.
    pub fn all_ports(&self) -> PortSet {
        PortSet::new(self.readings.iter().flat_map(|reading| reading.ports.ranges()).copied().collect())
    }
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
    /// Ports of the responder; for ICMP the types of the message that begins.
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

impl TlsReading {
    /// Every value, in the order of the schema.
    pub const ALL: [Self; 5] = [Self::Required, Self::Expected, Self::Disputed, Self::Either, Self::Plain];

    /// The name in tables, reports and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Expected => "expected",
            Self::Disputed => "disputed",
            Self::Either => "either",
            Self::Plain => "plain",
        }
    }
}

impl fmt::Display for PortSet {
    /// `25, 443, 12300-12307`; two neighbours are listed, `9092, 9093`; empty for the empty set.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, &(low, high)) in self.ranges.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            if low == high {
                write!(f, "{comma}{low}")?;
            } else if high - low == 1 {
                write!(f, "{comma}{low}, {high}")?;
            } else {
                write!(f, "{comma}{low}-{high}")?;
            }
        }
        Ok(())
    }
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

    /// Whether the two sets share a port.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.ranges.iter().any(|&(low, high)| other.ranges.iter().any(|&(l, h)| low <= h && l <= high))
    }

    /// Whether `port` is in the set.
    pub fn contains(&self, port: u16) -> bool {
        self.ranges.iter().any(|&(low, high)| (low..=high).contains(&port))
    }
}
