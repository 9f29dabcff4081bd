//! What the process gives up once its interfaces are open.
//!
//! Source: capabilities(7), prctl(2) (no_new_privs, keep capabilities), landlock(7), seccomp(2).
//! Capture threads keep CAP_NET_RAW alone, so as to open an interface that comes back, and look into no packet;
//! every thread that looks into packets has no capability at all.

use std::collections::BTreeMap;
use std::path::PathBuf;

use caps::{CapSet, Capability, CapsHashSet};
use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus,
};
use nix::libc;
use nix::unistd::{Gid, Uid, User, geteuid, setgroups, setresgid, setresuid};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

/// What is still needed afterwards.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Needs {
    /// The user to become, where we are root.
    pub user: String,
    /// Folders that tables, site and snapshot are read from.
    pub read: Vec<PathBuf>,
    /// Folders that audits and findings are written to.
    pub write: Vec<PathBuf>,
}

/// The user who owns nothing, on every Linux.
pub const NOBODY: &str = "nobody";

/// Root gives itself up; the thread and all that it starts keep CAP_NET_RAW. What holds, for the log.
///
/// # Errors
/// That there is no such user, or that the system refuses: then nothing is to be judged.
pub fn drop_root(needs: &Needs) -> Result<Vec<String>, String> {
    let mut holds = Vec::new();
    let keeps = CapsHashSet::from([Capability::CAP_NET_RAW]);
    if geteuid().is_root() && needs.user != "root" {
        let (uid, gid) = ids(&needs.user)?;
        // Without the right to, the bounding set stays; permitted sets are emptied all the same.
        let is_bound = caps::clear(None, CapSet::Bounding).is_ok();
        caps::securebits::set_keepcaps(true).map_err(|error| said("keep CAP_NET_RAW", &error))?;
        setgroups(&[]).map_err(|error| said("leave all groups", &error))?;
        setresgid(gid, gid, gid).map_err(|error| said("change the group", &error))?;
        setresuid(uid, uid, uid).map_err(|error| said("change the user", &error))?;
        if Uid::effective().is_root() {
            return Err(format!("user {}: expected one who is not root", needs.user));
        }
        holds.push(format!("user {} ({uid})", needs.user));
        if is_bound {
            holds.push("empty capability bounding set".to_owned());
        }
    }
    let permitted = caps::read(None, CapSet::Permitted).map_err(|error| said("read capabilities", &error))?;
    let kept: CapsHashSet = permitted.intersection(&keeps).copied().collect();
    for set in [CapSet::Ambient, CapSet::Inheritable] {
        // Kernels before 4.3 have no ambient set, and then there is nothing in it.
        let _ = caps::clear(None, set);
    }
    caps::set(None, CapSet::Effective, &kept).map_err(|error| said("drop capabilities", &error))?;
    caps::set(None, CapSet::Permitted, &kept).map_err(|error| said("drop capabilities", &error))?;
    caps::set(None, CapSet::Effective, &kept).map_err(|error| said("drop capabilities", &error))?;
    nix::sys::prctl::set_no_new_privs().map_err(|error| said("set no_new_privs", &error))?;
    holds.push("no_new_privs".to_owned());
    holds.push(landlock(needs));
    holds.push(seccomp(true));
    Ok(holds)
}

/// The user and its group, by name or, where the host (an image from scratch) knows no names, by number.
fn ids(user: &str) -> Result<(Uid, Gid), String> {
    match (User::from_name(user), user.parse::<u32>()) {
        (Ok(Some(user)), _) => Ok((user.uid, user.gid)),
        (_, Ok(number)) => Ok((Uid::from_raw(number), Gid::from_raw(number))),
        (Err(error), _) => Err(said("look the user up", &error)),
        (Ok(None), _) => Err(format!(
            "user {user}: expected one that this host knows or a number, found neither; see --user"
        )),
    }
}

fn said(what: &str, error: &dyn std::fmt::Display) -> String {
    format!("expected to {what}, found `{error}`")
}

/// The rest gives CAP_NET_RAW up too: to be called once the capture threads run.
///
/// # Errors
/// That the system refuses.
pub fn drop_rest() -> Result<Vec<String>, String> {
    for set in [CapSet::Effective, CapSet::Permitted] {
        caps::clear(None, set).map_err(|error| format!("expected to drop capabilities, found `{error}`"))?;
    }
    let mut holds = vec!["no capabilities but CAP_NET_RAW on capture threads".to_owned()];
    let sockets = seccomp(false);
    if sockets != "seccomp" {
        holds.push(format!("{sockets} for packet sockets"));
    }
    Ok(holds)
}

/// Files elsewhere cannot be opened any more. Kernels without Landlock go without, and it is said.
fn landlock(needs: &Needs) -> String {
    match landlocked(needs) {
        Ok(RulesetStatus::FullyEnforced) => "Landlock".to_owned(),
        Ok(RulesetStatus::PartiallyEnforced) => "Landlock (in part: an older kernel)".to_owned(),
        Ok(RulesetStatus::NotEnforced) => "no Landlock (this kernel has none)".to_owned(),
        Err(error) => format!("no Landlock ({error})"),
    }
}

fn landlocked(needs: &Needs) -> Result<RulesetStatus, landlock::RulesetError> {
    let abi = ABI::V3;
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))?
        .create()?;
    // libpcap looks an interface up here when it comes back; our own memory use is read from /proc.
    let reads = [PathBuf::from("/sys"), PathBuf::from("/proc")];
    for path in reads.iter().chain(&needs.read) {
        if let Ok(place) = PathFd::new(path) {
            rules = rules.add_rule(PathBeneath::new(place, AccessFs::from_read(abi)))?;
        }
    }
    for path in &needs.write {
        if let Ok(place) = PathFd::new(path) {
            rules = rules.add_rule(PathBeneath::new(place, AccessFs::from_all(abi)))?;
        }
    }
    Ok(rules.restrict_self()?.ruleset)
}

/// What nobody here ever calls; a few are the usual next step of whoever broke in.
const FORBIDDEN: &[libc::c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_open_by_handle_at,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_sethostname,
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setgroups,
];

/// Forbids system calls to this thread and all that it starts.
fn seccomp(may_capture: bool) -> String {
    match filter(may_capture) {
        Ok(program) => match seccompiler::apply_filter(&program) {
            Ok(()) => "seccomp".to_owned(),
            Err(error) => format!("no seccomp ({error})"),
        },
        Err(error) => format!("no seccomp ({error})"),
    }
}

fn filter(may_capture: bool) -> Result<BpfProgram, seccompiler::BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    if may_capture {
        rules.extend(FORBIDDEN.iter().map(|&call| (call, Vec::new())));
    } else {
        let packet = u64::from(libc::AF_PACKET.unsigned_abs());
        let is_packet = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, packet)?;
        rules.insert(libc::SYS_socket, vec![SeccompRule::new(vec![is_packet])?]);
    }
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch)?.try_into()
}
