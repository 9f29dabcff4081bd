//! Arguments to command to exit code.
//!
//! Exit codes: 0 nothing at or above `--fail-on`, 1 findings, 2 could not judge.

mod args;
mod check;
mod diff;
mod evidence;
mod explain;
mod flows;
mod load;
mod output;
mod report;
mod run;
mod tables;
mod verify;
mod watch;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::args::{Args, Command};
use crate::cli::output::Failure;

/// Nothing at or above the threshold was found.
const CLEAN: u8 = 0;
/// Findings at or above the threshold.
const FINDINGS: u8 = 1;
/// Bad usage, an unreadable capture, a bad table, a report that could not be written.
const COULD_NOT_JUDGE: u8 = 2;

/// Parses the command line and runs it.
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return usage(&error),
    };
    let result = match args.command {
        Command::Check(args) => check::run(&args),
        Command::Flows(args) => flows::run(&args),
        Command::Tables(args) => tables::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Watch(args) => watch::run(*args),
        Command::Diff(args) => diff::run(&args),
    };
    match result {
        Ok(true) => ExitCode::from(CLEAN),
        Ok(false) => ExitCode::from(FINDINGS),
        Err(Failure::Quiet) => ExitCode::from(COULD_NOT_JUDGE),
        Err(Failure::Said(line)) => {
            output::complain(&line);
            ExitCode::from(COULD_NOT_JUDGE)
        }
    }
}

/// Shows help and version as they are, and says what is wrong with the arguments in one line.
fn usage(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind;
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let _ = error.print();
            ExitCode::from(CLEAN)
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            ExitCode::from(COULD_NOT_JUDGE)
        }
        _ => {
            let text = error.to_string();
            let what = text.split("\n\nUsage:").next().and_then(|text| text.split("\n\nFor more").next());
            let words: Vec<&str> = what.unwrap_or_default().split_whitespace().collect();
            let line = words.join(" ").replace(" tip: ", "; ");
            output::complain(&format!("{}; see --help", line.strip_prefix("error: ").unwrap_or(&line)));
            ExitCode::from(COULD_NOT_JUDGE)
        }
    }
}
