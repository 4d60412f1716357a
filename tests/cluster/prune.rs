//! What Git no longer names goes, unless that might be a mistake.

use serde_json::{Value, json};

use crate::common::{
    APPROVED, Scene, annotated, condition, config_map, deployment, is_health, is_synced, resource,
};

/// Writes the maps `item-0` to `item-N`, in a file each.
fn write_items(scene: &Scene, count: usize) {
    for number in 0..count {
        let name = format!("item-{number}");
        scene.repo.write(&format!("shop/{name}.yaml"), &config_map(&name, &[("key", "value")]));
    }
}

/// How many of the items are live.
async fn items(scene: &Scene) -> usize {
    let path = format!("/api/v1/namespaces/{}/configmaps", scene.target.name());
    let list = scene.get(&path).await.unwrap_or_default();
    let items = list["items"].as_array().cloned().unwrap_or_default();
    let name = |item: &Value| item["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    items.iter().filter(|item| name(item).starts_with("item-")).count()
}

#[tokio::test]
async fn what_git_no_longer_names_goes_when_the_rest_is_healthy() {
    let Some(scene) = Scene::begin("prune").await else { return };
    scene.repo.write("shop/old.yaml", &deployment("old", "shop/web:1.0", 1, ""));
    scene.repo.write("shop/config.yaml", &config_map("settings", &[("colour", "green")]));
    let commit = scene.repo.commit("Open the shop");
    scene.application("shop", |_| ());
    scene.healthy("shop", &commit).await;

    // The new one takes a while; until then the old one serves.
    scene.repo.remove("shop/old.yaml");
    scene.repo.write("shop/new.yaml", &deployment("new", "shop/web:2.0", 1, "never-ready"));
    let commit = scene.repo.commit("Replace the old by the new");
    let waits = |app: &Value| {
        let message = app["status"]["operationState"]["message"].as_str().unwrap_or_default();
        message.contains("waiting for healthy state of apps/Deployment/new")
            && resource(app, "Deployment", "old")["requiresPruning"] == true
    };
    scene.until("shop", "the prune to wait for the new one", waits).await;
    assert!(scene.live("apps/v1", "deployments", "old").await.is_some());

    scene.target.direct_pods("new-", Some("ready"));
    scene.healthy("shop", &commit).await;
    let old = ("apps/v1", "deployments", "old");
    scene.live_until(old, "the old one to be gone", Value::is_null).await;
    scene.event("shop", "Pruned", &["old"]).await;
    let app = scene.app("shop").await;
    let results = app["status"]["operationState"]["syncResult"]["resources"].as_array();
    let pruned = results.into_iter().flatten().find(|result| result["name"] == "old");
    assert_eq!(pruned.map(|result| &result["status"]), Some(&json!("Pruned")), "{results:#?}");
    scene.assert_settled("shop").await;
}

#[tokio::test]
async fn without_prune_what_git_no_longer_names_stays_and_is_told() {
    let Some(scene) = Scene::begin("keep").await else { return };
    write_items(&scene, 2);
    let commit = scene.repo.commit("Open the shop");
    scene.application("shop", |app| {
        app["spec"]["syncPolicy"]["automated"]["prune"] = json!(false);
    });
    scene.healthy("shop", &commit).await;
    scene.repo.remove("shop/item-1.yaml");
    let commit = scene.repo.commit("Remove one");
    let told = |app: &Value| {
        let entry = resource(app, "ConfigMap", "item-1");
        app["status"]["sync"]["revision"] == commit
            && entry["status"] == "OutOfSync"
            && entry["requiresPruning"] == true
    };
    let app = scene.until("shop", "the extra object to be told", told).await;
    assert_eq!(app["status"]["sync"]["status"], "OutOfSync");
    let mark = scene.plane.audit_mark();
    scene.refresh("shop", "hard").await;
    assert_eq!(items(&scene).await, 2);
    assert_eq!(scene.writes_since(mark), []);

    // A person prunes by hand.
    scene.sync("shop", &json!({"prune": true}));
    scene.healthy("shop", &commit).await;
    assert_eq!(items(&scene).await, 1);
    scene.assert_settled("shop").await;
}

#[tokio::test]
async fn an_object_that_says_so_is_not_pruned() {
    let Some(scene) = Scene::begin("exempt").await else { return };
    write_items(&scene, 1);
    let exempt = config_map("exempt", &[("key", "value")]);
    let exempt = annotated(&exempt, "argocd.argoproj.io/sync-options", "Prune=false");
    scene.repo.write("shop/exempt.yaml", &exempt);
    let commit = scene.repo.commit("Open the shop");
    scene.application("shop", |_| ());
    scene.healthy("shop", &commit).await;
    scene.repo.remove("shop/exempt.yaml");
    let commit = scene.repo.commit("Remove it");
    let told = |app: &Value| {
        app["status"]["sync"]["revision"] == commit
            && resource(app, "ConfigMap", "exempt")["requiresPruning"] == true
    };
    scene.until("shop", "the extra object to be told", told).await;
    let mark = scene.plane.audit_mark();
    scene.refresh("shop", "normal").await;
    assert_eq!(scene.writes_since(mark), []);
    assert!(scene.live("v1", "configmaps", "exempt").await.is_some());
}

#[tokio::test]
async fn an_object_that_asks_for_a_word_is_pruned_when_it_is_given() {
    let Some(scene) = Scene::begin("confirm").await else { return };
    write_items(&scene, 2);
    for name in ["first", "second"] {
        let asks = config_map(name, &[("key", "value")]).replace(
            &format!("  name: {name}\n"),
            &format!(
                "  name: {name}\n  annotations: {{argocd.argoproj.io/sync-options: Prune=confirm}}\n"
            ),
        );
        scene.repo.write(&format!("shop/{name}.yaml"), &asks);
    }
    let commit = scene.repo.commit("Open the shop");
    scene.application("shop", |_| ());
    let app = scene.healthy("shop", &commit).await;
    assert_eq!(resource(&app, "ConfigMap", "first")["requiresDeletionConfirmation"], true);

    // What asks for nothing goes; the other waits.
    scene.repo.remove("shop/first.yaml").remove("shop/item-1.yaml");
    let commit = scene.repo.commit("Remove two");
    let item = ("v1", "configmaps", "item-1");
    scene.live_until(item, "the other to be gone", Value::is_null).await;
    let message = scene.condition("shop", "SyncError").await;
    println!("a prune that waits for a word as people see it: {message}");
    assert!(message.contains("/first") && message.contains(APPROVED), "{message}");
    assert!(!message.contains("item-1"), "{message}");
    let app = scene.refresh("shop", "hard").await;
    let entry = resource(&app, "ConfigMap", "first");
    assert_eq!(entry["requiresPruning"], true);
    assert_eq!(entry["requiresDeletionConfirmation"], true);
    assert!(scene.live("v1", "configmaps", "first").await.is_some());
    scene.approve("shop").await;
    let app = scene.until("shop", "the prune", |app| is_synced(app, &commit)).await;
    assert_eq!(condition(&app, "SyncError"), None);
    assert!(scene.live("v1", "configmaps", "first").await.is_none());

    // A word counts once, and a person's sync is no word: it waits, as Argo CD's does.
    scene.patch("shop", &json!({"spec": {"syncPolicy": {"automated": null}}}));
    scene.repo.remove("shop/second.yaml");
    let commit = scene.repo.commit("Remove another");
    let stale = |app: &Value| {
        app["status"]["sync"]["revision"] == commit
            && resource(app, "ConfigMap", "second")["requiresPruning"] == true
    };
    scene.until("shop", "it to be told", stale).await;
    scene.sync("shop", &json!({"prune": true}));
    let waits = |app: &Value| {
        let state = &app["status"]["operationState"];
        let message = state["message"].as_str().unwrap_or_default();
        state["phase"] == "Running"
            && message.contains("waiting for pruning confirmation of")
            && message.contains("/second")
    };
    scene.until("shop", "the operation to wait", waits).await;
    assert!(scene.live("v1", "configmaps", "second").await.is_some());
    scene.approve("shop").await;
    scene.healthy("shop", &commit).await;
    assert!(scene.live("v1", "configmaps", "second").await.is_none());
    scene.assert_settled("shop").await;
}

#[tokio::test]
async fn wiping_everything_out_waits_for_a_confirmation() {
    let Some(scene) = Scene::begin("wipe").await else { return };
    write_items(&scene, 3);
    scene.repo.write("shop/README.md", "A shop.\n");
    let commit = scene.repo.commit("Open the shop");
    scene.application("shop", |_| ());
    scene.healthy("shop", &commit).await;
    for number in 0..3 {
        scene.repo.remove(&format!("shop/item-{number}.yaml"));
    }
    let commit = scene.repo.commit("Remove everything");
    let message = scene.condition("shop", "SyncError").await;
    println!("a wipe as people see it: {message}");
    assert!(message.contains("3 of 3") && message.contains(APPROVED), "{message}");
    scene.event("shop", "ConditionRaised", &["SyncError", "3 of 3"]).await;
    let mark = scene.plane.audit_mark();
    scene.refresh("shop", "hard").await;
    assert_eq!(scene.writes_since(mark), []);
    assert_eq!(items(&scene).await, 3);

    scene.approve("shop").await;
    let app = scene.until("shop", "the wipe to be done", |app| is_synced(app, &commit)).await;
    assert_eq!(items(&scene).await, 0);
    assert_eq!(condition(&app, "SyncError"), None);
    scene.assert_settled("shop").await;
}

#[tokio::test]
async fn more_than_half_and_ten_objects_wait_for_a_confirmation_too() {
    let Some(scene) = Scene::begin("half").await else { return };
    write_items(&scene, 15);
    let commit = scene.repo.commit("Open the shop");
    scene.application("shop", |_| ());
    scene.healthy("shop", &commit).await;
    for number in 0..11 {
        scene.repo.remove(&format!("shop/item-{number}.yaml"));
    }
    scene.repo.replace("shop/item-14.yaml", "value", "new");
    let commit = scene.repo.commit("Remove most");
    let message = scene.condition("shop", "SyncError").await;
    assert!(message.contains("11 of 15"), "{message}");
    // What is not dangerous is done meanwhile.
    let item = ("v1", "configmaps", "item-14");
    scene.live_until(item, "the rest to be synced", |live| live["data"]["key"] == "new").await;
    scene.refresh("shop", "normal").await;
    assert_eq!(items(&scene).await, 15);

    scene.sync("shop", &json!({"prune": true}));
    scene.healthy("shop", &commit).await;
    assert_eq!(items(&scene).await, 4);
    scene.assert_settled("shop").await;
}

#[tokio::test]
async fn an_application_that_may_be_empty_is_emptied() {
    let Some(scene) = Scene::begin("empty").await else { return };
    write_items(&scene, 3);
    scene.repo.write("shop/README.md", "A shop.\n");
    let commit = scene.repo.commit("Open the shop");
    scene.application("shop", |app| {
        app["spec"]["syncPolicy"]["automated"]["allowEmpty"] = json!(true);
    });
    scene.healthy("shop", &commit).await;
    scene.repo.remove("shop/item-0.yaml").remove("shop/item-1.yaml").remove("shop/item-2.yaml");
    let commit = scene.repo.commit("Remove everything");
    scene.healthy("shop", &commit).await;
    assert_eq!(items(&scene).await, 0);
    scene.assert_settled("shop").await;
}

#[tokio::test]
async fn a_render_that_fails_or_finds_nothing_prunes_nothing() {
    let Some(scene) = Scene::begin("failing").await else { return };
    write_items(&scene, 3);
    let commit = scene.repo.commit("Open the shop");
    scene.application("shop", |app| {
        app["spec"]["syncPolicy"]["automated"]["allowEmpty"] = json!(true);
    });
    scene.healthy("shop", &commit).await;
    let mark = scene.plane.audit_mark();

    // The path is gone.
    scene.repo.git(&["mv", "shop", "store"]);
    scene.repo.commit("Rename the directory");
    let message = scene.condition("shop", "ComparisonError").await;
    println!("a path that is gone as people see it: {message}");
    assert!(message.contains("shop"), "{message}");
    all_unknown(&scene.refresh("shop", "hard").await);

    // Every file is broken.
    scene.repo.git(&["mv", "store", "shop"]);
    for number in 0..3 {
        scene.repo.write(&format!("shop/item-{number}.yaml"), "kind: [\n");
    }
    scene.repo.commit("Break everything");
    let broken = |app: &Value| {
        condition(app, "ComparisonError").is_some_and(|message| message.contains("item-0.yaml:"))
    };
    scene.until("shop", "the broken files to be named", broken).await;
    all_unknown(&scene.refresh("shop", "hard").await);
    assert_eq!(scene.writes_since(mark), []);
    assert_eq!(items(&scene).await, 3);

    write_items(&scene, 3);
    let commit = scene.repo.commit("Mend it");
    let app = scene.healthy("shop", &commit).await;
    assert_eq!(condition(&app, "ComparisonError"), None);
    scene.assert_settled("shop").await;
}

/// Shows that the three items are listed, and that nothing is said against them.
fn all_unknown(app: &Value) {
    for number in 0..3 {
        let entry = resource(app, "ConfigMap", &format!("item-{number}"));
        assert_eq!(entry["status"], "Unknown", "{:#}", app["status"]);
        assert_eq!(entry["requiresPruning"], Value::Null, "{entry:#}");
    }
    assert!(is_health(app, "Healthy"), "{:#}", app["status"]);
}

#[tokio::test]
async fn one_broken_file_keeps_the_others_syncing_and_prunes_nothing() {
    let Some(scene) = Scene::begin("broken").await else { return };
    write_items(&scene, 3);
    let commit = scene.repo.commit("Open the shop");
    scene.application("shop", |_| ());
    scene.healthy("shop", &commit).await;

    // One is broken, one is gone, one is new in value.
    scene.repo.write("shop/item-0.yaml", "apiVersion: v1\nkind: ConfigMap\n  name: item-0\n");
    scene.repo.remove("shop/item-1.yaml");
    scene.repo.replace("shop/item-2.yaml", "value", "new");
    scene.repo.commit("Break one file");
    let message = scene.condition("shop", "ComparisonError").await;
    println!("broken YAML as people see it: {message}");
    assert!(message.contains("shop/item-0.yaml:"), "{message}");
    scene.event("shop", "ConditionRaised", &["ComparisonError", "shop/item-0.yaml:"]).await;
    let item = ("v1", "configmaps", "item-2");
    scene.live_until(item, "the others to be synced", |live| live["data"]["key"] == "new").await;
    scene.refresh("shop", "hard").await;
    assert_eq!(items(&scene).await, 3);
    let app = scene.app("shop").await;
    assert!(is_health(&app, "Healthy"), "{:#}", app["status"]);

    write_items(&scene, 1);
    let commit = scene.repo.commit("Mend it");
    scene.healthy("shop", &commit).await;
    assert_eq!(items(&scene).await, 2);
    scene.assert_settled("shop").await;
}
