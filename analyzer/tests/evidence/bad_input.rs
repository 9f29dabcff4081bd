//! Mistakes of every kind: one clear line, exit code 2, no panic; and nothing from the wire reaches a terminal raw.

use std::path::PathBuf;
use std::process::Command;

use crate::program::{own_captures, run};
use crate::traffic::{Traffic, client_hello, server_hello, startup};

fn capture() -> String {
    own_captures().join("protocols/dns.pcapng").to_str().unwrap().to_owned()
}

/// The program refuses: code 2, nothing on standard output, and one line that holds `expect`.
#[track_caller]
fn check(arguments: &[&str], expect: &str) {
    let output = run(arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    assert!(said.starts_with("uncharted: ") && said.lines().count() == 1, "{said}");
    assert!(said.contains(expect), "{said}");
}

#[test]
fn bad_usage_is_told_in_one_line() {
    let capture = &capture();
    check(&["check"], "<CAPTURE>");
    check(&["check", capture, "--format", "xml"], "'xml'");
    check(&["check", capture, "--nope"], "'--nope'");
    check(&["check", capture, "--threads", "0"], "1..=64");
    check(&["check", capture, "--fail-on", "all"], "never");
    check(&["frob"], "'frob'");
    check(&["check", "-", "-"], "standard input once");
    check(&["check", "/nowhere/x.pcap"], "/nowhere/x.pcap: expected a readable capture");
    check(&["check", "/nowhere/*.pcap"], "expected at least one capture");
    check(&["check", capture, "--filter", "tcp portt 5"], "filter `tcp portt 5`");
    check(&["check", capture, "--table", "genesys/iwdd"], "expected a shipped table");
    check(&["check", capture, "--site", "/nowhere/site.toml"], "/nowhere/site.toml");
    check(&["check", capture, "--site", "/dev/zero"], "expected at most");
    check(&["check", capture, "--output", "/nowhere/x/report.txt"], "/nowhere/x/report.txt");
    check(&["tables", "show", "genesys/iwdd"], "genesys/iwdd");
    check(&["explain", "wrong-prot"], "wrong-prot");
    check(&["report", capture, "--format", "json"], "dns.pcapng");
}

/// Site files with one mistake each, and what is said of it.
const SITES: &[(&str, &str)] = &[
    ("", "1:1: expected the key \"roles\""),
    ("[roles\n", "1:7: expected TOML"),
    ("roles = 5\n", "1:9: expected a table, found \"5\""),
    ("tables = [\"genesys/imfo-mart\"]\n[roles]\n", "1:11: expected a shipped table"),
    (
        "[roles]\nGIMM = [\"10.0.0.3\"]\n",
        "2:1: expected a role of the tables, found \"GIMM\"; did you mean \"GIM\"",
    ),
    ("[roles]\nGIM = [\"10.0.0.300\"]\n", "2:8: expected an address or a network"),
    ("[roles]\nGIM = [\"10.0.0.1/8\"]\n", "write \"10.0.0.0/8\""),
    ("[roles]\nGIM = \"10.0.0.1\"\n", "put it in [ ]"),
    ("[roles]\nGIM = [{ nam = \"x\" }]\n", "did you mean \"name\""),
    ("[roles]\n[ports.\"genesys/iwd\"]\n99 = [1]\n", "3:1: expected a row of genesys/iwd"),
    ("[roles]\n[ports.\"genesys/iwd\"]\n7 = [70000]\n", "the last port is 65535"),
    (
        "[roles]\n[[waiver]]\nreason = \"wrong-prot\"\nbecause = \"x\"\nowner = \"y\"\n",
        "did you mean \"wrong-port\"",
    ),
    ("[roles]\n[[waiver]]\nreason = \"wrong-port\"\nowner = \"y\"\n", "expected the key \"because\""),
    (
        "[roles]\n[[waiver]]\nreason = \"wrong-port\"\nbecause = \"x\"\nowner = \"y\"\nuntil = \"soon\"\n",
        "expected a date",
    ),
    ("[roles]\n\"\\u001b[2J\" = [\"10.0.0.1\"]\n", "without control characters"),
];

#[test]
fn mistakes_in_a_site_file_are_told_with_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("site.toml");
    let path = path.to_str().unwrap();
    for (text, expect) in SITES {
        std::fs::write(path, text).unwrap();
        check(&["check", &capture(), "--site", path], expect);
    }
    std::fs::write(path, b"\xff\xfe[roles]").unwrap();
    check(&["check", &capture(), "--site", path], "expected UTF-8 text");
}

#[test]
fn a_report_that_cannot_be_written_is_said() {
    let program = env!("CARGO_BIN_EXE_uncharted");
    let script = format!("'{program}' flows '{}' 2>&1 >/dev/full; echo $?", capture());
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("standard output: expected to write the report"), "{said}");
    assert!(said.ends_with("2\n"), "{said}");
}

/// Control characters of both kinds, a direction override and markup, in every name that a report may show.
const EVIL: &str = "\u{1b}[31m\u{7}\u{202e}\u{9b}2J<script>alert(1)</script>";

fn evil() -> (tempfile::TempDir, PathBuf) {
    let mut traffic = Traffic::default();
    traffic
        .talk("10.0.0.1:4000", "10.0.0.5:5432", &startup(EVIL, EVIL), b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I")
        .talk("10.0.0.1:4001", "10.0.0.5:443", &client_hello(EVIL), &server_hello())
        .talk("10.0.0.1:4002", "10.0.0.5:7777", &client_hello(EVIL), &server_hello());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("{}.pcap", EVIL.replace(['/', '['], "")));
    std::fs::write(&path, traffic.pcap()).unwrap();
    (folder, path)
}

#[test]
fn nothing_from_the_wire_is_printed_raw() {
    let (_folder, path) = evil();
    let path = path.to_str().unwrap();
    let mut outputs = Vec::new();
    for format in ["terminal", "json", "html"] {
        outputs.push((format, run(&["check", path, "--fail-on", "never", "--format", format])));
    }
    for format in ["ndjson", "csv", "zeek"] {
        outputs.push((format, run(&["flows", path, "--format", format])));
    }
    outputs.push(("explain", run(&["explain", "10.0.0.1:4000-10.0.0.5:5432/tcp", path])));
    outputs.push(("complaint", run(&["check", &format!("{path}.none")])));
    for (name, output) in outputs {
        for text in [output.stdout, output.stderr] {
            let text = String::from_utf8(text).unwrap();
            let raw = text.chars().find(|letter| {
                (letter.is_control() && !matches!(letter, '\n' | '\t' | '\r')) || *letter == '\u{202e}'
            });
            assert_eq!(raw, None, "{name}");
            assert!(name != "html" || !text.contains("<script>alert"), "{name}");
        }
    }
}

#[test]
fn a_report_that_is_no_terminals_has_no_colour_and_fits_its_columns() {
    let path = capture();
    for columns in ["80", "200"] {
        let output = run(&["check", &path, "--columns", columns]);
        let text = String::from_utf8(output.stdout).unwrap();
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= columns.parse().unwrap(), "{widest} in {columns}");
        assert!(!text.contains('\u{1b}'));
    }
}
