//! Watching live: the same findings as from the saved capture, across flaps and reloads, with figures that Prometheus reads.
//!
//! Needs root, network namespaces and a few tools; says so where it is skipped.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets what it does not expect fails"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use uncharted::audit::{Audit, Certain, Options};
use uncharted::capture::set::Input;
use uncharted::capture::source;
use uncharted::policy::index::Policy;
use uncharted::policy::shipped;
use uncharted::policy::site_file::parse_site;
use uncharted::verdict::reason::Reason;

const UNCHARTED: &str = env!("CARGO_BIN_EXE_uncharted");

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether the tools are there and namespaces may be made; where not, says so, or fails where nothing may be skipped.
fn may_run(tools: &[&str]) -> bool {
    let is_there = |tool: &&&str| {
        Command::new("sh").args(["-c", &format!("command -v {tool}")]).output().unwrap().status.success()
    };
    let mut missing: Vec<&str> = tools.iter().filter(|tool| !is_there(tool)).copied().collect();
    if missing.is_empty() && !may_make_namespaces() {
        missing.push("root, to make network namespaces");
    }
    if missing.is_empty() {
        return true;
    }
    let line = format!("skipped: needs {}", missing.join(", "));
    assert!(std::env::var_os("UNCHARTED_REQUIRE_ALL").is_none(), "{line}");
    eprintln!("{line}");
    false
}

/// Tried once for all tests: they run side by side, and two of them must not make the same namespace.
fn may_make_namespaces() -> bool {
    static MAY: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *MAY.get_or_init(|| {
        let probe = format!("uncharted-probe-{}", std::process::id());
        let is_made = ip(&["netns", "add", &probe]).status.success();
        if is_made {
            ip(&["netns", "del", &probe]);
        }
        is_made
    })
}

fn ip(args: &[&str]) -> Output {
    Command::new("ip").args(args).output().unwrap()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Two namespaces and a veth pair for each name between them: `NAMEa` there, `NAMEb` here.
struct Lab {
    there: String,
    here: String,
    folder: tempfile::TempDir,
}

impl Lab {
    fn new(name: &str, pairs: &[&str]) -> Self {
        let of = |side: &str| format!("unch-{name}-{side}-{}", std::process::id());
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        let lab = Self { there: of("a"), here: of("b"), folder };
        for namespace in [&lab.there, &lab.here] {
            assert!(ip(&["netns", "add", namespace]).status.success());
            ip(&["-n", namespace, "link", "set", "lo", "up"]);
            // The host's own chatter would be in the audit.
            lab.inside(namespace, "sysctl", &["-qw", "net.ipv6.conf.all.disable_ipv6=1"]).output().unwrap();
            lab.inside(namespace, "sysctl", &["-qw", "net.ipv6.conf.default.disable_ipv6=1"])
                .output()
                .unwrap();
        }
        for pair in pairs {
            lab.link(pair);
        }
        lab
    }

    fn link(&self, pair: &str) {
        let (there, here) = (format!("{pair}a"), format!("{pair}b"));
        let made = ip(&[
            "link",
            "add",
            &there,
            "netns",
            &self.there,
            "type",
            "veth",
            "peer",
            "name",
            &here,
            "netns",
            &self.here,
        ]);
        assert!(made.status.success(), "{made:?}");
        assert!(ip(&["-n", &self.there, "link", "set", &there, "up"]).status.success());
        assert!(ip(&["-n", &self.here, "link", "set", &here, "up"]).status.success());
    }

    fn unlink(&self, pair: &str) {
        assert!(ip(&["-n", &self.here, "link", "del", &format!("{pair}b")]).status.success());
    }

    fn inside(&self, namespace: &str, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace, program]).args(args);
        command
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn watch(&self, args: &[&str]) -> Watched {
        let (out, err) = (self.path("out"), self.path("err"));
        let file = |path: &str| Stdio::from(std::fs::File::create(path).unwrap());
        let child = self
            .inside(&self.here, UNCHARTED, &[&["watch"], args].concat())
            .stdin(Stdio::null())
            .stdout(file(&out))
            .stderr(file(&err))
            .spawn()
            .unwrap();
        let watched = Watched { child, out, err };
        watched.waits_for("watching");
        watched
    }

    fn replay(&self, pair: &str, capture: &Path) {
        let sent = self
            .inside(&self.there, "tcpreplay", &["-q", "-x", "40", "-i", &format!("{pair}a")])
            .arg(capture)
            .output()
            .unwrap();
        assert!(sent.status.success(), "{sent:?}");
    }

    fn get(&self, page: &str) -> (String, String) {
        let url = format!("http://127.0.0.1:9469{page}");
        let got = self.inside(&self.here, "curl", &["-s", "-w", "\n%{http_code}", &url]).output().unwrap();
        let text = String::from_utf8(got.stdout).unwrap();
        let (body, status) = text.rsplit_once('\n').unwrap();
        (status.to_owned(), body.to_owned())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for namespace in [&self.there, &self.here] {
            ip(&["netns", "del", namespace]);
        }
    }
}

struct Watched {
    child: Child,
    out: String,
    err: String,
}

impl Watched {
    fn log(&self) -> String {
        std::fs::read_to_string(&self.err).unwrap()
    }

    fn lines(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.out).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn waits_for(&self, words: &str) {
        eventually(words, || self.log().contains(words), || self.log());
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    /// Ends it and gives its exit code.
    fn ends(mut self) -> (i32, String, Vec<Value>) {
        self.signal("TERM");
        let since = Instant::now();
        while since.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status.code().unwrap(), self.log(), self.lines());
            }
            std::thread::yield_now();
        }
        panic!("it does not end: {}", self.log());
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

/// Waits until something is so; asks again and again, and gives up when patience is over.
fn eventually(what: &str, is_so: impl Fn() -> bool, log: impl Fn() -> String) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < PATIENCE, "{what}: {}", log());
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

fn scenario(name: &str) -> (PathBuf, String) {
    let folder = root().join("captures/scenarios").join(name);
    (folder.join("capture.pcapng"), folder.join("site.toml").display().to_string())
}

fn checked(capture: &Path, site: &str) -> Value {
    let output = Command::new(UNCHARTED)
        .arg("check")
        .arg(capture)
        .args(["--site", site, "--format", "json"])
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

fn audit_in(folder: &Path) -> Value {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let audits: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|extension| extension == "json")).collect();
    let [path] = &audits[..] else { panic!("expected one audit, found {audits:?}") };
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// What must be the same, whenever it was captured.
fn facts(audit: &Value) -> BTreeSet<String> {
    let fields = [
        "reason",
        "severity",
        "flows",
        "bytes",
        "outcome",
        "ports",
        "transport",
        "protocol",
        "tls",
        "direction",
        "nearest",
        "missing",
        "waived",
    ];
    let finding = |finding: &Value| {
        let facts: Vec<String> = fields.iter().map(|field| finding[field].to_string()).collect();
        format!("{} {} {}", finding["initiator"]["address"], finding["responder"], facts.join(" "))
    };
    audit["findings"].as_array().unwrap().iter().map(finding).collect()
}

fn rows(audit: &Value) -> Vec<String> {
    let row = |row: &Value| {
        ["table", "row", "status", "flows", "bytes", "attempts", "deviations", "undecided"]
            .map(|field| row[field].to_string())
            .join(" ")
    };
    audit["coverage"].as_array().unwrap().iter().map(row).collect()
}

/// What was told, and what is to be told.
fn told(findings: &[Value]) -> BTreeSet<String> {
    findings
        .iter()
        .filter(|finding| finding["waived"].is_null())
        .map(|finding| {
            format!(
                "{} {} {}",
                finding["reason"], finding["initiator"]["address"], finding["responder"]["address"]
            )
        })
        .collect()
}

fn check(name: &str) {
    if !may_run(&["ip", "tcpreplay"]) {
        return;
    }
    let (capture, site) = scenario(name);
    let saved = checked(&capture, &site);
    let lab = Lab::new(name, &["x"]);
    let reports = lab.path("");
    let watched = lab.watch(&["-i", "xb", "--site", &site, "--reports", &reports, "--listen", "none"]);
    lab.replay("x", &capture);
    let (code, log, lines) = watched.ends();
    let live = audit_in(lab.folder.path());
    assert_eq!(live["summary"]["packets"], saved["summary"]["packets"], "{log}");
    assert_eq!(live["summary"]["reasons"], saved["summary"]["reasons"], "{log}");
    assert_eq!(facts(&live), facts(&saved), "{log}");
    assert_eq!(rows(&live), rows(&saved), "{log}");
    assert_eq!(told(&lines), told(saved["findings"].as_array().unwrap()), "{log}");
    assert_eq!(code, 1, "{log}");
    assert!(log.contains("no_new_privs") && log.contains("0 packets lost"), "{log}");
}

#[test]
fn info_mart_live_is_info_mart_saved() {
    check("info-mart");
}

#[test]
fn iwd_live_is_iwd_saved() {
    check("iwd");
}

#[test]
fn tenant_live_is_tenant_saved() {
    check("tenant");
}

#[test]
fn an_interface_that_comes_back_is_watched_again_and_a_bad_site_is_refused() {
    if !may_run(&["ip", "tcpreplay", "curl"]) {
        return;
    }
    let (capture, site) = scenario("gcxi");
    let lab = Lab::new("flap", &["x", "y"]);
    let mine = lab.path("site.toml");
    std::fs::copy(&site, &mine).unwrap();
    let watched = lab.watch(&[
        "-i",
        "xb",
        "-i",
        "yb",
        "--site",
        &mine,
        "--reports",
        &lab.path(""),
        "--repeat-every",
        "1s",
    ]);
    eventually("ready", || lab.get("/readyz").0 == "200", || watched.log());
    lab.unlink("y");
    watched.waits_for("interface yb: gone");
    assert_eq!(lab.get("/readyz"), ("503".to_owned(), "interfaces that are gone: yb\n".to_owned()));
    assert_eq!(lab.get("/healthz").0, "200");
    lab.link("y");
    watched.waits_for("interface yb: back");
    std::fs::write(&mine, "roles = 1\n").unwrap();
    watched.signal("HUP");
    watched.waits_for("tables and site stay as they were");
    lab.replay("y", &capture);
    watched.signal("USR1");
    watched.waits_for("SIGUSR1: wrote");
    let (status, text) = lab.get("/audit.json");
    let (saved, now): (Value, Value) = (checked(&capture, &site), serde_json::from_str(&text).unwrap());
    assert_eq!((status.as_str(), &now["window"]["interim"]), ("200", &Value::Bool(true)));
    assert_eq!(now["captures"][1]["packets"], saved["summary"]["packets"]);
    std::fs::copy(&site, &mine).unwrap();
    watched.signal("HUP");
    watched.waits_for("tables and site read again");
    let (_, log, _) = watched.ends();
    assert_eq!(facts(&audit_in(lab.folder.path())), facts(&saved), "{log}");
}

#[test]
fn prometheus_scrapes_it_and_promtool_agrees() {
    if !may_run(&["ip", "tcpreplay", "curl", "promtool", "prometheus"]) {
        return;
    }
    let (capture, site) = scenario("gcxi");
    let lab = Lab::new("prom", &["x"]);
    let watched = lab.watch(&["-i", "xb", "--site", &site]);
    lab.replay("x", &capture);
    eventually("metrics", || lab.get("/metrics").1.contains("uncharted_findings_total{"), || watched.log());
    let (_, text) = lab.get("/metrics");
    std::fs::write(lab.path("metrics"), &text).unwrap();
    let promtool = Command::new("sh")
        .args(["-c", &format!("promtool check metrics < {}", lab.path("metrics"))])
        .output()
        .unwrap();
    assert!(promtool.status.success() && promtool.stderr.is_empty(), "{promtool:?}");
    let addresses = text.lines().filter(|line| !line.starts_with('#') && line.contains("10.9")).count();
    assert_eq!(addresses, 0, "no label is an address");
    let config = "global: { scrape_interval: 1s }\nscrape_configs:\n- job_name: uncharted\n  static_configs:\n  - targets: ['127.0.0.1:9469']\n";
    std::fs::write(lab.path("prometheus.yml"), config).unwrap();
    let args = [
        format!("--config.file={}", lab.path("prometheus.yml")),
        format!("--storage.tsdb.path={}", lab.path("tsdb")),
        "--web.listen-address=127.0.0.1:9999".to_owned(),
    ];
    let mut prometheus = lab
        .inside(&lab.here, "prometheus", &args.each_ref().map(String::as_str))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let query = "http://127.0.0.1:9999/api/v1/query?query=uncharted_packets_total";
    let scraped = || {
        let got = lab.inside(&lab.here, "curl", &["-s", query]).output().unwrap();
        String::from_utf8_lossy(&got.stdout).contains("\"interface\":\"xb\"")
    };
    eventually("a scrape", scraped, || watched.log());
    prometheus.kill().unwrap();
    prometheus.wait().unwrap();
    assert_eq!(watched.ends().0, 1);
}

#[test]
fn every_finding_is_told_once_and_counted_once() {
    for name in ["gcxi", "gvp-reporting-server", "info-mart", "iwd", "tenant"] {
        let (capture, path) = scenario(name);
        let site = parse_site(&std::fs::read_to_string(&path).unwrap(), &path).unwrap();
        let tables = site.tables.iter().map(|table| shipped::table(table).unwrap().unwrap()).collect();
        let policy = Arc::new(Policy::compile(tables, Some(site)));
        let mut audit = Audit::live(Arc::clone(&policy), Options::default());
        let mut told: BTreeMap<Reason, u64> = BTreeMap::new();
        let mut early = 0;
        let mut count = |certain: Vec<Certain>, is_early: bool| {
            for one in certain {
                *told.entry(one.flow.judgement.reason).or_default() += u64::from(!one.is_again);
                early += u64::from(is_early);
            }
        };
        let inputs = [Input::from_arg(capture.as_os_str())];
        let mut observation = source::open(&inputs, &source::Options::default()).unwrap();
        while let Some(batch) = observation.next_batch().unwrap() {
            for frame in batch.frames() {
                audit.push(&frame);
                audit.advance(frame.time_ns);
                count(audit.certain(), true);
            }
        }
        let (outcome, certain) = audit.close();
        count(certain, false);
        let mut counted: BTreeMap<Reason, u64> = BTreeMap::new();
        for (key, _, finding) in outcome.findings.groups() {
            *counted.entry(key.reason).or_default() += finding.flows;
        }
        assert_eq!(told, counted, "{name}");
        assert!(early > 0, "{name}: some are told before the end");
    }
}

#[test]
fn a_short_soak_loses_nothing_unsaid_and_ends_clean() {
    if !may_run(&["ip", "tcpreplay", "curl", "python3", "mount"]) {
        return;
    }
    let soak =
        Command::new(root().join("scripts/soak")).arg("15").env("UNCHARTED", UNCHARTED).output().unwrap();
    assert!(soak.status.success(), "{soak:?}");
}

#[test]
fn pods_and_services_of_a_snapshot_fill_roles_as_their_addresses_do() {
    let (capture, site) = scenario("gcxi");
    let saved = checked(&capture, &site);
    let text = std::fs::read_to_string(&site).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (mut bound, mut pods) = (String::new(), Vec::new());
    for line in text.lines() {
        // Each role of one address is a pod of that address.
        let address = line.split_once("= [\"").and_then(|(_, rest)| rest.strip_suffix("\"]"));
        match address.filter(|address| address.parse::<std::net::IpAddr>().is_ok()) {
            Some(address) => {
                let app = format!("app{}", pods.len());
                let binding = format!("{{ kubernetes = {{ namespace = \"g\", selector = \"app={app}\" }} }}");
                bound.push_str(&line.replace(&format!("\"{address}\""), &binding));
                pods.push(
                    serde_json::json!({"kind": "Pod", "metadata": {"namespace": "g", "labels": {"app": app}},
                    "spec": {}, "status": {"phase": "Running", "podIP": address}}),
                );
            }
            None => bound.push_str(line),
        }
        bound.push('\n');
    }
    assert!(pods.len() > 1, "{text}");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let snapshot = file("pods.json", &serde_json::json!({"kind": "List", "items": pods}).to_string());
    let bound = file("site.toml", &bound);
    let run = |args: &[&str]| {
        Command::new(UNCHARTED)
            .arg("check")
            .arg(&capture)
            .args(["--site", &bound, "--format", "json"])
            .args(args)
            .output()
            .unwrap()
    };
    let output = run(&["--kubernetes", &snapshot]);
    let live: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!(facts(&live), facts(&saved));
    let refused = run(&[]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("give --kubernetes"), "{refused:?}");
}

#[test]
fn without_the_right_to_capture_the_capability_and_the_command_are_named() {
    if !may_run(&["ip", "setpriv"]) {
        return;
    }
    let lab = Lab::new("cap", &["x"]);
    // Nobody may not look into the folder that cargo builds in.
    let copy = lab.path("uncharted");
    std::fs::copy(UNCHARTED, &copy).unwrap();
    let refused = lab
        .inside(
            &lab.here,
            "setpriv",
            &[
                "--reuid",
                "65534",
                "--clear-groups",
                "--bounding-set",
                "-all",
                "--inh-caps",
                "-all",
                &copy,
                "watch",
                "-i",
                "xb",
                "--listen",
                "none",
            ],
        )
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(
        said.lines().count() == 1 && said.contains("CAP_NET_RAW") && said.contains("setcap cap_net_raw+ep"),
        "{said}"
    );
}
