//! JSON, as DESIGN of the written shape has it: one object, two blanks of indentation, a line feed at the end.

use crate::report::model::{Report, SCHEMA};
use crate::report::words::safe_json;

/// The report as JSON.
pub fn render(report: &Report) -> String {
    // Nothing in the model can fail to serialize: no maps with keys other than text, no floats.
    let mut text = safe_json(serde_json::to_string_pretty(report).unwrap_or_default());
    text.push('\n');
    text
}

/// A saved report, read again.
///
/// # Errors
/// A line that says what is wrong with `text`: not JSON, another schema, a field missing.
pub fn parse(text: &str) -> Result<Report, String> {
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| {
        format!("{}:{}: expected an audit as JSON, found {}", error.line(), error.column(), plain(&error))
    })?;
    match value.get("schema").and_then(serde_json::Value::as_str) {
        Some(SCHEMA) => {}
        Some(other) => {
            return Err(format!(
                "expected schema `{SCHEMA}`, found `{other}`; render it with the version that wrote it"
            ));
        }
        None => return Err(format!("expected an audit with schema `{SCHEMA}`, found JSON without a schema")),
    }
    serde_json::from_value(value)
        .map_err(|error| format!("expected an audit of schema `{SCHEMA}`, found {error}"))
}

fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}
