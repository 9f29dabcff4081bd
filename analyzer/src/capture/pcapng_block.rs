//! The insides of pcapng blocks: options, interfaces, names, statistics, times.
//!
//! Source: draft-ietf-opsawg-pcapng, sections 3.5 (options), 4.2 (interface description), 4.5 (name
//! resolution), 4.6 (interface statistics).

use crate::capture::error::printable;
use crate::capture::facts::CaptureFacts;
use crate::capture::walk::word;
use crate::net::{Address, TimeNs};
use std::net::IpAddr;

/// Bytes kept of an interface's name: Linux has 15, Windows about 50.
const NAME_BYTES: usize = 255;

/// Names kept of one capture: more than any site has hosts, and some megabytes.
const NAMES: usize = 65_536;

/// A `u16` of the section's byte order.
pub(crate) const fn half<const BIG: bool>(bytes: [u8; 2]) -> u16 {
    if BIG { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
}

/// Takes a `u32` off the front.
pub(crate) fn take_word<const BIG: bool>(bytes: &mut &[u8]) -> Option<u32> {
    let (taken, rest) = bytes.split_first_chunk::<4>()?;
    *bytes = rest;
    Some(word::<BIG>(*taken))
}

/// Takes a code, its length and its value, padded to four bytes; `Err` where the value runs past the end.
fn take_item<'a, const BIG: bool>(bytes: &mut &'a [u8]) -> Result<Option<(u16, &'a [u8])>, ()> {
    let Some(([c0, c1, l0, l1], rest)) = bytes.split_first_chunk::<4>() else {
        return Ok(None);
    };
    let (code, length) = (half::<BIG>([*c0, *c1]), usize::from(half::<BIG>([*l0, *l1])));
    let value = rest.get(..length).ok_or(())?;
    *bytes = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    Ok(if code == 0 { None } else { Some((code, value)) })
}

/// Hands each option to `each`; an option that runs past its block is counted and ends them.
pub(crate) fn options<const BIG: bool>(
    mut bytes: &[u8],
    facts: &mut CaptureFacts,
    mut each: impl FnMut(&mut CaptureFacts, u16, &[u8]),
) {
    loop {
        match take_item::<BIG>(&mut bytes) {
            Ok(Some((code, value))) => each(facts, code, value),
            Ok(None) => return,
            Err(()) => return facts.problem("option-overrun"),
        }
    }
}

/// How an interface counts time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Clock {
    unit: Unit,
    /// Seconds to add (`if_tsoffset`).
    offset: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Unit {
    /// Nanoseconds in one unit.
    Long(u64),
    /// Units in one nanosecond.
    Short(u128),
    /// Units in one second, as a power of two.
    Binary(u8),
}

impl Clock {
    /// Microseconds: what holds where an interface does not say.
    pub const DEFAULT: Self = Self { unit: Unit::Long(1000), offset: 0 };

    /// Sets the resolution as `if_tsresol` writes it; whether times of today can be told in it.
    pub fn set_resolution(&mut self, resolution: u8) -> bool {
        let power = resolution & 0x7f;
        if resolution & 0x80 != 0 {
            self.unit = Unit::Binary(power);
            return power <= 33;
        }
        self.unit = match power {
            0..=9 => Unit::Long(10u64.pow(u32::from(9 - power))),
            _ => Unit::Short(10u128.checked_pow(u32::from(power - 9)).unwrap_or(u128::MAX)),
        };
        power <= 10
    }

    pub const fn set_offset(&mut self, seconds: i64) {
        self.offset = seconds;
    }

    /// Nanoseconds since 1970 of a count of units; saturates at both ends.
    #[inline]
    pub fn time_ns(self, high: u32, low: u32) -> TimeNs {
        let units = (u64::from(high) << 32) | u64::from(low);
        let time_ns = match self.unit {
            Unit::Long(nanoseconds) => units.saturating_mul(nanoseconds),
            Unit::Short(units_a_ns) => u64::try_from(u128::from(units) / units_a_ns).unwrap_or(u64::MAX),
            Unit::Binary(power) => {
                u64::try_from((u128::from(units) * 1_000_000_000) >> power).unwrap_or(u64::MAX)
            }
        };
        if self.offset == 0 {
            return time_ns;
        }
        let moved = i128::from(time_ns) + i128::from(self.offset) * 1_000_000_000;
        u64::try_from(moved.max(0)).unwrap_or(u64::MAX)
    }
}

/// The interface's name and clock from the options of its description.
pub(crate) fn interface_options<const BIG: bool>(
    bytes: &[u8],
    facts: &mut CaptureFacts,
) -> (Option<String>, Clock) {
    let (mut name, mut clock) = (None, Clock::DEFAULT);
    options::<BIG>(bytes, facts, |facts, code, value| match (code, value) {
        (2, value) => {
            let kept = value.get(..NAME_BYTES).unwrap_or(value);
            name = Some(printable(String::from_utf8_lossy(kept).trim_end_matches('\0')));
        }
        (9, [resolution, ..]) => {
            let usable = clock.set_resolution(*resolution);
            if !usable {
                facts.problem("time-resolution-unusable");
            }
        }
        (14, value) => {
            if let Some(bytes) = value.first_chunk::<8>() {
                clock.set_offset(if BIG { i64::from_be_bytes(*bytes) } else { i64::from_le_bytes(*bytes) });
            }
        }
        _ => {}
    });
    (name, clock)
}

/// Notes what an interface statistics block says was lost. `base` is the section's first interface.
pub(crate) fn statistics<const BIG: bool>(mut body: &[u8], base: usize, facts: &mut CaptureFacts) {
    let Some(id) = take_word::<BIG>(&mut body) else {
        return facts.problem("statistics-cut");
    };
    let at = base.saturating_add(id as usize);
    options::<BIG>(body.get(8..).unwrap_or_default(), facts, |facts, code, value| {
        let Some(bytes) = value.first_chunk::<8>() else { return };
        let count = if BIG { u64::from_be_bytes(*bytes) } else { u64::from_le_bytes(*bytes) };
        match (code, facts.interfaces.get_mut(at)) {
            (5, Some(interface)) => interface.if_drop = Some(count),
            (7, Some(interface)) => interface.os_drop = Some(count),
            _ => {}
        }
    });
}

/// Notes the records of a name resolution block.
pub(crate) fn names<const BIG: bool>(mut body: &[u8], facts: &mut CaptureFacts) {
    loop {
        let (kind, value) = match take_item::<BIG>(&mut body) {
            Ok(Some(item)) => item,
            Ok(None) => return,
            Err(()) => return facts.problem("name-record-overrun"),
        };
        let split = match kind {
            1 => value.split_first_chunk::<4>().map(|(ip, rest)| (IpAddr::from(*ip), rest)),
            2 => value.split_first_chunk::<16>().map(|(ip, rest)| (IpAddr::from(*ip), rest)),
            _ => continue,
        };
        let Some((ip, texts)) = split else {
            facts.problem("name-record-short");
            continue;
        };
        for text in texts.split(|&byte| byte == 0).filter(|text| !text.is_empty()) {
            if facts.names.len() >= NAMES {
                facts.problem("names-over-bound");
            } else {
                facts.names.push((Address::from(ip), printable(&String::from_utf8_lossy(text))));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(resolution: u8, offset: i64, units: u64, expect: TimeNs) {
        let mut clock = Clock::DEFAULT;
        clock.set_resolution(resolution);
        clock.set_offset(offset);
        assert_eq!(
            clock.time_ns((units >> 32) as u32, units as u32),
            expect,
            "{resolution:#x} {offset} {units}"
        );
    }

    #[test]
    fn times_of_every_resolution_become_nanoseconds() {
        check(6, 0, 1_000_001, 1_000_001_000);
        check(9, 0, 17, 17);
        check(0, 0, 2, 2_000_000_000);
        check(12, 0, 5_000, 5);
        check(0x80 | 20, 0, 1 << 20, 1_000_000_000);
        check(6, 10, 0, 10_000_000_000);
    }

    #[test]
    fn absurd_times_saturate() {
        check(0, 0, u64::MAX, u64::MAX);
        check(127, 0, u64::MAX, 0);
        check(0xff, 0, u64::MAX, 0);
        check(0x80, 0, u64::MAX, u64::MAX);
        check(6, i64::MIN, 1, 0);
        check(6, i64::MAX, 1, u64::MAX);
    }
}
