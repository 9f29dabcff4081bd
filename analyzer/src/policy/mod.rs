//! The door to tables and sites.

pub mod field;
pub mod homoglyph;
pub mod mistake;
pub mod shipped;
pub mod site;
pub mod table;
pub mod table_file;
