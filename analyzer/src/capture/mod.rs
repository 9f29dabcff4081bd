//! The door to captures: saved ones here, live ones beside them.

mod active;
pub mod batch;
mod bytes;
mod digest;
pub mod error;
pub mod facts;
mod file;
mod filter;
pub mod interface;
mod look;
mod merged;
mod pcap_file;
mod pcapng;
mod pcapng_block;
pub mod set;
pub mod source;
mod walk;

#[cfg(test)]
mod real;
#[cfg(test)]
mod sample;
