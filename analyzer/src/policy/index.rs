//! A policy: the tables in force and the site, indexed so that judging a flow costs the same for
//! ten rows and for ten thousand.
//!
//! Knows no flow and no packet: it is asked about addresses, ports and names.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::net::{Address, Endpoint, TimeNs, Transport};
use crate::policy::site::{Binding, Site, Waiver};
use crate::policy::table::{ANY, PUBLIC_INTERNET, Reading, Row, Table};

/// A role of the loaded tables, by its place in [`Policy::roles`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RoleId(u32);

/// A row of the loaded tables, by its place in [`Policy::rows`]: tables as loaded, rows as printed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RowId(u32);

impl RowId {
    /// Its place among all rows of the policy.
    pub const fn place(self) -> usize {
        self.0 as usize
    }
}

/// Whether roles are known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// A site file binds addresses to roles.
    Site,
    /// Ports only: a row allows any pair of addresses on its port.
    PortOnly,
}

impl Mode {
    /// The name in reports and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::PortOnly => "port-only",
        }
    }
}

/// A component's name in the tables, and whether the site says who fills it.
#[derive(Clone, Debug)]
pub struct Role {
    pub name: String,
    /// The site binds it to something.
    pub is_bound: bool,
    /// Some of its bindings are names (DNS, SNI): an address that no name was seen for may be it all the same.
    pub is_named: bool,
    /// The addresses that fill it are known beforehand: these.
    pub networks: Vec<IpNet>,
}

/// A row as it is judged: roles resolved, the site's ports in force.
#[derive(Clone, Debug)]
pub struct RowEntry {
    pub table: usize,
    pub row: usize,
    pub from: Vec<RoleId>,
    pub to: Vec<RoleId>,
    pub from_any: bool,
    pub to_any: bool,
    /// The readings with a port, after the site's overrides and pins.
    pub readings: Vec<Reading>,
    /// No port is known: a logical connection that the site did not pin.
    pub is_logical: bool,
    /// Rows that no packet could tell from this one, ascending, itself left out.
    pub same_as: Vec<RowId>,
    /// Rows that are credited when this one is met.
    pub credits: Vec<RowId>,
}

/// What a binding asks beyond the address.
#[derive(Clone, Debug)]
struct Bound {
    role: RoleId,
    sni: Option<String>,
    database: Option<String>,
    name: Option<String>,
}

/// What is known of an endpoint when its roles are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// The server name in the TLS hello, for the responder of a flow.
    pub sni: Option<&'a str>,
    /// The PostgreSQL database, for the responder of a flow.
    pub database: Option<&'a str>,
}

/// Who knows which names an address had: the capture's own DNS answers.
pub trait NameBook {
    /// Whether an answer at or before `at_ns` gave `address` this name (lower case).
    fn had_name(&self, address: Address, name: &str, at_ns: TimeNs) -> bool;

    /// Whether an answer at or before `at_ns` gave this name any address.
    fn is_resolved(&self, name: &str, at_ns: TimeNs) -> bool;
}

/// The tables in force and the site, compiled.
#[derive(Debug)]
pub struct Policy {
    tables: Vec<Table>,
    site: Option<Site>,
    aliases: BTreeMap<String, String>,
    roles: Vec<Role>,
    rows: Vec<RowEntry>,
    prefixes: PrefixMap<Bound>,
    /// Bindings without an address: by name or SNI alone.
    free: Vec<Bound>,
    pairs: HashMap<(RoleId, RoleId), Vec<RowId>>,
    by_from: HashMap<RoleId, Vec<RowId>>,
    by_to: HashMap<RoleId, Vec<RowId>>,
    ports: PortIndex,
    /// Rows with a wildcard end, in order.
    open_rows: Vec<RowId>,
    cluster: Vec<IpNet>,
    /// Every network that the site names.
    networks: Vec<IpNet>,
    /// The role of addresses outside all of these and outside private ranges.
    internet: Option<RoleId>,
    /// The port behind a port of a service.
    services: HashMap<(Address, Transport, u16), u16>,
}

impl Policy {
    /// Compiles `tables` and `site`. Tables and site are taken to be checked: a role or a row that
    /// the site names and no table has is left out.
    pub fn compile(tables: Vec<Table>, site: Option<Site>) -> Self {
        Compiler::new(&tables, site.as_ref()).run(tables, site)
    }

    pub fn mode(&self) -> Mode {
        if self.site.is_some() { Mode::Site } else { Mode::PortOnly }
    }

    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    pub fn site(&self) -> Option<&Site> {
        self.site.as_ref()
    }

    pub fn waivers(&self) -> &[Waiver] {
        self.site.as_ref().map_or(&[], |site| &site.waivers)
    }

    /// Whether rows, roles and waivers of both have the same places: what one judged, the other can go on with.
    pub fn is_alike(&self, other: &Self) -> bool {
        let names = |policy: &Self| policy.roles.iter().map(|role| role.name.clone()).collect::<Vec<_>>();
        let tables = |policy: &Self| {
            policy.tables.iter().map(|table| (table.name.clone(), table.sha256.clone())).collect::<Vec<_>>()
        };
        self.mode() == other.mode()
            && self.waivers() == other.waivers()
            && tables(self) == tables(other)
            && names(self) == names(other)
    }

    /// Every row, tables as loaded, rows as printed.
    pub fn row_ids(&self) -> impl Iterator<Item = RowId> + use<> {
        (0..self.rows.len() as u32).map(RowId)
    }

    #[expect(clippy::indexing_slicing, reason = "a RowId is made by this policy only, for a row that it has")]
    pub fn entry(&self, id: RowId) -> &RowEntry {
        &self.rows[id.0 as usize]
    }

    #[expect(clippy::indexing_slicing, reason = "entries are made from these tables' rows")]
    pub fn table_of(&self, id: RowId) -> &Table {
        &self.tables[self.entry(id).table]
    }

    #[expect(clippy::indexing_slicing, reason = "entries are made from these tables' rows")]
    pub fn row(&self, id: RowId) -> &Row {
        &self.table_of(id).rows[self.entry(id).row]
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "a RoleId is made by this policy only, for a role that it has"
    )]
    pub fn role(&self, id: RoleId) -> &Role {
        &self.roles[id.0 as usize]
    }

    /// Every role, in the order of the tables.
    pub fn role_ids(&self) -> impl Iterator<Item = RoleId> + use<> {
        (0..self.roles.len() as u32).map(RoleId)
    }

    /// The role of that name, printed or alias already made canonical.
    pub fn role_named(&self, name: &str) -> Option<RoleId> {
        self.roles.iter().position(|role| role.name == name).map(|at| RoleId(at as u32))
    }

    /// The canonical form of a role's name.
    pub fn canonical<'a>(&'a self, name: &'a str) -> &'a str {
        self.aliases.get(name).map_or(name, String::as_str)
    }

    /// The rows from a role to a role, in order.
    pub fn rows_between(&self, from: RoleId, to: RoleId) -> &[RowId] {
        self.pairs.get(&(from, to)).map_or(&[], Vec::as_slice)
    }

    /// The rows that begin at a role.
    pub fn rows_from(&self, role: RoleId) -> &[RowId] {
        self.by_from.get(&role).map_or(&[], Vec::as_slice)
    }

    /// The rows that end at a role.
    pub fn rows_to(&self, role: RoleId) -> &[RowId] {
        self.by_to.get(&role).map_or(&[], Vec::as_slice)
    }

    /// The rows with [`ANY`] at an end.
    pub fn open_rows(&self) -> &[RowId] {
        &self.open_rows
    }

    /// The rows with a reading on this port and transport.
    pub fn rows_on(&self, transport: Transport, port: u16) -> Vec<RowId> {
        self.ports.get(transport, port)
    }

    /// The roles that an endpoint fills at `at_ns`, ascending.
    pub fn roles_of(
        &self,
        address: Address,
        known: Known<'_>,
        names: &dyn NameBook,
        at_ns: TimeNs,
    ) -> Vec<RoleId> {
        let mut roles = Vec::new();
        let mut meet = |bound: &Bound| {
            let named = bound.name.as_ref().is_none_or(|name| names.had_name(address, name, at_ns));
            let sni = bound
                .sni
                .as_ref()
                .is_none_or(|pattern| known.sni.is_some_and(|sni| matches_name(pattern, sni)));
            // An encrypted session hides its database: then nothing speaks against the role.
            let database = match (&bound.database, known.database) {
                (Some(wanted), Some(seen)) => wanted == seen,
                _ => true,
            };
            if named && sni && database {
                roles.push(bound.role);
            }
        };
        self.prefixes.each(address, &mut meet);
        self.free.iter().for_each(&mut meet);
        // An address that the site gives a role of its own is nobody's "public Internet".
        if let (Some(internet), true) = (self.internet, roles.is_empty())
            && self.is_public(address)
        {
            roles.push(internet);
        }
        roles.sort_unstable();
        roles.dedup();
        roles
    }

    /// Whether an address that is not known to fill a role may fill it all the same: the site binds the role to
    /// nothing, to a name that no answer was seen for, or to a server name where the flow shows none.
    pub fn may_be(&self, role: RoleId, known: Known<'_>, names: &dyn NameBook, at_ns: TimeNs) -> bool {
        !self.role(role).is_bound
            || self.free.iter().filter(|bound| bound.role == role).any(|bound| {
                let name = bound.name.as_ref().is_none_or(|name| !names.is_resolved(name, at_ns));
                let sni = bound.sni.is_none() || known.sni.is_none();
                name && sni && (bound.name.is_some() || bound.sni.is_some())
            })
    }

    /// The port that a flow to this end reaches: behind a service's address it may be another.
    pub fn port_behind(&self, transport: Transport, end: Endpoint) -> u16 {
        self.services.get(&(end.address, transport, end.port)).copied().unwrap_or(end.port)
    }

    /// Whether the site says what the cluster is, and `address` is in it.
    pub fn in_cluster(&self, address: Address) -> Option<bool> {
        let ip = address.ip();
        (!self.cluster.is_empty()).then(|| self.cluster.iter().any(|network| network.contains(&ip)))
    }

    fn is_public(&self, address: Address) -> bool {
        let ip = address.ip();
        is_global(ip) && !self.networks.iter().any(|network| network.contains(&ip))
    }

    /// The DNS names that bindings wait for, lower case, ascending.
    pub fn wanted_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.free.iter().filter_map(|bound| bound.name.as_deref()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// Whether an address is one of the public Internet: not private, link-local, loopback, shared (RFC 6598),
/// multicast or reserved. Documentation addresses are public: laboratories use them as such.
const fn is_global(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            let is_shared = a == 100 && b & 0xc0 == 64;
            !(ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_multicast()
                || ip.is_broadcast()
                || is_shared
                || a == 0
                || a >= 240)
        }
        // 2000::/3 is what is given out (RFC 4291).
        IpAddr::V6(ip) => {
            let [first, ..] = ip.segments();
            first & 0xe000 == 0x2000
        }
    }
}

/// Whether `name` is `pattern`, or below it where the pattern begins with `*.`; case does not matter.
pub fn matches_name(pattern: &str, name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    match pattern.strip_prefix('*') {
        Some(tail) => {
            name.len() > tail.len()
                && name.is_char_boundary(name.len() - tail.len())
                && name.get(name.len() - tail.len()..).is_some_and(|end| end.eq_ignore_ascii_case(tail))
        }
        None => name.eq_ignore_ascii_case(pattern),
    }
}

/// Values by prefix; a look-up meets all prefixes that hold an address, one hash a prefix length in use.
#[derive(Debug)]
struct PrefixMap<T> {
    /// Prefix lengths in use, of the 128-bit form, ascending.
    lengths: Vec<u8>,
    by_prefix: HashMap<(u8, u128), Vec<T>>,
}

impl<T> PrefixMap<T> {
    fn new() -> Self {
        Self { lengths: Vec::new(), by_prefix: HashMap::new() }
    }

    fn insert(&mut self, network: IpNet, value: T) {
        let length = match network {
            IpNet::V4(network) => 96 + network.prefix_len(),
            IpNet::V6(network) => network.prefix_len(),
        };
        if let Err(at) = self.lengths.binary_search(&length) {
            self.lengths.insert(at, length);
        }
        let bits = Address::from(network.addr()).bits() & mask(length);
        self.by_prefix.entry((length, bits)).or_default().push(value);
    }

    fn each(&self, address: Address, meet: &mut impl FnMut(&T)) {
        for &length in &self.lengths {
            // A short IPv6 prefix such as ::/0 must not hold IPv4's mapped addresses.
            if address.is_v4() && length < 96 {
                continue;
            }
            if let Some(values) = self.by_prefix.get(&(length, address.bits() & mask(length))) {
                values.iter().for_each(&mut *meet);
            }
        }
    }
}

const fn mask(length: u8) -> u128 {
    match length {
        0 => 0,
        _ => u128::MAX << (128 - length as u32),
    }
}

/// Rows by port. Ranges wider than [`WIDE_PORTS`] stand in a list of their own.
#[derive(Debug, Default)]
struct PortIndex {
    narrow: HashMap<(Transport, u16), Vec<RowId>>,
    wide: Vec<(Transport, u16, u16, RowId)>,
}

/// A range of more ports than this is searched, not spread over the hash: a table of a few rows with
/// ephemeral ranges must not cost megabytes.
const WIDE_PORTS: u16 = 64;

impl PortIndex {
    fn insert(&mut self, reading: &Reading, id: RowId) {
        for &(low, high) in reading.ports.ranges() {
            if high - low > WIDE_PORTS {
                self.wide.push((reading.transport, low, high, id));
                continue;
            }
            for port in low..=high {
                let rows = self.narrow.entry((reading.transport, port)).or_default();
                if rows.last() != Some(&id) {
                    rows.push(id);
                }
            }
        }
    }

    fn get(&self, transport: Transport, port: u16) -> Vec<RowId> {
        let mut rows = self.narrow.get(&(transport, port)).cloned().unwrap_or_default();
        let wide =
            self.wide.iter().filter(|(of, low, high, _)| *of == transport && (*low..=*high).contains(&port));
        rows.extend(wide.map(|&(.., id)| id));
        rows.sort_unstable();
        rows.dedup();
        rows
    }
}

/// The making of a [`Policy`].
struct Compiler {
    aliases: BTreeMap<String, String>,
    roles: Vec<Role>,
    by_name: HashMap<String, RoleId>,
}

impl Compiler {
    fn new(tables: &[Table], site: Option<&Site>) -> Self {
        let of_tables = tables.iter().flat_map(|table| &table.aliases);
        let of_site = site.into_iter().flat_map(|site| &site.aliases);
        let aliases = of_tables.chain(of_site).cloned().collect();
        Self { aliases, roles: Vec::new(), by_name: HashMap::new() }
    }

    fn run(mut self, tables: Vec<Table>, site: Option<Site>) -> Policy {
        let mut rows = Vec::new();
        for (at_table, table) in tables.iter().enumerate() {
            for (at_row, row) in table.rows.iter().enumerate() {
                rows.push(self.entry(site.as_ref(), table, at_table, row, at_row));
            }
        }
        let mut policy = Policy {
            tables,
            site: None,
            aliases: BTreeMap::new(),
            roles: Vec::new(),
            rows,
            prefixes: PrefixMap::new(),
            free: Vec::new(),
            pairs: HashMap::new(),
            by_from: HashMap::new(),
            by_to: HashMap::new(),
            ports: PortIndex::default(),
            open_rows: Vec::new(),
            cluster: Vec::new(),
            networks: Vec::new(),
            internet: None,
            services: HashMap::new(),
        };
        if let Some(site) = &site {
            self.bind(site, &mut policy);
            policy.services = site
                .services
                .iter()
                .map(|service| ((service.address.into(), service.transport, service.port), service.target))
                .collect();
            policy.networks = site.networks.values().flatten().copied().collect();
            policy.internet = self.by_name.get(PUBLIC_INTERNET).copied();
            if let Some(role) = policy.internet.and_then(|id| self.roles.get_mut(id.0 as usize)) {
                role.is_bound = true;
            }
            policy.cluster = site.networks.get("cluster").cloned().unwrap_or_default();
        }
        policy.aliases = self.aliases;
        policy.roles = self.roles;
        policy.site = site;
        link_rows(&mut policy);
        policy
    }

    fn canonical<'a>(&'a self, name: &'a str) -> &'a str {
        self.aliases.get(name).map_or(name, String::as_str)
    }

    fn role(&mut self, name: &str) -> RoleId {
        let name = self.canonical(name).to_owned();
        if let Some(&id) = self.by_name.get(&name) {
            return id;
        }
        let id = self.add_role(&name);
        self.by_name.insert(name, id);
        id
    }

    fn add_role(&mut self, name: &str) -> RoleId {
        let id = RoleId(self.roles.len() as u32);
        self.roles.push(Role {
            name: name.to_owned(),
            is_bound: false,
            is_named: false,
            networks: Vec::new(),
        });
        id
    }

    fn entry(
        &mut self,
        site: Option<&Site>,
        table: &Table,
        at_table: usize,
        row: &Row,
        at_row: usize,
    ) -> RowEntry {
        let key = (table.name.clone(), row.id.clone());
        let ends = site.and_then(|site| site.rows.get(&key));
        let mut side = |names: &[String], is_own: bool| -> (Vec<RoleId>, bool) {
            let any = names.iter().any(|name| name == ANY);
            let named = names.iter().filter(|name| *name != ANY);
            let mut roles: Vec<RoleId> = if is_own {
                named.take(1).map(|name| self.add_role(name)).collect()
            } else {
                named.map(|name| self.role(name)).collect()
            };
            roles.sort_unstable();
            roles.dedup();
            (roles, any && !is_own)
        };
        let (from, from_any) = side(&row.from, ends.is_some_and(|ends| !ends.source.is_empty()));
        let (to, to_any) = side(&row.to, ends.is_some_and(|ends| !ends.destination.is_empty()));
        let in_force = site.map_or_else(|| row.readings.clone(), |site| site.readings_of(table, row));
        let readings: Vec<Reading> = in_force
            .into_iter()
            .filter(|reading| !reading.ports.is_empty() || reading.transport.is_icmp())
            .collect();
        RowEntry {
            table: at_table,
            row: at_row,
            from,
            to,
            from_any,
            to_any,
            is_logical: readings.is_empty() && row.refers_to.is_none(),
            readings,
            same_as: Vec::new(),
            credits: Vec::new(),
        }
    }

    fn bind(&mut self, site: &Site, policy: &mut Policy) {
        for (name, bindings) in &site.roles {
            let Some(&id) = self.by_name.get(self.canonical(name)) else { continue };
            self.bind_role(id, bindings, policy);
        }
        let mut own: Vec<(RoleId, Vec<Binding>)> = Vec::new();
        for entry in &policy.rows {
            let (Some(table), true) = (policy.tables.get(entry.table), !site.rows.is_empty()) else {
                continue;
            };
            let Some(row) = table.rows.get(entry.row) else { continue };
            let Some(ends) = site.rows.get(&(table.name.clone(), row.id.clone())) else { continue };
            for (bindings, roles) in [(&ends.source, &entry.from), (&ends.destination, &entry.to)] {
                if let (false, Some(&role)) = (bindings.is_empty(), roles.first()) {
                    own.push((role, bindings.clone()));
                }
            }
        }
        for (role, bindings) in own {
            self.bind_role(role, &bindings, policy);
        }
    }

    fn bind_role(&mut self, id: RoleId, bindings: &[Binding], policy: &mut Policy) {
        let Some(role) = self.roles.get_mut(id.0 as usize) else { return };
        // Pods that no snapshot gave an address are nowhere.
        for binding in bindings.iter().filter(|binding| binding.pods.is_none()) {
            role.is_bound = true;
            let bound = Bound {
                role: id,
                sni: binding.sni.clone(),
                database: binding.database.clone(),
                name: binding.name.as_ref().map(|name| name.to_ascii_lowercase()),
            };
            match binding.network {
                Some(network) => {
                    role.networks.push(network);
                    policy.prefixes.insert(network, bound);
                }
                None => {
                    role.is_named = true;
                    policy.free.push(bound);
                }
            }
        }
    }
}

/// Fills the indexes over `policy.rows`.
fn link_rows(policy: &mut Policy) {
    let mut alike: BTreeMap<_, Vec<RowId>> = BTreeMap::new();
    for (at, entry) in policy.rows.iter().enumerate() {
        let id = RowId(at as u32);
        for &from in &entry.from {
            policy.by_from.entry(from).or_default().push(id);
            for &to in &entry.to {
                policy.pairs.entry((from, to)).or_default().push(id);
            }
        }
        for &to in &entry.to {
            policy.by_to.entry(to).or_default().push(id);
        }
        if entry.from_any || entry.to_any {
            policy.open_rows.push(id);
        }
        for reading in &entry.readings {
            policy.ports.insert(reading, id);
        }
        if !entry.is_logical && !entry.readings.is_empty() {
            let key: BTreeSet<_> = entry
                .readings
                .iter()
                .map(|reading| {
                    (
                        reading.transport,
                        reading.ports.ranges().to_vec(),
                        reading.protocols.clone(),
                        reading.tls,
                    )
                })
                .collect();
            alike
                .entry((entry.from.clone(), entry.to.clone(), entry.from_any, entry.to_any, key))
                .or_default()
                .push(id);
        }
    }
    for group in alike.values().filter(|group| group.len() > 1) {
        for &id in group {
            if let Some(entry) = policy.rows.get_mut(id.0 as usize) {
                entry.same_as = group.iter().copied().filter(|&other| other != id).collect();
            }
        }
    }
    let mut credits: Vec<(RowId, RowId)> = Vec::new();
    for id in policy.row_ids() {
        let (table, row) = (policy.entry(id).table, policy.row(id));
        for wanted in &row.credited_with {
            let by = policy
                .row_ids()
                .find(|&other| policy.entry(other).table == table && policy.row(other).id == *wanted);
            credits.extend(by.map(|by| (by, id)));
        }
    }
    for (by, id) in credits {
        if let Some(entry) = policy.rows.get_mut(by.0 as usize) {
            entry.credits.push(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct NoNames;

    impl NameBook for NoNames {
        fn had_name(&self, _: Address, _: &str, _: TimeNs) -> bool {
            false
        }

        fn is_resolved(&self, _: &str, _: TimeNs) -> bool {
            false
        }
    }

    #[test]
    fn a_pattern_matches_below_its_star_only() {
        assert!(matches_name("*.s3.example.com", "a.b.S3.example.com"));
        assert!(matches_name("db.example.com", "DB.example.com."));
        assert!(!matches_name("*.s3.example.com", "s3.example.com"));
        assert!(!matches_name("*.s3.example.com", "evils3.example.com"));
    }

    #[test]
    fn every_prefix_that_holds_an_address_is_met() {
        let mut map = PrefixMap::new();
        for (network, value) in [("10.0.0.0/8", 1), ("10.1.0.0/16", 2), ("10.1.2.3/32", 3), ("::/0", 4)] {
            map.insert(network.parse().unwrap(), value);
        }
        let check = |address: &str, expect: &[i32]| {
            let mut met = Vec::new();
            let ip: std::net::IpAddr = address.parse().unwrap();
            map.each(Address::from(ip), &mut |&value| met.push(value));
            met.sort_unstable();
            assert_eq!(met, expect, "{address}");
        };
        check("10.1.2.3", &[1, 2, 3]);
        check("10.1.9.9", &[1, 2]);
        check("11.0.0.1", &[]);
        check("2001:db8::1", &[4]);
    }

    #[test]
    fn a_policy_without_a_site_judges_ports_only() {
        let policy = Policy::compile(Vec::new(), None);
        assert_eq!(policy.mode(), Mode::PortOnly);
        assert!(policy.roles_of(Address::v4(1), Known::default(), &NoNames, 0).is_empty());
    }
}
