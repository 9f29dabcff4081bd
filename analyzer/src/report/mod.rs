//! The door to reports.

pub mod build;
pub mod explanation;
pub mod flow_line;
pub mod flows_csv;
pub mod flows_ndjson;
pub mod flows_zeek;
pub mod html;
pub mod json;
pub mod model;
pub mod terminal;
pub mod time;
pub mod words;
