//! What an allowed flow's verdict rests on that one end alone could have said.
//!
//! It changes no verdict: an insider who controls both ends can say anything, and a report must not hide it.

use crate::flow::initiator::Direction;
use crate::net::{Address, Transport};
use crate::policy::index::{Known, RoleId};
use crate::verdict::content::Content;
use crate::verdict::facts::Facts;

/// One thing that a verdict rests on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Rest {
    /// An address fills its role because a DNS answer named it.
    DnsAnswer,
    /// An address fills its role because the client wrote a server name.
    ServerName,
    /// TLS hides the protocol.
    OpaqueTls,
    /// The protocol stands inside another's tunnel (CONNECT, SOCKS).
    Tunnel,
    /// Nobody's handshake was seen: the payload showed who began.
    PayloadDirection,
}

impl Rest {
    pub const ALL: [Self; 5] =
        [Self::DnsAnswer, Self::ServerName, Self::OpaqueTls, Self::Tunnel, Self::PayloadDirection];

    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DnsAnswer => "dns-answer",
            Self::ServerName => "server-name",
            Self::OpaqueTls => "opaque-tls",
            Self::Tunnel => "tunnel",
            Self::PayloadDirection => "payload-direction",
        }
    }

    /// The same for a person.
    pub const fn plainly(self) -> &'static str {
        match self {
            Self::DnsAnswer => "on DNS answers that were seen",
            Self::ServerName => "on the server name that the client wrote",
            Self::OpaqueTls => "on TLS that hides its protocol",
            Self::Tunnel => "on what stands inside a proxy's tunnel",
            Self::PayloadDirection => "on the payload for who began",
        }
    }
}

/// What the verdict of an allowed flow rests on, in order.
pub fn of(facts: &Facts<'_>, direction: Direction) -> Vec<Rest> {
    let identity = facts.case.identity;
    let mut rests = Vec::new();
    named(facts, facts.source.address, &facts.source_roles, &mut rests);
    named(facts, facts.destination.address, &facts.destination_roles, &mut rests);
    if identity.protocol == Some("tls") && facts.fits.iter().any(|fit| fit.content == Content::Agrees) {
        rests.push(Rest::OpaqueTls);
    }
    if identity.details.contains_key("tunnelled_by") {
        rests.push(Rest::Tunnel);
    }
    if direction == Direction::Protocol && facts.case.record.transport == Transport::Tcp {
        rests.push(Rest::PayloadDirection);
    }
    rests.sort_unstable();
    rests.dedup();
    rests
}

/// Notes where an address fills a role by a name and by none of its addresses.
fn named(facts: &Facts<'_>, address: Address, roles: &[RoleId], rests: &mut Vec<Rest>) {
    let case = facts.case;
    let policy = case.policy;
    let by_name = |&&role: &&RoleId| {
        let role = policy.role(role);
        role.is_named && !role.networks.iter().any(|network| network.contains(&address.ip()))
    };
    let Some(&role) = roles.iter().find(by_name) else { return };
    let resolved = policy.roles_of(address, Known::default(), case.names, case.record.first_ns);
    rests.push(if resolved.contains(&role) { Rest::DnsAnswer } else { Rest::ServerName });
}
