//! What people do to objects by hand, in single requests as kubectl sends them.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{ControlPlane, Namespace};
use crate::support::wait::{LIMIT, eventually_blocking};

/// Objects of these kinds are named by a word, as for kubectl: singular, version, plural.
const RESOURCES: [(&str, &str, &str); 5] = [
    ("application", "argoproj.io/v1alpha1", "applications"),
    ("configmap", "v1", "configmaps"),
    ("deployment", "apps/v1", "deployments"),
    ("gadget", "shop.example/v1", "gadgets"),
    ("pod", "v1", "pods"),
];
const APPLY: &str = "application/apply-patch+yaml";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";

impl ControlPlane {
    /// Applies YAML or JSON documents, with a namespace for objects that name none. What an earlier
    /// call set and this one does not name is removed.
    #[track_caller]
    pub fn apply(&self, namespace: &str, manifests: &str) {
        self.apply_as("kubectl", namespace, manifests);
    }

    /// The same by another field manager.
    #[track_caller]
    pub fn apply_as(&self, manager: &str, namespace: &str, manifests: &str) {
        for object in documents(manifests) {
            let path = self.path_of(&object, namespace);
            let query = format!("fieldManager={manager}&fieldValidation=Strict&force=true");
            self.patch_at(&format!("{path}?{query}"), APPLY, &object);
        }
    }

    /// The path of an object, whose kind has to be served.
    #[track_caller]
    fn path_of(&self, object: &Value, namespace: &str) -> String {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
        let version = text("/apiVersion").expect("an object has a version");
        let kind = text("/kind").expect("an object has a kind");
        let root = root(version);
        let (_, kinds) = self.must_request("GET", &root, None);
        let kinds: Value = serde_json::from_str(&kinds).expect("the answer is JSON");
        let mut kinds = kinds["resources"].as_array().expect("it is a list").iter();
        let is_it = |served: &&Value| {
            served["kind"] == kind && !served["name"].as_str().is_some_and(|it| it.contains('/'))
        };
        let served = kinds.find(is_it).unwrap_or_else(|| panic!("{version} has no {kind}"));
        let plural = served["name"].as_str().expect("it has a name");
        let name = text("/metadata/name").expect("an object has a name");
        if served["namespaced"] == true {
            let namespace = text("/metadata/namespace").unwrap_or(namespace);
            format!("{root}/namespaces/{namespace}/{plural}/{name}")
        } else {
            format!("{root}/{plural}/{name}")
        }
    }

    #[track_caller]
    fn patch_at(&self, path: &str, kind: &'static str, patch: &Value) {
        Self::must("PATCH", path, self.send("PATCH", path, Some((kind, patch.to_string()))));
    }

    /// Deletes the object of a path, its dependents after it, and does not wait for its end.
    #[track_caller]
    pub fn delete(&self, path: &str) {
        let how = json!({
            "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background",
        });
        self.must_request("DELETE", path, Some(&how));
    }

    /// Whether a user may do something: `may("nobody", "patch", "deployments.apps", "shop")`.
    pub fn may(&self, user: &str, verb: &str, resource: &str, namespace: &str) -> bool {
        let (resource, group) = resource.split_once('.').unwrap_or((resource, ""));
        let asked = json!({
            "verb": verb, "resource": resource, "group": group, "namespace": namespace,
        });
        let account = user.strip_prefix("system:serviceaccount:").and_then(|id| id.split_once(':'));
        let groups: Vec<_> = account
            .into_iter()
            .flat_map(|(namespace, _)| {
                ["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")]
            })
            .chain(["system:authenticated".to_owned()])
            .collect();
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
            "spec": {"user": user, "groups": groups, "resourceAttributes": asked},
        });
        let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
        let (_, answer) = self.must_request("POST", path, Some(&review));
        let answer: Value = serde_json::from_str(&answer).expect("the answer is JSON");
        answer["status"]["allowed"] == true
    }
}

impl Namespace {
    /// The path of objects, or of one: `path("configmap", "")`.
    fn path(&self, resource: &str, name: &str) -> String {
        let known = RESOURCES.iter().find(|(word, ..)| *word == resource);
        let (_, version, plural) = known.expect("the table knows the resource");
        let path = format!("{}/namespaces/{}/{plural}", root(version), self.name());
        if name.is_empty() { path } else { format!("{path}/{name}") }
    }

    /// Applies YAML or JSON documents to this namespace, see [`ControlPlane::apply`].
    #[track_caller]
    pub fn apply(&self, manifests: &str) {
        self.plane().apply(self.name(), manifests);
    }

    /// Changes an object by a JSON merge patch.
    #[track_caller]
    pub fn patch(&self, resource: &str, name: &str, patch: &Value) {
        let path = format!("{}?fieldManager=kubectl-patch", self.path(resource, name));
        self.plane().patch_at(&path, MERGE, patch);
    }

    /// Deletes an object and does not wait for its end.
    #[track_caller]
    pub fn delete(&self, resource: &str, name: &str) {
        self.plane().delete(&self.path(resource, name));
    }

    /// The names of all objects of a kind, in their order.
    #[track_caller]
    pub fn names(&self, resource: &str) -> Vec<String> {
        let (_, list) = self.plane().must_request("GET", &self.path(resource, ""), None);
        let list: Value = serde_json::from_str(&list).expect("the answer is JSON");
        let items = list["items"].as_array().expect("it is a list").iter();
        let name = |item: &Value| item["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        items.map(name).collect()
    }

    /// Sets the replicas of a Deployment, by its subresource.
    #[track_caller]
    pub fn scale(&self, deployment: &str, replicas: u32) {
        let path = format!("{}/scale?fieldManager=kubectl", self.path("deployment", deployment));
        self.plane().patch_at(&path, MERGE, &json!({"spec": {"replicas": replicas}}));
    }

    /// Sets the image of a container of a Deployment.
    #[track_caller]
    pub fn set_image(&self, deployment: &str, container: &str, image: &str) {
        let path = format!("{}?fieldManager=kubectl-set", self.path("deployment", deployment));
        let containers = json!([{"name": container, "image": image}]);
        let patch = json!({"spec": {"template": {"spec": {"containers": containers}}}});
        self.plane().patch_at(&path, STRATEGIC, &patch);
    }

    /// Lets somebody do something here, by a role and its binding of this name.
    #[track_caller]
    pub fn grant(&self, name: &str, subject: &Value, group: &str, resource: &str, verbs: &[&str]) {
        let rbac = "rbac.authorization.k8s.io";
        let rules = json!([{"apiGroups": [group], "resources": [resource], "verbs": verbs}]);
        let role = json!({"metadata": {"name": name}, "rules": rules});
        let binding = json!({
            "metadata": {"name": name}, "subjects": [subject],
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": name},
        });
        let root = format!("{}/namespaces/{}", root(&format!("{rbac}/v1")), self.name());
        self.plane().must_request("POST", &format!("{root}/roles"), Some(&role));
        self.plane().must_request("POST", &format!("{root}/rolebindings"), Some(&binding));
    }

    /// Tells all pods whose name begins with `prefix` how to behave from now on. One has to be there
    /// first: a Deployment is waited for before its pod is made.
    #[track_caller]
    pub fn direct_pods(&self, prefix: &str, behaviour: Option<&str>) {
        let patch = json!({"metadata": {"annotations": {"test.steadfast.dev/pod": behaviour}}});
        let pods = eventually_blocking(LIMIT, "a pod to direct", || {
            let mut pods = self.names("pod");
            pods.retain(|name| name.starts_with(prefix));
            (!pods.is_empty()).then_some(pods)
        });
        for pod in &pods {
            let path = format!("{}?fieldManager=kubectl-annotate", self.path("pod", pod));
            self.plane().patch_at(&path, MERGE, &patch);
        }
    }
}

/// The objects in YAML or JSON documents; a `List` stands for its items.
fn documents(text: &str) -> Vec<Value> {
    let documents = serde_yaml::Deserializer::from_str(text).filter_map(|document| {
        let object = Value::deserialize(document).expect("it is YAML");
        (!object.is_null()).then_some(object)
    });
    let items = documents.map(|object| match object["items"].as_array() {
        Some(items) => items.clone(),
        None => vec![object],
    });
    items.flatten().collect()
}

/// The path of a version: `/apis/apps/v1`.
fn root(version: &str) -> String {
    if version.contains('/') { format!("/apis/{version}") } else { format!("/api/{version}") }
}
