//! The door to tables and sites.

pub mod binding_file;
pub mod field;
pub mod homoglyph;
pub mod index;
pub mod kubernetes;
pub mod lint;
pub mod mistake;
pub mod print;
pub mod schema;
pub mod shipped;
pub mod site;
pub mod site_check;
pub mod site_file;
pub mod table;
pub mod table_file;
pub mod table_shape;
