//! A site: which addresses fill the roles, which tables are in force, what was accepted.

use std::collections::BTreeMap;

use ipnet::IpNet;

use crate::policy::mistake::Place;
use crate::policy::table::{PortSet, Reading, Row, Table};

/// One customer's site file.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Site {
    /// Names of shipped tables, or paths of files relative to the site file.
    pub tables: Vec<String>,
    /// `cluster` and others, by name.
    pub networks: BTreeMap<String, Vec<IpNet>>,
    /// By role name as written (a printed name or an alias), in the order of the file.
    pub roles: Vec<(String, Vec<Binding>)>,
    /// Overridden or pinned ports: (table, row) to ports.
    pub ports: BTreeMap<(String, String), PortSet>,
    /// One row's own ends, where a role is too coarse: (table, row).
    pub rows: BTreeMap<(String, String), RowEnds>,
    /// Further names for roles: (name, canonical).
    pub aliases: Vec<(String, String)>,
    pub waivers: Vec<Waiver>,
    /// Ports of services whose pods listen on others, from a snapshot of the cluster.
    pub services: Vec<ServicePort>,
    /// Where it was read, for messages.
    pub path: String,
    pub sha256: String,
    /// Where names stand in the file, for mistakes that only the tables show.
    pub places: BTreeMap<Mark, Place>,
}

/// A name in a site file whose place is kept.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Mark {
    Table(String),
    Role(String),
    Ports(String, String),
    Row(String, String),
    Alias(String),
    Canonical(String),
    WaiverReason(usize),
    WaiverInitiator(usize),
    WaiverResponder(usize),
}

impl Site {
    /// The further names' canonical one; tables have aliases of their own.
    pub fn canonical<'a>(&'a self, name: &'a str) -> &'a str {
        self.aliases.iter().find(|(further, _)| further == name).map_or(name, |(_, canonical)| canonical)
    }

    /// The ports that the site puts in force for a row: its own, or those of the rows that share its port.
    pub fn ports_of(&self, table: &Table, row: &Row) -> Option<&PortSet> {
        let key = |id: &str| (table.name.clone(), id.to_owned());
        if let Some(ports) = self.ports.get(&key(&row.id)) {
            return Some(ports);
        }
        let leader = row.port_follows.as_ref().unwrap_or(&row.id);
        table
            .rows
            .iter()
            .filter(|other| other.id == *leader || other.port_follows.as_ref() == Some(leader))
            .find_map(|other| self.ports.get(&key(&other.id)))
    }

    /// The row's readings with the site's ports in place of the printed ones.
    pub fn readings_of(&self, table: &Table, row: &Row) -> Vec<Reading> {
        let mut readings = row.readings.clone();
        if let Some(ports) = self.ports_of(table, row) {
            for reading in &mut readings {
                reading.ports = ports.clone();
            }
        }
        readings
    }
}

/// One way in which an endpoint fills a role. All that is given must hold.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Binding {
    pub network: Option<IpNet>,
    /// A DNS name, bound to the addresses that answers in the capture give it.
    pub name: Option<String>,
    /// A TLS server name, `*.` for one leading label or more.
    pub sni: Option<String>,
    /// A PostgreSQL database.
    pub database: Option<String>,
    /// Pods; a snapshot of the cluster puts their addresses in its place.
    pub pods: Option<Pods>,
}

/// Pods by namespace and labels.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Pods {
    pub namespace: String,
    pub labels: Vec<Label>,
}

/// What one label must be.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Label {
    Is(String, String),
    IsNot(String, String),
    Has(String),
    HasNot(String),
}

/// A port of a service, and the port of the pods behind it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServicePort {
    pub address: std::net::IpAddr,
    pub transport: crate::net::Transport,
    pub port: u16,
    pub target: u16,
}

/// Endpoints that stand in for a row's printed roles.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RowEnds {
    pub source: Vec<Binding>,
    pub destination: Vec<Binding>,
}

/// A finding that the customer accepts.
#[derive(Clone, PartialEq, Debug)]
pub struct Waiver {
    pub reason: String,
    pub initiator: Option<End>,
    pub responder: Option<End>,
    pub port: Option<u16>,
    pub because: String,
    pub owner: String,
    /// The last day on which it holds, `2027-03-31`.
    pub until: Option<String>,
    /// Line in the site file, for messages.
    pub line: usize,
}

/// A role, an address or a network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    Role(String),
    Network(IpNet),
}
