//! Names that the capture's own DNS answers gave to addresses, with the time of the answer.

use std::collections::{BTreeMap, BTreeSet};

use crate::net::{Address, TimeNs};
use crate::policy::index::{NameBook, matches_name};

/// Addresses a name may gather. A round-robin name has tens; more is somebody who fills memory.
pub const ADDRESSES_PER_NAME: usize = 4096;

/// What the capture's DNS answers said of the names that the site asks for.
#[derive(Clone, Debug, Default)]
pub struct Names {
    wanted: BTreeSet<String>,
    /// The earliest answer that gave an address this name.
    since: BTreeMap<(Address, String), TimeNs>,
    /// The earliest answer that gave this name any address.
    resolved: BTreeMap<String, TimeNs>,
    per_name: BTreeMap<String, usize>,
    /// Answers left out because their name had [`ADDRESSES_PER_NAME`] addresses.
    pub turned_away: u64,
}

impl Names {
    /// A book that keeps answers for these names (patterns may begin with `*.`) and no others.
    pub fn wanting<'a>(wanted: impl IntoIterator<Item = &'a str>) -> Self {
        Self { wanted: wanted.into_iter().map(str::to_ascii_lowercase).collect(), ..Self::default() }
    }

    /// Whether any answer is of interest.
    pub fn is_wanted(&self) -> bool {
        !self.wanted.is_empty()
    }

    /// Takes note of an answer.
    pub fn learn(&mut self, name: &str, address: Address, at_ns: TimeNs) {
        let wanted: Vec<&String> = self.wanted.iter().filter(|pattern| matches_name(pattern, name)).collect();
        for pattern in wanted {
            self.resolved
                .entry(pattern.clone())
                .and_modify(|since| *since = at_ns.min(*since))
                .or_insert(at_ns);
            let key = (address, pattern.clone());
            if let Some(since) = self.since.get_mut(&key) {
                *since = (*since).min(at_ns);
                continue;
            }
            let count = self.per_name.entry(pattern.clone()).or_default();
            if *count >= ADDRESSES_PER_NAME {
                self.turned_away += 1;
                continue;
            }
            *count += 1;
            self.since.insert(key, at_ns);
        }
    }

    /// What was learned: (name as the site writes it, address, since).
    pub fn learned(&self) -> impl Iterator<Item = (&str, Address, TimeNs)> {
        self.since.iter().map(|((address, name), &since)| (name.as_str(), *address, since))
    }
}

impl NameBook for Names {
    fn had_name(&self, address: Address, name: &str, at_ns: TimeNs) -> bool {
        self.since.get(&(address, name.to_ascii_lowercase())).is_some_and(|&since| since <= at_ns)
    }

    fn is_resolved(&self, name: &str, at_ns: TimeNs) -> bool {
        self.resolved.get(&name.to_ascii_lowercase()).is_some_and(|&since| since <= at_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_holds_from_its_answer_on() {
        let mut names = Names::wanting(["kafka.infra", "*.db"]);
        names.learn("Kafka.infra.", Address::v4(1), 50);
        names.learn("a.db", Address::v4(2), 60);
        names.learn("other", Address::v4(3), 60);
        assert!(!names.had_name(Address::v4(1), "kafka.infra", 49));
        assert!(names.had_name(Address::v4(1), "kafka.infra", 50));
        assert!(names.had_name(Address::v4(2), "*.db", 60));
        assert_eq!(names.learned().count(), 2);
    }
}
