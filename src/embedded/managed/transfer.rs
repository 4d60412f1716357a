//! Who loses what when an object changes.

use serde_json::Value;

use super::{
    compare::{Comparison, compare},
    conflict::{self, Conflict},
    entries::{Id, Managers},
};
use crate::{embedded::schema::Node, object::FieldSet};

/// A change by one manager.
pub(super) struct Transfer<'a> {
    pub(super) node: Node<'a>,
    /// The fields that the change can't touch.
    pub(super) reset: &'a FieldSet,
    /// Who changes; its own entry is its own business.
    pub(super) own: &'a Id,
}

impl Transfer<'_> {
    /// Takes what was changed or added from all other managers, and what was removed.
    ///
    /// # Errors
    ///
    /// Without `force`, one conflict for each field that another manager owns and that would
    /// change.
    pub(super) fn run(
        &self,
        old: &Value,
        new: &Value,
        managers: &mut Managers,
        force: bool,
    ) -> Result<(), Vec<Conflict>> {
        let Comparison { removed, modified, added } =
            compare(self.node, old, new).without(self.reset);
        let changed = modified.union(&added);
        if !force {
            let conflicts = conflict::all(self.others(managers), &changed);
            if !conflicts.is_empty() {
                return Err(conflicts);
            }
        }
        self.take(managers, &changed, &removed);
        Ok(())
    }

    /// The same with force. Answers what was changed or added.
    pub(super) fn force(&self, old: &Value, new: &Value, managers: &mut Managers) -> FieldSet {
        let Comparison { removed, modified, added } =
            compare(self.node, old, new).without(self.reset);
        let changed = modified.union(&added);
        self.take(managers, &changed, &removed);
        changed
    }

    fn others<'m>(&self, managers: &'m Managers) -> impl Iterator<Item = (&'m Id, &'m FieldSet)> {
        let others = managers.iter().filter(|(id, _)| *id != self.own);
        others.map(|(id, entry)| (id, &entry.fields))
    }

    fn take(&self, managers: &mut Managers, changed: &FieldSet, removed: &FieldSet) {
        for (_, entry) in managers.iter_mut().filter(|(id, _)| *id != self.own) {
            entry.fields = entry.fields.difference(changed).difference(removed);
        }
        managers.retain(|_, entry| !entry.fields.is_empty());
    }
}
