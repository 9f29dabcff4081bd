//! Tables and sites from files, and the policy they make.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::cli::args::PolicyArgs;
use crate::cli::output::{Failure, complain};
use crate::policy::index::Policy;
use crate::policy::kubernetes::parse_snapshot;
use crate::policy::shipped;
use crate::policy::site::Site;
use crate::policy::site_check::check_site;
use crate::policy::site_file::parse_site;
use crate::policy::table::Table;
use crate::policy::table_file::parse_table;
use crate::verdict::reason::Reason;

/// A table or a site file of more bytes than this is none. The longest shipped one has 20 KiB.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// The policy that the arguments ask for.
///
/// Tables are those of `--table`, else those that the site names, else all of Genesys'.
///
/// # Errors
/// The first mistake in a table or the site file, with its place.
pub fn policy(args: &PolicyArgs) -> Result<Policy, Failure> {
    let mut site = args.site.as_deref().map(site).transpose()?;
    let mut tables = Vec::new();
    if !args.tables.is_empty() {
        for name in &args.tables {
            tables.push(table(name, Path::new("."))?);
        }
    } else if let (Some(site), Some(path)) = (&site, &args.site)
        && !site.tables.is_empty()
    {
        let folder = path.parent().unwrap_or(Path::new("."));
        for name in &site.tables {
            tables.push(table(name, folder)?);
        }
    } else {
        for name in shipped::names().filter(|name| name.starts_with("genesys/")) {
            tables.push(table(name, Path::new("."))?);
        }
    }
    distinct(&tables)?;
    if let Some(site) = &site {
        let reasons: Vec<&str> = Reason::waivable().map(Reason::name).collect();
        for remark in check_site(site, &tables, &reasons)? {
            complain(&remark.to_string());
        }
    }
    if let Some(site) = &mut site {
        bind_pods(site, args.kubernetes.as_deref())?;
    }
    Ok(Policy::compile(tables, site))
}

/// Puts addresses in place of pods.
fn bind_pods(site: &mut Site, snapshot: Option<&Path>) -> Result<(), Failure> {
    let of_rows = site.rows.values().flat_map(|ends| ends.source.iter().chain(&ends.destination));
    let names_pods = site
        .roles
        .iter()
        .flat_map(|(_, bindings)| bindings)
        .chain(of_rows)
        .any(|binding| binding.pods.is_some());
    let Some(path) = snapshot else {
        return if names_pods {
            let line = "the site binds roles to pods: expected a snapshot of the cluster, found none; give --kubernetes FILE";
            Err(Failure::Said(format!("{}: {line}", site.path)))
        } else {
            Ok(())
        };
    };
    let snapshot = parse_snapshot(&read_text(path)?, &path.display().to_string())?;
    for role in snapshot.bind(site) {
        complain(&format!(
            "{}: warning: no pod of the snapshot fills {role:?}: it is bound to nothing",
            site.path
        ));
    }
    Ok(())
}

/// The files that tables are read from.
///
/// # Errors
/// The first mistake in the site file, with its place.
pub fn table_files(args: &PolicyArgs) -> Result<Vec<PathBuf>, Failure> {
    let of_site = args.site.as_deref().map(site).transpose()?.map_or_else(Vec::new, |site| site.tables);
    let (names, folder) = match (args.tables.is_empty(), &args.site) {
        (true, Some(site)) => (&of_site, site.parent().unwrap_or(Path::new("."))),
        _ => (&args.tables, Path::new(".")),
    };
    Ok(names.iter().filter(|name| shipped::table(name).is_none()).map(|name| folder.join(name)).collect())
}

/// A shipped table by name, or a file; a relative path is taken from `folder`.
///
/// # Errors
/// That there is no such table, or the first mistake in it.
pub fn table(name: &str, folder: &Path) -> Result<Table, Failure> {
    if let Some(table) = shipped::table(name) {
        return Ok(table?);
    }
    let path: PathBuf = folder.join(name);
    if !path.is_file() {
        let known: Vec<&str> = shipped::names().collect();
        return Err(Failure::Said(format!(
            "{name}: expected a shipped table ({}) or a file, found neither",
            known.join(", ")
        )));
    }
    let text = read_text(&path)?;
    Ok(parse_table(&text, &path.display().to_string())?)
}

fn site(path: &Path) -> Result<Site, Failure> {
    let text = read_text(path)?;
    Ok(parse_site(&text, &path.display().to_string())?)
}

/// The text of a file of tables, site or audit.
///
/// # Errors
/// One line with the path and the cause.
pub fn read_text(path: &Path) -> Result<String, Failure> {
    let place = path.display();
    let unreadable =
        |error: std::io::Error| Failure::Said(format!("{place}: expected a readable file, found `{error}`"));
    // A device has no length: what is read is bounded, whatever is said of it.
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(Failure::Said(format!("{place}: expected at most {MAX_FILE_BYTES} bytes, found more")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::Said(format!("{place}: expected UTF-8 text, found another byte at offset {at}"))
    })
}

fn distinct(tables: &[Table]) -> Result<(), Failure> {
    let mut names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair.first() == pair.last()) {
        Some([twice, ..]) => {
            Err(Failure::Said(format!("table {twice}: expected each table once, found it twice")))
        }
        _ => Ok(()),
    }
}
