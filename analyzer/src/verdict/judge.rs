//! Judging one flow: the checks in order, one way round or both.

use crate::flow::initiator::Direction;
use crate::flow::record::{Outcome, Record};
use crate::net::{Pair, Side, Transport};
use crate::policy::index::{Mode, RoleId, RowId};
use crate::policy::table::TlsReading;
use crate::verdict::check::{Found, Near};
use crate::verdict::checks;
use crate::verdict::content::{Content, is_unexpected};
use crate::verdict::facts::{Case, Facts};
use crate::verdict::reason::{Note, Reason, Severity, Verdict};

/// What the tables make of one flow.
#[derive(Clone, Debug)]
pub struct Judgement {
    pub reason: Reason,
    pub severity: Severity,
    /// Who began, as judged, and how that is known.
    pub initiator: Side,
    pub direction: Direction,
    /// The rows that allow it, else the nearest ones and why they do not.
    pub rows: Vec<Near>,
    /// What was missing, where it is undetermined.
    pub missing: Option<String>,
    /// The roles of each side.
    pub roles: Pair<Vec<RoleId>>,
    /// Remarks, each with the row that it is about.
    pub notes: Vec<(Note, RowId)>,
    /// What the flow says of the rows that it fits.
    pub credits: Vec<Credit>,
}

impl Judgement {
    pub fn verdict(&self) -> Verdict {
        self.reason.verdict()
    }
}

/// What a flow says of a row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Credit {
    pub row: RowId,
    /// Which of the row's readings; more than 63 are not told apart.
    pub reading: usize,
    pub kind: CreditKind,
}

/// How a flow met a row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CreditKind {
    /// As documented.
    Met,
    /// As documented, but nobody answered or the answer was no.
    Attempted,
    /// Endpoints, port and transport fit; content departs from the row.
    Deviated,
    /// Endpoints, port and transport fit; content could not be decided.
    Undecided,
}

/// Whether a flow is an attempt: nobody answered it, or the answer was no. One datagram without an answer is none.
pub fn is_attempt(record: &Record) -> bool {
    match record.outcome {
        Outcome::Refused => true,
        Outcome::Unanswered => record.transport == Transport::Tcp,
        Outcome::Established | Outcome::Unknown => false,
    }
}

/// Judges one flow.
pub fn judge(case: Case<'_>) -> Judgement {
    let (initiator, direction) = (case.record.initiator, case.record.direction);
    if direction != Direction::Unseen || case.record.carrier.is_some() {
        return one_way(case, initiator, direction);
    }
    let one = one_way(case, initiator, direction);
    let other = one_way(case, initiator.other(), direction);
    if one.reason == other.reason {
        // Either way round it is the same: the rows of both are near, and neither row is proved.
        return Judgement { credits: Vec::new(), ..one };
    }
    if one.verdict() == other.verdict() {
        return Judgement { credits: Vec::new(), notes: Vec::new(), ..nearer(one, other) };
    }
    uncertain(one, other)
}

/// Of two judgements with one verdict, the one whose reason stands nearer to a row. A wrong direction is never
/// found where nobody saw who began: then the other way round says what is wrong.
fn nearer(one: Judgement, other: Judgement) -> Judgement {
    let place = |judgement: &Judgement| {
        let is_guess = judgement.reason == Reason::WrongDirection;
        (is_guess, checks::ALL.iter().position(|check| check.reason() == judgement.reason))
    };
    if place(&one) <= place(&other) { one } else { other }
}

fn uncertain(one: Judgement, other: Judgement) -> Judgement {
    let rank = |judgement: &Judgement| match judgement.verdict() {
        Verdict::Allowed => 0,
        Verdict::Undetermined => 1,
        Verdict::NotAllowed => 2,
        Verdict::OutOfScope => 3,
    };
    let (better, worse) = if rank(&one) <= rank(&other) { (one, other) } else { (other, one) };
    Judgement {
        missing: Some(format!(
            "who began was not seen: one way round it is {}, the other way {}",
            better.reason.name(),
            worse.reason.name()
        )),
        reason: Reason::DirectionUncertain,
        severity: Severity::Warning,
        credits: Vec::new(),
        notes: Vec::new(),
        ..better
    }
}

fn one_way(case: Case<'_>, initiator: Side, direction: Direction) -> Judgement {
    let facts = Facts::gather(case, initiator);
    let decided = checks::ALL.iter().find_map(|check| Some((check.reason(), check.look(&facts)?)));
    // Every case meets a check: both ends in roles, one, or none. A table that names no role at all leaves none.
    let (reason, found) = decided.unwrap_or((Reason::NoDocumentedRole, Found::default()));
    let mut roles = Pair([Vec::new(), Vec::new()]);
    roles[initiator] = facts.source_roles.clone();
    roles[initiator.other()] = facts.destination_roles.clone();
    Judgement {
        reason,
        severity: severity(reason, found.severity, case.record),
        initiator,
        direction,
        notes: if reason.verdict() == Verdict::Allowed { notes(&facts) } else { Vec::new() },
        credits: credits(&facts, reason),
        rows: found.rows,
        missing: found.missing,
        roles,
    }
}

fn severity(reason: Reason, limit: Option<Severity>, record: &Record) -> Severity {
    let severity = match reason.verdict() {
        Verdict::Allowed | Verdict::OutOfScope => Severity::Note,
        Verdict::Undetermined => Severity::Warning,
        Verdict::NotAllowed if record.transport != Transport::Tcp && record.outcome != Outcome::Refused => {
            Severity::Error
        }
        Verdict::NotAllowed if record.outcome == Outcome::Established => Severity::Error,
        Verdict::NotAllowed => Severity::Warning,
    };
    limit.map_or(severity, |limit| severity.min(limit))
}

fn credits(facts: &Facts<'_>, reason: Reason) -> Vec<Credit> {
    let is_allowed = reason.verdict() == Verdict::Allowed;
    let is_attempt = is_attempt(facts.case.record);
    let mut credits = Vec::new();
    for fit in &facts.fits {
        let kind = match (&fit.content, is_allowed) {
            (Content::Agrees | Content::TransportOnly, _) if is_attempt => CreditKind::Attempted,
            (Content::Agrees | Content::TransportOnly, _) => CreditKind::Met,
            (_, true) => continue,
            (Content::Wrong(_) | Content::Plaintext { .. }, false) => CreditKind::Deviated,
            (Content::Unknown(_) | Content::Hidden(_) | Content::Disputed, false) => CreditKind::Undecided,
        };
        credits.push(Credit { row: fit.row, reading: fit.reading, kind });
        for &row in &facts.case.policy.entry(fit.row).credits {
            if is_behind(facts, row) {
                credits.push(Credit { row, reading: 0, kind });
            }
        }
    }
    credits.sort_unstable();
    credits.dedup();
    credits
}

/// Whether the responder stands behind the translation that `row` describes, and not at its own address.
fn is_behind(facts: &Facts<'_>, row: RowId) -> bool {
    let entry = facts.case.policy.entry(row);
    !entry.from.iter().any(|role| facts.destination_roles.contains(role))
}

fn notes(facts: &Facts<'_>) -> Vec<(Note, RowId)> {
    let policy = facts.case.policy;
    let mut notes = Vec::new();
    for fit in &facts.fits {
        let Some(reading) = facts.reading(fit) else { continue };
        if !matches!(fit.content, Content::Agrees | Content::TransportOnly) {
            // By port alone, rows of other pairs fit too: that they differ is no conflict.
            if policy.mode() == Mode::Site {
                notes.push((Note::DocumentConflict, fit.row));
            }
            continue;
        }
        if reading.tls == TlsReading::Plain && facts.case.identity.tls.is_some() {
            notes.push((Note::TlsWherePlaintext, fit.row));
        }
        if is_unexpected(reading, facts.case.identity) {
            notes.push((Note::UnexpectedProtocol, fit.row));
        }
        let is_inside = policy.row(fit.row).classification.as_deref() == Some("Intra-cluster");
        let is_outside = |address| policy.in_cluster(address) == Some(false);
        if is_inside && (is_outside(facts.source.address) || is_outside(facts.destination.address)) {
            notes.push((Note::ClassificationMismatch, fit.row));
        }
    }
    notes.sort_unstable();
    notes.dedup();
    notes
}
