//! Findings: departures from the tables, grouped, with their evidence.
//!
//! The groups of two halves of an observation add up to the groups of the whole, also where they are
//! more than are kept: which are kept depends on their keys alone, never on the order that they came in.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::flow::community;
use crate::flow::initiator::Direction;
use crate::flow::record::{Outcome, Record};
use crate::net::{Address, Endpoint, Pair, Place, TimeNs, Transport};
use crate::policy::index::{Policy, RoleId};
use crate::protocol::probe::{Detail, Identity};
use crate::verdict::check::Near;
use crate::verdict::judge::Judgement;
use crate::verdict::reason::{Reason, Severity};

/// More ports than this between one pair for one reason, with no payload on any, are a scan: one finding, not
/// one a port. A client that tries a service's two or three ports is none.
pub const SCAN_PORTS: usize = 3;

/// The same for flows that carried payload: so many services of one pair are read better together.
pub const BUSY_PORTS: usize = 16;

/// Findings kept of one reason, a scan counted as a few. A report of more is read by nobody, and a flood
/// that fills one reason hides none of another. 8192 cost about 8 MiB.
pub const MAX_OF_A_REASON: usize = 8192;

/// What makes flows one group, the port left out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Key {
    pub reason: Reason,
    pub initiator: Address,
    pub responder: Address,
    pub transport: Transport,
    pub protocol: Option<&'static str>,
    /// No payload either way: attempts and bare connects, such as a scan's.
    pub is_bare: bool,
    /// The waiver that accepts it.
    pub waiver: Option<usize>,
}

/// One departure from the tables, over all flows that share it.
#[derive(Clone, Debug)]
pub struct Finding {
    pub severity: Severity,
    pub flows: u64,
    pub bytes: u64,
    /// The furthest that any of the flows got.
    pub outcome: Outcome,
    pub tls: bool,
    pub first_ns: TimeNs,
    pub last_ns: TimeNs,
    /// The earliest flow, from which the rest of the facts are.
    pub example: Example,
}

/// The flow that stands for its group.
#[derive(Clone, Debug)]
pub struct Example {
    pub initiator: Endpoint,
    pub responder: Endpoint,
    pub transport: Transport,
    pub initiator_roles: Vec<RoleId>,
    pub responder_roles: Vec<RoleId>,
    pub direction: Direction,
    pub first_ns: TimeNs,
    pub place: Place,
    pub nearest: Vec<Near>,
    pub missing: Option<String>,
    /// What its content said, by name: `server_name`, `host`, `database`.
    pub said: Vec<(&'static str, String)>,
}

/// What content said that a person may recognise.
fn said(identity: &Identity) -> Vec<(&'static str, String)> {
    let tls = identity.tls.iter();
    let mut said: Vec<(&'static str, String)> = tls
        .flat_map(|tls| {
            let version = tls.version.map(|version| ("tls_version", version.to_owned()));
            tls.sni.clone().map(|name| ("server_name", name)).into_iter().chain(version)
        })
        .collect();
    said.extend(identity.details.iter().filter_map(|(&name, detail)| match detail {
        Detail::Text(text) => Some((name, text.clone())),
        _ => None,
    }));
    said
}

/// The findings of one pair: by port, or together where there are too many.
#[derive(Clone, Debug)]
enum Ports {
    /// Ascending; most pairs have one, and a tree would hold room for eleven.
    Few(Vec<(u16, Finding)>),
    Many(Box<Finding>, PortBits),
}

/// Ports as bits: a scan of all of them costs 8 KiB.
#[derive(Clone, Debug)]
struct PortBits(Vec<u64>);

impl PortBits {
    fn new() -> Self {
        Self(vec![0; 1 << 10])
    }

    fn insert(&mut self, port: u16) {
        if let Some(word) = self.0.get_mut(usize::from(port >> 6)) {
            *word |= 1 << (port & 63);
        }
    }

    fn extend(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(mine, theirs)| *mine |= theirs);
    }

    /// Ascending.
    fn list(&self) -> Vec<u16> {
        let is_set =
            |port: u16| self.0.get(usize::from(port >> 6)).is_some_and(|word| word & (1 << (port & 63)) != 0);
        (0..=u16::MAX).filter(|&port| is_set(port)).collect()
    }
}

/// The groups of one reason: those with the least keys, as many as there is room for.
#[derive(Clone, Debug, Default)]
struct OfReason {
    pairs: BTreeMap<Key, Ports>,
    /// The sum of the pairs' weights.
    weight: usize,
    /// No key from this on has a place.
    limit: Option<Key>,
}

/// Flows of one reason whose groups are not kept, together.
pub type Rest = (Reason, Option<usize>);

/// All groups of one observation, or of a part of it.
#[derive(Clone, Debug)]
pub struct Findings {
    reasons: BTreeMap<Reason, OfReason>,
    /// What has no place in the groups, by reason and waiver.
    rest: BTreeMap<Rest, Finding>,
    max_of_a_reason: usize,
}

impl Default for Findings {
    fn default() -> Self {
        Self::bounded(MAX_OF_A_REASON)
    }
}

impl Findings {
    /// Counts one flow that is a finding.
    pub fn count(
        &mut self,
        record: &Record,
        identity: &Identity,
        judgement: Judgement,
        waiver: Option<usize>,
    ) {
        let (source, destination) = (judgement.initiator, judgement.initiator.other());
        let key = Key::of(record, identity, &judgement, waiver);
        let mut roles = judgement.roles;
        let finding = Finding {
            severity: judgement.severity,
            flows: 1,
            bytes: record.bytes.0.iter().sum(),
            outcome: record.outcome,
            tls: identity.tls.is_some() || identity.protocol == Some("tls"),
            first_ns: record.first_ns,
            last_ns: record.last_ns,
            example: Example {
                initiator: record.ends[source],
                responder: record.ends[destination],
                transport: record.transport,
                initiator_roles: std::mem::take(&mut roles[source]),
                responder_roles: std::mem::take(&mut roles[destination]),
                direction: judgement.direction,
                first_ns: record.first_ns,
                place: record.first,
                nearest: judgement.rows,
                missing: judgement.missing,
                said: said(identity),
            },
        };
        // Room for one: most pairs have one port.
        self.put(key, Ports::Few(vec![(record.ends[destination].port, finding)]));
    }

    /// Adds the groups of another part of the observation.
    pub fn add(&mut self, other: Self) {
        for (reason, theirs) in other.reasons {
            if let Some(limit) = theirs.limit {
                self.limit(reason, limit);
            }
            theirs.pairs.into_iter().for_each(|(key, ports)| self.put(key, ports));
        }
        for (rest, finding) in other.rest {
            self.put_rest(rest, Ports::Many(Box::new(finding), PortBits(Vec::new())));
        }
    }

    /// None yet; as many of each reason.
    pub fn bounded(max_of_a_reason: usize) -> Self {
        Self { reasons: BTreeMap::new(), rest: BTreeMap::new(), max_of_a_reason }
    }

    /// Adds to a group, and lets those with the greatest keys go while there are too many.
    fn put(&mut self, key: Key, ports: Ports) {
        let mine = self.reasons.entry(key.reason).or_default();
        if mine.limit.is_some_and(|limit| key >= limit) {
            self.put_rest((key.reason, key.waiver), ports);
            return;
        }
        match mine.pairs.entry(key) {
            Entry::Vacant(place) => {
                mine.weight += ports.weight();
                place.insert(ports);
            }
            Entry::Occupied(mut place) => {
                let group = place.get_mut();
                mine.weight -= group.weight();
                group.absorb(ports, key.most_ports());
                mine.weight += group.weight();
            }
        }
        while let Some(mine) =
            self.reasons.get_mut(&key.reason).filter(|mine| mine.weight > self.max_of_a_reason)
            && let Some((greatest, ports)) = mine.pairs.pop_last()
        {
            mine.weight -= ports.weight();
            mine.limit = Some(greatest);
            self.put_rest((greatest.reason, greatest.waiver), ports);
        }
    }

    /// Lets every group from `limit` on go.
    fn limit(&mut self, reason: Reason, limit: Key) {
        let mine = self.reasons.entry(reason).or_default();
        let limit = mine.limit.map_or(limit, |before| before.min(limit));
        mine.limit = Some(limit);
        let gone = mine.pairs.split_off(&limit);
        mine.weight -= gone.values().map(Ports::weight).sum::<usize>();
        for (key, ports) in gone {
            self.put_rest((key.reason, key.waiver), ports);
        }
    }

    fn put_rest(&mut self, rest: Rest, ports: Ports) {
        let Some(finding) = ports.whole() else { return };
        match self.rest.get_mut(&rest) {
            Some(mine) => mine.add(finding),
            None => {
                self.rest.insert(rest, finding);
            }
        }
    }

    /// What has no place among the groups: one finding a reason over all its flows, with the earliest as example.
    pub fn rest(&self) -> impl Iterator<Item = (Rest, &Finding)> {
        self.rest.iter().map(|(&rest, finding)| (rest, finding))
    }

    /// Every group: its key, its ports (one, or those of a scan), and what was found; the gravest first,
    /// then those with the most flows, then by key.
    pub fn groups(&self) -> Vec<(Key, Vec<u16>, &Finding)> {
        let mut groups: Vec<(Key, Vec<u16>, &Finding)> = Vec::new();
        for (&key, ports) in self.reasons.values().flat_map(|mine| &mine.pairs) {
            match ports {
                Ports::Few(few) => {
                    groups.extend(few.iter().map(|(port, finding)| (key, vec![*port], finding)))
                }
                Ports::Many(finding, set) => groups.push((key, set.list(), finding)),
            }
        }
        groups.sort_by(|(a_key, a_ports, a), (b_key, b_ports, b)| {
            let order = (b.severity, b.flows).cmp(&(a.severity, a.flows));
            order.then_with(|| a_key.cmp(b_key)).then_with(|| a_ports.cmp(b_ports))
        });
        groups
    }
}

impl Key {
    /// What makes this flow one with others.
    pub fn of(record: &Record, identity: &Identity, judgement: &Judgement, waiver: Option<usize>) -> Self {
        Self {
            reason: judgement.reason,
            initiator: record.ends[judgement.initiator].address,
            responder: record.ends[judgement.initiator.other()].address,
            transport: record.transport,
            protocol: identity.protocol,
            is_bare: record.payload_bytes.0.iter().all(|&bytes| bytes == 0),
            waiver,
        }
    }

    /// Ports that are listed one by one.
    const fn most_ports(&self) -> usize {
        if self.is_bare { SCAN_PORTS } else { BUSY_PORTS }
    }
}

impl Ports {
    /// Findings that it counts for. It never shrinks, so that what has no place never had one.
    fn weight(&self) -> usize {
        match self {
            Self::Few(few) => few.len(),
            Self::Many(..) => BUSY_PORTS + 1,
        }
    }

    fn absorb(&mut self, other: Self, most: usize) {
        match (&mut *self, other) {
            (Self::Few(mine), Self::Few(theirs)) => {
                for (port, finding) in theirs {
                    match mine.binary_search_by_key(&port, |(port, _)| *port) {
                        Ok(at) => {
                            if let Some((_, mine)) = mine.get_mut(at) {
                                mine.add(finding);
                            }
                        }
                        Err(at) => mine.insert(at, (port, finding)),
                    }
                }
                if mine.len() > most {
                    self.collapse();
                }
            }
            (Self::Many(mine, bits), Self::Many(theirs, their_bits)) => {
                mine.add(*theirs);
                bits.extend(&their_bits);
            }
            (Self::Many(mine, bits), Self::Few(theirs)) => {
                for (port, finding) in theirs {
                    bits.insert(port);
                    mine.add(finding);
                }
            }
            (Self::Few(_), Self::Many(theirs, their_bits)) => {
                self.collapse();
                if let Self::Many(mine, bits) = self {
                    mine.add(*theirs);
                    bits.extend(&their_bits);
                }
            }
        }
    }

    /// Few ports become one finding over all of them.
    fn collapse(&mut self) {
        let Self::Few(few) = self else { return };
        let mut bits = PortBits::new();
        few.iter().for_each(|(port, _)| bits.insert(*port));
        let mut findings = std::mem::take(few).into_iter().map(|(_, finding)| finding);
        if let Some(mut whole) = findings.next() {
            findings.for_each(|finding| whole.add(finding));
            *self = Self::Many(Box::new(whole), bits);
        }
    }

    /// All of it as one finding. A group is never empty.
    fn whole(self) -> Option<Finding> {
        match self {
            Self::Many(finding, _) => Some(*finding),
            Self::Few(few) => few.into_iter().map(|(_, finding)| finding).reduce(|mut whole, finding| {
                whole.add(finding);
                whole
            }),
        }
    }
}

impl Finding {
    fn add(&mut self, other: Self) {
        self.severity = self.severity.max(other.severity);
        self.flows += other.flows;
        self.bytes += other.bytes;
        // `Outcome` is ordered from the furthest to the least known.
        self.outcome = self.outcome.min(other.outcome);
        self.tls |= other.tls;
        self.first_ns = self.first_ns.min(other.first_ns);
        self.last_ns = self.last_ns.max(other.last_ns);
        if (other.example.first_ns, other.example.place) < (self.example.first_ns, self.example.place) {
            self.example = other.example;
        }
    }
}

/// One sentence for a person: who, what, and what the documents say.
pub fn message(policy: &Policy, key: &Key, ports: &[u16], finding: &Finding) -> String {
    let example = &finding.example;
    let who = |roles: &[RoleId], address: Address| match roles {
        [] => address.to_string(),
        roles => {
            let names: Vec<&str> = roles.iter().map(|&role| policy.role(role).name.as_str()).collect();
            format!("{} ({address})", names.join(" / "))
        }
    };
    let (from, to) =
        (who(&example.initiator_roles, key.initiator), who(&example.responder_roles, key.responder));
    let what = match (key.protocol, finding.tls) {
        (Some("tls"), _) => " speaks tls to".to_owned(),
        (Some(protocol), true) => format!(" speaks {protocol} over TLS to"),
        (Some(protocol), false) => format!(" speaks {protocol} to"),
        (None, _) if is_mere_attempt(finding.outcome) => " tries to reach".to_owned(),
        (None, _) => " talks to".to_owned(),
    };
    let on = match ports {
        [port] if key.transport.is_icmp() => format!("{} code {port}", key.transport),
        [port] => format!("{} port {port}", key.transport),
        many => format!("{} {} ports", many.len(), key.transport),
    };
    let because = match (&example.missing, example.nearest.first()) {
        (Some(missing), _) => missing.clone(),
        (None, Some(near)) => {
            let (table, row) = (policy.table_of(near.row), policy.row(near.row));
            format!("{} row {}: {}", table.name, row.id, near.why)
        }
        (None, None) => plainly(key.reason).to_owned(),
    };
    format!("{from}{what} {to} on {on}: {because}")
}

/// One sentence about the findings that have no place in the list.
pub fn rest_message(policy: &Policy, reason: Reason, finding: &Finding) -> String {
    let example = &finding.example;
    let key = Key {
        reason,
        initiator: example.initiator.address,
        responder: example.responder.address,
        transport: example.transport,
        protocol: None,
        is_bare: false,
        waiver: None,
    };
    format!(
        "{} more flows are {}, between ends that the list of findings has no room for; the earliest: {}",
        finding.flows,
        reason.name(),
        message(policy, &key, &[example.responder.port], finding)
    )
}

/// The Community ID of the flow between these ends.
pub fn community_id(transport: Transport, initiator: Endpoint, responder: Endpoint) -> String {
    community::community_id(transport, Pair([initiator, responder]), 0)
}

/// Whether the flows got nowhere.
pub const fn is_mere_attempt(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Refused | Outcome::Unanswered)
}

const fn plainly(reason: Reason) -> &'static str {
    match reason {
        Reason::WrongPort => "no table documents this port",
        Reason::UndocumentedPair => "no row connects these two in either direction",
        Reason::UndocumentedPeer => "no row of this role fits the port and transport",
        _ => "see explain",
    }
}
