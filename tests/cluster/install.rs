//! What `steadfast install` prints, given to a real API server; and what the CRDs keep.

use serde_json::{Value, json};

use crate::support::{ControlPlane, LIMIT, eventually, process::Guarded};

/// What the binary prints.
fn install(args: &[&str]) -> String {
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
    let kinds = "serviceaccount,role,rolebinding,service,deployment";
    let found = namespace
        .kubectl(&["get", kinds, "-l", "app.kubernetes.io/name=steadfast", "-o", "name"], None);
    // The others are the two CRDs, the namespace, the cluster role and its binding.
    assert_eq!(found.lines().count() + 5, printed, "{found}");
}

#[tokio::test]
async fn the_crds_can_also_be_applied_on_the_client_side() {
    let Some(plane) = ControlPlane::shared() else { return };
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
    let apply = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
    let may = |verb: &str, what: &str, namespace: &str| {
        let account = format!("system:serviceaccount:{}:steadfast", home.name());
        let asked = ["auth", "can-i", verb, what, "-n", namespace, "--as", &account];
        plane.try_kubectl(&asked, None).stdout.trim() == "yes"
    };

    let restricted = ["--namespace", home.name(), "--target-namespace", target.name()];
    plane.kubectl(&apply, Some(&install(&restricted)));
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
        ("update", "leases.coordination.k8s.io", home.name(), false),
        ("create", "tokenreviews.authentication.k8s.io", home.name(), true),
        ("patch", "deployments.apps", home.name(), false),
        ("impersonate", "users", other.name(), false),
    ];
    for (verb, what, namespace, expected) in table {
        assert_eq!(may(verb, what, namespace), expected, "{verb} {what} in {namespace}");
    }

    plane.kubectl(&apply, Some(&install(&["--namespace", home.name()])));
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

#[tokio::test]
async fn fields_that_nobody_knows_are_kept() {
    let Some(plane) = ControlPlane::shared() else { return };
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
