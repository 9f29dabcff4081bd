//! Uncharted holds network traffic against the connection tables that a vendor documents.
//!
//! The data climbs: frame, packet, flow, identity, verdict, report. See ARCHITECTURE.md.

pub mod capture;
pub mod flow;
pub mod net;
pub mod packet;
pub mod policy;
pub mod protocol;
pub mod verdict;
