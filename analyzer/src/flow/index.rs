//! From a five-tuple's hash to the slot of its flow: open addressing, one cache line a look-up.
//!
//! An entry is the upper half of the hash beside the slot, so that the table grows without looking at flows
//! and a stranger is told by its entry alone.

use crate::flow::near::bring;

/// Entries of an empty table.
const LEAST: usize = 64;

/// Entry 0 is empty: the lower half of any other is a slot plus one.
const EMPTY: u64 = 0;

/// Slots by hash.
#[derive(Clone, Debug)]
pub struct Index {
    /// A power of two of them, at most half in use.
    entries: Vec<u64>,
    len: usize,
}

impl Default for Index {
    fn default() -> Self {
        Self { entries: vec![EMPTY; LEAST], len: 0 }
    }
}

const fn tag(hash: u64) -> u64 {
    hash & 0xffff_ffff_0000_0000
}

impl Index {
    pub const fn len(&self) -> usize {
        self.len
    }

    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    const fn mask(&self) -> usize {
        self.entries.len() - 1
    }

    /// Where the search for an entry begins.
    const fn home(&self, entry: u64) -> usize {
        (entry >> 32) as usize & self.mask()
    }

    fn at(&self, place: usize) -> u64 {
        self.entries.get(place).copied().unwrap_or(EMPTY)
    }

    fn set(&mut self, place: usize, entry: u64) {
        if let Some(old) = self.entries.get_mut(place) {
            *old = entry;
        }
    }

    /// The first slot of this hash's upper half that `is` takes.
    #[inline]
    pub fn find(&self, hash: u64, mut is: impl FnMut(u32) -> bool) -> Option<u32> {
        let mut place = self.home(hash);
        loop {
            let entry = self.at(place);
            if entry == EMPTY {
                return None;
            }
            let slot = (entry as u32).wrapping_sub(1);
            if tag(entry) == tag(hash) && is(slot) {
                return Some(slot);
            }
            place = (place + 1) & self.mask();
        }
    }

    /// Brings the entries of this hash near; the slot that is most likely meant.
    #[inline]
    pub fn likely(&self, hash: u64) -> Option<u32> {
        let entry = self.at(self.home(hash));
        (tag(entry) == tag(hash)).then(|| (entry as u32).wrapping_sub(1))
    }

    /// Asks the memory for the entry of this hash, and does not wait for it.
    #[inline]
    pub fn touch(&self, hash: u64) {
        if let Some(entry) = self.entries.get(self.home(hash)) {
            bring(entry);
        }
    }

    /// Adds a slot.
    pub fn insert(&mut self, hash: u64, slot: u32) {
        if (self.len + 1) * 2 > self.entries.len() {
            self.grow();
        }
        self.place(tag(hash) | u64::from(slot.wrapping_add(1)));
        self.len += 1;
    }

    fn place(&mut self, entry: u64) {
        let mut place = self.home(entry);
        while self.at(place) != EMPTY {
            place = (place + 1) & self.mask();
        }
        self.set(place, entry);
    }

    fn grow(&mut self) {
        let size = self.entries.len() * 2;
        let old = std::mem::replace(&mut self.entries, vec![EMPTY; size]);
        for entry in old.into_iter().filter(|&entry| entry != EMPTY) {
            self.place(entry);
        }
    }

    /// Takes a slot out.
    pub fn remove(&mut self, hash: u64, slot: u32) {
        let wanted = tag(hash) | u64::from(slot.wrapping_add(1));
        let mut hole = self.home(wanted);
        while self.at(hole) != wanted {
            if self.at(hole) == EMPTY {
                return;
            }
            hole = (hole + 1) & self.mask();
        }
        self.len -= 1;
        // What follows moves up where its home lies at or before the hole.
        let mut place = hole;
        loop {
            place = (place + 1) & self.mask();
            let entry = self.at(place);
            if entry == EMPTY {
                break;
            }
            let from_home = place.wrapping_sub(self.home(entry)) & self.mask();
            let from_hole = place.wrapping_sub(hole) & self.mask();
            if from_home >= from_hole {
                self.set(hole, entry);
                hole = place;
            }
        }
        self.set(hole, EMPTY);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn slots_are_found_until_they_are_taken_out(
            steps in proptest::collection::vec((0..6u64, 0..40u32, any::<bool>()), 0..400),
        ) {
            let mut index = Index::default();
            let mut model: BTreeMap<u32, u64> = BTreeMap::new();
            for (near, slot, adds) in steps {
                // Homes at the end of the entries, so that searches wrap around.
                let hash = (near + 60) << 32 | u64::from(slot);
                if adds && !model.contains_key(&slot) {
                    index.insert(hash, slot);
                    model.insert(slot, hash);
                } else if let Some(hash) = model.remove(&slot) {
                    index.remove(hash, slot);
                }
                prop_assert_eq!(index.len(), model.len());
                for slot in 0..40 {
                    let hash = model.get(&slot).copied();
                    let found = (0..6).find_map(|near| index.find((near + 60) << 32, |other| other == slot));
                    prop_assert_eq!(found, hash.map(|_| slot));
                }
            }
        }
    }
}
