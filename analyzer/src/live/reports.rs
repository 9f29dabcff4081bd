//! Interim and final audits on disk: a file for each window, replaced whole or not at all.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::net::TimeNs;
use crate::report::json;
use crate::report::model::Report;

/// Where audits go.
#[derive(Clone, Debug)]
pub struct Folder(pub PathBuf);

impl Folder {
    /// The file of the window that began then: `audit-20261120T221500Z.json`.
    pub fn file(&self, from_ns: TimeNs) -> PathBuf {
        let name = jiff::Timestamp::from_nanosecond(i128::from(from_ns))
            .map_or_else(|_| from_ns.to_string(), |time| time.strftime("%Y%m%dT%H%M%SZ").to_string());
        self.0.join(format!("audit-{name}.json"))
    }

    /// Writes the audit of a window in place of the one before; that one stays where this fails.
    ///
    /// # Errors
    /// One line with the path and the cause.
    pub fn write(&self, report: &Report, from_ns: TimeNs) -> Result<PathBuf, String> {
        let path = self.file(from_ns);
        put(&self.0, &path, &json::render(report))
            .map_err(|error| format!("{}: expected to write the audit, found `{error}`", path.display()))?;
        Ok(path)
    }
}

fn put(folder: &Path, path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = tempfile::Builder::new().prefix(".uncharted-").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(PermissionsExt::from_mode(0o644))?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
