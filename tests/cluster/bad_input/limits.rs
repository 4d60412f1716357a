//! What is not allowed: by a project, and by the rights of the controller's account.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{calm, quiet};
use crate::{
    common::{Scene, config_map},
    support::ControlPlane,
};

fn in_namespace(name: &str, namespace: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: {namespace}}}\n")
}

/// Panics unless the application has this condition and no other, told by one Event.
async fn expect(scene: &Scene, name: &str, kind: &str, says: &[&str]) {
    scene.alone(name, kind, says).await.unwrap_or_else(|text| panic!("{text}\n{}", scene.tail()));
}

async fn told(scene: &Scene, name: &str, says: &[&str]) {
    scene.told_once(name, says).await.unwrap_or_else(|text| panic!("{text}"));
}

/// The other objects of an application are synced.
async fn goes_on(scene: &Scene, name: &str) {
    let there = |live: &Value| live["data"]["key"] == "one";
    scene.live_until(("v1", "configmaps", name), "the rest to go on", there).await;
}

#[tokio::test]
async fn what_a_project_forbids_is_not_done_until_it_permits_it() {
    let Some(scene) = Scene::begin("project").await else { return };
    let target = scene.target.name();
    let other = scene.plane.namespace("project-other").await;
    let project = |namespaces: &[&str], repository: &str| {
        let destinations: Vec<_> = namespaces
            .iter()
            .map(|name| json!({"server": "https://kubernetes.default.svc", "namespace": name}))
            .collect();
        let project = json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject",
            "metadata": {"name": "team"},
            "spec": {"sourceRepos": [repository], "destinations": destinations},
        });
        scene.home.apply(&project.to_string());
    };
    project(&[target], &scene.repo.url());
    scene.repo.write("object/keep.yaml", &config_map("keep", &[("key", "one")]));
    scene.repo.write("object/other.yaml", &in_namespace("guest", other.name()));
    scene.repo.write("elsewhere/a.yaml", &config_map("elsewhere", &[]));
    scene.repo.write("nobody/a.yaml", &config_map("nobody", &[]));
    let commit = scene.repo.commit("first");
    let add = |name: &str, project: &str, namespace: &str| {
        scene.application(name, |app| {
            app["spec"]["project"] = json!(project);
            app["spec"]["source"]["path"] = json!(name);
            app["spec"]["destination"]["namespace"] = json!(namespace);
        });
    };
    add("object", "team", target);
    add("elsewhere", "team", other.name());
    add("nobody", "nobodys", target);

    let object = ["project team does not permit the namespace", other.name(), "destinations"];
    expect(&scene, "object", "SyncError", &object).await;
    expect(&scene, "elsewhere", "InvalidSpecError", &["does not permit the destination"]).await;
    let nobody = ["project nobodys does not exist", "create the AppProject"];
    expect(&scene, "nobody", "InvalidSpecError", &nobody).await;
    goes_on(&scene, "keep").await;
    quiet(&scene).await;
    told(&scene, "object", &object).await;
    told(&scene, "elsewhere", &["does not permit the destination"]).await;
    told(&scene, "nobody", &nobody).await;
    assert!(!other.names("configmap").contains(&"guest".to_owned()));

    project(&[target, other.name()], &scene.repo.url());
    scene.content("object", &commit).await;
    scene.content("elsewhere", &commit).await;
    // What is no longer permitted stays as it is.
    project(&[target, other.name()], "https://git.example/*");
    let repository = ["does not permit the repository", "sourceRepos"];
    expect(&scene, "elsewhere", "InvalidSpecError", &repository).await;
    assert!(other.names("configmap").contains(&"elsewhere".to_owned()));
}

/// The rights of an account that steers a controller and may read ConfigMaps of all namespaces.
fn rights(home: &str) -> String {
    let group = "rbac.authorization.k8s.io";
    let rule = |groups: &[&str], resources: &[&str], verbs: &[&str]| json!({"apiGroups": groups, "resources": resources, "verbs": verbs});
    let subject = json!([{"kind": "ServiceAccount", "name": "limited", "namespace": home}]);
    let bound = |kind: &str, name: &str, namespace: &str, rules: serde_json::Value| {
        let metadata = json!({"name": name, "namespace": namespace});
        let role = json!({"apiVersion": format!("{group}/v1"), "kind": kind, "metadata": metadata, "rules": rules});
        let binding = json!({
            "apiVersion": format!("{group}/v1"), "kind": format!("{kind}Binding"),
            "metadata": metadata, "subjects": subject,
            "roleRef": {"apiGroup": group, "kind": kind, "name": name},
        });
        [role, binding]
    };
    let all = json!([rule(&["*"], &["*"], &["*"])]);
    let read = json!([
        rule(&[""], &["configmaps", "namespaces"], &["get", "list", "watch"]),
        rule(&["apiextensions.k8s.io"], &["customresourcedefinitions"], &["*"]),
    ]);
    let mut objects = bound("Role", "limited", home, all).to_vec();
    objects.extend(bound("ClusterRole", &format!("limited-{home}"), "", read));
    json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string()
}

#[tokio::test]
async fn what_the_account_may_not_do_is_told_with_the_right_that_is_missing() {
    let Some(plane) = ControlPlane::shared() else { return };
    let other = plane.namespace("rights-other").await;
    let admin = Arc::clone(&plane);
    let scene = Scene::with(plane, "limited", |options| {
        // The account lives beside the applications.
        let home = &options.namespace;
        let kubeconfig = admin.service_account(home, "limited");
        admin.apply("", &rights(home));
        options.kubeconfig = Some(kubeconfig);
    })
    .await;
    let account = json!({
        "kind": "ServiceAccount", "name": "limited", "namespace": scene.home.name(),
    });
    scene.target.grant("limited", &account, "", "configmaps", &["*"]);
    scene.repo.write("write/keep.yaml", &config_map("write-keep", &[("key", "one")]));
    scene.repo.write("write/other.yaml", &in_namespace("guest", other.name()));
    scene.repo.write("list/keep.yaml", &config_map("list-keep", &[("key", "one")]));
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: hidden}\n";
    scene.repo.write("list/secret.yaml", secret);
    scene.repo.write("well/keep.yaml", &config_map("well-keep", &[("key", "one")]));
    let commit = scene.repo.commit("first");
    for name in ["write", "list", "well"] {
        scene.application(name, |app| app["spec"]["source"]["path"] = json!(name));
    }
    scene.content("well", &commit).await;
    let write = ["write/other.yaml:1", "guest", "cannot", "grant this verb"];
    expect(&scene, "write", "SyncError", &write).await;
    let list = ["Secret", "list"];
    expect(&scene, "list", "ComparisonError", &list).await;
    goes_on(&scene, "write-keep").await;
    goes_on(&scene, "list-keep").await;
    calm(&scene, |write| write.name.starts_with("write") || write.name == "guest").await;
    told(&scene, "write", &write).await;
    told(&scene, "list", &list).await;
}
