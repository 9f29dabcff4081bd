//! The door to live watching: the only async place.

pub mod confine;
mod listen;
mod merge;
mod metrics;
mod reports;
mod say;
mod serve;
mod tell;
pub mod watch;
pub mod write;
