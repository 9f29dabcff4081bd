//! A site file: TOML, which addresses fill the roles, and what the site accepts.
//!
//! Left out: reading the file, and whether roles and rows exist; `check_site` asks the tables.

use std::fmt;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use toml::Spanned;
use toml::value::Datetime;

use crate::policy::binding_file::{BindingFile, Net, PodsFile, dns_name, parse_net};
use crate::policy::field::{MAX_FILE_BYTES, Ordered, PortList, PortRange, Text};
use crate::policy::kubernetes::parse_selector;
use crate::policy::mistake::{Origin, PolicyError, list, mend, quoted};
use crate::policy::shipped;
use crate::policy::site::{Binding, End, Mark, Pods, RowEnds, Site, Waiver};
use crate::policy::table::ANY;
use crate::policy::table_file::sha256;

/// A site: which addresses fill the roles, which tables are in force, what was accepted.
#[derive(Deserialize, JsonSchema, Debug)]
#[serde(deny_unknown_fields)]
pub struct SiteFile {
    /// Names of shipped tables, or paths of files relative to this one.
    #[serde(default)]
    #[schemars(with = "Vec<Text>")]
    tables: Vec<Spanned<Text>>,
    /// `cluster` is what Intra-cluster means; others are inside, too, for "Public Internet".
    #[serde(default)]
    #[schemars(with = "Ordered<Vec<Text>>")]
    networks: Ordered<Vec<Spanned<Net>>>,
    /// A name as printed, or one of its aliases = what fills it.
    #[schemars(with = "Ordered<Vec<BindingFile>>")]
    roles: Ordered<Spanned<Vec<Spanned<BindingFile>>>>,
    /// Ports put in force, by table and row: a configurable port, or a pin for a row without one.
    #[serde(default)]
    #[schemars(with = "Ordered<Ordered<PortList>>")]
    ports: Ordered<Ordered<Spanned<PortList>>>,
    /// Ends of single rows, by table and row, where a role is too coarse.
    #[serde(default)]
    #[schemars(with = "Ordered<Ordered<RowEndsFile>>")]
    rows: Ordered<Ordered<Spanned<RowEndsFile>>>,
    /// Further names for roles: name = the role.
    #[serde(default)]
    #[schemars(with = "Ordered<Text>")]
    aliases: Ordered<Spanned<Text>>,
    /// Findings that are accepted.
    #[serde(default)]
    #[schemars(with = "Vec<WaiverFile>")]
    waiver: Vec<Spanned<WaiverFile>>,
}

/// What stands in for a row's printed roles.
#[derive(Deserialize, JsonSchema, Debug)]
#[serde(deny_unknown_fields)]
struct RowEndsFile {
    #[serde(default)]
    #[schemars(with = "Vec<BindingFile>")]
    source: Vec<Spanned<BindingFile>>,
    #[serde(default)]
    #[schemars(with = "Vec<BindingFile>")]
    destination: Vec<Spanned<BindingFile>>,
}

/// A finding that is accepted. What is given must hold; what is left out may be anything.
#[derive(Deserialize, JsonSchema, Debug)]
#[serde(deny_unknown_fields)]
struct WaiverFile {
    /// A finding's reason, such as `wrong-port`.
    #[schemars(with = "Text")]
    reason: Spanned<Text>,
    /// A role, an address or a network.
    #[schemars(with = "Option<Text>")]
    initiator: Option<Spanned<Text>>,
    /// A role, an address or a network.
    #[schemars(with = "Option<Text>")]
    responder: Option<Spanned<Text>>,
    /// The responder's port.
    #[schemars(with = "Option<PortRange>")]
    port: Option<Spanned<PortRange>>,
    /// Why it is accepted.
    because: Text,
    /// Who answers for it.
    owner: Text,
    /// The last day on which it holds, such as 2027-03-31, without quotes.
    #[schemars(with = "Option<Text>")]
    until: Option<Spanned<Until>>,
}

/// A date without a time.
#[derive(Clone, Debug)]
struct Until(String);

impl<'de> Deserialize<'de> for Until {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Day;
        impl<'de> Visitor<'de> for Day {
            type Value = Until;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a date such as 2027-03-31")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Until, E> {
                let is_date = text.parse::<Datetime>().is_ok_and(|date| date.time.is_none());
                let mend = if is_date { "; write it without quotes" } else { "" };
                Err(E::custom(format!("expected a date such as 2027-03-31, found {}{mend}", quoted(text))))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Until, A::Error> {
                let date = Datetime::deserialize(MapAccessDeserializer::new(map))?;
                match (date.date, date.time) {
                    (Some(day), None) => Ok(Until(day.to_string())),
                    _ => {
                        let found = quoted(&date.to_string());
                        let message =
                            format!("expected a date such as 2027-03-31, found {found}; leave the time out");
                        Err(A::Error::custom(message))
                    }
                }
            }
        }
        deserializer.deserialize_any(Day)
    }
}

/// The site in `text`; `path` names it in messages.
///
/// # Errors
/// The first mistake, with its place.
pub fn parse_site(text: &str, path: &str) -> Result<Site, PolicyError> {
    let origin = Origin { path, text };
    if text.len() > MAX_FILE_BYTES {
        return Err(
            origin.mistake(0, format!("expected at most {MAX_FILE_BYTES} bytes, found {}", text.len()))
        );
    }
    let file: SiteFile = toml::from_str(text).map_err(|error| origin.from_toml(&error))?;
    let mut builder = Builder {
        origin,
        site: Site { path: path.to_owned(), sha256: sha256(text), ..Site::default() },
        marks: Vec::new(),
    };
    builder.tables(&file.tables)?;
    builder.networks(&file.networks)?;
    for (role, bindings) in &file.roles.0 {
        if role.get_ref().0 == ANY {
            return Err(builder.refuse(role, "a role", ", which is any address and needs no binding"));
        }
        if bindings.get_ref().is_empty() {
            let message = "expected what fills the role, found an empty list; leave an unbound role out";
            return Err(origin.mistake(bindings.span().start, message.to_owned()));
        }
        let bound = builder.bindings(bindings.get_ref())?;
        builder.mark(Mark::Role(role.get_ref().0.clone()), role.span().start);
        builder.site.roles.push((role.get_ref().0.clone(), bound));
    }
    builder.ports(&file.ports)?;
    builder.rows(&file.rows)?;
    for (name, canonical) in &file.aliases.0 {
        let (further, role) = (name.get_ref().0.clone(), canonical.get_ref().0.clone());
        if further == role {
            return Err(builder.refuse(canonical, "another name", ", the alias itself"));
        }
        if file.aliases.0.iter().any(|(other, _)| other.get_ref() == canonical.get_ref()) {
            return Err(builder.refuse(canonical, "a role", ", itself an alias; write what it stands for"));
        }
        builder.mark(Mark::Alias(further.clone()), name.span().start);
        builder.mark(Mark::Canonical(further.clone()), canonical.span().start);
        builder.site.aliases.push((further, role));
    }
    for (number, waiver) in file.waiver.iter().enumerate() {
        builder.waiver(number, waiver)?;
    }
    Ok(builder.finish())
}

struct Builder<'a> {
    origin: Origin<'a>,
    site: Site,
    marks: Vec<(usize, Mark)>,
}

impl Builder<'_> {
    fn mark(&mut self, mark: Mark, offset: usize) {
        self.marks.push((offset, mark));
    }

    fn refuse(&self, text: &Spanned<Text>, expected: &str, mend: &str) -> PolicyError {
        let found = quoted(&text.get_ref().0);
        self.origin.mistake(text.span().start, format!("expected {expected}, found {found}{mend}"))
    }

    fn finish(mut self) -> Site {
        for (offset, mark) in self.marks {
            self.site.places.insert(mark, self.origin.place(offset));
        }
        self.site
    }

    fn tables(&mut self, tables: &[Spanned<Text>]) -> Result<(), PolicyError> {
        for table in tables {
            let text = table.get_ref().0.clone();
            if self.site.tables.contains(&text) {
                return Err(self.refuse(table, "each table once", " again; remove one"));
            }
            if !text.ends_with(".toml") && shipped::text(&text).is_none() {
                let known: Vec<&str> = shipped::names().collect();
                let mend = mend(&text, known.iter().copied()).unwrap_or_else(|| list(&known));
                return Err(self.refuse(table, "a shipped table or a path that ends in .toml", &mend));
            }
            self.mark(Mark::Table(text.clone()), table.span().start);
            self.site.tables.push(text);
        }
        Ok(())
    }

    fn networks(&mut self, networks: &Ordered<Vec<Spanned<Net>>>) -> Result<(), PolicyError> {
        const CLUSTER: &str = "cluster";
        for (name, nets) in &networks.0 {
            let text = &name.get_ref().0;
            if text != CLUSTER
                && let Some(mend) = mend(text, [CLUSTER].into_iter())
            {
                return Err(self.refuse(name, "the network \"cluster\", or a name unlike it", &mend));
            }
            let mut seen: Vec<IpNet> = Vec::new();
            for net in nets {
                if seen.contains(&net.get_ref().0) {
                    let found = self.origin.found(&net.span());
                    let message = format!("expected each network once, found {found} again; remove one");
                    return Err(self.origin.mistake(net.span().start, message));
                }
                seen.push(net.get_ref().0);
            }
            self.site.networks.insert(text.clone(), seen);
        }
        Ok(())
    }

    fn bindings(&self, bindings: &[Spanned<BindingFile>]) -> Result<Vec<Binding>, PolicyError> {
        let mut bound: Vec<Binding> = Vec::with_capacity(bindings.len());
        for binding in bindings {
            let built = self.binding(binding)?;
            if bound.contains(&built) {
                let found = self.origin.found(&binding.span());
                let message = format!("expected each binding once, found {found} again; remove one");
                return Err(self.origin.mistake(binding.span().start, message));
            }
            bound.push(built);
        }
        Ok(bound)
    }

    fn binding(&self, binding: &Spanned<BindingFile>) -> Result<Binding, PolicyError> {
        let table = match binding.get_ref() {
            BindingFile::Network(net) => return Ok(Binding { network: Some(net.0), ..Binding::default() }),
            BindingFile::Table(table) => table,
        };
        let name = match &table.name {
            None => None,
            Some(name) => Some(dns_name(&name.get_ref().0).ok_or_else(|| {
                let mend = match name.get_ref().0.strip_prefix("*.") {
                    Some(_) => "; patterns are for sni",
                    None if name.get_ref().0.contains("://") => "; leave the scheme out",
                    None => "",
                };
                self.refuse(name, "a DNS name such as kafka.infra.svc.cluster.local", mend)
            })?),
        };
        let sni = match &table.sni {
            None => None,
            Some(sni) => {
                let text = &sni.get_ref().0;
                let (star, rest) = match text.strip_prefix("*.") {
                    Some(rest) => ("*.", rest),
                    None => ("", text.as_str()),
                };
                let rest = dns_name(rest).ok_or_else(|| {
                    let mend = if rest.contains('*') { "; a * stands only in front, as \"*.\"" } else { "" };
                    self.refuse(sni, "a TLS server name such as *.s3.example.com", mend)
                })?;
                Some(format!("{star}{rest}"))
            }
        };
        let built = Binding {
            network: table.address.map(|net| net.0),
            name,
            sni,
            database: table.database.as_ref().map(|database| database.0.clone()),
            pods: table.kubernetes.as_ref().map(|pods| self.pods(pods)).transpose()?,
        };
        if built == Binding::default() {
            let message = "expected one of address, name, sni, database and kubernetes, found an empty table";
            return Err(self.origin.mistake(binding.span().start, message.to_owned()));
        }
        Ok(built)
    }

    fn pods(&self, pods: &PodsFile) -> Result<Pods, PolicyError> {
        let labels = parse_selector(&pods.selector.get_ref().0).ok_or_else(|| {
            self.refuse(
                &pods.selector,
                "labels such as app=gim,tier!=test",
                "; sets (in, notin) are not read",
            )
        })?;
        Ok(Pods { namespace: pods.namespace.0.clone(), labels })
    }

    fn ports(&mut self, ports: &Ordered<Ordered<Spanned<PortList>>>) -> Result<(), PolicyError> {
        for (table, rows) in &ports.0 {
            for (row, list) in &rows.0 {
                let set = list.get_ref().set(&self.origin, 1..=u16::MAX)?;
                if set.is_empty() {
                    let message =
                        "expected a port such as 22 or 12300-12307, found an empty list; leave the row out";
                    return Err(self.origin.mistake(list.span().start, message.to_owned()));
                }
                let key = (table.get_ref().0.clone(), row.get_ref().0.clone());
                self.mark(Mark::Table(key.0.clone()), table.span().start);
                self.mark(Mark::Ports(key.0.clone(), key.1.clone()), row.span().start);
                self.site.ports.insert(key, set);
            }
        }
        Ok(())
    }

    fn rows(&mut self, rows: &Ordered<Ordered<Spanned<RowEndsFile>>>) -> Result<(), PolicyError> {
        for (table, rows) in &rows.0 {
            for (row, ends) in &rows.0 {
                let built = RowEnds {
                    source: self.bindings(&ends.get_ref().source)?,
                    destination: self.bindings(&ends.get_ref().destination)?,
                };
                if built == RowEnds::default() {
                    let message = "expected source or destination, found neither; leave the row out";
                    return Err(self.origin.mistake(row.span().start, message.to_owned()));
                }
                let key = (table.get_ref().0.clone(), row.get_ref().0.clone());
                self.mark(Mark::Row(key.0.clone(), key.1.clone()), row.span().start);
                self.site.rows.insert(key, built);
            }
        }
        Ok(())
    }

    fn waiver(&mut self, number: usize, waiver: &Spanned<WaiverFile>) -> Result<(), PolicyError> {
        let line = self.origin.place(waiver.span().start).line;
        let waiver = waiver.get_ref();
        let port = match &waiver.port {
            None => None,
            Some(port) => {
                let PortRange { low, high } = *port.get_ref();
                if low == 0 || low != high {
                    let found = self.origin.found(&port.span());
                    let message = format!("expected one port such as 22, found {found}");
                    return Err(self.origin.mistake(port.span().start, message));
                }
                Some(low)
            }
        };
        self.mark(Mark::WaiverReason(number), waiver.reason.span().start);
        let initiator = waiver.initiator.as_ref().map(end);
        let responder = waiver.responder.as_ref().map(end);
        if let Some(end) = &waiver.initiator {
            self.mark(Mark::WaiverInitiator(number), end.span().start);
        }
        if let Some(end) = &waiver.responder {
            self.mark(Mark::WaiverResponder(number), end.span().start);
        }
        let built = Waiver {
            reason: waiver.reason.get_ref().0.clone(),
            initiator,
            responder,
            port,
            because: waiver.because.0.clone(),
            owner: waiver.owner.0.clone(),
            until: waiver.until.as_ref().map(|until| until.get_ref().0.clone()),
            line,
        };
        let same = |other: &Waiver| {
            (&other.reason, &other.initiator, &other.responder, other.port)
                == (&built.reason, &built.initiator, &built.responder, built.port)
        };
        if let Some(other) = self.site.waivers.iter().find(|other| same(other)) {
            let message = format!("that of line {}", other.line);
            return Err(self.refuse(
                &waiver.reason,
                "each waiver once",
                &format!(" for the same as {message}"),
            ));
        }
        self.site.waivers.push(built);
        Ok(())
    }
}

/// A network where the text is one, else a role; `check_site` knows the roles.
fn end(text: &Spanned<Text>) -> End {
    match parse_net(&text.get_ref().0) {
        Ok(network) => End::Network(network),
        Err(_) => End::Role(text.get_ref().0.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::site_check::check_site;

    const REASONS: &[&str] = &["undocumented-pair", "wrong-port", "plaintext-where-tls"];

    fn check(text: &str, expect: &str) {
        let tables: Vec<_> = ["genesys/info-mart", "genesys/iwd", "genesys/tenant", "genesys/gcxi"]
            .iter()
            .map(|name| shipped::table(name).unwrap().unwrap())
            .collect();
        let found = match parse_site(text, "s.toml").and_then(|site| check_site(&site, &tables, REASONS)) {
            Err(mistake) => mistake.to_string(),
            Ok(remarks) => {
                let remarks: Vec<String> = remarks.iter().map(ToString::to_string).collect();
                if remarks.is_empty() { "fine".to_owned() } else { remarks.join(" | ") }
            }
        };
        assert_eq!(found, expect, "of\n{text}");
    }

    const WHOLE: &str = r#"
tables = ["genesys/info-mart", "platform/kubernetes", "./our-own.toml"]

[networks]
cluster = ["10.244.0.0/16", "10.96.0.0/12"]

[roles]
"GIM" = ["10.244.3.7", "10.244.3.8"]
"Kafka" = ["10.244.9.0/28", { name = "kafka.infra.svc.cluster.local." }]
"Object storage" = [{ sni = "*.s3.example.com" }]
"Info Mart database" = [{ address = "10.20.0.5", database = "gim" }]

[ports."genesys/iwd"]
"7" = [6380]

[rows."genesys/tenant"."22"]
destination = ["10.9.0.0/16"]

[aliases]
"gim-loader" = "GIM"

[[waiver]]
reason = "wrong-port"
initiator = "GIM"
responder = "10.20.0.5"
port = 5433
because = "read replica, until the move to the new cluster"
owner = "dba@example.com"
until = 2027-03-31
"#;

    #[test]
    fn a_whole_site_is_read() {
        check(WHOLE, "fine");
        let site = parse_site(WHOLE, "s.toml").unwrap();
        assert_eq!(
            site.roles.iter().map(|(role, _)| role.as_str()).collect::<Vec<_>>(),
            ["GIM", "Kafka", "Object storage", "Info Mart database"]
        );
        assert_eq!(site.roles[1].1[1].name.as_deref(), Some("kafka.infra.svc.cluster.local"));
        assert_eq!(site.waivers[0].until.as_deref(), Some("2027-03-31"));
        assert_eq!(site.waivers[0].line, 22);
    }

    #[test]
    fn a_shared_port_is_that_of_every_row_that_shares_it() {
        let table = shipped::table("genesys/iwd").unwrap().unwrap();
        let site = parse_site("[roles]\n[ports.\"genesys/iwd\"]\n\"2\" = [5000]", "s.toml").unwrap();
        for (row, expect) in [("2", "5000"), ("4", "5000"), ("5", "5000"), ("9", "5000"), ("7", "6379")] {
            let readings = site.readings_of(&table, table.row(row).unwrap());
            assert_eq!(readings[0].ports.to_string(), expect, "row {row}");
        }
    }

    #[test]
    fn mistakes_and_oddities_of_sites() {
        let waiver = |lines: &str| {
            format!(
                "[roles]\n[[waiver]]\nreason = \"wrong-port\"\nport = 1\nbecause = \"b\"\nowner = \"o\"\n{lines}"
            )
        };
        for (text, expect) in [
            ("".to_owned(), "s.toml:1:1: expected the key \"roles\", found none; add it"),
            ("[role]".to_owned(), "s.toml:1:2: expected a known key, found \"role\"; did you mean \"roles\""),
            ("tables = [\"genesys/infomart\"]\n[roles]".to_owned(), "s.toml:1:11: expected a shipped table or a path that ends in .toml, found \"genesys/infomart\"; did you mean \"genesys/info-mart\""),
            ("tables = [\"our-own\"]\n[roles]".to_owned(), "s.toml:1:11: expected a shipped table or a path that ends in .toml, found \"our-own\"; known are \"genesys/gcxi\", \"genesys/gvp-reporting-server\", \"genesys/info-mart\", \"genesys/iwd\", \"genesys/tenant\", \"platform/kubernetes\""),
            ("[roles]\nGIMM = [\"10.0.0.1\"]".to_owned(), "s.toml:2:1: expected a role of the tables, found \"GIMM\"; did you mean \"GIM\""),
            ("[roles]\n\"Oracle Database of Delphi\" = [\"10.0.0.1\"]".to_owned(), "s.toml:2:1: expected a role of the tables, found \"Oracle Database of Delphi\"; `tables show` prints the roles"),
            ("[roles]\nGIM = \"10.0.0.1\"".to_owned(), "s.toml:2:7: expected a list in [ ], found \"10.0.0.1\"; put it in [ ]"),
            ("[roles]\nGIM = []".to_owned(), "s.toml:2:7: expected what fills the role, found an empty list; leave an unbound role out"),
            ("[roles]\nGIM = [\"10.0.0.256\"]".to_owned(), "s.toml:2:8: expected an address or a network such as 10.244.9.0/28, found \"10.0.0.256\""),
            ("[roles]\nGIM = [\"10.0.0.1\", \"10.0.0.1\"]".to_owned(), "s.toml:2:20: expected each binding once, found \"10.0.0.1\" again; remove one"),
            ("[roles]\nGIM = [\"10.0.0.1:80\"]".to_owned(), "s.toml:2:8: expected an address or a network such as 10.244.9.0/28, found \"10.0.0.1:80\"; leave the port out"),
            ("[roles]\nGIM = [\"10.0.0.1/24\"]".to_owned(), "s.toml:2:8: expected an address or a network such as 10.244.9.0/28, found \"10.0.0.1/24\"; write \"10.0.0.0/24\", or the address alone"),
            ("[roles]\nGIM = [\"gim.example.com\"]".to_owned(), "s.toml:2:8: expected an address or a network such as 10.244.9.0/28, found \"gim.example.com\"; for a DNS name write { name = \"gim.example.com\" }"),
            ("[roles]\nGIM = [\"*.example.com\"]".to_owned(), "s.toml:2:8: expected an address or a network such as 10.244.9.0/28, found \"*.example.com\"; for a TLS server name write { sni = \"*.example.com\" }"),
            ("[roles]\nGIM = [{ nam = \"gim.example.com\" }]".to_owned(), "s.toml:2:10: expected a known key, found \"nam\"; did you mean \"name\""),
            ("[roles]\nGIM = [{ name = \"*.example.com\" }]".to_owned(), "s.toml:2:17: expected a DNS name such as kafka.infra.svc.cluster.local, found \"*.example.com\"; patterns are for sni"),
            ("[roles]\nGIM = [{ sni = \"s3.*.example.com\" }]".to_owned(), "s.toml:2:16: expected a TLS server name such as *.s3.example.com, found \"s3.*.example.com\"; a * stands only in front, as \"*.\""),
            ("[roles]\nGIM = [{ }]".to_owned(), "s.toml:2:8: expected one of address, name, sni, database and kubernetes, found an empty table"),
            ("[roles]\nGIM = [5]".to_owned(), "s.toml:2:8: expected an address or a network in quotes, or { name = \"..\" }, { sni = \"..\" }, { address = \"..\", database = \"..\" }, found \"5\""),
            ("[roles]\n\"*\" = [\"10.0.0.1\"]".to_owned(), "s.toml:2:1: expected a role, found \"*\", which is any address and needs no binding"),
            ("[roles]\nGIM = [\"10.0.0.1\"]\nGIM = [\"10.0.0.2\"]".to_owned(), "s.toml:3:1: expected each key once, found \"GIM\" again; remove one"),
            ("[roles]\nNode = [\"10.0.0.1\"]".to_owned(), "s.toml:2:1: \"Node\" is a role of no table in force"),
            ("[roles]\n\"Info Mart database\" = [\"10.0.0.1\"]\n\"Genesys Info Mart Database\" = [\"10.0.0.2\"]".to_owned(), "s.toml:3:1: \"Genesys Info Mart Database\" is the same role as \"Info Mart database\": their bindings add up"),
            ("[roles]\n[networks]\nclusters = [\"10.0.0.0/8\"]".to_owned(), "s.toml:3:1: expected the network \"cluster\", or a name unlike it, found \"clusters\"; did you mean \"cluster\""),
            ("[roles]\n[ports.\"genesys/iwdd\"]\n\"7\" = [1]".to_owned(), "s.toml:3:1: expected a table, found \"genesys/iwdd\"; did you mean \"genesys/iwd\""),
            ("[roles]\n[ports.\"genesys/iwd\"]\n\"70\" = [1]".to_owned(), "s.toml:3:1: expected a row of genesys/iwd, found \"70\""),
            ("[roles]\n[ports.\"genesys/iwd\"]\n\"7\" = [0]".to_owned(), "s.toml:3:8: expected a port such as 22 or 12300-12307, found \"0\""),
            ("[roles]\n[ports.\"genesys/iwd\"]\n\"7\" = []".to_owned(), "s.toml:3:7: expected a port such as 22 or 12300-12307, found an empty list; leave the row out"),
            ("[roles]\n[ports.\"genesys/iwd\"]\n\"8\" = [5433]".to_owned(), "s.toml:3:1: row 8 documents port 5432 and does not say that it is configurable"),
            ("[roles]\n[ports.\"genesys/iwd\"]\n\"1\" = [26]".to_owned(), "s.toml:3:1: expected a row with one reading, found \"1\", which has 4"),
            ("[roles]\n[ports.\"genesys/iwd\"]\n\"2\" = [26]\n\"4\" = [27]".to_owned(), "s.toml:3:1: expected the port of row 4, with which row 2 shares it, found \"26\""),
            ("[roles]\n[ports.\"genesys/tenant\"]\n\"18\" = [26]".to_owned(), "s.toml:3:1: expected a row that can take a port, found \"18\", which refers elsewhere"),
            ("[roles]\n[rows.\"genesys/tenant\".\"22\"]\nsorce = [\"10.0.0.1\"]".to_owned(), "s.toml:3:1: expected a known key, found \"sorce\"; did you mean \"source\""),
            ("[roles]\n[rows.\"genesys/tenant\".\"22\"]".to_owned(), "s.toml:2:24: expected source or destination, found neither; leave the row out"),
            ("[roles]\n[rows.\"genesys/tenant\".\"23\"]\nsource = [\"10.0.0.1\"]".to_owned(), "s.toml:2:24: expected a row of genesys/tenant, found \"23\""),
            ("[roles]\n[aliases]\nloader = \"GIMM\"".to_owned(), "s.toml:3:10: expected a role of the tables, found \"GIMM\"; did you mean \"GIM\""),
            ("[roles]\n[aliases]\nGIM = \"Kafka\"".to_owned(), "s.toml:3:1: expected a new name, found \"GIM\", a role of the tables"),
            ("[roles]\n[aliases]\na = \"b\"\nb = \"GIM\"".to_owned(), "s.toml:3:5: expected a role, found \"b\", itself an alias; write what it stands for"),
            (waiver("until = 2027-03-31"), "fine"),
            (waiver("until = \"2027-03-31\""), "s.toml:7:9: expected a date such as 2027-03-31, found \"2027-03-31\"; write it without quotes"),
            (waiver("until = 2027-03-31T00:00:00Z"), "s.toml:7:9: expected a date such as 2027-03-31, found \"2027-03-31T00:00:00Z\"; leave the time out"),
            (waiver("until = 2027-02-30"), "s.toml:7:9: expected TOML, found \"2027-02-30\"; invalid date, expected day between 01 and 28"),
            (waiver("until = 2027"), "s.toml:7:9: expected a date such as 2027-03-31, found \"2027\""),
            (waiver(""), "s.toml:3:10: a waiver without `until` never expires"),
            (waiver("initiator = \"10.0.0.300\""), "s.toml:7:13: expected a role, an address or a network, found \"10.0.0.300\"; `tables show` prints the roles"),
            (waiver("until = 2027-03-31").replace("wrong-port", "wrongport"), "s.toml:3:10: expected a reason, found \"wrongport\"; did you mean \"wrong-port\""),
            (waiver("until = 2027-03-31").replace("port = 1\n", "port = \"1-2\"\n"), "s.toml:4:8: expected one port such as 22, found \"1-2\""),
            (waiver("until = 2027-03-31").replace("port = 1\n", "\n"), "s.toml:3:10: a waiver without initiator, responder and port accepts every such finding"),
            (waiver("until = 2027-03-31").replace("owner = \"o\"\n", "\n"), "s.toml:2:1: expected the key \"owner\", found none; add it"),
            (format!("{0}\n{1}", waiver("until = 2027-03-31"), waiver("").replace("[roles]\n", "\n")), "s.toml:10:10: expected each waiver once, found \"wrong-port\" for the same as that of line 2"),
        ] {
            check(&text, expect);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "(\\PC|\\n|\\[|=|\"|\\{){0,200}") {
            let _ = parse_site(&text, "s.toml");
        }

        #[test]
        fn no_site_with_a_wound_makes_the_reader_panic(at in 0usize..700, cut in 0usize..40, put in "\\PC{0,4}") {
            let wounded: String = WHOLE.chars().take(at).chain(put.chars()).chain(WHOLE.chars().skip(at + cut)).collect();
            if let Err(mistake) = parse_site(&wounded, "s.toml") {
                assert_eq!(mistake.to_string().lines().count(), 1, "{mistake}");
            }
        }
    }
}
