//! The facts of a case, one way round: which roles its ends fill, and which rows stand near it.
//!
//! Gathered once; every check looks at the same facts.

use crate::flow::record::Record;
use crate::net::{Endpoint, Side, TimeNs, Transport};
use crate::policy::index::{Known, Mode, NameBook, Policy, RoleId, RowId};
use crate::policy::table::Reading;
use crate::protocol::probe::{Detail, Identity};
use crate::verdict::content::{Content, weigh};

/// One flow before the tables.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    pub policy: &'a Policy,
    pub names: &'a dyn NameBook,
    pub record: &'a Record,
    pub identity: &'a Identity,
    /// What loss or truncation took from its opening, if anything.
    pub hidden: Option<&'static str>,
    /// Flows between addresses without a role are judged too.
    pub judge_all: bool,
}

/// A row whose endpoints, port and transport a flow fits, and what its content says to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fit {
    pub row: RowId,
    /// Which of the row's readings.
    pub reading: usize,
    pub content: Content,
}

/// A flow with `initiator` as the one who began, and the rows around it.
pub struct Facts<'a> {
    pub case: Case<'a>,
    pub initiator: Side,
    /// What the flow shows of its responder.
    known: Known<'a>,
    pub source: Endpoint,
    /// With the port that is reached: behind a service it may be another than the packets name.
    pub destination: Endpoint,
    pub source_roles: Vec<RoleId>,
    pub destination_roles: Vec<RoleId>,
    /// Pair, port and transport fit.
    pub fits: Vec<Fit>,
    /// Pair and port fit, the transport does not.
    pub other_transport: Vec<RowId>,
    /// The pair fits, the port does not.
    pub other_port: Vec<RowId>,
    /// The pair fits, and the row documents no port or refers elsewhere.
    pub portless: Vec<RowId>,
    /// The pair fits the other way round.
    pub reversed: Vec<RowId>,
    /// One end, port and transport fit, content does not speak against it, and the other end's role is bound to no address.
    pub unbound: Vec<RowId>,
    /// Destination, port and transport fit; the source fills no role.
    pub from_unknown: Vec<RowId>,
    /// Source, port and transport fit; the destination fills no role.
    pub to_unknown: Vec<RowId>,
    /// Rows of the one end that fills a role, where the other fills none.
    pub of_peer: Vec<RowId>,
}

impl std::fmt::Debug for Case<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Case")
            .field("record", &self.record)
            .field("identity", &self.identity)
            .field("hidden", &self.hidden)
            .field("judge_all", &self.judge_all)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Facts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Facts")
            .field("source", &self.source)
            .field("destination", &self.destination)
            .field("source_roles", &self.source_roles)
            .field("destination_roles", &self.destination_roles)
            .field("fits", &self.fits)
            .finish_non_exhaustive()
    }
}

impl<'a> Facts<'a> {
    /// The facts of `case` with `initiator` as the one who began.
    pub fn gather(case: Case<'a>, initiator: Side) -> Self {
        let record = case.record;
        let (source, destination) = (record.ends[initiator], record.ends[initiator.other()]);
        let port = case.policy.port_behind(record.transport, destination);
        let destination = Endpoint { port, ..destination };
        let at_ns: TimeNs = record.first_ns;
        let roles =
            |end: Endpoint, known: Known<'_>| case.policy.roles_of(end.address, known, case.names, at_ns);
        let known = Known {
            sni: case.identity.tls.as_ref().and_then(|tls| tls.sni.as_deref()),
            database: match case.identity.details.get("database") {
                Some(Detail::Text(database)) => Some(database),
                _ => None,
            },
        };
        let mut facts = Self {
            case,
            initiator,
            known,
            source,
            destination,
            source_roles: roles(source, Known::default()),
            destination_roles: roles(destination, known),
            fits: Vec::new(),
            other_transport: Vec::new(),
            other_port: Vec::new(),
            portless: Vec::new(),
            reversed: Vec::new(),
            unbound: Vec::new(),
            from_unknown: Vec::new(),
            to_unknown: Vec::new(),
            of_peer: Vec::new(),
        };
        match case.policy.mode() {
            Mode::PortOnly => facts.gather_ports(),
            Mode::Site => facts.gather_rows(),
        }
        facts
    }

    /// Whether neither end fills a role.
    pub fn is_roleless(&self) -> bool {
        self.source_roles.is_empty() && self.destination_roles.is_empty()
    }

    /// Whether the flow is an ICMP error: unreachable, source quench, redirect, time exceeded, parameter problem;
    /// ICMPv6's types 1 to 4 (RFC 792, RFC 4443 section 2.1).
    pub fn is_icmp_error(&self) -> bool {
        match self.case.record.transport {
            Transport::Icmp => matches!(self.source.port, 3 | 4 | 5 | 11 | 12),
            Transport::Icmp6 => matches!(self.source.port, 1..=4),
            _ => false,
        }
    }

    /// The reading that a fit is about.
    pub fn reading(&self, fit: &Fit) -> Option<&'a Reading> {
        self.case.policy.entry(fit.row).readings.get(fit.reading)
    }

    fn gather_ports(&mut self) {
        let (policy, transport, port) = (self.case.policy, self.case.record.transport, self.destination.port);
        for row in policy.rows_on(transport, port) {
            self.take_fit(row);
        }
        if self.fits.is_empty() {
            for other in Transport::ALL.into_iter().filter(|&other| other != transport && !other.is_icmp()) {
                if !transport.is_icmp() {
                    self.other_transport.extend(policy.rows_on(other, port));
                }
            }
        }
    }

    fn gather_rows(&mut self) {
        let policy = self.case.policy;
        for row in self.pair_rows(&self.source_roles, &self.destination_roles) {
            self.take_pair(row);
        }
        for &row in policy.open_rows() {
            if self.is_open_pair(row) {
                self.take_open(row);
            }
        }
        self.fits.sort_by_key(|fit| (fit.row, fit.reading));
        self.fits.dedup();
        self.reversed = self.pair_rows(&self.destination_roles, &self.source_roles);
        match (self.source_roles.is_empty(), self.destination_roles.is_empty()) {
            (true, false) => self.gather_half(true),
            (false, true) => self.gather_half(false),
            _ => {}
        }
    }

    /// Whether the end without a role may fill this one all the same.
    pub fn may_be(&self, role: RoleId, is_source: bool) -> bool {
        let known = if is_source { Known::default() } else { self.known };
        self.case.policy.may_be(role, known, self.case.names, self.case.record.first_ns)
    }

    fn pair_rows(&self, from: &[RoleId], to: &[RoleId]) -> Vec<RowId> {
        let mut rows: Vec<RowId> = from
            .iter()
            .flat_map(|&from| to.iter().map(move |&to| (from, to)))
            .flat_map(|(from, to)| self.case.policy.rows_between(from, to).iter().copied())
            .collect();
        rows.sort_unstable();
        rows.dedup();
        rows
    }

    fn is_open_pair(&self, row: RowId) -> bool {
        let entry = self.case.policy.entry(row);
        let from = entry.from_any || entry.from.iter().any(|role| self.source_roles.contains(role));
        let to = entry.to_any || entry.to.iter().any(|role| self.destination_roles.contains(role));
        from && to
    }

    /// Rows that name any address count where they fit, and never as "this pair, another port".
    fn take_open(&mut self, row: RowId) {
        if self.fits_port(row) {
            self.take_fit(row);
        }
    }

    fn take_pair(&mut self, row: RowId) {
        let entry = self.case.policy.entry(row);
        let (transport, port) = (self.case.record.transport, self.destination.port);
        if entry.readings.is_empty() {
            self.portless.push(row);
        } else if self.fits_port(row) {
            self.take_fit(row);
        } else if !transport.is_icmp() && entry.readings.iter().any(|reading| reading.ports.contains(port)) {
            self.other_transport.push(row);
        } else {
            self.other_port.push(row);
        }
    }

    fn take_fit(&mut self, row: RowId) {
        for (at, reading) in self.case.policy.entry(row).readings.iter().enumerate() {
            if self.meets(reading) {
                self.fits.push(Fit { row, reading: at, content: weigh(reading, &self.case) });
            }
        }
    }

    pub fn fits_port(&self, row: RowId) -> bool {
        self.case.policy.entry(row).readings.iter().any(|reading| self.meets(reading))
    }

    pub fn meets(&self, reading: &Reading) -> bool {
        // For ICMP the initiator's port is the message type, which is what such a reading names.
        let port = if reading.transport.is_icmp() { self.source.port } else { self.destination.port };
        reading.transport == self.case.record.transport
            && (reading.ports.contains(port) || (reading.transport.is_icmp() && reading.ports.is_empty()))
    }

    /// Whether content positively speaks against every reading of the row that fits the port.
    fn is_spoken_against(&self, row: RowId) -> bool {
        let readings = &self.case.policy.entry(row).readings;
        readings.iter().filter(|reading| self.meets(reading)).all(|reading| {
            matches!(weigh(reading, &self.case), Content::Wrong(_) | Content::Plaintext { .. })
        })
    }

    /// One end fills a role, the other none.
    fn gather_half(&mut self, is_source_unknown: bool) {
        let policy = self.case.policy;
        let known = if is_source_unknown { &self.destination_roles } else { &self.source_roles };
        let mut near: Vec<RowId> = known
            .iter()
            .flat_map(|&role| if is_source_unknown { policy.rows_to(role) } else { policy.rows_from(role) })
            .copied()
            .collect();
        near.sort_unstable();
        near.dedup();
        for &row in &near {
            if !self.fits_port(row) {
                continue;
            }
            let entry = policy.entry(row);
            let others = if is_source_unknown { &entry.from } else { &entry.to };
            let is_open = others.iter().any(|&role| self.may_be(role, is_source_unknown));
            if is_open && !self.is_spoken_against(row) {
                self.unbound.push(row);
            } else if is_source_unknown {
                self.from_unknown.push(row);
            } else {
                self.to_unknown.push(row);
            }
        }
        self.of_peer = near;
    }
}
