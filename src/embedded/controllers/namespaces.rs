//! Namespaces: what each of them has, and how one ends.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Action, Propagation,
    condition::{self, Condition},
    read::{at, list, text},
    replica_set::changed,
};
use crate::object::{ObjectId, meta};

/// An object in a namespace, as far as its end is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) id: ObjectId,
    pub(super) uid: String,
    pub(super) terminating: bool,
    /// What holds it.
    pub(super) finalizers: Vec<String>,
}

pub(super) fn account_of(namespace: &str) -> ObjectId {
    ObjectId::new("", "ServiceAccount", namespace, "default")
}

pub(super) fn authority_of(namespace: &str) -> ObjectId {
    ObjectId::new("", "ConfigMap", namespace, "kube-root-ca.crt")
}

/// What every namespace has: an account, and the certificate of the API server's authority.
pub(super) fn furnish(
    namespace: &Value,
    account: Option<&Value>,
    authority: Option<&Value>,
    root_ca: &str,
) -> Vec<Action> {
    if meta::is_terminating(namespace) {
        return Vec::new();
    }
    let name = meta::name(namespace);
    let mut actions = Vec::new();
    if account.is_none() {
        let metadata = json!({"name": "default", "namespace": name});
        let object = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata});
        actions.push(Action::create(object));
    }
    let wanted = json!({"ca.crt": root_ca});
    match authority {
        None => {
            let words = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.";
            let annotations = json!({"kubernetes.io/description": words});
            let metadata =
                json!({"name": "kube-root-ca.crt", "namespace": name, "annotations": annotations});
            actions.push(Action::create(
                json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": wanted}),
            ));
        }
        Some(map) if *at(map, "/data") != wanted => {
            let mut map = map.clone();
            map["data"] = wanted;
            actions.push(Action::Update(map));
        }
        Some(_) => {}
    }
    actions
}

/// Empties a namespace that is being deleted, and lets it go when nothing is left.
pub(super) fn empty(namespace: &Value, contents: &[Content], now: Timestamp) -> Vec<Action> {
    let held = list(namespace, "/spec/finalizers").iter().any(|one| one == "kubernetes");
    if !meta::is_terminating(namespace) || !held {
        return Vec::new();
    }
    if contents.is_empty() {
        let mut namespace = namespace.clone();
        if let Some(finalizers) =
            namespace.pointer_mut("/spec/finalizers").and_then(Value::as_array_mut)
        {
            finalizers.retain(|one| one != "kubernetes");
        }
        return vec![Action::Finalize(namespace)];
    }
    let mut actions: Vec<Action> = contents
        .iter()
        .filter(|content| !content.terminating)
        .map(|content| Action::Delete {
            id: content.id.clone(),
            uid: content.uid.clone(),
            propagation: Propagation::Background,
            at_once: false,
        })
        .collect();
    if actions.is_empty() {
        actions.extend(remaining(namespace, contents, now));
    }
    actions
}

/// Says what is still there, once everything was told to go.
fn remaining(namespace: &Value, contents: &[Content], now: Timestamp) -> Option<Action> {
    let mut status = at(namespace, "/status").clone();
    if !status.is_object() {
        status = json!({"phase": "Terminating"});
    }
    let mut kinds: Vec<String> = Vec::new();
    let mut sorted: Vec<String> = contents.iter().map(|one| plural(&one.id)).collect();
    sorted.sort();
    for group in sorted.chunk_by(|a, b| a == b) {
        kinds.push(format!("{} has {} resource instances", group[0], group.len()));
    }
    let left = format!("Some resources are remaining: {}", kinds.join(", "));
    let held = held(contents);
    let finalizers = match held.as_str() {
        "" => ("False", "ContentHasNoFinalizers", "All content-preserving finalizers finished"),
        held => ("True", "SomeFinalizersRemain", held),
    };
    for (kind, value, reason, message) in [
        (
            "NamespaceDeletionDiscoveryFailure",
            "False",
            "ResourcesDiscovered",
            "All resources successfully discovered",
        ),
        (
            "NamespaceDeletionGroupVersionParsingFailure",
            "False",
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed",
        ),
        (
            "NamespaceDeletionContentFailure",
            "False",
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization",
        ),
        ("NamespaceContentRemaining", "True", "SomeResourcesRemain", &left),
        ("NamespaceFinalizersRemaining", finalizers.0, finalizers.1, finalizers.2),
    ] {
        condition::set(&mut status, Condition { kind, status: value, reason, message }, now);
    }
    changed(namespace, status)
}

/// Which finalizers hold how many objects; empty when none do.
fn held(contents: &[Content]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for finalizer in contents.iter().flat_map(|one| &one.finalizers) {
        *counts.entry(finalizer).or_default() += 1;
    }
    if counts.is_empty() {
        return String::new();
    }
    let said: Vec<String> = counts
        .into_iter()
        .map(|(finalizer, count)| format!("{finalizer} in {count} resource instances"))
        .collect();
    format!("Some content in the namespace has finalizers remaining: {}", said.join(", "))
}

/// The resource of a kind as it is written in messages: `pods.`, `deployments.apps`.
fn plural(id: &ObjectId) -> String {
    let lower = id.kind.to_lowercase();
    let plural = match lower.as_str() {
        word if word.ends_with('s') && word != "endpoints" => format!("{word}es"),
        word if word.ends_with('y') => format!("{}ies", &word[..word.len() - 1]),
        "endpoints" => lower,
        word => format!("{word}s"),
    };
    format!("{plural}.{}", id.group)
}

/// True for a namespace on its way out.
pub(super) fn is_ending(namespace: &Value) -> bool {
    meta::is_terminating(namespace) || text(namespace, "/status/phase") == "Terminating"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::controllers::testing::at_second;

    fn namespace(ending: bool) -> Value {
        let mut namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "uid": "n"},
            "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"},
        });
        if ending {
            namespace["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        }
        namespace
    }

    #[test]
    fn a_namespace_has_an_account_and_an_authority() {
        let actions = furnish(&namespace(false), None, None, "PEM");
        assert_eq!(actions.len(), 2);
        let Action::Create { object: map, .. } = &actions[1] else { panic!() };
        let account = json!({});
        assert_eq!(furnish(&namespace(false), Some(&account), Some(map), "PEM"), []);
        assert_eq!(furnish(&namespace(false), Some(&account), Some(map), "NEW").len(), 1);
        assert_eq!(furnish(&namespace(true), None, None, "PEM"), []);
    }

    #[test]
    fn an_ending_namespace_is_emptied_and_then_let_go() {
        let pod = |terminating| Content {
            id: ObjectId::new("", "Pod", "shop", "p"),
            uid: "p".to_owned(),
            terminating,
            finalizers: if terminating { vec!["a.b/c".to_owned()] } else { Vec::new() },
        };
        let ending = namespace(true);
        assert!(matches!(
            empty(&ending, &[pod(false)], at_second(1)).as_slice(),
            [Action::Delete { .. }]
        ));
        let actions = empty(&ending, &[pod(true)], at_second(1));
        let [Action::UpdateStatus(object)] = actions.as_slice() else { panic!("{actions:?}") };
        let words = object["status"]["conditions"][3]["message"].as_str().unwrap();
        assert_eq!(words, "Some resources are remaining: pods. has 1 resource instances");
        let finalizers = &object["status"]["conditions"][4];
        assert_eq!(finalizers["reason"], "SomeFinalizersRemain");
        assert_eq!(
            finalizers["message"],
            "Some content in the namespace has finalizers remaining: a.b/c in 1 resource instances"
        );
        assert_eq!(empty(object, &[pod(true)], at_second(2)), []);
        let actions = empty(object, &[], at_second(3));
        let [Action::Finalize(object)] = actions.as_slice() else { panic!("{actions:?}") };
        assert_eq!(object["spec"]["finalizers"], json!([]));
        assert_eq!(empty(&namespace(false), &[], at_second(1)), []);
    }
}
