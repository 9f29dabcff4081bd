//! `tables`: list, show, lint, schema.

use std::path::Path;

use crate::cli::args::{SchemaOf, ShowFormat, TablesArgs, TablesCommand};
use crate::cli::load;
use crate::cli::output::{self, Done, Failure};
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
        TablesCommand::Lint { .. } => Err(Failure::Quiet),
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
