//! A file in memory: the one place of the benches that needs `unsafe`.

use std::fs::File;
use std::io::Result;
use std::path::Path;

use memmap2::Mmap;

/// Maps a file that nobody writes to.
///
/// # Errors
/// That it cannot be opened or mapped.
pub fn map(path: &Path) -> Result<Mmap> {
    let file = File::open(path)?;
    #[expect(unsafe_code, reason = "a generated capture is written whole before it is read")]
    // SAFETY: the mapping is private and read-only; a writer would break the measurement, which runs alone.
    unsafe {
        Mmap::map(&file)
    }
}
