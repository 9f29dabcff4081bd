//! The written shape of an audit, schema `uncharted.audit/1`.
//!
//! Names are stable within a schema: a field may be added, none is renamed or removed. Every format
//! renders this and nothing else, so that a saved audit renders again as it did.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The schema that this version writes and reads.
pub const SCHEMA: &str = "uncharted.audit/1";

/// One audit.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Report {
    pub schema: String,
    pub tool: Tool,
    pub captures: Vec<Capture>,
    pub tables: Vec<TableRef>,
    pub site: Option<SiteRef>,
    /// `site` or `port-only`.
    pub mode: String,
    /// `documented` or `all`.
    pub scope: String,
    /// The BPF filter in force.
    pub filter: Option<String>,
    /// What else was asked for that alters the outcome.
    #[serde(default)]
    pub settings: Settings,
    /// What a live audit covers; `null` for saved captures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    pub summary: Summary,
    pub findings: Vec<Finding>,
    /// Remarks that change no verdict.
    pub notes: Vec<Remark>,
    pub coverage: Vec<RowCoverage>,
    pub roles: Vec<Role>,
    /// What bounds turned away, by reason: nothing is lost silently.
    pub turned_away: BTreeMap<String, u64>,
}

/// The time that a live audit covers, by the clock of the host that watched.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Window {
    pub from: String,
    pub to: String,
    /// More of this window is to come: the next audit replaces this one.
    pub interim: bool,
}

/// The program that wrote it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Tool {
    pub name: String,
    pub version: String,
    /// SHA-256 of the executable, lower-case hex, where it could be read.
    #[serde(default)]
    pub sha256: Option<String>,
}

/// Options that alter what an audit comes to.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Settings {
    /// What stands in the key of a flow beside the five-tuple: `vlan`, `tunnel`.
    pub separate: Vec<String>,
    /// Flows followed at one time, where another bound than the usual was asked for.
    pub max_flows: Option<u64>,
}

/// One capture and how well it was read.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Capture {
    pub path: String,
    pub sha256: Option<String>,
    pub format: String,
    pub compression: Option<String>,
    pub packets: u64,
    /// On the wire, link headers included.
    pub bytes: u64,
    pub first: Option<String>,
    pub last: Option<String>,
    pub truncated: bool,
    /// Why reading ended before the file did.
    pub stopped: Option<String>,
    /// Packets that the filter left out.
    pub filtered: u64,
    /// Packets that the capturing host says it lost.
    pub dropped: Option<u64>,
    /// Frames that were not decoded, by reason.
    pub undecoded: BTreeMap<String, u64>,
    /// Oddities of the file that lost nothing, by reason.
    pub problems: BTreeMap<String, u64>,
}

/// A table that was in force.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct TableRef {
    pub name: String,
    pub document: String,
    pub sha256: String,
    pub rows: u64,
}

/// The site file that was in force.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SiteRef {
    pub path: String,
    pub sha256: String,
}

/// The figures at the head of a report.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Summary {
    pub packets: u64,
    pub flows: u64,
    pub allowed: u64,
    #[serde(rename = "not-allowed")]
    pub not_allowed: u64,
    pub undetermined: u64,
    #[serde(rename = "out-of-scope")]
    pub out_of_scope: u64,
    /// Of the flows above, those whose finding a waiver accepts.
    pub waived: u64,
    /// Copies of packets seen elsewhere, counted in `packets` too.
    pub duplicates: u64,
    /// Flows by reason.
    pub reasons: BTreeMap<String, u64>,
    /// Rows by status.
    pub rows: BTreeMap<String, u64>,
}

/// One departure from the tables.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Finding {
    pub verdict: String,
    pub reason: String,
    pub severity: String,
    pub flows: u64,
    pub bytes: u64,
    pub outcome: String,
    pub initiator: End,
    pub responder: End,
    /// The ports of a scan; empty where there is one, in `responder.port`.
    pub ports: Vec<u16>,
    pub transport: String,
    pub protocol: Option<String>,
    pub tls: bool,
    pub direction: String,
    pub nearest: Vec<Near>,
    pub missing: Option<String>,
    pub first_seen: String,
    pub last_seen: String,
    pub example: Example,
    pub message: String,
    pub community_id: String,
    pub waived: Option<Waived>,
    /// What the example's content said, by name: `server_name`, `host`, `database`.
    #[serde(default)]
    pub said: BTreeMap<String, String>,
    /// Its first packets in a file of their own, where that was asked for.
    #[serde(default)]
    pub evidence: Option<Evidence>,
}

/// The first packets of a finding, as a pcapng.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Evidence {
    /// The file, relative to the folder that holds the report where both stand in one tree.
    pub file: String,
    pub sha256: String,
    pub packets: u64,
}

/// A remark on allowed flows.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Remark {
    pub note: String,
    pub table: String,
    pub row: String,
    pub flows: u64,
    pub initiator: End,
    pub responder: End,
    pub example: Example,
}

/// One end of a finding's example.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct End {
    pub address: String,
    pub port: u16,
    pub roles: Vec<String>,
}

/// A documented row near a finding.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Near {
    pub table: String,
    pub row: String,
    pub why: String,
}

/// Where a finding's example starts: Wireshark shows it under this frame number.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Example {
    pub capture: u64,
    pub frame: u64,
}

/// A waiver on a finding.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Waived {
    pub because: String,
    pub owner: String,
    pub until: Option<String>,
}

/// One documented row and what was seen of it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RowCoverage {
    pub table: String,
    pub row: String,
    pub source: Option<String>,
    pub destination: Option<String>,
    pub protocol: Option<String>,
    pub port: Option<String>,
    pub classification: Option<String>,
    pub data: Option<String>,
    /// The roles that may begin and that may answer; usually the printed cells.
    #[serde(default)]
    pub from: Vec<String>,
    #[serde(default)]
    pub to: Vec<String>,
    /// Our reading, in words, one entry a way to meet the row.
    pub reading: Vec<String>,
    pub reading_note: Option<String>,
    pub status: String,
    pub why: Option<String>,
    pub flows: u64,
    pub bytes: u64,
    pub attempts: u64,
    pub deviations: u64,
    pub undecided: u64,
    pub first_seen: Option<String>,
    pub last_seen: Option<String>,
    pub handshake_us: Option<Quantiles>,
    pub response_us: Option<Quantiles>,
    /// Buckets of the first-response histogram: upper bound in microseconds, count.
    pub response_buckets: Vec<(u64, u64)>,
    /// Rows that no packet could tell from this one: a bare id in the same table, else `table:id`.
    pub same_as: Vec<String>,
}

/// Quantiles of a time, in microseconds.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Quantiles {
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub max: u64,
}

/// A role, and what the site binds it to.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Role {
    pub name: String,
    pub bound: bool,
    pub addresses: Vec<String>,
    /// Whether any flow of the capture had it at an end.
    pub seen: bool,
}
