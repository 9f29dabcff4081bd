//! What an insider would try to make traffic look documented that is not: for each, the verdict and why.
//!
//! Where the packets cannot tell, the verdict stands on what they show, and `rests` says what that is.

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use uncharted::audit::{Audit, Flow, Options, Outcome};
    use uncharted::net::Place;
    use uncharted::packet::frame::{Frame, LinkType};
    use uncharted::policy::index::Policy;
    use uncharted::policy::shipped;
    use uncharted::policy::site_file::parse_site;
    use uncharted::verdict::reason::{Reason, Severity};
    use uncharted::verdict::rest::Rest;

    const GIM: [u8; 4] = [10, 0, 0, 13];
    const KAFKA: [u8; 4] = [10, 0, 0, 21];
    const DATABASE: [u8; 4] = [10, 0, 0, 35];
    const STRANGER: [u8; 4] = [10, 0, 0, 99];
    const RESOLVER: [u8; 4] = [10, 0, 0, 2];

    const SITE: &str = r#"
tables = ["genesys/info-mart"]
[roles]
"GIM" = ["10.0.0.13"]
"Kafka" = ["10.0.0.21", { name = "kafka.infra" }]
"Info Mart database" = ["10.0.0.35"]
"Object storage" = [{ sni = "*.s3.example.com" }]
"#;

    const FIN: u8 = 1;
    const SYN: u8 = 2;
    const RST: u8 = 4;
    const ACK: u8 = 16;

    /// A Kafka ApiVersions request, version 0, of client `gim`, and its answer.
    const KAFKA_ASKS: &[u8] = b"\x00\x00\x00\x0d\x00\x12\x00\x00\x00\x00\x00\x01\x00\x03gim";
    const KAFKA_ANSWERS: &[u8] =
        b"\x00\x00\x00\x16\x00\x00\x00\x01\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x05\x00\x12\x00\x00\x00\x02";
    const SSH: &[u8] = b"SSH-2.0-OpenSSH_9.6\r\n";

    /// Frames of raw IPv4, one a millisecond.
    #[derive(Default)]
    struct Wire(Vec<Vec<u8>>);

    type End = ([u8; 4], u16);

    impl Wire {
        fn ip(&mut self, from: End, to: End, protocol: u8, ttl: u8, transport: &[u8]) {
            let total = (20 + transport.len()) as u16;
            let id = (self.0.len() as u16 + 1).to_be_bytes();
            let mut bytes = vec![0x45, 0];
            bytes.extend(total.to_be_bytes());
            bytes.extend(id);
            bytes.extend([0, 0, ttl, protocol, 0, 0]);
            bytes.extend(from.0);
            bytes.extend(to.0);
            bytes.extend(transport);
            self.0.push(bytes);
        }

        #[expect(clippy::too_many_arguments, reason = "the fields of a segment")]
        fn segment(
            &mut self,
            from: End,
            to: End,
            flags: u8,
            seq: u32,
            ack: u32,
            ttl: u8,
            sum: u16,
            bytes: &[u8],
        ) {
            let mut transport = [from.1.to_be_bytes(), to.1.to_be_bytes()].concat();
            transport.extend(seq.to_be_bytes());
            transport.extend(ack.to_be_bytes());
            transport.extend([0x50, flags, 0x10, 0]);
            transport.extend(sum.to_be_bytes());
            transport.extend([0, 0]);
            transport.extend(bytes);
            self.ip(from, to, 6, ttl, &transport);
        }

        fn tcp(&mut self, from: End, to: End, flags: u8, seq: u32, ack: u32, bytes: &[u8]) {
            self.segment(from, to, flags, seq, ack, 64, self.0.len() as u16, bytes);
        }

        fn udp(&mut self, from: End, to: End, bytes: &[u8]) {
            let mut transport = [from.1.to_be_bytes(), to.1.to_be_bytes()].concat();
            transport.extend((8 + bytes.len() as u16).to_be_bytes());
            transport.extend([0, 0]);
            transport.extend(bytes);
            self.ip(from, to, 17, 64, &transport);
        }

        /// A handshake: the next sequence numbers are 101 and 501.
        fn shake(&mut self, from: End, to: End) {
            self.tcp(from, to, SYN, 100, 0, b"");
            self.tcp(to, from, SYN | ACK, 500, 101, b"");
            self.tcp(from, to, ACK, 101, 501, b"");
        }

        fn judge(&self) -> Outcome {
            let table = shipped::table("genesys/info-mart").unwrap().unwrap();
            let policy = Arc::new(Policy::compile(vec![table], Some(parse_site(SITE, "site.toml").unwrap())));
            let mut audit = Audit::new(policy, Options { keep_flows: true, ..Options::default() });
            for (number, bytes) in (1..).zip(&self.0) {
                audit.push(&Frame {
                    time_ns: 1_700_000_000_000_000_000 + number * 1_000_000,
                    place: Place::new(0, number),
                    vantage: 0,
                    link: LinkType(101),
                    wire_bytes: bytes.len() as u32,
                    bytes,
                });
            }
            audit.finish()
        }
    }

    /// The flows that are not DNS: reason, what is missing and what it rests on.
    fn check(wire: &Wire, expect: &[(Reason, &str, &[Rest])]) -> Vec<Flow> {
        let flows: Vec<Flow> =
            wire.judge().list.into_iter().filter(|flow| flow.record.responder_end().port != 53).collect();
        let found: Vec<_> = flows
            .iter()
            .map(|flow| (flow.judgement.reason, flow.judgement.missing.clone(), flow.judgement.rests.clone()))
            .collect();
        assert_eq!(found.len(), expect.len(), "{found:?}");
        for ((reason, missing, rests), (want, words, want_rests)) in found.iter().zip(expect) {
            assert_eq!((reason, &rests[..]), (want, *want_rests), "{found:?}");
            assert!(missing.as_deref().unwrap_or_default().contains(words), "{found:?}");
        }
        flows
    }

    #[test]
    fn kafka_first_and_ssh_behind_it_is_what_its_opening_shows() {
        // Both ends play together: a tunnel like any other. Only the first bytes are read, and DESIGN says so.
        let (gim, kafka) = ((GIM, 40_000), (KAFKA, 9092));
        let mut wire = Wire::default();
        wire.shake(gim, kafka);
        wire.tcp(gim, kafka, ACK, 101, 501, KAFKA_ASKS);
        wire.tcp(kafka, gim, ACK, 501, 118, KAFKA_ANSWERS);
        wire.tcp(gim, kafka, ACK, 118, 527, SSH);
        wire.tcp(kafka, gim, ACK, 527, 139, SSH);
        check(&wire, &[(Reason::Match, "", &[])]);
    }

    #[test]
    fn ssh_at_once_on_kafkas_port_is_another_protocol() {
        let (gim, kafka) = ((GIM, 40_000), (KAFKA, 9092));
        let mut wire = Wire::default();
        wire.shake(gim, kafka);
        wire.tcp(kafka, gim, ACK, 501, 101, SSH);
        wire.tcp(gim, kafka, ACK, 101, 522, SSH);
        check(&wire, &[(Reason::WrongProtocol, "", &[])]);
    }

    /// A decoy of Kafka and the real SSH at the same sequence number, in this order.
    fn decoyed(decoy_first: bool, ttl: u8, sum: u16) -> Wire {
        let (gim, kafka) = ((GIM, 40_000), (KAFKA, 9092));
        let mut wire = Wire::default();
        wire.shake(gim, kafka);
        if decoy_first {
            wire.segment(gim, kafka, ACK, 101, 501, ttl, sum, KAFKA_ASKS);
        }
        wire.tcp(gim, kafka, ACK, 101, 501, SSH);
        if !decoy_first {
            wire.segment(gim, kafka, ACK, 101, 501, ttl, sum, KAFKA_ASKS);
        }
        wire.tcp(kafka, gim, ACK, 501, 122, SSH);
        wire
    }

    #[test]
    fn a_decoy_with_other_bytes_leaves_it_undetermined() {
        // Low time to live, a bad checksum, overlapping segments: all are two values for one byte of the stream.
        for (decoy_first, ttl, sum) in [(true, 1, 7), (true, 64, 0xbad), (false, 64, 9), (false, 1, 9)] {
            check(&decoyed(decoy_first, ttl, sum), &[(Reason::ProtocolUnknown, "came twice", &[])]);
        }
    }

    #[test]
    fn a_decoy_is_told_also_when_the_opening_was_let_go() {
        let (gim, kafka) = ((GIM, 40_000), (KAFKA, 9092));
        let mut wire = Wire::default();
        wire.shake(gim, kafka);
        wire.segment(gim, kafka, ACK, 101, 501, 1, 7, KAFKA_ASKS);
        wire.tcp(kafka, gim, ACK, 501, 118, KAFKA_ANSWERS);
        wire.tcp(gim, kafka, ACK, 101, 501, SSH);
        check(&wire, &[(Reason::ProtocolUnknown, "came twice", &[])]);
    }

    #[test]
    fn a_retransmission_is_no_decoy() {
        let (gim, kafka) = ((GIM, 40_000), (KAFKA, 9092));
        let mut wire = Wire::default();
        wire.shake(gim, kafka);
        wire.tcp(gim, kafka, ACK, 101, 501, KAFKA_ASKS);
        wire.tcp(kafka, gim, ACK, 501, 118, KAFKA_ANSWERS);
        wire.tcp(gim, kafka, ACK, 101, 501, KAFKA_ASKS);
        check(&wire, &[(Reason::Match, "", &[])]);
    }

    #[test]
    fn a_syn_ack_before_the_syn_turns_no_flow_round() {
        // Kafka opens a connection to GIM, which no row documents, and forges the look of having been called.
        for seq in [100, 7] {
            let (kafka, gim) = ((KAFKA, 9092), (GIM, 40_000));
            let mut wire = Wire::default();
            wire.tcp(kafka, gim, SYN | ACK, seq, 1, b"");
            wire.tcp(gim, kafka, RST, 1, 0, b"");
            wire.tcp(kafka, gim, SYN, 100, 0, b"");
            wire.tcp(gim, kafka, SYN | ACK, 500, 101, b"");
            wire.tcp(kafka, gim, ACK, 101, 501, b"");
            wire.tcp(kafka, gim, ACK, 101, 501, b"?");
            wire.tcp(gim, kafka, ACK, 501, 102, b"!");
            let outcome = wire.judge();
            let reasons: Vec<Reason> = outcome.list.iter().map(|flow| flow.judgement.reason).collect();
            assert!(
                reasons
                    .iter()
                    .any(|reason| matches!(reason, Reason::WrongDirection | Reason::DirectionUncertain)),
                "{reasons:?}"
            );
            assert!(!reasons.contains(&Reason::Match), "{reasons:?}");
        }
    }

    /// A TLS ClientHello with this server name and ALPN name, each left out where empty.
    fn hello(sni: &str, alpn: &str) -> Vec<u8> {
        let short = |length: usize| (length as u16).to_be_bytes().to_vec();
        let mut extensions = vec![0, 43, 0, 3, 2, 3, 4];
        if !sni.is_empty() {
            let name = [vec![0], short(sni.len()), sni.as_bytes().to_vec()].concat();
            extensions.extend([vec![0, 0], short(name.len() + 2), short(name.len()), name].concat());
        }
        if !alpn.is_empty() {
            let name = [vec![alpn.len() as u8], alpn.as_bytes().to_vec()].concat();
            extensions.extend([vec![0, 16], short(name.len() + 2), short(name.len()), name].concat());
        }
        let body =
            [vec![3, 3], vec![7; 32], vec![0, 0, 2, 0x13, 0x01, 1, 0], short(extensions.len()), extensions]
                .concat();
        let message = [vec![1, 0], short(body.len()), body].concat();
        [vec![0x16, 3, 1], short(message.len()), message].concat()
    }

    fn tls(to: End, hello: &[u8]) -> Wire {
        let gim = (GIM, 40_000);
        let mut wire = Wire::default();
        wire.shake(gim, to);
        wire.tcp(gim, to, ACK, 101, 501, hello);
        wire.tcp(gim, to, FIN | ACK, 101 + hello.len() as u32, 501, b"");
        wire
    }

    #[test]
    fn tls_on_5432_is_allowed_and_said_to_hide_its_protocol() {
        // The document prints SSL: TLS at once is one way to mean it, and what is inside cannot be seen.
        check(&tls((DATABASE, 5432), &hello("", "")), &[(Reason::Match, "", &[Rest::OpaqueTls])]);
        // SSH behind TLS looks the same; a name of another protocol does not.
        check(&tls((DATABASE, 5432), &hello("db", "h2")), &[(Reason::WrongProtocol, "", &[])]);
    }

    #[test]
    fn a_server_name_that_the_client_wrote_is_said_to_be_what_it_rests_on() {
        let wire = tls((STRANGER, 443), &hello("x.s3.example.com", "h2"));
        check(&wire, &[(Reason::Match, "", &[Rest::ServerName])]);
        let wire = tls((STRANGER, 443), &hello("evil.example", "h2"));
        assert_ne!(wire.judge().list[0].judgement.reason, Reason::Match);
    }

    #[test]
    fn what_stands_inside_a_connect_counts() {
        // 9092 documents Kafka: neither HTTP nor HTTP/2 inside a CONNECT is that.
        let (gim, kafka) = ((GIM, 40_000), (KAFKA, 9092));
        let ask = b"CONNECT git.example:443 HTTP/1.1\r\nHost: git.example:443\r\n\r\n";
        let answer = b"HTTP/1.1 200 Connection established\r\n\r\n";
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
        let mut wire = Wire::default();
        wire.shake(gim, kafka);
        wire.tcp(gim, kafka, ACK, 101, 501, ask);
        wire.tcp(kafka, gim, ACK, 501, 101 + ask.len() as u32, answer);
        wire.tcp(gim, kafka, ACK, 101 + ask.len() as u32, 501 + answer.len() as u32, preface);
        wire.tcp(kafka, gim, ACK, 501 + answer.len() as u32, 900, b"\x00\x00\x00\x04\x00\x00\x00\x00\x00");
        let flows = check(&wire, &[(Reason::WrongProtocol, "", &[])]);
        assert_eq!(flows[0].identity.protocol, Some("http2"));
        assert!(flows[0].identity.details.contains_key("tunnelled_by"));
    }

    fn dns(id: u16, is_answer: bool, address: [u8; 4]) -> Vec<u8> {
        let mut bytes = id.to_be_bytes().to_vec();
        bytes.extend(if is_answer { [0x81, 0x80] } else { [0x01, 0x00] });
        bytes.extend([0, 1, 0, u8::from(is_answer), 0, 0, 0, 0]);
        bytes.extend(b"\x05kafka\x05infra\x00\x00\x01\x00\x01");
        if is_answer {
            bytes.extend(b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04");
            bytes.extend(address);
        }
        bytes
    }

    /// GIM speaks Kafka to the stranger, after these DNS messages: is it a question, from where, with which id.
    fn resolved(messages: &[(bool, End, u16)]) -> Wire {
        let (gim, stranger) = ((GIM, 40_000), (STRANGER, 9092));
        let mut wire = Wire::default();
        for &(is_question, from, id) in messages {
            let to = if is_question { (RESOLVER, 53) } else { (GIM, 5353) };
            wire.udp(from, to, &dns(id, !is_question, STRANGER));
        }
        wire.shake(gim, stranger);
        wire.tcp(gim, stranger, ACK, 101, 501, KAFKA_ASKS);
        wire.tcp(stranger, gim, ACK, 501, 118, KAFKA_ANSWERS);
        wire
    }

    #[test]
    fn only_an_answer_to_a_question_that_was_asked_gives_a_role_and_it_is_said() {
        let asked = (true, (GIM, 5353), 7);
        check(&resolved(&[asked, (false, (RESOLVER, 53), 7)]), &[(Reason::Match, "", &[Rest::DnsAnswer])]);
        // Unasked, another id, another server: none binds.
        for forged in [
            &[(false, (RESOLVER, 53), 7)][..],
            &[asked, (false, (RESOLVER, 53), 8)],
            &[asked, (false, (STRANGER, 53), 7)],
        ] {
            let outcome = resolved(forged).judge();
            let last = &outcome.list.last().unwrap().judgement;
            assert!(last.reason != Reason::Match && last.rests.is_empty(), "{:?}", last.reason);
        }
    }

    #[test]
    fn a_clock_that_leaps_changes_nothing_between_audits() {
        let policy =
            Arc::new(Policy::compile(vec![shipped::table("genesys/info-mart").unwrap().unwrap()], None));
        let mut wire = Wire::default();
        for number in 0..400u16 {
            wire.udp((GIM, 1000 + number % 7), (KAFKA, 2000 + number % 5), b"x");
        }
        let flows = |of: u32| {
            let outcomes = (0..of).map(|index| {
                let share = uncharted::audit::Share { index, of };
                let mut audit = Audit::new(
                    Arc::clone(&policy),
                    Options { share, keep_flows: true, ..Options::default() },
                );
                for (number, bytes) in (1..).zip(&wire.0) {
                    // Hours, decades and standstill: what two damaged captures look like.
                    let leaps = [0, 400, 100_000, 2_145_916_800, 1, 90_000, 3600];
                    let seconds = leaps[(number * number / 3) as usize % leaps.len()] + number;
                    audit.push(&Frame {
                        time_ns: seconds * 1_000_000_000,
                        place: Place::new(0, number),
                        vantage: 0,
                        link: LinkType(101),
                        wire_bytes: bytes.len() as u32,
                        bytes,
                    });
                }
                audit.finish()
            });
            let mut whole: Option<Outcome> = None;
            for outcome in outcomes {
                match &mut whole {
                    None => whole = Some(outcome),
                    Some(whole) => whole.add_share(outcome),
                }
            }
            whole.unwrap().list.into_iter().map(|flow| flow.record).collect::<Vec<_>>()
        };
        let alone = flows(1);
        assert!(alone.len() > 35, "{} flows, some of them cut by the clock", alone.len());
        assert_eq!(alone, flows(2));
        assert_eq!(alone, flows(5));
    }

    #[test]
    fn what_verdicts_rest_on_is_counted() {
        let outcome = resolved(&[(true, (GIM, 5353), 7), (false, (RESOLVER, 53), 7)]).judge();
        assert_eq!(outcome.rests.get(&Rest::DnsAnswer), Some(&1));
    }

    #[test]
    fn a_flood_hides_no_established_flow() {
        // More findings than are listed: the flow that got through is in the rest, with its severity.
        let mut wire = Wire::default();
        for number in 0..400u32 {
            let [_, _, a, b] = number.to_be_bytes();
            wire.tcp(([172, 16, a, b], 40_000), (KAFKA, 9094), SYN, 1, 0, b"");
        }
        let last = ([172, 31, 0, 1], 40_000);
        wire.shake(last, (KAFKA, 9094));
        wire.tcp(last, (KAFKA, 9094), ACK, 101, 501, KAFKA_ASKS);
        let table = shipped::table("genesys/info-mart").unwrap().unwrap();
        let policy = Arc::new(Policy::compile(vec![table], Some(parse_site(SITE, "site.toml").unwrap())));
        let run = |of: u32| {
            let mut whole: Option<Outcome> = None;
            for index in 0..of {
                let share = uncharted::audit::Share { index, of };
                let options = Options { max_of_a_reason: Some(100), share, ..Options::default() };
                let mut audit = Audit::new(Arc::clone(&policy), options);
                for (number, bytes) in (1..).zip(&wire.0) {
                    audit.push(&Frame {
                        time_ns: number * 1_000_000,
                        place: Place::new(0, number),
                        vantage: 0,
                        link: LinkType(101),
                        wire_bytes: bytes.len() as u32,
                        bytes,
                    });
                }
                let outcome = audit.finish();
                match &mut whole {
                    None => whole = Some(outcome),
                    Some(whole) => whole.add_share(outcome),
                }
            }
            let findings = whole.unwrap().findings;
            let groups: Vec<String> = findings
                .groups()
                .iter()
                .map(|(key, ports, found)| format!("{key:?} {ports:?} {found:?}"))
                .collect();
            let rest: Vec<(u64, Severity)> =
                findings.rest().map(|(_, found)| (found.flows, found.severity)).collect();
            (groups, rest)
        };
        let (groups, rest) = run(1);
        assert_eq!((groups.len(), &rest[..]), (100, &[(301, Severity::Error)][..]));
        assert_eq!((groups, rest), run(3));
    }
}
