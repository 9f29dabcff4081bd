//! The captures of others, where they lie beside this project: packet counts as independent tools have them.

use crate::capture::error::CaptureError;
use crate::capture::facts::CaptureFacts;
use crate::capture::set::Input;
use crate::capture::source::{Options, open};
use std::path::{Path, PathBuf};

/// The folder of captures; without it these tests have nothing to read.
fn shared() -> Option<PathBuf> {
    let folder = std::env::var_os("UNCHARTED_SHARED_CAPTURES")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/captures"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no captures in {}; set UNCHARTED_SHARED_CAPTURES", folder.display());
    None
}

/// Frames handed out and the facts of one capture.
fn read(path: &Path, digest: bool) -> Result<(u64, CaptureFacts), CaptureError> {
    let options = Options { filter: None, digest };
    let mut observation = open(&[Input::Path(path.to_owned())], &options)?;
    let mut frames = 0;
    while let Some(batch) = observation.next_batch()? {
        for frame in batch.frames() {
            frames += 1;
            assert_eq!(frame.place.frame(), frames, "{}", path.display());
        }
    }
    Ok((frames, observation.facts().remove(0)))
}

fn rows(path: &Path) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

/// Captures of a link type that the recording tshark did not know, with tcpdump's packets and bytes.
const UNSUPPORTED: &[(&str, (u64, u64))] = &[("tcpdump__dsa.pcap", (8, 722))];

#[test]
fn every_real_capture_has_the_recorded_number_of_packets_and_bytes() {
    let Some(folder) = shared() else { return };
    let mut wrong = Vec::new();
    for row in rows(&folder.join("manifest.csv")) {
        let (name, sha256) = (&row[0], &row[row.len() - 1]);
        let truth = std::fs::read_to_string(folder.join("truth").join(format!("{name}.json"))).unwrap();
        let truth: serde_json::Value = serde_json::from_str(&truth).unwrap();
        let totals = &truth["totals"];
        let (mut packets, mut bytes) = (totals["packets"].as_u64(), totals["bytes"].as_u64());
        if totals["packets_capinfos"].is_u64() {
            // tshark numbers custom blocks as frames; capinfos and this reader do not.
            (packets, bytes) = (totals["packets_capinfos"].as_u64(), Some(0));
        } else if let Some((_, counted)) = UNSUPPORTED.iter().find(|(known, _)| known == name) {
            (packets, bytes) = (Some(counted.0), Some(counted.1));
        }
        match read(&folder.join("files").join(name), true) {
            Ok((frames, facts)) => {
                let same = packets == Some(frames)
                    && bytes == Some(facts.bytes)
                    && facts.stopped.is_none()
                    && facts.sha256.as_ref() == Some(sha256);
                if !same {
                    wrong.push(format!("{name}: {totals}, found {facts:?}"));
                }
            }
            Err(error) => wrong.push(error.to_string()),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// How the reading of a hostile file must end, where it is more than tshark's count and a sound end.
enum Ends {
    Refused(&'static str),
    Stopped(u64, &'static str),
    Truncated(u64),
    Sound(u64),
}

const HOSTILE: &[(&str, Ends)] = &[
    ("derived__caplen-2g.pcap", Ends::Stopped(3, "2147483647")),
    ("derived__gzip-bomb-64MiB.pcap.gz", Ends::Sound(4_194_305)),
    ("derived__header-1-bytes.pcap", Ends::Refused("1 bytes in all")),
    ("derived__header-3-bytes.pcap", Ends::Refused("3 bytes in all")),
    ("derived__linktype-65535.pcap", Ends::Sound(14)),
    ("derived__magic-swapped-body-native.pcap", Ends::Refused("512.1024")),
    ("derived__pcap-then-pcapng.pcap", Ends::Stopped(14, "439041101")),
    ("derived__pcapng-block-length-11.pcapng", Ends::Stopped(1, "`11`")),
    ("derived__pcapng-block-length-huge.pcapng", Ends::Stopped(1, "4294967280")),
    ("derived__pcapng-dsb-overrun.pcapng", Ends::Sound(1)),
    ("derived__pcapng-option-overrun.pcapng", Ends::Sound(1)),
    ("derived__pcapng-shb-version-9.pcapng", Ends::Refused("pcapng version 1, found `9`")),
    ("derived__pcapng-trailing-length-mismatch.pcapng", Ends::Stopped(1, "`9999`")),
    ("derived__text-file.pcap", Ends::Refused("text")),
    ("derived__truncated-in-record-data.pcap", Ends::Truncated(5)),
    ("derived__two-pcaps-concatenated.pcap", Ends::Stopped(15, "1362692526")),
    ("derived__wrong-magic.pcap", Ends::Refused("magic number")),
    ("derived__zip-of-pcap.pcap", Ends::Refused("a zip archive")),
    ("tcpdump__frf16_magic_ie-oobr.pcap", Ends::Sound(1)),
    ("tcpdump__vtp_asan-2.pcap", Ends::Sound(1)),
    ("wireshark__text2pcap_hash_eol.txt", Ends::Refused("text")),
];

#[test]
fn every_hostile_capture_ends_as_a_sound_reader_ends_it() {
    let Some(folder) = shared() else { return };
    let mut wrong = Vec::new();
    for row in rows(&folder.join("hostile.csv")) {
        let name = row[0].as_str();
        let peers = Ends::Sound(row[3].parse().unwrap());
        let expect = HOSTILE.iter().find(|(known, _)| *known == name).map_or(&peers, |(_, ends)| ends);
        let found = read(&folder.join("hostile").join(name), false);
        let right = match (expect, &found) {
            (Ends::Refused(why), Err(error)) => error.to_string().contains(why),
            (Ends::Stopped(count, why), Ok((frames, facts))) => {
                frames == count && facts.stopped.as_ref().is_some_and(|reason| reason.contains(why))
            }
            (Ends::Truncated(count), Ok((frames, facts))) => {
                frames == count && facts.truncated && facts.stopped.is_none()
            }
            (Ends::Sound(count), Ok((frames, facts))) => frames == count && facts.stopped.is_none(),
            _ => false,
        };
        if !right {
            wrong.push(format!("{name}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
