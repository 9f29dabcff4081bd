//! The floor: what any analyzer of flows must do at least, and nothing else.
//!
//! Maps a classic pcap, walks its records, hashes the five-tuple, updates a flow table; one thread.
//! Prints frames, flows and bytes, so that the work cannot be left out.

use std::path::Path;
use std::process::ExitCode;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use uncharted_benches::map::map;

const FILE_HEADER_BYTES: usize = 24;

/// The least that a table keeps of a flow.
#[derive(Default)]
struct Flow {
    packets: [u64; 2],
    bytes: [u64; 2],
    first_ns: u64,
    last_ns: u64,
}

/// Addresses, then ports and protocol; the lower end first.
type Key = (u128, u128, u64);

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("floor: expected a classic pcap, found no argument");
        return ExitCode::from(2);
    };
    let bytes = match map(Path::new(&path)) {
        Ok(bytes) => bytes,
        Err(error) => {
            eprintln!("floor: {}: expected a readable capture, found `{error}`", Path::new(&path).display());
            return ExitCode::from(2);
        }
    };
    let mut flows: HashMap<Key, Flow, FixedState> = HashMap::with_hasher(FixedState::with_seed(7));
    let mut rest = bytes.get(FILE_HEADER_BYTES..).unwrap_or_default();
    let (mut frames, mut others, mut total_bytes) = (0u64, 0u64, 0u64);
    while let Some((head, after)) = rest.split_first_chunk::<16>() {
        let [s0, s1, s2, s3, f0, f1, f2, f3, c0, c1, c2, c3, ..] = *head;
        let captured = u32::from_le_bytes([c0, c1, c2, c3]) as usize;
        let Some((frame, next)) = after.split_at_checked(captured) else { break };
        let seconds = u64::from(u32::from_le_bytes([s0, s1, s2, s3]));
        let time_ns = seconds * 1_000_000_000 + u64::from(u32::from_le_bytes([f0, f1, f2, f3]));
        frames += 1;
        total_bytes += captured as u64;
        match key(frame) {
            Some((key, side)) => {
                let flow = flows.entry(key).or_insert_with(|| Flow { first_ns: time_ns, ..Flow::default() });
                if let (Some(packets), Some(bytes)) = (flow.packets.get_mut(side), flow.bytes.get_mut(side)) {
                    *packets += 1;
                    *bytes += captured as u64;
                }
                flow.last_ns = time_ns;
            }
            None => others += 1,
        }
        rest = next;
    }
    let packets: u64 = flows.values().map(|flow| flow.packets.iter().sum::<u64>()).sum();
    let longest_ns = flows.values().map(|flow| flow.last_ns - flow.first_ns).max().unwrap_or(0);
    println!(
        "{frames} frames, {total_bytes} bytes, {} flows of {packets} packets, the longest {longest_ns} ns, {others} others",
        flows.len()
    );
    ExitCode::SUCCESS
}

/// The five-tuple of a TCP or UDP frame, and which end sent it.
fn key(frame: &[u8]) -> Option<(Key, usize)> {
    let (ethernet, ip) = frame.split_first_chunk::<14>()?;
    let (source, destination, protocol, transport) = match ethernet {
        [.., 0x08, 0x00] => {
            let head = ip.first_chunk::<20>()?;
            let [first, .., protocol, _, _, s1, s2, s3, s4, d1, d2, d3, d4] = *head;
            let source = u128::from(u32::from_be_bytes([s1, s2, s3, s4]));
            let destination = u128::from(u32::from_be_bytes([d1, d2, d3, d4]));
            (source, destination, protocol, ip.get(usize::from(first & 15) * 4..)?)
        }
        [.., 0x86, 0xdd] => {
            let (head, transport) = ip.split_first_chunk::<40>()?;
            let (fixed, ends) = head.split_first_chunk::<8>()?;
            let (source, destination) = ends.split_first_chunk::<16>()?;
            let destination = u128::from_be_bytes(*destination.first_chunk::<16>()?);
            (u128::from_be_bytes(*source), destination, *fixed.get(6)?, transport)
        }
        _ => return None,
    };
    if !matches!(protocol, 6 | 17) {
        return None;
    }
    let [p1, p2, q1, q2] = *transport.first_chunk::<4>()?;
    let (p, q) = (u64::from(u16::from_be_bytes([p1, p2])), u64::from(u16::from_be_bytes([q1, q2])));
    let protocol = u64::from(protocol);
    Some(if (source, p) <= (destination, q) {
        ((source, destination, p << 32 | q << 16 | protocol), 0)
    } else {
        ((destination, source, q << 32 | p << 16 | protocol), 1)
    })
}
