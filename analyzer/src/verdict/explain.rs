//! Why one flow got its verdict: every candidate row, and what in it fits and what does not.

use crate::policy::index::{Mode, RoleId, RowId};
use crate::policy::table::{Reading, TlsReading};
use crate::verdict::content::{Content, weigh};
use crate::verdict::facts::Facts;

/// A candidate row and what was found when the flow was held against it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Candidate {
    pub row: RowId,
    /// Everything fits.
    pub allows: bool,
    /// (what was compared, whether it fits, in words), in the order of judging.
    pub points: Vec<Point>,
}

/// One comparison.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Point {
    pub fits: bool,
    pub words: String,
}

/// Every row that shares an end, or else the port, with the flow; best fitting first, then in printed order.
pub fn candidates(facts: &Facts<'_>) -> Vec<Candidate> {
    let policy = facts.case.policy;
    let mut rows: Vec<RowId> = policy.rows_on(facts.case.record.transport, facts.destination.port);
    for &role in facts.source_roles.iter().chain(&facts.destination_roles) {
        rows.extend(policy.rows_from(role));
        rows.extend(policy.rows_to(role));
    }
    rows.sort_unstable();
    rows.dedup();
    let mut candidates: Vec<Candidate> = rows.into_iter().map(|row| candidate(facts, row)).collect();
    let misses = |candidate: &Candidate| candidate.points.iter().filter(|point| !point.fits).count();
    candidates.sort_by_key(|candidate| (misses(candidate), candidate.row));
    candidates
}

fn candidate(facts: &Facts<'_>, row: RowId) -> Candidate {
    let policy = facts.case.policy;
    let entry = policy.entry(row);
    let mut points = Vec::new();
    if policy.mode() == Mode::Site {
        points.push(end(facts, "source", &entry.from, entry.from_any, &facts.source_roles));
        points.push(end(facts, "destination", &entry.to, entry.to_any, &facts.destination_roles));
    }
    points.push(port(facts, row));
    if points.iter().all(|point| point.fits) {
        points.push(content(facts, row));
    }
    Candidate { row, allows: points.iter().all(|point| point.fits), points }
}

fn end(facts: &Facts<'_>, which: &str, wanted: &[RoleId], any: bool, filled: &[RoleId]) -> Point {
    let policy = facts.case.policy;
    let names = |roles: &[RoleId]| {
        let names: Vec<&str> = roles.iter().map(|&role| policy.role(role).name.as_str()).collect();
        names.join(" / ")
    };
    let is_bound = wanted.iter().any(|&role| policy.role(role).is_bound);
    let fits = any || wanted.iter().any(|role| filled.contains(role));
    let found = if filled.is_empty() { "fills no role".to_owned() } else { format!("is {}", names(filled)) };
    let mut words = match any {
        true => format!("{which}: any address"),
        false => format!("{which}: the row wants {}, the address {found}", names(wanted)),
    };
    if !fits && !is_bound {
        words.push_str("; the site file binds that role to no address");
    }
    Point { fits, words }
}

fn port(facts: &Facts<'_>, row: RowId) -> Point {
    let entry = facts.case.policy.entry(row);
    let (transport, port) = (facts.case.record.transport, facts.destination.port);
    if entry.readings.is_empty() {
        return Point { fits: false, words: "port: the row documents none".to_owned() };
    }
    let wanted: Vec<String> =
        entry.readings.iter().map(|reading| format!("{} {}", reading.transport, reading.ports)).collect();
    Point {
        fits: facts.fits_port(row),
        words: format!("port: the row wants {}, the flow is to {transport} {port}", wanted.join(" or ")),
    }
}

fn content(facts: &Facts<'_>, row: RowId) -> Point {
    let readings = &facts.case.policy.entry(row).readings;
    let mut best: Option<Point> = None;
    for reading in readings.iter().filter(|reading| facts.meets(reading)) {
        let (fits, found) = match weigh(reading, &facts.case) {
            Content::Agrees => (true, "it agrees".to_owned()),
            Content::TransportOnly => (true, "there was no payload".to_owned()),
            Content::Unknown(missing) | Content::Hidden(missing) => (false, missing),
            Content::Disputed => (false, "plaintext, and the documents disagree on encryption".to_owned()),
            Content::Wrong(protocol) => (false, format!("the payload is {protocol}")),
            Content::Plaintext { .. } => (false, "the payload is plaintext".to_owned()),
        };
        let wanted = wanted(reading);
        let point = Point { fits, words: format!("content: the row wants {wanted}; {found}") };
        if best.as_ref().is_none_or(|best| !best.fits && fits) {
            best = Some(point);
        }
    }
    best.unwrap_or(Point { fits: false, words: "content: no reading fits".to_owned() })
}

fn wanted(reading: &Reading) -> String {
    let protocols =
        if reading.protocols.is_empty() { "any content".to_owned() } else { reading.protocols.join(" or ") };
    match reading.tls {
        TlsReading::Required => format!("{protocols} over TLS"),
        TlsReading::Expected | TlsReading::Disputed => format!("{protocols}, over TLS where possible"),
        TlsReading::Either | TlsReading::Plain => protocols,
    }
}
