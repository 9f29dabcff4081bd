//! Little packet sequences, and what the table must tell of them.

use crate::flow::copies::COPY_NS;
use crate::flow::fixture::{packet, tcp, udp};
use crate::flow::opening::{End, Opening, Start};
use crate::flow::record::Record;
use crate::flow::table::{Bounds, Ended, EndedBy, LEAP_NS, Table, UDP_IDLE_NS};
use crate::net::{Endpoint, Layers, Pair, Side, Transport};
use crate::packet::view::{About, Mark, Packet};

const A: Side = Side::A;
const B: Side = Side::B;

fn run_in(bounds: Bounds, packets: &[Packet<'_>]) -> Vec<Ended<()>> {
    let mut out = Vec::new();
    let mut table = Table::new(bounds);
    for packet in packets {
        table.push(packet, &mut |ended| out.push(ended));
    }
    table.finish(&mut |ended| out.push(ended));
    out
}

fn run(packets: &[Packet<'_>]) -> Vec<Ended<()>> {
    run_in(Bounds::default(), packets)
}

fn one(packets: &[Packet<'_>]) -> Record {
    let mut ended = run(packets);
    assert_eq!(ended.len(), 1);
    ended.remove(0).record
}

fn opening(packets: &[Packet<'_>]) -> Opening {
    *one(packets).opening.unwrap()
}

/// The flows as `initiator direction state history outcome`, one an item.
fn check(packets: &[Packet<'_>], expect: &[&str]) {
    let told: Vec<_> = run(packets)
        .into_iter()
        .map(|Ended { record, .. }| {
            let Record { initiator, direction, conn_state, history, outcome, .. } = &record;
            format!("{initiator:?} {} {conn_state} {history} {outcome:?}", direction.name())
        })
        .collect();
    assert_eq!(told, expect);
}

fn handshake() -> Vec<Packet<'static>> {
    vec![tcp(A, 0, "S", 100, 0, b""), tcp(B, 2, "SA", 500, 101, b""), tcp(A, 3, ".", 101, 501, b"")]
}

fn close() -> Vec<Packet<'static>> {
    vec![tcp(A, 11, "FA", 106, 506, b""), tcp(B, 12, "FA", 506, 107, b""), tcp(A, 13, ".", 107, 507, b"")]
}

fn talk() -> Vec<Packet<'static>> {
    vec![
        tcp(A, 4, ".", 101, 501, b"hello"),
        tcp(B, 5, ".", 501, 106, b""),
        tcp(B, 9, ".", 501, 106, b"world"),
        tcp(A, 10, ".", 106, 506, b""),
    ]
}

fn whole() -> Vec<Packet<'static>> {
    [handshake(), talk(), close()].concat()
}

#[test]
fn a_whole_connection_is_told_as_zeek_tells_it() {
    check(&whole(), &["A handshake SF ShADadFf Established"]);
    let ended = run(&whole()).remove(0);
    assert_eq!(ended.why, EndedBy::Finished);
    let record = ended.record;
    assert_eq!(record.handshake_ns, Some(3_000_000));
    assert_eq!(record.response_ns, Some(5_000_000));
    assert_eq!(record.packets, Pair([6, 4]));
    assert_eq!(record.bytes, Pair([245, 165]));
    assert_eq!(record.missed_bytes, Pair([0, 0]));
    let opening = record.opening.unwrap();
    assert_eq!(opening.sides[A].bytes, b"hello");
    assert_eq!(opening.sides[B].bytes, b"world");
    for side in Side::BOTH {
        assert_eq!((opening.sides[side].start, opening.sides[side].end), (Start::First, End::Closed));
    }
    assert_eq!(opening.first, Some(A));
}

#[test]
fn attempts_are_told_apart() {
    check(&[tcp(A, 0, "S", 100, 0, b"")], &["A handshake S0 S Unanswered"]);
    check(&[tcp(A, 0, "S", 100, 0, b""), tcp(A, 1000, "S", 100, 0, b"")], &["A handshake S0 S Unanswered"]);
    check(&[tcp(A, 0, "S", 100, 0, b""), tcp(B, 1, "RA", 0, 101, b"")], &["A handshake REJ Sr Refused"]);
    check(&handshake(), &["A handshake S1 ShA Established"]);
    check(&handshake()[..2], &["A handshake S1 Sh Established"]);
}

#[test]
fn endings_are_told_apart() {
    let reset_by = |side: Side| match side {
        A => tcp(A, 20, "R", 101, 0, b""),
        B => tcp(B, 20, "R", 501, 0, b""),
    };
    check(&[handshake(), vec![reset_by(A)]].concat(), &["A handshake RSTO ShAR Established"]);
    check(&[handshake(), vec![reset_by(B)]].concat(), &["A handshake RSTR ShAr Established"]);
    let fin = tcp(A, 5, "FA", 101, 501, b"");
    check(&[handshake(), vec![fin]].concat(), &["A handshake S2 ShAF Established"]);
    let fin = tcp(B, 5, "FA", 501, 101, b"");
    check(&[handshake(), vec![fin]].concat(), &["A handshake S3 ShAf Established"]);
}

#[test]
fn a_syn_ack_alone_shows_that_the_other_side_began() {
    let packets = [tcp(B, 2, "SA", 500, 101, b""), tcp(A, 3, ".", 101, 501, b"hello")];
    let record = one(&packets);
    assert_eq!(record.initiator_end().port, 40_000);
    assert_eq!((record.history.as_str(), record.conn_state), ("^hD", "S1"));
    assert_eq!(record.opening.unwrap().sides[B].start, Start::First);
}

#[test]
fn a_reordered_syn_ack_changes_nothing_about_who_began() {
    let mut packets = whole();
    packets.swap(0, 1);
    let record = one(&packets);
    assert_eq!(record.initiator_end().port, 40_000);
    assert_eq!((record.history.as_str(), record.conn_state), ("^hSADadFf", "SF"));
}

#[test]
fn a_split_handshake_was_begun_by_its_first_syn() {
    let packets = [
        tcp(A, 0, "S", 100, 0, b""),
        tcp(B, 1, ".", 500, 101, b""),
        tcp(B, 2, "S", 500, 0, b""),
        tcp(A, 3, "SA", 100, 501, b""),
        tcp(B, 4, ".", 501, 101, b""),
        tcp(A, 5, ".", 101, 501, b"hello"),
    ];
    let record = one(&packets);
    assert_eq!((record.initiator, record.direction.name()), (A, "handshake"));
    assert_eq!(record.opening.unwrap().sides[A].bytes, b"hello");
}

#[test]
fn what_was_met_midstream_shows_nobody_as_initiator() {
    check(&talk(), &["A unseen OTH DadA Established"]);
    assert_eq!(opening(&talk()).sides[A].start, Start::Midstream);
}

#[test]
fn a_syn_with_payload_counts_from_the_byte_behind_it() {
    let packets =
        [tcp(A, 0, "S", 100, 0, b"hel"), tcp(B, 2, "SA", 500, 104, b""), tcp(A, 3, ".", 104, 501, b"lo")];
    let said = opening(&packets).sides[A].clone();
    assert_eq!((said.bytes.as_slice(), said.start), (&b"hello"[..], Start::First));
}

#[test]
fn a_new_syn_after_a_close_begins_another_flow() {
    let again = vec![tcp(A, 50, "S", 9000, 0, b""), tcp(B, 51, "SA", 7000, 9001, b"")];
    let packets = [whole(), again].concat();
    check(&packets, &["A handshake SF ShADadFf Established", "A handshake S1 Sh Established"]);
    assert_eq!(run(&packets)[0].why, EndedBy::Reused);
}

#[test]
fn the_same_syn_after_a_refusal_is_the_same_attempt() {
    let packets = [
        tcp(A, 0, "S", 100, 0, b""),
        tcp(B, 1, "RA", 0, 101, b""),
        tcp(A, 500, "S", 100, 0, b""),
        tcp(B, 501, "RA", 0, 101, b""),
    ];
    check(&packets, &["A handshake REJ Sr Refused"]);
}

#[test]
fn another_syn_of_a_half_open_attempt_is_another_attempt() {
    let packets = [tcp(A, 0, "S", 100, 0, b""), tcp(A, 9, "S", 3_000_000, 0, b"")];
    check(&packets, &["A handshake S0 S Unanswered", "A handshake S0 S Unanswered"]);
}

#[test]
fn a_decoy_syn_on_a_live_connection_changes_nothing() {
    let decoy = vec![tcp(A, 4, "S", 3_000_000_000, 0, b""), tcp(B, 4, "S", 2_000_000_000, 0, b"")];
    let packets = [handshake(), decoy, talk(), close()].concat();
    check(&packets, &["A handshake SF ShADadFf Established"]);
    assert_eq!(one(&packets).strays, 2);
}

#[test]
fn an_answered_syn_on_a_live_connection_begins_another_flow() {
    let again = vec![
        tcp(A, 50, "S", 3_000_000_000, 0, b""),
        tcp(B, 51, "SA", 2_000_000_000, 3_000_000_001, b""),
        tcp(A, 52, ".", 3_000_000_001, 2_000_000_001, b"anew"),
    ];
    let ended = run(&[handshake(), talk(), again].concat());
    assert_eq!(ended.iter().map(|ended| ended.why).collect::<Vec<_>>(), [EndedBy::Reused, EndedBy::Finished]);
    assert_eq!((ended[0].record.packets, ended[1].record.packets), (Pair([4, 3]), Pair([2, 1])));
    assert_eq!(ended[1].record.handshake_ns, Some(2_000_000));
    let said = &ended[1].record.opening.as_ref().unwrap().sides[A];
    assert_eq!((said.bytes.as_slice(), said.start), (&b"anew"[..], Start::First));
}

#[test]
fn a_decoy_reset_out_of_window_closes_nothing() {
    let decoy = vec![tcp(A, 4, "R", 4_000_000_000, 0, b"")];
    check(&[handshake(), decoy, talk(), close()].concat(), &["A handshake SF ShADadFf Established"]);
}

#[test]
fn a_segment_far_from_the_sequence_is_not_stitched_in() {
    let decoy = vec![tcp(A, 4, ".", 4_000_000_000, 501, b"garbage")];
    let packets = [handshake(), decoy, talk()].concat();
    assert_eq!(opening(&packets).sides[A].bytes, b"hello");
}

#[test]
fn reordered_segments_are_put_in_order() {
    let talk = vec![
        tcp(A, 5, ".", 106, 501, b" wo"),
        tcp(A, 6, ".", 109, 501, b"rld"),
        tcp(A, 4, ".", 101, 501, b"hello"),
    ];
    let record = one(&[handshake(), talk].concat());
    assert_eq!(record.opening.unwrap().sides[A].bytes, b"hello world");
    assert_eq!((record.missed_bytes, record.history.as_str()), (Pair([0, 0]), "ShAD"));
}

#[test]
fn of_conflicting_bytes_the_first_are_kept_and_it_is_said() {
    let talk = vec![tcp(A, 4, ".", 101, 501, b"hello"), tcp(A, 5, ".", 103, 501, b"XYo!")];
    let record = one(&[handshake(), talk].concat());
    assert_eq!(record.conflicts, 2);
    assert_eq!(record.opening.unwrap().sides[A].bytes, b"hello!");
}

#[test]
fn a_retransmission_is_told_and_not_taken_twice() {
    let talk = vec![tcp(A, 4, ".", 101, 501, b"hello"), tcp(A, 900, ".", 101, 501, b"hello")];
    let record = one(&[handshake(), talk].concat());
    assert_eq!(record.history, "ShADT");
    assert_eq!(record.payload_bytes, Pair([10, 0]));
    assert_eq!(record.opening.unwrap().sides[A].bytes, b"hello");
}

#[test]
fn a_keep_alive_probe_is_no_payload() {
    let probe = vec![tcp(A, 900, ".", 105, 506, b"\0"), tcp(B, 901, ".", 506, 106, b"")];
    let record = one(&[handshake(), talk(), probe].concat());
    assert_eq!((record.conflicts, record.history.as_str()), (0, "ShADad"));
}

#[test]
fn missing_bytes_that_were_acknowledged_are_a_gap() {
    let talk = vec![
        tcp(A, 4, ".", 101, 501, b"hello"),
        tcp(A, 6, ".", 116, 501, b"world"),
        tcp(B, 7, ".", 501, 121, b""),
        tcp(B, 8, ".", 501, 121, b"yes"),
    ];
    let record = one(&[handshake(), talk].concat());
    assert_eq!(record.missed_bytes, Pair([10, 0]));
    let said = record.opening.unwrap().sides[A].clone();
    assert_eq!((said.bytes.as_slice(), said.end), (&b"hello"[..], End::Gap));
}

#[test]
fn the_snap_length_is_an_end() {
    let cut = Packet { payload_bytes: 900, ..tcp(A, 4, ".", 101, 501, b"hello") };
    let record = one(&[handshake(), vec![cut]].concat());
    assert_eq!((record.cut_packets, record.payload_bytes), (1, Pair([900, 0])));
    assert_eq!(record.opening.unwrap().sides[A].end, End::Cut);
}

#[test]
fn an_opening_grows_only_by_contiguous_bytes_or_an_end() {
    let mut table: Table<()> = Table::new(Bounds::default());
    let mut grew = |packet: Packet<'_>| table.push(&packet, &mut |_| ()).opening_grew;
    assert!(!grew(tcp(A, 0, "S", 100, 0, b"")));
    assert!(!grew(tcp(B, 1, "SA", 500, 101, b"")));
    assert!(grew(tcp(A, 2, ".", 101, 501, b"he")));
    assert!(!grew(tcp(A, 3, ".", 105, 501, b"o")));
    assert!(grew(tcp(A, 4, ".", 103, 501, b"ll")));
    assert!(!grew(tcp(A, 5, ".", 103, 501, b"ll")));
    assert!(grew(tcp(A, 6, "FA", 106, 501, b"")));
}

#[test]
fn an_opening_let_go_does_not_come_back() {
    let mut table: Table<u32> = Table::new(Bounds::default());
    let mut last = None;
    for packet in [handshake(), talk()].concat() {
        let pushed = table.push(&packet, &mut |_| ());
        *table.note_mut(pushed.id).unwrap() += 1;
        if table.opening(pushed.id).is_some() {
            table.drop_opening(pushed.id);
        }
        last = Some(pushed.id);
    }
    let id = last.unwrap();
    assert_eq!((table.openings(), table.opening(id)), (0, None));
    table.finish(&mut |ended| assert_eq!((ended.note, ended.record.opening), (7, None)));
}

#[test]
fn datagrams_keep_their_boundaries() {
    let packets = [udp(A, 0, b"ask"), udp(B, 1, b"answer"), udp(A, 2, b"again")];
    check(&packets, &["A first-datagram SF Dd Established"]);
    let opening = opening(&packets);
    assert_eq!(opening.sides[A].ends, [3, 8]);
    assert_eq!(opening.view().sides[A].datagrams().collect::<Vec<_>>(), [&b"ask"[..], b"again"]);
    check(&packets[..1], &["A first-datagram S0 D Unanswered"]);
}

#[test]
fn silence_beyond_the_bound_ends_a_flow() {
    let later = UDP_IDLE_NS / 1_000_000;
    let packets = [udp(A, 0, b"ask"), udp(A, later, b"same"), udp(A, 2 * later + 1, b"other")];
    let ended = run(&packets);
    assert_eq!(ended.iter().map(|ended| ended.why).collect::<Vec<_>>(), [EndedBy::Idle, EndedBy::Finished]);
}

#[test]
fn one_packet_from_the_far_future_ends_nothing() {
    let mut stray = udp(B, 1, b"answer");
    stray.time_ns = 4_323_110_400_000_000_000;
    for stray_ns in [stray.time_ns, 0] {
        stray.time_ns = stray_ns;
        assert_eq!(run(&[udp(A, 0, b"ask"), stray, udp(A, 2, b"again")]).len(), 1);
    }
    let mut packets: Vec<_> = (0..5).map(|time| udp(A, time, b"ask")).collect();
    packets[0].time_ns += 2 * LEAP_NS;
    assert!(run(&packets).len() <= 3);
}

#[test]
fn advancing_ends_what_is_idle() {
    let mut table: Table<()> = Table::new(Bounds::default());
    let packet = udp(A, 0, b"ask");
    table.push(&packet, &mut |_| ());
    let mut why = Vec::new();
    table.advance(packet.time_ns + UDP_IDLE_NS, &mut |ended| why.push(ended.why));
    table.advance(packet.time_ns + UDP_IDLE_NS + 1, &mut |ended| why.push(ended.why));
    assert_eq!((why, table.len()), (vec![EndedBy::Idle], 0));
}

#[test]
fn copies_count_and_change_nothing() {
    let packets: Vec<_> = whole()
        .into_iter()
        .flat_map(|packet| {
            let mut copy = packet;
            copy.time_ns += COPY_NS / 100;
            copy.mark.place = 77;
            [packet, copy]
        })
        .collect();
    let record = one(&packets);
    assert_eq!((record.duplicates, record.packets), (10, Pair([12, 8])));
    assert_eq!((record.history.as_str(), record.handshake_ns), ("ShADadFf", Some(3_000_000)));
}

#[test]
fn without_an_ip_id_a_copy_must_come_from_another_place() {
    let mark = |place| Mark { ip_id: 0, checksum: 7, place };
    let count = |second| {
        let first = Packet { mark: mark(1), ..udp(A, 0, b"ask") };
        let second = Packet { mark: mark(second), ..udp(A, 0, b"ask") };
        one(&[first, second]).duplicates
    };
    assert_eq!((count(1), count(2)), (0, 1));
}

#[test]
fn a_full_table_lets_unanswered_attempts_go_first() {
    let from = |port: u16, mut packet: Packet<'static>| {
        let end = if packet.source.port == 40_000 { &mut packet.source } else { &mut packet.destination };
        end.port = port;
        packet
    };
    let mut packets: Vec<_> = handshake().into_iter().map(|packet| from(1, packet)).collect();
    packets.extend((2..20).map(|port| from(port, tcp(A, u64::from(port) + 10, "S", 100, 0, b""))));
    let bounds = Bounds { max_flows: 4, ..Bounds::default() };
    let ended = run_in(bounds, &packets);
    assert_eq!(ended.len(), 19);
    let evicted: Vec<_> = ended
        .iter()
        .filter(|ended| ended.why == EndedBy::Evicted)
        .map(|ended| ended.record.initiator_end().port)
        .collect();
    assert_eq!(evicted, (2..17).collect::<Vec<_>>());
}

#[test]
fn pings_both_ways_are_one_flow() {
    let icmp = |side, time, kind| {
        let mut packet = Packet { transport: Transport::Icmp, ..udp(side, time, b"") };
        (packet.source.port, packet.destination.port) = (kind, 0);
        packet
    };
    check(&[icmp(A, 0, 8), icmp(B, 1, 0)], &["A first-datagram SF Dd Established"]);
    let unreachable = [icmp(A, 0, 3), icmp(B, 1, 3)];
    assert_eq!(run(&unreachable).len(), 2);
}

#[test]
fn an_unreachable_refuses_the_flow_it_complains_of() {
    let asked = udp(A, 0, b"ask");
    let mut error = Packet { transport: Transport::Icmp, ..udp(B, 1, b"") };
    (error.source.port, error.destination.port) = (3, 3);
    error.about =
        Some(About { transport: Transport::Udp, source: asked.source, destination: asked.destination });
    let mut table: Table<()> = Table::new(Bounds::default());
    let id = table.push(&asked, &mut |_| ()).id;
    assert_eq!(table.icmp_error(&error), Some(id));
    let record = table.record(id).unwrap();
    assert_eq!((record.icmp_errors, format!("{:?}", record.outcome).as_str()), (1, "Refused"));
}

#[test]
fn layers_separate_flows_only_when_asked() {
    let layers = [1, 2].map(|vlan| Layers { vlan: vec![vlan], tunnel: Vec::new() });
    let packets = [
        Packet { layers: Some(&layers[0]), ..udp(A, 0, b"ask") },
        Packet { layers: Some(&layers[1]), ..udp(B, 1, b"answer") },
    ];
    let flows = run(&packets);
    assert_eq!((flows.len(), &*flows[0].record.layers), (1, &layers[0]));
    let bounds = Bounds { separate_vlan: true, ..Bounds::default() };
    assert_eq!(run_in(bounds, &packets).len(), 2);
    let bounds = Bounds { separate_tunnel: true, ..Bounds::default() };
    assert_eq!(run_in(bounds, &packets).len(), 1);
}

#[test]
fn a_bad_checksum_is_counted_and_believed_by_nobody() {
    let bad = Packet { checksum_ok: false, ..tcp(B, 4, "R", 501, 0, b"") };
    check(&[handshake(), vec![bad], talk(), close()].concat(), &["A handshake SF ShAcDadFf Established"]);
}

#[test]
fn ends_are_those_of_the_first_packet() {
    let record = one(&[packet(B, 0)]);
    let first: Endpoint = packet(B, 0).source;
    assert_eq!(record.ends[A], first);
}

#[test]
fn padding_that_the_ip_length_counts_is_no_payload() {
    for tail in [&b"\0\0\0\0\0\0"[..], b"\0\0\0\0\0\0\xb8\x95\x65\x7c"] {
        let mut packets = handshake();
        packets[2] = tcp(A, 3, ".", 101, 501, tail);
        packets.push(tcp(A, 4, ".", 101, 501, b"GET / HTTP/1.1"));
        let record = one(&packets);
        assert_eq!((record.history.as_str(), record.conflicts), ("ShAD", 0));
        assert_eq!(record.opening.unwrap().sides[A].bytes, b"GET / HTTP/1.1");
    }
}

#[test]
fn six_zeros_behind_which_bytes_go_on_leave_a_gap_and_no_wrong_bytes() {
    let zeros = tcp(A, 4, ".", 101, 501, b"\0\0\0\0\0\0");
    let next = tcp(A, 5, ".", 107, 501, b"next");
    let opening = opening(&[handshake(), vec![zeros, next]].concat());
    assert_eq!((&opening.sides[A].bytes[..], opening.sides[A].end), (&b""[..], End::Gap));
}

#[test]
fn data_in_a_syn_counts_where_its_answer_takes_it() {
    let with_syn = |ack: u32| {
        let packets = [
            tcp(A, 0, "S", 100, 0, b"early"),
            tcp(B, 2, "SA", 500, ack, b""),
            tcp(A, 3, ".", ack, 501, b"later"),
        ];
        opening(&packets).sides[A].bytes.clone()
    };
    assert_eq!(with_syn(106), b"earlylater");
    assert_eq!(with_syn(101), b"later");
}
