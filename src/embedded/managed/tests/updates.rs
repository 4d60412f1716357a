//! What creates, updates and patches record.

use serde_json::{Value, json};

use super::{super::*, Life, at, object};
use crate::{
    embedded::schema::Schema,
    object::{FieldPath, GroupVersionKind},
};

#[test]
fn who_creates_an_object_owns_its_containers_too() {
    let mut life = Life::new();
    life.update("one", |new| {
        new["spec"] = json!({"inner": {"a": 1}, "items": [{"name": "x"}], "labels": {}});
    });
    assert_eq!(
        life.owned("one"),
        json!({"f:spec": {
            ".": {},
            "f:inner": {".": {}, "f:a": {}},
            "f:items": {".": {}, "k:{\"name\":\"x\"}": {".": {}, "f:name": {}}},
            "f:labels": {},
        }})
    );
}

#[test]
fn a_writer_gets_what_it_changes_and_others_lose_it() {
    let mut life = Life::new();
    life.apply("one", json!({"n": 1, "s": "a", "labels": {"x": "1", "y": "2"}}));
    life.update("two", |new| {
        new["spec"]["n"] = json!(2);
        new["spec"]["labels"] = json!({"x": "1"});
    });
    assert_eq!(life.owned("one"), json!({"f:spec": {"f:s": {}, "f:labels": {"f:x": {}}}}));
    assert_eq!(life.owned("two"), json!({"f:spec": {"f:n": {}}}));
}

#[test]
fn who_only_removes_gets_no_entry_and_no_time() {
    let mut life = Life::new();
    life.apply("one", json!({"n": 1, "s": "a"}));
    life.update("two", |new| drop(new["spec"].as_object_mut().expect("a map").remove("n")));
    assert_eq!(life.owned("one"), json!({"f:spec": {"f:s": {}}}));
    assert_eq!(life.entries().len(), 1);
    assert_eq!(life.entries()[0]["time"], "2026-09-21T14:13:21Z");
}

#[test]
fn entries_stand_by_operation_then_time_then_manager() {
    let mut life = Life::new();
    life.update("z", |new| new["spec"]["n"] = json!(1));
    life.update("a", |new| new["spec"]["s"] = json!("x"));
    life.second -= 1;
    life.update("b", |new| new["spec"]["inner"] = json!({}));
    life.apply("y", json!({"list": [1]}));
    let names: Vec<_> = life.entries().iter().map(|entry| entry["manager"].clone()).collect();
    assert_eq!(names, ["y", "z", "a", "b"]);
}

#[test]
fn the_status_has_owners_of_its_own() {
    let mut life = Life::new();
    life.update("one", |new| {
        new["spec"]["n"] = json!(1);
        new["status"] = json!({"n": 1});
    });
    // The status of a create is dropped, so nobody owns it.
    assert_eq!(life.owned("one"), json!({"f:spec": {".": {}, "f:n": {}}}));
    life.update_by("one", "status", |new| {
        new["status"] = json!({"n": 2});
        new["spec"]["n"] = json!(7);
        // Nor can a subresource write these.
        new["metadata"]["managedFields"] = json!([]);
    });
    let entries = life.entries();
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[1]["subresource"], "status");
    assert_eq!(entries[1]["fieldsV1"], json!({"f:status": {"f:n": {}}}));
}

#[test]
fn an_empty_list_or_an_empty_entry_clears_all_owners() {
    for cleared in [json!([]), json!([{}])] {
        let mut life = Life::new();
        life.apply("one", json!({"n": 1}));
        life.update("two", |new| {
            new["metadata"]["managedFields"] = cleared.clone();
            new["spec"]["n"] = json!(2);
        });
        assert_eq!(life.entries(), [] as [Value; 0]);
        // And nobody is tracked until the next apply, which says whose all of it was.
        life.update("two", |new| new["spec"]["n"] = json!(3));
        assert_eq!(life.entries(), [] as [Value; 0]);
        life.apply("three", json!({"s": "x"}));
        assert_eq!(life.owned("before-first-apply"), json!({"f:spec": {".": {}, "f:n": {}}}));
        assert_eq!(life.owned("three"), json!({"f:spec": {"f:s": {}}}));
    }
}

#[test]
fn entries_that_a_client_leaves_out_or_spoils_stay_as_they_were() {
    for spoiled in [Value::Null, json!([{"manager": "x", "operation": "Guess"}])] {
        let mut life = Life::new();
        life.apply("one", json!({"n": 1}));
        life.update("two", |new| new["metadata"]["managedFields"] = spoiled.clone());
        assert_eq!(life.owned("one"), json!({"f:spec": {"f:n": {}}}), "{spoiled}");
    }
    // Good ones are taken over.
    let mut life = Life::new();
    life.apply("one", json!({"n": 1}));
    life.update("two", |new| new["metadata"]["managedFields"][0]["manager"] = json!("other"));
    assert_eq!(life.owned("other"), json!({"f:spec": {"f:n": {}}}));
    assert_eq!(life.owned("one"), json!({}));
}

#[test]
fn more_than_ten_updaters_become_ancient_changes() {
    let mut life = Life::new();
    for number in 0..12 {
        let key = format!("k{number}");
        life.update(&format!("m{number}"), |new| new["spec"]["labels"][&key] = json!("x"));
    }
    let entries = life.entries();
    assert_eq!(entries.len(), 10);
    assert_eq!(entries[0]["manager"], "ancient-changes");
    assert_eq!(entries[0]["time"], "2026-09-21T14:13:23Z");
    assert_eq!(
        life.owned("ancient-changes"),
        json!({"f:spec": {".": {}, "f:labels": {".": {}, "f:k0": {}, "f:k1": {}, "f:k2": {}}}})
    );
}

#[test]
fn a_created_deployment_has_the_owners_that_the_real_server_writes() {
    let gvk = GroupVersionKind::parse("apps/v1", "Deployment");
    let node = Schema::builtin().root(&gvk).expect("deployments");
    let mut new = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "labels": {"app": "web"}},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {
                "containers": [{"name": "web", "image": "web:1", "resources": {},
                    "ports": [{"containerPort": 80, "protocol": "TCP"}]}],
                "securityContext": {}}}},
        "status": {}});
    let reset = reset_fields(&gvk, "", None);
    let writer = Writer {
        served: &[],
        manager: "kubectl-create",
        api_version: "apps/v1",
        subresource: "",
        reset: &reset,
        now: at(0),
    };
    record(node, None, &mut new, &writer);
    assert_eq!(
        new["metadata"]["managedFields"],
        json!([{
            "manager": "kubectl-create", "operation": "Update", "apiVersion": "apps/v1",
            "time": "2026-09-21T14:13:20Z", "fieldsType": "FieldsV1", "fieldsV1": {
                "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
                "f:spec": {
                    "f:replicas": {}, "f:selector": {},
                    "f:strategy": {"f:rollingUpdate": {".": {}, "f:maxSurge": {}}, "f:type": {}},
                    "f:template": {
                        "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
                        "f:spec": {
                            "f:containers": {"k:{\"name\":\"web\"}": {
                                ".": {}, "f:image": {}, "f:name": {}, "f:resources": {},
                                "f:ports": {".": {},
                                    "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {
                                        ".": {}, "f:containerPort": {}, "f:protocol": {}}},
                            }},
                            "f:securityContext": {},
                        },
                    },
                },
            },
        }])
    );
}

#[test]
fn scaling_takes_the_replicas_from_whoever_had_them() {
    let mut life = Life::new();
    life.apply("one", json!({"n": 1, "s": "a"}));
    let path = FieldPath::fields(&["spec", "n"]);
    let old = life.live.clone().expect("an object");
    let mut new = old.clone();
    new["spec"]["n"] = json!(5);
    life.write("kubectl", "", |_, _, w| record_scale(&path, &old, &mut new, w));
    let entries = new["metadata"]["managedFields"].clone();
    assert_eq!(entries[0]["fieldsV1"], json!({"f:spec": {"f:s": {}}}));
    assert_eq!(
        entries[1],
        json!({"manager": "kubectl", "operation": "Update", "apiVersion": "x.dev/v1",
            "subresource": "scale", "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {"f:n": {}}}})
    );
    // While nobody owns them, nobody is told of.
    let mut life = Life::new();
    life.apply("one", json!({"s": "a"}));
    let old = life.live.clone().expect("an object");
    let mut new = old.clone();
    new["spec"]["n"] = json!(5);
    life.write("kubectl", "", |_, _, w| record_scale(&path, &old, &mut new, w));
    assert_eq!(new["metadata"], old["metadata"]);
}

#[test]
fn a_field_that_became_atomic_counts_as_one() {
    let mut life = Life::new();
    life.update("one", |new| new["spec"] = json!({"atom": {"a": 1}, "n": 1}));
    let live = life.live.as_mut().expect("an object");
    // As it was written by an older schema.
    live["metadata"]["managedFields"][0]["fieldsV1"] =
        json!({"f:spec": {"f:n": {}, "f:atom": {"f:a": {}}}});
    life.apply("two", json!({"s": "x"}));
    assert_eq!(life.owned("one"), json!({"f:spec": {"f:n": {}, "f:atom": {}}}));
}

#[test]
fn an_object_of_a_version_that_is_served_no_more_keeps_no_owners_of_it() {
    let mut life = Life::new();
    life.update("one", |new| new["spec"]["n"] = json!(1));
    let live = life.live.as_mut().expect("an object");
    live["metadata"]["managedFields"][0]["apiVersion"] = json!("x.dev/v1alpha1");
    life.apply("two", json!({"s": "x"}));
    assert_eq!(life.owned("one"), json!({}));
    assert_eq!(life.spec(), json!({"n": 1, "s": "x"}));
    assert_eq!(object(json!(null)).get("spec"), None);
}
