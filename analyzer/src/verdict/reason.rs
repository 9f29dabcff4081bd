//! The words of a judgement: verdict, reason, severity, note. Their names are those of reports and JSON.

/// What the documented tables make of a flow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Verdict {
    NotAllowed,
    Undetermined,
    Allowed,
    OutOfScope,
}

impl Verdict {
    /// In the order of reports.
    pub const ALL: [Self; 4] = [Self::Allowed, Self::NotAllowed, Self::Undetermined, Self::OutOfScope];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::NotAllowed => "not-allowed",
            Self::Undetermined => "undetermined",
            Self::OutOfScope => "out-of-scope",
        }
    }
}

/// Why a flow has its verdict.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reason {
    Match,
    MatchTransportOnly,
    WrongProtocol,
    PlaintextWhereTls,
    WrongTransport,
    WrongPort,
    WrongDirection,
    UndocumentedPair,
    UnknownSource,
    UnknownDestination,
    UndocumentedPeer,
    ProtocolUnknown,
    DirectionUncertain,
    UnboundEndpoint,
    AmbiguousDocument,
    CaptureGap,
    NoDocumentedRole,
    Carrier,
    WaiverExpired,
}

impl Reason {
    /// In the order of the manual: allowed, not allowed from the nearest row outwards, undetermined, out of scope.
    pub const ALL: [Self; 19] = [
        Self::Match,
        Self::MatchTransportOnly,
        Self::WrongProtocol,
        Self::PlaintextWhereTls,
        Self::WrongTransport,
        Self::WrongPort,
        Self::WrongDirection,
        Self::UndocumentedPair,
        Self::UnknownSource,
        Self::UnknownDestination,
        Self::UndocumentedPeer,
        Self::ProtocolUnknown,
        Self::DirectionUncertain,
        Self::UnboundEndpoint,
        Self::AmbiguousDocument,
        Self::CaptureGap,
        Self::NoDocumentedRole,
        Self::Carrier,
        Self::WaiverExpired,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::MatchTransportOnly => "match-transport-only",
            Self::WrongProtocol => "wrong-protocol",
            Self::PlaintextWhereTls => "plaintext-where-tls",
            Self::WrongTransport => "wrong-transport",
            Self::WrongPort => "wrong-port",
            Self::WrongDirection => "wrong-direction",
            Self::UndocumentedPair => "undocumented-pair",
            Self::UnknownSource => "unknown-source",
            Self::UnknownDestination => "unknown-destination",
            Self::UndocumentedPeer => "undocumented-peer",
            Self::ProtocolUnknown => "protocol-unknown",
            Self::DirectionUncertain => "direction-uncertain",
            Self::UnboundEndpoint => "unbound-endpoint",
            Self::AmbiguousDocument => "ambiguous-document",
            Self::CaptureGap => "capture-gap",
            Self::NoDocumentedRole => "no-documented-role",
            Self::Carrier => "carrier",
            Self::WaiverExpired => "waiver-expired",
        }
    }

    /// The verdict that it belongs to. An expired waiver is a finding about the site file: undetermined.
    pub const fn verdict(self) -> Verdict {
        match self {
            Self::Match | Self::MatchTransportOnly => Verdict::Allowed,
            Self::WrongProtocol
            | Self::PlaintextWhereTls
            | Self::WrongTransport
            | Self::WrongPort
            | Self::WrongDirection
            | Self::UndocumentedPair
            | Self::UnknownSource
            | Self::UnknownDestination
            | Self::UndocumentedPeer => Verdict::NotAllowed,
            Self::ProtocolUnknown
            | Self::DirectionUncertain
            | Self::UnboundEndpoint
            | Self::AmbiguousDocument
            | Self::CaptureGap
            | Self::WaiverExpired => Verdict::Undetermined,
            Self::NoDocumentedRole | Self::Carrier => Verdict::OutOfScope,
        }
    }

    /// The manual page: what it means and what to do.
    pub const fn manual(self) -> &'static str {
        match self {
            Self::Match => {
                "Endpoints, port and transport agree with a documented row, and so do the protocol and the encryption that \
                 the payload shows. A row that documents a transport and a port alone agrees with any payload."
            }
            Self::MatchTransportOnly => {
                "Endpoints, port and transport agree with a documented row. There was nothing to hold against its protocol: \
                 the flow carried no payload (an attempt, a bare connect)."
            }
            Self::WrongProtocol => {
                "Pair, port and transport fit a documented row, but the payload is positively another protocol than the \
                 row expects. Something else listens there, or somebody tunnels. Look at the first bytes of the example."
            }
            Self::PlaintextWhereTls => {
                "The row documents HTTPS, SSL or TLS, and the payload is plaintext. Turn encryption on at the client, \
                 and refuse plaintext at the server."
            }
            Self::WrongTransport => {
                "Pair and port fit a documented row on another transport: UDP where the row says TCP, or the reverse."
            }
            Self::WrongPort => {
                "Rows connect this pair in this direction, none on this port. In port-only mode: no table documents the \
                 port. If the port is configurable, pin it in the site file under [ports]."
            }
            Self::WrongDirection => {
                "Rows connect this pair only the other way round, and who began was seen. The documented initiator is the \
                 responder here."
            }
            Self::UndocumentedPair => {
                "Both ends fill documented roles, and no row connects them in either direction."
            }
            Self::UnknownSource => {
                "Destination, port and transport fit a row, but the initiator fills no role: an undocumented client of a \
                 documented service. If the address belongs to a documented component, add it to [roles]."
            }
            Self::UnknownDestination => {
                "Source, port and transport fit a row, but the responder fills no role: a documented component talks to an \
                 address that nobody vouches for. If it belongs to a documented component, add it to [roles]."
            }
            Self::UndocumentedPeer => {
                "One end fills a documented role, the other none, and no row of that role fits the port and transport."
            }
            Self::ProtocolUnknown => {
                "A row expects a protocol; payload was seen and proves neither it nor another: the capture began in \
                 mid-stream, or the payload is too short or of no known protocol."
            }
            Self::DirectionUncertain => {
                "Who began was not seen, and the two ways round give different verdicts. Capture from before the \
                 connection is opened."
            }
            Self::UnboundEndpoint => {
                "It would fit a row whose other role the site file binds to no address. Bind that role in [roles]."
            }
            Self::AmbiguousDocument => {
                "It meets a row that documents no port (a logical connection only), refers to another document, or is \
                 contradicted by another row. The document cannot decide it; pin a port in the site file under [ports]."
            }
            Self::CaptureGap => {
                "Loss or truncation hides what would decide it. Capture with a larger buffer or without a snap length."
            }
            Self::NoDocumentedRole => {
                "Neither end fills a role of the loaded tables. `--scope all` judges these flows too."
            }
            Self::Carrier => {
                "The outer flow of a tunnel that was opened: the flows inside are judged in its place."
            }
            Self::WaiverExpired => {
                "A waiver in the site file has passed its end date; what it accepted is a finding again. Renew it or \
                 remove its cause."
            }
        }
    }

    /// The reason of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// Those that a waiver may accept.
    pub fn waivable() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|reason| {
            matches!(reason.verdict(), Verdict::NotAllowed | Verdict::Undetermined)
                && *reason != Self::WaiverExpired
        })
    }
}

/// How much a finding weighs, and what `--fail-on` compares.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    Note,
    Warning,
    Error,
}

impl Severity {
    pub const ALL: [Self; 3] = [Self::Error, Self::Warning, Self::Note];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A remark that changes no verdict.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Note {
    ClassificationMismatch,
    TlsWherePlaintext,
    DocumentConflict,
    UnexpectedProtocol,
}

impl Note {
    pub const ALL: [Self; 4] = [
        Self::ClassificationMismatch,
        Self::TlsWherePlaintext,
        Self::DocumentConflict,
        Self::UnexpectedProtocol,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::ClassificationMismatch => "classification-mismatch",
            Self::TlsWherePlaintext => "tls-where-plaintext",
            Self::DocumentConflict => "document-conflict",
            Self::UnexpectedProtocol => "unexpected-protocol",
        }
    }

    /// The manual page.
    pub const fn manual(self) -> &'static str {
        match self {
            Self::ClassificationMismatch => {
                "A row classified Intra-cluster was met from or to an address outside the cluster networks of the site \
                 file. A note only: the documents contradict each other on classification."
            }
            Self::TlsWherePlaintext => {
                "The row documents plaintext, and the flow is encrypted. Better than documented."
            }
            Self::DocumentConflict => {
                "Rows of the loaded tables describe this connection differently; the best one was taken."
            }
            Self::UnexpectedProtocol => {
                "The row documents a transport and a port alone; the payload is positively a well-known protocol of \
                 another kind (SSH, SMB, a database)."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_again_and_stands_once() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_name(reason.name()), Some(reason));
        }
    }
}
