//! Row coverage: for each printed row, what the capture showed of it.
//!
//! A tally of two halves is the sum of the tallies of each.

use std::collections::BTreeSet;

use hdrhistogram::Histogram;

use crate::flow::record::Record;
use crate::net::TimeNs;
use crate::policy::index::{Policy, RoleId, RowId};
use crate::policy::table::Needs;
use crate::verdict::judge::{CreditKind, Judgement};

/// The longest time that a histogram tells apart, in microseconds: an hour. Longer ones count as an hour.
const LONGEST_US: u64 = 3_600_000_000;

/// Significant decimal digits of a histogram: two cost 10 KiB a histogram and keep every figure within 1 %.
const DIGITS: u8 = 2;

/// One status for each printed row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Status {
    Seen,
    SeenWithDeviation,
    AttemptedOnly,
    NotSeen,
    NotObservable,
}

impl Status {
    pub const ALL: [Self; 5] =
        [Self::Seen, Self::SeenWithDeviation, Self::AttemptedOnly, Self::NotSeen, Self::NotObservable];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::SeenWithDeviation => "seen-with-deviation",
            Self::AttemptedOnly => "attempted-only",
            Self::NotSeen => "not-seen",
            Self::NotObservable => "not-observable",
        }
    }
}

/// What was met of one row.
#[derive(Clone, Debug, Default)]
pub struct RowTally {
    pub flows: u64,
    pub bytes: u64,
    pub attempts: u64,
    pub deviations: u64,
    pub undecided: u64,
    pub first_ns: Option<TimeNs>,
    pub last_ns: Option<TimeNs>,
    /// Bit `n`: the row's reading `n` was met.
    readings_met: u64,
    pub handshake_us: Times,
    pub response_us: Times,
}

/// A histogram that costs nothing while it is empty.
#[derive(Clone, Debug, Default)]
pub struct Times(Option<Box<Histogram<u32>>>);

impl Times {
    fn record(&mut self, nanoseconds: u64) {
        if self.0.is_none() {
            self.0 = Histogram::new_with_max(LONGEST_US, DIGITS).ok().map(Box::new);
        }
        if let Some(histogram) = &mut self.0 {
            histogram.saturating_record((nanoseconds / 1000).max(1));
        }
    }

    fn add(&mut self, other: &Self) {
        match (&mut self.0, &other.0) {
            (Some(mine), Some(theirs)) => {
                // Both were made with the same bounds, so that adding cannot fail.
                let _ = mine.add(theirs.as_ref());
            }
            (mine @ None, Some(theirs)) => *mine = Some(theirs.clone()),
            (_, None) => {}
        }
    }

    /// p50, p90, p99 and maximum in microseconds; `None` where nothing was measured.
    pub fn quantiles(&self) -> Option<[u64; 4]> {
        let histogram = self.0.as_deref()?;
        let at = |quantile| histogram.value_at_quantile(quantile).min(histogram.max());
        Some([at(0.50), at(0.90), at(0.99), histogram.max()])
    }

    /// (upper bound in microseconds, count) of the buckets in use, ascending.
    pub fn buckets(&self) -> Vec<(u64, u64)> {
        let Some(histogram) = self.0.as_deref() else { return Vec::new() };
        histogram
            .iter_recorded()
            .map(|step| (step.value_iterated_to(), step.count_since_last_iteration()))
            .collect()
    }
}

/// What was met of every row, and which roles took part in anything.
#[derive(Clone, Debug)]
pub struct Coverage {
    rows: Vec<RowTally>,
    roles_seen: BTreeSet<RoleId>,
}

impl Coverage {
    /// Nothing met of any row of `policy`.
    pub fn new(policy: &Policy) -> Self {
        Self { rows: policy.row_ids().map(|_| RowTally::default()).collect(), roles_seen: BTreeSet::new() }
    }

    /// Counts one judged flow.
    pub fn count(&mut self, record: &Record, judgement: &Judgement) {
        for roles in &judgement.roles.0 {
            self.roles_seen.extend(roles);
        }
        let mut last: Option<(RowId, CreditKind)> = None;
        for credit in &judgement.credits {
            let Some(tally) = self.rows.get_mut(credit.row.place()) else { continue };
            if credit.kind == CreditKind::Met {
                tally.readings_met |= 1u64.checked_shl(credit.reading as u32).unwrap_or_default();
            }
            // Two readings of one row met by one flow are one flow.
            if last.is_some_and(|(row, kind)| row == credit.row && kind == credit.kind) {
                continue;
            }
            last = Some((credit.row, credit.kind));
            tally.count(record, credit.kind);
        }
    }

    /// Adds what another part of the observation met.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.rows.iter_mut().zip(&other.rows) {
            mine.add(theirs);
        }
        self.roles_seen.extend(&other.roles_seen);
    }

    /// The tally of every row, in order.
    pub fn rows<'a>(&'a self, policy: &'a Policy) -> impl Iterator<Item = (RowId, &'a RowTally)> {
        policy.row_ids().zip(&self.rows)
    }

    /// Whether any flow had the role at an end.
    pub fn is_role_seen(&self, role: RoleId) -> bool {
        self.roles_seen.contains(&role)
    }

    /// A row's status, and why where that needs saying.
    pub fn status(&self, policy: &Policy, id: RowId, tally: &RowTally) -> (Status, Option<String>) {
        if let Some(why) = not_observable(policy, id)
            && tally.flows == 0
            && tally.attempts == 0
            && tally.deviations == 0
        {
            return (Status::NotObservable, Some(why.to_owned()));
        }
        if tally.deviations > 0 {
            let why = match tally.flows {
                0 => format!("{} from the row, none agrees", flows_do(tally.deviations, "depart")),
                met => format!(
                    "{}, {} from the row",
                    flows_do(met, "agree"),
                    flows_do(tally.deviations, "depart")
                ),
            };
            return (Status::SeenWithDeviation, Some(why));
        }
        if tally.flows > 0 {
            return match self.unmet_readings(policy, id, tally) {
                Some(why) => (Status::SeenWithDeviation, Some(why)),
                None => (Status::Seen, None),
            };
        }
        if tally.undecided > 0 {
            let why =
                format!("{} it, with content that could not be decided", flows_do(tally.undecided, "fit"));
            return (Status::SeenWithDeviation, Some(why));
        }
        if tally.attempts > 0 {
            return (
                Status::AttemptedOnly,
                Some(format!("{} without an answer, or refused", flows(tally.attempts))),
            );
        }
        (Status::NotSeen, self.why_not_seen(policy, id))
    }

    fn unmet_readings(&self, policy: &Policy, id: RowId, tally: &RowTally) -> Option<String> {
        let entry = policy.entry(id);
        if policy.row(id).needs != Needs::All {
            return None;
        }
        let unmet: Vec<String> = entry
            .readings
            .iter()
            .enumerate()
            .filter(|(at, _)| tally.readings_met & 1u64.checked_shl(*at as u32).unwrap_or_default() == 0)
            .map(|(_, reading)| format!("{} {}", reading.transport, reading.ports))
            .collect();
        (!unmet.is_empty())
            .then(|| format!("the row needs all of its ports, and {} was not met", unmet.join(", ")))
    }

    fn why_not_seen(&self, policy: &Policy, id: RowId) -> Option<String> {
        let entry = policy.entry(id);
        let is_seen =
            |roles: &[RoleId], any: bool| any || roles.iter().any(|role| self.roles_seen.contains(role));
        policy.site()?;
        let said = match (is_seen(&entry.from, entry.from_any), is_seen(&entry.to, entry.to_any)) {
            (true, true) => "both ends were seen, not this connection",
            (true, false) => "its source was seen, its destination was not",
            (false, true) => "its destination was seen, its source was not",
            (false, false) => "neither of its ends was seen",
        };
        Some(said.to_owned())
    }
}

fn flows(count: u64) -> String {
    if count == 1 { "1 flow".to_owned() } else { format!("{count} flows") }
}

/// `1 flow agrees`, `2 flows agree`.
fn flows_do(count: u64, verb: &str) -> String {
    format!("{} {verb}{}", flows(count), if count == 1 { "s" } else { "" })
}

/// Why no packet could show a row from here; `None` where one could.
fn not_observable(policy: &Policy, id: RowId) -> Option<&'static str> {
    let (entry, row) = (policy.entry(id), policy.row(id));
    if row.refers_to.is_some() && entry.readings.is_empty() {
        return Some("documented-elsewhere");
    }
    if entry.is_logical {
        let is_printed_logical =
            row.port.as_deref().is_some_and(|port| port.to_ascii_lowercase().contains("logical"));
        return Some(if is_printed_logical { "logical-only" } else { "no-port" });
    }
    policy.site()?;
    let is_unbound =
        |roles: &[RoleId], any: bool| !any && !roles.iter().any(|&role| policy.role(role).is_bound);
    if is_unbound(&entry.from, entry.from_any) || is_unbound(&entry.to, entry.to_any) {
        return Some("unbound-endpoint");
    }
    (row.same_host || is_same_host(policy, id)).then_some("same-host")
}

/// Whether both ends are bound to one and the same single address: such a connection crosses no wire.
fn is_same_host(policy: &Policy, id: RowId) -> bool {
    let entry = policy.entry(id);
    let hosts = |roles: &[RoleId]| -> Option<BTreeSet<std::net::IpAddr>> {
        let mut hosts = BTreeSet::new();
        for &role in roles {
            let role = policy.role(role);
            if role.is_named {
                return None;
            }
            for network in &role.networks {
                if network.prefix_len() != network.max_prefix_len() {
                    return None;
                }
                hosts.insert(network.addr());
            }
        }
        Some(hosts)
    };
    match (hosts(&entry.from), hosts(&entry.to)) {
        (Some(from), Some(to)) => from.len() == 1 && from == to,
        _ => false,
    }
}

impl RowTally {
    fn count(&mut self, record: &Record, kind: CreditKind) {
        match kind {
            CreditKind::Met => self.flows += 1,
            CreditKind::Attempted => self.attempts += 1,
            CreditKind::Deviated => self.deviations += 1,
            CreditKind::Undecided => self.undecided += 1,
        }
        self.first_ns = Some(self.first_ns.map_or(record.first_ns, |first| first.min(record.first_ns)));
        self.last_ns = Some(self.last_ns.map_or(record.last_ns, |last| last.max(record.last_ns)));
        if kind == CreditKind::Met {
            self.bytes += record.bytes.0.iter().sum::<u64>();
            if let Some(handshake) = record.handshake_ns {
                self.handshake_us.record(handshake);
            }
            if let Some(response) = record.response_ns {
                self.response_us.record(response);
            }
        }
    }

    fn add(&mut self, other: &Self) {
        self.flows += other.flows;
        self.bytes += other.bytes;
        self.attempts += other.attempts;
        self.deviations += other.deviations;
        self.undecided += other.undecided;
        self.readings_met |= other.readings_met;
        self.first_ns = [self.first_ns, other.first_ns].into_iter().flatten().min();
        self.last_ns = self.last_ns.max(other.last_ns);
        self.handshake_us.add(&other.handshake_us);
        self.response_us.add(&other.response_us);
    }
}
