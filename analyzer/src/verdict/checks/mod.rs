//! The door: every check, one file each, in the order in which they decide.

mod agreement;
mod ambiguous_document;
mod capture_gap;
mod carrier;
mod match_transport_only;
mod no_documented_role;
mod plaintext_where_tls;
mod protocol_unknown;
mod unbound_endpoint;
mod undocumented_pair;
mod undocumented_peer;
mod unknown_destination;
mod unknown_source;
mod wrong_direction;
mod wrong_port;
mod wrong_protocol;
mod wrong_transport;

use crate::verdict::check::Check;

/// Every check; the first that finds something decides. Out of scope stands before all, then what allows,
/// what leaves undetermined, and what does not allow, from the nearest row outwards.
pub const ALL: &[&dyn Check] = &[
    &carrier::Carrier,
    &no_documented_role::NoDocumentedRole,
    &agreement::Agreement,
    &match_transport_only::MatchTransportOnly,
    &capture_gap::CaptureGap,
    &protocol_unknown::ProtocolUnknown,
    &ambiguous_document::AmbiguousDocument,
    &unbound_endpoint::UnboundEndpoint,
    &wrong_protocol::WrongProtocol,
    &plaintext_where_tls::PlaintextWhereTls,
    &wrong_transport::WrongTransport,
    &wrong_port::WrongPort,
    &wrong_direction::WrongDirection,
    &undocumented_pair::UndocumentedPair,
    &unknown_source::UnknownSource,
    &unknown_destination::UnknownDestination,
    &undocumented_peer::UndocumentedPeer,
];
