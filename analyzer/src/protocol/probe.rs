//! What a probe is asked and what it answers, and the asking of all of them.
//!
//! A probe sees an opening: no port, no address, no row. It answers yes, no or more; a wrong yes is
//! a worse defect than a miss.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::flow::opening::View;
use crate::net::{Pair, Side, Transport};

/// One protocol: everything the house knows of it.
pub trait Probe: Sync {
    /// The registry's name, as in tables and reports: `kafka`.
    fn name(&self) -> &'static str;
    /// One sentence for `explain`: what it is.
    fn title(&self) -> &'static str;
    /// What in the bytes proves it, and what is left out; for `explain`.
    fn proof(&self) -> &'static str;
    /// The transports that it runs over.
    fn transports(&self) -> &'static [Transport];
    /// Whether this opening is of the protocol.
    fn ask(&self, view: &View<'_>) -> Answer;
}

/// A probe's answer.
#[derive(Clone, PartialEq, Debug)]
pub enum Answer {
    Yes(Claim),
    /// It is not, whatever comes.
    No,
    /// It may be; the bytes so far do not tell.
    More,
}

/// What a probe that answers yes has proved.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Claim {
    /// The side that speaks as the client, where the bytes prove it.
    pub client: Option<Side>,
    /// The protocol is sure, but more bytes could still add facts (a database name, a TLS upgrade):
    /// ask again when they come.
    pub unfinished: bool,
    /// A name of the inner protocol that replaces the probe's own: ALPN names `http2` inside TLS.
    pub names: Option<&'static str>,
    pub tls: Option<Tls>,
    pub details: Details,
    /// Where another protocol starts: behind STARTTLS, SSLRequest, CONNECT, Upgrade.
    pub inner: Option<Inner>,
}

/// Another protocol starts behind these bytes of each side.
#[derive(Clone, PartialEq, Debug)]
pub struct Inner {
    /// Bytes of each side that belong to the outer protocol.
    pub skip: Pair<usize>,
    pub what: InnerKind,
}

/// What may stand behind an upgrade.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InnerKind {
    /// TLS, agreed by this means; the protocol keeps the outer name.
    Tls(TlsHow),
    /// Anything, and its name counts: a tunnel (CONNECT, SOCKS).
    Any,
}

/// How a flow came to be encrypted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TlsHow {
    /// TLS from the first byte.
    Direct,
    /// A dialogue in plain text first (SMTP, IMAP, LDAP ...).
    StartTls,
    /// PostgreSQL's SSLRequest, or MySQL's, TDS's and RDP's kin.
    SslRequest,
}

/// What the handshake shows of TLS.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
pub struct Tls {
    /// `1.3`, `1.2` ... as agreed by both; `null` where the server's answer was not seen.
    pub version: Option<&'static str>,
    pub sni: Option<String>,
    /// The protocol that the server chose, where that is visible; else those that the client offered.
    pub alpn: Vec<String>,
    pub how: TlsHow,
}

/// Facts that a probe read, by name: `database`, `user`, `client_id`.
pub type Details = BTreeMap<&'static str, Detail>;

/// One fact. Text is what the wire said, lossily decoded and bounded by [`text`]; it is escaped where it is shown.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(untagged)]
pub enum Detail {
    Text(String),
    Number(u64),
    Flag(bool),
    List(Vec<String>),
}

impl From<&str> for Detail {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Detail {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Detail {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Detail {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

/// Bytes of a name or a value from the wire that are kept in a detail.
pub const DETAIL_BYTES: usize = 256;

/// Text from the wire: lossy UTF-8, at most [`DETAIL_BYTES`].
pub fn text(bytes: &[u8]) -> String {
    let kept = bytes.get(..DETAIL_BYTES).unwrap_or(bytes);
    String::from_utf8_lossy(kept).into_owned()
}

impl Claim {
    /// A claim that names its client.
    pub fn by(client: Side) -> Self {
        Self { client: Some(client), ..Self::default() }
    }

    /// The same with one more fact.
    pub fn with(mut self, name: &'static str, value: impl Into<Detail>) -> Self {
        self.details.insert(name, value.into());
        self
    }
}

/// Tunnels inside tunnels that are followed before the rest is left alone.
const INNER_DEPTH: usize = 3;

/// What the content of a flow proves.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Identity {
    /// The innermost protocol that content proves.
    pub protocol: Option<&'static str>,
    pub tls: Option<Tls>,
    /// The side that speaks as the client.
    pub client: Option<Side>,
    pub details: Details,
    /// Two or more probes claimed the opening: their names. `protocol` is then `None`.
    pub contested: Vec<&'static str>,
    /// Nothing that may still come can change this.
    pub settled: bool,
}

impl Identity {
    /// Whether content proved a protocol.
    pub fn is_known(&self) -> bool {
        self.protocol.is_some()
    }
}

/// Asks every probe of `probes` about `view`.
///
/// An answer of `More` is final once neither side is open.
pub fn identify(probes: &[&'static dyn Probe], view: &View<'_>) -> Identity {
    ask_all(probes, view, 0)
}

fn ask_all(probes: &[&'static dyn Probe], view: &View<'_>, depth: usize) -> Identity {
    let mut claims: Vec<(&'static dyn Probe, Claim)> = Vec::new();
    let mut pending = false;
    for &probe in probes {
        if !probe.transports().contains(&view.transport) {
            continue;
        }
        match probe.ask(view) {
            Answer::Yes(claim) => claims.push((probe, claim)),
            Answer::No => {}
            Answer::More => pending = true,
        }
    }
    if claims.len() > 1 {
        return Identity {
            contested: claims.iter().map(|(probe, _)| probe.name()).collect(),
            settled: true,
            ..Identity::default()
        };
    }
    match claims.pop() {
        None => Identity { settled: !pending || !view.is_open(), ..Identity::default() },
        Some((probe, claim)) => {
            let mut identity = Identity {
                protocol: Some(claim.names.unwrap_or(probe.name())),
                tls: claim.tls,
                client: claim.client,
                details: claim.details,
                contested: Vec::new(),
                settled: !claim.unfinished || !view.is_open(),
            };
            if let Some(inner) = claim.inner
                && depth < INNER_DEPTH
            {
                go_inside(probes, view, &inner, depth, &mut identity);
            }
            identity
        }
    }
}

/// Adds to `identity` what stands behind an upgrade.
fn go_inside(
    probes: &[&'static dyn Probe],
    view: &View<'_>,
    inner: &Inner,
    depth: usize,
    identity: &mut Identity,
) {
    let inside = ask_all(probes, &view.behind(inner.skip), depth + 1);
    let settled = inside.settled;
    match inner.what {
        InnerKind::Tls(how) => {
            identity.tls = Some(match inside.tls {
                Some(tls) => Tls { how, ..tls },
                None => Tls { version: None, sni: None, alpn: Vec::new(), how },
            });
            identity.settled &= settled;
        }
        InnerKind::Any => {
            if let Some(name) = inside.protocol {
                let outer = identity.protocol.unwrap_or_default();
                identity.details.entry("tunnelled_by").or_insert_with(|| outer.into());
                identity.protocol = Some(name);
                identity.tls = inside.tls.or_else(|| identity.tls.take());
                identity.details.extend(inside.details);
            }
            identity.settled &= settled;
        }
    }
}
