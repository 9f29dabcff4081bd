//! The door to judging.

pub mod check;
pub mod checks;
pub mod content;
pub mod coverage;
pub mod explain;
pub mod facts;
pub mod finding;
pub mod judge;
pub mod names;
pub mod reason;
pub mod resolver;
pub mod rest;
pub mod waiver;
