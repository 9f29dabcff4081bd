//! What is known about a capture beside its frames.

use crate::net::{Address, TimeNs};
use crate::packet::frame::LinkType;
use std::collections::BTreeMap;

/// The file format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    Pcap,
    Pcapng,
}

impl Format {
    /// The name in reports and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcap => "pcap",
            Self::Pcapng => "pcapng",
        }
    }
}

/// How the file is compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Compression {
    #[default]
    None,
    Gzip,
    Zstd,
    Lz4,
}

impl Compression {
    /// The name in reports and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
        }
    }
}

/// One interface that a capture declares.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InterfaceFacts {
    /// As pcapng's `if_name` says, control characters escaped.
    pub name: Option<String>,
    pub link: LinkType,
    /// 0 where the capture says there is no limit.
    pub snap_bytes: u32,
    /// The vantage that this interface's frames carry.
    pub vantage: u32,
    /// Frames that the interface lost for want of resources (pcapng `isb_ifdrop`); the last statement counts.
    pub if_drop: Option<u64>,
    /// Frames that the operating system lost (pcapng `isb_osdrop`).
    pub os_drop: Option<u64>,
}

/// What was learned of one capture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CaptureFacts {
    /// As given, control characters escaped; `-` is standard input.
    pub path: String,
    pub format: Format,
    pub compression: Compression,
    /// Whole frames in the file, up to where reading ended; a filter does not lessen it.
    pub packets: u64,
    /// Their bytes on the wire.
    pub bytes: u64,
    /// Their bytes in the capture.
    pub captured_bytes: u64,
    /// Frames of which the snap length kept only a part.
    pub cut_packets: u64,
    /// Frames that the filter turned away.
    pub filtered_packets: u64,
    /// The earliest and the latest time of any frame.
    pub first_ns: Option<TimeNs>,
    pub last_ns: Option<TimeNs>,
    /// The file ends inside a record, block or compressed stream.
    pub truncated: bool,
    /// Why reading ended before the end of the file: where, what was expected, what was found.
    pub stopped: Option<String>,
    /// Departures from the format that did not end the reading, by reason.
    pub problems: BTreeMap<&'static str, u64>,
    pub interfaces: Vec<InterfaceFacts>,
    /// Addresses and names from pcapng's name resolution blocks, as met.
    pub names: Vec<(Address, String)>,
    /// SHA-256 of the file as it lies on disk, lower-case hex, where it was asked for.
    pub sha256: Option<String>,
}

impl CaptureFacts {
    pub(crate) const fn new(path: String, format: Format, compression: Compression) -> Self {
        Self {
            path,
            format,
            compression,
            packets: 0,
            bytes: 0,
            captured_bytes: 0,
            cut_packets: 0,
            filtered_packets: 0,
            first_ns: None,
            last_ns: None,
            truncated: false,
            stopped: None,
            problems: BTreeMap::new(),
            interfaces: Vec::new(),
            names: Vec::new(),
            sha256: None,
        }
    }

    pub(crate) fn problem(&mut self, reason: &'static str) {
        let count = self.problems.entry(reason).or_insert(0);
        *count = count.saturating_add(1);
    }

    /// Frames that the capturing side says it lost, over all interfaces.
    pub fn dropped(&self) -> u64 {
        let each = self.interfaces.iter();
        each.map(|one| one.if_drop.unwrap_or(0).saturating_add(one.os_drop.unwrap_or(0)))
            .fold(0, u64::saturating_add)
    }
}
