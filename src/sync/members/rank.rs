//! Which member an application belongs to: rendezvous hashing.
//!
//! Each pair of member and application has a rank, and the member with the highest one owns the
//! application. Whoever joins takes a share from everybody, whoever leaves gives its own to everybody,
//! and nothing else moves. Of two members that know each other only one can think that it is the
//! owner, whomever else they know: the order of their ranks depends on these two alone.

use sha2::{Digest, Sha256};

/// The rank of a member for an application. Equal ranks are told apart by the name.
pub(crate) fn rank<'a>(member: &'a str, app: &str) -> (u64, &'a str) {
    let mut hash = Sha256::new();
    hash.update(member.as_bytes());
    // Neither name can hold this byte.
    hash.update([0]);
    hash.update(app.as_bytes());
    let digest = hash.finalize();
    let first = digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte));
    (first, member)
}

/// The member that an application belongs to; `None` when there are none.
pub(crate) fn owner<'a>(members: impl Iterator<Item = &'a str>, app: &str) -> Option<&'a str> {
    members.max_by_key(|member| rank(member, app))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn owners(members: &[&'static str]) -> BTreeMap<String, &'static str> {
        let apps = (0..1000).map(|number| format!("app-{number}"));
        apps.map(|app| {
            let owner = owner(members.iter().copied(), &app).unwrap();
            (app, owner)
        })
        .collect()
    }

    #[test]
    fn ranks_are_the_same_in_every_process_and_version() {
        assert_eq!(rank("steadfast-a", "shop").0, 11_369_499_313_363_246_057);
    }

    #[test]
    fn shares_are_alike() {
        let owners = owners(&["a", "b", "c"]);
        for member in ["a", "b", "c"] {
            let share = owners.values().filter(|owner| **owner == member).count();
            assert!((280..=390).contains(&share), "{member} has {share} of 1000");
        }
    }

    #[test]
    fn only_the_share_of_who_joins_or_leaves_moves() {
        let (two, three) = (owners(&["a", "b"]), owners(&["a", "b", "c"]));
        for (app, owner) in &three {
            assert!(*owner == "c" || *owner == two[app], "{app}");
        }
    }
}
