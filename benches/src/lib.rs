//! What the measuring programs share.

pub mod frames;
pub mod map;
