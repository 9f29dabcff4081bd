//! `flows`: every flow, judged where there is something to judge by.

use crate::audit::Options;
use crate::cli::args::{FlowsArgs, FlowsFormat, Scope};
use crate::cli::load;
use crate::cli::output::{self, Done, Failure};
use crate::cli::run;
use crate::policy::index::Policy;
use crate::report::flow_line::{FlowLine, line};
use crate::report::{flows_csv, flows_ndjson, flows_zeek};

/// Runs the command.
///
/// # Errors
/// What kept it from reading.
pub fn run(args: &FlowsArgs) -> Done {
    let is_judged = args.policy.site.is_some() || !args.policy.tables.is_empty();
    let policy = if is_judged { load::policy(&args.policy)? } else { Policy::compile(Vec::new(), None) };
    let policy = std::sync::Arc::new(policy);
    let judge_all = args.policy.scope == Scope::All;
    let options = Options { judge_all, keep_flows: true, ..run::options(&args.capture) };
    let read = run::read(&args.capture, &policy, options, false)?;
    let lines: Vec<FlowLine> = read.outcome.list.iter().map(|flow| line(flow, &policy, is_judged)).collect();
    let text = match args.format {
        FlowsFormat::Ndjson => lines.iter().map(flows_ndjson::render).collect(),
        FlowsFormat::Csv => flows_csv::render(&lines),
        FlowsFormat::Zeek => flows_zeek::render(&lines),
    };
    output::write(&text, args.output.as_deref())?;
    let mut is_whole = true;
    for capture in &read.captures {
        if let Some(stopped) = &capture.stopped {
            output::complain(&format!("{}: {stopped}", capture.path));
            is_whole = false;
        }
        if capture.truncated {
            output::complain(&format!("{}: truncated, read up to the cut", capture.path));
        }
    }
    if is_whole { Ok(true) } else { Err(Failure::Quiet) }
}
