//! The parts of the way of a frame: decoding, the flow table, the probes.

use std::hint::black_box;

use divan::Bencher;
use divan::counter::ItemsCount;
use uncharted::flow::flows::Flows;
use uncharted::flow::key::hash_of;
use uncharted::flow::opening::View;
use uncharted::flow::table::Bounds;
use uncharted::net::Place;
use uncharted::packet::decode::{Decoder, five_tuple};
use uncharted::packet::fragment;
use uncharted::packet::frame::{Frame, LinkType};
use uncharted::protocol;
use uncharted_benches::frames::{Ends, Piece, Service, mix, record, services};

const RECORD_HEADER_BYTES: usize = 16;
const FRAMES: u32 = 4096;

fn main() {
    divan::main();
}

/// One SYN each of `FRAMES` frames over `flows` flows.
fn frames(flows: u32) -> Vec<Vec<u8>> {
    let frame = |at: u32| {
        let flow = mix(u64::from(at)) as u32 % flows;
        let ends = Ends {
            client: 0x0a01_0000 + flow / 1000,
            server: 0x0a02_0001,
            client_port: 20_000 + (flow % 1000) as u16,
            server_port: 5432,
            is_udp: false,
        };
        let mut bytes = Vec::new();
        let piece = Piece { from_client: true, flags: 16, seq: at, ack: 1, payload: b"" };
        let written = record(&mut std::io::sink(), &mut bytes, u64::from(at), &ends, &piece);
        written.map_or_else(|_| Vec::new(), |()| bytes.split_off(RECORD_HEADER_BYTES))
    };
    (0..FRAMES).map(frame).collect()
}

fn view(bytes: &[u8], at: u64) -> Frame<'_> {
    let wire_bytes = bytes.len() as u32;
    Frame { time_ns: at, place: Place::new(0, at), vantage: 0, link: LinkType(1), wire_bytes, bytes }
}

#[divan::bench]
fn decode(bencher: Bencher<'_, '_>) {
    let frames = frames(1000);
    let mut decoder = Decoder::new(fragment::Bounds::default());
    bencher.counter(ItemsCount::new(FRAMES)).bench_local(|| {
        for (bytes, at) in frames.iter().zip(1..) {
            decoder.decode(&view(bytes, at), &mut |packet| {
                black_box(packet.tcp.seq);
            });
        }
    });
}

#[divan::bench]
fn hash(bencher: Bencher<'_, '_>) {
    let frames = frames(1000);
    bencher.counter(ItemsCount::new(FRAMES)).bench_local(|| {
        for bytes in &frames {
            if let Some((transport, source, destination)) = five_tuple(&view(bytes, 1)) {
                black_box(hash_of(transport, source, destination));
            }
        }
    });
}

#[divan::bench(args = [100, 4_000, 1_000_000])]
fn decode_and_table(bencher: Bencher<'_, '_>, flows: u32) {
    let frames = frames(flows);
    let mut decoder = Decoder::new(fragment::Bounds::default());
    let mut table: Flows<()> = Flows::new(Bounds::default());
    bencher.counter(ItemsCount::new(FRAMES)).bench_local(|| {
        for (bytes, at) in frames.iter().zip(1..) {
            decoder.decode(&view(bytes, at), &mut |packet| {
                let hash = hash_of(packet.transport, packet.source, packet.destination);
                black_box(table.push_into(hash, hash, packet, &mut drop));
            });
        }
    });
}

/// The openings of the generated captures, by their place in the list of services.
#[divan::bench(args = 0..13)]
fn identify(bencher: Bencher<'_, '_>, at: usize) {
    let services = services(false);
    let Some(Service { is_udp, request, response, .. }) = services.get(at) else { return };
    let view = if *is_udp { View::of_udp(request, response) } else { View::of(request, response) };
    bencher.bench_local(|| black_box(protocol::probe::identify(protocol::ALL, &view)));
}

/// Every probe by itself, on the opening of a stranger.
#[divan::bench(args = protocol::ALL.iter().map(|probe| probe.name()))]
fn probe(bencher: Bencher<'_, '_>, name: &str) {
    let Some(probe) = protocol::by_name(name) else { return };
    let view = View::of(b"GET /metrics HTTP/1.1\r\nHost: iwd\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n");
    bencher.bench_local(|| black_box(probe.ask(&view)));
}
