//! Who began a flow, and how that is known. Never guessed from port numbers.

/// How the initiator of a flow is known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Direction {
    /// A SYN or a SYN-ACK was seen.
    Handshake,
    /// The payload shows which side speaks as the client.
    Protocol,
    /// The first datagram of a UDP (or other) flow.
    FirstDatagram,
    /// Not known: the flow is judged both ways round.
    #[default]
    Unseen,
}

impl Direction {
    /// The name in reports and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::Protocol => "protocol",
            Self::FirstDatagram => "first-datagram",
            Self::Unseen => "unseen",
        }
    }
}
