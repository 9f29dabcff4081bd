//! The decoder: frames in, packets out, and a count of whatever gave none.
//!
//! A packet in a UDP tunnel comes after its carriers, outermost first. Tunnels straight over IP (GRE,
//! IP in IP) have no ports, so they are layers of the packet and no packets of their own.

use std::cell::Cell;

use crate::net::{Endpoint, Layers, TimeNs, Transport};
use crate::packet::fragment::{Bounds, Given, Outcome, Reassembly, Seen, Whole};
use crate::packet::frame::Frame;
use crate::packet::ip::{self, Ip};
use crate::packet::link::{self, ETHERNET, Step};
use crate::packet::reason::{self, Kind, Reason, TOO_DEEP, Undecoded};
use crate::packet::span::{Span, u16_be};
use crate::packet::transport::{self, Segment, TCP, UDP};
use crate::packet::tunnel;
use crate::packet::view::{Mark, Packet};

/// IP headers in one frame, the innermost included. Kubernetes over a provider's VXLAN over GRE has four.
pub const MAX_DEPTH: usize = 8;

/// Turns frames into packets. Decoders share nothing; their counts add up.
#[derive(Debug)]
pub struct Decoder {
    fragments: Reassembly,
    state: State,
}

#[derive(Debug, Default)]
struct State {
    undecoded: Undecoded,
    verifies: bool,
    /// Around what is being walked; cleared for each frame, so that its memory is used again.
    layers: Layers,
    /// Around the carrier that is being emitted.
    around_carrier: Layers,
}

impl Decoder {
    /// A decoder that takes transport checksums as right.
    pub fn new(bounds: Bounds) -> Self {
        Self { fragments: Reassembly::new(bounds), state: State::default() }
    }

    /// The same, but it sums every TCP segment and UDP datagram for [`Packet::checksum_ok`]: about
    /// as long again as all the rest for a full-sized packet.
    pub fn verifying(mut self) -> Self {
        self.state.verifies = true;
        self
    }

    /// Decodes a frame. `emit` sees carriers, outermost first, then the innermost packet; before them,
    /// first parts of fragmented packets that are given up by now.
    #[inline]
    pub fn decode(&mut self, frame: &Frame<'_>, emit: &mut impl FnMut(&Packet<'_>)) {
        self.age(frame.time_ns, emit);
        let seen = Seen { time_ns: frame.time_ns, place: frame.place, vantage: frame.vantage };
        let Self { fragments, state } = self;
        state.layers.vlan.clear();
        state.layers.tunnel.clear();
        let mut walk = Walk { fragments, state, emit, seen };
        let place = u64::from(frame.vantage);
        let result = match plain(frame, place, &mut walk.state.layers) {
            Some((ip, place)) => walk.transport(&ip, place, None, 0),
            None => {
                let span = Span::new(frame.bytes, frame.wire_bytes as usize);
                walk.open(Step::Link(frame.link), span, place, None, 0)
            }
        };
        if let Err(reason) = result {
            self.state.undecoded.count(reason);
        }
    }

    /// Hands on what is left of fragmented packets that will not be completed: at the end of a capture.
    pub fn flush(&mut self, emit: &mut impl FnMut(&Packet<'_>)) {
        let Self { fragments, state } = self;
        let mut walk = Walk { fragments, state, emit, seen: Seen::default() };
        while let Some(given) = walk.fragments.pop_oldest() {
            walk.give_up(given, reason::FRAGMENT_INCOMPLETE);
        }
    }

    /// What gave no packet, by reason. Packets emitted for want of anything better (a cut first fragment) and
    /// other oddities stand here too, as [`Kind::Note`].
    pub fn undecoded(&self) -> &Undecoded {
        &self.state.undecoded
    }

    /// Fragments that wait for others.
    pub fn held_fragments(&self) -> u64 {
        self.fragments.fragments()
    }

    /// Moves the time on, as a frame that need not be decoded does.
    #[inline]
    pub fn age(&mut self, time_ns: TimeNs, emit: &mut impl FnMut(&Packet<'_>)) {
        if !self.fragments.is_empty() {
            self.give_up_aged(time_ns, emit);
        }
    }

    #[cold]
    fn give_up_aged(&mut self, time_ns: TimeNs, emit: &mut impl FnMut(&Packet<'_>)) {
        let Self { fragments, state } = self;
        let mut walk = Walk { fragments, state, emit, seen: Seen::default() };
        while let Some(given) = walk.fragments.pop_aged(time_ns) {
            walk.give_up(given, reason::FRAGMENT_INCOMPLETE);
        }
    }
}

/// The five-tuple of a frame that certainly gives this one packet and counts nothing else; `None` for any other.
#[inline]
pub fn five_tuple(frame: &Frame<'_>) -> Option<(Transport, Endpoint, Endpoint)> {
    let (ip, _) = plain(frame, 0, &mut Layers::default())?;
    let segment = transport::open(&ip).ok()?;
    let (source, destination) = (segment.source_port, segment.destination_port);
    if ip.protocol == UDP && tunnel::in_udp(source, destination, segment.payload).is_some() {
        return None;
    }
    Some((
        segment.transport,
        Endpoint { address: ip.source, port: source },
        Endpoint { address: ip.destination, port: destination },
    ))
}

/// The fast path: Ethernet, at most one 802.1Q tag, IPv4 without options or IPv6 without extension
/// headers, TCP or UDP, honest lengths, no fragment. All else takes the general walk, to the same end.
#[inline]
fn plain<'a>(frame: &Frame<'a>, place: u64, layers: &mut Layers) -> Option<(Ip<'a>, u64)> {
    if frame.link != ETHERNET {
        return None;
    }
    let span = Span::new(frame.bytes, frame.wire_bytes as usize);
    let (&[a, b, c, d, e, f, g, h, i, j, k, l, t1, t2], rest) = span.bytes.split_first_chunk::<14>()?;
    let mut place = link::mix(place, u64::from_le_bytes([a, b, c, d, e, f, g, h]));
    place = link::mix(place, u64::from(u32::from_le_bytes([i, j, k, l])));
    let mut span = Span { bytes: rest, wire: span.wire - 14 };
    let mut number = u16_be(t1, t2);
    let mut vlan = 0;
    if number == 0x8100 {
        let (&[v1, v2, t1, t2], rest) = rest.split_first_chunk::<4>()?;
        vlan = u16_be(v1, v2) & 0x0fff;
        place = link::mix(place, u64::from(vlan));
        number = u16_be(t1, t2);
        span = Span { bytes: rest, wire: span.wire - 4 };
    }
    let ip = match number {
        0x0800 if span.first() == Some(0x45) => ip::v4(span).ok()?,
        0x86dd => ip::v6_plain(span)?,
        _ => return None,
    };
    if !matches!(ip.protocol, TCP | UDP) || ip.fragment.is_some() {
        return None;
    }
    if vlan != 0 {
        layers.vlan.push(vlan);
    }
    Some((ip, place))
}

/// A packet that may prove to be a carrier: emitted once what it carries has proved sound.
struct Outer<'o> {
    packet: Packet<'o>,
    /// How many of the layers stand around it.
    vlans: usize,
    tunnels: usize,
    sent: Cell<bool>,
    parent: Option<&'o Outer<'o>>,
}

/// One frame on its way down.
struct Walk<'w, E> {
    fragments: &'w mut Reassembly,
    state: &'w mut State,
    emit: &'w mut E,
    seen: Seen,
}

impl<E: FnMut(&Packet<'_>)> Walk<'_, E> {
    /// Walks from `step` to its end: `Ok` where it is emitted or held, else why not.
    fn open(
        &mut self,
        step: Step,
        span: Span<'_>,
        mut place: u64,
        outer: Option<&Outer<'_>>,
        depth: usize,
    ) -> Result<(), Reason> {
        if depth >= MAX_DEPTH {
            return Err(TOO_DEEP);
        }
        let ip = link::open(step, span, &mut self.state.layers, &mut place)?;
        if outer.is_some() && ip.lies {
            // Only the port says that this is a tunnel: what does not fit is no packet inside one.
            return Err(Reason::malformed("tunnel"));
        }
        self.internet(&ip, place, outer, depth)
    }

    fn internet(
        &mut self,
        ip: &Ip<'_>,
        place: u64,
        outer: Option<&Outer<'_>>,
        depth: usize,
    ) -> Result<(), Reason> {
        let Some(fragment) = ip.fragment else { return self.transport(ip, place, outer, depth) };
        while let Some(given) = self.fragments.pop_crowded() {
            self.give_up(given, reason::FRAGMENT_BOUND);
        }
        let mut overlaps = 0;
        let taken = self.fragments.take(ip, fragment, self.seen, place, &self.state.layers, &mut overlaps);
        self.state.undecoded.count_many(reason::FRAGMENT_OVERLAP, overlaps);
        match taken? {
            Outcome::Held => {}
            Outcome::Duplicate => self.state.undecoded.count(reason::FRAGMENT_DUPLICATE),
            Outcome::Whole(whole) => {
                self.send_carriers(outer);
                if let Err(reason) = self.whole(&whole, outer, depth) {
                    self.state.undecoded.count_many(reason, u64::from(whole.packets));
                }
                return Ok(());
            }
        }
        self.send_carriers(outer);
        Ok(())
    }

    fn whole(&mut self, whole: &Whole, outer: Option<&Outer<'_>>, depth: usize) -> Result<(), Reason> {
        let ip = ip::extensions(Ip {
            source: whole.source,
            destination: whole.destination,
            protocol: whole.protocol,
            is_v6: whole.is_v6,
            ttl: whole.ttl,
            id: whole.id,
            payload: Span::new(&whole.data, whole.wire),
            ip_bytes: whole.ip_bytes,
            packets: whole.packets,
            fragment: None,
            lies: false,
            is_rerouted: whole.is_rerouted,
        })?;
        if ip.fragment.is_some() {
            // A fragment header inside a reassembled packet has no right to be there.
            return Err(Reason::malformed("fragment"));
        }
        self.transport(&ip, whole.place, outer, depth)
    }

    /// Emits the first part of a packet whose other fragments never came, or counts its fragments.
    fn give_up(&mut self, given: Given, why: Reason) {
        let mut whole = match given {
            Given::Part(whole) => whole,
            Given::Nothing { fragments } => {
                self.state.undecoded.count_many(why, u64::from(fragments));
                return;
            }
        };
        let seen = std::mem::replace(&mut self.seen, whole.seen);
        let layers = std::mem::replace(&mut self.state.layers, std::mem::take(&mut whole.layers));
        let reason = match self.whole(&whole, None, 0) {
            Ok(()) => reason::FRAGMENT_CUT,
            Err(_) => why,
        };
        self.state.undecoded.count_many(reason, u64::from(whole.packets));
        self.seen = seen;
        self.state.layers = layers;
    }

    #[inline]
    fn transport(
        &mut self,
        ip: &Ip<'_>,
        place: u64,
        outer: Option<&Outer<'_>>,
        depth: usize,
    ) -> Result<(), Reason> {
        let segment = match transport::open(ip) {
            Ok(segment) => segment,
            Err(reason) if reason.kind() == Kind::NotTransport => {
                return self.in_ip(ip, place, outer, depth, reason);
            }
            Err(reason) => return Err(reason),
        };
        if ip.protocol == UDP
            && let Some((name, opened)) =
                tunnel::in_udp(segment.source_port, segment.destination_port, segment.payload)
            && self.in_udp(ip, &segment, place, outer, depth, name, opened)
        {
            return Ok(());
        }
        self.send_carriers(outer);
        let mut packet = self.packet(ip, &segment, place);
        let layers = &self.state.layers;
        packet.layers = (!layers.vlan.is_empty() || !layers.tunnel.is_empty()).then_some(layers);
        (self.emit)(&packet);
        Ok(())
    }

    fn in_ip(
        &mut self,
        ip: &Ip<'_>,
        place: u64,
        outer: Option<&Outer<'_>>,
        depth: usize,
        none: Reason,
    ) -> Result<(), Reason> {
        let Some(opened) = tunnel::in_ip(ip.protocol, ip.payload) else { return Err(none) };
        let opened = opened?;
        self.state.layers.tunnel.extend(opened.tunnel);
        self.open(opened.step, opened.span, link::mix(place, u64::from(ip.ttl)), outer, depth + 1)
    }

    /// Whether the datagram is a tunnel's, and what it carries was dealt with.
    #[expect(clippy::too_many_arguments, reason = "one step of a walk, called from one place")]
    fn in_udp(
        &mut self,
        ip: &Ip<'_>,
        segment: &Segment<'_>,
        place: u64,
        parent: Option<&Outer<'_>>,
        depth: usize,
        name: &'static str,
        opened: tunnel::Opened<'_>,
    ) -> bool {
        let (vlans, tunnels) = (self.state.layers.vlan.len(), self.state.layers.tunnel.len());
        let mut packet = self.packet(ip, segment, place);
        packet.carrier = Some(name);
        let this = Outer { packet, vlans, tunnels, sent: Cell::new(false), parent };
        self.state.layers.tunnel.extend(opened.tunnel);
        let inner = link::mix(place, u64::from(ip.ttl));
        match self.open(opened.step, opened.span, inner, Some(&this), depth + 1) {
            Ok(()) => return true,
            Err(reason) if reason.is_sound() => {
                self.send_carriers(Some(&this));
                self.state.undecoded.count(reason);
                return true;
            }
            Err(TOO_DEEP) => self.state.undecoded.count(TOO_DEEP),
            Err(_) => {}
        }
        self.state.layers.vlan.truncate(vlans);
        self.state.layers.tunnel.truncate(tunnels);
        false
    }

    /// Emits the carriers that were not emitted yet, outermost first.
    #[inline]
    fn send_carriers(&mut self, outer: Option<&Outer<'_>>) {
        if let Some(outer) = outer {
            self.send_carrier(outer);
        }
    }

    fn send_carrier(&mut self, outer: &Outer<'_>) {
        if outer.sent.replace(true) {
            return;
        }
        self.send_carriers(outer.parent);
        let State { layers, around_carrier, .. } = &mut *self.state;
        around_carrier.vlan.clear();
        around_carrier.vlan.extend(layers.vlan.iter().take(outer.vlans));
        around_carrier.tunnel.clear();
        around_carrier.tunnel.extend(layers.tunnel.iter().take(outer.tunnels));
        let mut packet = outer.packet;
        packet.layers = (outer.vlans + outer.tunnels > 0).then_some(&*around_carrier);
        (self.emit)(&packet);
    }

    #[inline]
    fn packet<'p>(&self, ip: &Ip<'_>, segment: &Segment<'p>, place: u64) -> Packet<'p> {
        let place = link::mix(place, u64::from(ip.ttl));
        Packet {
            time_ns: self.seen.time_ns,
            place: self.seen.place,
            vantage: self.seen.vantage,
            transport: segment.transport,
            source: Endpoint { address: ip.source, port: segment.source_port },
            destination: Endpoint { address: ip.destination, port: segment.destination_port },
            tcp: segment.tcp,
            packets: ip.packets,
            ip_bytes: ip.ip_bytes,
            payload: segment.payload.bytes,
            payload_bytes: u32::try_from(segment.payload.wire).unwrap_or(u32::MAX),
            mark: Mark { ip_id: ip.id, checksum: segment.checksum, place: (place ^ (place >> 32)) as u32 },
            ttl: ip.ttl,
            checksum_ok: !self.state.verifies || transport::checksum_holds(ip, segment),
            carrier: None,
            layers: None,
            about: segment.about,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Place;
    use crate::packet::frame::LinkType;
    use etherparse::PacketBuilder;
    use proptest::prelude::*;

    fn frame(bytes: &[u8], time_ns: u64) -> Frame<'_> {
        let wire_bytes = bytes.len() as u32;
        Frame { time_ns, place: Place::new(0, 1), vantage: 3, link: LinkType(1), wire_bytes, bytes }
    }

    /// The first of two fragments of a datagram to port 53, with that identification.
    fn first_fragment(id: u8) -> Vec<u8> {
        let ip = [0x45, 0, 0, 36, 0, id, 0x20, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        let udp = [0, 9, 0, 53, 0, 24, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
        [&[2; 12][..], &[8, 0], &ip, &udp].concat()
    }

    /// Frames with their times, how many packets come before the flush, and the counts after it.
    fn check(bounds: Bounds, frames: &[(Vec<u8>, u64)], packets: usize, expect: &[(Reason, u64)]) {
        let mut decoder = Decoder::new(bounds);
        let mut emitted = 0;
        for (bytes, time_ns) in frames {
            decoder.decode(&frame(bytes, *time_ns), &mut |packet| {
                assert_eq!(packet.destination.port, 53);
                assert!(packet.is_cut());
                emitted += 1;
            });
        }
        assert_eq!(emitted, packets);
        decoder.flush(&mut |_| {});
        assert_eq!(decoder.undecoded().iter().collect::<Vec<_>>(), expect);
    }

    #[test]
    fn old_and_crowded_fragments_are_handed_on_cut() {
        let bounds = Bounds { age_ns: 10, ..Bounds::default() };
        let (one, two) = (first_fragment(1), first_fragment(2));
        check(bounds, &[(one.clone(), 0), (two.clone(), 10)], 0, &[(reason::FRAGMENT_CUT, 2)]);
        check(bounds, &[(one.clone(), 0), (two.clone(), 11)], 1, &[(reason::FRAGMENT_CUT, 2)]);
        let bounds = Bounds { packets: 1, ..Bounds::default() };
        check(bounds, &[(one.clone(), 0), (two, 0)], 1, &[(reason::FRAGMENT_CUT, 2)]);
        let counts = [(reason::FRAGMENT_CUT, 1), (reason::FRAGMENT_DUPLICATE, 1)];
        check(Bounds::default(), &[(one.clone(), 0), (one.clone(), 0)], 0, &counts);
        let mut forged = one.clone();
        forged[45] ^= 1;
        let counts = [(reason::FRAGMENT_CUT, 1), (reason::FRAGMENT_OVERLAP, 1)];
        check(Bounds::default(), &[(one.clone(), 0), (forged, 0)], 0, &counts);
        let mut later = one;
        later[21] = 1;
        check(Bounds::default(), &[(later, 0)], 0, &[(reason::FRAGMENT_INCOMPLETE, 1)]);
    }

    #[test]
    fn a_datagram_that_only_has_a_tunnels_port_stays_a_datagram() {
        for port in [2152, 3544, 4754, 4789, 4790, 6081, 6635, 8472] {
            for payload in [&b"GET / HTTP/1.1"[..], &[8, 0, 0, 0, 0, 0, 1, 0], &[0x45; 60], &[0; 60]] {
                let mut bytes = Vec::new();
                let builder = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64);
                builder.udp(9, port).write(&mut bytes, payload).unwrap();
                let mut seen = Vec::new();
                Decoder::new(Bounds::default()).decode(&frame(&bytes, 0), &mut |packet| {
                    seen.push((packet.destination.port, packet.carrier, packet.layers.is_some()));
                });
                assert_eq!(seen, [(port, None, false)], "{payload:?}");
            }
        }
    }

    #[test]
    fn a_tunnel_that_carries_arp_is_a_carrier_and_its_inside_is_counted() {
        let mut bytes = Vec::new();
        let arp =
            [&[8, 0, 0, 0, 0, 0, 1, 0][..], &[2; 12], &[8, 6, 0, 1, 8, 0, 6, 4, 0, 1], &[0; 20]].concat();
        let builder = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64);
        builder.udp(9, 4789).write(&mut bytes, &arp).unwrap();
        let mut decoder = Decoder::new(Bounds::default());
        let mut seen = Vec::new();
        decoder.decode(&frame(&bytes, 0), &mut |packet| seen.push(packet.carrier));
        assert_eq!(seen, [Some("vxlan")]);
        assert_eq!(decoder.undecoded().get(reason::ether_type(0x0806)), 1);
    }

    #[test]
    fn tunnels_in_tunnels_end_at_the_bound() {
        let inner = [0x45, 0, 0, 20, 0, 0, 0, 0, 64, 4, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        let mut bytes = [&[2; 12][..], &[8, 0]].concat();
        for left in (0..20u8).rev() {
            let mut header = inner;
            header[2..4].copy_from_slice(&(20 * (u16::from(left) + 1)).to_be_bytes());
            bytes.extend(header);
        }
        let mut decoder = Decoder::new(Bounds::default());
        decoder.decode(&frame(&bytes, 0), &mut |packet| panic!("{packet:?}"));
        assert_eq!(decoder.undecoded().get(TOO_DEEP), 1);
    }

    #[test]
    fn a_wrong_checksum_is_seen_by_a_verifying_decoder_only() {
        let mut bytes = Vec::new();
        let builder = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64);
        builder.tcp(9, 80, 1, 1).write(&mut bytes, b"GET").unwrap();
        let check = |decoder: Decoder, bytes: &[u8], expect: bool| {
            let mut decoder = decoder;
            decoder.decode(&frame(bytes, 0), &mut |packet| assert_eq!(packet.checksum_ok, expect));
        };
        check(Decoder::new(Bounds::default()).verifying(), &bytes, true);
        *bytes.last_mut().unwrap() ^= 1;
        check(Decoder::new(Bounds::default()).verifying(), &bytes, false);
        check(Decoder::new(Bounds::default()), &bytes, true);
    }

    proptest! {
        #[test]
        fn the_fast_path_and_the_general_walk_agree(
            v6: bool,
            tagged: bool,
            tcp: bool,
            changes in prop::collection::vec((0usize..70, any::<u8>()), 0..3),
            length in 0usize..100,
        ) {
            let ethernet = PacketBuilder::ethernet2([2; 6], [4; 6]);
            let mut bytes = Vec::new();
            let ip = if v6 {
                etherparse::IpHeaders::Ipv6(etherparse::Ipv6Header { source: [1; 16], destination: [2; 16], ..Default::default() }, Default::default())
            } else {
                etherparse::IpHeaders::Ipv4(etherparse::Ipv4Header { source: [1; 4], destination: [2; 4], ..Default::default() }, Default::default())
            };
            let builder = if tagged { ethernet.single_vlan(5.try_into().unwrap()).ip(ip) } else { ethernet.ip(ip) };
            if tcp {
                builder.tcp(9, 80, 1, 1).write(&mut bytes, b"payload").unwrap();
            } else {
                builder.udp(9, 80).write(&mut bytes, b"payload").unwrap();
            }
            for (at, byte) in changes {
                if let Some(target) = bytes.get_mut(at) {
                    *target = byte;
                }
            }
            bytes.truncate(length);
            let frame = frame(&bytes, 0);
            let mut fast_layers = Layers::default();
            if let Some(fast) = plain(&frame, 3, &mut fast_layers) {
                let (mut layers, mut place) = (Layers::default(), 3);
                let span = Span::new(frame.bytes, frame.wire_bytes as usize);
                let general = link::open(Step::Link(ETHERNET), span, &mut layers, &mut place).unwrap();
                prop_assert_eq!(format!("{:?}", fast), format!("{:?}", (general, place)));
                prop_assert_eq!(fast_layers, layers);
            }
        }
    }
}
