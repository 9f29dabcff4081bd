//! `check`: judge saved captures.

use clap::ValueEnum;
use sha2::{Digest, Sha256};

use crate::audit::Options;
use crate::cli::args::{CaptureArgs, CheckArgs, Format, OutputArgs, Scope};
use crate::cli::load;
use crate::cli::output::{self, Done, Failure};
use crate::cli::run;
use crate::report::build::{self, Context};
use crate::report::html::page;
use crate::report::json;
use crate::report::model::{Report, Settings};
use crate::report::terminal::{self, Look};

/// Runs the command.
///
/// # Errors
/// What kept it from judging.
pub fn run(args: &CheckArgs) -> Done {
    let policy = std::sync::Arc::new(load::policy(&args.policy)?);
    let judge_all = args.policy.scope == Scope::All;
    let options = Options { judge_all, ..run::options(&args.capture) };
    let wants_digest = args.output.format != Format::Terminal;
    let read = run::read(&args.capture, &policy, options, wants_digest)?;
    let context = Context {
        captures: read.captures,
        judge_all,
        filter: args.capture.filter.clone(),
        settings: settings(&args.capture),
        window: None,
        tool_sha256: wants_digest.then(own_sha256).flatten(),
    };
    let report = build::report(&read.outcome, &policy, context);
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
    let program = std::fs::read(std::env::current_exe().ok()?).ok()?;
    Some(Sha256::digest(&program).iter().map(|byte| format!("{byte:02x}")).collect())
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
    };
    output::write(&text, args.output.as_deref())
}
