//! OCSF 1.4.0 as JSON lines: a Compliance Finding for each documented row, and for each finding group a Compliance
//! Finding and the Network Activity that it is about.
//!
//! Source: schema.ocsf.io 1.4.0, classes 2003 (`compliance_finding`) and 4001 (`network_activity`).

use serde_json::{Value, json};

use crate::net::Transport;
use crate::report::model::{End, Finding, Report, RowCoverage};
use crate::report::words::shown;
use crate::verdict::reason::Reason;

const VERSION: &str = "1.4.0";

/// The report as JSON lines.
pub fn render(report: &Report) -> String {
    let ended =
        report.captures.iter().filter_map(|capture| capture.last.as_deref()).max().map_or(0, milliseconds);
    let mut lines: Vec<Value> = report.coverage.iter().map(|row| of_row(report, row, ended)).collect();
    for (at, finding) in report.findings.iter().enumerate() {
        lines.push(of_finding(report, at + 1, finding));
        if finding.example.frame > 0 {
            lines.push(activity(report, at + 1, finding));
        }
    }
    lines.iter().map(|line| line.to_string() + "\n").collect()
}

/// Milliseconds since 1970 of an RFC 3339 time; 0 where it is none.
fn milliseconds(time: &str) -> i64 {
    time.parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_millisecond)
}

fn metadata(report: &Report, uid: String) -> Value {
    json!({
        "version": VERSION,
        "product": { "name": report.tool.name, "vendor_name": "Uncharted", "version": report.tool.version },
        "uid": uid,
        "correlation_uid": uid.split('/').next().unwrap_or_default(),
    })
}

/// OCSF's status of a compliance check: 1 pass, 2 warning, 3 fail, 0 unknown.
fn status(id: u8) -> (u8, &'static str) {
    match id {
        1 => (1, "Pass"),
        2 => (2, "Warning"),
        3 => (3, "Fail"),
        _ => (0, "Unknown"),
    }
}

fn compliance(control: &str, table: Option<&str>, standards: &[String], id: u8) -> Value {
    let (status_id, status) = status(id);
    let standards: Vec<String> = match table {
        Some(table) => vec![shown(table)],
        None => standards.to_vec(),
    };
    json!({ "control": shown(control), "standards": standards, "status": status, "status_id": status_id })
}

fn of_row(report: &Report, row: &RowCoverage, time: i64) -> Value {
    let id = match row.status.as_str() {
        "seen" => 1,
        "seen-with-deviation" => 3,
        "attempted-only" => 2,
        _ => 0,
    };
    let cell = |text: &Option<String>| shown(text.as_deref().unwrap_or(""));
    let title = format!("{} row {}: {}", shown(&row.table), shown(&row.row), row.status);
    json!({
        "category_uid": 2, "class_uid": 2003, "activity_id": 1, "type_uid": 200_301,
        "category_name": "Findings", "class_name": "Compliance Finding", "activity_name": "Create",
        "severity_id": if id == 3 { 3 } else { 1 },
        "status_id": 1,
        "time": row.last_seen.as_deref().map_or(time, milliseconds),
        "message": row.why.as_deref().map_or_else(|| title.clone(), |why| format!("{title}, {}", shown(why))),
        "metadata": metadata(report, format!("{}:{}", shown(&row.table), shown(&row.row))),
        "finding_info": {
            "uid": format!("{}:{}", shown(&row.table), shown(&row.row)),
            "title": title,
            "desc": format!("{} to {}, {} {}", cell(&row.source), cell(&row.destination), cell(&row.protocol), cell(&row.port)),
        },
        "compliance": compliance(&row.row, Some(&row.table), &[], id),
        "unmapped": { "flows": row.flows, "bytes": row.bytes, "deviations": row.deviations },
    })
}

fn severity(finding: &Finding) -> u8 {
    match (finding.waived.is_some(), finding.severity.as_str()) {
        (true, _) => 1,
        (_, "error") => 4,
        (_, "warning") => 3,
        _ => 1,
    }
}

fn of_finding(report: &Report, number: usize, finding: &Finding) -> Value {
    let near = finding.nearest.first();
    let id = match (finding.verdict.as_str(), finding.waived.is_some()) {
        ("not-allowed", false) => 3,
        _ => 2,
    };
    let standards: Vec<String> = report.tables.iter().map(|table| shown(&table.name)).collect();
    let mut value = json!({
        "category_uid": 2, "class_uid": 2003, "activity_id": 1, "type_uid": 200_301,
        "category_name": "Findings", "class_name": "Compliance Finding", "activity_name": "Create",
        "severity_id": severity(finding),
        // 1 new, 3 suppressed: accepted by a waiver.
        "status_id": if finding.waived.is_some() { 3 } else { 1 },
        "time": milliseconds(&finding.last_seen),
        "start_time": milliseconds(&finding.first_seen),
        "end_time": milliseconds(&finding.last_seen),
        "count": finding.flows.max(1),
        "message": shown(&finding.message),
        "metadata": metadata(report, format!("F{number}/finding")),
        "finding_info": {
            "uid": format!("F{number}"),
            "title": finding.reason,
            "desc": shown(&finding.message),
            "types": [finding.verdict],
            "first_seen_time": milliseconds(&finding.first_seen),
            "last_seen_time": milliseconds(&finding.last_seen),
        },
        "compliance": compliance(near.map_or("", |near| &near.row), near.map(|near| near.table.as_str()), &standards, id),
        "remediation": { "desc": Reason::from_name(&finding.reason).map_or("", Reason::manual) },
    });
    if let (Some(waived), Some(object)) = (&finding.waived, value.as_object_mut()) {
        let until = waived.until.as_deref().map_or("no end".to_owned(), shown);
        object.insert(
            "comment".to_owned(),
            json!(format!("waived until {until} by {}: {}", shown(&waived.owner), shown(&waived.because))),
        );
    }
    value
}

fn endpoint(end: &End) -> Value {
    let mut value = json!({ "ip": end.address, "port": end.port });
    if let (false, Some(object)) = (end.roles.is_empty(), value.as_object_mut()) {
        object.insert("name".to_owned(), json!(shown(&end.roles.join(" / "))));
    }
    value
}

fn activity(report: &Report, number: usize, finding: &Finding) -> Value {
    let mut connection = json!({
        "direction_id": 0,
        "protocol_name": finding.transport,
        "protocol_ver_id": if finding.initiator.address.contains(':') { 6 } else { 4 },
        "community_uid": finding.community_id,
    });
    if let (Some(transport), Some(object)) =
        (Transport::from_name(&finding.transport), connection.as_object_mut())
    {
        object.insert("protocol_num".to_owned(), json!(transport.number()));
    }
    json!({
        "category_uid": 4, "class_uid": 4001, "activity_id": 6, "type_uid": 400_106,
        "category_name": "Network Activity", "class_name": "Network Activity", "activity_name": "Traffic",
        "severity_id": severity(finding),
        "time": milliseconds(&finding.last_seen),
        "start_time": milliseconds(&finding.first_seen),
        "end_time": milliseconds(&finding.last_seen),
        "count": finding.flows.max(1),
        "message": shown(&finding.message),
        "metadata": metadata(report, format!("F{number}/activity")),
        "src_endpoint": endpoint(&finding.initiator),
        "dst_endpoint": endpoint(&finding.responder),
        "connection_info": connection,
        "traffic": { "bytes": finding.bytes },
        "app_name": finding.protocol.as_deref().unwrap_or("unknown"),
    })
}
