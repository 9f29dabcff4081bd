//! A site held against the tables: do its roles, rows and reasons exist.
//!
//! A name that no table knows is a mistake; what is only odd is a remark.

use std::collections::BTreeMap;

use crate::policy::mistake::{Place, PolicyError, list, mend, quoted};
use crate::policy::shipped;
use crate::policy::site::{End, Mark, Site};
use crate::policy::table::{ANY, BUILT_IN_ROLES, Table};

/// Holds `site` against the tables in force and the names of reasons; gives what is odd, in the order of the file.
///
/// Roles, rows and ports of shipped tables that are not in force are known, and remarked.
///
/// # Errors
/// The first mistake, with its place.
pub fn check_site(site: &Site, tables: &[Table], reasons: &[&str]) -> Result<Vec<PolicyError>, PolicyError> {
    let others: Vec<Table> = shipped::names()
        .filter(|name| tables.iter().all(|table| table.name != *name))
        .filter_map(|name| shipped::table(name)?.ok())
        .collect();
    let check =
        Check { site, tables, others: &others, in_force: names(tables), not_in_force: names(&others) };
    let mut mistakes = Vec::new();
    let mut remarks = Vec::new();
    check.aliases(&mut mistakes);
    check.roles(&mut mistakes, &mut remarks);
    check.ports(&mut mistakes, &mut remarks);
    check.rows(&mut mistakes, &mut remarks);
    check.waivers(reasons, &mut mistakes, &mut remarks);
    let by_place = |a: &PolicyError, b: &PolicyError| (a.line, a.column).cmp(&(b.line, b.column));
    mistakes.sort_by(by_place);
    remarks.sort_by(by_place);
    match mistakes.into_iter().next() {
        Some(mistake) => Err(mistake),
        None => Ok(remarks),
    }
}

struct Check<'a> {
    site: &'a Site,
    tables: &'a [Table],
    /// Shipped tables that are not in force.
    others: &'a [Table],
    /// Names of roles with their canonical form.
    in_force: BTreeMap<&'a str, &'a str>,
    not_in_force: BTreeMap<&'a str, &'a str>,
}

/// Every name that a role has in these tables, with its canonical form.
fn names(tables: &[Table]) -> BTreeMap<&str, &str> {
    let mut names = BTreeMap::new();
    for table in tables {
        names.extend(table.roles().into_iter().map(|role| (role, role)));
    }
    for table in tables {
        names.extend(table.aliases.iter().map(|(printed, canonical)| (printed.as_str(), canonical.as_str())));
    }
    names
}

impl Check<'_> {
    fn at(&self, mark: &Mark, message: String) -> PolicyError {
        let Place { line, column } =
            self.site.places.get(mark).copied().unwrap_or(Place { line: 1, column: 1 });
        PolicyError { path: self.site.path.clone(), line, column, message }
    }

    /// The canonical role; `Err` where no table knows it.
    fn role(&self, name: &str) -> Result<Known, String> {
        let resolved = self.site.canonical(name);
        if let Some(role) = self.in_force.get(resolved) {
            return Ok(Known { role: (*role).to_owned(), in_force: true });
        }
        if BUILT_IN_ROLES.contains(&resolved) {
            return Ok(Known { role: resolved.to_owned(), in_force: true });
        }
        if let Some(role) = self.not_in_force.get(resolved) {
            return Ok(Known { role: (*role).to_owned(), in_force: false });
        }
        let further = self.site.aliases.iter().map(|(name, _)| name.as_str());
        let known = self.in_force.keys().copied();
        let known = known.chain(BUILT_IN_ROLES).chain(further).chain(self.not_in_force.keys().copied());
        Err(mend(name, known).unwrap_or_else(|| "; `tables show` prints the roles".to_owned()))
    }

    fn aliases(&self, mistakes: &mut Vec<PolicyError>) {
        for (name, canonical) in &self.site.aliases {
            if let Err(mend) = self.role(canonical) {
                let message = format!("expected a role of the tables, found {}{mend}", quoted(canonical));
                mistakes.push(self.at(&Mark::Canonical(name.clone()), message));
            }
            if self.in_force.contains_key(name.as_str()) || BUILT_IN_ROLES.contains(&name.as_str()) {
                let message = format!("expected a new name, found {}, a role of the tables", quoted(name));
                mistakes.push(self.at(&Mark::Alias(name.clone()), message));
            }
        }
    }

    fn roles(&self, mistakes: &mut Vec<PolicyError>, remarks: &mut Vec<PolicyError>) {
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for (name, _) in &self.site.roles {
            let mark = Mark::Role(name.clone());
            match self.role(name) {
                Err(mend) => {
                    let message = format!("expected a role of the tables, found {}{mend}", quoted(name));
                    mistakes.push(self.at(&mark, message));
                }
                Ok(known) if !known.in_force => {
                    let message = format!("{} is a role of no table in force", quoted(name));
                    remarks.push(self.at(&mark, message));
                }
                Ok(known) => {
                    if let Some(other) = seen.insert(known.role.clone(), name) {
                        let message = format!(
                            "{} is the same role as {}: their bindings add up",
                            quoted(name),
                            quoted(other)
                        );
                        remarks.push(self.at(&mark, message));
                    }
                }
            }
        }
    }

    /// The table and the row of a key, or why there is none.
    fn find(&self, table: &str, row: &str) -> Result<(&Table, usize, bool), String> {
        let found = self.tables.iter().map(|table| (table, true));
        let found = found.chain(self.others.iter().map(|table| (table, false)));
        let Some((table, in_force)) = found.clone().find(|(known, _)| known.name == table) else {
            let known: Vec<&str> = found.map(|(table, _)| table.name.as_str()).collect();
            let mend = mend(table, known.iter().copied()).unwrap_or_else(|| list(&known));
            return Err(format!("expected a table, found {}{mend}", quoted(table)));
        };
        match table.rows.iter().position(|known| known.id == row) {
            Some(at) => Ok((table, at, in_force)),
            None => {
                let mend = mend(row, table.rows.iter().map(|row| row.id.as_str())).unwrap_or_default();
                Err(format!("expected a row of {}, found {}{mend}", table.name, quoted(row)))
            }
        }
    }

    fn ports(&self, mistakes: &mut Vec<PolicyError>, remarks: &mut Vec<PolicyError>) {
        for ((table_name, id), ports) in &self.site.ports {
            let mark = Mark::Ports(table_name.clone(), id.clone());
            let (table, at, in_force) = match self.find(table_name, id) {
                Ok(found) => found,
                Err(message) => {
                    mistakes.push(self.at(&mark, message));
                    continue;
                }
            };
            let Some(row) = table.rows.get(at) else { continue };
            if !in_force {
                remarks.push(self.at(&mark, format!("{table_name} is not in force")));
            }
            if row.readings.is_empty() {
                let message = format!(
                    "expected a row that can take a port, found {}, which refers elsewhere",
                    quoted(id)
                );
                mistakes.push(self.at(&mark, message));
            } else if row.readings.len() > 1 {
                let message = format!(
                    "expected a row with one reading, found {}, which has {}",
                    quoted(id),
                    row.readings.len()
                );
                mistakes.push(self.at(&mark, message));
            } else if row.readings.iter().any(|reading| reading.transport.is_icmp()) {
                let message = format!("expected a row with ports, found {}, which is ICMP", quoted(id));
                mistakes.push(self.at(&mark, message));
            } else if !row.all_ports().is_empty() && !row.port_is_configurable {
                let printed = row.all_ports();
                let message =
                    format!("row {id} documents port {printed} and does not say that it is configurable");
                remarks.push(self.at(&mark, message));
            }
            let leader = row.port_follows.as_ref().unwrap_or(&row.id);
            let shared = table.rows.iter().find(|other| {
                other.id != row.id
                    && (other.id == *leader || other.port_follows.as_ref() == Some(leader))
                    && self
                        .site
                        .ports
                        .get(&(table_name.clone(), other.id.clone()))
                        .is_some_and(|set| set != ports)
            });
            if let Some(other) = shared {
                let message = format!(
                    "expected the port of row {}, with which row {id} shares it, found \"{ports}\"",
                    other.id
                );
                mistakes.push(self.at(&mark, message));
            }
        }
    }

    fn rows(&self, mistakes: &mut Vec<PolicyError>, remarks: &mut Vec<PolicyError>) {
        for (table, row) in self.site.rows.keys() {
            let mark = Mark::Row(table.clone(), row.clone());
            match self.find(table, row) {
                Ok((_, _, true)) => {}
                Ok((_, _, false)) => remarks.push(self.at(&mark, format!("{table} is not in force"))),
                Err(message) => mistakes.push(self.at(&mark, message)),
            }
        }
    }

    fn waivers(&self, reasons: &[&str], mistakes: &mut Vec<PolicyError>, remarks: &mut Vec<PolicyError>) {
        for (number, waiver) in self.site.waivers.iter().enumerate() {
            let mark = Mark::WaiverReason(number);
            if !reasons.contains(&waiver.reason.as_str()) {
                let mend = mend(&waiver.reason, reasons.iter().copied()).unwrap_or_else(|| list(reasons));
                let message = format!("expected a reason, found {}{mend}", quoted(&waiver.reason));
                mistakes.push(self.at(&mark, message));
            }
            if waiver.until.is_none() {
                remarks.push(self.at(&mark, "a waiver without `until` never expires".to_owned()));
            }
            if waiver.initiator.is_none() && waiver.responder.is_none() && waiver.port.is_none() {
                let message = "a waiver without initiator, responder and port accepts every such finding";
                remarks.push(self.at(&mark, message.to_owned()));
            }
            let ends = [
                (&waiver.initiator, Mark::WaiverInitiator(number)),
                (&waiver.responder, Mark::WaiverResponder(number)),
            ];
            for (end, mark) in ends {
                let Some(End::Role(name)) = end else { continue };
                if name == ANY {
                    let message = format!(
                        "expected a role, an address or a network, found \"{ANY}\"; leave it out for any"
                    );
                    mistakes.push(self.at(&mark, message));
                } else if let Err(mend) = self.role(name) {
                    let message =
                        format!("expected a role, an address or a network, found {}{mend}", quoted(name));
                    mistakes.push(self.at(&mark, message));
                }
            }
        }
    }
}

/// A role that some table knows.
struct Known {
    role: String,
    in_force: bool,
}
