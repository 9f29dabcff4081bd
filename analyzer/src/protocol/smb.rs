//! Smb: not written yet.

use crate::flow::opening::View;
use crate::net::Transport;
use crate::protocol::probe::{Answer, Probe};

/// The registry's entry.
#[derive(Debug)]
pub struct Smb;

impl Probe for Smb {
    fn name(&self) -> &'static str {
        "smb"
    }

    fn title(&self) -> &'static str {
        ""
    }

    fn proof(&self) -> &'static str {
        ""
    }

    fn transports(&self) -> &'static [Transport] {
        &[Transport::Tcp]
    }

    fn ask(&self, _view: &View<'_>) -> Answer {
        Answer::No
    }
}
