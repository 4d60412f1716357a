//! What a child takes away from itself before it starts to work.
//!
//! Everything happens in the child, by safe calls on itself: no code runs between fork and exec.

use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
    path_beneath_rules,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};

use super::Limits;

/// The newest Landlock version whose rights are asked for; older kernels enforce what they know.
const LANDLOCK_ABI: ABI = ABI::V5;

/// Where programs, libraries and the system's settings live. Of these a child may read and run.
const SYSTEM: [&str; 11] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/etc",
    "/opt",
    "/nix/store",
    "/proc/self",
    "/sys/devices/system/cpu",
];
/// Devices that any program may open.
const DEVICES: [&str; 4] = ["/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"];
/// Files of [`SYSTEM`] that are often links to elsewhere; what they point at may be read, not its
/// neighbours: `/run` also holds the tokens of service accounts.
const LINKED: [&str; 3] = ["/etc/resolv.conf", "/etc/hosts", "/etc/localtime"];

/// Variables that name further places of this kind.
const NAMED_BY: [&str; 3] = ["PATH", "SSL_CERT_FILE", "SSL_CERT_DIR"];

/// What a child may touch besides programs, libraries and the system's settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sandbox {
    /// Files and directories that may be read.
    pub read: Vec<PathBuf>,
    /// Directories in which everything may be done; they must exist.
    pub write: Vec<PathBuf>,
}

/// How far the kernel holds a child to its [`Sandbox`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Enforcement {
    /// Every file rule is enforced.
    Full,
    /// Some rules are: an older kernel.
    Partial,
    /// None is: the kernel has no Landlock, or it is switched off.
    None,
}

impl Enforcement {
    /// In one word, for metrics and status.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Partial => "partial",
            Self::None => "none",
        }
    }
}

/// Sets limits of memory, file size and core dumps on this process and all that it starts.
pub(super) fn limit(limits: &Limits) -> Result<(), rustix::io::Errno> {
    let wanted = [
        (Resource::Core, 0),
        (Resource::Data, memory_bytes_max(limits)),
        (Resource::Fsize, limits.file_bytes_max),
    ];
    wanted.into_iter().try_for_each(|(resource, value)| {
        setrlimit(resource, lowered(getrlimit(resource).maximum, value))
    })
}

/// A limit of `value`, or the one that somebody has set already: nobody may raise that.
fn lowered(set: Option<u64>, value: u64) -> Rlimit {
    let value = set.map_or(value, |set| set.min(value));
    Rlimit { current: Some(value), maximum: Some(value) }
}

/// What one child may use: its limit, but no more than half of what the container has, which
/// would otherwise be ended as a whole by one large repository.
fn memory_bytes_max(limits: &Limits) -> u64 {
    let container = std::fs::read_to_string(CONTAINER_MEMORY).unwrap_or_default();
    // `max`, or no file at all: there is no limit.
    container.trim().parse().map_or(limits.memory_bytes_max, |bytes: u64| {
        limits.memory_bytes_max.min((bytes / 2).max(MEMORY_BYTES_MIN))
    })
}

/// Where a container finds how much memory it may use (control groups, version 2).
const CONTAINER_MEMORY: &str = "/sys/fs/cgroup/memory.max";
/// A child with less than this can't fetch anything.
const MEMORY_BYTES_MIN: u64 = 128 * 1024 * 1024;

/// Gives up all access to files outside `sandbox`, as far as the kernel can enforce it. Must run
/// before the first thread is started: a thread keeps what its parent had.
pub(super) fn confine(sandbox: &Sandbox) -> Result<Enforcement, landlock::RulesetError> {
    let read = AccessFs::from_read(LANDLOCK_ABI);
    let all = AccessFs::from_all(LANDLOCK_ABI);
    let linked = LINKED.iter().filter_map(|path| std::fs::canonicalize(path).ok());
    // Where this machine keeps its programs and whom it trusts, when not in the usual places.
    let set = NAMED_BY.iter().filter_map(std::env::var_os);
    let named = set.flat_map(|paths| std::env::split_paths(&paths).collect::<Vec<_>>());
    let readable =
        SYSTEM.iter().map(PathBuf::from).chain(linked).chain(named).chain(sandbox.read.clone());
    let writable = DEVICES.iter().map(PathBuf::from).chain(sandbox.write.clone());
    // A path that does not exist has nothing to be allowed: the helper leaves it out.
    let status = Ruleset::default()
        .handle_access(all)?
        .create()?
        .add_rules(path_beneath_rules(readable, read))?
        .add_rules(path_beneath_rules(writable, all))?
        .restrict_self()?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => Enforcement::Full,
        RulesetStatus::PartiallyEnforced => Enforcement::Partial,
        RulesetStatus::NotEnforced => Enforcement::None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_the_surroundings_is_kept_where_it_is_lower() {
        for (set, wanted) in [(None, 10), (Some(20), 10), (Some(5), 5)] {
            let limit = lowered(set, 10);
            assert_eq!((limit.current, limit.maximum), (Some(wanted), Some(wanted)));
        }
    }
}
