//! `check --evidence DIR`: a second pass over the captures keeps the first packets of each finding.
//!
//! A file holds the packets of the finding's example from its first frame on, or of all its ports for a scan, as they
//! were captured, tunnels included. Left out: standard input, which cannot be read twice.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::capture::facts::CaptureFacts;
use crate::capture::set::Input;
use crate::capture::source;
use crate::cli::args::{CheckArgs, EvidencePayload};
use crate::cli::check::hex;
use crate::cli::output::{self, Failure, complain};
use crate::net::{Address, Transport};
use crate::packet::decode::Decoder;
use crate::packet::fragment::Bounds;
use crate::packet::frame::Frame;
use crate::packet::view::Packet;
use crate::report::model::{Evidence, Finding, Report};
use crate::report::pcapng::{self, Interface, Kept};
use crate::report::words::{count, shown};

/// Findings that get a file; the gravest stand first, and nobody opens more.
const MAX_FILES: usize = 1000;
/// Packets and bytes of one file: a handshake, a greeting and what follows.
const MAX_PACKETS: usize = 64;
const MAX_BYTES: usize = 256 << 10;
/// Kept of a frame whose payload lies in none of its bytes (it was put together from fragments).
const HEADER_BYTES: usize = 64;

/// The two addresses and the transport, in one order whatever the direction.
type Pair = (Transport, Address, Address);

/// What belongs to one finding.
struct Picker {
    number: usize,
    /// Ports of the two addresses of [`Pair`]; `None` for any.
    ports: Vec<(Option<u16>, Option<u16>)>,
    from: (u64, u64),
    /// Vantage and link type.
    interfaces: Vec<(u32, u16)>,
    kept: Vec<Kept>,
    bytes: usize,
}

/// Writes the evidence of the report's findings into `folder` and links the report to it.
///
/// # Errors
/// That a capture cannot be read again, or a file not be written.
pub fn write(report: &mut Report, args: &CheckArgs, folder: &Path) -> Result<(), Failure> {
    if args.capture.captures.iter().any(|path| path == Path::new("-")) {
        return Err(Failure::Said(
            "--evidence: expected files, found standard input, which cannot be read twice".to_owned(),
        ));
    }
    let mut pickers = pickers(report);
    let facts = pick(&mut pickers, args, report)?;
    std::fs::create_dir_all(folder).map_err(|error| {
        Failure::Said(format!("{}: expected a folder for evidence, found `{error}`", folder.display()))
    })?;
    let application = format!("{} {}", report.tool.name, report.tool.version);
    for picker in pickers.into_values().flatten() {
        let Some(finding) = report.findings.get_mut(picker.number) else { continue };
        if picker.kept.is_empty() {
            continue;
        }
        let about = format!("F{} {}: {}", picker.number + 1, finding.reason, shown(&finding.message));
        let interfaces: Vec<Interface> =
            picker.interfaces.iter().map(|&seen| interface(&facts, seen)).collect();
        let bytes = pcapng::file(&about, &application, &interfaces, &picker.kept);
        let name = format!("F{:04}-{}.pcapng", picker.number + 1, finding.reason);
        output::write_bytes(&bytes, &folder.join(&name))?;
        finding.evidence = Some(Evidence {
            file: linked(&folder.join(&name), args.output.output.as_deref()),
            sha256: hex(&Sha256::digest(&bytes)),
            packets: picker.kept.len() as u64,
        });
    }
    let rest = report.findings.len().saturating_sub(MAX_FILES);
    if rest > 0 {
        complain(&format!(
            "{}: {} got no file of evidence; the first {MAX_FILES} did",
            folder.display(),
            count(rest as u64, "finding")
        ));
    }
    Ok(())
}

/// The file as seen from where the report is written.
fn linked(file: &Path, report: Option<&Path>) -> String {
    let beside = report.and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty());
    let relative = beside.and_then(|folder| file.strip_prefix(folder).ok()).unwrap_or(file);
    relative.display().to_string()
}

fn pickers(report: &Report) -> BTreeMap<Pair, Vec<Picker>> {
    let mut pickers: BTreeMap<Pair, Vec<Picker>> = BTreeMap::new();
    for (number, finding) in report.findings.iter().enumerate().take(MAX_FILES) {
        let Some((pair, ports)) = wanted(finding) else { continue };
        let from = (finding.example.capture, finding.example.frame);
        let picker = Picker { number, ports, from, interfaces: Vec::new(), kept: Vec::new(), bytes: 0 };
        pickers.entry(pair).or_default().push(picker);
    }
    pickers
}

fn wanted(finding: &Finding) -> Option<(Pair, Vec<(Option<u16>, Option<u16>)>)> {
    let transport = Transport::from_name(&finding.transport).filter(|_| finding.example.frame > 0)?;
    let address = |text: &str| text.parse::<std::net::IpAddr>().ok().map(Address::from);
    let (from, to) = (address(&finding.initiator.address)?, address(&finding.responder.address)?);
    let ports: Vec<(Option<u16>, Option<u16>)> = match finding.ports.as_slice() {
        // The type and code of an ICMP answer are not those of what it answers.
        _ if transport.is_icmp() => vec![(None, None)],
        [] => vec![(Some(finding.initiator.port), Some(finding.responder.port))],
        many => many.iter().map(|&port| (None, Some(port))).collect(),
    };
    if from <= to {
        return Some(((transport, from, to), ports));
    }
    Some(((transport, to, from), ports.into_iter().map(|(a, b)| (b, a)).collect()))
}

/// Reads all captures again; facts of each.
fn pick(
    pickers: &mut BTreeMap<Pair, Vec<Picker>>,
    args: &CheckArgs,
    report: &Report,
) -> Result<Vec<CaptureFacts>, Failure> {
    let inputs: Vec<Input> =
        args.capture.captures.iter().map(|path| Input::from_arg(path.as_os_str())).collect();
    let options = source::Options { filter: args.capture.filter.clone(), digest: false };
    let mut observation = source::open(&inputs, &options)?;
    let mut decoder = Decoder::new(Bounds::default());
    let keeps_payload = args.evidence_payload == EvidencePayload::Keep;
    let mut open: HashMap<Pair, usize> = pickers.iter().map(|(&pair, of)| (pair, of.len())).collect();
    while !open.is_empty()
        && let Some(batch) = observation.next_batch()?
    {
        for frame in batch.frames() {
            let mut last: Option<usize> = None;
            decoder.decode(&frame, &mut |packet| {
                let (pair, ports) = ends(packet);
                if !open.contains_key(&pair) {
                    return;
                }
                let Some(of) = pickers.get_mut(&pair) else { return };
                for picker in of.iter_mut() {
                    // One frame may carry two packets of a tunnel: it is kept once.
                    if last != Some(picker.number) && picker.fits(ports, &frame) {
                        last = Some(picker.number);
                        picker.take(&frame, packet, keeps_payload, report);
                    }
                }
                if of.iter().all(Picker::is_full) {
                    open.remove(&pair);
                }
            });
        }
    }
    Ok(observation.facts())
}

fn ends(packet: &Packet<'_>) -> (Pair, (u16, u16)) {
    let (a, b) = (packet.source, packet.destination);
    if a.address <= b.address {
        ((packet.transport, a.address, b.address), (a.port, b.port))
    } else {
        ((packet.transport, b.address, a.address), (b.port, a.port))
    }
}

impl Picker {
    fn is_full(&self) -> bool {
        self.kept.len() >= MAX_PACKETS || self.bytes >= MAX_BYTES
    }

    fn fits(&self, ports: (u16, u16), frame: &Frame<'_>) -> bool {
        let at = (u64::from(frame.place.capture()), frame.place.frame());
        // Frames of other captures are ordered by time, and stand before or after by it alone.
        let is_reached = !self.kept.is_empty() || at == self.from;
        let is = |wanted: Option<u16>, port: u16| wanted.is_none_or(|wanted| wanted == port);
        is_reached && !self.is_full() && self.ports.iter().any(|&(a, b)| is(a, ports.0) && is(b, ports.1))
    }

    fn take(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, keeps_payload: bool, report: &Report) {
        let bytes = if keeps_payload { frame.bytes } else { headers(frame, packet) };
        let interface = match self.interfaces.iter().position(|&(vantage, _)| vantage == frame.vantage) {
            Some(at) => at,
            None => {
                self.interfaces.push((frame.vantage, frame.link.0));
                self.interfaces.len() - 1
            }
        };
        let capture = report.captures.get(usize::from(frame.place.capture()));
        let whence = format!(
            "frame {} of {}",
            frame.place.frame(),
            capture.map_or("the capture", |capture| capture.path.as_str())
        );
        let comment = match (self.kept.is_empty(), report.findings.get(self.number)) {
            (true, Some(finding)) => {
                format!("F{} {}: {} ({whence})", self.number + 1, finding.reason, shown(&finding.message))
            }
            (_, Some(finding)) => format!("F{} {} ({whence})", self.number + 1, finding.reason),
            (_, None) => whence,
        };
        self.bytes += bytes.len();
        self.kept.push(Kept {
            interface: u32::try_from(interface).unwrap_or_default(),
            time_ns: frame.time_ns,
            wire_bytes: frame.wire_bytes,
            bytes: bytes.to_vec(),
            comment: Some(comment),
        });
    }
}

/// The frame up to its innermost payload.
fn headers<'a>(frame: &Frame<'a>, packet: &Packet<'_>) -> &'a [u8] {
    let begin = frame.bytes.as_ptr().addr();
    let at = packet.payload.as_ptr().addr().checked_sub(begin);
    let is_inside = |at: &usize| at + packet.payload.len() <= frame.bytes.len();
    match at.filter(is_inside) {
        Some(at) => frame.bytes.get(..at),
        None => frame.bytes.get(..HEADER_BYTES),
    }
    .unwrap_or(frame.bytes)
}

fn interface(facts: &[CaptureFacts], (vantage, link): (u32, u16)) -> Interface {
    let mut all = facts.iter().flat_map(|facts| &facts.interfaces);
    let found = all.find(|interface| interface.vantage == vantage);
    Interface { name: found.and_then(|interface| interface.name.clone()), link }
}
