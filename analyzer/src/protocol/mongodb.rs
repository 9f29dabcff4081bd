//! Mongodb: not written yet.

use crate::flow::opening::View;
use crate::net::Transport;
use crate::protocol::probe::{Answer, Probe};

/// The registry's entry.
#[derive(Debug)]
pub struct Mongodb;

impl Probe for Mongodb {
    fn name(&self) -> &'static str {
        "mongodb"
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
