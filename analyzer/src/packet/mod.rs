//! The door to frames and packets.

pub mod frame;
pub mod view;
