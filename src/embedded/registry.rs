//! The kinds that are served. Those of Kubernetes are always there; custom ones come and go with
//! their definitions.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError, RwLock},
};

mod builtin;
mod custom;
mod fields;
mod kind;

pub(crate) use self::{
    custom::{CLEANUP, Definition, prepare, set_condition},
    fields::FieldRule,
    kind::{Custom, Kind, Sub},
};
use crate::object::{GroupKind, GroupVersionKind};

/// All kinds, as of now.
pub(crate) struct Registry {
    table: RwLock<Arc<Table>>,
}

/// The kinds at one moment.
#[derive(Clone, Default)]
pub(crate) struct Table {
    /// By group, version and plural, as in a path.
    by_path: BTreeMap<(String, String, String), Arc<Kind>>,
    /// The version in which objects are kept.
    by_kind: HashMap<GroupKind, Arc<Kind>>,
}

impl Registry {
    /// The kinds of Kubernetes.
    pub(crate) fn new() -> Self {
        let mut table = Table::default();
        for kind in builtin::kinds() {
            table.insert(Arc::new(kind), true);
        }
        Self { table: RwLock::new(Arc::new(table)) }
    }

    pub(crate) fn table(&self) -> Arc<Table> {
        Arc::clone(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Serves the versions of a custom kind, in place of the ones before.
    pub(crate) fn serve(&self, versions: Vec<Kind>) {
        let Some(first) = versions.first() else { return };
        self.change(&first.group_kind(), |table| {
            for kind in versions {
                let stored = kind.is_stored();
                table.insert(Arc::new(kind), stored);
            }
        });
    }

    /// Serves a custom kind no longer.
    pub(crate) fn withdraw(&self, kind: &GroupKind) {
        self.change(kind, |_| {});
    }

    fn change(&self, gone: &GroupKind, add: impl FnOnce(&mut Table)) {
        let mut slot = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let mut table = Table::clone(&slot);
        table.by_path.retain(|_, kind| kind.group_kind() != *gone);
        table.by_kind.remove(gone);
        add(&mut table);
        *slot = Arc::new(table);
    }
}

impl Table {
    fn insert(&mut self, kind: Arc<Kind>, stored: bool) {
        let gvk = &kind.gvk;
        let path = (gvk.group.clone(), gvk.version.clone(), kind.plural.clone());
        if stored {
            self.by_kind.insert(kind.group_kind(), Arc::clone(&kind));
        }
        self.by_path.insert(path, kind);
    }

    /// The kind behind a path.
    pub(crate) fn at(&self, group: &str, version: &str, plural: &str) -> Option<Arc<Kind>> {
        let path = (group.to_owned(), version.to_owned(), plural.to_owned());
        self.by_path.get(&path).map(Arc::clone)
    }

    /// The kind in the version in which its objects are kept.
    pub(crate) fn stored(&self, kind: &GroupKind) -> Option<Arc<Kind>> {
        self.by_kind.get(kind).map(Arc::clone)
    }

    /// The kind in the version that an object names.
    pub(crate) fn named(&self, gvk: &GroupVersionKind) -> Option<Arc<Kind>> {
        self.kinds().find(|kind| kind.gvk == *gvk).map(Arc::clone)
    }

    /// All kinds, by group, version and plural.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &Arc<Kind>> {
        self.by_path.values()
    }

    /// Groups with their versions, the preferred one first; the core group is left out.
    pub(crate) fn groups(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (group, version, _) in self.by_path.keys().filter(|(group, ..)| !group.is_empty()) {
            let versions = groups.entry(group).or_default();
            if !versions.contains(&version.as_str()) {
                versions.push(version);
            }
        }
        for versions in groups.values_mut() {
            versions.sort_by_key(|version| std::cmp::Reverse(priority(version)));
        }
        groups
    }
}

/// How Kubernetes orders versions: released ones before betas before alphas, higher ones first;
/// what has no such form comes last.
fn priority(version: &str) -> (u8, u32, u32) {
    let Some(rest) = version.strip_prefix('v') else { return (0, 0, 0) };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (major, rest) = rest.split_at(digits);
    let Ok(major) = major.parse() else { return (0, 0, 0) };
    for (word, level) in [("alpha", 1), ("beta", 2)] {
        if let Some(minor) = rest.strip_prefix(word) {
            return minor.parse().map_or((0, 0, 0), |minor| (level, major, minor));
        }
    }
    if rest.is_empty() { (3, major, 0) } else { (0, 0, 0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_kubernetes_orders_them() {
        let mut versions = ["v1alpha2", "foo", "v2", "v1beta1", "v10", "v1", "v1alpha1"];
        versions.sort_by_key(|version| std::cmp::Reverse(priority(version)));
        assert_eq!(versions, ["v10", "v2", "v1", "v1beta1", "v1alpha2", "v1alpha1", "foo"]);
    }

    #[test]
    fn a_kind_is_found_by_path_and_by_name() {
        let table = Registry::new().table();
        let deployment = table.at("apps", "v1", "deployments").unwrap();
        assert_eq!(deployment.gvk, GroupVersionKind::parse("apps/v1", "Deployment"));
        assert!(table.stored(&GroupKind::new("", "Pod")).is_some());
        assert!(table.at("apps", "v1beta1", "deployments").is_none());
        assert!(!table.groups().contains_key(""));
    }
}
