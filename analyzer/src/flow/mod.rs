//! The door to flows.

pub mod initiator;
pub mod opening;
pub mod record;
