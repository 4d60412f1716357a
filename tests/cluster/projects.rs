//! Projects: what they forbid is named and left alone, and what they permit goes on.

use serde_json::{Value, json};

use crate::{
    common::{Scene, condition, config_map, resource},
    support::{AuditMark, Repo},
};

const SECRET: &str = "apiVersion: v1
kind: Secret
metadata:
  name: password
stringData:
  word: x
";

const ROLE: &str = "apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: NAME
rules: []
";

/// Makes a project that permits this repository and the target namespace, as `adjust` leaves it.
fn project(scene: &Scene, adjust: impl FnOnce(&mut Value)) {
    let mut project = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject",
        "metadata": {"name": "team"},
        "spec": {
            "sourceRepos": [scene.repo.url()],
            "destinations": [{"server": "*", "namespace": scene.target.name()}],
        },
    });
    adjust(&mut project);
    scene.home.apply(&project.to_string());
}

/// An application of the project `team`.
fn application(scene: &Scene) {
    scene.application("shop", |app| app["spec"]["project"] = json!("team"));
}

fn write_settings(scene: &Scene) -> String {
    let settings = config_map("settings", &[("colour", "green")]);
    scene.repo.write("shop/config.yaml", &settings).commit("Open the shop")
}

#[tokio::test]
async fn the_default_project_is_made_and_permits_everything() {
    let Some(scene) = Scene::begin("default").await else { return };
    let commit = write_settings(&scene);
    // An application that names no project is of the default one.
    scene.application("shop", |app| app["spec"]["project"] = json!(""));
    scene.healthy("shop", &commit).await;
    let path =
        format!("/apis/argoproj.io/v1alpha1/namespaces/{}/appprojects/default", scene.home.name());
    let made = scene.get(&path).await.expect("it was made");
    assert_eq!(made["spec"]["sourceRepos"], json!(["*"]));
    scene.assert_settled("shop").await;
}

#[tokio::test]
async fn a_project_that_does_not_exist_is_named_and_made_later_it_is_used() {
    let Some(scene) = Scene::begin("noproject").await else { return };
    let commit = write_settings(&scene);
    application(&scene);
    let message = scene.condition("shop", "InvalidSpecError").await;
    println!("a missing project as people see it: {message}");
    assert!(message.contains("project team does not exist"), "{message}");
    scene.event("shop", "ConditionRaised", &["InvalidSpecError", "team"]).await;
    let app = scene.app("shop").await;
    assert_eq!(app["status"]["sync"]["status"], "Unknown");
    assert_eq!(scene.writes_since(AuditMark::default()), []);

    project(&scene, |_| ());
    let app = scene.healthy("shop", &commit).await;
    assert_eq!(condition(&app, "InvalidSpecError"), None);
    scene.assert_settled("shop").await;
}

#[tokio::test]
async fn a_repository_or_destination_outside_the_project_stops_the_application() {
    let Some(scene) = Scene::begin("outside").await else { return };
    let commit = write_settings(&scene);
    project(&scene, |project| {
        project["spec"]["sourceRepos"] = json!(["https://git.example/team/*"]);
        project["spec"]["destinations"] = json!([{"server": "*", "namespace": "elsewhere-*"}]);
    });
    application(&scene);
    let message = scene.condition("shop", "InvalidSpecError").await;
    println!("a forbidden repository and destination as people see them: {message}");
    for text in [&scene.repo.url(), "sourceRepos", scene.target.name(), "destinations"] {
        assert!(message.contains(text), "{message}");
    }
    assert_eq!(scene.writes_since(AuditMark::default()), []);
    project(&scene, |_| ());
    scene.healthy("shop", &commit).await;
    scene.assert_settled("shop").await;
}

#[tokio::test]
async fn what_a_project_forbids_is_neither_pruned_nor_deleted_with_the_application() {
    let Some(scene) = Scene::begin("foreign").await else { return };
    for name in ["first", "second"] {
        let secret = SECRET.replace("name: password", &format!("name: {name}"));
        scene.repo.write(&format!("shop/{name}.yaml"), &secret);
    }
    let commit = write_settings(&scene);
    project(&scene, |_| ());
    scene.application("shop", |app| {
        app["spec"]["project"] = json!("team");
        app["metadata"]["finalizers"] = json!(["resources-finalizer.argocd.argoproj.io"]);
    });
    scene.healthy("shop", &commit).await;

    // The project forbids Secrets from now on; then one leaves Git, with another object.
    scene.repo.write("shop/other.yaml", &config_map("other", &[("key", "value")]));
    let commit = scene.repo.commit("Add another");
    scene.healthy("shop", &commit).await;
    project(&scene, |project| {
        project["spec"]["namespaceResourceBlacklist"] = json!([{"group": "", "kind": "Secret"}]);
    });
    let forbidden = |app: &Value| {
        condition(app, "SyncError").is_some_and(|message| message.contains("project team"))
    };
    scene.until("shop", "the new rule to be seen", forbidden).await;
    scene.repo.remove("shop/first.yaml").remove("shop/other.yaml").commit("Remove two");
    let other = ("v1", "configmaps", "other");
    scene.live_until(other, "the other to be pruned", Value::is_null).await;
    let app = scene.refresh("shop", "hard").await;
    let message = condition(&app, "SyncError").expect("the project is in the way");
    println!("a prune that the project forbids as people see it: {message}");
    assert!(message.contains("/first") && message.contains("not deleted"), "{message}");
    let entry = resource(&app, "Secret", "first");
    assert_eq!((&entry["status"], &entry["requiresPruning"]), (&json!("Unknown"), &Value::Null));
    assert!(scene.live("v1", "secrets", "first").await.is_some());

    scene.home.delete("application", "shop");
    scene.until("shop", "the application to be gone", Value::is_null).await;
    scene.event("shop", "LeftBehind", &["/first", "/second", "project team"]).await;
    for name in ["first", "second"] {
        assert!(scene.live("v1", "secrets", name).await.is_some(), "{name} is gone");
    }
    assert!(scene.live("v1", "configmaps", "settings").await.is_none());
}

#[tokio::test]
async fn what_a_project_demands_and_nobody_sees_to_stops_its_applications() {
    let Some(scene) = Scene::begin("unkept").await else { return };
    let commit = write_settings(&scene);
    let window = json!({"kind": "deny", "schedule": "* * * * *", "duration": "24h",
        "applications": ["*"]});
    project(&scene, |project| {
        project["spec"]["signatureKeys"] = json!([{"keyID": "4AEE18F83AFDEB23"}]);
        project["spec"]["syncWindows"] = json!([window]);
    });
    application(&scene);
    let message = scene.condition("shop", "InvalidSpecError").await;
    println!("restrictions that nobody sees to as people see them: {message}");
    for text in ["project team", "signatureKeys", "syncWindows"] {
        assert!(message.contains(text), "{message}");
    }
    // Nor does it by hand.
    scene.patch("shop", &json!({"operation": {"sync": {}}}));
    let ended = |app: &Value| app["status"]["operationState"]["phase"] == "Error";
    scene.until("shop", "the operation to be refused", ended).await;
    assert_eq!(scene.writes_since(AuditMark::default()), []);

    // A window for others is none for this one.
    let window = json!({"kind": "deny", "schedule": "* * * * *", "duration": "24h",
        "applications": ["depot"]});
    project(&scene, |project| project["spec"]["syncWindows"] = json!([window]));
    let app = scene.healthy("shop", &commit).await;
    assert_eq!(condition(&app, "InvalidSpecError"), None);
    scene.assert_settled("shop").await;
}

#[tokio::test]
async fn an_operation_with_a_source_of_its_own_is_no_freer_than_the_application() {
    let Some(scene) = Scene::begin("opsource").await else { return };
    let commit = write_settings(&scene);
    project(&scene, |_| ());
    scene.application("shop", |app| {
        app["spec"]["project"] = json!("team");
        app["spec"]["syncPolicy"] = json!({});
    });
    let compared = |app: &Value| app["status"]["sync"]["revision"] == commit;
    scene.until("shop", "it to be compared", compared).await;
    let other = Repo::init("elsewhere");
    other.write("shop/evil.yaml", &config_map("evil", &[("key", "value")])).commit("Break in");
    let source = json!({"repoURL": other.url(), "targetRevision": "main", "path": "shop"});
    let mark = scene.plane.audit_mark();
    scene.patch("shop", &json!({"operation": {"sync": {"source": source}}}));
    let ended = |app: &Value| app["status"]["operationState"]["phase"] == "Error";
    let app = scene.until("shop", "the operation to be refused", ended).await;
    let message = app["status"]["operationState"]["message"].as_str().unwrap_or_default();
    println!("a forbidden source of an operation as people see it: {message}");
    assert!(message.contains(&other.url()) && message.contains("sourceRepos"), "{message}");
    assert!(app["operation"].is_null(), "{app:#}");
    assert_eq!(scene.writes_since(mark), []);

    // The same with a source that the project permits.
    scene.patch("shop", &json!({"operation": {"sync": {"source": app["spec"]["source"]}}}));
    scene.healthy("shop", &commit).await;
}

#[tokio::test]
async fn forbidden_objects_are_named_and_the_others_are_synced() {
    let Some(scene) = Scene::begin("forbid").await else { return };
    let other = scene.plane.namespace("forbidden").await;
    let role = format!("{}-reader", scene.target.name());
    let elsewhere = config_map("elsewhere", &[("key", "value")])
        .replace("  name: elsewhere\n", &format!("  name: elsewhere\n  namespace: {other}\n"));
    scene.repo.write("shop/secret.yaml", SECRET);
    scene.repo.write("shop/role.yaml", &ROLE.replace("NAME", &role));
    scene.repo.write("shop/elsewhere.yaml", &elsewhere);
    write_settings(&scene);
    project(&scene, |project| {
        project["spec"]["namespaceResourceBlacklist"] = json!([{"group": "", "kind": "Secret"}]);
    });
    application(&scene);
    let settings = ("v1", "configmaps", "settings");
    scene.live_until(settings, "the rest to be synced", |live| !live.is_null()).await;
    // One condition names all three.
    let message = scene.condition("shop", "SyncError").await;
    println!("forbidden objects as people see them: {message}");
    for text in ["/password", &role, other.name(), "/elsewhere", "project team"] {
        assert!(message.contains(text), "{text}: {message}");
    }
    scene.event("shop", "ConditionRaised", &["SyncError", "project team"]).await;
    scene.refresh("shop", "hard").await;
    let app = scene.app("shop").await;
    assert_eq!(resource(&app, "ConfigMap", "settings")["status"], "Synced");
    assert!(scene.live("v1", "secrets", "password").await.is_none());
    assert!(scene.get(&format!("/api/v1/namespaces/{other}/configmaps/elsewhere")).await.is_none());
    let path = format!("/apis/rbac.authorization.k8s.io/v1/clusterroles/{role}");
    assert!(scene.get(&path).await.is_none());

    scene.repo.remove("shop/secret.yaml").remove("shop/role.yaml").remove("shop/elsewhere.yaml");
    let commit = scene.repo.commit("Take them out");
    let app = scene.healthy("shop", &commit).await;
    assert_eq!(condition(&app, "SyncError"), None);
    scene.assert_settled("shop").await;
}
