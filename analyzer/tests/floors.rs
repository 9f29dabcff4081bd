//! The floors of the house: every file imports only from the floors below its own.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each floor and those that it may import, besides itself.
const FLOORS: &[(&str, &[&str])] = &[
    (
        "cli",
        &["live", "capture", "report", "audit", "verdict", "policy", "protocol", "flow", "packet", "net"],
    ),
    ("live", &["capture", "report", "audit", "verdict", "policy", "packet", "net"]),
    ("report", &["audit", "verdict", "policy", "protocol", "net"]),
    ("audit", &["verdict", "policy", "protocol", "flow", "packet", "net"]),
    ("verdict", &["policy", "protocol", "flow", "net"]),
    ("policy", &["protocol", "net"]),
    ("protocol", &["flow", "net"]),
    ("flow", &["packet", "net"]),
    ("capture", &["packet", "net"]),
    ("packet", &["net"]),
    ("net", &[]),
];

/// Folders whose files stand side by side: none imports another, but for the helpers named.
const NEIGHBOURS: &[(&str, &[&str])] = &[("verdict/checks", &[])];

/// What the core never names: files, sockets, clocks, the environment, printing, asynchrony.
const NEVER_IN_CORE: &[&str] = &[
    "std::fs",
    "std::net::Tcp",
    "std::net::Udp",
    "std::env",
    "std::process",
    "SystemTime",
    "Instant::now",
    "println!",
    "eprintln!",
    "print!(",
    "async fn",
    "tokio",
    ".await",
    "rand::",
    "std::thread",
];

const CORE: &[&str] = &["net", "packet", "flow", "protocol", "policy", "verdict", "audit", "report"];

struct Source {
    /// Below `src`: `flow/table.rs`.
    path: String,
    floor: String,
    /// Without its test module and comments.
    code: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files: Vec<PathBuf> = Vec::new();
    gather(&root, &mut files);
    files.sort();
    files
        .iter()
        .filter_map(|file| {
            let path = file.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
            let floor = path.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
            let text = fs::read_to_string(file).unwrap();
            let is_test_only = text.contains("#![cfg(test)]");
            (!is_test_only && floor != "main" && floor != "lib").then(|| Source {
                path,
                floor,
                code: plain(&text),
            })
        })
        .collect()
}

fn gather(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The code before the tests, comments left out.
fn plain(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The modules of the crate that the code names after `crate::`, groups opened by one level.
fn imports(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        if let Some(group) = rest.strip_prefix('{') {
            let group = group.split('}').next().unwrap();
            found.extend(group.split(',').map(|name| name.trim().split("::").next().unwrap().to_owned()));
        } else {
            found.insert(name(rest));
        }
    }
    found
}

fn name(text: &str) -> String {
    text.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
}

/// Files that only tests compile: declared under `#[cfg(test)]` in their folder's door.
fn test_only(sources: &[Source]) -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeSet::new();
    for source in sources.iter().filter(|source| source.path.ends_with("mod.rs")) {
        let text = fs::read_to_string(root.join(&source.path)).unwrap();
        for rest in text.split("#[cfg(test)]\nmod ").skip(1) {
            found.insert(source.path.replace("mod.rs", &format!("{}.rs", name(rest))));
        }
    }
    found
}

#[test]
fn every_file_imports_only_from_the_floors_below() {
    let sources = sources();
    let tests = test_only(&sources);
    assert!(sources.len() > 80, "the walk found only {} files", sources.len());
    let mut wrong = Vec::new();
    for source in sources.iter().filter(|source| !tests.contains(&source.path)) {
        let Some((_, allowed)) = FLOORS.iter().find(|(floor, _)| *floor == source.floor) else {
            wrong.push(format!("{}: `{}` is no floor of the house", source.path, source.floor));
            continue;
        };
        for import in imports(&source.code) {
            if import != source.floor && !allowed.contains(&import.as_str()) {
                wrong.push(format!(
                    "{}: imports `{import}`, which does not stand below `{}`",
                    source.path, source.floor
                ));
            }
        }
        if source.code.contains("super::") {
            wrong.push(format!(
                "{}: names `super::`; import from the file that defines the thing",
                source.path
            ));
        }
        if source.code.contains("pub use ") {
            wrong.push(format!("{}: re-exports; import from the file that defines the thing", source.path));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_core_opens_nothing_reads_no_clock_and_prints_nothing() {
    let mut wrong = Vec::new();
    let sources = sources();
    let tests = test_only(&sources);
    for source in
        sources.iter().filter(|source| CORE.contains(&source.floor.as_str()) && !tests.contains(&source.path))
    {
        for never in NEVER_IN_CORE.iter().filter(|never| source.code.contains(*never)) {
            wrong.push(format!("{}: names `{never}`", source.path));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_protocol_imports_no_other_protocol_and_a_check_no_other_check() {
    let sources = sources();
    let door = sources.iter().find(|source| source.path == "protocol/mod.rs").unwrap();
    let members: BTreeSet<String> = door
        .code
        .lines()
        .filter_map(|line| {
            line.trim().strip_prefix('&')?.split_once("::").map(|(module, _)| module.to_owned())
        })
        .collect();
    assert!(members.len() >= 35, "the registry shows only {members:?}");
    let mut wrong = Vec::new();
    for source in &sources {
        let Some(file) = source.path.strip_prefix("protocol/").map(|file| file.trim_end_matches(".rs"))
        else {
            continue;
        };
        if file == "mod" {
            continue;
        }
        for rest in source.code.split("protocol::").skip(1) {
            let import = name(rest);
            if members.contains(&import) && import != file {
                wrong.push(format!("{}: imports the protocol `{import}`", source.path));
            }
        }
    }
    for (folder, helpers) in NEIGHBOURS {
        let module = folder.replace('/', "::");
        for source in sources
            .iter()
            .filter(|source| source.path.starts_with(folder) && !source.path.ends_with("mod.rs"))
        {
            for rest in source.code.split(&format!("{module}::")).skip(1) {
                let import = name(rest);
                if !helpers.contains(&import.as_str()) {
                    wrong.push(format!("{}: imports its neighbour `{import}`", source.path));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_probe_names_no_port_and_no_address() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| source.path.starts_with("protocol/")) {
        for never in ["Endpoint", ".port", "flow::record", "flow::table", "flow::key"] {
            if source.code.contains(never) {
                wrong.push(format!("{}: names `{never}`", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn asynchrony_lives_in_one_place() {
    for source in sources().iter().filter(|source| source.floor != "live" && source.floor != "cli") {
        assert!(!source.code.contains("tokio"), "{}: names tokio", source.path);
    }
}
