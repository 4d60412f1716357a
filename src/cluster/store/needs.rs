//! Which application needs which kinds.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use crate::object::GroupKind;

/// The kinds that a number of applications need. Most need the same ones, so a set is there once,
/// and what all of them need is found without looking at each.
#[derive(Debug, Default)]
pub(super) struct Needs {
    apps: BTreeMap<String, Arc<BTreeSet<GroupKind>>>,
    /// Each set and how many applications need it.
    sets: HashMap<Arc<BTreeSet<GroupKind>>, usize>,
}

impl Needs {
    /// Sets what an application needs, nothing for one that is gone; true when that is new.
    pub(super) fn set(&mut self, app: &str, kinds: BTreeSet<GroupKind>) -> bool {
        let before = self.apps.get(app).cloned();
        if before.as_deref().map_or(kinds.is_empty(), |before| *before == kinds) {
            return false;
        }
        if let Some(before) = before {
            self.release(&before);
        }
        if kinds.is_empty() {
            self.apps.remove(app);
            return true;
        }
        let shared = self.sets.get_key_value(&kinds).map(|(shared, _)| Arc::clone(shared));
        let shared = shared.unwrap_or_else(|| Arc::new(kinds));
        *self.sets.entry(Arc::clone(&shared)).or_default() += 1;
        self.apps.insert(app.to_owned(), shared);
        true
    }

    fn release(&mut self, set: &Arc<BTreeSet<GroupKind>>) {
        let Some(users) = self.sets.get_mut(set) else { return };
        *users -= 1;
        if *users == 0 {
            self.sets.remove(set);
        }
    }

    /// What one application needs.
    pub(super) fn of(&self, app: &str) -> BTreeSet<GroupKind> {
        self.apps.get(app).map(|kinds| (**kinds).clone()).unwrap_or_default()
    }

    /// What all of them need.
    pub(super) fn kinds(&self) -> BTreeSet<GroupKind> {
        self.sets.keys().flat_map(|kinds| kinds.iter().cloned()).collect()
    }

    /// The applications that need a kind.
    pub(super) fn apps(&self, kind: &GroupKind) -> BTreeSet<String> {
        let needing = self.apps.iter().filter(|(_, kinds)| kinds.contains(kind));
        needing.map(|(app, _)| app.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(names: &[&str]) -> BTreeSet<GroupKind> {
        names.iter().map(|name| GroupKind::new("", name)).collect()
    }

    #[test]
    fn a_kind_is_needed_as_long_as_one_application_needs_it() {
        let mut needs = Needs::default();
        assert!(needs.set("a", kinds(&["Pod", "Secret"])));
        assert!(needs.set("b", kinds(&["Pod", "Secret"])));
        assert!(!needs.set("b", kinds(&["Pod", "Secret"])));
        assert!(needs.set("a", kinds(&["Service"])));
        assert_eq!(needs.kinds(), kinds(&["Pod", "Secret", "Service"]));
        assert_eq!(needs.apps(&GroupKind::new("", "Pod")), BTreeSet::from(["b".to_owned()]));
        assert!(needs.set("b", kinds(&[])));
        assert!(!needs.set("b", kinds(&[])));
        assert_eq!((needs.kinds(), needs.of("b")), (kinds(&["Service"]), kinds(&[])));
    }
}
