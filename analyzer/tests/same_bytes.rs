//! Nothing but the captures decides what a report says: not the number of threads, not how a capture is packed,
//! piped or cut into rotated files.

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::{Path, PathBuf};
    use std::process::{Command, Stdio};

    use serde_json::Value;

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    /// The project's captures and those beside it, the small ones.
    fn captures() -> Vec<PathBuf> {
        let mut folders = vec![root().join("captures/protocols"), root().join("captures/scenarios")];
        let shared = std::env::var_os("UNCHARTED_SHARED_CAPTURES").map(PathBuf::from);
        folders.extend(shared.map(|folder| folder.join("hostile")));
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|kind| kind == "pcap" || kind == "pcapng") {
                    found.push(path);
                }
            }
        }
        found.sort();
        assert!(!found.is_empty(), "the project has captures");
        found
    }

    /// The report of these arguments, without what it says of the captures' files.
    fn report(arguments: &[&str], stdin: Option<&[u8]>) -> Value {
        let mut child = Command::new(env!("CARGO_BIN_EXE_uncharted"))
            .args(["check", "--format", "json", "--scope", "all"])
            .args(arguments)
            .stdin(if stdin.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        if let (Some(bytes), Some(mut pipe)) = (stdin, child.stdin.take()) {
            // A reader that refuses the capture closes the pipe early.
            let _ = pipe.write_all(bytes);
        }
        let output = child.wait_with_output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    /// The captures' own facts go: paths, hashes and places differ where the same frames come another way.
    fn without_files(mut report: Value, is_cut_up: bool) -> Value {
        if let Some(report) = report.as_object_mut() {
            report.remove("captures");
        }
        if is_cut_up {
            for list in ["findings", "notes"] {
                for one in report[list].as_array_mut().into_iter().flatten() {
                    one["example"] = Value::Null;
                }
            }
        }
        report
    }

    /// A fixed sequence of numbers.
    fn next(state: &mut u64) -> u64 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *state >> 33
    }

    /// A classic little-endian pcap cut into several before random frames; `None` for other files.
    fn cut_up(bytes: &[u8], state: &mut u64) -> Option<Vec<Vec<u8>>> {
        let (header, mut rest) = bytes.split_at_checked(24)?;
        if !matches!(header.first_chunk(), Some([0xd4, 0xc3, 0xb2, 0xa1] | [0x4d, 0x3c, 0xb2, 0xa1])) {
            return None;
        }
        let (mut parts, mut last_time) = (vec![header.to_vec()], (0, 0));
        while !rest.is_empty() {
            let number = |at: usize| Some(u32::from_le_bytes(*rest.get(at..at + 4)?.first_chunk()?));
            let (time, length) = ((number(0)?, number(4)?), number(8)? as usize + 16);
            // The order of files is that of their first frames: a cut is made where time moves on.
            if time < last_time {
                return None;
            }
            if time > last_time && next(state).is_multiple_of(7) && parts.last()?.len() > 24 {
                parts.push(header.to_vec());
            }
            last_time = time;
            let (frame, behind) = rest.split_at_checked(length)?;
            parts.last_mut()?.extend(frame);
            rest = behind;
        }
        Some(parts)
    }

    /// Any capture as a classic pcap, by the tcpdump that the test's packages bring.
    fn classic(path: &Path) -> Option<Vec<u8>> {
        let output =
            Command::new("tcpdump").arg("-r").arg(path).args(["-w", "-"]).stderr(Stdio::null()).output();
        output.ok().filter(|output| output.status.success()).map(|output| output.stdout)
    }

    #[test]
    fn threads_packing_pipes_and_rotation_change_no_byte() {
        let folder = tempfile::tempdir().unwrap();
        let (mut state, mut cut) = (7, 0);
        for path in captures() {
            let name = path.to_str().unwrap();
            let plain = report(&["--threads", "1", name], None);
            for threads in ["2", "4"] {
                assert_eq!(plain, report(&["--threads", threads, name], None), "{name} by {threads} threads");
            }
            let bytes = std::fs::read(&path).unwrap();
            let packed = folder.path().join("packed");
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(&bytes).unwrap();
            std::fs::write(&packed, encoder.finish().unwrap()).unwrap();
            let whole = without_files(plain.clone(), false);
            for (way, other) in [
                ("packed", report(&[packed.to_str().unwrap()], None)),
                ("piped", report(&["-"], Some(&bytes))),
            ] {
                assert_eq!(whole, without_files(other, false), "{name} {way}");
            }
            let Some(parts) = classic(&path).and_then(|bytes| cut_up(&bytes, &mut state)) else { continue };
            if parts.len() < 2 {
                continue;
            }
            cut += 1;
            let rotated = folder.path().join(format!("rotated-{cut}"));
            std::fs::create_dir(&rotated).unwrap();
            for (number, part) in parts.iter().enumerate() {
                // Names in the wrong order: the frames' times decide.
                std::fs::write(rotated.join(format!("{}.pcap", 900 - number)), part).unwrap();
            }
            let one = folder.path().join("one.pcap");
            let joined: Vec<u8> = parts
                .iter()
                .enumerate()
                .flat_map(|(number, part)| part.iter().skip(if number == 0 { 0 } else { 24 }))
                .copied()
                .collect();
            std::fs::write(&one, joined).unwrap();
            assert_eq!(
                without_files(report(&[one.to_str().unwrap()], None), true),
                without_files(report(&[rotated.to_str().unwrap()], None), true),
                "{name} in {} files",
                parts.len()
            );
        }
        if cut == 0 {
            let must = std::env::var_os("UNCHARTED_REQUIRE_ALL").is_some();
            assert!(!must, "tcpdump is needed");
            eprintln!("skipped: needs tcpdump: captures cut into rotated files");
        }
    }
}
