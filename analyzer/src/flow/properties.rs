//! What holds for any packets.

use proptest::prelude::*;

use crate::flow::fixture::{A, tcp, udp};
use crate::flow::opening::OPENING_BYTES;
use crate::flow::record::Record;
use crate::flow::table::{Bounds, Ended, Table, hash};
use crate::net::Side;
use crate::packet::view::Packet;

fn records(bounds: Bounds, packets: &[Packet<'_>]) -> Vec<Record> {
    let mut out = Vec::new();
    let mut table: Table<()> = Table::new(bounds);
    let mut take = |Ended { record, .. }: Ended<()>| out.push(record);
    for packet in packets {
        table.push(packet, &mut take);
        assert!(table.len() <= bounds.max_flows && table.openings() <= bounds.max_openings);
    }
    table.finish(&mut take);
    out
}

const BYTES: &[u8] = &[7; 3000];

fn any_packet() -> impl Strategy<Value = Packet<'static>> {
    let numbers = prop_oneof![0..20u32, 0..9000u32, any::<u32>()];
    let times = prop_oneof![8 => 0..100u64, 1 => 0..20_000_000u64];
    let flags = proptest::sample::subsequence(vec!["S", "F", "R", "A"], 0..=4);
    let payload = prop_oneof![Just(0), Just(1usize), 0..40usize, 0..3000usize];
    (any::<bool>(), times, flags, (numbers.clone(), numbers), payload, 0..6u16, 0..20u8).prop_map(
        |(is_a, time, flags, (seq, ack), length, port, odd)| {
            let side = if is_a { Side::A } else { Side::B };
            let payload = &BYTES[..length];
            let mut packet = match odd {
                0..4 => udp(side, time, payload),
                _ => tcp(side, time, &flags.concat(), seq, ack, payload),
            };
            match odd {
                5 => packet.payload_bytes += 100,
                6 => packet.time_ns = u64::MAX - time,
                7 => packet.checksum_ok = false,
                8 => packet.mark.ip_id = 0,
                _ => {}
            }
            if is_a {
                packet.source.port += port
            } else {
                packet.destination.port += port
            }
            packet
        },
    )
}

/// A well-formed connection: words of one side or the other, acknowledged, then closed.
fn connection() -> impl Strategy<Value = Vec<Packet<'static>>> {
    let words = proptest::collection::vec((any::<bool>(), 2..50usize), 0..8);
    (words, any::<bool>(), any::<u32>(), any::<u32>()).prop_map(|(words, closes, isn_a, isn_b)| {
        let (mut a, mut b) = (isn_a.wrapping_add(1), isn_b.wrapping_add(1));
        let mut time = 3;
        let mut packets = vec![
            tcp(Side::A, 0, "S", isn_a, 0, b""),
            tcp(Side::B, 1, "SA", isn_b, a, b""),
            tcp(Side::A, 2, ".", a, b, b""),
        ];
        for (is_a, length) in words {
            let word = &BYTES[..length];
            if is_a {
                packets.push(tcp(Side::A, time, ".", a, b, word));
                a = a.wrapping_add(length as u32);
                packets.push(tcp(Side::B, time + 1, ".", b, a, b""));
            } else {
                packets.push(tcp(Side::B, time, ".", b, a, word));
                b = b.wrapping_add(length as u32);
                packets.push(tcp(Side::A, time + 1, ".", a, b, b""));
            }
            time += 2;
        }
        if closes {
            packets.push(tcp(Side::A, time, "FA", a, b, b""));
            packets.push(tcp(Side::B, time + 1, "FA", b, a.wrapping_add(1), b""));
            packets.push(tcp(Side::A, time + 2, ".", a.wrapping_add(1), b.wrapping_add(1), b""));
        }
        packets
    })
}

fn record(packets: &[Packet<'_>]) -> Record {
    let mut records = records(Bounds::default(), packets);
    assert_eq!(records.len(), 1);
    records.remove(0)
}

fn in_one_flow(packet: Packet<'static>, is_udp: bool) -> Packet<'static> {
    let side = if packet.source.port >= A.port { Side::A } else { Side::B };
    let plain = if is_udp { udp(side, 0, b"") } else { tcp(side, 0, "", 0, 0, b"") };
    Packet {
        transport: plain.transport,
        source: plain.source,
        destination: plain.destination,
        tcp: if is_udp { plain.tcp } else { packet.tcp },
        ..packet
    }
}

/// Without what only the whole shows.
fn comparable(mut record: Record) -> Record {
    record.opening = None;
    record.handshake_ns = None;
    record
}

proptest! {
    #[test]
    fn no_packet_is_lost_and_no_bound_overrun(packets in proptest::collection::vec(any_packet(), 0..200)) {
        let bounds = Bounds { max_flows: 3, max_openings: 2, ..Bounds::default() };
        for bounds in [bounds, Bounds::default()] {
            let records = records(bounds, &packets);
            let sum = |of: fn(&Record) -> u64| records.iter().map(of).sum::<u64>();
            prop_assert_eq!(sum(|r| r.packets[Side::A] + r.packets[Side::B]), packets.len() as u64);
            let bytes: u64 = packets.iter().map(|packet| u64::from(packet.ip_bytes)).sum();
            prop_assert_eq!(sum(|r| r.bytes[Side::A] + r.bytes[Side::B]), bytes);
            for opening in records.iter().filter_map(|record| record.opening.as_ref()) {
                for side in Side::BOTH {
                    prop_assert!(opening.sides[side].bytes.len() <= OPENING_BYTES);
                }
            }
        }
    }

    #[test]
    fn shards_and_sweeps_change_no_record(
        mut packets in proptest::collection::vec(any_packet(), 0..150),
        shards in 1..5u64,
    ) {
        packets.sort_by_key(|packet| packet.time_ns);
        packets.retain(|packet| packet.time_ns < 1 << 62);
        let mut tables: Vec<Table<()>> = (0..shards).map(|_| Table::new(Bounds::default())).collect();
        let mut out = Vec::new();
        for packet in &packets {
            let hash = hash(packet);
            for (table, shard) in tables.iter_mut().zip(0..) {
                table.advance(packet.time_ns, &mut |ended| out.push(ended.record));
                if hash % shards == shard {
                    table.push_hashed(hash, packet, &mut |ended| out.push(ended.record));
                }
            }
        }
        for table in tables {
            table.finish(&mut |ended| out.push(ended.record));
        }
        let mut whole = records(Bounds::default(), &packets);
        for records in [&mut out, &mut whole] {
            records.sort_by_key(|record| (record.first_ns, record.first, record.transport, record.ends.0));
        }
        prop_assert_eq!(out, whole);
    }

    #[test]
    fn any_parts_join_in_any_grouping(
        parts in proptest::collection::vec(proptest::collection::vec(any_packet(), 1..20), 3),
        is_udp in any::<bool>(),
    ) {
        let part = |packets: &Vec<Packet<'static>>| {
            let one_flow: Vec<_> = packets.iter().map(|packet| in_one_flow(*packet, is_udp)).collect();
            records(Bounds::default(), &one_flow).remove(0)
        };
        let [x, y, z] = [part(&parts[0]), part(&parts[1]), part(&parts[2])];
        let left = Record::join(Record::join(x.clone(), y.clone()), z.clone());
        prop_assert_eq!(left, Record::join(x, Record::join(y, z)));
    }

    #[test]
    fn two_parts_join_to_the_whole(packets in connection(), at in 0..100usize) {
        let whole = record(&packets);
        let (earlier, later) = packets.split_at(1 + at % (packets.len() - 1));
        let joined = Record::join(record(earlier), record(later));
        prop_assert_eq!(comparable(joined), comparable(whole));
    }
}
