//! Pods out of templates, and the hash that names a template.

use serde_json::{Map, Value, json};

use super::read::{at, controller_reference, text};
use crate::object::meta;

/// The label that tells the revisions of a Deployment apart.
pub(super) const HASH_LABEL: &str = "pod-template-hash";
/// The label that names the revision of a pod of a StatefulSet or DaemonSet.
pub(super) const REVISION_LABEL: &str = "controller-revision-hash";

/// Letters that form no words.
const SAFE: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// A short name for a value: the same for equal values. `collisions` gives another one for a value
/// whose name is taken.
///
/// A real control plane hashes its Go structures, so the names differ; their form is the same.
pub(super) fn hash(value: &Value, collisions: i64) -> String {
    let mut state: u32 = 0x811c_9dc5;
    let mut feed = |bytes: &[u8]| {
        for byte in bytes {
            state = (state ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        }
    };
    feed(value.to_string().as_bytes());
    if collisions > 0 {
        feed(&collisions.to_le_bytes());
    }
    let digits = state.to_string();
    digits.bytes().map(|digit| char::from(SAFE[usize::from(digit) % SAFE.len()])).collect()
}

/// A pod as a template and its controller make it, without a name.
pub(super) fn pod(owner: &Value, template: &Value) -> Value {
    let mut metadata = Map::new();
    for key in ["labels", "annotations", "finalizers"] {
        if let Some(value) = template.pointer(&format!("/metadata/{key}")) {
            metadata.insert(key.to_owned(), value.clone());
        }
    }
    metadata.insert("namespace".to_owned(), Value::from(meta::namespace(owner)));
    metadata.insert("generateName".to_owned(), Value::from(generate_name(meta::name(owner))));
    metadata.insert("ownerReferences".to_owned(), json!([controller_reference(owner)]));
    let spec = at(template, "/spec").clone();
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
}

/// The beginning of a generated name, cut so that the name is a valid one.
fn generate_name(owner: &str) -> String {
    format!("{}-", owner.get(..57).filter(|_| owner.len() > 57).unwrap_or(owner))
}

/// True when two templates ask for the same pods.
pub(super) fn is_same(a: &Value, b: &Value) -> bool {
    let bare = |template: &Value| {
        let mut template = template.clone();
        let labels = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut);
        labels.map(|labels| labels.remove(HASH_LABEL));
        without_empty(template)
    };
    bare(a) == bare(b)
}

/// Absent, `null` and empty mean the same in a template.
fn without_empty(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let map = map.into_iter().map(|(key, value)| (key, without_empty(value)));
            let is_empty = |value: &Value| match value {
                Value::Null => true,
                Value::Object(map) => map.is_empty(),
                Value::Array(list) => list.is_empty(),
                _ => false,
            };
            // An empty source of a volume is a choice: `emptyDir: {}`.
            let kept = |key: &str| key == "emptyDir" || key == "securityContext";
            map.filter(|(key, value)| kept(key) || !is_empty(value)).collect()
        }
        Value::Array(list) => list.into_iter().map(without_empty).collect(),
        value => value,
    }
}

/// An integer, or a share of `total` in percent.
pub(super) fn scaled(value: &Value, total: i64, round_up: bool) -> Option<i64> {
    if let Some(number) = value.as_i64() {
        return Some(number);
    }
    let percent: i64 = value.as_str()?.strip_suffix('%')?.parse().ok()?;
    let share = percent.checked_mul(total)?;
    Some(if round_up { share.div_euclid(100) + i64::from(share % 100 > 0) } else { share / 100 })
}

/// The hash in the label of a pod; empty when absent.
pub(super) fn revision_of(pod: &Value) -> &str {
    pod.pointer("/metadata/labels")
        .and_then(|labels| labels.get(REVISION_LABEL))
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// What the template of a workload says, or `null`.
pub(super) fn of(workload: &Value) -> &Value {
    at(workload, "/spec/template")
}

/// The policy of restarts; the one that is left out is `Always`.
pub(super) fn restart_policy(spec: &Value) -> &str {
    match text(spec, "/restartPolicy") {
        "" => "Always",
        policy => policy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_percents_are_resolved_as_kubernetes_does() {
        let table = [
            (json!(3), 10, true, Some(3)),
            (json!("25%"), 10, true, Some(3)),
            (json!("25%"), 10, false, Some(2)),
            (json!("0%"), 10, true, Some(0)),
            (json!("100%"), 7, false, Some(7)),
            (json!("150%"), 3, true, Some(5)),
            (json!("25"), 10, true, None),
            (json!(null), 10, true, None),
        ];
        for (value, total, up, wanted) in table {
            assert_eq!(scaled(&value, total, up), wanted, "{value} of {total}");
        }
    }

    #[test]
    fn a_hash_is_stable_and_of_letters_that_form_no_words() {
        let template = json!({"spec": {"containers": [{"image": "web:1"}]}});
        assert_eq!(hash(&template, 0), hash(&template.clone(), 0));
        assert_ne!(hash(&template, 0), hash(&template, 1));
        assert_ne!(hash(&template, 0), hash(&json!({}), 0));
        assert!(hash(&template, 0).bytes().all(|byte| SAFE.contains(&byte)));
    }

    #[test]
    fn templates_are_compared_without_their_hash_and_what_is_empty() {
        let a = json!({"metadata": {"labels": {"app": "web", "pod-template-hash": "x"}, "creationTimestamp": null}});
        let b = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"nodeSelector": {}}});
        assert!(is_same(&a, &b));
        assert!(!is_same(&a, &json!({"metadata": {"labels": {"app": "api"}}})));
    }
}
