//! The door to tables and sites.

pub mod site;
pub mod table;
