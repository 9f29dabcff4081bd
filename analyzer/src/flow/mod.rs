//! The door to flows.

pub mod claim;
pub mod community;
pub mod copies;
#[cfg(test)]
mod fixture;
pub mod flows;
pub mod history;
pub mod index;
pub mod initiator;
pub mod key;
pub mod near;
pub mod opening;
#[cfg(test)]
mod properties;
pub mod record;
#[cfg(test)]
mod scenarios;
pub mod state;
pub mod stream;
pub mod table;
