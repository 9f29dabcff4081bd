//! Real openings, whole and damaged: a probe that says yes to a part of another protocol's bytes is wrong.
//!
//! Every opening of every capture, own and shared, is asked about as it is, with one side alone, met midstream at
//! several places, and cut short. Whatever the damage, the answer is the protocol that the whole proves, or none.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use uncharted::capture::set::Input;
use uncharted::capture::source::{self, open};
use uncharted::flow::opening::{End, Opening, Start};
use uncharted::flow::record::Record;
use uncharted::flow::table::{Bounds, Ended, Table};
use uncharted::net::{Side, Transport};
use uncharted::packet::decode::Decoder;
use uncharted::packet::fragment;
use uncharted::protocol;
use uncharted::protocol::probe::{Detail, Identity, identify};

use crate::program::{each, files, own_captures, shared_captures};

/// Openings longer than this are asked about up to here: damage further on changes no answer.
const LONG_BYTES: usize = 1500;

/// Where a damaged opening begins, and where it ends.
const PLACES: &[usize] = &[1, 3, 4, 5, 8, 12, 16, 24, 33, 48, 64, 100, 200, 500, 1000];

/// Flows whose sides speak two protocols, or one inside another that has no probe: capture, what a part of it may
/// prove besides, and why.
const TWOFOLD: &[(&str, &str, &str)] = &[
    ("arkime__socks5-http-302.pcap", "http", "behind SOCKS"),
    ("ndpi__socks.pcap", "http", "behind SOCKS"),
    ("ndpi__tls_heur__vmess-tcp.pcapng", "tls", "behind SOCKS"),
    ("suricata-verify__smtp-errors-smtperr.pcap", "smtp", "a mail server that is sent garbage"),
    ("zeek__http-http-to-ssh.pcap", "ssh", "an HTTP client at an SSH server"),
    ("zeek__ipv4-fragmented-4.pcap", "http", "a request whose rest is not HTTP"),
    ("zeek__ipv6-http-atomic-frag.pcap", "http", "HTTP/0.9, which is not claimed whole"),
    ("zeek__tls-ssl-to-http-server.pcap", "http", "a TLS client at an HTTP server"),
];

fn captures() -> Vec<PathBuf> {
    let folder = own_captures();
    let mut captures = files(&folder.join("protocols"), &[".pcap", ".pcapng", ".gz"]);
    if let Some(shared) = shared_captures() {
        captures.extend(files(&shared.join("files"), &[]));
    }
    captures
}

/// The openings of a capture's flows.
fn openings(capture: &Path) -> Vec<(Record, Opening)> {
    let options = source::Options { filter: None, digest: false };
    let mut observation = open(&[Input::Path(capture.to_owned())], &options).unwrap();
    let mut decoder = Decoder::new(fragment::Bounds::default());
    let mut table: Table<()> = Table::new(Bounds::default());
    let mut found = Vec::new();
    let mut keep = |ended: Ended<()>| {
        let mut record = ended.record;
        if let Some(opening) = record.opening.take() {
            found.push((record, *opening));
        }
    };
    while let Ok(Some(batch)) = observation.next_batch() {
        for frame in batch.frames() {
            decoder.decode(&frame, &mut |packet| {
                table.push(packet, &mut keep);
            });
        }
    }
    table.finish(&mut keep);
    found
}

fn ask(opening: &Opening) -> Identity {
    identify(protocol::ALL, &opening.view())
}

/// The opening damaged in many ways, each with its name.
fn damaged(opening: &Opening) -> Vec<(String, Opening)> {
    let mut all = Vec::new();
    for side in Side::BOTH {
        let mut alone = opening.clone();
        alone.sides[side] = Default::default();
        alone.sides[side].end = End::Closed;
        alone.first = Some(side.other());
        all.push((format!("{:?} alone", side.other()), alone));
    }
    if opening.transport != Transport::Tcp {
        return all;
    }
    for &place in PLACES {
        for sides in [&Side::BOTH[..], &[Side::A], &[Side::B]] {
            let mut late = opening.clone();
            let mut short = opening.clone();
            for &side in sides {
                let bytes = &mut late.sides[side].bytes;
                bytes.drain(..place.min(bytes.len()));
                late.sides[side].start = Start::Midstream;
                short.sides[side].bytes.truncate(place);
                short.sides[side].end = if place % 2 == 0 { End::Cut } else { End::Gap };
            }
            all.push((format!("{sides:?} from {place}"), late));
            all.push((format!("{sides:?} up to {place}"), short));
        }
    }
    all
}

/// The names that parts of this flow may bear: its own, and those of what it is wrapped in.
fn names(identity: &Identity) -> BTreeSet<&str> {
    let mut names: BTreeSet<&str> = identity.protocol.into_iter().collect();
    if identity.tls.is_some() {
        names.insert("tls");
    }
    if let Some(Detail::Text(outer)) = identity.details.get("tunnelled_by") {
        names.insert(outer);
    }
    if names.contains("http2") {
        names.insert("http");
    }
    names
}

#[test]
fn no_part_of_an_opening_proves_another_protocol() {
    let found = each(&captures(), |capture| {
        let name = capture.file_name().unwrap().to_str().unwrap();
        let mut wrong: BTreeMap<String, String> = BTreeMap::new();
        for (record, mut opening) in openings(capture) {
            for side in Side::BOTH {
                opening.sides[side].bytes.truncate(LONG_BYTES);
            }
            let whole = ask(&opening);
            let ends = format!("{} {}-{}", record.transport, record.ends[Side::A], record.ends[Side::B]);
            if !whole.contested.is_empty() {
                wrong.insert(format!("contested {:?}", whole.contested), ends.clone());
            }
            let mut names = names(&whole);
            names.extend(TWOFOLD.iter().filter(|(file, ..)| *file == name).map(|(_, other, _)| *other));
            for (damage, part) in damaged(&opening) {
                let identity = ask(&part);
                let is_other = identity.protocol.is_some_and(|name| !names.contains(name));
                let is_contested = identity.contested.iter().any(|name| !names.contains(name));
                if is_other || is_contested {
                    let is =
                        format!("{:?} is {:?} {:?}", whole.protocol, identity.protocol, identity.contested);
                    wrong.entry(is).or_insert_with(|| format!("{ends}, {damage}"));
                }
            }
        }
        wrong.into_iter().map(|(is, example)| format!("{name}: {is}: {example}")).collect::<Vec<_>>()
    });
    let wrong = found.concat();
    assert!(wrong.is_empty(), "{} kinds\n{}", wrong.len(), wrong.join("\n"));
}
