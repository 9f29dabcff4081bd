//! Several interfaces as one observation: their frames in the order of time, as far as that is known.

use std::collections::VecDeque;

use crate::capture::batch::Batch;
use crate::live::listen::Delivery;
use crate::net::TimeNs;
use crate::packet::frame::Frame;

/// An interface that says nothing is waited for this long by the clock.
const LATE_NS: u64 = 1_000_000_000;

/// Batches held for the sake of order, an interface; beyond it frames are judged as they stand.
const HELD_BATCHES: usize = 256;

/// Frames that wait for older ones from other interfaces.
#[derive(Debug)]
pub struct Merge {
    lanes: Vec<Lane>,
}

#[derive(Debug, Default)]
struct Lane {
    /// Batches, and how many frames of the first are done.
    batches: VecDeque<Batch>,
    done: usize,
    horizon_ns: TimeNs,
}

impl Lane {
    fn head_ns(&self) -> Option<TimeNs> {
        self.batches.front()?.get(self.done).map(|frame| frame.time_ns)
    }
}

impl Merge {
    pub fn new(interfaces: usize) -> Self {
        Self { lanes: (0..interfaces).map(|_| Lane::default()).collect() }
    }

    /// Takes what an interface said.
    pub fn take(&mut self, delivery: Delivery) {
        let Some(lane) = self.lanes.get_mut(usize::from(delivery.interface)) else { return };
        lane.horizon_ns = lane.horizon_ns.max(delivery.horizon_ns);
        lane.batches.extend(delivery.batch.filter(|batch| !batch.is_empty()));
    }

    /// Hands out the frames that nothing older can come before, in order of time.
    pub fn ready(&mut self, now_ns: TimeNs, push: &mut impl FnMut(&Frame<'_>)) {
        let is_alone = self.lanes.len() == 1;
        let is_full = self.lanes.iter().any(|lane| lane.batches.len() > HELD_BATCHES);
        let horizon_ns = self.lanes.iter().map(|lane| lane.horizon_ns).min().unwrap_or(0);
        let horizon_ns = horizon_ns.max(now_ns.saturating_sub(LATE_NS));
        let limit_ns = if is_alone || is_full { TimeNs::MAX } else { horizon_ns };
        self.up_to(limit_ns, push);
    }

    /// Hands out everything that is held.
    pub fn rest(&mut self, push: &mut impl FnMut(&Frame<'_>)) {
        self.up_to(TimeNs::MAX, push);
    }

    fn up_to(&mut self, limit_ns: TimeNs, push: &mut impl FnMut(&Frame<'_>)) {
        loop {
            let heads = self.lanes.iter().enumerate().filter_map(|(at, lane)| Some((lane.head_ns()?, at)));
            let mut heads: Vec<(TimeNs, usize)> = heads.collect();
            heads.sort_unstable();
            let Some(&(head_ns, at)) = heads.first() else { return };
            if head_ns > limit_ns {
                return;
            }
            // This lane goes on until another one's head is older.
            let turn_ns = heads.get(1).map_or(TimeNs::MAX, |&(next_ns, _)| next_ns).min(limit_ns);
            let Some(lane) = self.lanes.get_mut(at) else { return };
            let Some(batch) = lane.batches.front() else { return };
            for frame in batch.frames().skip(lane.done) {
                if frame.time_ns > turn_ns && frame.time_ns != head_ns {
                    break;
                }
                push(&frame);
                lane.done += 1;
            }
            if lane.done >= batch.len() {
                lane.batches.pop_front();
                lane.done = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::batch::sample;
    use std::time::Instant;

    fn check(said: &[(u16, &[TimeNs], TimeNs)], now_ns: TimeNs, expect: &[TimeNs]) -> Merge {
        let mut merge = Merge::new(2);
        for &(interface, times, horizon_ns) in said {
            let batch = (!times.is_empty()).then(|| sample(times));
            merge.take(Delivery { interface, batch, horizon_ns, sent: Instant::now() });
        }
        let mut order = Vec::new();
        merge.ready(now_ns, &mut |frame| order.push(frame.time_ns));
        assert_eq!(order, expect);
        merge
    }

    #[test]
    fn frames_of_two_interfaces_come_in_the_order_of_time() {
        check(&[(0, &[1, 4, 5], 9), (1, &[2, 3, 6], 9)], 9, &[1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn a_frame_waits_until_nothing_older_can_come_and_no_longer_than_a_second() {
        let mut merge = check(&[(0, &[1, 4], 4), (1, &[2], 2)], 9, &[1, 2]);
        let mut order = Vec::new();
        merge.ready(4 + LATE_NS, &mut |frame| order.push(frame.time_ns));
        assert_eq!(order, [4]);
    }
}
