//! Flows as NDJSON: one object a line.

use crate::report::flow_line::FlowLine;
use crate::report::words::safe_json;

/// One line, with its line feed.
pub fn render(line: &FlowLine) -> String {
    // Every field serializes: text, numbers and lists of them.
    let mut text = safe_json(serde_json::to_string(line).unwrap_or_default());
    text.push('\n');
    text
}
