//! The fuzz targets' way to the entries.

mod entries;

/// Gives `data` to the entry of this name.
///
/// # Panics
/// Where the entry finds a defect, or there is none of that name.
pub fn run(name: &str, data: &[u8]) {
    let entry = entries::ALL.iter().find(|entry| entry.name == name);
    (entry.expect("a target is named as its entry").run)(data);
}
