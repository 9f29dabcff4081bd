//! Findings: departures from the tables, grouped, with their evidence.
//!
//! The groups of two halves of an observation add up to the groups of the whole.

use std::collections::{BTreeMap, BTreeSet};

use crate::flow::community;
use crate::flow::initiator::Direction;
use crate::flow::record::{Outcome, Record};
use crate::net::{Address, Endpoint, Pair, TimeNs, Transport};
use crate::packet::frame::Place;
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

/// Groups kept. A report of more is read by nobody; 50,000 cost about 40 MiB.
pub const MAX_GROUPS: usize = 50_000;

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
    Many(Box<Finding>, BTreeSet<u16>),
}

/// All groups of one observation, or of a part of it.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    pairs: BTreeMap<Key, Ports>,
    /// Flows that belong to no group because there were [`MAX_GROUPS`], by reason.
    pub turned_away: BTreeMap<Reason, u64>,
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
        let key = Key {
            reason: judgement.reason,
            initiator: record.ends[source].address,
            responder: record.ends[destination].address,
            transport: record.transport,
            protocol: identity.protocol,
            is_bare: record.payload_bytes.0.iter().all(|&bytes| bytes == 0),
            waiver,
        };
        if self.pairs.len() >= MAX_GROUPS && !self.pairs.contains_key(&key) {
            *self.turned_away.entry(key.reason).or_default() += 1;
            return;
        }
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
        let port = record.ends[destination].port;
        let most = key.most_ports();
        self.pairs.entry(key).or_insert_with(|| Ports::Few(Vec::new())).insert(port, finding, most);
    }

    /// Adds the groups of another part of the observation.
    pub fn add(&mut self, other: Self) {
        for (key, ports) in other.pairs {
            if self.pairs.len() >= MAX_GROUPS && !self.pairs.contains_key(&key) {
                *self.turned_away.entry(key.reason).or_default() += ports.flows();
                continue;
            }
            let mine = self.pairs.entry(key).or_insert_with(|| Ports::Few(Vec::new()));
            match ports {
                Ports::Few(few) => {
                    few.into_iter().for_each(|(port, finding)| mine.insert(port, finding, key.most_ports()))
                }
                Ports::Many(finding, set) => mine.absorb(*finding, set),
            }
        }
        for (reason, flows) in other.turned_away {
            *self.turned_away.entry(reason).or_default() += flows;
        }
    }

    /// Every group: its key, its ports (one, or those of a scan), and what was found; the gravest first,
    /// then those with the most flows, then by key.
    pub fn groups(&self) -> Vec<(Key, Vec<u16>, &Finding)> {
        let mut groups: Vec<(Key, Vec<u16>, &Finding)> = Vec::new();
        for (&key, ports) in &self.pairs {
            match ports {
                Ports::Few(few) => {
                    groups.extend(few.iter().map(|(port, finding)| (key, vec![*port], finding)))
                }
                Ports::Many(finding, set) => groups.push((key, set.iter().copied().collect(), finding)),
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
    /// Ports that are listed one by one.
    const fn most_ports(&self) -> usize {
        if self.is_bare { SCAN_PORTS } else { BUSY_PORTS }
    }
}

impl Ports {
    fn insert(&mut self, port: u16, finding: Finding, most: usize) {
        match self {
            Self::Few(few) => {
                match few.binary_search_by_key(&port, |(port, _)| *port) {
                    Ok(at) => {
                        if let Some((_, mine)) = few.get_mut(at) {
                            mine.add(finding);
                        }
                    }
                    Err(at) => {
                        if few.is_empty() {
                            few.reserve_exact(1);
                        }
                        few.insert(at, (port, finding));
                    }
                }
                self.collapse(most);
            }
            Self::Many(mine, set) => {
                mine.add(finding);
                set.insert(port);
            }
        }
    }

    fn collapse(&mut self, most: usize) {
        let Self::Few(few) = self else { return };
        if few.len() <= most {
            return;
        }
        let set: BTreeSet<u16> = few.iter().map(|(port, _)| *port).collect();
        let mut findings = std::mem::take(few).into_iter().map(|(_, finding)| finding);
        if let Some(mut whole) = findings.next() {
            findings.for_each(|finding| whole.add(finding));
            *self = Self::Many(Box::new(whole), set);
        }
    }

    fn absorb(&mut self, finding: Finding, set: BTreeSet<u16>) {
        match self {
            Self::Many(mine, mine_set) => {
                mine.add(finding);
                mine_set.extend(set);
            }
            Self::Few(few) => {
                let mut set = set;
                set.extend(few.iter().map(|(port, _)| *port));
                let mut whole = finding;
                std::mem::take(few).into_iter().for_each(|(_, finding)| whole.add(finding));
                *self = Self::Many(Box::new(whole), set);
            }
        }
    }

    fn flows(&self) -> u64 {
        match self {
            Self::Few(few) => few.iter().map(|(_, finding)| finding.flows).sum(),
            Self::Many(finding, _) => finding.flows,
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
