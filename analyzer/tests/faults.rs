//! What goes wrong around a run: full disks, closed pipes, files that change or vanish, signals. Each ends with
//! exit code 2 and one clear line, and never with half a report under its final name.

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read, Write};
    use std::path::{Path, PathBuf};
    use std::process::{Child, ChildStdin, Command, Output, Stdio};

    use tempfile::TempDir;

    /// A capture of `frames` UDP datagrams.
    fn capture(frames: u32) -> Vec<u8> {
        let words = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 101u32];
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        for number in 0..frames {
            bytes.extend([number, 0, 29, 29].iter().flat_map(|word| word.to_le_bytes()));
            bytes.extend([0x45, 0, 0, 29, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
            bytes.extend((number as u16).to_be_bytes());
            bytes.extend([0, 161, 0, 9, 0, 0, b'x']);
        }
        bytes
    }

    fn folder(frames: u32) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pcap");
        std::fs::write(&path, capture(frames)).unwrap();
        (folder, path)
    }

    fn command(capture: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_uncharted"));
        command.args(["check", "--format", "json"]).arg(capture).stdin(Stdio::null());
        command
    }

    fn check(output: &Output, expect: &str) {
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{said}");
        assert!(said.contains(expect), "{said}");
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_full_disk_is_said() {
        let (_folder, path) = folder(3);
        let output = command(&path).stdout(File::create("/dev/full").unwrap()).output().unwrap();
        check(&output, "No space left on device");
        check(&command(&path).args(["--output", "/dev/full"]).output().unwrap(), "No space left on device");
    }

    #[test]
    fn a_report_that_grows_too_long_leaves_the_old_one() {
        let (folder, path) = folder(3);
        let report = folder.path().join("report.json");
        std::fs::write(&report, "the old one").unwrap();
        let line = "ulimit -f 1; trap '' XFSZ; exec \"$@\"";
        let program = env!("CARGO_BIN_EXE_uncharted");
        let output = Command::new("bash")
            .args(["-c", line, "bash", program, "check", "--format", "json", "--output"])
            .args([&report, &path])
            .output()
            .unwrap();
        check(&output, "File too large");
        assert_eq!(std::fs::read_to_string(&report).unwrap(), "the old one");
        assert_eq!(names(folder.path()), ["a.pcap", "report.json"]);
    }

    #[test]
    fn a_closed_pipe_is_said() {
        let (_folder, path) = folder(3);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        check(&command(&path).stdout(writer).output().unwrap(), "Broken pipe");
    }

    #[test]
    fn a_folder_that_is_not_there_or_not_ours_is_said() {
        let (folder, path) = folder(3);
        let nowhere = folder.path().join("nowhere/report.json");
        check(&command(&path).arg("--output").arg(nowhere).output().unwrap(), "No such file or directory");
        check(&command(&folder.path().join("b.pcap")).output().unwrap(), "No such file or directory");
    }

    /// A run that has read a first part from a pipe, and waits for more.
    fn waiting(more: &[&str]) -> (Child, ChildStdin) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_uncharted"))
            .args(["check", "--format", "json", "-"])
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = child.stdin.take().unwrap();
        // More than a pipe holds: once it is written, the reader reads, and its signals are watched.
        pipe.write_all(&capture(20_000)).unwrap();
        (child, pipe)
    }

    #[test]
    fn an_interrupted_run_says_so_and_writes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let report = folder.path().join("report.json");
        for signal in ["INT", "TERM"] {
            let (child, pipe) = waiting(&["--output", report.to_str().unwrap()]);
            let killed = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap();
            assert!(killed.success());
            check(&child.wait_with_output().unwrap(), &format!("found `SIG{signal}`"));
            drop(pipe);
            assert!(names(folder.path()).is_empty());
        }
    }

    #[test]
    fn a_stream_cut_short_is_judged_up_to_the_cut() {
        let (mut child, mut pipe) = waiting(&[]);
        pipe.write_all(&[1, 2, 3]).unwrap();
        drop(pipe);
        let mut report = String::new();
        child.stdout.take().unwrap().read_to_string(&mut report).unwrap();
        assert!(report.contains("\"truncated\": true") && report.contains("\"packets\": 20000"));
        assert_eq!(child.wait().unwrap().code(), Some(1));
    }

    #[test]
    fn files_that_change_under_the_reader_are_said() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("0-first");
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        let late = |number: u32| {
            let mut bytes = capture(3);
            for at in [24, 24 + 45, 24 + 90] {
                bytes[at..at + 4].copy_from_slice(&(1_000_000 + number).to_le_bytes());
            }
            bytes
        };
        let (gone, replaced) = (folder.path().join("gone.pcap"), folder.path().join("replaced.pcap"));
        std::fs::write(&gone, late(1)).unwrap();
        std::fs::write(&replaced, late(2)).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_uncharted"))
            .args(["check", "--format", "json"])
            .args([&fifo, &gone, &replaced])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = File::options().write(true).open(&fifo).unwrap();
        // The reader looks at every file before it reads on in the first; more than a pipe and a chunk hold.
        pipe.write_all(&capture(20_000)).unwrap();
        std::fs::remove_file(&gone).unwrap();
        std::fs::write(&replaced, "no capture").unwrap();
        drop(pipe);
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("gone.pcap") && said.contains("replaced.pcap"), "{said}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("\"packets\": 20000"), "{said}");
    }

    /// Three frames, later than those of [`capture`].
    fn later() -> Vec<u8> {
        let mut bytes = capture(3);
        for at in [24, 24 + 45, 24 + 90] {
            bytes[at..at + 4].copy_from_slice(&1_000_000u32.to_le_bytes());
        }
        bytes
    }

    /// A run over a pipe and a later file, which becomes a link to a capture elsewhere while the pipe is read.
    /// What it said and wrote, and the lines of its status that tell of seccomp and new privileges.
    fn lured(more: &[&str]) -> (Output, String) {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (first, late) = (folder.path().join("first"), folder.path().join("late.pcap"));
        assert!(Command::new("mkfifo").arg(&first).status().unwrap().success());
        let secret = elsewhere.path().join("secret.pcap");
        std::fs::write(&late, later()).unwrap();
        std::fs::write(&secret, later()).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_uncharted"))
            .args(["check", "--format", "json"])
            .args(more)
            .args([&first, &late])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = File::options().write(true).open(&first).unwrap();
        pipe.write_all(&capture(20_000)).unwrap();
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        std::fs::remove_file(&late).unwrap();
        std::os::unix::fs::symlink(&secret, &late).unwrap();
        drop(pipe);
        let told = ["NoNewPrivs:", "Seccomp:"];
        let lines: Vec<&str> =
            status.lines().filter(|line| told.iter().any(|word| line.starts_with(word))).collect();
        (child.wait_with_output().unwrap(), lines.join(" "))
    }

    #[test]
    fn the_sandbox_keeps_the_reader_from_other_files() {
        let (output, status) = lured(&[]);
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        if let Some(missing) = report["sandbox"].as_str() {
            assert!(std::env::var_os("UNCHARTED_REQUIRE_ALL").is_none(), "{missing}");
            eprintln!("skipped: needs Landlock and seccomp: {missing}");
            return;
        }
        assert_eq!(status, "NoNewPrivs:\t1 Seccomp:\t2");
        check(&output, "Permission denied");
        assert_eq!(report["summary"]["packets"], 20_000);
    }

    #[test]
    fn a_reader_without_its_sandbox_says_so() {
        let (output, status) = lured(&["--no-sandbox"]);
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["sandbox"], "off: --no-sandbox");
        assert_eq!(status, "NoNewPrivs:\t0 Seccomp:\t0");
        assert_eq!((output.status.code(), &report["summary"]["packets"]), (Some(1), &20_003.into()));
    }
}
