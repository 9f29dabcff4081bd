//! A printed protocol on a port that is known for another one: HTTP on 443, HTTPS on 25.
//!
//! Source: IANA's service names and port numbers. Left out: TCP, SSL and the like, which name no application.

use crate::policy::lint::finding::{Found, Lint, Severity, found, rows};
use crate::policy::table::Table;

/// Ports that are known for one protocol, as tables print it.
const KNOWN: &[(u16, &[&str])] = &[
    (21, &["FTP"]),
    (22, &["SSH", "SFTP"]),
    (25, &["SMTP"]),
    (53, &["DNS"]),
    (80, &["HTTP"]),
    (110, &["POP3"]),
    (123, &["NTP"]),
    (143, &["IMAP"]),
    (389, &["LDAP"]),
    (443, &["HTTPS"]),
    (465, &["SMTPS", "SMTP"]),
    (587, &["SMTP"]),
    (636, &["LDAPS"]),
    (993, &["IMAPS", "IMAP"]),
    (995, &["POP3S", "POP3"]),
    (1433, &["TDS"]),
    (3306, &["MYSQL"]),
    (5432, &["POSTGRESQL"]),
    (6379, &["REDIS"]),
    (9092, &["KAFKA"]),
];

/// The registry's entry.
#[derive(Debug)]
pub struct ProtocolAndPort;

impl Lint for ProtocolAndPort {
    fn name(&self) -> &'static str {
        "protocol-and-port"
    }

    fn title(&self) -> &'static str {
        "the printed protocol is at odds with a port that is known for another one"
    }

    fn severity(&self) -> Severity {
        Severity::Warning
    }

    fn look(&self, tables: &[Table]) -> Vec<Found> {
        let mut all = Vec::new();
        for at in rows(tables) {
            let Some(protocol) = &at.row.protocol else { continue };
            let word = protocol.to_uppercase();
            if !KNOWN.iter().any(|(_, names)| names.contains(&word.as_str())) {
                continue;
            }
            let ports = at.row.all_ports();
            let odd: Vec<String> = KNOWN
                .iter()
                .filter(|(port, names)| ports.contains(*port) && !names.contains(&word.as_str()))
                .map(|(port, names)| {
                    format!("{port} is known for {}", names.first().copied().unwrap_or_default())
                })
                .collect();
            if !odd.is_empty() {
                let message = format!("row {} prints {protocol}, but {}", at.row.id, odd.join(", "));
                all.push(found(self, &[at], message));
            }
        }
        all
    }
}
