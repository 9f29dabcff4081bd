//! Learning names from DNS: an answer counts only for a question that was seen to be asked.
//!
//! Sees whole packets, not openings: a resolver's flow goes on for ever, and every answer in it counts.
//! An answer without its question, or from another address than was asked, binds nothing.

use std::collections::{BTreeMap, VecDeque};

use crate::net::{Address, Endpoint, TimeNs, Transport};
use crate::protocol::dns;
use crate::verdict::names::Names;

/// The port that names are resolved on. Unicast answers to mDNS (5353) bind nothing: anybody on the link may give them.
pub const DNS_PORT: u16 = 53;

/// Questions that wait for an answer. A busy node's resolver asks thousands a second and is answered in
/// milliseconds; 8192 questions cost about 1 MiB.
pub const MAX_QUESTIONS: usize = 8192;

/// A question that was asked: who asked whom, and its id.
type Asked = (Endpoint, Address, u16);

/// Watches DNS over UDP and keeps the names that the site asks for.
#[derive(Debug, Default)]
pub struct Resolver {
    pub names: Names,
    questions: BTreeMap<Asked, String>,
    /// The same in the order asked, so that the oldest goes first.
    order: VecDeque<Asked>,
}

impl Resolver {
    pub fn new(names: Names) -> Self {
        Self { names, ..Self::default() }
    }

    /// Whether the site binds anything by name.
    pub fn is_wanted(&self) -> bool {
        self.names.is_wanted()
    }

    /// Takes note of a datagram between these ends.
    pub fn observe(
        &mut self,
        transport: Transport,
        source: Endpoint,
        destination: Endpoint,
        time_ns: TimeNs,
        payload: &[u8],
    ) {
        if transport != Transport::Udp {
            return;
        }
        if destination.port == DNS_PORT {
            self.ask(source, destination.address, payload);
        } else if source.port == DNS_PORT {
            self.answer(source.address, destination, time_ns, payload);
        }
    }

    fn ask(&mut self, source: Endpoint, server: Address, payload: &[u8]) {
        let Some(question) = dns::question(payload) else { return };
        let asked = (source, server, question.id);
        if self.questions.insert(asked, question.name).is_none() {
            self.order.push_back(asked);
        }
        while self.order.len() > MAX_QUESTIONS {
            if let Some(oldest) = self.order.pop_front() {
                self.questions.remove(&oldest);
            }
        }
    }

    fn answer(&mut self, server: Address, client: Endpoint, time_ns: TimeNs, payload: &[u8]) {
        let Some(answers) = dns::answers(payload) else { return };
        let asked = (client, server, answers.id);
        // The question stays: the real answer may come behind a forged one of another name.
        if self.questions.get(&asked).is_none_or(|name| !name.eq_ignore_ascii_case(&answers.name)) {
            return;
        }
        for (owner, address) in &answers.addresses {
            if owner.eq_ignore_ascii_case(&answers.name) {
                self.names.learn(owner, *address, time_ns);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::index::NameBook;

    const CLIENT: Endpoint = Endpoint { address: Address::v4(0x0a00_0001), port: 40_000 };
    const SERVER: Endpoint = Endpoint { address: Address::v4(0x0a00_0035), port: DNS_PORT };

    fn message(id: u16, is_answer: bool) -> Vec<u8> {
        let mut bytes = id.to_be_bytes().to_vec();
        bytes.extend(if is_answer { [0x81, 0x80] } else { [0x01, 0x00] });
        bytes.extend([0, 1, 0, u8::from(is_answer), 0, 0, 0, 0]);
        bytes.extend(b"\x02db\x00\x00\x01\x00\x01");
        if is_answer {
            bytes.extend(b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x0a\x00\x00\x09");
        }
        bytes
    }

    fn check(asked_id: Option<u16>, answered_by: Endpoint, is_bound: bool) {
        let mut resolver = Resolver::new(Names::wanting(["db"]));
        if let Some(id) = asked_id {
            resolver.observe(Transport::Udp, CLIENT, SERVER, 1, &message(id, false));
        }
        resolver.observe(Transport::Udp, answered_by, CLIENT, 2, &message(7, true));
        assert_eq!(resolver.names.had_name(Address::v4(0x0a00_0009), "db", 3), is_bound);
    }

    #[test]
    fn only_the_answer_to_a_question_that_was_asked_binds() {
        check(Some(7), SERVER, true);
        check(None, SERVER, false);
        check(Some(8), SERVER, false);
        check(Some(7), Endpoint { address: Address::v4(0x0a00_0066), port: DNS_PORT }, false);
    }
}
