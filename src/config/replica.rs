//! What one of several replicas is called, and where the others find it.

use std::{
    collections::hash_map::RandomState,
    fs,
    hash::{BuildHasher as _, Hasher as _},
    net::IpAddr,
};

/// Where Linux keeps the name of the machine; in a pod that is the pod's.
const HOST_NAME_FILE: &str = "/proc/sys/kernel/hostname";
/// Longest part of an identity that comes from the machine.
const NAME_CHARS_MAX: usize = 100;

/// One of several replicas that share the applications.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replica {
    /// Of the pod or the machine.
    pub name: String,
    /// Where the others reach it; `None` for the address that it listens on.
    pub ip: Option<IpAddr>,
}

impl Replica {
    /// As the surroundings have it: `POD_NAME` and `POD_IP`, or the name of the machine.
    pub(super) fn observe() -> Self {
        let variable = |name| std::env::var_os(name)?.into_string().ok().filter(|v| !v.is_empty());
        let host = || fs::read_to_string(HOST_NAME_FILE).ok();
        Self {
            name: variable("POD_NAME").or_else(host).unwrap_or_default(),
            ip: variable("POD_IP").and_then(|ip| ip.parse().ok()),
        }
    }

    /// A name that this replica has had at no time before, and that Kubernetes takes for an object.
    pub fn identity(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        let name: String = self.name.trim().chars().take(NAME_CHARS_MAX).map(plain).collect();
        let name = name.trim_matches('-');
        let name = name.strip_prefix("steadfast-").unwrap_or(name);
        let name = if name.is_empty() { "replica" } else { name };
        // Each state hashes with keys of its own.
        let random = RandomState::new().build_hasher().finish() >> 32;
        format!("steadfast-{name}-{random:08x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_tells_who_it_is_and_never_comes_back() {
        let replica = |name: &str| Replica { name: name.to_owned(), ip: None };
        for (name, begin) in [
            ("steadfast-5d4f-x2v9k", "steadfast-5d4f-x2v9k-"),
            ("Eva's_Laptop\n", "steadfast-eva-s-laptop-"),
            ("", "steadfast-replica-"),
        ] {
            let identity = replica(name).identity();
            let suffix = identity.strip_prefix(begin).unwrap_or_else(|| panic!("{identity}"));
            assert_eq!(suffix.len(), 8, "{identity}");
            assert_ne!(replica(name).identity(), identity);
        }
        assert!(replica(&"x".repeat(300)).identity().len() <= 253);
    }
}
