//! What is kept of children, found by the uid of their owner.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

/// Owners above a child that are followed: CronJob, Job, Pod is the longest chain there is.
const DEPTH_MAX: usize = 8;

/// Facts of all children, by uid and by owner.
#[derive(Debug)]
pub(super) struct Children<C> {
    by_uid: HashMap<Box<str>, Child<C>>,
    /// Uids of children by the uid of an owner.
    by_owner: HashMap<Box<str>, BTreeSet<Box<str>>>,
}

#[derive(Debug)]
struct Child<C> {
    facts: Arc<C>,
    owners: Vec<Box<str>>,
    version: u64,
}

impl<C> Default for Children<C> {
    fn default() -> Self {
        Self { by_uid: HashMap::new(), by_owner: HashMap::new() }
    }
}

impl<C: PartialEq> Children<C> {
    /// Takes in a child; true when its facts or owners are new.
    pub(super) fn insert(
        &mut self,
        uid: &str,
        owners: Vec<Box<str>>,
        version: u64,
        facts: C,
    ) -> bool {
        if let Some(child) = self.by_uid.get_mut(uid) {
            if version < child.version && version != 0 {
                return false;
            }
            child.version = version;
            if child.owners == owners {
                let changed = *child.facts != facts;
                if changed {
                    child.facts = Arc::new(facts);
                }
                return changed;
            }
            self.remove(uid);
        }
        for owner in &owners {
            self.by_owner.entry(owner.clone()).or_default().insert(uid.into());
        }
        self.by_uid.insert(uid.into(), Child { facts: Arc::new(facts), owners, version });
        true
    }

    /// Takes a child out; true when it was there.
    pub(super) fn remove(&mut self, uid: &str) -> bool {
        let Some(child) = self.by_uid.remove(uid) else { return false };
        for owner in &child.owners {
            if let Some(children) = self.by_owner.get_mut(owner) {
                children.remove(uid);
                if children.is_empty() {
                    self.by_owner.remove(owner);
                }
            }
        }
        true
    }

    /// The resource version that a child was last seen with.
    pub(super) fn version(&self, uid: &str) -> Option<u64> {
        self.by_uid.get(uid).map(|child| child.version)
    }

    /// Everything above an object: its owners, their owners and so on.
    pub(super) fn above(&self, uid: &str) -> Vec<Box<str>> {
        let mut above = Vec::new();
        let mut level: Vec<Box<str>> = vec![uid.into()];
        for _ in 0..DEPTH_MAX {
            level = level
                .iter()
                .filter_map(|uid| self.by_uid.get(uid))
                .flat_map(|child| child.owners.iter().cloned())
                .collect();
            if level.is_empty() {
                break;
            }
            above.extend(level.iter().cloned());
        }
        above
    }

    /// Facts of everything below an object, nearest first.
    pub(super) fn below(&self, uid: &str) -> Vec<Arc<C>> {
        let mut facts = Vec::new();
        let mut seen = BTreeSet::new();
        let mut level: Vec<&str> = vec![uid];
        for _ in 0..DEPTH_MAX {
            let mut next: Vec<&str> = Vec::new();
            for child in level.iter().filter_map(|uid| self.by_owner.get(*uid)).flatten() {
                if seen.insert(child) {
                    facts.extend(self.by_uid.get(child).map(|child| Arc::clone(&child.facts)));
                    next.push(child);
                }
            }
            level = next;
        }
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Children<&'static str> {
        let mut children = Children::default();
        // Pods may be told before their ReplicaSet.
        assert!(children.insert("pod-1", vec!["rs".into()], 5, "pod 1"));
        assert!(children.insert("rs", vec!["deployment".into()], 4, "rs"));
        assert!(children.insert("pod-2", vec!["rs".into()], 6, "pod 2"));
        children
    }

    #[test]
    fn everything_below_an_object_is_found() {
        let facts = |uid: &str| tree().below(uid).iter().map(|f| **f).collect::<Vec<_>>();
        assert_eq!(facts("deployment"), ["rs", "pod 1", "pod 2"]);
        assert_eq!(facts("rs"), ["pod 1", "pod 2"]);
        assert_eq!(facts("pod-1"), [""; 0]);
    }

    #[test]
    fn a_child_leads_up_to_its_root() {
        assert_eq!(tree().above("pod-2"), ["rs".into(), Box::<str>::from("deployment")]);
    }

    #[test]
    fn only_new_facts_count_as_a_change() {
        let mut children = tree();
        assert!(!children.insert("pod-1", vec!["rs".into()], 7, "pod 1"));
        assert!(children.insert("pod-1", vec!["rs".into()], 8, "failed"));
        assert!(!children.insert("pod-1", vec!["rs".into()], 6, "pod 1"), "an old event");
        assert!(children.insert("pod-1", vec!["other".into()], 9, "failed"));
        assert_eq!(children.below("rs").len(), 1);
        assert!(children.remove("pod-1") && !children.remove("pod-1"));
        assert!(children.below("other").is_empty());
    }

    #[test]
    fn owners_in_a_circle_end() {
        let mut children = Children::default();
        children.insert("a", vec!["b".into()], 1, "a");
        children.insert("b", vec!["a".into()], 1, "b");
        assert_eq!(children.below("a").len(), 2);
        assert!(children.above("a").len() <= DEPTH_MAX);
    }
}
