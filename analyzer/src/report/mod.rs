//! The door to reports.

pub mod build;
pub mod csv_lists;
pub mod diff;
pub mod explanation;
pub mod flow_line;
pub mod flows_csv;
pub mod flows_ndjson;
pub mod flows_zeek;
pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod model;
pub mod ocsf;
pub mod pcapng;
pub mod sarif;
pub mod terminal;
pub mod time;
pub mod words;
