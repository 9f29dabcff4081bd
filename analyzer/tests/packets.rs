//! The decoder held against what tshark says of captures that others recorded.
//!
//! The captures are not part of the project: without them the tests say so and pass.

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::io::Read;
    use std::path::{Path, PathBuf};

    use serde_json::Value;
    use uncharted::net::Place;
    use uncharted::net::{Endpoint, Transport};
    use uncharted::packet::decode::Decoder;
    use uncharted::packet::fragment::Bounds;
    use uncharted::packet::frame::{Frame, LinkType};
    use uncharted::packet::reason::{Kind, Reason, Undecoded};
    use uncharted::packet::view::Packet;

    fn captures() -> Option<PathBuf> {
        let folder = std::env::var_os("UNCHARTED_SHARED_CAPTURES")
            .map(PathBuf::from)
            .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/captures"));
        let folder = if folder.is_dir() {
            folder
        } else {
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/captures")
        };
        if !folder.is_dir() {
            eprintln!("skipped: no captures; UNCHARTED_SHARED_CAPTURES names their folder");
            return None;
        }
        Some(folder)
    }

    fn sorted(folder: &Path) -> Vec<PathBuf> {
        let mut paths: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    }

    /// One frame of a capture file, read with no more care than good files need.
    struct Record {
        link: u16,
        time_ns: u64,
        wire_bytes: u32,
        bytes: Vec<u8>,
    }

    fn u16_at(bytes: &[u8], at: usize, little: bool) -> Option<u16> {
        let raw: [u8; 2] = bytes.get(at..at + 2)?.try_into().ok()?;
        Some(if little { u16::from_le_bytes(raw) } else { u16::from_be_bytes(raw) })
    }

    fn u32_at(bytes: &[u8], at: usize, little: bool) -> Option<u32> {
        let raw: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(if little { u32::from_le_bytes(raw) } else { u32::from_be_bytes(raw) })
    }

    fn read(path: &Path) -> Vec<Record> {
        /// A hostile gzip inflates to no more than this.
        const MOST: u64 = 256 << 20;
        let mut bytes = std::fs::read(path).unwrap();
        if bytes.starts_with(&[0x1f, 0x8b]) {
            let mut inflated = Vec::new();
            let _ = flate2::read::GzDecoder::new(&bytes[..]).take(MOST).read_to_end(&mut inflated);
            bytes = inflated;
        }
        let mut records = Vec::new();
        if bytes.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) {
            pcapng(&bytes, &mut records);
        } else {
            pcap(&bytes, &mut records);
        }
        records
    }

    fn pcap(bytes: &[u8], records: &mut Vec<Record>) -> Option<()> {
        let magic = u32_at(bytes, 0, true)?;
        let (little, scale) = match magic {
            0xa1b2_c3d4 => (true, 1_000),
            0xa1b2_3c4d => (true, 1),
            0xd4c3_b2a1 => (false, 1_000),
            0x4d3c_b2a1 => (false, 1),
            _ => return None,
        };
        let link = u32_at(bytes, 20, little)? as u16;
        let mut at = 24;
        loop {
            let seconds = u64::from(u32_at(bytes, at, little)?);
            let parts = u64::from(u32_at(bytes, at + 4, little)?);
            let length = u32_at(bytes, at + 8, little)? as usize;
            let wire_bytes = u32_at(bytes, at + 12, little)?;
            let frame = bytes.get(at + 16..at.checked_add(16)?.checked_add(length)?)?;
            let time_ns = seconds * 1_000_000_000 + parts * scale;
            records.push(Record { link, time_ns, wire_bytes, bytes: frame.to_vec() });
            at += 16 + length;
        }
    }

    fn pcapng(bytes: &[u8], records: &mut Vec<Record>) -> Option<()> {
        let (mut at, mut little) = (0, true);
        let mut links: Vec<(u16, u64)> = Vec::new();
        loop {
            let block = bytes.get(at..)?;
            if block.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) {
                little = u32_at(block, 8, true)? == 0x1a2b_3c4d;
                links.clear();
            }
            let length = u32_at(block, 4, little)? as usize;
            let body = block.get(8..length.checked_sub(4)?)?;
            match u32_at(block, 0, little)? {
                1 => links.push((u16_at(body, 0, little)?, units_ns(body, little))),
                3 => {
                    let (wire_bytes, &(link, _)) = (u32_at(body, 0, little)?, links.first()?);
                    let rest = body.get(4..)?;
                    let bytes = rest[..rest.len().min(wire_bytes as usize)].to_vec();
                    records.push(Record { link, time_ns: 0, wire_bytes, bytes });
                }
                6 => {
                    let &(link, unit) = links.get(u32_at(body, 0, little)? as usize)?;
                    let high = u64::from(u32_at(body, 4, little)?);
                    let time_ns = ((high << 32) | u64::from(u32_at(body, 8, little)?)).wrapping_mul(unit);
                    let length = u32_at(body, 12, little)? as usize;
                    let wire_bytes = u32_at(body, 16, little)?;
                    let bytes = body.get(20..20usize.checked_add(length)?)?.to_vec();
                    records.push(Record { link, time_ns, wire_bytes, bytes });
                }
                _ => {}
            }
            at += length.max(12);
        }
    }

    /// Nanoseconds in an interface's unit of time; powers of two are taken as microseconds.
    fn units_ns(body: &[u8], little: bool) -> u64 {
        let mut at = 8;
        while let (Some(code), Some(length)) = (u16_at(body, at, little), u16_at(body, at + 2, little)) {
            if code == 9
                && let Some(&digits @ 0..=9) = body.get(at + 4)
            {
                return 10u64.pow(9 - u32::from(digits));
            }
            at += 4 + usize::from(length).next_multiple_of(4);
        }
        1_000
    }

    /// A five-tuple, in both directions alike.
    type Tuple = (Transport, Endpoint, Endpoint);

    fn tuple(transport: Transport, source: Endpoint, destination: Endpoint) -> Tuple {
        (transport, source.min(destination), source.max(destination))
    }

    #[derive(Default, Debug, PartialEq, Eq, Clone)]
    struct Seen {
        /// From the lesser endpoint, and from the greater; a reassembled packet is one, as in tshark.
        packets: [u64; 2],
        /// Of all packets, on the wire.
        payload: u64,
        is_carrier: bool,
        vlans: BTreeSet<u16>,
    }

    struct Decoded {
        flows: BTreeMap<Tuple, Seen>,
        undecoded: Undecoded,
        unaccounted: Vec<usize>,
        frames: usize,
    }

    fn decode(path: &Path) -> Decoded {
        let records = read(path);
        let mut decoder = Decoder::new(Bounds::default()).verifying();
        let mut decoded = Decoded {
            flows: BTreeMap::new(),
            undecoded: Undecoded::default(),
            unaccounted: Vec::new(),
            frames: records.len(),
        };
        let flows = &mut decoded.flows;
        let mut take = |packet: &Packet<'_>| {
            assert!(packet.payload.len() as u64 <= u64::from(packet.payload_bytes));
            let flow: &mut Seen =
                flows.entry(tuple(packet.transport, packet.source, packet.destination)).or_default();
            flow.packets[usize::from(packet.source > packet.destination)] += 1;
            flow.payload += u64::from(packet.payload_bytes);
            flow.is_carrier |= packet.carrier.is_some();
            flow.vlans.extend(packet.layers.iter().flat_map(|layers| &layers.vlan));
        };
        for (number, record) in records.iter().enumerate() {
            let before = accounted(&decoder);
            let mut emitted = 0;
            let frame = Frame {
                time_ns: record.time_ns,
                place: Place::new(0, number as u64 + 1),
                vantage: 0,
                link: LinkType(record.link),
                wire_bytes: record.wire_bytes,
                bytes: &record.bytes,
            };
            decoder.decode(&frame, &mut |packet| {
                emitted += 1;
                take(packet);
            });
            if emitted == 0 && accounted(&decoder) == before {
                decoded.unaccounted.push(number + 1);
            }
        }
        decoder.flush(&mut take);
        assert_eq!(decoder.held_fragments(), 0);
        decoded.undecoded = decoder.undecoded().clone();
        decoded
    }

    fn accounted(decoder: &Decoder) -> u64 {
        decoder.held_fragments() + decoder.undecoded().iter().map(|(_, times)| times).sum::<u64>()
    }

    fn count(undecoded: &Undecoded, name: &str) -> u64 {
        undecoded.iter().filter(|(reason, _)| reason.to_string() == name).map(|(_, times)| times).sum()
    }

    fn endpoint(flow: &Value, side: &str) -> Endpoint {
        let address = flow[side].as_str().unwrap();
        let address: std::net::IpAddr = address.parse().unwrap();
        let port = flow[format!("{side}_port")].as_u64().unwrap_or(0) as u16;
        Endpoint { address: address.into(), port }
    }

    /// What tshark says of the flows of one capture.
    fn told(truth: &Value) -> BTreeMap<Tuple, Seen> {
        let mut told: BTreeMap<Tuple, Seen> = BTreeMap::new();
        for flow in truth["flows"].as_array().unwrap() {
            let transport = Transport::from_name(flow["proto"].as_str().unwrap()).unwrap();
            let (one, two) = (endpoint(flow, "initiator"), endpoint(flow, "responder"));
            let count = |name: &str| flow[name].as_u64().unwrap();
            let entry = told.entry(tuple(transport, one, two)).or_default();
            entry.packets[usize::from(one > two)] += count("packets_fwd");
            entry.packets[usize::from(one <= two)] += count("packets_rev");
            entry.payload += count("payload_fwd") + count("payload_rev");
            let vlans = flow["vlans"].as_array().unwrap().iter();
            entry
                .vlans
                .extend(vlans.map(|id| id.as_str().unwrap().parse::<u16>().unwrap()).filter(|id| *id != 0));
        }
        told
    }

    /// Where we differ from tshark on purpose: capture, what the difference says, why.
    const DIFFERENCES: &[(&str, &str, &str)] = &[
        (
            "pcapflowlab__mpls_pw-08_mpls_pw_eth_llc_snap_ipv4_udp_cw.pcap",
            "invented",
            "tshark opens no pseudowire that carries SNAP",
        ),
        ("tcpdump__various_gre.pcap", "icmp", "Cisco metadata (0x8909) inside GRE is not opened"),
        (
            "deepflow__xiangdao-retrans.pcap",
            "payload",
            "IP length exceeds the frame: cut for us, empty for tshark",
        ),
        (
            "ndpi__ip_fragmented_garbage.pcap",
            "missing",
            "TCP headers shorter than 20 bytes hold no ports for us",
        ),
        (
            "pcapflowlab__vxlan-25_vxlan_outer_ipv6_fragmentation.pcap",
            "packets",
            "a lone first fragment shows its ports",
        ),
        ("pcapplusplus__ip-frag.pcap", "packets", "a lone first fragment shows its ports"),
        (
            "zeek__tunnels-gtp-gtp1_gn_normal_incl_fragmentation.pcap",
            "packets",
            "a lone first fragment shows its ports",
        ),
        ("pcapng-gen__be-basic-test017.pcapng", "frames", "tshark shows custom blocks as packets"),
        ("pcapng-gen__le-basic-test017.pcapng", "frames", "tshark shows custom blocks as packets"),
        ("tcpdump__dsa.pcap", "frames", "tshark could not read it"),
        ("zeek__arp-who-has-radiotap.pcap", "arp", "radiotap is not opened"),
        ("zeek__arp-who-has-wlanmon.pcap", "arp", "802.11 is not opened"),
        ("zeek__tunnels-gre-aruba.pcap", "missing", "802.11 inside GRE is not opened"),
    ];

    fn differences(name: &str, truth: &Value, decoded: &Decoded) -> Vec<String> {
        let mut wrong = Vec::new();
        let told = told(truth);
        for (flow, told) in &told {
            let Some(seen) = decoded.flows.get(flow) else {
                wrong.push(format!("missing {flow:?} {told:?}"));
                continue;
            };
            if seen.packets != told.packets {
                wrong.push(format!("packets {flow:?} expected {:?}, found {:?}", told.packets, seen.packets));
            } else if seen.payload != told.payload && flow.0 != Transport::Sctp {
                wrong.push(format!("payload {flow:?} expected {}, found {}", told.payload, seen.payload));
            }
            // tshark gives a carrier the tags inside it too, and names no 802.1ad tag.
            if !seen.is_carrier && !seen.vlans.is_superset(&told.vlans) {
                wrong.push(format!("vlans {flow:?} expected {:?}, found {:?}", told.vlans, seen.vlans));
            }
        }
        for (flow, seen) in decoded.flows.iter().filter(|((transport, ..), _)| !transport.is_icmp()) {
            if !told.contains_key(flow) {
                wrong.push(format!("invented {flow:?} {seen:?}"));
            }
        }
        let totals = &truth["totals"];
        let arp = count(&decoded.undecoded, "arp") + count(&decoded.undecoded, "rarp");
        let tunnels = truth["encapsulations"].as_object().is_some_and(|kinds| !kinds.is_empty());
        let told_arp = totals["arp"].as_u64().unwrap();
        // tshark's total leaves out ARP inside tunnels.
        if arp < told_arp || (arp > told_arp && !tunnels) {
            wrong.push(format!("arp {told_arp} vs {:?}", decoded.undecoded));
        }
        let icmp: u64 = decoded
            .flows
            .iter()
            .filter(|((transport, ..), _)| transport.is_icmp())
            .map(|(_, seen)| seen.packets.iter().sum::<u64>())
            .sum();
        let told_icmp = totals["icmp"].as_u64().unwrap() + totals["icmpv6"].as_u64().unwrap();
        if icmp != told_icmp {
            wrong.push(format!("icmp expected {told_icmp}, found {icmp}"));
        }
        if totals["packets"].as_u64() != Some(decoded.frames as u64) {
            wrong.push(format!("frames {} vs {}", totals["packets"], decoded.frames));
        }
        if !decoded.unaccounted.is_empty() {
            wrong.push(format!("unaccounted frames {:?}", decoded.unaccounted));
        }
        let excused = DIFFERENCES.iter().filter(|(file, ..)| *file == name);
        for (_, start, why) in excused {
            let before = wrong.len();
            wrong.retain(|difference| !difference.starts_with(start));
            if wrong.len() == before {
                wrong.push(format!("no longer differs in `{start}`: {why}"));
            }
        }
        wrong
    }

    #[test]
    fn flows_agree_with_tshark() {
        let Some(folder) = captures() else { return };
        let mut wrong = Vec::new();
        for path in sorted(&folder.join("truth")) {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let truth: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let decoded = decode(&folder.join("files").join(&name));
            wrong.extend(
                differences(&name, &truth, &decoded).into_iter().map(|what| format!("{name}: {what}")),
            );
        }
        assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
    }

    #[test]
    fn hostile_captures_are_accounted_for() {
        let Some(folder) = captures() else { return };
        for path in sorted(&folder.join("hostile")) {
            let decoded = decode(&path);
            assert!(decoded.unaccounted.is_empty(), "{path:?}: {:?}", decoded.unaccounted);
        }
    }

    #[test]
    fn a_link_type_that_is_not_opened_is_counted() {
        let mut decoder = Decoder::new(Bounds::default());
        let frame = Frame {
            time_ns: 0,
            place: Place::new(0, 1),
            vantage: 0,
            link: LinkType(127),
            wire_bytes: 4,
            bytes: &[0; 4],
        };
        decoder.decode(&frame, &mut |packet| panic!("{packet:?}"));
        let counts: Vec<_> = decoder.undecoded().iter().collect();
        assert_eq!(counts, [(Reason::numbered(Kind::Unsupported, "link-type", 127), 1)]);
    }
}
