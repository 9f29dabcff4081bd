//! The door to flows.

pub mod community;
#[cfg(test)]
mod fixture;
pub mod history;
pub mod initiator;
pub mod opening;
#[cfg(test)]
mod properties;
pub mod record;
#[cfg(test)]
mod scenarios;
pub mod state;
pub mod stream;
pub mod table;
