//! Writes the captures that `scripts/bench` measures on, from a seed.
//!
//! `big`: real openings, mean frame about 520 bytes, 100,000 flows; `small`: the worst case of a flow table, frames
//! of 60 to 120 bytes over a million flows, each next frame of another flow; `one`: a few elephant flows.

use std::fs::File;
use std::io::{BufWriter, Result, Write};
use std::process::ExitCode;

use uncharted_benches::frames::{Dice, Ends, Piece, Service, header, mix, record, services};

const FIN: u8 = 1;
const SYN: u8 = 2;
const PSH: u8 = 8;
const ACK: u8 = 16;

/// 2026-01-01 00:00 UTC.
const START_NS: u64 = 1_767_225_600_000_000_000;

const USAGE: &str = "expected `generate big|small|one FILE [SEED] [FRAMES] [FLOWS]`";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number =
        |at: usize, default: u64| arguments.get(at).map_or(Some(default), |text| text.parse::<u64>().ok());
    let (Some(kind), Some(path), Some(seed)) = (arguments.first(), arguments.get(1), number(2, 1)) else {
        eprintln!("generate: {USAGE}");
        return ExitCode::from(2);
    };
    let (frames, flows) = match kind.as_str() {
        "big" => (number(3, 2_400_000), number(4, 100_000)),
        "small" => (number(3, 10_000_000), number(4, 1_000_000)),
        "one" => (number(3, 2_800_000), number(4, 4)),
        _ => (None, None),
    };
    let (Some(frames), Some(flows)) = (frames, flows) else {
        eprintln!("generate: {USAGE}");
        return ExitCode::from(2);
    };
    match write(kind, path, seed, frames, flows) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("generate: {path}: expected to write a capture, found `{error}`");
            ExitCode::from(2)
        }
    }
}

fn write(kind: &str, path: &str, seed: u64, frames: u64, flows: u64) -> Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    header(&mut out)?;
    match kind {
        "small" => small(&mut out, seed, frames, flows)?,
        _ => bulk(&mut out, seed, frames, flows)?,
    }
    out.flush()
}

/// The ends of flow `index`, each with a five-tuple of its own.
fn ends(service: &Service, seed: u64, index: u64) -> Ends {
    let chance = mix(seed ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let count = index / 13;
    Ends {
        client: service.client_net + (count as u32) % service.client_hosts,
        server: service.server_net + 1 + (chance as u32) % service.server_hosts,
        client_port: 20_000 + (count as u32 / service.client_hosts + (index % 13) as u32 * 3_000) as u16,
        server_port: service.port,
        is_udp: service.is_udp,
    }
}

/// Each round sends one frame of every flow, in an order of its own.
fn small(out: &mut impl Write, seed: u64, frames: u64, flows: u64) -> Result<()> {
    const STRIDES: [u64; 10] = [
        1_000_003,
        7_368_787,
        15_485_863,
        32_452_843,
        49_979_687,
        67_867_967,
        86_028_121,
        104_395_301,
        122_949_823,
        141_650_939,
    ];
    let services = services(true);
    let mut scratch = Vec::new();
    let mut time_ns = START_NS;
    let rounds = frames / flows.max(1);
    for round in 0..rounds {
        let stride = STRIDES.get((round % 10) as usize).copied().unwrap_or(1);
        for at in 0..flows {
            let index = at.wrapping_mul(stride) % flows;
            time_ns += 500;
            let Some(service) = services.get((mix(seed ^ index) % services.len() as u64) as usize) else {
                continue;
            };
            let ends = ends(service, seed, index);
            let piece = step(service, mix(index) as u32, round);
            record(out, &mut scratch, time_ns, &ends, &piece)?;
        }
    }
    Ok(())
}

/// What a small flow sends in a round: handshake, one question and its answer, close; over UDP five of each.
fn step(service: &Service, isn: u32, round: u64) -> Piece<'_> {
    let (request, response): (&[u8], &[u8]) = (&service.request, &service.response);
    let (asked, answered) = (request.len() as u32, response.len() as u32);
    let peer = !isn;
    let piece =
        |from_client, flags, seq: u32, ack: u32, payload| Piece { from_client, flags, seq, ack, payload };
    if service.is_udp {
        let from_client = round.is_multiple_of(2);
        return piece(from_client, 0, round as u32, 0, if from_client { request } else { response });
    }
    let (mine, theirs) = (isn.wrapping_add(1), peer.wrapping_add(1));
    let (mine_end, theirs_end) = (mine.wrapping_add(asked), theirs.wrapping_add(answered));
    match round {
        0 => piece(true, SYN, isn, 0, &[]),
        1 => piece(false, SYN | ACK, peer, mine, &[]),
        2 => piece(true, ACK, mine, theirs, &[]),
        3 => piece(true, PSH | ACK, mine, theirs, request),
        4 => piece(false, ACK, theirs, mine_end, &[]),
        5 => piece(false, PSH | ACK, theirs, mine_end, response),
        6 => piece(true, ACK, mine_end, theirs_end, &[]),
        7 => piece(true, FIN | ACK, mine_end, theirs_end, &[]),
        8 => piece(false, FIN | ACK, theirs_end, mine_end.wrapping_add(1), &[]),
        _ => piece(true, ACK, mine_end.wrapping_add(1), theirs_end.wrapping_add(1), &[]),
    }
}

/// Flows that are open at one time in `big`.
const OPEN_FLOWS: usize = 2_000;

struct Open {
    ends: Ends,
    service: usize,
    stage: u8,
    mine: u32,
    theirs: u32,
    left: u64,
}

/// Handshake, opening, then data from the server with an acknowledgement for every second segment, close.
fn bulk(out: &mut impl Write, seed: u64, frames: u64, flows: u64) -> Result<()> {
    let services = services(false);
    let mut dice = Dice::new(seed);
    let filler: Vec<u8> = (0..1 << 16).map(|_| dice.roll() as u8).collect();
    let mut scratch = Vec::new();
    let mut time_ns = START_NS;
    let mean = (frames / flows.max(1)).saturating_sub(9).max(2);
    let mut next = 0;
    let mut open: Vec<Open> = Vec::new();
    loop {
        while next < flows && open.len() < OPEN_FLOWS {
            let is_few = flows < 100;
            let service =
                if is_few { (next % 4) as usize } else { dice.below(services.len() as u64) as usize };
            let Some(of) = services.get(service) else { continue };
            let left = match (is_few, of.is_udp) {
                (true, _) => mean,
                (false, true) => 1 + dice.below(8),
                (false, false) => 1 + dice.below(2 * mean + mean / 2),
            };
            let isn = mix(next) as u32;
            open.push(Open { ends: ends(of, seed, next), service, stage: 0, mine: isn, theirs: !isn, left });
            next += 1;
        }
        if open.is_empty() {
            return Ok(());
        }
        let at = dice.below(open.len() as u64) as usize;
        let is_over = match open.get_mut(at) {
            Some(flow) => advance(out, &mut scratch, &mut time_ns, &mut dice, &filler, &services, flow)?,
            None => true,
        };
        if is_over {
            open.swap_remove(at);
        }
    }
}

/// Sends the next one to three frames of a flow. True when it is over.
fn advance(
    out: &mut impl Write,
    scratch: &mut Vec<u8>,
    time_ns: &mut u64,
    dice: &mut Dice,
    filler: &[u8],
    services: &[Service],
    flow: &mut Open,
) -> Result<bool> {
    let Some(service) = services.get(flow.service) else { return Ok(true) };
    let mut send = |from_client: bool, flags: u8, flow: &mut Open, payload: &[u8]| {
        *time_ns += 1_000 + dice.below(1_000);
        let (seq, ack) = if from_client { (flow.mine, flow.theirs) } else { (flow.theirs, flow.mine) };
        let moved = payload.len() as u32 + u32::from(flags & (SYN | FIN) != 0);
        let piece = Piece { from_client, flags, seq, ack: if flags & ACK != 0 { ack } else { 0 }, payload };
        let own = if from_client { &mut flow.mine } else { &mut flow.theirs };
        *own = own.wrapping_add(moved);
        record(out, scratch, *time_ns, &flow.ends, &piece)
    };
    let is_udp = service.is_udp;
    match flow.stage {
        0 if is_udp => flow.stage = 1,
        0 => {
            send(true, SYN, flow, &[])?;
            send(false, SYN | ACK, flow, &[])?;
            send(true, ACK, flow, &[])?;
            flow.stage = 1;
        }
        1 => {
            send(true, PSH | ACK, flow, &service.request)?;
            send(false, PSH | ACK, flow, &service.response)?;
            flow.stage = 2;
        }
        2 if flow.left > 0 => {
            let chance = mix(u64::from(flow.theirs));
            let bytes = if chance.is_multiple_of(8) { 200 } else { 1460 };
            let from = (chance >> 8) as usize % (filler.len() - 1460);
            let data = filler.get(from..from + bytes).unwrap_or_default();
            flow.left -= 1;
            if is_udp {
                send(flow.left.is_multiple_of(2), 0, flow, &service.request)?;
            } else {
                send(false, ACK, flow, data)?;
                if flow.left.is_multiple_of(2) {
                    flow.left = flow.left.saturating_sub(1);
                    send(true, ACK, flow, &[])?;
                }
            }
        }
        _ if is_udp => return Ok(true),
        _ => {
            send(true, FIN | ACK, flow, &[])?;
            send(false, FIN | ACK, flow, &[])?;
            send(true, ACK, flow, &[])?;
            return Ok(true);
        }
    }
    Ok(false)
}
