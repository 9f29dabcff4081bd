//! Running the program over captures, and where captures are.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

/// Captures that others recorded. They are no part of the project: without them tests say so and pass.
pub fn shared_captures() -> Option<PathBuf> {
    let from_variable = std::env::var_os("UNCHARTED_SHARED_CAPTURES").map(PathBuf::from);
    let beside = ["../../shared/captures", "../../../shared/captures"];
    let near = beside.iter().map(|path| Path::new(env!("CARGO_MANIFEST_DIR")).join(path));
    let found = from_variable.into_iter().chain(near).find(|path| path.is_dir());
    if found.is_none() {
        eprintln!("skipped: needs the captures of others; UNCHARTED_SHARED_CAPTURES names their folder");
    }
    found
}

/// The project's own captures.
pub fn own_captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../captures")
}

/// The program with these arguments, to its end, without a terminal.
pub fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_uncharted"))
        .args(arguments)
        .env_remove("NO_COLOR")
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap()
}

/// Every flow of a capture, as `flows` writes it.
pub fn flows(capture: &Path) -> Vec<Value> {
    let output = run(&["flows", capture.to_str().unwrap()]);
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What `check --format json` writes of a capture; `None` where it writes nothing.
pub fn audit(capture: &Path, more: &[&str]) -> Option<Value> {
    let path = capture.to_str().unwrap();
    let output = run(&[&["check", "--format", "json", "--fail-on", "never", path], more].concat());
    (!output.stdout.is_empty()).then(|| serde_json::from_slice(&output.stdout).unwrap())
}

/// The files of a folder with one of these endings, sorted.
pub fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries
        .filter(|path| path.is_file())
        .filter(|path| endings.is_empty() || endings.iter().any(|end| path.to_str().unwrap().ends_with(end)))
        .collect();
    files.sort();
    files
}

/// `work` done for every item, as many at a time as there are processors, in the order of the items.
pub fn each<I: Sync, T: Send>(items: &[I], work: impl Fn(&I) -> T + Sync) -> Vec<T> {
    let done = Mutex::new(Vec::new());
    let next = Mutex::new(0..items.len());
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let at = next.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(at) = at else { break };
                    let result = work(&items[at]);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((at, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}
