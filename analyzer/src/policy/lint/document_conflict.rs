//! One connection, or one service, described differently: by two rows or by two documents.
//!
//! One connection: the same ends by their canonical names, and a port or a protocol in common. One service: the same
//! destination and a port in common. Left out: rows without ports, and rows that are any address's.

use crate::policy::lint::finding::{At, Found, Lint, Severity, Values, by_value, found, in_words, rows};
use crate::policy::table::{ANY, Reading, Table};

/// The registry's entry.
#[derive(Debug)]
pub struct DocumentConflict;

impl Lint for DocumentConflict {
    fn name(&self) -> &'static str {
        "document-conflict"
    }

    fn title(&self) -> &'static str {
        "one connection or one service is described differently in two rows or two documents"
    }

    fn severity(&self) -> Severity {
        Severity::Warning
    }

    fn look(&self, tables: &[Table]) -> Vec<Found> {
        let all = rows(tables);
        let mut found = services(self, &all);
        found.extend(connections(self, &all));
        found
    }
}

/// Whether the rows share a port of one destination. Over two transports one number is two services.
fn same_service(one: At<'_>, other: At<'_>) -> bool {
    let to = |at: At<'_>| at.row.to.iter().any(|role| role != ANY && other.row.to.contains(role));
    to(one)
        && one.row.readings.iter().any(|reading| {
            other
                .row
                .readings
                .iter()
                .any(|theirs| reading.transport == theirs.transport && reading.ports.overlaps(&theirs.ports))
        })
}

/// Whether the rows have an end in common on both sides, and a port or a protocol: without one they may well be
/// two connections.
fn same_connection(one: At<'_>, other: At<'_>) -> bool {
    let share =
        |ours: &[String], theirs: &[String]| ours.iter().any(|role| role != ANY && theirs.contains(role));
    share(&one.row.from, &other.row.from)
        && share(&one.row.to, &other.row.to)
        && one.row.readings.iter().any(|reading| {
            other.row.readings.iter().any(|theirs| {
                reading.ports.overlaps(&theirs.ports)
                    || reading.protocols.iter().any(|protocol| theirs.protocols.contains(protocol))
            })
        })
}

/// Groups of rows that are the same, each with the next or by way of others; in the order of their first rows.
fn groups<'a>(all: &[At<'a>], same: impl Fn(At<'a>, At<'a>) -> bool) -> Vec<Vec<At<'a>>> {
    let mut groups: Vec<Vec<At<'a>>> = Vec::new();
    for &at in all {
        let (mut near, far): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|group| group.iter().any(|&other| same(other, at)));
        let mut joined = near.drain(..).flatten().collect::<Vec<_>>();
        joined.push(at);
        groups = far;
        groups.push(joined);
    }
    for group in &mut groups {
        group.sort_by_key(|at| order(all, *at));
    }
    groups.retain(|group| group.len() > 1);
    groups.sort_by_key(|group| group.first().and_then(|at| order(all, *at)));
    groups
}

fn order(all: &[At<'_>], at: At<'_>) -> Option<usize> {
    all.iter().position(|other| std::ptr::eq(other.row, at.row))
}

/// One service: what is printed and read of its protocol, encryption and ports.
fn services(lint: &dyn Lint, all: &[At<'_>]) -> Vec<Found> {
    let mut out = Vec::new();
    for group in groups(all, same_service) {
        let service = group.first().map_or_else(String::new, |at| at.row.to.join(" or "));
        // Only what stands on a port that another row of the service has, too; any content says nothing.
        let shared = |at: At<'_>| -> Vec<Reading> {
            let theirs = || {
                group.iter().filter(|other| other.row.id != at.row.id || other.table.name != at.table.name)
            };
            let is_shared = |reading: &&Reading| {
                !reading.protocols.is_empty()
                    && theirs().any(|other| other.row.all_ports().overlaps(&reading.ports))
            };
            at.row.readings.iter().filter(is_shared).cloned().collect()
        };
        let said = |words: Vec<String>| (!words.is_empty()).then(|| words.join(", "));
        let tls = |at: At<'_>| said(shared(at).iter().map(|reading| reading.tls.name().to_owned()).collect());
        let spoken =
            |at: At<'_>| said(shared(at).iter().map(|reading| reading.protocols.join(" or ")).collect());
        // Within one document a service may well have more ports for one than for another.
        let across = group.iter().any(|at| group.iter().any(|other| at.table.name != other.table.name));
        let ports = |at: At<'_>| across.then(|| at.row.all_ports().to_string());
        let facts: [(&str, Values<'_>); 4] = [
            ("printed as", by_value(&group, |at| at.row.protocol.clone())),
            ("encryption", by_value(&group, tls)),
            ("protocol", by_value(&group, spoken)),
            ("ports", by_value(&group, ports)),
        ];
        let differing: Vec<String> = facts
            .iter()
            .filter(|(_, values)| values.len() > 1)
            .map(|(what, values)| format!("{what} {}", in_words(values)))
            .collect();
        if !differing.is_empty() {
            out.push(found(lint, &group, format!("the service {service}: {}", differing.join("; "))));
        }
    }
    out
}

/// One connection: its classification and transport, in different documents.
fn connections(lint: &dyn Lint, all: &[At<'_>]) -> Vec<Found> {
    let mut out = Vec::new();
    for group in groups(all, same_connection) {
        let Some(first) = group.first() else { continue };
        if group.iter().all(|at| at.table.name == first.table.name) {
            continue;
        }
        let ends = format!("{} to {}", first.row.from.join(" or "), first.row.to.join(" or "));
        let transport =
            |at: At<'_>| at.row.readings.first().map(|reading| reading.transport.name().to_owned());
        let port = |at: At<'_>| Some(at.row.all_ports().to_string()).filter(|ports| !ports.is_empty());
        let facts: [(&str, Values<'_>); 3] = [
            ("classification", by_value(&group, |at| at.row.classification.clone())),
            ("transport", by_value(&group, transport)),
            ("ports", by_value(&group, port)),
        ];
        let differing: Vec<String> = facts
            .iter()
            .filter(|(_, values)| values.len() > 1)
            .map(|(what, values)| format!("{what} {}", in_words(values)))
            .collect();
        if !differing.is_empty() {
            out.push(found(lint, &group, format!("the connection {ends}: {}", differing.join("; "))));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::table_file::parse_table;

    /// A table of one row from A to B.
    fn table(name: &str, reading: &str) -> Table {
        let text = format!(
            "document = \"{name}\"\n[[row]]\nid = \"1\"\nsource = \"A\"\ndestination = \"B\"\nreadings = [{{ {reading} }}]"
        );
        parse_table(&text, &format!("{name}.toml")).unwrap()
    }

    fn check(readings: &[&str], expect: &[&str]) {
        let tables: Vec<Table> =
            readings.iter().zip(["x", "y", "z"]).map(|(reading, name)| table(name, reading)).collect();
        let found: Vec<String> =
            DocumentConflict.look(&tables).into_iter().map(|found| found.message).collect();
        assert_eq!(found, expect, "of {readings:?}");
    }

    #[test]
    fn other_ports_of_one_protocol_differ_and_other_protocols_are_other_connections() {
        check(
            &["ports = [5432], protocols = [\"postgresql\"]", "ports = [5433], protocols = [\"postgresql\"]"],
            &["the connection A to B: ports 5432 in x 1, but 5433 in y 1"],
        );
        check(&["ports = [5432], protocols = [\"postgresql\"]", "ports = [80], protocols = [\"http\"]"], &[]);
        check(&["ports = [80]", "ports = [80]"], &[]);
    }

    #[test]
    fn another_transport_is_another_service_but_one_connection() {
        check(
            &["ports = [53]", "ports = [53], transport = \"udp\""],
            &["the connection A to B: transport tcp in x 1, but udp in y 1"],
        );
    }

    #[test]
    fn rows_are_one_service_by_way_of_a_third() {
        check(
            &[
                "ports = [80], protocols = [\"http\"]",
                "ports = [81], protocols = [\"redis\"]",
                "ports = [80, 81], protocols = [\"http\"]",
            ],
            &[
                "the service B: protocol http in x 1; z 1, but redis in y 1; ports 80 in x 1, but 81 in y 1, but 80, 81 in z 1",
                "the connection A to B: ports 80 in x 1, but 81 in y 1, but 80, 81 in z 1",
            ],
        );
    }
}
