//! What the tables make of small conversations: every reason, note and coverage status, each with its smallest case.

use std::sync::Arc;

use uncharted::audit::{Audit, Options};
use uncharted::policy::index::Policy;
use uncharted::policy::shipped;
use uncharted::policy::site_check::check_site;
use uncharted::policy::site_file::parse_site;
use uncharted::report::build::{Context, report};
use uncharted::report::model::Report;
use uncharted::verdict::reason::Reason;

use crate::traffic::{Traffic, client_hello, dns_answer, dns_question, server_hello, startup};

const HTTP: (&[u8], &[u8]) =
    (b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
const SSH: (&[u8], &[u8]) = (b"SSH-2.0-OpenSSH_9.2\r\n", b"SSH-2.0-OpenSSH_9.2\r\n");
/// ApiVersions, version 0.
const KAFKA: (&[u8], &[u8]) = (
    b"\0\0\0\x0d\0\x12\0\0\0\0\0\x01\0\x03gim",
    b"\0\0\0\x16\0\0\0\x01\0\0\0\0\0\x02\0\0\0\0\0\x02\0\x01\0\0\0\x02",
);
const REDIS: (&[u8], &[u8]) = (b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n");
const UNKNOWN: (&[u8], &[u8]) = (b"\xfe\xedwhatever it is\x01\x02", b"\xfe\xedand its answer\x01\x03");
const SSL_REQUEST: &[u8] = b"\0\0\0\x08\x04\xd2\x16\x2f";
const AUTH_OK: &[u8] = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";

const INFO_MART: &str = r#"
tables = ["genesys/info-mart"]
[networks]
cluster = ["10.0.0.0/16"]
[roles]
"GIM" = ["10.0.0.1"]
"GIM Stream Processor" = ["10.0.0.2"]
"Info Mart database" = ["10.0.0.5"]
"Prometheus" = ["10.0.0.7", "10.1.0.7"]
"Kafka" = ["10.0.0.9"]
"#;

/// The policy of a site, or of tables without one.
fn policy(site: &str) -> Arc<Policy> {
    let table = |name: &str| shipped::table(name).unwrap().unwrap();
    if site.is_empty() {
        return Arc::new(Policy::compile(vec![table("genesys/info-mart")], None));
    }
    let site = parse_site(site, "site.toml").unwrap();
    let tables: Vec<_> = site.tables.iter().map(|name| table(name)).collect();
    let reasons: Vec<&str> = Reason::waivable().map(Reason::name).collect();
    check_site(&site, &tables, &reasons).unwrap();
    Arc::new(Policy::compile(tables, Some(site)))
}

/// Flows as `verdict reason severity rows`, rows without their table where it is Info Mart; and the report.
fn judge(site: &str, traffic: &Traffic, judge_all: bool) -> (Vec<String>, Report) {
    let policy = policy(site);
    let options = Options { judge_all, keep_flows: true, ..Options::default() };
    let mut audit = Audit::new(Arc::clone(&policy), options);
    traffic.frames().for_each(|frame| audit.push(&frame));
    let outcome = audit.finish();
    let told = outcome
        .list
        .iter()
        .map(|flow| {
            let judgement = &flow.judgement;
            let rows: Vec<&str> =
                judgement.rows.iter().map(|near| policy.row(near.row).id.as_str()).collect();
            let line = format!(
                "{} {} {} {}",
                judgement.verdict().name(),
                judgement.reason.name(),
                judgement.severity.name(),
                rows.join(",")
            );
            line.trim_end().to_owned()
        })
        .collect();
    let written = report(&outcome, &policy, Context { judge_all, ..Context::default() });
    (told, written)
}

#[track_caller]
fn check(site: &str, traffic: &Traffic, expect: &[&str]) -> Report {
    let (told, report) = judge(site, traffic, false);
    assert_eq!(told, expect);
    report
}

fn status<'a>(report: &'a Report, row: &str) -> &'a str {
    &report.coverage.iter().find(|covered| covered.row == row).unwrap().status
}

fn notes(report: &Report) -> Vec<String> {
    report.notes.iter().map(|note| format!("{} {}", note.note, note.row)).collect()
}

/// A conversation of a GIM with its Kafka, on this port.
fn to_kafka(port: u16, (asks, answers): (&[u8], &[u8])) -> Traffic {
    let mut traffic = Traffic::default();
    traffic.talk("10.0.0.1:40000", &format!("10.0.0.9:{port}"), asks, answers);
    traffic
}

fn talk(from: &str, to: &str, (asks, answers): (&[u8], &[u8])) -> Traffic {
    let mut traffic = Traffic::default();
    traffic.talk(from, to, asks, answers);
    traffic
}

#[test]
fn what_agrees_in_everything_is_a_match() {
    let report = check(INFO_MART, &to_kafka(9092, KAFKA), &["allowed match note 11"]);
    assert_eq!(status(&report, "11"), "seen");
    assert_eq!((report.coverage[10].flows, report.findings.len()), (1, 0));
    assert!(report.coverage[10].handshake_us.is_some());
    assert!(report.coverage[10].response_us.is_some());
}

#[test]
fn what_carries_no_payload_matches_in_transport_only() {
    let report = check(INFO_MART, &to_kafka(9092, (b"", b"")), &["allowed match-transport-only note 11"]);
    assert_eq!(status(&report, "11"), "seen");
}

#[test]
fn attempts_keep_the_verdict_of_their_pair() {
    let mut traffic = Traffic::default();
    traffic.unanswered("10.0.0.1:40000", "10.0.0.9:9092").refused("10.0.0.1:40001", "10.0.0.9:9093");
    let expect = ["allowed match-transport-only note 11", "not-allowed wrong-port warning 11"];
    let report = check(INFO_MART, &traffic, &expect);
    assert_eq!(status(&report, "11"), "attempted-only");
    assert_eq!(report.findings[0].outcome, "refused");
}

#[test]
fn the_nearest_row_decides() {
    check(INFO_MART, &to_kafka(9092, SSH), &["not-allowed wrong-protocol error 11"]);
    check(INFO_MART, &to_kafka(9093, KAFKA), &["not-allowed wrong-port error 11"]);
    let mut traffic = Traffic::default();
    traffic.datagram("10.0.0.1:40000", "10.0.0.9:9092", b"x").datagram(
        "10.0.0.9:9092",
        "10.0.0.1:40000",
        b"x",
    );
    check(INFO_MART, &traffic, &["not-allowed wrong-transport error 11"]);
    let reversed = talk("10.0.0.9:40000", "10.0.0.1:9092", KAFKA);
    check(INFO_MART, &reversed, &["not-allowed wrong-direction error 11"]);
    let undocumented = talk("10.0.0.1:40000", "10.0.0.2:80", HTTP);
    check(INFO_MART, &undocumented, &["not-allowed undocumented-pair error"]);
    // Neither direction, whatever the port, and not a row of the destination's.
    let undocumented = talk("10.0.0.7:40000", "10.0.0.9:9092", KAFKA);
    check(INFO_MART, &undocumented, &["not-allowed undocumented-pair error"]);
}

#[test]
fn one_end_without_a_role_is_told_by_what_fits() {
    let bound = INFO_MART.replace(
        "[roles]",
        "[roles]\n\"GIM Config Adapter\" = [\"10.0.0.3\"]\n\"Object storage\" = [\"10.0.0.4\"]",
    );
    let from_unknown = talk("10.9.0.1:40000", "10.0.0.9:9092", KAFKA);
    check(&bound, &from_unknown, &["not-allowed unknown-source error 9,10,11"]);
    let to_unknown = talk("10.0.0.1:40000", "10.9.0.9:9092", KAFKA);
    check(&bound, &to_unknown, &["not-allowed unknown-destination error 11"]);
    let (told, _) = judge(&bound, &talk("10.0.0.1:40000", "10.9.0.9:7777", UNKNOWN), false);
    assert!(told[0].starts_with("not-allowed undocumented-peer error"), "{told:?}");
}

#[test]
fn a_role_that_the_site_binds_to_nothing_leaves_it_open() {
    let from_unknown = talk("10.9.0.1:40000", "10.0.0.9:9092", KAFKA);
    check(INFO_MART, &from_unknown, &["undetermined unbound-endpoint warning 10"]);
    // Not where content speaks against it.
    let (told, _) = judge(INFO_MART, &talk("10.9.0.1:40000", "10.0.0.9:9092", SSH), false);
    assert!(told[0].starts_with("not-allowed unknown-source"), "{told:?}");
}

#[test]
fn plaintext_where_the_row_documents_tls() {
    let plain = startup("gim", "gim");
    let expect = ["not-allowed plaintext-where-tls error 5"];
    check(INFO_MART, &talk("10.0.0.1:40000", "10.0.0.5:5432", (&plain, AUTH_OK)), &expect);
    let refused = [SSL_REQUEST, &plain].concat();
    let answers = [b"N", AUTH_OK].concat();
    check(INFO_MART, &talk("10.0.0.1:40000", "10.0.0.5:5432", (&refused, &answers)), &expect);
    let accepted = [SSL_REQUEST, &client_hello("db.example.com")].concat();
    let answers = [&b"S"[..], &server_hello()].concat();
    let report = check(
        INFO_MART,
        &talk("10.0.0.1:40000", "10.0.0.5:5432", (&accepted, &answers)),
        &["allowed match note 5"],
    );
    assert_eq!(status(&report, "5"), "seen");
    let direct = talk("10.0.0.1:40000", "10.0.0.5:5432", (&client_hello("db"), &server_hello()));
    check(INFO_MART, &direct, &["allowed match note 5"]);
    // The wish alone decides nothing.
    let unanswered = talk("10.0.0.1:40000", "10.0.0.5:5432", (SSL_REQUEST, b""));
    check(INFO_MART, &unanswered, &["undetermined protocol-unknown warning 5"]);
}

#[test]
fn unknown_payload_is_undetermined() {
    let report = check(INFO_MART, &to_kafka(9092, UNKNOWN), &["undetermined protocol-unknown warning 11"]);
    assert_eq!(status(&report, "11"), "seen-with-deviation");
    let mut traffic = Traffic::default();
    traffic.with_gap("10.0.0.1:40000", "10.0.0.9:9092", b"tail");
    check(INFO_MART, &traffic, &["undetermined capture-gap warning 11"]);
}

#[test]
fn who_began_is_never_guessed() {
    let mut traffic = Traffic::default();
    traffic.midstream("10.0.0.1:40000", "10.0.0.9:9092", UNKNOWN.0, UNKNOWN.1);
    let report = check(INFO_MART, &traffic, &["undetermined direction-uncertain warning 11"]);
    assert_eq!(report.findings[0].direction, "unseen");
    assert_eq!(status(&report, "11"), "not-seen");
    // Where the client's words show it, the handshake is not needed.
    let mut traffic = Traffic::default();
    traffic.midstream("10.0.0.9:9092", "10.0.0.1:40000", HTTP.1, HTTP.0);
    let report = check(INFO_MART, &traffic, &["not-allowed wrong-protocol error 11"]);
    assert_eq!(report.findings[0].direction, "protocol");
    assert_eq!(report.findings[0].initiator.address, "10.0.0.1");
    // Neither way round is there a row for it: then it does not matter who began, and what is told is no guess.
    let mut traffic = Traffic::default();
    traffic.midstream("10.0.0.1:40000", "10.0.0.9:7777", UNKNOWN.0, UNKNOWN.1);
    check(INFO_MART, &traffic, &["not-allowed wrong-port error 11"]);
    let mut traffic = Traffic::default();
    traffic.midstream("10.0.0.9:7777", "10.0.0.1:40000", UNKNOWN.0, UNKNOWN.1);
    check(INFO_MART, &traffic, &["not-allowed wrong-port error 11"]);
}

#[test]
fn documents_that_cannot_decide() {
    let gcxi = r#"
tables = ["genesys/gcxi"]
[roles]
"GCXI StatefulSet" = ["10.0.0.1"]
"GCXI Share" = ["10.0.0.2"]
"#;
    let traffic = talk("10.0.0.1:40000", "10.0.0.2:2049", UNKNOWN);
    let report = check(gcxi, &traffic, &["undetermined ambiguous-document warning 15"]);
    assert_eq!(status(&report, "15"), "not-observable");
    let pinned = format!("{gcxi}[ports.\"genesys/gcxi\"]\n15 = [2049]\n");
    let report = check(&pinned, &traffic, &["allowed match note 15"]);
    assert_eq!(status(&report, "15"), "seen");
    let other = talk("10.0.0.1:40000", "10.0.0.2:22", SSH);
    check(&pinned, &other, &["not-allowed wrong-port error 15"]);
    // Info Mart 6: HTTP on 443, where 1 and 2 say HTTPS.
    let storage = INFO_MART.replace("[roles]", "[roles]\n\"Object storage\" = [\"10.0.0.4\"]");
    let plain = talk("10.0.0.1:40000", "10.0.0.4:443", HTTP);
    check(&storage, &plain, &["undetermined ambiguous-document warning 6"]);
    let encrypted = talk("10.0.0.1:40000", "10.0.0.4:443", (&client_hello("s3"), &server_hello()));
    check(&storage, &encrypted, &["allowed match note 6"]);
    let tenant = r#"
tables = ["genesys/tenant"]
[roles]
"Tenant Service" = ["10.0.0.1"]
"Voice Microservices" = ["10.0.0.2"]
"#;
    let report = check(
        tenant,
        &talk("10.0.0.1:40000", "10.0.0.2:80", HTTP),
        &["undetermined ambiguous-document warning 18"],
    );
    assert_eq!(status(&report, "18"), "not-observable");
}

#[test]
fn strangers_are_out_of_scope_unless_all_are_judged() {
    let strangers = talk("10.9.0.1:40000", "10.9.0.2:80", HTTP);
    check(INFO_MART, &strangers, &["out-of-scope no-documented-role note"]);
    let (told, report) = judge(INFO_MART, &strangers, true);
    assert_eq!(told, ["not-allowed undocumented-pair error"]);
    assert_eq!((report.scope.as_str(), report.findings.len()), ("all", 1));
}

#[test]
fn the_carrier_of_a_tunnel_is_not_judged_and_what_it_carries_is() {
    let mut traffic = to_kafka(9092, KAFKA);
    traffic.inside_vxlan("10.0.0.1:50000", "10.0.0.9:4789");
    let (mut told, _) = judge(INFO_MART, &traffic, false);
    told.sort();
    assert_eq!(told, ["allowed match note 11", "out-of-scope carrier note"]);
}

#[test]
fn ports_alone_are_judged_without_a_site() {
    let mut traffic = Traffic::default();
    traffic
        .talk("10.0.0.1:40000", "10.9.0.9:9092", KAFKA.0, KAFKA.1)
        .talk("10.0.0.1:40001", "10.9.0.9:9092", SSH.0, SSH.1)
        .talk("10.0.0.1:40002", "10.9.0.9:7777", SSH.0, SSH.1)
        .talk("10.0.0.1:40003", "10.9.0.9:443", HTTP.0, HTTP.1)
        .datagram("10.0.0.1:40004", "10.9.0.9:9249", b"x");
    let (told, report) = judge("", &traffic, false);
    let expect = [
        "allowed match note 9,10,11",
        "not-allowed wrong-protocol error 9,10,11",
        "not-allowed wrong-port error",
        "undetermined ambiguous-document warning 6",
        "not-allowed wrong-transport error 7",
    ];
    assert_eq!(told, expect);
    assert_eq!(report.mode, "port-only");
}

const TENANT: &str = r#"
tables = ["genesys/tenant"]
[roles]
"Tenant Service" = ["10.0.0.1"]
"PostgreSQL" = ["10.0.0.2"]
"Redis" = ["10.0.0.3", "10.50.0.3"]
"Kafka" = ["10.0.0.4"]
"#;

#[test]
fn rows_that_no_packet_tells_apart_are_credited_together() {
    let plain = startup("tenant", "provisioning");
    let traffic = talk("10.0.0.1:40000", "10.0.0.2:5432", (&plain, AUTH_OK));
    let report = check(TENANT, &traffic, &["allowed match note 15,17"]);
    let row = report.coverage.iter().find(|row| row.row == "15").unwrap();
    assert_eq!((row.status.as_str(), row.same_as.as_slice()), ("seen", &["17".to_owned()][..]));
    assert_eq!(status(&report, "17"), "seen");
    let redis = talk("10.0.0.1:40000", "10.0.0.3:6379", REDIS);
    check(TENANT, &redis, &["allowed match note 20,21,22"]);
}

#[test]
fn a_site_may_tell_them_apart() {
    let site = format!(
        "{TENANT}{}",
        r#"
[rows."genesys/tenant"]
15 = { destination = [{ address = "10.0.0.2", database = "provisioning" }] }
17 = { destination = [{ address = "10.0.0.2", database = "campaigns" }] }
20 = { destination = ["10.0.0.3"] }
21 = { destination = ["10.0.0.3"] }
22 = { destination = ["10.50.0.3"] }
"#
    );
    let plain = startup("tenant", "campaigns");
    let report =
        check(&site, &talk("10.0.0.1:40000", "10.0.0.2:5432", (&plain, AUTH_OK)), &["allowed match note 17"]);
    assert_eq!((status(&report, "15"), status(&report, "17")), ("not-seen", "seen"));
    check(&site, &talk("10.0.0.1:40000", "10.50.0.3:6379", REDIS), &["allowed match note 22"]);
    check(&site, &talk("10.0.0.1:40000", "10.0.0.3:6379", REDIS), &["allowed match note 20,21"]);
}

#[test]
fn one_of_several_ports_suffices_where_one_does() {
    let report = check(TENANT, &talk("10.0.0.1:40000", "10.0.0.4:9093", KAFKA), &["allowed match note 19"]);
    assert_eq!(status(&report, "19"), "seen");
}

const GVP: &str = r#"
tables = ["genesys/gvp-reporting-server"]
[roles]
"Kubelet" = ["10.0.0.100"]
"RS" = ["10.0.0.1"]
"RM" = ["10.0.0.2"]
"MCP" = ["10.0.0.3"]
"Master Agent" = ["10.0.0.1"]
"#;

#[test]
fn two_probes_are_both_needed() {
    let mut traffic = talk("10.0.0.100:40000", "10.0.0.1:61616", (b"", b""));
    let report = check(GVP, &traffic, &["allowed match-transport-only note 4"]);
    assert_eq!(status(&report, "4"), "seen-with-deviation");
    assert!(report.coverage[3].why.as_deref().unwrap().contains("8080"));
    traffic.talk("10.0.0.100:40001", "10.0.0.1:8080", HTTP.0, HTTP.1);
    let report = check(GVP, &traffic, &["allowed match-transport-only note 4", "allowed match note 4"]);
    assert_eq!(status(&report, "4"), "seen");
}

#[test]
fn what_crosses_no_wire_cannot_be_observed() {
    let report = check(GVP, &Traffic::default(), &[]);
    let row = &report.coverage[2];
    assert_eq!((row.status.as_str(), row.why.as_deref()), ("not-observable", Some("same-host")));
    assert_eq!(report.coverage[0].why.as_deref(), Some("unbound-endpoint"));
    assert_eq!(status(&report, "7"), "not-seen");
}

#[test]
fn a_protocol_of_another_row_is_wrong_on_this_one() {
    let traffic = talk("10.0.0.2:40000", "10.0.0.1:61616", HTTP);
    check(GVP, &traffic, &["not-allowed wrong-protocol error 7"]);
}

const IWD: &str = r#"
tables = ["genesys/iwd"]
[roles]
"Email" = ["10.0.0.1"]
"Intelligent Workload Distribution" = ["10.0.0.2"]
"IWD Service (Cluster IP)" = ["10.96.0.2"]
"Email Service Provider" = ["Public Internet"]
"Application Gateway" = ["10.0.0.3"]
"#;

fn iwd() -> String {
    IWD.replace("[\"Public Internet\"]", "[\"198.51.100.0/24\"]")
}

#[test]
fn mail_is_read_by_its_port() {
    let smtp: (&[u8], &[u8]) = (b"220 mx.example.com ESMTP ready\r\n", b"EHLO email.example.com\r\n");
    let mut traffic = Traffic::default();
    traffic.greet("10.0.0.1:40000", "198.51.100.25:25", smtp.0, smtp.1);
    check(&iwd(), &traffic, &["not-allowed plaintext-where-tls warning 1"]);
    let mut traffic = Traffic::default();
    traffic.greet("10.0.0.1:40000", "198.51.100.25:587", smtp.0, smtp.1);
    check(&iwd(), &traffic, &["not-allowed plaintext-where-tls error 1"]);
    let https =
        talk("10.0.0.1:40000", "198.51.100.25:443", (&client_hello("graph.example.com"), &server_hello()));
    let report = check(&iwd(), &https, &["allowed match note 1"]);
    assert_eq!(status(&report, "1"), "seen");
}

#[test]
fn the_translation_behind_a_service_is_credited_at_a_pod() {
    let traffic = talk("10.0.0.3:40000", "10.0.0.2:4024", HTTP);
    let report = check(&iwd(), &traffic, &["allowed match note 4"]);
    assert_eq!((status(&report, "4"), status(&report, "5")), ("seen", "seen"));
}

#[test]
fn a_configurable_port_is_moved_by_the_site() {
    let site = format!("{}[ports.\"genesys/iwd\"]\n2 = [4100]\n", iwd());
    check(&site, &talk("10.0.0.1:40000", "10.0.0.2:4100", HTTP), &["allowed match note 2"]);
    check(&site, &talk("10.0.0.1:40000", "10.0.0.2:4024", HTTP), &["not-allowed wrong-port error 2"]);
    // 4 shares the port of 2.
    check(&site, &talk("10.0.0.3:40000", "10.0.0.2:4100", HTTP), &["allowed match note 4"]);
}

#[test]
fn the_public_internet_is_outside_of_every_network() {
    let gcxi = r#"
tables = ["genesys/gcxi"]
[networks]
cluster = ["10.0.0.0/16"]
site = ["203.0.113.0/24"]
[roles]
"Inbound Gateway" = ["10.0.0.1"]
"#;
    let from = |address: &str| {
        let hello = client_hello("gcxi.example.com");
        talk(&format!("{address}:40000"), "10.0.0.1:443", (&hello, &server_hello()))
    };
    check(gcxi, &from("198.51.100.7"), &["allowed match note 1"]);
    check(gcxi, &from("10.0.0.9"), &["not-allowed unknown-source error 1"]);
    check(gcxi, &from("203.0.113.9"), &["not-allowed unknown-source error 1"]);
}

#[test]
fn names_bind_roles() {
    let site = r#"
tables = ["genesys/info-mart"]
[roles]
"GIM" = ["10.0.0.1"]
"Kafka" = [{ name = "kafka.infra.svc.cluster.local" }]
"Object storage" = [{ sni = "*.s3.example.com" }]
"Info Mart database" = [{ address = "10.0.0.5", database = "gim" }]
"#;
    let mut traffic = Traffic::default();
    traffic.datagram("10.0.0.1:40053", "10.0.0.53:53", &dns_question("kafka.infra.svc.cluster.local"));
    traffic.datagram(
        "10.0.0.53:53",
        "10.0.0.1:40053",
        &dns_answer("kafka.infra.svc.cluster.local", [10, 3, 0, 9].into()),
    );
    traffic.talk("10.0.0.1:40000", "10.3.0.9:9092", KAFKA.0, KAFKA.1);
    traffic.talk("10.0.0.1:40001", "10.3.0.77:9092", KAFKA.0, KAFKA.1);
    traffic.talk("10.0.0.1:40002", "10.3.0.4:443", &client_hello("gim.s3.example.com"), &server_hello());
    traffic.talk("10.0.0.1:40003", "10.3.0.5:443", &client_hello("s3.example.org"), &server_hello());
    let (told, _) = judge(site, &traffic, false);
    assert!(told[1].starts_with("allowed match note 11"), "{told:?}");
    assert!(
        told[2].starts_with("not-allowed unknown-destination") || told[2].contains("unbound-endpoint"),
        "{told:?}"
    );
    assert!(told[3].starts_with("allowed match note 6"), "{told:?}");
    assert!(!told[4].starts_with("allowed"), "{told:?}");
}

#[test]
fn notes_change_no_verdict() {
    let scrape = talk("10.1.0.7:40000", "10.0.0.2:9249", HTTP);
    let report = check(INFO_MART, &scrape, &["allowed match note 7"]);
    let classification = report.coverage[6].classification.as_deref();
    let expected: &[&str] =
        if classification == Some("Intra-cluster") { &["classification-mismatch 7"] } else { &[] };
    assert_eq!(notes(&report), expected);
    let encrypted = talk("10.0.0.7:40000", "10.0.0.2:9249", (&client_hello("x"), &server_hello()));
    let report = check(INFO_MART, &encrypted, &["allowed match note 7"]);
    assert_eq!(notes(&report), ["tls-where-plaintext 7"]);
    let internal = INFO_MART.replace("[\"10.0.0.2\"]", "[\"10.0.0.2\", \"10.0.0.22\"]");
    let report = check(
        &internal,
        &talk("10.0.0.2:40000", "10.0.0.22:6124", SSH),
        &["allowed match note internal-6124"],
    );
    assert_eq!(notes(&report), ["unexpected-protocol internal-6124"]);
}

#[test]
fn a_scan_is_one_finding() {
    let mut traffic = Traffic::default();
    for port in 7000..7100 {
        traffic.refused("10.0.0.1:40000", &format!("10.0.0.9:{port}"));
    }
    let (told, report) = judge(INFO_MART, &traffic, false);
    assert!(told.iter().all(|line| line == "not-allowed wrong-port warning 11"));
    assert_eq!(report.findings.len(), 1);
    let finding = &report.findings[0];
    assert_eq!((finding.flows, finding.ports.len(), finding.severity.as_str()), (100, 100, "warning"));
}

#[test]
fn equal_departures_are_one_finding_with_their_first_example() {
    let mut traffic = Traffic::default();
    for port in [40_000, 40_001, 40_002] {
        traffic.talk(&format!("10.0.0.1:{port}"), "10.0.0.9:9093", KAFKA.0, KAFKA.1);
    }
    let (_, report) = judge(INFO_MART, &traffic, false);
    assert_eq!(report.findings.len(), 1);
    let finding = &report.findings[0];
    assert_eq!((finding.flows, finding.initiator.port, finding.example.frame), (3, 40_000, 1));
    assert_eq!(finding.nearest[0].row, "11");
    assert!(finding.nearest[0].why.contains("9092"), "{}", finding.nearest[0].why);
}

#[test]
fn waivers_accept_until_their_day() {
    let waiver = |until: &str| {
        format!(
            "{INFO_MART}[[waiver]]\nreason = \"wrong-port\"\ninitiator = \"GIM\"\nresponder = \"10.0.0.9\"\nport = 9093\n\
             because = \"until the move\"\nowner = \"ops@example.com\"\nuntil = {until}\n"
        )
    };
    let traffic = to_kafka(9093, KAFKA);
    let (told, report) = judge(&waiver("2026-11-20"), &traffic, false);
    assert_eq!(told, ["not-allowed wrong-port error 11"]);
    assert_eq!((report.summary.waived, report.findings.len()), (1, 1));
    assert_eq!(report.findings[0].waived.as_ref().unwrap().owner, "ops@example.com");
    let (_, report) = judge(&waiver("2026-11-19"), &traffic, false);
    assert_eq!(report.summary.waived, 0);
    let reasons: Vec<_> = report.findings.iter().map(|finding| finding.reason.as_str()).collect();
    assert_eq!(reasons, ["wrong-port", "waiver-expired"]);
    // It accepts what it names, and nothing else.
    let (_, report) = judge(&waiver("2026-11-20"), &to_kafka(9094, KAFKA), false);
    assert_eq!(report.summary.waived, 0);
}
