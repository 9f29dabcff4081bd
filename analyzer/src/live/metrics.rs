//! Figures for Prometheus. Labels are bounded: interfaces as given, reasons, severities and printed rows; never an address.

use std::collections::BTreeMap;

use hdrhistogram::Histogram as Hdr;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

use crate::audit::Outcome;
use crate::policy::index::Policy;
use crate::verdict::coverage::Status;
use crate::verdict::reason::Reason;

/// From a tenth of a millisecond to half a minute.
const SECONDS: &[f64] = &[0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0];

/// The longest time told apart, in microseconds: an hour.
const LONGEST_US: u64 = 3_600_000_000;

/// All figures.
pub struct Metrics {
    registry: Registry,
    pub packets: IntCounterVec,
    pub bytes: IntCounterVec,
    pub lost: IntCounterVec,
    pub gone: IntCounterVec,
    pub up: IntGaugeVec,
    pub flows: IntCounter,
    pub flows_open: IntGauge,
    pub flows_evicted: IntCounter,
    pub verdicts: IntCounterVec,
    pub findings: IntCounterVec,
    pub lines: IntCounter,
    pub lines_lost: IntCounter,
    pub row_flows: IntGaugeVec,
    pub row_status: IntGaugeVec,
    pub reloads: IntCounterVec,
    pub reports: IntCounterVec,
    pub undecoded: IntGauge,
    pub packet_to_finding: Histogram,
    pub quantiles: GaugeVec,
    pub queue: Histogram,
    pub interim_seconds: Gauge,
    /// Packet to finding in microseconds, exactly.
    exact: Hdr<u64>,
    /// Flows by reason as last published, of the window that runs.
    published: BTreeMap<Reason, u64>,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// All figures at nought.
    ///
    /// # Errors
    /// That two figures have one name.
    pub fn new() -> Result<Self, String> {
        Self::build().map_err(|error| format!("metrics: expected names of their own, found `{error}`"))
    }

    fn build() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counters.clone()))?;
            Ok::<_, prometheus::Error>(counters)
        };
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            let gauges = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(gauges.clone()))?;
            Ok::<_, prometheus::Error>(gauges)
        };
        let counter = |name: &str, help: &str| {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let times = |name: &str, help: &str| {
            let times = Histogram::with_opts(HistogramOpts::new(name, help).buckets(SECONDS.to_vec()))?;
            registry.register(Box::new(times.clone()))?;
            Ok::<_, prometheus::Error>(times)
        };
        let quantiles = GaugeVec::new(
            Opts::new(
                "uncharted_finding_delay_seconds",
                "Time from packet to finding since the start, by percentile.",
            ),
            &["percentile"],
        )?;
        registry.register(Box::new(quantiles.clone()))?;
        let interim_seconds =
            Gauge::new("uncharted_interim_audit_seconds", "Time that the last interim audit took.")?;
        registry.register(Box::new(interim_seconds.clone()))?;
        let build = gauges("uncharted_build_info", "The version that runs; always 1.", &["version"])?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let metrics = Self {
            packets: counters("uncharted_packets_total", "Frames taken from an interface.", &["interface"])?,
            bytes: counters("uncharted_bytes_total", "Bytes of those frames on the wire.", &["interface"])?,
            lost: counters(
                "uncharted_lost_packets_total",
                "Frames lost: by the interface, in the kernel's ring, or because the judge's queue was full.",
                &["interface", "place"],
            )?,
            gone: counters(
                "uncharted_interface_gone_total",
                "How often an interface went away.",
                &["interface"],
            )?,
            up: gauges("uncharted_interface_up", "Whether an interface is open.", &["interface"])?,
            flows: counter("uncharted_flows_total", "Flows that ended and were judged.")?,
            flows_open: gauge("uncharted_flows_open", "Flows that are open.")?,
            flows_evicted: counter(
                "uncharted_flows_evicted_total",
                "Flows judged early because there were as many as the bound allows.",
            )?,
            verdicts: counters(
                "uncharted_verdicts_total",
                "Flows that ended, by verdict and reason.",
                &["verdict", "reason"],
            )?,
            findings: counters(
                "uncharted_findings_total",
                "Flows told of as findings, by reason and severity.",
                &["reason", "severity"],
            )?,
            lines: counter("uncharted_finding_lines_total", "Lines of findings written.")?,
            lines_lost: counter(
                "uncharted_finding_lines_lost_total",
                "Lines of findings that could not be written.",
            )?,
            row_flows: gauges(
                "uncharted_row_flows",
                "Flows that met a documented row, in the window that runs.",
                &["table", "row"],
            )?,
            row_status: gauges(
                "uncharted_row_status",
                "A documented row's coverage in the window that runs: 1 at its status.",
                &["table", "row", "status"],
            )?,
            reloads: counters(
                "uncharted_reloads_total",
                "Tables and site read again, by result.",
                &["result"],
            )?,
            reports: counters("uncharted_reports_total", "Audits written, by result.", &["result"])?,
            undecoded: gauge(
                "uncharted_undecoded_packets",
                "Frames that gave no packet, in the window that runs.",
            )?,
            packet_to_finding: times(
                "uncharted_packet_to_finding_seconds",
                "From the packet that made a finding certain to the finding.",
            )?,
            queue: times(
                "uncharted_queue_seconds",
                "From a batch's hand-over by its capture thread to the judge.",
            )?,
            quantiles,
            interim_seconds,
            exact: Hdr::new_with_max(LONGEST_US, 3)
                .map_err(|error| prometheus::Error::Msg(error.to_string()))?,
            published: BTreeMap::new(),
            registry,
        };
        for reason in Reason::ALL {
            metrics.verdicts.with_label_values(&[reason.verdict().name(), reason.name()]);
        }
        for result in ["done", "refused"] {
            metrics.reloads.with_label_values(&[result]);
        }
        for result in ["written", "failed"] {
            metrics.reports.with_label_values(&[result]);
        }
        Ok(metrics)
    }

    /// Publishes what the flows that ended in the window came to.
    pub fn publish(&mut self, ended: &Outcome) {
        for (&reason, &flows) in &ended.reasons {
            let published = self.published.entry(reason).or_default();
            let news = flows.saturating_sub(*published);
            *published = flows;
            if news > 0 {
                self.verdicts.with_label_values(&[reason.verdict().name(), reason.name()]).inc_by(news);
                self.flows.inc_by(news);
            }
        }
        let undecoded: u64 =
            ended.undecoded.values().flat_map(|counts| counts.iter()).map(|(_, count)| count).sum();
        self.undecoded.set(i64::try_from(undecoded).unwrap_or(i64::MAX));
    }

    /// A new window begins: its outcome counts from nought.
    pub fn turn(&mut self) {
        self.published.clear();
        self.row_flows.reset();
        self.row_status.reset();
    }

    /// Publishes the coverage of the window so far.
    pub fn cover(&self, outcome: &Outcome, policy: &Policy) {
        for (id, tally) in outcome.coverage.rows(policy) {
            let (table, row) = (policy.table_of(id).name.as_str(), policy.row(id).id.as_str());
            let (status, _) = outcome.coverage.status(policy, id, tally);
            self.row_flows
                .with_label_values(&[table, row])
                .set(i64::try_from(tally.flows).unwrap_or(i64::MAX));
            for each in Status::ALL {
                let is_so = i64::from(each == status);
                self.row_status.with_label_values(&[table, row, each.name()]).set(is_so);
            }
        }
    }

    /// Takes note of the time from a packet to its finding.
    pub fn delayed(&mut self, delay_ns: u64) {
        self.packet_to_finding.observe(delay_ns as f64 / 1e9);
        self.exact.saturating_record(delay_ns / 1000);
    }

    /// How many delays were measured, their median, 99th percentile and maximum in microseconds.
    pub fn delays(&self) -> (u64, [u64; 3]) {
        let exact = &self.exact;
        (exact.len(), [exact.value_at_quantile(0.5), exact.value_at_quantile(0.99), exact.max()])
    }

    /// The text that Prometheus reads.
    pub fn text(&self) -> String {
        let (measured, [median, p99, max]) = self.delays();
        if measured > 0 {
            for (percentile, delay_us) in [("50", median), ("99", p99), ("100", max)] {
                self.quantiles.with_label_values(&[percentile]).set(delay_us as f64 / 1e6);
            }
        }
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }
}
