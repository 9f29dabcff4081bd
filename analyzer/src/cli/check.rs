//! `check`: judge saved captures.

use std::io::Read;
use std::sync::Arc;

use clap::ValueEnum;
use sha2::{Digest, Sha256};

use crate::audit::Options;
use crate::cli::args::{CaptureArgs, CheckArgs, Format, OutputArgs, Scope};
use crate::cli::evidence;
use crate::cli::load;
use crate::cli::output::{self, Done, Failure};
use crate::cli::run;
use crate::cli::verify;
use crate::policy::index::Policy;
use crate::report::build::{self, Context};
use crate::report::csv_lists;
use crate::report::html::page;
use crate::report::json;
use crate::report::junit;
use crate::report::markdown;
use crate::report::model::{Report, Settings};
use crate::report::ocsf;
use crate::report::sarif;
use crate::report::terminal::{self, Look};

/// Runs the command.
///
/// # Errors
/// What kept it from judging.
pub fn run(args: &CheckArgs) -> Done {
    if let Some(audit) = &args.verify {
        return verify::run(audit, args);
    }
    let policy = std::sync::Arc::new(load::policy(&args.policy)?);
    let wants_digest = args.output.format != Format::Terminal;
    let mut report = judged(args, &policy, wants_digest)?;
    if let Some(folder) = &args.evidence {
        evidence::write(&mut report, args, folder)?;
    }
    write(&report, &args.output)?;
    let mut is_whole = true;
    for capture in &report.captures {
        if let Some(stopped) = &capture.stopped {
            output::complain(&format!("{}: {stopped}", capture.path));
            is_whole = false;
        }
    }
    if !is_whole {
        return Err(Failure::Quiet);
    }
    Ok(!report
        .findings
        .iter()
        .any(|finding| finding.waived.is_none() && args.fail_on.is_reached_by(&finding.severity)))
}

/// Reads the captures and judges them.
///
/// # Errors
/// What kept a capture from being opened.
pub fn judged(args: &CheckArgs, policy: &Arc<Policy>, with_digests: bool) -> Result<Report, Failure> {
    let judge_all = args.policy.scope == Scope::All;
    let options = Options { judge_all, ..run::options(&args.capture) };
    let read = run::read(&args.capture, policy, options, with_digests)?;
    let context = Context {
        captures: read.captures,
        judge_all,
        filter: args.capture.filter.clone(),
        settings: settings(&args.capture),
        window: None,
        tool_sha256: with_digests.then(own_sha256).flatten(),
    };
    Ok(build::report(&read.outcome, policy, context))
}

/// What was asked for that alters the outcome.
fn settings(args: &CaptureArgs) -> Settings {
    let mut separate: Vec<String> = args
        .separate
        .iter()
        .filter_map(|what| what.to_possible_value().map(|value| value.get_name().to_owned()))
        .collect();
    separate.sort();
    separate.dedup();
    Settings { separate, max_flows: args.max_flows }
}

/// SHA-256 of the running executable; `None` where it cannot be read.
fn own_sha256() -> Option<String> {
    const PIECE_BYTES: usize = 1 << 16;
    let mut file = std::fs::File::open(std::env::current_exe().ok()?).ok()?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match file.read(&mut piece).ok()? {
            0 => break,
            length => hash.update(piece.get(..length)?),
        }
    }
    Some(hex(&hash.finalize()))
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Renders a report and writes it.
///
/// # Errors
/// That it could not be written.
pub fn write(report: &Report, args: &OutputArgs) -> Result<(), Failure> {
    let text = match args.format {
        Format::Terminal => terminal::render(
            report,
            Look {
                columns: output::columns(args.columns),
                colour: output::may_colour(args.output.is_some()),
            },
        ),
        Format::Json => json::render(report),
        Format::Html => page::render(report),
        Format::Sarif => sarif::render(report),
        Format::Junit => junit::render(report),
        Format::Csv => csv_lists::findings(report),
        Format::CsvCoverage => csv_lists::coverage(report),
        Format::Markdown => markdown::render(report),
        Format::Ocsf => ocsf::render(report),
    };
    output::write(&text, args.output.as_deref())
}
