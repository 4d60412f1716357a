//! What the controller may do, and no more.
//!
//! A controller that applies whatever Git says needs the rights for whatever Git says. There are two
//! answers: everything, or the namespaces that are named. Either way the rights are listed by verb:
//! `impersonate`, `deletecollection` and access to URLs that are no resources are not among them.

use serde_json::{Value, json};

use super::{NAME, metadata};

/// What reading takes.
const READ: [&str; 3] = ["get", "list", "watch"];
/// What applying, replacing and pruning take. A server-side apply of a new object is `patch` and
/// `create`.
const WRITE: [&str; 4] = ["create", "update", "patch", "delete"];

/// Account, roles and bindings. No `targets` means the whole cluster.
pub(super) fn manifests(namespace: &str, targets: &[String]) -> Vec<Value> {
    let mut manifests = vec![
        json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": metadata(NAME, namespace),
        }),
        own_role(namespace, targets.iter().any(|target| target == namespace)),
        role_binding(namespace, namespace),
    ];
    manifests.push(cluster_role(namespace, targets.is_empty()));
    manifests.push(json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": metadata(&cluster_name(namespace), ""),
        "roleRef": role_ref("ClusterRole", &cluster_name(namespace)),
        "subjects": subjects(namespace),
    }));
    for target in targets.iter().filter(|target| *target != namespace) {
        manifests.push(role(target, &[rule(&["*"], &["*"], &WRITE)]));
        manifests.push(role_binding(target, namespace));
    }
    manifests
}

/// Cluster-wide names carry the namespace, so that two installations do not share a binding.
fn cluster_name(namespace: &str) -> String {
    format!("{NAME}-{namespace}")
}

/// What it does in its own namespace, which may be a target as well.
fn own_role(namespace: &str, is_target: bool) -> Value {
    let all: Vec<_> = READ.into_iter().chain(WRITE).collect();
    let mut rules = vec![
        // Applications are read, get a status and an operation, lose their finalizer; the status
        // API creates and deletes them for users who may.
        rule(&["argoproj.io"], &["applications"], &all),
        // The project `default` is created when absent.
        rule(&["argoproj.io"], &["appprojects"], &["get", "list", "watch", "create"]),
        // Credentials of repositories, settings, known hosts.
        rule(&[""], &["secrets", "configmaps"], &READ),
        rule(&["", "events.k8s.io"], &["events"], &["create", "patch"]),
        // By which the replicas know each other.
        rule(
            &["coordination.k8s.io"],
            &["leases"],
            &["get", "list", "watch", "create", "patch", "delete"],
        ),
    ];
    if is_target {
        rules.push(rule(&["*"], &["*"], &WRITE));
    }
    role(namespace, &rules)
}

fn cluster_role(namespace: &str, everything: bool) -> Value {
    let mut rules = vec![
        // Who is asking the status API, and may they.
        rule(&["authentication.k8s.io"], &["tokenreviews"], &["create"]),
        rule(&["authorization.k8s.io"], &["subjectaccessreviews"], &["create"]),
        // Live state is watched, kind by kind, across namespaces.
        rule(&["*"], &["*"], &READ),
    ];
    if everything {
        rules.push(rule(&["*"], &["*"], &WRITE));
        // Without these two, a role in Git that grants anything but the verbs above would be
        // refused, as the ones of most operators do.
        rules.push(rule(
            &["rbac.authorization.k8s.io"],
            &["roles", "clusterroles"],
            &["bind", "escalate"],
        ));
    }
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": metadata(&cluster_name(namespace), ""),
        "rules": rules,
    })
}

fn role(namespace: &str, rules: &[Value]) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": metadata(NAME, namespace),
        "rules": rules,
    })
}

/// Binds the role in `namespace` to the account in `home`.
fn role_binding(namespace: &str, home: &str) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": metadata(NAME, namespace),
        "roleRef": role_ref("Role", NAME),
        "subjects": subjects(home),
    })
}

fn role_ref(kind: &str, name: &str) -> Value {
    json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name })
}

fn subjects(namespace: &str) -> Value {
    json!([{ "kind": "ServiceAccount", "name": NAME, "namespace": namespace }])
}

fn rule(groups: &[&str], resources: &[&str], verbs: &[&str]) -> Value {
    json!({ "apiGroups": groups, "resources": resources, "verbs": verbs })
}
