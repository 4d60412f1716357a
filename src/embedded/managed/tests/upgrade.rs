//! From client-side to server-side apply.

use serde_json::json;

use super::{super::*, Life, object};

const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// An object that `kubectl apply` wrote from its own side, and somebody changed since.
fn applied_by_client() -> Life {
    let mut life = Life::new();
    let last = object(json!({"n": 1, "s": "a"})).to_string();
    life.update("kubectl-client-side-apply", |new| {
        new["spec"] = json!({"n": 1, "s": "a"});
        new["metadata"]["annotations"] = json!({ANNOTATION: last});
    });
    life
}

#[test]
fn kubectl_takes_over_what_it_applied_from_its_own_side() {
    let mut life = applied_by_client();
    let mut other = applied_by_client();
    life.apply("kubectl", json!({"n": 2, "s": "a"}));
    assert_eq!(life.spec(), json!({"n": 2, "s": "a"}));
    assert_eq!(life.owned("kubectl"), json!({"f:spec": {"f:n": {}, "f:s": {}}}));
    // Nobody else does.
    assert_eq!(other.conflicts("helm", json!({"n": 2, "s": "a"})).len(), 1);
}

#[test]
fn what_somebody_changed_since_is_still_a_conflict() {
    let mut life = applied_by_client();
    life.update("kubectl-edit", |new| new["spec"]["s"] = json!("edited"));
    let conflicts = life.conflicts("kubectl", json!({"n": 2, "s": "b"}));
    assert_eq!(
        message(&conflicts),
        "Apply failed with 1 conflict: conflict with \"kubectl-edit\" using x.dev/v1: .spec.s"
    );
}

#[test]
fn the_annotation_follows_what_kubectl_applies() {
    let mut life = applied_by_client();
    life.apply("kubectl", json!({"n": 2, "s": "<&>"}));
    let live = life.live.expect("an object");
    let expected = object(json!({"n": 2, "s": "<&>"})).to_string() + "\n";
    let expected = expected.replace("<&>", "\\u003c\\u0026\\u003e");
    assert_eq!(live["metadata"]["annotations"][ANNOTATION], json!(expected));
}
