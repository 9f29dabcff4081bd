//! Which findings are told, and when: the first of a group at once, then how many more, once in a while.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::audit::Certain;
use crate::net::TimeNs;
use crate::policy::index::Policy;
use crate::report::build::listed;
use crate::report::model::Finding;
use crate::report::time::rfc3339;
use crate::report::words::safe_json;
use crate::verdict::finding::{Findings, Key, SCAN_PORTS};
use crate::verdict::reason::Severity;

/// Groups remembered as told. 50,000 cost about 8 MB; of more, only the counts are told.
const MAX_GROUPS: usize = 50_000;

/// Lines told at once in a second; more than that nobody reads, and they wait for the next counts.
const LINES_PER_SECOND: u32 = 200;

/// Lines of counts at one time, the gravest first.
const COUNT_LINES: usize = 1000;

/// A group without flows for this many intervals is told anew.
const FORGET_INTERVALS: u64 = 10;

const SECOND_NS: u64 = 1_000_000_000;

/// What is told at once and what waits.
#[derive(Debug)]
pub struct Teller {
    every_ns: u64,
    told: BTreeMap<(Key, Severity), Told>,
    waiting: Findings,
    waiting_flows: u64,
    flushed_ns: TimeNs,
    second: (TimeNs, u32),
}

#[derive(Debug, Default)]
struct Told {
    ports: BTreeSet<u16>,
    last_ns: TimeNs,
}

/// One line of NDJSON.
#[derive(Serialize)]
struct Line<'a> {
    event: &'static str,
    time: String,
    interface: &'a str,
    /// The flow was told of before, as less grave.
    again: bool,
    #[serde(flatten)]
    finding: &'a Finding,
}

/// What no line was written for.
#[derive(Serialize)]
struct More {
    event: &'static str,
    time: String,
    groups: u64,
    flows: u64,
}

impl Teller {
    /// Counts are told every so often.
    pub fn new(every_ns: u64, now_ns: TimeNs) -> Self {
        Self {
            every_ns: every_ns.max(SECOND_NS),
            told: BTreeMap::new(),
            waiting: Findings::default(),
            waiting_flows: 0,
            flushed_ns: now_ns,
            second: (0, 0),
        }
    }

    /// Takes a finding; the line to write where it is the first of its group.
    pub fn take(
        &mut self,
        certain: Certain,
        policy: &Policy,
        interfaces: &[String],
        now_ns: TimeNs,
    ) -> Option<String> {
        let Certain { flow, is_again, .. } = certain;
        let key = Key::of(&flow.record, &flow.identity, &flow.judgement, None);
        let port = flow.record.ends[flow.judgement.initiator.other()].port;
        let is_first = self.is_first(key, flow.judgement.severity, port, now_ns);
        if !is_first || !self.may_write(now_ns) {
            self.waiting_flows += 1;
            self.waiting.count(&flow.record, &flow.identity, flow.judgement, None);
            return None;
        }
        let mut one = Findings::default();
        one.count(&flow.record, &flow.identity, flow.judgement, None);
        listed(&one, policy).first().map(|finding| line("finding", finding, is_again, interfaces, now_ns))
    }

    /// The counts of what was not told at once, where it is time.
    pub fn counts(&mut self, policy: &Policy, interfaces: &[String], now_ns: TimeNs) -> Vec<String> {
        if now_ns.saturating_sub(self.flushed_ns) < self.every_ns {
            return Vec::new();
        }
        self.flush(policy, interfaces, now_ns)
    }

    /// The same, now.
    pub fn flush(&mut self, policy: &Policy, interfaces: &[String], now_ns: TimeNs) -> Vec<String> {
        self.flushed_ns = now_ns;
        let forget_ns = now_ns.saturating_sub(FORGET_INTERVALS.saturating_mul(self.every_ns));
        self.told.retain(|_, told| told.last_ns >= forget_ns);
        if self.waiting_flows == 0 {
            return Vec::new();
        }
        self.waiting_flows = 0;
        let waiting = std::mem::take(&mut self.waiting);
        let groups = listed(&waiting, policy);
        let mut lines: Vec<String> = groups
            .iter()
            .take(COUNT_LINES)
            .map(|finding| line("repeated", finding, false, interfaces, now_ns))
            .collect();
        let rest = groups.get(COUNT_LINES..).unwrap_or_default();
        let flows = rest.iter().map(|finding| finding.flows).sum::<u64>()
            + waiting.rest().map(|(_, finding)| finding.flows).sum::<u64>();
        if flows > 0 {
            let more = More { event: "more", time: rfc3339(now_ns), groups: rest.len() as u64, flows };
            lines.extend(serde_json::to_string(&more));
        }
        lines
    }

    fn is_first(&mut self, key: Key, severity: Severity, port: u16, now_ns: TimeNs) -> bool {
        let is_full = self.told.len() >= MAX_GROUPS;
        if is_full && !self.told.contains_key(&(key, severity)) {
            return false;
        }
        let told = self.told.entry((key, severity)).or_default();
        told.last_ns = now_ns;
        // More ports than these are a scan: its counts are one line.
        told.ports.len() < SCAN_PORTS && told.ports.insert(port)
    }

    fn may_write(&mut self, now_ns: TimeNs) -> bool {
        let second = now_ns / SECOND_NS;
        if self.second.0 != second {
            self.second = (second, 0);
        }
        self.second.1 += 1;
        self.second.1 <= LINES_PER_SECOND
    }
}

fn line(
    event: &'static str,
    finding: &Finding,
    again: bool,
    interfaces: &[String],
    now_ns: TimeNs,
) -> String {
    let interface = usize::try_from(finding.example.capture).ok().and_then(|at| interfaces.get(at));
    let interface = interface.map_or("", String::as_str);
    let line = Line { event, time: rfc3339(now_ns), interface, again, finding };
    // Nothing in the model can fail to serialize: no maps with keys other than text, no floats.
    safe_json(serde_json::to_string(&line).unwrap_or_default())
}
