//! What goes with its owner.
//!
//! Rule: `pkg/controller/garbagecollector` of Kubernetes.

use serde_json::Value;

use super::{
    Action, Propagation,
    pods::without_owner,
    read::{has_finalizer, list, set, text, truth, without_finalizer},
};
use crate::object::meta;

/// Dependents go first.
pub(super) const FOREGROUND: &str = "foregroundDeletion";
/// Dependents stay.
pub(super) const ORPHAN: &str = "orphan";

/// How an owner stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// It is there and stays.
    Solid,
    /// It waits for its dependents to go.
    Waiting,
    /// It is gone.
    Absent,
}

/// What is to be done about an object that has owners. `stands` tells how the owner of a reference
/// stands; `has_dependents`: the object is an owner itself.
pub(super) fn reconcile(
    object: &Value,
    stands: impl Fn(&Value) -> Owner,
    has_dependents: bool,
) -> Option<Action> {
    if meta::is_terminating(object) {
        return None;
    }
    let references = list(object, "/metadata/ownerReferences");
    let (solid, gone): (Vec<&Value>, Vec<&Value>) =
        references.iter().partition(|reference| stands(reference) == Owner::Solid);
    if gone.is_empty() {
        return None;
    }
    if !solid.is_empty() {
        let kept: Vec<Value> = solid.into_iter().cloned().collect();
        let mut object = object.clone();
        set(&mut object, "metadata", "ownerReferences", Value::from(kept));
        return Some(Action::Update(object));
    }
    let waits = gone.iter().any(|reference| stands(reference) == Owner::Waiting);
    let propagation =
        if waits && has_dependents { Propagation::Foreground } else { Propagation::Background };
    let id = meta::id(object)?;
    Some(Action::Delete { id, uid: meta::uid(object).to_owned(), propagation, at_once: false })
}

/// What is to be done about an object that is being deleted and has dependents, or had.
pub(super) fn release(owner: &Value, dependents: &[Value]) -> Vec<Action> {
    if !meta::is_terminating(owner) {
        return Vec::new();
    }
    if has_finalizer(owner, ORPHAN) {
        let freed =
            dependents.iter().map(|one| Action::Update(without_owner(one, meta::uid(owner))));
        return freed.chain([Action::Update(without_finalizer(owner, ORPHAN))]).collect();
    }
    let blocks = |dependent: &Value| {
        list(dependent, "/metadata/ownerReferences").iter().any(|reference| {
            text(reference, "/uid") == meta::uid(owner) && truth(reference, "/blockOwnerDeletion")
        })
    };
    if has_finalizer(owner, FOREGROUND) && !dependents.iter().any(blocks) {
        return vec![Action::Update(without_finalizer(owner, FOREGROUND))];
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn owned(by: &[&str]) -> Value {
        let references: Vec<Value> =
            by.iter().map(|uid| json!({"uid": uid, "blockOwnerDeletion": true})).collect();
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "p", "namespace": "shop", "uid": "p", "ownerReferences": references},
        })
    }

    fn stands(reference: &Value) -> Owner {
        match text(reference, "/uid") {
            "here" => Owner::Solid,
            "waiting" => Owner::Waiting,
            _ => Owner::Absent,
        }
    }

    #[test]
    fn an_object_goes_with_its_last_owner() {
        let table = [
            (vec!["here"], false, "nothing"),
            (vec!["gone"], false, "Background"),
            (vec!["gone", "gone too"], true, "Background"),
            (vec!["waiting"], false, "Background"),
            (vec!["waiting"], true, "Foreground"),
            (vec!["here", "gone"], false, "update"),
            (vec!["here", "waiting"], false, "update"),
        ];
        for (owners, has_dependents, wanted) in table {
            let action = reconcile(&owned(&owners), stands, has_dependents);
            let word = match &action {
                None => "nothing".to_owned(),
                Some(Action::Delete { propagation, .. }) => format!("{propagation:?}"),
                Some(Action::Update(object)) => {
                    assert_eq!(list(object, "/metadata/ownerReferences").len(), 1);
                    "update".to_owned()
                }
                Some(other) => panic!("{other:?}"),
            };
            assert_eq!(word, wanted, "{owners:?}");
        }
    }

    #[test]
    fn an_owner_waits_for_those_that_block_it() {
        let mut owner = json!({"metadata": {
            "name": "o", "uid": "o", "deletionTimestamp": "2026-01-01T00:00:00Z",
            "finalizers": [FOREGROUND],
        }});
        assert_eq!(release(&owner, &[owned(&["o"])]), []);
        let mut free = owned(&["o"]);
        free["metadata"]["ownerReferences"][0]["blockOwnerDeletion"] = json!(false);
        assert!(matches!(release(&owner, &[free]).as_slice(), [Action::Update(_)]));
        owner["metadata"]["finalizers"] = json!([ORPHAN]);
        let actions = release(&owner, &[owned(&["o"])]);
        let [Action::Update(orphan), Action::Update(owner)] = actions.as_slice() else { panic!() };
        assert_eq!(orphan["metadata"].get("ownerReferences"), None);
        assert!(!has_finalizer(owner, ORPHAN));
    }
}
