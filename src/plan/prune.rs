//! Which live objects Git no longer names, and whether it is safe to delete them.

use std::{collections::HashSet, sync::Arc};

use super::{Desired, options};
use crate::object::{LiveObject, ObjectId, is_hook};

/// Up to this many deletions an automated sync needs no confirmation, unless they are all.
pub const UNCONFIRMED_OBJECTS_MAX: usize = 9;

/// The live objects that carry our tracking id and that Git does not name.
///
/// Objects with an owner are their owner's to delete. Hooks are left out of what is wanted, so
/// that Git does not name them says nothing: whoever runs them takes them away.
pub fn candidates(tracked: &[Arc<LiveObject>], desired: &Desired) -> Vec<Arc<LiveObject>> {
    let named: HashSet<&ObjectId> = desired.targets.iter().map(|target| &target.id).collect();
    let unnamed = tracked.iter().filter(|live| !live.has_owner && !named.contains(&live.id));
    unnamed.filter(|live| !is_hook(&live.value())).cloned().collect()
}

/// True for an object that says `Prune=false`.
pub fn is_kept(live: &LiveObject) -> bool {
    options::has(&live.value(), "Prune", "false")
}

/// What the size of a prune is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Objects to delete.
    pub pruned: usize,
    /// Objects of the application that are live.
    pub live: usize,
    /// Nobody asked for this sync by hand.
    pub automated: bool,
    /// `allowEmpty`: an application without objects is meant.
    pub allow_empty: bool,
    /// Somebody confirmed this deletion.
    pub confirmed: bool,
}

/// Why a prune has to wait for a person, or `None`.
///
/// An automated sync must not wipe an application out because a path was renamed or a merge went
/// wrong: deleting everything, or more than half and at least ten objects, needs a word.
pub fn held(budget: Budget) -> Option<String> {
    let Budget { pruned, live, automated, allow_empty, confirmed } = budget;
    if pruned == 0 || !automated || confirmed {
        return None;
    }
    let how = "sync by hand with prune, or set the annotation \
               argocd.argoproj.io/deletion-approved to the present time, to confirm";
    if pruned == live && !allow_empty {
        return Some(format!("auto-sync will wipe out all resources: {pruned} of {live}; {how}"));
    }
    if pruned > UNCONFIRMED_OBJECTS_MAX && pruned * 2 > live && !(pruned == live && allow_empty) {
        return Some(format!("auto-sync would delete {pruned} of {live} objects; {how}"));
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::object::meta;

    fn live(value: &Value) -> LiveObject {
        LiveObject {
            id: meta::id(value).unwrap(),
            gvk: meta::gvk(value).unwrap(),
            uid: String::new(),
            resource_version: String::new(),
            app: None,
            body: value.to_string().into_boxed_str(),
            own: None,
            others: None,
            has_owner: false,
            terminating: false,
        }
    }

    fn map(annotations: &Value) -> Value {
        json!({"apiVersion": "v1", "kind": "ConfigMap",
               "metadata": {"name": "a", "namespace": "prod", "annotations": annotations}})
    }

    #[test]
    fn a_live_hook_is_nothing_to_prune() {
        for (annotations, wanted) in [
            (json!({}), 1),
            (json!({"argocd.argoproj.io/hook": "PreSync"}), 0),
            (json!({"helm.sh/hook": "test"}), 0),
        ] {
            let tracked = [Arc::new(live(&map(&annotations)))];
            assert_eq!(candidates(&tracked, &Desired::default()).len(), wanted, "{annotations}");
        }
    }

    #[test]
    fn a_large_prune_waits_for_a_person() {
        // (pruned, live, allow empty), held
        let table = [
            ((0, 10, false), false),
            ((1, 1, false), true),
            ((1, 1, true), false),
            ((9, 10, false), false),
            ((10, 12, false), true),
            ((10, 20, false), false),
            ((11, 20, true), true),
            ((20, 20, true), false),
        ];
        for ((pruned, live, allow_empty), wanted) in table {
            let budget = Budget { pruned, live, automated: true, allow_empty, confirmed: false };
            assert_eq!(held(budget).is_some(), wanted, "{pruned} of {live}, {allow_empty}");
            assert_eq!(held(Budget { automated: false, ..budget }), None);
            assert_eq!(held(Budget { confirmed: true, ..budget }), None);
        }
    }
}
