//! What `steadfast install` prints, given to a real API server; and what the CRDs keep.

use serde_json::{Value, json};

use crate::{
    common::{Scene, condition, config_map, deployment},
    support::{ControlPlane, LIMIT, eventually, process::Guarded},
};

/// What the binary prints.
pub(crate) fn install(args: &[&str]) -> String {
    let output = Guarded::new(env!("CARGO_BIN_EXE_steadfast"))
        .arg("install")
        .args(args)
        .output(None)
        .expect("the binary runs");
    assert!(output.status.success(), "{}", output.stderr);
    output.stdout
}

#[tokio::test]
async fn the_api_server_accepts_everything_that_install_prints() {
    let Some(plane) = ControlPlane::shared() else { return };
    if !plane.has_kubectl() {
        return;
    }
    let namespace = plane.namespace("install").await;
    // A pod with more rights than it needs would be warned about.
    let level = "pod-security.kubernetes.io/warn=restricted";
    plane.kubectl(&["label", "namespace", namespace.name(), level], None);
    let manifests = install(&["--namespace", namespace.name()]);
    let apply = ["apply", "--server-side", "--force-conflicts", "--validate=strict", "-f", "-"];
    for _ in ["install", "update"] {
        let output = plane.try_kubectl(&apply, Some(&manifests));
        assert!(output.status.success(), "{}", output.stderr);
        assert!(!output.stderr.contains("Warning"), "{}", output.stderr);
    }
    let printed = manifests.lines().filter(|line| *line == "---").count();
    let kinds = "serviceaccount,role,rolebinding,service,deployment,poddisruptionbudget";
    let found = namespace
        .kubectl(&["get", kinds, "-l", "app.kubernetes.io/name=steadfast", "-o", "name"], None);
    // The others are the two CRDs, the namespace, the cluster role and its binding.
    assert_eq!(found.lines().count() + 5, printed, "{found}");
}

#[tokio::test]
async fn the_crds_can_also_be_applied_on_the_client_side() {
    let Some(plane) = ControlPlane::shared() else { return };
    if !plane.has_kubectl() {
        return;
    }
    let crds = install(&["--crds-only"]);
    let output = plane.try_kubectl(&["apply", "--dry-run=server", "-f", "-"], Some(&crds));
    assert!(output.status.success(), "{}", output.stderr);
}

#[tokio::test]
async fn the_rights_are_the_ones_that_were_asked_for() {
    let Some(plane) = ControlPlane::shared() else { return };
    let home = plane.namespace("rights").await;
    let target = plane.namespace("target").await;
    let other = plane.namespace("other").await;
    let account = format!("system:serviceaccount:{}:steadfast", home.name());
    let may = |verb: &str, what: &str, namespace: &str| plane.may(&account, verb, what, namespace);

    let restricted = ["--namespace", home.name(), "--target-namespace", target.name()];
    plane.apply("", &install(&restricted));
    let settled = async || may("delete", "deployments.apps", target.name()).then_some(());
    eventually(LIMIT, "the rights hold", settled).await;
    let table = [
        ("patch", "secrets", target.name(), true),
        ("list", "pods", other.name(), true),
        ("patch", "secrets", other.name(), false),
        ("create", "namespaces", other.name(), false),
        ("escalate", "clusterroles.rbac.authorization.k8s.io", other.name(), false),
        ("patch", "applications.argoproj.io", home.name(), true),
        ("create", "events", home.name(), true),
        ("create", "leases.coordination.k8s.io", home.name(), true),
        ("patch", "leases.coordination.k8s.io", home.name(), true),
        ("watch", "leases.coordination.k8s.io", home.name(), true),
        ("delete", "leases.coordination.k8s.io", home.name(), true),
        ("update", "leases.coordination.k8s.io", home.name(), false),
        ("patch", "leases.coordination.k8s.io", other.name(), false),
        ("create", "tokenreviews.authentication.k8s.io", home.name(), true),
        ("patch", "deployments.apps", home.name(), false),
        ("impersonate", "users", other.name(), false),
    ];
    for (verb, what, namespace, expected) in table {
        assert_eq!(may(verb, what, namespace), expected, "{verb} {what} in {namespace}");
    }

    plane.apply("", &install(&["--namespace", home.name()]));
    let settled = async || may("patch", "secrets", other.name()).then_some(());
    eventually(LIMIT, "the rights hold", settled).await;
    let table = [
        ("create", "namespaces", true),
        ("escalate", "clusterroles.rbac.authorization.k8s.io", true),
        ("impersonate", "users", false),
        ("deletecollection", "pods", false),
    ];
    for (verb, what, expected) in table {
        assert_eq!(may(verb, what, other.name()), expected, "{verb} {what}");
    }
}

/// A role that grants more than the controller has, as those of most operators do.
const ROLE: &str = "apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: NAME
rules:
  - apiGroups: [\"\"]
    resources: [users]
    verbs: [impersonate]
";

#[tokio::test]
async fn the_account_that_is_installed_can_do_what_the_controller_does() {
    let Some(plane) = ControlPlane::shared() else { return };
    let scene = Scene::installed(plane, "account", false).await;
    let role = format!("{}-operator", scene.target.name());
    scene.repo.write("shop/role.yaml", &ROLE.replace("NAME", &role));
    whole_life(&scene).await;
    let path = format!("/apis/rbac.authorization.k8s.io/v1/clusterroles/{role}");
    assert!(scene.get(&path).await.is_none(), "it went with the application");
}

#[tokio::test]
async fn the_restricted_account_can_do_the_same_in_its_namespace_and_no_more() {
    let Some(plane) = ControlPlane::shared() else { return };
    let scene = Scene::installed(plane, "limited", true).await;
    let other = scene.plane.namespace("beyond").await;
    whole_life(&scene).await;

    let beyond = config_map("beyond", &[("key", "value")])
        .replace("  name: beyond\n", &format!("  name: beyond\n  namespace: {other}\n"));
    scene.repo.write("depot/beyond.yaml", &beyond).commit("Reach beyond");
    scene.application("depot", |app| app["spec"]["source"]["path"] = json!("depot"));
    let message = scene.condition("depot", "SyncError").await;
    println!("a right that is missing as people see it: {message}");
    assert!(message.contains("forbidden") && message.contains("/beyond"), "{message}");
}

/// An application is synced, changed, put back, pruned and deleted, with nothing refused.
async fn whole_life(scene: &Scene) {
    scene.repo.write("shop/web.yaml", &deployment("web", "shop/web:1.0", 2, ""));
    scene.repo.write("shop/old.yaml", &config_map("old", &[("key", "value")]));
    scene.repo.write("shop/config.yaml", &config_map("settings", &[("colour", "green")]));
    let commit = scene.repo.commit("Open the shop");
    scene.application("shop", |app| {
        app["metadata"]["finalizers"] = json!(["resources-finalizer.argocd.argoproj.io"]);
    });
    scene.healthy("shop", &commit).await;
    scene.event("shop", "OperationCompleted", &["successfully synced"]).await;

    let settings = ("v1", "configmaps", "settings");
    scene.target.patch("configmap", "settings", &json!({"data": {"colour": "red"}}));
    scene
        .live_until(settings, "the drift put back", |live| live["data"]["colour"] == "green")
        .await;

    scene.repo.replace("shop/web.yaml", "shop/web:1.0", "shop/web:2.0");
    let commit = scene.repo.remove("shop/old.yaml").commit("Renew it");
    let app = scene.healthy("shop", &commit).await;
    assert_eq!(condition(&app, "SyncError"), None);
    assert!(scene.live("v1", "configmaps", "old").await.is_none(), "it was pruned");
    scene.assert_settled("shop").await;

    scene.home.delete("application", "shop");
    scene.until("shop", "the application to be gone", Value::is_null).await;
    assert!(scene.live("v1", "configmaps", "settings").await.is_none(), "it went as well");
    assert!(!scene.controller.log().contains("forbidden"), "{}", scene.tail());
}

/// What the Prometheus operator's definition says of the fields that we use.
fn service_monitors() -> String {
    let text = json!({"type": "string"});
    let labels = json!({"type": "object", "additionalProperties": text});
    let selector = json!({"type": "object", "properties": {"matchLabels": labels}});
    let endpoint = json!({"type": "object", "properties": {"port": text, "path": text}});
    let spec = json!({
        "type": "object",
        "required": ["endpoints", "selector"],
        "properties": {"selector": selector, "endpoints": {"type": "array", "items": endpoint}},
    });
    let schema = json!({"type": "object", "required": ["spec"], "properties": {"spec": spec}});
    let version = json!({"name": "v1", "served": true, "storage": true,
        "schema": {"openAPIV3Schema": schema}});
    let crd = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "servicemonitors.monitoring.coreos.com"},
        "spec": {
            "group": "monitoring.coreos.com", "scope": "Namespaced", "versions": [version],
            "names": {"kind": "ServiceMonitor", "plural": "servicemonitors",
                "singular": "servicemonitor"},
        },
    });
    crd.to_string()
}

#[tokio::test]
async fn the_service_monitor_is_accepted_and_finds_the_service() {
    let Some(plane) = ControlPlane::shared() else { return };
    if !plane.has_kubectl() {
        return;
    }
    let namespace = plane.namespace("monitor").await;
    plane.kubectl(&["apply", "-f", "-"], Some(&service_monitors()));
    let list = ["get", "servicemonitors.monitoring.coreos.com", "-n", namespace.name()];
    let served = async || plane.try_kubectl(&list, None).status.success().then_some(());
    eventually(LIMIT, "the kind is served", served).await;
    let manifests = install(&["--namespace", namespace.name(), "--service-monitor"]);
    let apply = ["apply", "--server-side", "--force-conflicts", "--validate=strict", "-f", "-"];
    plane.kubectl(&apply, Some(&manifests));

    let read = |kind: &str| -> Value {
        let text = namespace.kubectl(&["get", kind, "steadfast", "-o", "json"], None);
        serde_json::from_str(&text).expect("JSON from kubectl")
    };
    let (monitor, service) = (read("servicemonitor"), read("service"));
    let labels = monitor["spec"]["selector"]["matchLabels"].as_object().expect("some labels");
    assert!(!labels.is_empty(), "it would find every service");
    for (key, value) in labels {
        assert_eq!(&service["metadata"]["labels"][key], value, "{key}");
    }
    let endpoint = &monitor["spec"]["endpoints"][0];
    assert_eq!(endpoint["path"], "/metrics");
    assert_eq!(endpoint["port"], service["spec"]["ports"][0]["name"]);
    plane.kubectl(&["delete", "crd", "servicemonitors.monitoring.coreos.com"], None);
}

#[tokio::test]
async fn fields_that_nobody_knows_are_kept() {
    let Some(plane) = ControlPlane::shared() else { return };
    if !plane.has_kubectl() {
        return;
    }
    let namespace = plane.namespace("unknown").await;
    let crds = install(&["--crds-only"]);
    plane.kubectl(&["apply", "--server-side", "--force-conflicts", "-f", "-"], Some(&crds));
    let list = ["get", "applications.argoproj.io", "-n", namespace.name()];
    let served = async || plane.try_kubectl(&list, None).status.success().then_some(());
    eventually(LIMIT, "the kind is served", served).await;
    let spec = json!({
        "project": "default",
        "destination": { "server": "https://kubernetes.default.svc", "new": 1 },
        "source": {
            "repoURL": "https://git.example/shop.git",
            "helm": { "valuesObject": { "removed": null, "deep": { "list": [1, { "a": null }] } } },
            "kustomize": {
                "replicas": [{ "name": "web", "count": 2 }, { "name": "api", "count": "3" }],
            },
            "new": { "deep": [true] },
        },
        "syncPolicy": { "automated": { "new": "x" }, "new": [] },
        "new": { "a": 1 },
    });
    let application = json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": { "name": "shop" },
        "spec": spec,
        "status": { "sync": { "status": "Synced", "new": 1 }, "new": 2 },
        "operation": { "sync": {} },
        "new": 3,
    });
    let create = ["create", "--validate=strict", "-f", "-"];
    namespace.kubectl(&create, Some(&application.to_string()));
    let found = namespace.kubectl(&["get", "application", "shop", "-o", "json"], None);
    let found: Value = serde_json::from_str(&found).expect("JSON from kubectl");
    for block in ["spec", "status", "operation", "new"] {
        assert_eq!(found[block], application[block], "{block}");
    }
    let columns = namespace.kubectl(&["get", "app", "shop"], None);
    assert!(columns.contains("SYNC STATUS") && columns.contains("Synced"), "{columns}");
}
