//! Uncharted holds network traffic against the connection tables that a vendor documents.
//!
//! The data climbs: frame, packet, flow, identity, verdict, report. See ARCHITECTURE.md.

pub mod audit;
pub mod capture;
pub mod cli;
pub mod flow;
pub mod live;
pub mod net;
pub mod packet;
pub mod policy;
pub mod protocol;
pub mod report;
pub mod verdict;
