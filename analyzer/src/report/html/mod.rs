//! The door to the HTML report: one file that needs no network.

pub mod chart;
pub mod diagram;
pub mod layout;
pub mod page;
