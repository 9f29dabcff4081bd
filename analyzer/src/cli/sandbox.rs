//! What the offline reader gives up before it opens the first capture.
//!
//! Source: landlock(7), seccomp(2). Files of a rotated set are opened late, so the rules name the captures' paths,
//! and a file put in the place of another is read under the same rules. `watch` has its own, in `live`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus,
};
use seccompiler::{BackendError, BpfProgram, SeccompAction, SeccompFilter, SeccompRule, TargetArch};

use crate::cli::args::CaptureArgs;

/// The Landlock version asked for; an older kernel holds what it knows. 5 has TCP and device commands too.
const LANDLOCK: ABI = ABI::V5;

/// What libpcap reads to give a filter's `port http` a number.
const NAMES: &[&str] = &["/etc/services", "/etc/protocols", "/etc/nsswitch.conf", "/etc/ethers"];

/// What a reader of files never calls, and whoever broke into one would: programs, the network, other
/// processes, the kernel's insides.
const FORBIDDEN: &[nix::libc::c_long] = &[
    nix::libc::SYS_execve,
    nix::libc::SYS_execveat,
    nix::libc::SYS_socket,
    nix::libc::SYS_connect,
    nix::libc::SYS_bind,
    nix::libc::SYS_ptrace,
    nix::libc::SYS_process_vm_readv,
    nix::libc::SYS_process_vm_writev,
    nix::libc::SYS_mount,
    nix::libc::SYS_umount2,
    nix::libc::SYS_pivot_root,
    nix::libc::SYS_chroot,
    nix::libc::SYS_unshare,
    nix::libc::SYS_setns,
    nix::libc::SYS_bpf,
    nix::libc::SYS_perf_event_open,
    nix::libc::SYS_userfaultfd,
    nix::libc::SYS_io_uring_setup,
    nix::libc::SYS_keyctl,
    nix::libc::SYS_add_key,
    nix::libc::SYS_request_key,
    nix::libc::SYS_init_module,
    nix::libc::SYS_finit_module,
    nix::libc::SYS_delete_module,
    nix::libc::SYS_kexec_load,
    nix::libc::SYS_reboot,
    nix::libc::SYS_open_by_handle_at,
    nix::libc::SYS_setuid,
    nix::libc::SYS_setgid,
    nix::libc::SYS_setresuid,
    nix::libc::SYS_setresgid,
];

/// Gives up all but reading the captures and writing below `write` (a file's folder, or a device itself).
///
/// What does not hold, in words for the report; `None` where all of it holds. To be called before any thread is
/// started: threads inherit it.
pub fn enter(args: &CaptureArgs, write: &[&Path]) -> Option<String> {
    if args.no_sandbox {
        return Some("off: --no-sandbox".to_owned());
    }
    let mut missing = Vec::new();
    match files(&readable(args), write) {
        Ok(RulesetStatus::FullyEnforced) => {}
        Ok(RulesetStatus::PartiallyEnforced) => {
            missing.push("Landlock holds in part: an older kernel".to_owned())
        }
        Ok(RulesetStatus::NotEnforced) => missing.push("no Landlock: this kernel has none".to_owned()),
        Err(error) => missing.push(format!("no Landlock: {error}")),
    }
    if let Err(error) = program()
        .map_err(|error| error.to_string())
        .and_then(|program| seccompiler::apply_filter(&program).map_err(|error| error.to_string()))
    {
        missing.push(format!("no seccomp: {error}"));
    }
    (!missing.is_empty()).then(|| missing.join("; "))
}

/// The captures, and for a glob the folder that its fixed part names.
fn readable(args: &CaptureArgs) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for path in args.captures.iter().filter(|path| path.as_os_str() != "-") {
        let is_wild = |part: &std::ffi::OsStr| part.to_string_lossy().contains(['*', '?', '[']);
        if path.exists() {
            paths.push(path.clone());
            continue;
        }
        let fixed: PathBuf = path.iter().take_while(|part| !is_wild(part)).collect();
        paths.push(if fixed.as_os_str().is_empty() { PathBuf::from(".") } else { fixed });
    }
    if args.filter.is_some() {
        paths.extend(NAMES.iter().map(PathBuf::from));
    }
    paths
}

fn files(read: &[PathBuf], write: &[&Path]) -> Result<RulesetStatus, RulesetError> {
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(LANDLOCK))?
        .handle_access(AccessNet::from_all(LANDLOCK))?
        .create()?;
    for path in read {
        rules = allow(rules, path, AccessFs::from_read(LANDLOCK))?;
    }
    for path in write {
        if path.exists() && !path.is_dir() && !path.is_file() {
            rules = allow(rules, path, AccessFs::WriteFile.into())?;
            continue;
        }
        let folder = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new(".")) };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        rules = allow(rules, folder, AccessFs::from_all(LANDLOCK) & !AccessFs::Execute)?;
    }
    Ok(rules.restrict_self()?.ruleset)
}

/// One rule; a path that is not there needs none, and reading it says so.
fn allow(
    rules: landlock::RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<landlock::RulesetCreated, RulesetError> {
    let Ok(place) = PathFd::new(path) else { return Ok(rules) };
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(LANDLOCK) };
    rules.add_rule(PathBeneath::new(place, access))
}

fn program() -> Result<BpfProgram, BackendError> {
    let rules: BTreeMap<i64, Vec<SeccompRule>> = FORBIDDEN.iter().map(|&call| (call, Vec::new())).collect();
    let refuse = SeccompAction::Errno(nix::libc::EPERM.unsigned_abs());
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch)?.try_into()
}
