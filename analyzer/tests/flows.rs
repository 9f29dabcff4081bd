//! The flow table held against what other tools say of captures that others recorded.
//!
//! The captures are not part of the project: without them the test says so and passes. Left out: captures
//! that libpcap does not open, and five-tuples that truth tells of more than once in one capture.

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::IpAddr;
    use std::path::{Path, PathBuf};

    use pcap::{Capture, Precision};
    use serde_json::Value;
    use uncharted::flow::record::Record;
    use uncharted::flow::table::{Bounds, Ended, Table};
    use uncharted::net::Place;
    use uncharted::net::{Endpoint, Side, Transport};
    use uncharted::packet::decode::Decoder;
    use uncharted::packet::fragment;
    use uncharted::packet::frame::{Frame, LinkType};

    fn captures() -> Option<PathBuf> {
        let from_variable = std::env::var_os("UNCHARTED_SHARED_CAPTURES").map(PathBuf::from);
        let beside = ["../../shared/captures", "../../../shared/captures"];
        let near = beside.iter().map(|path| Path::new(env!("CARGO_MANIFEST_DIR")).join(path));
        let found = from_variable.into_iter().chain(near).find(|path| path.is_dir());
        if found.is_none() {
            eprintln!("skipped: no captures; UNCHARTED_SHARED_CAPTURES names their folder");
        }
        found
    }

    fn records(path: &Path) -> Option<Vec<Record>> {
        let mut capture = Capture::from_file_with_precision(path, Precision::Nano).ok()?;
        let link = LinkType(u16::try_from(capture.get_datalink().0).ok()?);
        let mut decoder = Decoder::new(fragment::Bounds::default());
        let mut table: Table<()> = Table::new(Bounds::default());
        let mut out = Vec::new();
        let mut frame = 0;
        loop {
            let raw = match capture.next_packet() {
                Ok(raw) => raw,
                Err(pcap::Error::NoMorePackets) => break,
                Err(_) => return None,
            };
            frame += 1;
            let time_ns =
                (raw.header.ts.tv_sec as u64 & 0xffff_ffff) * 1_000_000_000 + raw.header.ts.tv_usec as u64;
            let frame = Frame {
                time_ns,
                place: Place::new(0, frame),
                vantage: 0,
                link,
                wire_bytes: raw.header.len,
                bytes: raw.data,
            };
            decoder.decode(&frame, &mut |packet| {
                table.push(packet, &mut |Ended { record, .. }| out.push(record));
                table.icmp_error(packet);
            });
        }
        decoder.flush(&mut |packet| {
            table.push(packet, &mut |Ended { record, .. }| out.push(record));
        });
        table.finish(&mut |Ended { record, .. }| out.push(record));
        Some(out)
    }

    /// Names of captures that are told otherwise on purpose: fragments count as packets here; GRE of Aruba's
    /// own kind is not opened; garbage whose fragments overlap is put together in another order.
    const TOLD_OTHERWISE: &[&str] = &["frag", "gre-aruba"];

    type Tuple = (Transport, Endpoint, Endpoint);

    fn tuple(transport: Transport, a: Endpoint, b: Endpoint) -> Tuple {
        (transport, a.min(b), a.max(b))
    }

    fn end(flow: &Value, address: &str, port: &str) -> Option<Endpoint> {
        let ip: IpAddr = flow[address].as_str()?.parse().ok()?;
        Some(Endpoint { address: ip.into(), port: u16::try_from(flow[port].as_u64()?).ok()? })
    }

    #[test]
    fn hostile_captures_end_in_records() {
        let Some(folder) = captures() else { return };
        let mut read = 0;
        for entry in std::fs::read_dir(folder.join("hostile")).unwrap() {
            let Some(records) = records(&entry.unwrap().path()) else { continue };
            read += 1;
            for record in records {
                assert!(record.packets[Side::A] > 0 && record.first_ns <= record.last_ns, "{record:?}");
            }
        }
        assert!(read > 0);
    }

    #[test]
    fn initiators_and_counts_agree_with_other_tools() {
        let Some(folder) = captures() else { return };
        let mut told = Vec::new();
        let mut compared = 0;
        let mut paths: Vec<_> =
            std::fs::read_dir(folder.join("files")).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if TOLD_OTHERWISE.iter().any(|part| name.contains(part)) {
                continue;
            }
            let truth = folder.join("truth").join(format!("{name}.json"));
            let (Ok(truth), Some(records)) = (std::fs::read(truth), records(&path)) else { continue };
            let truth: Value = serde_json::from_slice(&truth).unwrap();
            let mut wanted: BTreeMap<Tuple, Vec<&Value>> = BTreeMap::new();
            for flow in truth["flows"].as_array().unwrap() {
                let Some(transport) = flow["proto"].as_str().and_then(Transport::from_name) else { continue };
                let ends =
                    (end(flow, "initiator", "initiator_port"), end(flow, "responder", "responder_port"));
                if let (Some(a), Some(b)) = ends {
                    wanted.entry(tuple(transport, a, b)).or_default().push(flow);
                }
            }
            let mut found: BTreeMap<Tuple, Vec<&Record>> = BTreeMap::new();
            for record in &records {
                let key = tuple(record.transport, record.ends[Side::A], record.ends[Side::B]);
                found.entry(key).or_default().push(record);
            }
            for (key, flows) in wanted {
                let of = found.get(&key).map_or(&[][..], Vec::as_slice);
                let sum = |name: &str| flows.iter().map(|flow| flow[name].as_u64().unwrap()).sum::<u64>();
                let packets = |record: &Record| record.packets[Side::A] + record.packets[Side::B];
                compared += 1;
                let ours: u64 = of.iter().map(|record| packets(record)).sum();
                if ours != sum("packets") {
                    told.push(format!("{name} {key:?} packets {ours}, expected {}", sum("packets")));
                }
                let is_split_by_silence = key.0 != Transport::Tcp && of.len() > flows.len();
                if of.len() != flows.len() && !is_split_by_silence {
                    told.push(format!("{name} {key:?} flows {}, expected {}", of.len(), flows.len()));
                }
                if of.len() != flows.len() {
                    continue;
                }
                for (record, flow) in of.iter().zip(flows) {
                    let by = flow["initiator_by"].as_str().unwrap();
                    let initiator = end(flow, "initiator", "initiator_port").unwrap();
                    if record.initiator_end() != initiator {
                        told.push(format!(
                            "{name} {key:?} initiator {} by {}, expected {initiator} by {by}; {} {}",
                            record.initiator_end(),
                            record.direction.name(),
                            record.conn_state,
                            record.history
                        ));
                    }
                    let expected = match (record.transport, by) {
                        (Transport::Tcp, "first-packet") => "unseen",
                        (Transport::Tcp, _) => "handshake",
                        _ => "first-datagram",
                    };
                    if record.direction.name() != expected {
                        told.push(format!(
                            "{name} {key:?} direction {}, expected {by}; {}",
                            record.direction.name(),
                            record.history
                        ));
                    }
                }
            }
        }
        assert!(compared > 0);
        assert_eq!(told, [""; 0], "{} of {compared}", told.len());
    }
}
