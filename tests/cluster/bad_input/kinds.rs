//! Kinds that the cluster does not know yet.

use serde_json::{Value, json};

use super::quiet;
use crate::common::{Scene, config_map, crd_path, resource};

/// A CRD for a group of its own, with `spec.size` as an integer.
fn definition(group: &str) -> String {
    let schema = json!({
        "type": "object",
        "properties": {
            "spec": {"type": "object", "properties": {"size": {"type": "integer"}}},
        },
    });
    let version = json!({"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}});
    let names = json!({"kind": "Thing", "plural": "things", "singular": "thing"});
    let crd = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("things.{group}")},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
    });
    crd.to_string()
}

fn thing(group: &str) -> String {
    format!("apiVersion: {group}/v1\nkind: Thing\nmetadata: {{name: first}}\nspec: {{size: 1}}\n")
}

#[tokio::test]
async fn a_kind_may_arrive_in_the_same_sync_as_its_objects() {
    let Some(scene) = Scene::begin("arriving").await else { return };
    let group = "arriving.example";
    // The object comes before its definition by the names of the files.
    scene.repo.write("shop/a.yaml", &thing(group));
    scene.repo.write("shop/z.json", &definition(group));
    let commit = scene.repo.commit("both at once");
    scene.application("shop", |_| {});
    let app = scene.content("shop", &commit).await;
    assert_eq!(app["status"]["operationState"]["phase"], "Succeeded", "{:#}", app["status"]);
    let live = scene.live("arriving.example/v1", "things", "first").await.expect("it is there");
    assert_eq!(live["spec"]["size"], 1);
    scene.assert_settled("shop").await;
    let warnings = scene.told("shop").await.into_iter().filter(|event| event.kind == "Warning");
    assert_eq!(warnings.collect::<Vec<_>>(), []);

    // Both go in one commit, too; the definition, which everybody's objects would go with, not
    // without a word.
    let crd = crd_path("things.arriving.example");
    scene.repo.remove("shop/a.yaml").remove("shop/z.json");
    scene.repo.write("shop/rest.yaml", &config_map("rest", &[]));
    let commit = scene.repo.commit("neither");
    let thing = ("arriving.example/v1", "things", "first");
    scene.live_until(thing, "the object to be gone", Value::is_null).await;
    let message = scene.condition("shop", "SyncError").await;
    println!("a CRD that is not pruned as people see it: {message}");
    assert!(message.contains("things.arriving.example"), "{message}");
    let app = scene.refresh("shop", "hard").await;
    let entry = resource(&app, "CustomResourceDefinition", "things.arriving.example");
    assert_eq!(entry["requiresDeletionConfirmation"], true, "{entry:#}");
    assert!(scene.get(&crd).await.is_some());
    scene.approve("shop").await;
    scene.content("shop", &commit).await;
    assert!(scene.get(&crd).await.is_none());
}

#[tokio::test]
async fn a_kind_that_arrives_later_is_used_without_another_commit() {
    let Some(scene) = Scene::begin("later").await else { return };
    let group = "later.example";
    scene.repo.write("shop/thing.yaml", &thing(group));
    scene.repo.write("shop/keep.yaml", &config_map("keep", &[("key", "one")]));
    let commit = scene.repo.commit("a kind that nobody knows");
    scene.application("shop", |_| {});
    let says = ["shop/thing.yaml:1: ", "no kind Thing in later.example/v1"];
    scene.alone("shop", "ComparisonError", &says).await.unwrap_or_else(|text| panic!("{text}"));
    let there = |live: &Value| live["data"]["key"] == "one";
    scene.live_until(("v1", "configmaps", "keep"), "the other object", there).await;
    quiet(&scene).await;

    scene.plane.apply("", &definition(group));
    scene.content("shop", &commit).await;
    assert!(scene.live("later.example/v1", "things", "first").await.is_some());
    scene.assert_settled("shop").await;
    scene.plane.delete(&crd_path("things.later.example"));
}
