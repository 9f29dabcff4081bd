//! `report`: render a saved audit again.

use std::io::Read;
use std::path::Path;

use crate::cli::args::ReportArgs;
use crate::cli::check;
use crate::cli::load::read_text;
use crate::cli::output::{Done, Failure};
use crate::report::json;
use crate::report::model::Report;

/// Runs the command.
///
/// # Errors
/// That the audit could not be read or the report not be written.
pub fn run(args: &ReportArgs) -> Done {
    check::write(&load(&args.audit)?, &args.output)?;
    Ok(true)
}

/// A saved audit.
///
/// # Errors
/// One line with the path and what is wrong with it.
pub fn load(path: &Path) -> Result<Report, Failure> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .map_err(|error| Failure::Said(format!("standard input: expected an audit, found `{error}`")))?;
        text
    } else {
        read_text(path)?
    };
    json::parse(&text).map_err(|error| Failure::Said(format!("{}: {error}", path.display())))
}
