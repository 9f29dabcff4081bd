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
