//! Writing: reports to standard output or a file, all else to standard error.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::report::words::shown;

/// Why a command could not do its work.
#[derive(Debug)]
pub enum Failure {
    /// One line for the user: place, expected, found, mend.
    Said(String),
    /// Everything was said already.
    Quiet,
}

impl<E: Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Said(error.to_string())
    }
}

/// What every command comes to: `true` for nothing found.
pub type Done = Result<bool, Failure>;

/// One line on standard error.
pub fn complain(line: &str) {
    // Nobody is left to tell where standard error is closed.
    let _ = writeln!(std::io::stderr(), "uncharted: {}", shown(line));
}

/// Writes a report to `output`, or to standard output.
///
/// A file appears whole or not at all: it is written beside its name, synced and renamed.
///
/// # Errors
/// A line that names the file and the cause.
pub fn write(text: &str, output: Option<&Path>) -> Result<(), Failure> {
    match output {
        None => write_stdout(text),
        Some(path) => write_file(text.as_bytes(), path).map_err(|error| {
            Failure::Said(format!("{}: expected to write the report, found `{error}`", path.display()))
        }),
    }
}

fn write_stdout(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    // A pipe that was closed early (`head`) too: a report that was cut is none, and a script must not take it for one.
    written.map_err(|error| {
        Failure::Said(format!("standard output: expected to write the report, found `{error}`"))
    })
}

/// The file that is being written beside its name.
static HALF_WRITTEN: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Removes what is half written, for somebody who ends the program in the middle.
pub fn abandon() {
    if let Some(path) = HALF_WRITTEN.lock().unwrap_or_else(PoisonError::into_inner).take() {
        // It is our own; where it is gone already there is nothing to do.
        let _ = std::fs::remove_file(path);
    }
}

/// Writes bytes to a file, whole or not at all.
///
/// # Errors
/// A line that names the file and the cause.
pub fn write_bytes(bytes: &[u8], path: &Path) -> Result<(), Failure> {
    write_file(bytes, path)
        .map_err(|error| Failure::Said(format!("{}: expected to write it, found `{error}`", path.display())))
}

fn write_file(bytes: &[u8], path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if path.exists() && !path.is_file() {
        // A device or a pipe is written to as it is.
        return std::fs::OpenOptions::new().write(true).open(path)?.write_all(bytes);
    }
    let mut file = tempfile::Builder::new().prefix(".uncharted-").tempfile_in(folder)?;
    *HALF_WRITTEN.lock().unwrap_or_else(PoisonError::into_inner) = Some(file.path().to_owned());
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(permissions)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Columns to lay a report out for.
pub fn columns(wanted: Option<usize>) -> usize {
    /// Where standard output is no terminal and nothing is said.
    const DEFAULT: usize = 100;
    wanted
        .or_else(|| std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()))
        .or_else(|| std::io::stdout().is_terminal().then(terminal_columns).flatten())
        .unwrap_or(DEFAULT)
}

fn terminal_columns() -> Option<usize> {
    terminal_size::terminal_size().map(|(terminal_size::Width(columns), _)| usize::from(columns))
}

/// Whether a report on standard output may be coloured: a terminal, and nobody said NO_COLOR.
pub fn may_colour(is_to_file: bool) -> bool {
    !is_to_file && anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never
}
