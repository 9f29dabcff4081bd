//! Copies: the same packet seen again, on another interface or by another machine.

use crate::net::{Side, TimeNs};
use crate::packet::view::Packet;

/// Packets of a flow among which a copy is looked for. Copies of one packet follow within a few packets where one
/// machine sees a frame twice; two machines' captures interleave by bursts of about this size.
pub const RECENT_PACKETS: usize = 8;

/// Within this time a packet equal to another is its copy: below the least retransmission time-out in use
/// (200 ms), above what two machines' disciplined clocks differ by.
pub const COPY_NS: u64 = 50_000_000;

/// The last packets of a flow.
#[derive(Clone, Copy, Debug, Default)]
pub struct Recent {
    packets: [Seen; RECENT_PACKETS],
    /// Where the next one goes; the top bit tells that all places are taken.
    at: u8,
}

/// A fingerprint, where it was seen, and when in units of 2^20 ns.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    print: u32,
    place: u16,
    at: u16,
}

impl Recent {
    /// Whether the packet was seen just before; `last_ns` is when the flow's last packet was.
    pub fn is_copy(&mut self, packet: &Packet<'_>, side: Side, last_ns: TimeNs) -> bool {
        let print = fingerprint(packet, side);
        let place = (packet.mark.place ^ (packet.mark.place >> 16)) as u16;
        let at = (packet.time_ns >> 20) as u16;
        let is_near = last_ns.abs_diff(packet.time_ns) <= COPY_NS;
        let filled = usize::from(self.at & 0x7f);
        let is_full = self.at & 0x80 != 0;
        let is_copy = is_near
            && self.packets.iter().take(if is_full { RECENT_PACKETS } else { filled }).any(|recent| {
                recent.print == print
                    && u64::from(at.wrapping_sub(recent.at).min(recent.at.wrapping_sub(at))) <= COPY_NS >> 20
                    && (packet.mark.ip_id != 0 || recent.place != place)
            });
        if !is_copy {
            if let Some(slot) = self.packets.get_mut(filled) {
                *slot = Seen { print, place, at };
            }
            let next = filled + 1;
            self.at = if next == RECENT_PACKETS { 0x80 } else { next as u8 | (self.at & 0x80) };
        }
        is_copy
    }
}

/// Equal for copies of one packet. A multiplicative hash: nothing is indexed by it.
fn fingerprint(packet: &Packet<'_>, side: Side) -> u32 {
    let mix = |hash: u64, value: u64| {
        let product = u128::from(hash ^ value) * 0x9e37_79b9_7f4a_7c15;
        (product as u64) ^ ((product >> 64) as u64)
    };
    let tcp = packet.tcp;
    let marks = u64::from(packet.mark.ip_id) << 16 | u64::from(packet.mark.checksum);
    let sizes = u64::from(packet.payload_bytes) << 32 | u64::from(packet.ip_bytes);
    let hash = mix(0x243f_6a88_85a3_08d3, u64::from(tcp.seq) << 32 | u64::from(tcp.ack));
    let hash = mix(hash, sizes);
    let hash = mix(hash, marks << 16 | u64::from(tcp.flags) << 8 | side as u64);
    (hash ^ (hash >> 32)) as u32
}
