//! `watch`: live interfaces.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::audit::Options;
use crate::capture::interface::{Options as CaptureOptions, WAKE_MS};
use crate::cli::args::{Scope, Separate, WatchArgs};
use crate::cli::load;
use crate::cli::output::{Done, Failure};
use crate::flow::table::{MAX_FLOWS, MAX_OPENINGS};
use crate::live::confine::Needs;
use crate::live::watch::{Watch, run as watch};
use crate::live::write::Sink;

/// What a flow costs without its opening, its place in the table's index and in the line for a second look included.
const FLOW_BYTES: u64 = 512;

/// What an opening costs when both sides fill it.
const OPENING_BYTES: u64 = 10 * 1024;

/// Runs the command.
///
/// # Errors
/// What kept it from watching, or that the last audit could not be written.
pub fn run(args: WatchArgs) -> Done {
    let policy = load::policy(&args.policy)?;
    let listen = match args.listen.as_str() {
        "none" => None,
        address => Some(address.parse::<SocketAddr>().map_err(|_| {
            Failure::Said(format!(
                "--listen: expected an address such as 127.0.0.1:9469, or none, found `{address}`"
            ))
        })?),
    };
    let audit = options(&args);
    let fail_on = args.fail_on;
    let needs = needs(&args)?;
    let policy_args = args.policy.clone();
    let ended = watch(Watch {
        capture: CaptureOptions {
            snap_bytes: args.snaplen,
            buffer_bytes: u32::try_from(args.buffer).unwrap_or(u32::MAX),
            wake_ms: WAKE_MS,
            filter: args.filter.clone(),
            promiscuous: !args.no_promiscuous,
        },
        audit,
        policy,
        reload: Box::new(move || match load::policy(&policy_args) {
            Ok(policy) => Ok(policy),
            Err(Failure::Said(line)) => Err(line),
            Err(Failure::Quiet) => Err("no policy".to_owned()),
        }),
        watched: args.policy.kubernetes.iter().cloned().collect(),
        findings: args
            .findings
            .clone()
            .map_or(Sink::Stdout, |path| Sink::File { path, max_bytes: args.rotate }),
        repeat_every: args.repeat_every,
        reports: args.reports.clone(),
        report_every: args.report_every,
        window: args.window,
        listen,
        needs,
        end_after: args.end_after,
        interfaces: args.interfaces,
    })
    .map_err(Failure::Said)?;
    if ended.is_report_lost {
        return Err(Failure::Quiet);
    }
    Ok(!ended.severities.iter().any(|severity| fail_on.is_reached_by(severity)))
}

fn options(args: &WatchArgs) -> Options {
    let mut options = Options { judge_all: args.policy.scope == Scope::All, ..Options::default() };
    let bounds = &mut options.bounds;
    bounds.separate_vlan = args.separate.contains(&Separate::Vlan);
    bounds.separate_tunnel = args.separate.contains(&Separate::Tunnel);
    let at_most = |count: u64, most: usize| usize::try_from(count).unwrap_or(most).clamp(16, most);
    // Half for flows, half for openings: most flows are past theirs.
    let flows = at_most(args.max_memory / 2 / FLOW_BYTES, MAX_FLOWS);
    bounds.max_flows = args.max_flows.map_or(flows, |wanted| at_most(wanted, flows));
    bounds.max_openings = at_most(args.max_memory / 2 / OPENING_BYTES, MAX_OPENINGS).min(bounds.max_flows);
    options
}

/// The folders that are still needed once the process is confined.
fn needs(args: &WatchArgs) -> Result<Needs, Failure> {
    let folder = |path: &Path| -> PathBuf {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
    };
    let mut needs = Needs { user: args.user.clone(), ..Needs::default() };
    if let Some(site) = &args.policy.site {
        needs.read.push(folder(site));
    }
    needs.read.extend(load::table_files(&args.policy)?.iter().map(|path| folder(path)));
    needs.read.extend(args.policy.kubernetes.as_deref().map(folder));
    needs.write.extend(args.reports.clone());
    needs.write.extend(args.findings.as_deref().map(folder));
    Ok(needs)
}
