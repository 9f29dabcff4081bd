//! What must hold of the decoder for any bytes at all.

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use etherparse::PacketBuilder;
    use proptest::prelude::*;
    use uncharted::net::Place;
    use uncharted::net::{Endpoint, Transport};
    use uncharted::packet::decode::Decoder;
    use uncharted::packet::fragment::Bounds;
    use uncharted::packet::frame::{Frame, LinkType};

    const LINKS: [u16; 18] = [0, 1, 9, 10, 12, 14, 50, 51, 101, 104, 105, 108, 113, 127, 228, 229, 239, 276];

    /// What is kept of an emitted packet.
    #[derive(Clone, PartialEq, Eq, Debug)]
    struct Kept {
        transport: Transport,
        source: Endpoint,
        destination: Endpoint,
        payload: Vec<u8>,
        payload_bytes: u32,
        packets: u32,
        ip_bytes: u32,
        checksum_ok: bool,
        vlan: Vec<u16>,
        carrier: Option<&'static str>,
    }

    /// Decodes frames one after the other; each must be accounted for.
    fn decode(link: u16, frames: &[(Vec<u8>, usize)], bounds: Bounds) -> Vec<Kept> {
        let mut decoder = Decoder::new(bounds).verifying();
        let mut kept = Vec::new();
        let mut keep = |packet: &uncharted::packet::view::Packet<'_>| {
            assert!(packet.payload.len() as u64 <= u64::from(packet.payload_bytes));
            kept.push(Kept {
                transport: packet.transport,
                source: packet.source,
                destination: packet.destination,
                payload: packet.payload.to_vec(),
                payload_bytes: packet.payload_bytes,
                packets: packet.packets,
                ip_bytes: packet.ip_bytes,
                checksum_ok: packet.checksum_ok,
                vlan: packet.layers.map(|layers| layers.vlan.clone()).unwrap_or_default(),
                carrier: packet.carrier,
            });
        };
        for (number, (bytes, wire_bytes)) in frames.iter().enumerate() {
            let frame = Frame {
                time_ns: number as u64,
                place: Place::new(0, number as u64 + 1),
                vantage: 0,
                link: LinkType(link),
                wire_bytes: *wire_bytes as u32,
                bytes,
            };
            let accounted = |decoder: &Decoder| {
                decoder.held_fragments() + decoder.undecoded().iter().map(|(_, times)| times).sum::<u64>()
            };
            let before = accounted(&decoder);
            let mut emitted = 0;
            decoder.decode(&frame, &mut |packet| {
                emitted += 1;
                keep(packet);
            });
            assert!(emitted > 0 || accounted(&decoder) > before, "frame {number} is lost");
        }
        decoder.flush(&mut keep);
        assert_eq!(decoder.held_fragments(), 0);
        kept
    }

    fn whole(bytes: &[u8]) -> (Vec<u8>, usize) {
        (bytes.to_vec(), bytes.len())
    }

    /// An Ethernet frame with a UDP datagram to `port`.
    fn udp_frame(v6: bool, port: u16, payload: &[u8]) -> Vec<u8> {
        let ethernet = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
        let step = if v6 {
            ethernet.ipv6([0x20; 16], [0x21; 16], 64)
        } else {
            ethernet.ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
        };
        let builder = step.udp(40_000, port);
        let mut frame = Vec::new();
        builder.write(&mut frame, payload).unwrap();
        frame
    }

    fn tcp_frame(vlan: u16, payload: &[u8]) -> Vec<u8> {
        let id = vlan.try_into().unwrap();
        let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 3], [2, 0, 0, 0, 0, 4])
            .single_vlan(id)
            .ipv4([192, 168, 0, 1], [192, 168, 0, 2], 64)
            .tcp(50_000, 5432, 7, 1024)
            .syn();
        let mut frame = Vec::new();
        builder.write(&mut frame, payload).unwrap();
        frame
    }

    /// The frame in VXLAN, Geneve or GTP-U (there without its Ethernet header and tag).
    fn tunnelled(kind: usize, v6: bool, inner: &[u8]) -> Vec<u8> {
        let (port, header, inner): (u16, Vec<u8>, &[u8]) = match kind {
            0 => (4789, vec![8, 0, 0, 0, 0, 0, 42, 0], inner),
            1 => (6081, vec![1, 0, 0x65, 0x58, 0, 0, 42, 0, 1, 2, 3, 0], inner),
            _ => {
                let inner = &inner[18..];
                let [high, low] = (inner.len() as u16).to_be_bytes();
                (2152, vec![0x30, 0xff, high, low, 0, 0, 0, 42], inner)
            }
        };
        udp_frame(v6, port, &[&header, inner].concat())
    }

    /// An IPv4 frame's payload in pieces of `size`, a multiple of 8.
    fn fragmented(frame: &[u8], size: usize) -> Vec<Vec<u8>> {
        let (headers, payload) = frame.split_at(34);
        let count = payload.len().div_ceil(size);
        let pieces = payload.chunks(size).enumerate();
        pieces
            .map(|(number, piece)| {
                let mut fragment = [headers, piece].concat();
                let more = u16::from(number + 1 < count) << 13;
                let offset = more | (number * size / 8) as u16;
                fragment[16..18].copy_from_slice(&(20 + piece.len() as u16).to_be_bytes());
                fragment[18..20].copy_from_slice(&77u16.to_be_bytes());
                fragment[20..22].copy_from_slice(&offset.to_be_bytes());
                fragment
            })
            .collect()
    }

    fn small_bounds() -> Bounds {
        Bounds { bytes: 200_000, packets: 3, fragments: 4, age_ns: 5 }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2048))]

        #[test]
        fn any_bytes_are_accounted_for(
            link in prop::sample::select(&LINKS[..]),
            frames in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..160), 0usize..3000), 1..6),
        ) {
            decode(link, &frames, small_bounds());
        }

        #[test]
        fn a_frame_with_some_bytes_changed_is_accounted_for(
            kind in 0usize..5,
            v6: bool,
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
            copies in 1usize..5,
        ) {
            let inner = tcp_frame(7, b"a startup message");
            let frame = match kind {
                0..=2 => tunnelled(kind, v6, &inner),
                3 => inner,
                _ => fragmented(&udp_frame(false, 53, &[7; 64]), 16)[1].clone(),
            };
            let mut frames = vec![whole(&frame)];
            for (at, byte) in &changes {
                let mut changed = frame.clone();
                let at = at.index(changed.len());
                changed[at] = *byte;
                frames.extend(std::iter::repeat_n(whole(&changed), copies));
            }
            decode(1, &frames, small_bounds());
        }

        #[test]
        fn what_was_built_is_what_is_seen(v6: bool, port in 1u16..2000, payload in prop::collection::vec(any::<u8>(), 0..300)) {
            let frame = udp_frame(v6, port, &payload);
            let kept = decode(1, &[whole(&frame)], Bounds::default());
            prop_assert_eq!(kept.len(), 1);
            prop_assert_eq!((kept[0].source.port, kept[0].destination.port), (40_000, port));
            prop_assert_eq!(&kept[0].payload, &payload);
            prop_assert_eq!(kept[0].ip_bytes as usize, frame.len() - 14);
            prop_assert!(kept[0].checksum_ok);
        }

        #[test]
        fn a_tunnel_shows_its_carrier_then_what_it_carries(kind in 0usize..3, v6: bool, payload in prop::collection::vec(any::<u8>(), 0..100)) {
            let frame = tunnelled(kind, v6, &tcp_frame(7, &payload));
            let kept = decode(1, &[whole(&frame)], Bounds::default());
            prop_assert_eq!(kept.len(), 2);
            prop_assert_eq!(kept[0].carrier, Some(["vxlan", "geneve", "gtp-u"][kind]));
            prop_assert!(kept[0].vlan.is_empty());
            prop_assert_eq!(kept[1].carrier, None);
            prop_assert_eq!(kept[1].destination.port, 5432);
            prop_assert_eq!(&kept[1].payload, &payload);
            prop_assert_eq!(&kept[1].vlan[..], if kind == 2 { &[][..] } else { &[7][..] });
        }

        #[test]
        fn a_cut_frame_invents_no_endpoints(kind in 0usize..4, v6: bool, keep in any::<prop::sample::Index>(), knows_wire: bool) {
            let inner = tcp_frame(7, b"some payload");
            let frame = if kind == 3 { inner } else { tunnelled(kind, v6, &inner) };
            let tuples = |kept: Vec<Kept>| -> BTreeSet<_> {
                kept.into_iter().map(|kept| (kept.transport, kept.source, kept.destination)).collect()
            };
            let good = tuples(decode(1, &[whole(&frame)], Bounds::default()));
            let length = keep.index(frame.len());
            let wire_bytes = if knows_wire { frame.len() } else { length };
            let cut = tuples(decode(1, &[(frame[..length].to_vec(), wire_bytes)], Bounds::default()));
            prop_assert!(cut.is_subset(&good), "{:?} is not of {:?}", cut, good);
        }

        #[test]
        fn fragments_in_any_order_are_one_packet(
            payload in prop::collection::vec(any::<u8>(), 1..900),
            size in 1usize..12,
            order in any::<u64>(),
        ) {
            let frame = udp_frame(false, 53, &payload);
            let mut fragments = fragmented(&frame, size * 8);
            let mut state = order | 1;
            for at in (1..fragments.len()).rev() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                fragments.swap(at, (state >> 33) as usize % (at + 1));
            }
            let frames: Vec<_> = fragments.iter().map(|fragment| whole(fragment)).collect();
            let kept = decode(1, &frames, Bounds::default());
            prop_assert_eq!(kept.len(), 1);
            prop_assert_eq!(&kept[0].payload, &payload);
            prop_assert_eq!(kept[0].packets as usize, frames.len());
            prop_assert_eq!(kept[0].ip_bytes as usize, frame.len() - 34 + 20 * frames.len());
            prop_assert!(kept[0].checksum_ok);
        }

        #[test]
        fn a_lost_fragment_leaves_the_ports_and_a_cut_payload(
            payload in prop::collection::vec(any::<u8>(), 200..900),
            lost in any::<prop::sample::Index>(),
        ) {
            let mut fragments = fragmented(&udp_frame(false, 53, &payload), 64);
            let lost = lost.index(fragments.len() - 1) + 1;
            fragments.remove(lost);
            let frames: Vec<_> = fragments.iter().map(|fragment| whole(fragment)).collect();
            let kept = decode(1, &frames, Bounds::default());
            prop_assert_eq!(kept.len(), 1);
            prop_assert_eq!(kept[0].destination.port, 53);
            prop_assert_eq!(&kept[0].payload[..], &payload[..lost * 64 - 8]);
            prop_assert_eq!(kept[0].payload_bytes as usize, payload.len());
        }
    }
}
