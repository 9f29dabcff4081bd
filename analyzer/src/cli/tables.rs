//! `tables`: list, show, lint, schema.

use std::path::Path;

use crate::cli::args::{FailOn, SchemaOf, ShowFormat, TablesArgs, TablesCommand};
use crate::cli::load;
use crate::cli::output::{self, Done, Failure};
use crate::policy::lint;
use crate::policy::lint::finding::Found;
use crate::policy::lint::text::{Homoglyphs, NAME, lint_text};
use crate::policy::print;
use crate::policy::schema;
use crate::policy::shipped;
use crate::policy::table::Table;

/// Runs the command.
///
/// # Errors
/// The first mistake in a table, or that there is none of that name.
pub fn run(args: &TablesArgs) -> Done {
    match &args.command {
        TablesCommand::List => list(),
        TablesCommand::Show { name, format, columns } => show(name, *format, *columns),
        TablesCommand::Lint { names, format, fail_on } => lint(names, *format, *fail_on),
        TablesCommand::Schema { of } => schema(*of),
    }
}

fn list() -> Done {
    let tables =
        shipped::names().map(|name| load::table(name, Path::new("."))).collect::<Result<Vec<Table>, _>>()?;
    output::write(&print::list(&tables, width(None)), None)?;
    Ok(true)
}

fn show(name: &str, format: ShowFormat, columns: Option<usize>) -> Done {
    let table = load::table(name, Path::new("."))?;
    let text = match format {
        ShowFormat::Terminal => print::show(&table, width(columns)),
        ShowFormat::Json => json(&print::shown(&table))?,
    };
    output::write(&text, None)?;
    Ok(true)
}

/// What was found in one text.
#[derive(serde::Serialize)]
struct OfText {
    path: String,
    lint: &'static str,
    #[serde(flatten)]
    found: Homoglyphs,
}

/// Everything that a run of lint found.
#[derive(Default, serde::Serialize)]
struct Linted {
    tables: Vec<Found>,
    texts: Vec<OfText>,
}

/// Tables are linted together: what contradicts what shows only beside each other. Any file that is not TOML is text.
fn lint(names: &[String], format: ShowFormat, fail_on: FailOn) -> Done {
    let mut tables = Vec::new();
    let mut linted = Linted::default();
    let all: Vec<String> = shipped::names().map(str::to_owned).collect();
    for name in if names.is_empty() { &all } else { names } {
        let path = Path::new(name);
        let is_text = path.is_file() && path.extension().is_none_or(|extension| extension != "toml");
        if is_text {
            let found = lint_text(&load::read_text(path)?);
            linted.texts.extend(found.into_iter().map(|found| OfText {
                path: name.clone(),
                lint: NAME,
                found,
            }));
        } else {
            tables.push(load::table(name, Path::new("."))?);
        }
    }
    linted.tables = lint::lint(&tables);
    let text = match format {
        ShowFormat::Json => json(&linted)?,
        ShowFormat::Terminal => in_words(&linted),
    };
    output::write(&text, None)?;
    let severities = linted.tables.iter().map(|found| found.severity.to_string());
    let is_reached = severities.chain(linted.texts.iter().map(|_| "warning".to_owned()));
    Ok(!is_reached.into_iter().any(|severity| fail_on.is_reached_by(&severity)))
}

fn in_words(linted: &Linted) -> String {
    let mut text: String = linted.tables.iter().map(|found| format!("{found}\n")).collect();
    for OfText { path, lint, found } in &linted.texts {
        let Homoglyphs { line, column, message, .. } = found;
        text.push_str(&format!("{}:{line}:{column}: warning: {lint}: {message}\n", path.escape_debug()));
    }
    if text.is_empty() {
        text.push_str("nothing found\n");
    }
    text
}

fn width(columns: Option<usize>) -> u16 {
    u16::try_from(output::columns(columns)).unwrap_or(u16::MAX)
}

fn schema(of: SchemaOf) -> Done {
    let text = match of {
        SchemaOf::Table => schema::table(),
        SchemaOf::Site => schema::site(),
    };
    output::write(&text, None)?;
    Ok(true)
}

fn json(value: &impl serde::Serialize) -> Result<String, Failure> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}
