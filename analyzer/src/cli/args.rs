//! The command line.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

/// Holds network traffic against the connection tables that a vendor documents, and says what is not on the chart.
#[derive(Debug, Parser)]
#[command(name = "uncharted", version, about, propagate_version = true, disable_help_subcommand = true)]
#[command(after_help = "Exit codes: 0 nothing at or above --fail-on; 1 findings; 2 could not judge.")]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Judge saved captures against connection tables
    Check(CheckArgs),
    /// List every flow; judged too where --site or --table is given
    Flows(FlowsArgs),
    /// List, show and lint connection tables
    Tables(TablesArgs),
    /// Say what a reason, a protocol or a row means, or why one flow got its verdict
    Explain(ExplainArgs),
    /// Render a saved audit (JSON) again
    Report(ReportArgs),
    /// Watch live interfaces: findings as they are certain, one JSON object a line
    Watch(Box<WatchArgs>),
    /// Compare two saved audits; exit code 1 if something new is not allowed
    Diff(DiffArgs),
}

/// What to read.
#[derive(Clone, Debug, ClapArgs)]
pub struct CaptureArgs {
    /// pcap or pcapng files (gzip, zstd and lz4 too), directories, globs, or - for standard input; together one observation in time order
    #[arg(required = true, value_name = "CAPTURE")]
    pub captures: Vec<PathBuf>,
    /// Look only at packets that this BPF expression takes (as in tcpdump)
    #[arg(long, value_name = "BPF")]
    pub filter: Option<String>,
    /// Threads that judge; the report is the same for any number [default: one a core, at most 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub threads: Option<u32>,
    /// Put these into the key of a flow: equal five-tuples in two VLANs or tunnels are then two flows
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub separate: Vec<Separate>,
    /// Flows that are followed at one time; beyond it the oldest attempts are judged and let go
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(16..))]
    pub max_flows: Option<u64>,
}

/// What to judge against.
#[derive(Clone, Debug, ClapArgs)]
pub struct PolicyArgs {
    /// A shipped table by name (genesys/info-mart) or a file; may be given more than once
    #[arg(long = "table", value_name = "NAME|FILE")]
    pub tables: Vec<String>,
    /// The site file: which addresses fill the roles
    #[arg(long, value_name = "FILE")]
    pub site: Option<PathBuf>,
    /// A snapshot that the site's pods are looked up in: kubectl get pods,services,endpointslices -A -o json
    #[arg(long, value_name = "FILE", requires = "site")]
    pub kubernetes: Option<PathBuf>,
    /// Which flows to judge: those with an end in a documented role, or all
    #[arg(long, value_enum, default_value_t = Scope::Documented)]
    pub scope: Scope,
}

#[derive(Clone, Debug, ClapArgs)]
pub struct CheckArgs {
    #[command(flatten)]
    pub capture: CaptureArgs,
    #[command(flatten)]
    pub policy: PolicyArgs,
    #[command(flatten)]
    pub output: OutputArgs,
    /// The least severity that makes the exit code 1
    #[arg(long, value_enum, default_value_t = FailOn::Error)]
    pub fail_on: FailOn,
    /// Write the first packets of each finding into this folder, as pcapng files that name the finding
    #[arg(long, value_name = "DIR")]
    pub evidence: Option<PathBuf>,
    /// Whether those packets keep their payload; cut leaves the headers
    #[arg(long, value_enum, default_value_t = EvidencePayload::Keep, requires = "evidence")]
    pub evidence_payload: EvidencePayload,
    /// Run a saved audit again, with its tables, site and options, and say what differs
    #[arg(long, value_name = "AUDIT.json", conflicts_with_all = ["evidence", "format"])]
    pub verify: Option<PathBuf>,
}

/// Where a report goes, and how.
#[derive(Clone, Debug, ClapArgs)]
pub struct OutputArgs {
    /// The form of the report
    #[arg(long, value_enum, default_value_t = Format::Terminal)]
    pub format: Format,
    /// Write the report to this file and not to standard output
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Columns of the terminal report [default: those of the terminal, or 100]
    #[arg(long, value_name = "N")]
    pub columns: Option<usize>,
}

#[derive(Clone, Debug, ClapArgs)]
pub struct FlowsArgs {
    #[command(flatten)]
    pub capture: CaptureArgs,
    #[command(flatten)]
    pub policy: PolicyArgs,
    /// The form of the list
    #[arg(long, value_enum, default_value_t = FlowsFormat::Ndjson)]
    pub format: FlowsFormat,
    /// Write the list to this file and not to standard output
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Clone, Debug, ClapArgs)]
pub struct TablesArgs {
    #[command(subcommand)]
    pub command: TablesCommand,
}

#[derive(Clone, Debug, Subcommand)]
pub enum TablesCommand {
    /// The shipped tables, with their documents and the number of rows
    List,
    /// One table as its document prints it, with our reading of each row
    Show {
        /// A shipped table by name, or a file
        #[arg(value_name = "NAME|FILE")]
        name: String,
        #[arg(long, value_enum, default_value_t = ShowFormat::Terminal)]
        format: ShowFormat,
        /// Columns of the terminal [default: those of the terminal, or 100]
        #[arg(long, value_name = "N")]
        columns: Option<usize>,
    },
    /// Find contradictions and doubts in tables; given a text file, look-alike letters in it [default: all shipped tables]
    Lint {
        #[arg(value_name = "NAME|FILE")]
        names: Vec<String>,
        #[arg(long, value_enum, default_value_t = ShowFormat::Terminal)]
        format: ShowFormat,
        /// The least severity that makes the exit code 1
        #[arg(long, value_enum, default_value_t = FailOn::Error)]
        fail_on: FailOn,
    },
    /// The JSON Schema of table files or site files
    Schema {
        #[arg(value_enum, default_value_t = SchemaOf::Table)]
        of: SchemaOf,
    },
}

#[derive(Clone, Debug, ClapArgs)]
pub struct ExplainArgs {
    /// A reason (wrong-port), a note, a protocol (kafka), a row (genesys/info-mart:9), or a flow: 10.0.0.1:40000-10.0.0.2:5432/tcp
    #[arg(value_name = "NAME|FIVE-TUPLE")]
    pub what: String,
    /// Captures that hold the flow
    #[arg(value_name = "CAPTURE")]
    pub captures: Vec<PathBuf>,
    #[command(flatten)]
    pub policy: PolicyArgs,
}

#[derive(Clone, Debug, ClapArgs)]
pub struct ReportArgs {
    /// What `check --format json` wrote; - for standard input
    #[arg(value_name = "AUDIT.json")]
    pub audit: PathBuf,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Clone, Debug, ClapArgs)]
#[command(
    after_help = "Signals: HUP reads tables and site again, USR1 writes an interim audit, TERM and INT finish the audit.
Exit codes: 0 nothing at or above --fail-on; 1 findings; 2 could not judge."
)]
pub struct WatchArgs {
    /// An interface to capture from, or any; may be given more than once
    #[arg(short, long = "interface", required = true, value_name = "IFACE")]
    pub interfaces: Vec<String>,
    #[command(flatten)]
    pub policy: PolicyArgs,
    /// Look only at packets that this BPF expression takes (as in tcpdump)
    #[arg(long, value_name = "BPF")]
    pub filter: Option<String>,
    /// Put these into the key of a flow: equal five-tuples in two VLANs or tunnels are then two flows
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub separate: Vec<Separate>,
    /// Flows that are followed at one time; beyond it the oldest attempts are judged and let go
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(16..))]
    pub max_flows: Option<u64>,
    /// Memory for flows and their first bytes (512M, 2G): fewer are followed where it is little
    #[arg(long, value_name = "BYTES", value_parser = bytes, default_value = "1G")]
    pub max_memory: u64,
    /// Bytes of each packet that are captured
    #[arg(long, value_name = "BYTES", default_value_t = crate::capture::interface::SNAP_BYTES, value_parser = clap::value_parser!(u32).range(64..=262_144))]
    pub snaplen: u32,
    /// The kernel's buffer for each interface
    #[arg(long, value_name = "BYTES", value_parser = bytes, default_value = "64M")]
    pub buffer: u64,
    /// Leave interfaces out of promiscuous mode
    #[arg(long)]
    pub no_promiscuous: bool,
    /// Write findings to this file, rotated, and not to standard output
    #[arg(long, value_name = "FILE")]
    pub findings: Option<PathBuf>,
    /// Bytes at which the file of findings is rotated; five older ones are kept
    #[arg(long, value_name = "BYTES", value_parser = bytes, default_value = "100M")]
    pub rotate: u64,
    /// How often the counts of findings that repeat are told
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "1m")]
    pub repeat_every: std::time::Duration,
    /// Write audits (JSON) to this folder, a file for each window
    #[arg(long, value_name = "FOLDER")]
    pub reports: Option<PathBuf>,
    /// How often the audit of the window that runs is written
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "5m")]
    pub report_every: std::time::Duration,
    /// How much time one audit covers
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "24h")]
    pub window: std::time::Duration,
    /// Where /metrics, /healthz, /readyz and /audit.json are served, or none
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9469")]
    pub listen: String,
    /// The user to become where started as root
    #[arg(long, value_name = "USER", default_value = crate::live::confine::NOBODY)]
    pub user: String,
    /// End after this time
    #[arg(long = "for", value_name = "TIME", value_parser = time)]
    pub end_after: Option<std::time::Duration>,
    /// The least severity that makes the exit code 1
    #[arg(long, value_enum, default_value_t = FailOn::Error)]
    pub fail_on: FailOn,
}

/// `90s`, `5m`, `24h`, `7d`.
fn time(text: &str) -> Result<std::time::Duration, String> {
    let refuse = || "expected a time such as 90s, 5m, 24h or 7d".to_owned();
    let at = text.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(refuse)?;
    let (number, unit) = text.split_at(at);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(refuse()),
    };
    let number: u64 = number.parse().map_err(|_| refuse())?;
    let total = number.checked_mul(seconds).filter(|&total| total > 0 && total <= u64::from(u32::MAX));
    total.map(std::time::Duration::from_secs).ok_or_else(refuse)
}

/// `65536`, `512K`, `64M`, `2G`.
fn bytes(text: &str) -> Result<u64, String> {
    let refuse = || "expected bytes such as 65536, 512K, 64M or 2G".to_owned();
    let (number, shift) = match text.char_indices().last().ok_or_else(refuse)? {
        (at, 'K' | 'k') => (text.get(..at), 10),
        (at, 'M' | 'm') => (text.get(..at), 20),
        (at, 'G' | 'g') => (text.get(..at), 30),
        _ => (Some(text), 0),
    };
    let number: u64 = number.and_then(|number| number.parse().ok()).ok_or_else(refuse)?;
    number.checked_mul(1 << shift).filter(|&total| total > 0).ok_or_else(refuse)
}

#[derive(Clone, Debug, ClapArgs)]
pub struct DiffArgs {
    /// What `check --format json` wrote before
    #[arg(value_name = "OLD.json")]
    pub old: PathBuf,
    /// What it wrote after
    #[arg(value_name = "NEW.json")]
    pub new: PathBuf,
    #[arg(long, value_enum, default_value_t = ShowFormat::Terminal)]
    pub format: ShowFormat,
    /// Write to this file and not to standard output
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Columns of the terminal [default: those of the terminal, or 100]
    #[arg(long, value_name = "N")]
    pub columns: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Separate {
    Vlan,
    Tunnel,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Scope {
    Documented,
    All,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Format {
    Terminal,
    /// All of it; `report`, `diff` and `check --verify` read it
    Json,
    /// One file that needs no network
    Html,
    /// SARIF 2.1.0, the failures
    Sarif,
    /// JUnit XML: a test case for each documented row and each finding
    Junit,
    /// The findings
    Csv,
    /// The documented rows
    CsvCoverage,
    /// For a pull request or a ticket
    Markdown,
    /// OCSF 1.3.0 as JSON lines
    Ocsf,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum EvidencePayload {
    Keep,
    Cut,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum FlowsFormat {
    Ndjson,
    Csv,
    Zeek,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ShowFormat {
    Terminal,
    Json,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum SchemaOf {
    Table,
    Site,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum FailOn {
    Error,
    Warning,
    Note,
    Never,
}

impl FailOn {
    /// Whether a finding of this severity (by name) reaches the threshold.
    pub fn is_reached_by(self, severity: &str) -> bool {
        match self {
            Self::Never => false,
            Self::Error => severity == "error",
            Self::Warning => severity != "note",
            Self::Note => true,
        }
    }
}
