//! `diff`: two saved audits side by side.

use crate::cli::args::{DiffArgs, ShowFormat};
use crate::cli::output::{self, Done};
use crate::cli::report::load;
use crate::report::diff;

/// Runs the command; `false` where something new is not allowed.
///
/// # Errors
/// That an audit could not be read or the difference not be written.
pub fn run(args: &DiffArgs) -> Done {
    let diff = diff::diff(&load(&args.old)?, &load(&args.new)?);
    let text = match args.format {
        ShowFormat::Terminal => diff::text(&diff, output::columns(args.columns)),
        ShowFormat::Json => diff::json(&diff),
    };
    output::write(&text, args.output.as_deref())?;
    Ok(!diff.worse)
}
