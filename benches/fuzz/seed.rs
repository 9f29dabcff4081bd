//! Seeds for the fuzz targets out of captures: `uncharted-seeds CORPUS CAPTURE...`.

use std::path::Path;

use uncharted::capture::set::Input;
use uncharted::capture::source;
use uncharted::flow::table::{Bounds, Table};
use uncharted::net::{Side, Transport};
use uncharted::packet::decode::Decoder;
use uncharted::packet::fragment;

/// Longer captures and frames make slow seeds.
const CAPTURE_BYTES: u64 = 64 << 10;
const FRAMES: usize = 12;
/// Openings of one capture.
const OPENINGS: usize = 12;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let corpus = arguments.next().ok_or_else(|| std::io::Error::other("expected CORPUS CAPTURE..."))?;
    let corpus = Path::new(&corpus);
    for target in ["capture", "journey", "decode", "probes", "streams", "flows", "fragments"] {
        std::fs::create_dir_all(corpus.join(target))?;
    }
    for (number, path) in arguments.enumerate() {
        let path = Path::new(&path);
        if std::fs::metadata(path)?.len() <= CAPTURE_BYTES {
            for target in ["capture", "journey"] {
                std::fs::copy(path, corpus.join(target).join(format!("seed-{number}")))?;
            }
        }
        // What is no sound capture is a seed all the same, as it is.
        let _ = inside(corpus, number, path);
    }
    Ok(())
}

fn inside(corpus: &Path, number: usize, path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let mut observation = source::open(&[Input::Path(path.to_owned())], &source::Options::default())?;
    let mut table: Table<()> = Table::new(Bounds::default());
    let mut decoder = Decoder::new(fragment::Bounds::default());
    let mut frames: Vec<u8> = Vec::new();
    let (mut kept, mut openings) = (0, 0);
    let mut keep = |opening: &uncharted::flow::opening::Opening| {
        openings += 1;
        let [a, b] = &opening.sides.0;
        let choice = u8::from(opening.transport == Transport::Udp)
            | if opening.first == Some(Side::B) { 2 } else { 0 };
        let split = (a.bytes.len() as u16).to_be_bytes();
        let bytes = [&[choice, split[0], split[1]][..], &a.bytes, &b.bytes].concat();
        if openings <= OPENINGS {
            let _ = std::fs::write(corpus.join("probes").join(format!("seed-{number}-{openings}")), bytes);
        }
    };
    while let Some(batch) = observation.next_batch()? {
        for frame in batch.frames() {
            if kept == 0 {
                let known = [1, 0, 9, 10, 12, 14, 50, 51, 101, 104, 105, 108, 113, 127, 228, 229, 239, 276];
                frames.push(known.iter().position(|&link| link == frame.link.0).unwrap_or(0) as u8);
            }
            if kept < FRAMES && frame.bytes.len() < 2000 {
                frames.extend((frame.bytes.len() as u16).to_be_bytes());
                frames.push(0);
                frames.extend(frame.bytes);
            }
            kept += 1;
            decoder.decode(&frame, &mut |packet| {
                table.push(packet, &mut |ended| {
                    ended.record.opening.iter().for_each(|opening| keep(opening));
                });
            });
        }
    }
    table.finish(&mut |ended| ended.record.opening.iter().for_each(|opening| keep(opening)));
    std::fs::write(corpus.join("decode").join(format!("seed-{number}")), frames)?;
    Ok(())
}
