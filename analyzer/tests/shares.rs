//! Audits side by side over shares of the flows come to what one audit of all comes to, whatever bounds do.

#![expect(clippy::expect_used, reason = "a test may stop")]

use std::sync::Arc;

use etherparse::PacketBuilder;
use proptest::prelude::*;
use uncharted::audit::{Audit, Options, Outcome, Share, deal};
use uncharted::net::Place;
use uncharted::packet::frame::{Frame, LinkType};
use uncharted::policy::index::Policy;
use uncharted::policy::shipped;

/// A frame of a connection or of a datagram flow: which flow, what it says, how much later than the one before.
type Step = (u16, u8, u32);

fn bytes((flow, kind, _): Step) -> Vec<u8> {
    let (client, server) = ([10, 0, (flow >> 8) as u8, flow as u8], [10, 1, 0, 1]);
    let (to, from) = if kind % 2 == 0 { (server, client) } else { (client, server) };
    let (source, destination) = if kind % 2 == 0 { (40_000, 9092) } else { (9092, 40_000) };
    let ip = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4(from, to, 64);
    let mut frame = Vec::new();
    let payload: &[u8] = if kind < 4 { b"" } else { b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" };
    let written = match kind {
        0..2 => ip.tcp(source, destination, 7, 500).syn().write(&mut frame, payload),
        2..6 => ip.tcp(source, destination, 8, 500).ack(8).write(&mut frame, payload),
        6 => ip.icmpv4_echo_request(flow, 1).write(&mut frame, payload),
        _ => ip.udp(source, destination).write(&mut frame, payload),
    };
    written.expect("a frame that etherparse can build");
    frame
}

fn audit(steps: &[Step], policy: &Arc<Policy>, share: Share) -> Outcome {
    let frames: Vec<Vec<u8>> = steps.iter().map(|&step| bytes(step)).collect();
    let mut time_ns = 0;
    let frames: Vec<Frame<'_>> = frames
        .iter()
        .zip(steps)
        .zip(1..)
        .map(|((bytes, step), number)| {
            time_ns += u64::from(step.2) * 1_000_000_000;
            let wire_bytes = bytes.len() as u32;
            Frame { time_ns, place: Place::new(0, number), vantage: 0, link: LinkType(1), wire_bytes, bytes }
        })
        .collect();
    let mut options = Options { keep_flows: true, share, ..Options::default() };
    options.bounds.max_flows = 32;
    options.bounds.max_openings = 32;
    let mut audit = Audit::new(Arc::clone(policy), options);
    audit.push_dealt(frames.iter().copied(), &deal(frames.iter().copied()));
    audit.finish()
}

fn told(outcome: &Outcome) -> String {
    let flows: Vec<_> = outcome.list.iter().map(|flow| (&flow.record, &flow.identity)).collect();
    let (counts, evicted) = (&outcome.reasons, outcome.evicted);
    format!("{counts:?} {evicted} {} {flows:#?} {:#?}", outcome.duplicates, outcome.findings.groups())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn shares_add_up_to_the_whole_when_the_table_is_full(
        steps in proptest::collection::vec((0..300u16, 0..8u8, 0..60u32), 1..600),
    ) {
        let table = shipped::table("genesys/info-mart").and_then(Result::ok);
        let policy = Arc::new(Policy::compile(table.into_iter().collect(), None));
        let whole = told(&audit(&steps, &policy, Share::default()));
        for of in [2, 3, 16] {
            let mut shares = (0..of).map(|index| audit(&steps, &policy, Share { index, of }));
            let mut sum = shares.next().expect("a share");
            shares.for_each(|share| sum.add_share(share));
            prop_assert_eq!(&told(&sum), &whole);
        }
    }
}
