//! An Application goes, with its objects or without them.

use serde_json::{Value, json};

use crate::{
    common::{APPROVED, Scene, annotated, condition, config_map, deployment},
    support::{AuditMark, LIMIT, eventually},
};

const CASCADE: &str = "resources-finalizer.argocd.argoproj.io";
const BACKGROUND: &str = "resources-finalizer.argocd.argoproj.io/background";
const MAP: (&str, &str, &str) = ("v1", "configmaps", "settings");
const WEB: (&str, &str, &str) = ("apps/v1", "deployments", "web");

/// A scene with a Deployment, a ConfigMap and one that outlives its application.
async fn open(name: &str, finalizers: &Value) -> Option<Scene> {
    let scene = Scene::begin(name).await?;
    let kept = config_map("kept", &[("key", "value")]);
    let kept = annotated(&kept, "argocd.argoproj.io/sync-options", "Delete=false");
    scene.repo.write("shop/web.yaml", &deployment("web", "shop/web:1.0", 2, ""));
    scene.repo.write("shop/config.yaml", &config_map("settings", &[("colour", "green")]));
    let commit = scene.repo.write("shop/kept.yaml", &kept).commit("Open the shop");
    scene.application("shop", |app| app["metadata"]["finalizers"] = finalizers.clone());
    scene.healthy("shop", &commit).await;
    Some(scene)
}

/// Shows that the application and all but what says so are gone.
async fn all_gone(scene: &Scene) {
    scene.until("shop", "the application to be gone", Value::is_null).await;
    for object in [MAP, WEB] {
        scene.live_until(object, "it to be gone", Value::is_null).await;
    }
    let pods = async || scene.target.names("pod").is_empty().then_some(());
    eventually(LIMIT, "the pods to be gone", pods).await;
    let kept = scene.live("v1", "configmaps", "kept").await;
    assert!(kept.is_some(), "Delete=false was not obeyed\n{}", scene.tail());
}

#[tokio::test]
async fn a_finalizer_takes_the_objects_along() {
    let Some(scene) = open("cascade", &json!([CASCADE])).await else { return };
    scene.home.delete("application", "shop");
    all_gone(&scene).await;
}

#[tokio::test]
async fn a_deletion_in_the_background_takes_the_objects_along_too() {
    let Some(scene) = open("backgr", &json!([BACKGROUND])).await else { return };
    scene.home.delete("application", "shop");
    all_gone(&scene).await;
}

#[tokio::test]
async fn the_status_api_deletes_with_the_objects() {
    let Some(scene) = open("apidel", &json!([])).await else { return };
    scene.api("DELETE", "shop", "?cascade=true", None);
    all_gone(&scene).await;
}

#[tokio::test]
async fn an_object_that_asks_for_a_word_holds_the_whole_deletion_until_it_is_given() {
    let Some(scene) = Scene::begin("word").await else { return };
    let asks = config_map("precious", &[("key", "value")]).replace(
        "  name: precious\n",
        "  name: precious\n  annotations: {argocd.argoproj.io/sync-options: Delete=confirm}\n",
    );
    scene.repo.write("shop/config.yaml", &config_map("settings", &[("colour", "green")]));
    let commit = scene.repo.write("shop/precious.yaml", &asks).commit("Open the shop");
    scene.application("shop", |app| app["metadata"]["finalizers"] = json!([CASCADE]));
    scene.healthy("shop", &commit).await;
    // A word from before the deletion is no word about it.
    let early = json!({"metadata": {"annotations": {APPROVED: "2026-01-01T00:00:00Z"}}});
    scene.patch("shop", &early);
    scene.home.delete("application", "shop");
    let message = scene.condition("shop", "DeletionError").await;
    println!("a deletion that waits for a word as people see it: {message}");
    assert!(message.contains("/precious") && message.contains(APPROVED), "{message}");
    scene.event("shop", "ConditionRaised", &["DeletionError", "/precious"]).await;
    for name in ["settings", "precious"] {
        assert!(scene.live("v1", "configmaps", name).await.is_some(), "{name} is gone");
    }

    scene.approve("shop").await;
    scene.until("shop", "the application to be gone", Value::is_null).await;
    for name in ["settings", "precious"] {
        assert!(scene.live("v1", "configmaps", name).await.is_none(), "{name} is there");
    }
}

#[tokio::test]
async fn an_application_may_say_that_all_of_its_objects_stay() {
    let Some(scene) = Scene::begin("stay").await else { return };
    let goes = config_map("goes", &[("key", "value")]).replace(
        "  name: goes\n",
        "  name: goes\n  annotations: {argocd.argoproj.io/sync-options: Delete=true}\n",
    );
    scene.repo.write("shop/config.yaml", &config_map("settings", &[("colour", "green")]));
    let commit = scene.repo.write("shop/goes.yaml", &goes).commit("Open the shop");
    scene.application("shop", |app| {
        app["metadata"]["finalizers"] = json!([CASCADE]);
        app["spec"]["syncPolicy"]["syncOptions"] = json!(["Delete=false"]);
    });
    scene.healthy("shop", &commit).await;
    scene.home.delete("application", "shop");
    scene.until("shop", "the application to be gone", Value::is_null).await;
    assert!(scene.live("v1", "configmaps", "settings").await.is_some(), "{}", scene.tail());
    assert!(scene.live("v1", "configmaps", "goes").await.is_none(), "{}", scene.tail());
}

#[tokio::test]
async fn an_application_that_holds_itself_waits_for_a_word_and_then_goes() {
    let Some(scene) = Scene::begin("itself").await else { return };
    scene.repo.write("shop/config.yaml", &config_map("settings", &[("colour", "green")]));
    let itself = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": {"name": "shop", "namespace": scene.home.name(), "finalizers": [CASCADE]},
        "spec": {
            "project": "default",
            "source": {"repoURL": scene.repo.url(), "targetRevision": "main", "path": "shop"},
            "destination": {
                "server": "https://kubernetes.default.svc", "namespace": scene.target.name(),
            },
            "syncPolicy": {"automated": {"prune": true, "selfHeal": true}},
        },
    });
    let commit = scene.repo.write("shop/shop.json", &itself.to_string()).commit("Open the shop");
    scene.application("shop", |app| app["metadata"]["finalizers"] = json!([CASCADE]));
    scene.healthy("shop", &commit).await;

    // Not by a commit alone: all of it would go.
    scene.repo.remove("shop/shop.json").commit("Forget the application");
    let message = scene.condition("shop", "SyncError").await;
    assert!(message.contains("Application") && message.contains(APPROVED), "{message}");
    scene.home.delete("application", "shop");
    scene.until("shop", "the application to be gone", Value::is_null).await;
    assert!(scene.live("v1", "configmaps", "settings").await.is_none(), "{}", scene.tail());
}

#[tokio::test]
async fn without_a_finalizer_the_objects_stay() {
    let Some(scene) = open("orphan", &json!([])).await else { return };
    let mark = scene.plane.audit_mark();
    scene.home.delete("application", "shop");
    stays(&scene, mark).await;
}

#[tokio::test]
async fn the_status_api_deletes_without_the_objects() {
    let Some(scene) = open("apikeep", &json!([CASCADE])).await else { return };
    let mark = scene.plane.audit_mark();
    scene.api("DELETE", "shop", "?cascade=false", None);
    stays(&scene, mark).await;
}

/// Shows that nothing but the application is gone, and that nobody looks after the rest any more.
async fn stays(scene: &Scene, mark: AuditMark) {
    scene.until("shop", "the application to be gone", Value::is_null).await;
    let forgotten = async || {
        let (code, _) = scene.controller.get("/api/v1/applications/shop")?;
        (code == 404).then_some(())
    };
    eventually(LIMIT, "the controller to know that it is gone", forgotten).await;
    for (version, plural, name) in [MAP, WEB, ("v1", "configmaps", "kept")] {
        assert!(scene.live(version, plural, name).await.is_some(), "{name}");
    }
    // Another application shows that the controller had time to do what it must not do.
    scene.target.patch("configmap", "settings", &json!({"data": {"colour": "red"}}));
    scene.repo.write("depot/other.yaml", &config_map("other", &[("key", "value")]));
    let commit = scene.repo.commit("Open a depot");
    scene.application("depot", |app| app["spec"]["source"]["path"] = json!("depot"));
    scene.healthy("depot", &commit).await;
    let writes = scene.writes_since(mark);
    assert!(writes.iter().all(|event| event.name == "other"), "{writes:#?}");
}

#[tokio::test]
async fn an_application_made_anew_takes_its_objects_over() {
    let Some(scene) = open("again", &json!([])).await else { return };
    let before = scene.live("apps/v1", "deployments", "web").await.expect("it is there");
    scene.home.delete("application", "shop");
    scene.until("shop", "the application to be gone", Value::is_null).await;
    scene.repo.remove("shop/config.yaml");
    let commit = scene.repo.commit("Remove the settings");
    scene.application("shop", |_| ());
    scene.healthy("shop", &commit).await;
    let after = scene.live("apps/v1", "deployments", "web").await.expect("it is there");
    assert_eq!(before["metadata"]["uid"], after["metadata"]["uid"]);
    assert_eq!(before["metadata"]["generation"], after["metadata"]["generation"]);
    scene.assert_settled("shop").await;
}

#[tokio::test]
async fn an_application_with_another_name_takes_over_what_one_left_behind() {
    let Some(scene) = open("rename", &json!([])).await else { return };
    // While the first is there, its objects are its own.
    scene.application("store", |_| ());
    let message = scene.condition("store", "SharedResourceWarning").await;
    assert!(message.contains("shop"), "{message}");
    let before = scene.live("apps/v1", "deployments", "web").await.expect("it is there");
    scene.home.delete("application", "shop");

    let commit = scene.repo.head();
    let app = scene.healthy("store", &commit).await;
    assert_eq!(condition(&app, "SharedResourceWarning"), None);
    let after = scene.live("apps/v1", "deployments", "web").await.expect("it is there");
    assert_eq!(before["metadata"]["uid"], after["metadata"]["uid"]);
    let tracking = &after["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"];
    assert!(tracking.as_str().is_some_and(|id| id.starts_with("store:")), "{tracking}");
    scene.assert_settled("store").await;
}
