//! Reports as people and programs read them: every format of one audit, official schemas, a real browser.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that meets what it does not expect fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const EVIL: &str = "<script>window.hacked=1</script>\"'><img src=x onerror=window.hacked=1>";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn uncharted(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_uncharted")).args(args).output().unwrap()
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// Says that a test cannot run here; a failure where everything must.
fn skip(needs: &str) {
    assert!(std::env::var_os("UNCHARTED_REQUIRE_ALL").is_none(), "needs {needs}");
    eprintln!("skipped: needs {needs}");
}

/// A folder of its own with the audit of the Info Mart scenario.
struct Lab {
    folder: tempfile::TempDir,
}

impl Lab {
    fn new() -> Self {
        let lab = Self { folder: tempfile::tempdir().unwrap() };
        let done = lab.check(&["--format", "json", "--output", &lab.path("audit.json")]);
        assert_eq!(done.status.code(), Some(1), "{}", String::from_utf8_lossy(&done.stderr));
        lab
    }

    fn path(&self, name: &str) -> String {
        text(&self.folder.path().join(name))
    }

    fn scenario(name: &str) -> String {
        text(&root().join("captures/scenarios/info-mart").join(name))
    }

    fn check(&self, more: &[&str]) -> Output {
        let (capture, site) = (Self::scenario("capture.pcapng"), Self::scenario("site.toml"));
        uncharted(&[&["check", &capture, "--site", &site], more].concat())
    }

    fn audit(&self) -> Value {
        serde_json::from_str(&fs::read_to_string(self.path("audit.json")).unwrap()).unwrap()
    }

    fn save(&self, name: &str, audit: &Value) -> String {
        fs::write(self.path(name), audit.to_string()).unwrap();
        self.path(name)
    }

    /// The saved audit in another format.
    fn report(&self, audit: &str, format: &str) -> String {
        let output = self.path(&format!("report.{format}"));
        let done = uncharted(&["report", audit, "--format", format, "--output", &output]);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        output
    }
}

/// Puts [`EVIL`] behind every text of the audit that a capture or a file of the user's may choose.
fn poison(value: &mut Value, name: &str) {
    const OURS: [&str; 12] = [
        "schema",
        "verdict",
        "severity",
        "status",
        "mode",
        "scope",
        "first_seen",
        "last_seen",
        "first",
        "last",
        "sha256",
        "transport",
    ];
    match value {
        Value::String(text) if !OURS.contains(&name) => text.push_str(EVIL),
        Value::Array(list) => list.iter_mut().for_each(|value| poison(value, name)),
        Value::Object(object) => object.iter_mut().for_each(|(name, value)| poison(value, name)),
        _ => {}
    }
}

/// What the browser saw; `None` where there is none.
fn browse(report: &str) -> Option<Value> {
    let script = text(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser.mjs"));
    let found = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
    let chromium = found.into_iter().find(|path| Path::new(path).exists());
    let (Some(chromium), true) = (chromium, Command::new("node").arg("--version").output().is_ok()) else {
        skip("chromium and node");
        return None;
    };
    let seen = Command::new("node").args([script.as_str(), chromium, report]).output().unwrap();
    assert!(seen.status.success(), "{}", String::from_utf8_lossy(&seen.stderr));
    Some(serde_json::from_slice(&seen.stdout).unwrap())
}

/// Holds what must be true of every page.
fn is_sound(seen: &Value) {
    for width in [360u64, 1280, 1920] {
        assert!(seen["widths"][width.to_string()].as_u64().unwrap() <= width, "{seen}");
        assert_eq!(seen["widths"][format!("{width}-out")], 0, "{seen}");
    }
    for (name, expect) in [("dead_links", 0), ("scripts", 1), ("print_hidden", 0)] {
        assert_eq!(seen[name], expect, "{name}: {seen}");
    }
    assert_eq!(seen["hacked"], false);
    assert_eq!(seen["requests"], Value::Array(Vec::new()), "{seen}");
    assert_eq!(seen["complaints"], Value::Array(Vec::new()), "{seen}");
}

#[test]
fn a_browser_shows_the_page_and_filters_it() {
    let lab = Lab::new();
    let Some(seen) = browse(&lab.report(&lab.path("audit.json"), "html")) else { return };
    is_sound(&seen);
    assert_eq!(seen["by_reason"], seen["of_reason"]);
    assert_ne!(seen["by_reason"], seen["findings"]);
    assert_eq!(seen["after_clear"], seen["findings"]);
    assert_eq!(seen["by_nonsense"], 0);
    assert_eq!(seen["click"], true);
}

#[test]
fn no_text_of_an_audit_becomes_markup() {
    let lab = Lab::new();
    let mut audit = lab.audit();
    poison(&mut audit, "");
    let poisoned = lab.save("poisoned.json", &audit);
    let report = lab.report(&poisoned, "html");
    let page = fs::read_to_string(&report).unwrap();
    assert!(!page.contains("<script>window") && !page.contains("<img"));
    assert!(page.contains("&lt;script&gt;window.hacked=1&lt;/script&gt;"));
    let junit = fs::read_to_string(lab.report(&poisoned, "junit")).unwrap();
    assert!(!junit.contains("<script>"));
    let markdown = fs::read_to_string(lab.report(&poisoned, "markdown")).unwrap();
    assert!(!markdown.contains("<script>"));
    if let Some(seen) = browse(&report) {
        assert_eq!(seen["hacked"], false);
        assert_eq!(seen["scripts"], 1);
    }
}

#[test]
fn names_from_the_wire_are_shown_and_escaped() {
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("evil.pcap");
    fs::write(&capture, evil_capture()).unwrap();
    let output = text(&folder.path().join("report.html"));
    let capture = text(&capture);
    uncharted(&["check", &capture, "--table", "genesys/iwd", "--format", "html", "--output", &output]);
    let page = fs::read_to_string(&output).unwrap();
    for name in ["sni", "host", "base"] {
        assert!(page.contains(&format!("&lt;script&gt;{name}&lt;/script&gt;")), "{name} is not shown");
        assert!(!page.contains(&format!("<script>{name}")), "{name} is not escaped");
    }
}

/// Three flows on a port that no table documents: a TLS server name, an HTTP host and a PostgreSQL database that are markup.
fn evil_capture() -> Vec<u8> {
    let name = "<script>sni</script>";
    let mut entry = vec![0];
    entry.extend((name.len() as u16).to_be_bytes());
    entry.extend(name.as_bytes());
    let mut extension = vec![0, 0];
    extension.extend((entry.len() as u16 + 2).to_be_bytes());
    extension.extend((entry.len() as u16).to_be_bytes());
    extension.extend(&entry);
    let mut hello = vec![3, 3];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0x13, 0x01, 1, 0]);
    hello.extend((extension.len() as u16).to_be_bytes());
    hello.extend(&extension);
    let mut tls = vec![22, 3, 1];
    tls.extend((hello.len() as u16 + 4).to_be_bytes());
    tls.extend([1, 0]);
    tls.extend((hello.len() as u16).to_be_bytes());
    tls.extend(&hello);
    let http = b"GET / HTTP/1.1\r\nHost: <script>host</script>\r\n\r\n".to_vec();
    let body = b"\0\x03\0\0user\0u\0database\0<script>base</script>\0\0";
    let mut postgresql = (body.len() as u32 + 4).to_be_bytes().to_vec();
    postgresql.extend(body);
    let greeting: [&[u8]; 3] =
        [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I"];
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65535, 101] {
        file.extend(word.to_le_bytes());
    }
    for (at, (asked, answered)) in [tls, http, postgresql].iter().zip(greeting).enumerate() {
        let (near, far) = (40000 + at as u16, 7001);
        let mut segment = |is_near: bool, seq: u32, ack: u32, flags: u8, payload: &[u8]| {
            let length = 40 + payload.len();
            let mut packet = vec![0x45, 0];
            packet.extend((length as u16).to_be_bytes());
            packet.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
            let (source, destination) = if is_near { (1, 2) } else { (2, 1) };
            packet.extend([10, 9, 9, source, 10, 9, 9, destination]);
            let (from, to) = if is_near { (near, far) } else { (far, near) };
            packet.extend(from.to_be_bytes());
            packet.extend(to.to_be_bytes());
            packet.extend(seq.to_be_bytes());
            packet.extend(ack.to_be_bytes());
            packet.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
            packet.extend(payload);
            for word in [1_700_000_000u32, at as u32, packet.len() as u32, packet.len() as u32] {
                file.extend(word.to_le_bytes());
            }
            file.extend(&packet);
        };
        segment(true, 100, 0, 0x02, b"");
        segment(false, 500, 101, 0x12, b"");
        segment(true, 101, 501, 0x10, b"");
        segment(true, 101, 501, 0x18, asked);
        segment(false, 501, 101 + asked.len() as u32, 0x18, answered);
    }
    file
}

#[test]
fn an_empty_capture_makes_a_page() {
    let lab = Lab::new();
    let mut audit = lab.audit();
    audit["findings"] = Value::Array(Vec::new());
    audit["captures"] = Value::Array(Vec::new());
    for name in ["flows", "allowed", "not-allowed", "undetermined", "out-of-scope", "waived"] {
        audit["summary"][name] = 0.into();
    }
    let report = lab.report(&lab.save("empty.json", &audit), "html");
    assert!(fs::read_to_string(&report).unwrap().contains("Nothing to judge"));
    if let Some(seen) = browse(&report) {
        is_sound(&seen);
    }
}

#[test]
fn every_finding_of_five_thousand_is_on_the_page() {
    let lab = Lab::new();
    let mut audit = lab.audit();
    let findings = audit["findings"].as_array().unwrap().clone();
    audit["findings"] = findings.iter().cycle().take(5000).cloned().collect();
    let report = lab.report(&lab.save("many.json", &audit), "html");
    if let Some(seen) = browse(&report) {
        assert_eq!(seen["findings"], 5000);
        is_sound(&seen);
    }
}

#[test]
fn machine_formats_keep_to_their_official_schemas() {
    let tools = root().join("target/report-tools");
    if !tools.join("ready").exists() {
        return skip("what scripts/test.d/report.sh installs");
    }
    let lab = Lab::new();
    let mut audit = lab.audit();
    poison(&mut audit["findings"][0]["message"], "message");
    let saved = lab.save("saved.json", &audit);
    let script = text(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas.py"));
    for format in ["sarif", "junit", "ocsf"] {
        let report = lab.report(&saved, format);
        let held = Command::new(tools.join("venv/bin/python"))
            .args([&script, &text(&tools), format, &report])
            .output()
            .unwrap();
        assert!(held.status.success(), "{format}: {}", String::from_utf8_lossy(&held.stderr));
    }
}

#[test]
fn sarif_holds_failures_only_and_waived_ones_suppressed() {
    let lab = Lab::new();
    let sarif: Value =
        serde_json::from_str(&fs::read_to_string(lab.report(&lab.path("audit.json"), "sarif")).unwrap())
            .unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let audit = lab.audit();
    let findings = audit["findings"].as_array().unwrap();
    let failures = findings.iter().filter(|finding| finding["verdict"] == "not-allowed").count();
    let waived = findings.iter().filter(|finding| !finding["waived"].is_null()).count();
    assert_eq!(results.len(), failures);
    assert!(waived > 0);
    assert_eq!(results.iter().filter(|result| result.get("suppressions").is_some()).count(), waived);
}

#[test]
fn an_audit_is_verified_byte_for_byte_and_a_change_is_named() {
    let lab = Lab::new();
    let saved = lab.path("audit.json");
    let same = lab.check(&["--verify", &saved]);
    assert_eq!(same.status.code(), Some(0), "{}", String::from_utf8_lossy(&same.stdout));
    let mut audit = lab.audit();
    audit["summary"]["flows"] = 7.into();
    let changed = lab.check(&["--verify", &lab.save("changed.json", &audit)]);
    assert_eq!(changed.status.code(), Some(1));
    assert!(String::from_utf8(changed.stdout).unwrap().contains("summary.flows: 7, now"));
}

#[test]
fn a_new_finding_that_is_not_allowed_is_worse() {
    let lab = Lab::new();
    let saved = lab.path("audit.json");
    let mut audit = lab.audit();
    let findings = audit["findings"].as_array_mut().unwrap();
    let at = findings
        .iter()
        .position(|finding| finding["verdict"] == "not-allowed" && finding["waived"].is_null());
    findings.remove(at.unwrap());
    let less = lab.save("less.json", &audit);
    let diff = |old: &str, new: &str| uncharted(&["diff", old, new, "--format", "json"]);
    let worse = diff(&less, &saved);
    assert_eq!(worse.status.code(), Some(1));
    let worse: Value = serde_json::from_slice(&worse.stdout).unwrap();
    assert_eq!(worse["findings"]["new"].as_array().unwrap().len(), 1);
    let better = diff(&saved, &less);
    assert_eq!(better.status.code(), Some(0));
    let better: Value = serde_json::from_slice(&better.stdout).unwrap();
    assert_eq!(better["findings"]["gone"].as_array().unwrap().len(), 1);
}

#[test]
fn evidence_opens_and_names_its_finding() {
    let lab = Lab::new();
    let (folder, saved) = (lab.path("evidence"), lab.path("with.json"));
    lab.check(&["--format", "json", "--output", &saved, "--evidence", &folder, "--evidence-payload", "cut"]);
    let audit: Value = serde_json::from_str(&fs::read_to_string(&saved).unwrap()).unwrap();
    let finding = &audit["findings"][0];
    let file = finding["evidence"]["file"].as_str().unwrap();
    assert_eq!(file.split('/').next(), Some("evidence"));
    // Our own reader takes it as a capture, with the same packets.
    let again = uncharted(&["flows", &lab.path(file)]);
    let flow: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(flow["community_id"], finding["community_id"]);
    let Ok(shown) =
        Command::new("tshark").args(["-r", &lab.path(file), "-T", "fields", "-e", "frame.comment"]).output()
    else {
        return skip("tshark");
    };
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.starts_with(&format!("F1 {}", finding["reason"].as_str().unwrap())), "{shown}");
    assert_eq!(Some(shown.lines().count() as u64), finding["evidence"]["packets"].as_u64());
}

#[test]
fn an_audit_of_another_schema_is_refused() {
    let lab = Lab::new();
    let mut audit = lab.audit();
    audit["schema"] = "uncharted.audit/99".into();
    let refused = uncharted(&["report", &lab.save("other.json", &audit)]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("expected schema"));
}
