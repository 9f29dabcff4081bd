//! From an audit's outcome to its written shape.

use std::collections::BTreeMap;

use crate::audit::Outcome;
use crate::net::{Address, Endpoint, Place};
use crate::policy::index::{Policy, RoleId, RowId};
use crate::policy::print::reading_in_words;
use crate::report::model::{
    Capture, End, Example, Finding, Near, Quantiles, Remark, Report, Role, RowCoverage, SCHEMA, Settings,
    SiteRef, Summary, TableRef, Tool, Waived, Window,
};
use crate::report::time::rfc3339;
use crate::verdict::coverage::{RowTally, Status, Times};
use crate::verdict::finding::{self, Key, message};
use crate::verdict::reason::{Reason, Severity, Verdict};
use crate::verdict::waiver;

/// What the caller knows beyond the audit.
#[derive(Clone, Debug, Default)]
pub struct Context {
    pub captures: Vec<Capture>,
    pub judge_all: bool,
    pub filter: Option<String>,
    /// What of the sandbox did not hold.
    pub sandbox: Option<String>,
    pub settings: Settings,
    /// SHA-256 of the executable.
    pub tool_sha256: Option<String>,
    /// Of a live audit.
    pub window: Option<Window>,
}

/// The report of an audit.
pub fn report(outcome: &Outcome, policy: &Policy, context: Context) -> Report {
    let mut captures = context.captures;
    for (at, said) in outcome.said_of_frames() {
        if let Some(capture) = captures.get_mut(usize::from(at)) {
            let list = if said.is_decoded { &mut capture.problems } else { &mut capture.undecoded };
            list.insert(said.reason, said.count);
        }
    }
    let coverage = rows(outcome, policy);
    let mut findings = listed(&outcome.findings, policy);
    findings.extend(rest(outcome, policy));
    findings.extend(expired(outcome, policy));
    Report {
        schema: SCHEMA.to_owned(),
        tool: Tool {
            name: "uncharted".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            sha256: context.tool_sha256,
        },
        captures,
        tables: policy.tables().iter().map(table_ref).collect(),
        site: policy.site().map(|site| SiteRef { path: site.path.clone(), sha256: site.sha256.clone() }),
        mode: policy.mode().name().to_owned(),
        scope: if context.judge_all { "all" } else { "documented" }.to_owned(),
        filter: context.filter,
        settings: context.settings,
        window: context.window,
        summary: summary(outcome, &coverage),
        findings,
        notes: remarks(outcome, policy),
        coverage,
        roles: roles(outcome, policy),
        rests_on: outcome.rests.iter().map(|(rest, &flows)| (rest.name().to_owned(), flows)).collect(),
        sandbox: context.sandbox,
        turned_away: turned_away(outcome),
    }
}

fn table_ref(table: &crate::policy::table::Table) -> TableRef {
    TableRef {
        name: table.name.clone(),
        document: table.document.clone(),
        sha256: table.sha256.clone(),
        rows: table.rows.len() as u64,
    }
}

fn summary(outcome: &Outcome, coverage: &[RowCoverage]) -> Summary {
    let mut rows: BTreeMap<String, u64> =
        Status::ALL.iter().map(|status| (status.name().to_owned(), 0)).collect();
    for row in coverage {
        *rows.entry(row.status.clone()).or_default() += 1;
    }
    Summary {
        packets: outcome.packets,
        flows: outcome.flows,
        allowed: outcome.verdicts(Verdict::Allowed),
        not_allowed: outcome.verdicts(Verdict::NotAllowed),
        undetermined: outcome.verdicts(Verdict::Undetermined),
        out_of_scope: outcome.verdicts(Verdict::OutOfScope),
        waived: outcome.waived,
        duplicates: outcome.duplicates,
        reasons: outcome.reasons.iter().map(|(reason, &flows)| (reason.name().to_owned(), flows)).collect(),
        rows,
    }
}

/// Findings as they are written, the gravest first.
pub fn listed(findings: &finding::Findings, policy: &Policy) -> Vec<Finding> {
    findings.groups().into_iter().map(|(key, ports, found)| written(policy, &key, &ports, found)).collect()
}

/// Findings beyond those that are listed, one a reason.
fn rest(outcome: &Outcome, policy: &Policy) -> Vec<Finding> {
    let written = outcome.findings.rest().map(|((reason, waiver), found)| {
        let example = &found.example;
        let key = Key {
            reason,
            initiator: example.initiator.address,
            responder: example.responder.address,
            transport: example.transport,
            protocol: None,
            is_bare: false,
            waiver,
        };
        let message = finding::rest_message(policy, reason, found);
        Finding { message, ..written(policy, &key, &[example.responder.port], found) }
    });
    written.collect()
}

fn written(policy: &Policy, key: &Key, ports: &[u16], found: &finding::Finding) -> Finding {
    let example = &found.example;
    let waived = key.waiver.and_then(|at| policy.waivers().get(at)).map(|waiver| Waived {
        because: waiver.because.clone(),
        owner: waiver.owner.clone(),
        until: waiver.until.clone(),
    });
    let severity = if waived.is_some() { Severity::Note } else { found.severity };
    Finding {
        verdict: key.reason.verdict().name().to_owned(),
        reason: key.reason.name().to_owned(),
        severity: severity.name().to_owned(),
        flows: found.flows,
        bytes: found.bytes,
        outcome: found.outcome.name().to_owned(),
        initiator: end(policy, example.initiator, &example.initiator_roles),
        responder: end(policy, example.responder, &example.responder_roles),
        ports: if ports.len() > 1 { ports.to_vec() } else { Vec::new() },
        transport: key.transport.name().to_owned(),
        protocol: key.protocol.map(str::to_owned),
        tls: found.tls,
        direction: example.direction.name().to_owned(),
        nearest: example
            .nearest
            .iter()
            .map(|near| Near {
                table: policy.table_of(near.row).name.clone(),
                row: policy.row(near.row).id.clone(),
                why: near.why.clone(),
            })
            .collect(),
        missing: example.missing.clone(),
        first_seen: rfc3339(found.first_ns),
        last_seen: rfc3339(found.last_ns),
        example: place(example.place),
        message: message(policy, key, ports, found),
        community_id: finding::community_id(key.transport, example.initiator, example.responder),
        waived,
        said: example.said.iter().map(|(name, text)| ((*name).to_owned(), text.clone())).collect(),
        evidence: None,
    }
}

fn place(place: Place) -> Example {
    Example { capture: u64::from(place.capture()), frame: place.frame() }
}

fn end(policy: &Policy, endpoint: Endpoint, roles: &[RoleId]) -> End {
    let mut names: Vec<String> = roles.iter().map(|&role| policy.role(role).name.clone()).collect();
    names.dedup();
    End { address: endpoint.address.to_string(), port: endpoint.port, roles: names }
}

/// Waivers whose last day was over when the observation ended.
fn expired(outcome: &Outcome, policy: &Policy) -> Vec<Finding> {
    let Some(last_ns) = outcome.last_ns else { return Vec::new() };
    let nobody = || End { address: String::new(), port: 0, roles: Vec::new() };
    policy
        .waivers()
        .iter()
        .filter(|waiver| waiver::is_past(waiver, last_ns))
        .map(|waiver| Finding {
            verdict: Reason::WaiverExpired.verdict().name().to_owned(),
            reason: Reason::WaiverExpired.name().to_owned(),
            severity: Severity::Warning.name().to_owned(),
            flows: 0,
            bytes: 0,
            outcome: "unknown".to_owned(),
            initiator: nobody(),
            responder: nobody(),
            ports: Vec::new(),
            transport: "tcp".to_owned(),
            protocol: None,
            tls: false,
            direction: "unseen".to_owned(),
            nearest: Vec::new(),
            missing: None,
            first_seen: rfc3339(outcome.first_ns.unwrap_or(last_ns)),
            last_seen: rfc3339(last_ns),
            example: Example { capture: 0, frame: 0 },
            message: format!(
                "the waiver of {} at line {} of the site file ended on {}: {} ({})",
                waiver.reason,
                waiver.line,
                waiver.until.as_deref().unwrap_or("an unknown day"),
                waiver.because,
                waiver.owner
            ),
            community_id: String::new(),
            waived: None,
            said: BTreeMap::new(),
            evidence: None,
        })
        .collect()
}

fn remarks(outcome: &Outcome, policy: &Policy) -> Vec<Remark> {
    let written = outcome.remarks.iter().map(|(&(note, row, source, destination), tally)| {
        let [source_roles, destination_roles] = &tally.roles;
        let at = |address: Address, port| Endpoint { address, port };
        Remark {
            note: note.name().to_owned(),
            table: policy.table_of(row).name.clone(),
            row: policy.row(row).id.clone(),
            flows: tally.flows,
            initiator: end(policy, at(source, tally.ports.0), source_roles),
            responder: end(policy, at(destination, tally.ports.1), destination_roles),
            example: place(tally.example.1),
        }
    });
    written.collect()
}

fn rows(outcome: &Outcome, policy: &Policy) -> Vec<RowCoverage> {
    outcome.coverage.rows(policy).map(|(id, tally)| row(outcome, policy, id, tally)).collect()
}

fn row(outcome: &Outcome, policy: &Policy, id: RowId, tally: &RowTally) -> RowCoverage {
    let (printed, entry) = (policy.row(id), policy.entry(id));
    let (status, why) = outcome.coverage.status(policy, id, tally);
    let same_as = entry.same_as.iter().map(|&other| {
        let id = policy.row(other).id.clone();
        if policy.entry(other).table == entry.table {
            id
        } else {
            format!("{}:{id}", policy.table_of(other).name)
        }
    });
    RowCoverage {
        table: policy.table_of(id).name.clone(),
        row: printed.id.clone(),
        source: printed.source.clone(),
        destination: printed.destination.clone(),
        protocol: printed.protocol.clone(),
        port: printed.port.clone(),
        classification: printed.classification.clone(),
        data: printed.data.clone(),
        from: printed.from.clone(),
        to: printed.to.clone(),
        reading: entry.readings.iter().map(reading_in_words).collect(),
        reading_note: printed.note.clone(),
        status: status.name().to_owned(),
        why,
        flows: tally.flows,
        bytes: tally.bytes,
        attempts: tally.attempts,
        deviations: tally.deviations,
        undecided: tally.undecided,
        first_seen: tally.first_ns.map(rfc3339),
        last_seen: tally.last_ns.map(rfc3339),
        handshake_us: quantiles(&tally.handshake_us),
        response_us: quantiles(&tally.response_us),
        response_buckets: tally.response_us.buckets(),
        same_as: same_as.collect(),
    }
}

fn quantiles(times: &Times) -> Option<Quantiles> {
    times.quantiles().map(|[p50, p90, p99, max]| Quantiles { p50, p90, p99, max })
}

fn roles(outcome: &Outcome, policy: &Policy) -> Vec<Role> {
    policy
        .role_ids()
        .map(|id| {
            let role = policy.role(id);
            Role {
                name: role.name.clone(),
                bound: role.is_bound,
                addresses: role.networks.iter().map(ToString::to_string).collect(),
                seen: outcome.coverage.is_role_seen(id),
            }
        })
        .collect()
}

fn turned_away(outcome: &Outcome) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    if outcome.evicted > 0 {
        counts.insert("flows judged early because the flow table was full".to_owned(), outcome.evicted);
    }
    let groups: u64 = outcome.findings.rest().map(|(_, found)| found.flows).sum();
    if groups > 0 {
        counts.insert("flows left out of the list of findings because it was full".to_owned(), groups);
    }
    if outcome.remarks_left_out > 0 {
        counts.insert(
            "flows left out of the list of notes because it was full".to_owned(),
            outcome.remarks_left_out,
        );
    }
    if outcome.names.turned_away > 0 {
        counts.insert(
            "DNS answers left out because their name had too many addresses".to_owned(),
            outcome.names.turned_away,
        );
    }
    counts
}
