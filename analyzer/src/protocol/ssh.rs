//! Ssh: not written yet.

use crate::flow::opening::View;
use crate::net::Transport;
use crate::protocol::probe::{Answer, Probe};

/// The registry's entry.
#[derive(Debug)]
pub struct Ssh;

impl Probe for Ssh {
    fn name(&self) -> &'static str {
        "ssh"
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
