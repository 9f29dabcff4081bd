//! The fuzz targets' entries on stable, without a fuzzer: every floor is given bytes of every kind for a
//! bounded while, the same ones each time.
//!
//! UNCHARTED_ANY_BYTES_ROUNDS raises the number of inputs of each entry.

#[path = "../../benches/fuzz/entries.rs"]
mod entries;

#[cfg(test)]
mod tests {
    use super::entries::ALL;

    /// Inputs of each entry, beside those of its seeds. With the debug profile all entries take some seconds.
    const ROUNDS: u64 = 400;

    /// The longest input.
    const BYTES: usize = 2048;

    /// A fixed sequence of numbers (xorshift64*): a failure is met again at the same round.
    struct Numbers(u64);

    impl Numbers {
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
        }

        fn below(&mut self, bound: usize) -> usize {
            (self.next() % bound.max(1) as u64) as usize
        }
    }

    fn seeds(name: &str) -> Vec<Vec<u8>> {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let folders: &[&str] = match name {
            "capture" | "journey" => &["benches/fuzz/seeds/capture"],
            "tables" => &["rules/genesys", "benches/fuzz/seeds/tables"],
            "site" => &["benches/fuzz/seeds/site"],
            _ => &[],
        };
        let own = format!("benches/fuzz/seeds/{name}");
        let mut paths: Vec<_> = folders
            .iter()
            .copied()
            .chain([own.as_str()])
            .filter_map(|folder| std::fs::read_dir(root.join(folder)).ok())
            .flat_map(|entries| entries.filter_map(Result::ok).map(|entry| entry.path()))
            .collect();
        paths.sort();
        paths.dedup();
        paths.iter().filter_map(|path| std::fs::read(path).ok()).collect()
    }

    /// Noise, or a seed with some damage.
    fn input(numbers: &mut Numbers, seeds: &[Vec<u8>]) -> Vec<u8> {
        let Some(seed) = seeds.get(numbers.below(seeds.len() + 1)) else {
            let length = numbers.below(BYTES);
            // Half of the bytes are small: lengths and flags are.
            return (0..length).map(|_| (numbers.next() >> (56 + 4 * (numbers.next() & 1))) as u8).collect();
        };
        let mut bytes = seed.clone();
        for _ in 0..=numbers.below(6) {
            let (at, value) = (numbers.below(bytes.len()), numbers.next() as u8);
            match numbers.below(4) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at.min(bytes.len()), value),
                2 => {
                    let from = numbers.below(bytes.len());
                    let piece: Vec<u8> = bytes.iter().skip(from).take(40).copied().collect();
                    bytes.splice(at..at, piece);
                }
                _ => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte = value;
                    }
                }
            }
        }
        bytes
    }

    #[test]
    fn no_bytes_break_any_floor() {
        let rounds = std::env::var("UNCHARTED_ANY_BYTES_ROUNDS").ok().and_then(|text| text.parse().ok());
        let rounds = rounds.unwrap_or(ROUNDS);
        for entry in ALL {
            let seeds = seeds(entry.name);
            seeds.iter().for_each(|seed| (entry.run)(seed));
            let mut numbers = Numbers(0x5eed);
            for round in 0..rounds {
                let bytes = input(&mut numbers, &seeds);
                if std::panic::catch_unwind(|| (entry.run)(&bytes)).is_err() {
                    let path = std::env::temp_dir().join(format!("uncharted-any-bytes-{}", entry.name));
                    let kept = std::fs::write(&path, &bytes).is_ok();
                    assert!(!kept, "{} breaks in round {round}: {}", entry.name, path.display());
                }
            }
        }
    }
}
