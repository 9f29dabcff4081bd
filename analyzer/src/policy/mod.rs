//! The door to tables and sites.

pub mod index;
pub mod site;
pub mod table;
