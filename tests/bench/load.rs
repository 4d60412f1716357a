//! What is deployed: applications of ten objects each.

use serde_json::{Value, json};

/// Applications that share a namespace.
const NEIGHBOURS: usize = 20;
/// ConfigMaps of an application, and the bytes in each.
pub(crate) const MAPS: usize = 6;
const MAP_BYTES: usize = 500;
/// Objects of an application.
pub(crate) const OBJECTS: usize = 4 + MAPS;
/// The label that the watches of the benchmark select by.
pub(crate) const LABEL: &str = "bench.steadfast.dev/load";
/// The field that changes: the value is the round in which it was written.
pub(crate) const KEY: &str = "round";

/// An object as it is sent.
pub(crate) struct Object {
    pub(crate) path: String,
    pub(crate) body: String,
    value: Value,
}

/// A set of applications; two sets don't share a namespace.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) name: &'static str,
    pub(crate) apps: usize,
}

impl Load {
    pub(crate) fn app(&self, number: usize) -> String {
        format!("{}-{number:05}", self.name)
    }

    pub(crate) fn namespace(&self, number: usize) -> String {
        format!("{}-team-{:03}", self.name, number / NEIGHBOURS)
    }

    pub(crate) fn namespaces(&self) -> Vec<Object> {
        (0..self.apps)
            .step_by(NEIGHBOURS)
            .map(|number| {
                let name = self.namespace(number);
                let path = format!("/api/v1/namespaces/{name}");
                let metadata = json!({"name": name});
                object(path, json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}))
            })
            .collect()
    }

    /// All objects of all applications.
    pub(crate) fn objects(&self) -> Vec<Object> {
        (0..self.apps).flat_map(|number| self.of(number)).collect()
    }

    /// The ten objects of an application, as they are at first.
    fn of(&self, number: usize) -> Vec<Object> {
        let name = self.app(number);
        let container = json!({
            "name": "main", "image": format!("registry.example/{name}:1.2.3"),
            "ports": [{"name": "http", "containerPort": 8080}],
            "env": [{"name": "LOG_LEVEL", "value": "info"}],
            "resources": {"requests": {"cpu": "25m", "memory": "32Mi"}},
        });
        let template = json!({
            "metadata": {"labels": {"app": name}}, "spec": {"containers": [container]},
        });
        let selector = json!({"matchLabels": {"app": name}});
        let deployment = json!({"replicas": 1, "selector": selector, "template": template});
        let port = json!({"name": "http", "port": 80, "targetPort": "http"});
        let service = json!({"selector": {"app": name}, "ports": [port]});
        let secret = json!({"password": "x".repeat(40)});
        let mut objects = vec![
            self.object(number, "apps/v1", "Deployment", &name, ("spec", deployment)),
            self.object(number, "v1", "Service", &name, ("spec", service)),
            self.object(number, "v1", "ServiceAccount", &name, ("metadata", Value::Null)),
            self.object(number, "v1", "Secret", &name, ("stringData", secret)),
        ];
        objects.extend((0..MAPS).map(|part| self.map(number, part, "0")));
        objects
    }

    /// A ConfigMap as a round writes it.
    pub(crate) fn map(&self, number: usize, part: usize, round: &str) -> Object {
        let name = self.map_name(number, part);
        let data = json!({KEY: round, "settings": "x".repeat(MAP_BYTES)});
        self.object(number, "v1", "ConfigMap", &name, ("data", data))
    }

    pub(crate) fn map_name(&self, number: usize, part: usize) -> String {
        format!("{}-{part}", self.app(number))
    }

    fn object(
        &self,
        number: usize,
        api_version: &str,
        kind: &str,
        name: &str,
        (field, value): (&str, Value),
    ) -> Object {
        let labels = json!({LABEL: self.name, "app.kubernetes.io/part-of": self.app(number)});
        let namespace = self.namespace(number);
        let metadata = json!({"name": name, "namespace": namespace, "labels": labels});
        let mut content = json!({"apiVersion": api_version, "kind": kind, "metadata": metadata});
        if !value.is_null() {
            content[field] = value;
        }
        let root = if api_version.contains('/') { "apis" } else { "api" };
        let plural = format!("{}s", kind.to_lowercase());
        object(format!("/{root}/{api_version}/namespaces/{namespace}/{plural}/{name}"), content)
    }

    /// The files of an application in the repository: one for each object.
    pub(crate) fn files(&self, number: usize) -> Vec<(String, String)> {
        let text = |object: &Object| yaml(&object.value);
        self.of(number)
            .iter()
            .enumerate()
            .map(|(n, object)| (self.file(number, n), text(object)))
            .collect()
    }

    /// The file of a ConfigMap, and its text in a round.
    pub(crate) fn map_file(&self, number: usize, part: usize, round: &str) -> (String, String) {
        (self.file(number, OBJECTS - MAPS + part), yaml(&self.map(number, part, round).value))
    }

    fn file(&self, number: usize, object: usize) -> String {
        format!("{}/{object}.yaml", self.app(number))
    }

    /// The Application resource.
    pub(crate) fn application(&self, number: usize, home: &str, repo: &str) -> Object {
        let name = self.app(number);
        object(
            format!("/apis/argoproj.io/v1alpha1/namespaces/{home}/applications/{name}"),
            json!({
                "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
                "metadata": {"name": name, "namespace": home},
                "spec": {
                    "project": "default",
                    "source": {"repoURL": repo, "targetRevision": "main", "path": name},
                    "destination": {
                        "server": "https://kubernetes.default.svc",
                        "namespace": self.namespace(number),
                    },
                    "syncPolicy": {"automated": {"prune": true, "selfHeal": true}},
                },
            }),
        )
    }
}

fn object(path: String, value: Value) -> Object {
    Object { path, body: value.to_string(), value }
}

fn yaml(value: &Value) -> String {
    serde_yaml::to_string(value).expect("JSON can be written as YAML")
}
