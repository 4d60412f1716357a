//! Who there is, who owns whom, and who is in which namespace.

use std::collections::{BTreeSet, HashMap};

use super::heads::Head;
use crate::object::ObjectId;

/// The heads of all objects.
#[derive(Default)]
pub(super) struct Index {
    heads: HashMap<ObjectId, Head>,
    by_uid: HashMap<String, ObjectId>,
    /// By the uid of the owner.
    dependents: HashMap<String, BTreeSet<ObjectId>>,
    /// By namespace; objects of the cluster are under the empty name.
    namespaces: HashMap<String, BTreeSet<ObjectId>>,
}

impl Index {
    /// Takes the new state of an object, `None` when it is gone. Answers the one before.
    pub(super) fn put(&mut self, id: &ObjectId, head: Option<Head>) -> Option<Head> {
        let before = self.heads.remove(id);
        if let Some(before) = &before {
            self.by_uid.remove(&before.uid);
            for owner in &before.owners {
                if let Some(dependents) = self.dependents.get_mut(owner) {
                    dependents.remove(id);
                    if dependents.is_empty() {
                        self.dependents.remove(owner);
                    }
                }
            }
        }
        let Some(head) = head else {
            if let Some(members) = self.namespaces.get_mut(&id.namespace) {
                members.remove(id);
            }
            return before;
        };
        for owner in &head.owners {
            self.dependents.entry(owner.clone()).or_default().insert(id.clone());
        }
        self.by_uid.insert(head.uid.clone(), id.clone());
        self.namespaces.entry(id.namespace.clone()).or_default().insert(id.clone());
        self.heads.insert(id.clone(), head);
        before
    }

    pub(super) fn knows(&self, id: &ObjectId) -> bool {
        self.heads.contains_key(id)
    }

    pub(super) fn head(&self, id: &ObjectId) -> Option<&Head> {
        self.heads.get(id)
    }

    /// The object of a uid.
    pub(super) fn of_uid(&self, uid: &str) -> Option<&ObjectId> {
        self.by_uid.get(uid)
    }

    /// All objects that name this uid as an owner.
    pub(super) fn dependents(&self, uid: &str) -> impl Iterator<Item = &ObjectId> {
        self.dependents.get(uid).into_iter().flatten()
    }

    /// All objects in a namespace.
    pub(super) fn members(&self, namespace: &str) -> impl Iterator<Item = &ObjectId> {
        self.namespaces.get(namespace).into_iter().flatten()
    }

    /// The objects of a kind in a namespace, with their heads.
    pub(super) fn of_kind<'i>(
        &'i self,
        namespace: &str,
        group: &str,
        kind: &str,
    ) -> impl Iterator<Item = (&'i ObjectId, &'i Head)> + use<'i> {
        let first = ObjectId::new(group, kind, namespace, "");
        let members = self.namespaces.get(namespace);
        let range = members.into_iter().flat_map(move |members| {
            let (group, kind) = (first.group.clone(), first.kind.clone());
            members
                .range(first.clone()..)
                .take_while(move |id| id.group == group && id.kind == kind)
        });
        range.filter_map(|id| Some((id, self.heads.get(id)?)))
    }

    /// The objects of a kind in all namespaces.
    pub(super) fn everywhere<'i>(
        &'i self,
        group: &'static str,
        kind: &'static str,
    ) -> impl Iterator<Item = (&'i ObjectId, &'i Head)> + use<'i> {
        let names = self.namespaces.keys();
        names.flat_map(move |namespace| self.of_kind(namespace, group, kind))
    }

    /// All objects that have owners.
    pub(super) fn owned(&self) -> impl Iterator<Item = ObjectId> {
        let owned = self.heads.iter().filter(|(_, head)| !head.owners.is_empty());
        owned.map(|(id, _)| id.clone())
    }
}
