//! The door to flows.

#[cfg(test)]
mod fixture;
pub mod history;
pub mod initiator;
pub mod opening;
pub mod record;
pub mod state;
pub mod stream;
pub mod table;
