//! Flows as NDJSON: one object a line.

use crate::report::flow_line::FlowLine;

/// One line, with its line feed.
pub fn render(line: &FlowLine) -> String {
    // Every field serializes: text, numbers and lists of them.
    let mut text = serde_json::to_string(line).unwrap_or_default();
    text.push('\n');
    text
}
