//! BPF filters: compiled by libpcap for each link type, applied to frames whoever read them.
//!
//! `len` in an expression is the captured length: the `pcap` crate knows no other.

use crate::capture::batch::Store;
use crate::capture::error::{CaptureError, ErrorKind, printable};
use crate::packet::frame::LinkType;
use pcap::{BpfProgram, Capture, Linktype};
use std::collections::BTreeMap;

/// One expression with its programs.
pub(crate) struct Filter {
    expression: String,
    programs: BTreeMap<u16, BpfProgram>,
}

impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Filter").field("expression", &self.expression).finish_non_exhaustive()
    }
}

impl Filter {
    pub const fn new(expression: String) -> Self {
        Self { expression, programs: BTreeMap::new() }
    }

    /// The program for a link type.
    pub fn program(&mut self, link: LinkType) -> Result<&BpfProgram, CaptureError> {
        if !self.programs.contains_key(&link.0) {
            let compiled = Capture::dead(Linktype(dlt(link)))
                .and_then(|handle| handle.compile(&self.expression, true))
                .map_err(|cause| self.refused(link, &message(&cause)))?;
            self.programs.insert(link.0, compiled);
        }
        self.programs.get(&link.0).ok_or_else(|| self.refused(link, "no program"))
    }

    /// Takes the frames that it turns away out of a store; how many. `links` are those of all vantages.
    pub fn keep(&mut self, store: &mut Store, links: &[LinkType]) -> Result<u64, CaptureError> {
        let Store { bytes, index } = store;
        let (before, mut outcome) = (index.len(), Ok(()));
        index.retain(|entry| {
            let start = entry.offset as usize;
            let frame = bytes.get(start..start.saturating_add(entry.captured as usize)).unwrap_or_default();
            let Some(link) = links.get(entry.vantage as usize) else { return false };
            match self.program(*link) {
                Ok(program) => program.filter(frame),
                Err(error) => {
                    outcome = Err(error);
                    false
                }
            }
        });
        outcome.map(|()| (before - index.len()) as u64)
    }

    fn refused(&self, link: LinkType, found: &str) -> CaptureError {
        let place = format!("filter `{}`", printable(&self.expression));
        let expected = format!("an expression of pcap-filter(7) that fits link type {}", link.0);
        CaptureError::new(ErrorKind::Filter, &place, expected, found, "")
    }
}

fn message(error: &pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(text) => text.clone(),
        other => other.to_string(),
    }
}

/// libpcap's own number for a link type of a file, where Linux has another for it (`pcap-common.c`).
fn dlt(link: LinkType) -> i32 {
    match link.0 {
        100 => 11,
        101 => 12,
        102 => 15,
        103 => 16,
        106 => 19,
        number => i32::from(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_expression_is_shown_with_libpcaps_words() {
        let error = Filter::new("port eighty".to_owned()).program(LinkType(1)).err().unwrap().to_string();
        assert!(error.starts_with("filter `port eighty`: expected an expression"), "{error}");
        assert!(error.contains("eighty"), "{error}");
    }

    #[test]
    fn an_expression_is_compiled_for_the_link_type_of_the_frame() {
        let mut filter = Filter::new("udp".to_owned());
        let mut ip = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        ip.extend([0, 53, 0, 53, 0, 8, 0, 0]);
        let ethernet = [&[0; 12][..], &[8, 0], &ip].concat();
        assert!(filter.program(LinkType(101)).unwrap().filter(&ip));
        assert!(filter.program(LinkType(1)).unwrap().filter(&ethernet));
        assert!(!filter.program(LinkType(1)).unwrap().filter(&ip));
    }
}
