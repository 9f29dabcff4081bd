//! pcapng: sections and blocks.
//!
//! Source: draft-ietf-opsawg-pcapng, section 4; the obsolete packet block from its appendix.
//! Left out: decryption secrets, custom and unknown blocks, which are skipped and counted. Secrets are never looked at.

use crate::capture::pcapng_block::{Clock, half, interface_options, names, statistics, take_word};
use crate::capture::walk::{FRAME_BYTES_MAX, Lie, Sink, Walked, word};
use crate::net::TimeNs;
use crate::packet::frame::LinkType;

/// Length of the shortest section header.
pub(crate) const HEADER_BYTES: usize = 28;

/// The longest block: libpcap's `BT_SHB_INSANE_MAX` and `MAX_BLOCKSIZE` are of this order. A
/// block is held whole, so a lying length must not ask for more.
const BLOCK_BYTES_MAX: u32 = 16 * 1024 * 1024;

/// Interfaces of one capture: hosts have dozens, a file of nothing but descriptions must not fill memory.
const INTERFACES: usize = 65_536;

const SECTION: u32 = 0x0a0d_0d0a;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
const INTERFACE: u32 = 1;
const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const NAMES: u32 = 4;
const STATISTICS: u32 = 5;
const PACKET: u32 = 6;
const SECRETS: u32 = 10;

/// Type, both lengths.
const FRAMING_BYTES: u32 = 12;
const SECTION_BYTES_MIN: u32 = HEADER_BYTES as u32;

/// Whether these are the first four bytes of a pcapng.
pub(crate) fn is_magic(magic: [u8; 4]) -> bool {
    u32::from_be_bytes(magic) == SECTION
}

/// Reads the head of the section that a file must begin with.
pub(crate) fn check_header(header: &[u8; HEADER_BYTES]) -> Result<(), Lie> {
    let [_, _, _, _, l0, l1, l2, l3, o0, o1, o2, o3, v0, v1, ..] = *header;
    let order = [o0, o1, o2, o3];
    let big = byte_order(order)?;
    let length = if big { word::<true>([l0, l1, l2, l3]) } else { word::<false>([l0, l1, l2, l3]) };
    if !(SECTION_BYTES_MIN..=BLOCK_BYTES_MAX).contains(&length) {
        return Err(Lie::new(
            format!("a section header of {SECTION_BYTES_MIN} to {BLOCK_BYTES_MAX} bytes"),
            length,
        ));
    }
    check_version(if big { half::<true>([v0, v1]) } else { half::<false>([v0, v1]) })
}

fn byte_order(order: [u8; 4]) -> Result<bool, Lie> {
    match u32::from_be_bytes(order) {
        BYTE_ORDER => Ok(true),
        other if other.swap_bytes() == BYTE_ORDER => Ok(false),
        other => Err(Lie::new("the byte-order magic 1a2b3c4d", format_args!("{other:08x}"))),
    }
}

fn check_version(major: u16) -> Result<(), Lie> {
    if major == 1 { Ok(()) } else { Err(Lie::new("pcapng version 1", major)) }
}

#[derive(Clone, Copy, Debug)]
struct Interface {
    vantage: u32,
    snap_bytes: u32,
    clock: Clock,
}

/// A pcapng and the section that the walk stands in.
#[derive(Debug, Default)]
pub(crate) struct Pcapng {
    big: bool,
    interfaces: Vec<Interface>,
    /// Interfaces of earlier sections.
    base: usize,
    /// A simple packet has no time; it gets that of the frame before it, or 0.
    last_ns: TimeNs,
}

/// A packet block's fields, whatever its kind.
struct PacketHead {
    interface: u32,
    high: u32,
    low: u32,
    captured: u32,
    wire: u32,
}

impl Pcapng {
    /// Walks the whole blocks of `bytes`.
    pub fn walk(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Walked {
        let mut used = 0;
        loop {
            let rest = bytes.get(used..).unwrap_or_default();
            let step = if self.section_big(rest) {
                self.block::<true>(rest, used, sink)
            } else {
                self.block::<false>(rest, used, sink)
            };
            match step {
                Ok(Some(length)) if length <= rest.len() => used += length,
                Ok(need) => {
                    return Walked { used, need: need.unwrap_or(FRAMING_BYTES as usize), lie: None };
                }
                Err(lie) => return Walked { used, need: 0, lie: Some(lie) },
            }
        }
    }

    /// The byte order that the block ahead is written in: a section header brings its own.
    fn section_big(&mut self, rest: &[u8]) -> bool {
        if let Some(([t0, t1, t2, t3, _, _, _, _, o0, o1, o2, o3], _)) = rest.split_first_chunk::<12>()
            && is_magic([*t0, *t1, *t2, *t3])
            && let Ok(big) = byte_order([*o0, *o1, *o2, *o3])
        {
            self.big = big;
        }
        self.big
    }

    /// Takes the block at the front of `rest`, which lies at `at`: its length; more than `rest`
    /// holds, or `None`, where it is not whole.
    fn block<const BIG: bool>(
        &mut self,
        rest: &[u8],
        at: usize,
        sink: &mut Sink<'_>,
    ) -> Result<Option<usize>, Lie> {
        let Some(([t0, t1, t2, t3, l0, l1, l2, l3, o0, o1, o2, o3], _)) = rest.split_first_chunk::<12>()
        else {
            return Ok(None);
        };
        let kind = word::<BIG>([*t0, *t1, *t2, *t3]);
        if kind == SECTION {
            byte_order([*o0, *o1, *o2, *o3])?;
        }
        let length = word::<BIG>([*l0, *l1, *l2, *l3]);
        if !(FRAMING_BYTES..=BLOCK_BYTES_MAX).contains(&length) {
            let expected = format!("a block length of {FRAMING_BYTES} to {BLOCK_BYTES_MAX}");
            return Err(Lie::new(expected, length));
        }
        let whole = length as usize;
        let Some(block) = rest.get(..whole) else {
            return Ok(Some(whole));
        };
        let trailer = block.last_chunk::<4>().map(|bytes| word::<BIG>(*bytes));
        if trailer != Some(length) {
            let expected = format!("the block's length {length} again at its end");
            return Err(Lie::new(expected, trailer.unwrap_or(0)));
        }
        if !length.is_multiple_of(4) {
            sink.facts.problem("block-length-unaligned");
        }
        let body = block.get(8..whole - 4).unwrap_or_default();
        self.body::<BIG>(kind, body, at + 8, sink)?;
        Ok(Some(whole))
    }

    #[inline]
    fn body<const BIG: bool>(
        &mut self,
        kind: u32,
        body: &[u8],
        at: usize,
        sink: &mut Sink<'_>,
    ) -> Result<(), Lie> {
        match kind {
            PACKET => {
                let Some((
                    [i0, i1, i2, i3, h0, h1, h2, h3, t0, t1, t2, t3, c0, c1, c2, c3, w0, w1, w2, w3],
                    data,
                )) = body.split_first_chunk::<20>()
                else {
                    return Err(Lie::new("a packet block of at least 32 bytes", body.len() + 12));
                };
                let head = PacketHead {
                    interface: word::<BIG>([*i0, *i1, *i2, *i3]),
                    high: word::<BIG>([*h0, *h1, *h2, *h3]),
                    low: word::<BIG>([*t0, *t1, *t2, *t3]),
                    captured: word::<BIG>([*c0, *c1, *c2, *c3]),
                    wire: word::<BIG>([*w0, *w1, *w2, *w3]),
                };
                self.packet(&head, data.len(), at + 20, sink)
            }
            OLD_PACKET => {
                let Some((
                    [i0, i1, _, _, h0, h1, h2, h3, t0, t1, t2, t3, c0, c1, c2, c3, w0, w1, w2, w3],
                    data,
                )) = body.split_first_chunk::<20>()
                else {
                    return Err(Lie::new("a packet block of at least 32 bytes", body.len() + 12));
                };
                let head = PacketHead {
                    interface: u32::from(half::<BIG>([*i0, *i1])),
                    high: word::<BIG>([*h0, *h1, *h2, *h3]),
                    low: word::<BIG>([*t0, *t1, *t2, *t3]),
                    captured: word::<BIG>([*c0, *c1, *c2, *c3]),
                    wire: word::<BIG>([*w0, *w1, *w2, *w3]),
                };
                self.packet(&head, data.len(), at + 20, sink)
            }
            SIMPLE_PACKET => self.simple_packet::<BIG>(body, at, sink),
            SECTION => {
                let version =
                    body.get(4..).and_then(<[u8]>::first_chunk::<2>).map(|bytes| half::<BIG>(*bytes));
                check_version(
                    version.ok_or_else(|| Lie::new("a section header of 28 bytes", body.len() + 12))?,
                )?;
                self.base = sink.facts.interfaces.len();
                self.interfaces.clear();
                Ok(())
            }
            INTERFACE => self.interface::<BIG>(body, sink),
            NAMES => {
                names::<BIG>(body, sink.facts);
                Ok(())
            }
            STATISTICS => {
                statistics::<BIG>(body, self.base, sink.facts);
                Ok(())
            }
            other => {
                sink.facts.problem(match other {
                    SECRETS => "secrets-skipped",
                    0x0bad | 0x4000_0bad => "custom-block",
                    _ => "unknown-block",
                });
                Ok(())
            }
        }
    }

    fn interface<const BIG: bool>(&mut self, body: &[u8], sink: &mut Sink<'_>) -> Result<(), Lie> {
        let Some(([k0, k1, _, _, s0, s1, s2, s3], rest)) = body.split_first_chunk::<8>() else {
            return Err(Lie::new("an interface description of at least 20 bytes", body.len() + 12));
        };
        if sink.facts.interfaces.len() >= INTERFACES {
            return Err(Lie::new(format!("at most {INTERFACES} interfaces"), "one more"));
        }
        let link = LinkType(half::<BIG>([*k0, *k1]));
        let snap_bytes = word::<BIG>([*s0, *s1, *s2, *s3]);
        let (name, clock) = interface_options::<BIG>(rest, sink.facts);
        let vantage = sink.interface(name, link, snap_bytes);
        self.interfaces.push(Interface { vantage, snap_bytes, clock });
        Ok(())
    }

    #[inline]
    fn packet(&mut self, head: &PacketHead, room: usize, at: usize, sink: &mut Sink<'_>) -> Result<(), Lie> {
        if head.captured > FRAME_BYTES_MAX || head.captured as usize > room {
            let most = room.min(FRAME_BYTES_MAX as usize);
            return Err(Lie::new(format!("a captured length of at most {most}"), head.captured));
        }
        let Some(interface) = self.interfaces.get(head.interface as usize) else {
            sink.facts.problem("undeclared-interface");
            return Ok(());
        };
        if head.captured > interface.snap_bytes && interface.snap_bytes != 0 {
            sink.facts.problem("captured-longer-than-snap");
        }
        if head.captured > head.wire {
            sink.facts.problem("captured-longer-than-wire");
        }
        self.last_ns = interface.clock.time_ns(head.high, head.low);
        sink.frame(self.last_ns, interface.vantage, at, head.captured, head.wire.max(head.captured));
        Ok(())
    }

    fn simple_packet<const BIG: bool>(
        &mut self,
        body: &[u8],
        at: usize,
        sink: &mut Sink<'_>,
    ) -> Result<(), Lie> {
        let mut data = body;
        let Some(wire) = take_word::<BIG>(&mut data) else {
            return Err(Lie::new("a simple packet block of at least 16 bytes", body.len() + 12));
        };
        let Some(interface) = self.interfaces.first() else {
            sink.facts.problem("undeclared-interface");
            return Ok(());
        };
        let snap_bytes = if interface.snap_bytes == 0 { FRAME_BYTES_MAX } else { interface.snap_bytes };
        let captured = wire.min(snap_bytes);
        if captured > FRAME_BYTES_MAX || captured as usize > data.len() {
            let most = data.len().min(FRAME_BYTES_MAX as usize);
            return Err(Lie::new(format!("a captured length of at most {most}"), captured));
        }
        sink.facts.problem("frame-without-time");
        let window = (sink.facts.first_ns, sink.facts.last_ns);
        sink.frame(self.last_ns, interface.vantage, at + 4, captured, wire);
        (sink.facts.first_ns, sink.facts.last_ns) = window;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::capture::facts::CaptureFacts;
    use crate::capture::sample::{Seen, block, four, interface, option, packet, read, section};

    fn check(blocks: &[Vec<u8>]) -> (Vec<Seen>, CaptureFacts) {
        read(&blocks.concat(), usize::MAX).unwrap()
    }

    #[test]
    fn each_interface_has_its_link_its_clock_and_a_vantage_of_its_own() {
        for big in [false, true] {
            let options = [option(big, 2, b"eth0"), option(big, 9, &[9])].concat();
            let (seen, facts) = check(&[
                section(big),
                interface(big, 1, &options),
                interface(big, 113, &[]),
                packet(big, 0, 5_000_000_007, b"abcde"),
                packet(big, 1, 6_000_000, b"f"),
            ]);
            assert_eq!(seen[0], (1, 5_000_000_007, 0, 1, 5, b"abcde".to_vec()));
            assert_eq!(seen[1], (2, 6_000_000_000, 1, 113, 1, b"f".to_vec()));
            assert_eq!(facts.interfaces[0].name.as_deref(), Some("eth0"));
            assert_eq!((facts.packets, facts.first_ns, facts.stopped), (2, Some(5_000_000_007), None));
        }
    }

    #[test]
    fn a_later_section_may_have_the_other_byte_order_and_its_own_interfaces() {
        let part = |big, link| [section(big), interface(big, link, &[]), packet(big, 0, 1, b"x")].concat();
        let (seen, _) = check(&[part(false, 1), part(true, 101), part(false, 113)]);
        let places: Vec<_> = seen.iter().map(|frame| (frame.0, frame.2, frame.3)).collect();
        assert_eq!(places, [(1, 0, 1), (2, 1, 101), (3, 2, 113)]);
    }

    #[test]
    fn simple_and_obsolete_packets_are_frames() {
        let obsolete = [0u32, 0, 9, 2, 8].map(|word| four(false, word)).concat();
        let (seen, facts) = check(&[
            section(false),
            interface(false, 1, &[]),
            block(false, 2, &[&obsolete[..], b"ab"].concat()),
            block(false, 3, &[&four(false, 3)[..], b"cde"].concat()),
        ]);
        assert_eq!(seen[0], (1, 9_000, 0, 1, 8, b"ab".to_vec()));
        assert_eq!(seen[1], (2, 9_000, 0, 1, 3, b"cde".to_vec()));
        assert_eq!(facts.problems.get("frame-without-time"), Some(&1));
    }

    #[test]
    fn frames_without_any_time_leave_the_window_unknown() {
        let simple = block(false, 3, &[&four(false, 1)[..], b"x"].concat());
        let (seen, facts) = check(&[section(false), interface(false, 1, &[]), simple]);
        assert_eq!((seen[0].1, facts.first_ns, facts.last_ns), (0, None, None));
    }

    #[test]
    fn names_and_losses_are_facts() {
        let name = option(false, 1, &[&[10, 0, 0, 1][..], b"kafka-0\0kafka\0"].concat());
        let lost = [option(false, 5, &7u64.to_le_bytes()), option(false, 7, &2u64.to_le_bytes())].concat();
        let (_, facts) = check(&[
            section(false),
            interface(false, 1, &[]),
            block(false, 4, &[name, vec![0; 4]].concat()),
            block(false, 5, &[&[0; 12][..], &lost].concat()),
        ]);
        let names: Vec<String> =
            facts.names.iter().map(|(address, name)| format!("{address} {name}")).collect();
        assert_eq!(names, ["10.0.0.1 kafka-0", "10.0.0.1 kafka"]);
        assert_eq!(facts.dropped(), 9);
    }

    #[test]
    fn what_is_not_understood_is_skipped_and_counted() {
        let (seen, facts) = check(&[
            section(false),
            interface(false, 1, &[2, 0, 0xff, 0xff]),
            block(false, 10, b"secret"),
            block(false, 0xbad, b"custom"),
            block(false, 77, b""),
            packet(false, 5, 0, b"x"),
            packet(false, 0, 0, b"y"),
        ]);
        assert_eq!(seen.len(), 1);
        let problems: Vec<_> = facts.problems.into_iter().collect();
        let expect =
            ["custom-block", "option-overrun", "secrets-skipped", "undeclared-interface", "unknown-block"];
        assert_eq!(problems, expect.map(|reason| (reason, 1)));
    }

    #[test]
    fn a_captured_length_beyond_its_block_stops() {
        let mut lying = packet(false, 0, 0, b"four");
        lying[20..24].copy_from_slice(&[9, 0, 0, 0]);
        let (seen, facts) = check(&[section(false), interface(false, 1, &[]), lying]);
        assert!(seen.is_empty());
        let reason = "byte 48, after frame 0: expected a captured length of at most 4, found `9`";
        assert_eq!(facts.stopped.as_deref(), Some(reason));
    }

    #[test]
    fn an_absurd_clock_is_counted_and_its_times_saturate() {
        let clock = option(false, 9, &[0xff]);
        let (seen, facts) =
            check(&[section(false), interface(false, 1, &clock), packet(false, 0, u64::MAX, b"x")]);
        assert_eq!((seen[0].1, facts.problems.get("time-resolution-unusable")), (0, Some(&1)));
    }
}
