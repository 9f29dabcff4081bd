//! What the payload of a flow says to one reading of a row: the two witnesses, content and port, meet here only.

use crate::flow::initiator::Direction;
use crate::flow::opening::{End, View};
use crate::flow::record::Record;
use crate::net::Side;
use crate::policy::table::{Reading, TlsReading};
use crate::protocol::probe::{Detail, Identity};
use crate::verdict::facts::Case;

/// What content says to a reading.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Content {
    /// Protocol and encryption are as the reading expects, or it expects none in particular.
    Agrees,
    /// There was no payload.
    TransportOnly,
    /// Payload was seen and proves nothing; what was missing.
    Unknown(String),
    /// Loss or truncation hides what would decide; what is missing.
    Hidden(String),
    /// The documents contradict each other on encryption, and it is plaintext.
    Disputed,
    /// Positively another protocol.
    Wrong(&'static str),
    /// Positively plaintext where TLS is documented.
    Plaintext {
        /// The reading expects TLS, but a warning is enough.
        is_mild: bool,
    },
}

/// Holds what content proved against `reading`.
pub fn weigh(reading: &Reading, case: &Case<'_>) -> Content {
    let said_nothing = case.record.payload_bytes[case.record.initiator] == 0;
    // A broker may greet whoever connects: a bare connect is one of which the initiator says nothing.
    if !has_payload(case.record) || (reading.bare_connect && said_nothing) {
        return Content::TransportOnly;
    }
    if case.record.conflicts > 0 && expects(reading) {
        return Content::Unknown(CONFLICT.to_owned());
    }
    match case.identity.protocol {
        Some(protocol) => known(reading, protocol, case.identity),
        None => unknown(reading, case),
    }
}

/// Overlapping segments with other bytes, a decoy that dies on the way (low TTL, bad checksum), a forged beginning.
const CONFLICT: &str = "bytes of the opening came twice with different values, and which of them the receiver took cannot be told";

/// Whether a reading asks anything of content.
fn expects(reading: &Reading) -> bool {
    !reading.protocols.is_empty() || !matches!(reading.tls, TlsReading::Either | TlsReading::Plain)
}

fn has_payload(record: &Record) -> bool {
    record.payload_bytes.0.iter().any(|&bytes| bytes > 0)
}

fn known(reading: &Reading, protocol: &'static str, identity: &Identity) -> Content {
    // Opaque TLS hides its protocol: it agrees with every reading that TLS may carry.
    let is_opaque = protocol == "tls";
    if !reading.protocols.is_empty()
        && !is_opaque
        && !reading.protocols.iter().any(|want| is_kind(protocol, want))
    {
        return Content::Wrong(protocol);
    }
    if identity.tls.is_some() || is_opaque {
        return Content::Agrees;
    }
    let plaintext = match reading.tls {
        TlsReading::Required => Content::Plaintext { is_mild: false },
        TlsReading::Expected => Content::Plaintext { is_mild: true },
        TlsReading::Disputed => Content::Disputed,
        TlsReading::Either | TlsReading::Plain => return Content::Agrees,
    };
    if is_undecided(identity) {
        return Content::Unknown("the server's answer to the client's wish for TLS was not seen".to_owned());
    }
    plaintext
}

/// Details that a verdict hangs on, or that tell an auditor who spoke. Many flows have the same, and share them;
/// what differs from flow to flow (paths, correlation ids) would be most of the memory over a million flows.
const KEPT: &[&str] = &[
    "api",
    "application",
    "auth",
    "banner",
    "client_id",
    "database",
    "hello",
    "host",
    "method",
    "pdu",
    "sasl",
    "server",
    "server_version",
    "software",
    "ssl_request",
    "startup",
    "status",
    "tunnelled_by",
    "user",
    "user_agent",
    "version",
];

/// Lets go of the details that neither a verdict nor a finding needs.
pub fn slim(identity: &mut Identity) {
    identity.details.retain(|name, _| KEPT.contains(name));
}

/// A client asked for encryption, and neither the answer nor plaintext was seen.
fn is_undecided(identity: &Identity) -> bool {
    identity.details.get("ssl_request") == Some(&Detail::Text("unanswered".to_owned()))
}

/// Whether content that proved `protocol` is what a reading that expects `wanted` means.
fn is_kind(protocol: &str, wanted: &str) -> bool {
    protocol == wanted || (wanted == "http" && protocol == "http2")
}

fn unknown(reading: &Reading, case: &Case<'_>) -> Content {
    if reading.protocols.is_empty() && matches!(reading.tls, TlsReading::Either | TlsReading::Plain) {
        return Content::Agrees;
    }
    if !case.identity.contested.is_empty() {
        return Content::Unknown(format!("claimed by {} alike", case.identity.contested.join(" and ")));
    }
    if let Some(missing) = case.hidden {
        return Content::Hidden(missing.to_owned());
    }
    let missing = match case.record.direction {
        Direction::Unseen => "the capture began in mid-stream, and no message start was recognised",
        _ => "the payload is of no protocol that is recognised",
    };
    Content::Unknown(missing.to_owned())
}

/// What loss or truncation took from an opening, in words; `None` where it is whole as far as it goes.
pub fn hidden(view: &View<'_>) -> Option<&'static str> {
    let ends = |end: End| Side::BOTH.iter().any(|&side| view.sides[side].end == end);
    if ends(End::Cut) {
        Some("the snap length cut the payload")
    } else if ends(End::Gap) {
        Some("bytes of the opening are missing from the capture")
    } else {
        None
    }
}

/// Well-known protocols whose presence on a row that documents a transport and a port alone is worth a note.
const WELL_KNOWN: &[&str] = &[
    "ssh",
    "smb",
    "rdp",
    "postgresql",
    "mysql",
    "tds",
    "mongodb",
    "redis",
    "memcached",
    "cassandra",
    "ldap",
    "kerberos",
    "ftp",
    "smtp",
    "imap",
    "pop3",
    "sip",
];

/// Whether a row that documents no protocol should say that it met this one.
pub fn is_unexpected(reading: &Reading, identity: &Identity) -> bool {
    reading.protocols.is_empty() && identity.protocol.is_some_and(|protocol| WELL_KNOWN.contains(&protocol))
}
