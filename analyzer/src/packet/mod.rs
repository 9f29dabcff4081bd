//! The door to frames and packets.

pub mod checksum;
pub mod decode;
pub mod fragment;
pub mod frame;
pub mod ip;
pub mod link;
pub mod reason;
pub mod span;
pub mod transport;
pub mod tunnel;
pub mod view;
