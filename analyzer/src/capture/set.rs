//! From what was named on the command line to the files of one observation.

use crate::capture::error::{CaptureError, ErrorKind, place};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// One capture argument.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Input {
    /// A file, a directory, or a glob where no file has that very name.
    Path(PathBuf),
    /// Standard input.
    Stdin,
}

impl Input {
    /// An argument as typed; `-` is standard input.
    pub fn from_arg(arg: &OsStr) -> Self {
        if arg == "-" { Self::Stdin } else { Self::Path(PathBuf::from(arg)) }
    }
}

/// A file that was met and not read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Skipped {
    pub path: String,
    pub reason: String,
}

/// A file that may be a capture; no path is standard input.
#[derive(Debug)]
pub(crate) struct Member {
    pub path: Option<PathBuf>,
    /// Which input brought it.
    pub input: usize,
    /// A directory or glob brought it: where it is no capture it is skipped.
    pub gathered: bool,
}

impl Member {
    pub fn place(&self) -> String {
        self.path.as_deref().map_or_else(|| "-".to_owned(), place)
    }
}

/// Every file that the inputs stand for, those of a directory or glob in order of their names.
pub(crate) fn expand(inputs: &[Input]) -> Result<(Vec<Member>, Vec<Skipped>), CaptureError> {
    let (mut members, mut skipped) = (Vec::new(), Vec::new());
    let (mut met, mut stdin) = (BTreeSet::new(), false);
    for (input, argument) in inputs.iter().enumerate() {
        let Input::Path(path) = argument else {
            if std::mem::replace(&mut stdin, true) {
                return Err(inputs_error("-", "standard input once", "it twice"));
            }
            members.push(Member { path: None, input, gathered: false });
            continue;
        };
        let (paths, gathered) = match std::fs::metadata(path) {
            Ok(facts) if facts.is_dir() => (directory(path)?, true),
            Ok(_) => (vec![path.clone()], false),
            Err(cause) => match path.to_str().filter(|text| text.contains(['*', '?', '['])) {
                Some(pattern) => (matches(pattern)?, true),
                None => return Err(CaptureError::unreadable(&place(path), &cause)),
            },
        };
        for path in paths {
            if met.insert(path.canonicalize().unwrap_or_else(|_| path.clone())) {
                members.push(Member { path: Some(path), input, gathered });
            } else {
                skipped.push(Skipped { path: place(&path), reason: "named twice".to_owned() });
            }
        }
    }
    if inputs.is_empty() {
        return Err(inputs_error("captures", "a file, a directory, a glob or `-`", "nothing"));
    }
    Ok((members, skipped))
}

/// That an input stands for no capture at all.
pub(crate) fn nothing_in(input: &Input, others: usize) -> CaptureError {
    let place = match input {
        Input::Path(path) => place(path),
        Input::Stdin => "-".to_owned(),
    };
    let found = if others == 0 { "no file".to_owned() } else { format!("{others} other files") };
    inputs_error(&place, "at least one capture", &found)
}

fn inputs_error(place: &str, expected: &str, found: &str) -> CaptureError {
    CaptureError::new(ErrorKind::Inputs, place, expected, found, "")
}

fn directory(path: &Path) -> Result<Vec<PathBuf>, CaptureError> {
    let unreadable = |cause| CaptureError::unreadable(&place(path), &cause);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") && is_regular(&entry.path()) {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

fn matches(pattern: &str) -> Result<Vec<PathBuf>, CaptureError> {
    let found = glob::glob(pattern)
        .map_err(|cause| inputs_error(pattern, "a file, or a glob such as `*.pcap`", cause.msg))?;
    let mut paths: Vec<PathBuf> = found.filter_map(Result::ok).filter(|path| is_regular(path)).collect();
    paths.sort();
    Ok(paths)
}

fn is_regular(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|facts| facts.is_file())
}
