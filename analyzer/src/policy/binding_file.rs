//! Bindings as a site file writes them: addresses, networks, DNS names, TLS server names, databases, pods.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use toml::Spanned;

use crate::policy::field::Text;
use crate::policy::mistake::quoted;

/// One way in which an endpoint fills a role: an address or a network, or what must hold together.
#[derive(Clone, Debug)]
pub enum BindingFile {
    Network(Net),
    Table(BindingTable),
}

/// All that is given must hold.
#[derive(Deserialize, JsonSchema, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct BindingTable {
    /// An address or a network.
    #[schemars(with = "Option<Text>")]
    pub address: Option<Net>,
    /// A DNS name, bound to the addresses that answers in the capture give it.
    #[schemars(with = "Option<Text>")]
    pub name: Option<Spanned<Text>>,
    /// A TLS server name; `*.` stands for one leading label or more.
    #[schemars(with = "Option<Text>")]
    pub sni: Option<Spanned<Text>>,
    /// A PostgreSQL database.
    pub database: Option<Text>,
    /// Pods of a Kubernetes cluster, and services that have only such pods behind them.
    pub kubernetes: Option<PodsFile>,
}

/// Pods by namespace and label.
#[derive(Deserialize, JsonSchema, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct PodsFile {
    pub namespace: Text,
    /// Labels as kubectl takes them: `app=gim,tier!=test`.
    #[schemars(with = "Text")]
    pub selector: Spanned<Text>,
}

/// An address or a network; the address of a network has no host bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Net(pub IpNet);

/// The network in text, or what is wrong with it.
pub fn parse_net(text: &str) -> Result<IpNet, String> {
    let refuse = |mend: &str| {
        Err(format!("expected an address or a network such as 10.244.9.0/28, found {}{mend}", quoted(text)))
    };
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address.to_canonical()));
    }
    if let Ok(network) = text.parse::<IpNet>() {
        let trunc = network.trunc();
        if trunc != network {
            return refuse(&format!("; write \"{trunc}\", or the address alone"));
        }
        return Ok(mapped(network));
    }
    if text.parse::<std::net::SocketAddr>().is_ok() {
        return refuse("; leave the port out");
    }
    if text.contains('%') {
        return refuse("; leave the zone out");
    }
    if text.starts_with("*.") {
        return refuse(&format!("; for a TLS server name write {{ sni = {} }}", quoted(text)));
    }
    let is_name = text.contains(|letter: char| letter.is_ascii_alphabetic()) && !text.contains(['/', ':']);
    if is_name && dns_name(text).is_some() {
        return refuse(&format!("; for a DNS name write {{ name = {} }}", quoted(text)));
    }
    refuse("")
}

/// A network inside `::ffff:0:0/96` is one of IPv4.
fn mapped(network: IpNet) -> IpNet {
    const MAPPED_BITS: u8 = 96;
    match (network.addr().to_canonical(), network.prefix_len().checked_sub(MAPPED_BITS)) {
        (address @ IpAddr::V4(_), Some(bits)) if network.addr().is_ipv6() => {
            IpNet::new(address, bits).unwrap_or(network)
        }
        _ => network,
    }
}

/// The name in lower case without its last dot, or `None` where it is none.
pub fn dns_name(text: &str) -> Option<String> {
    const NAME_CHARS: usize = 253;
    const LABEL_CHARS: usize = 63;
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let fits = |label: &str| {
        !label.is_empty()
            && label.len() <= LABEL_CHARS
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    if name.len() <= NAME_CHARS && name.split('.').all(fits) { Some(name) } else { None }
}

impl<'de> Deserialize<'de> for Net {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_net(&text).map(Self).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for BindingFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = BindingFile;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an address or a network in quotes, or { name = \"..\" }, { sni = \"..\" }, { address = \"..\", database = \"..\" }")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<BindingFile, E> {
                parse_net(text).map(|network| BindingFile::Network(Net(network))).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<BindingFile, A::Error> {
                BindingTable::deserialize(MapAccessDeserializer::new(map)).map(BindingFile::Table)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for BindingFile {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Binding".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let text = generator.subschema_for::<Text>();
        let table = generator.subschema_for::<BindingTable>();
        json_schema!({ "description": "An address or a network, or what must hold together.", "anyOf": [text, table] })
    }
}
