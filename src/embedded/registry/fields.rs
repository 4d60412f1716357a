//! Which fields a field selector may name, per kind.

use serde_json::Value;

/// The selectable fields of a kind besides `metadata.name` and `metadata.namespace`.
#[derive(Debug, Clone, Default)]
pub(crate) struct FieldRule {
    names: Vec<String>,
    /// How the server words its refusal of another field.
    short_refusal: bool,
}

impl FieldRule {
    /// The fields of a kind of Kubernetes.
    pub(super) fn builtin(group: &str, kind: &str) -> Self {
        let names: &[&str] = match (group, kind) {
            ("", "Pod") => &[
                "spec.nodeName",
                "spec.restartPolicy",
                "spec.schedulerName",
                "spec.serviceAccountName",
                "spec.hostNetwork",
                "status.phase",
                "status.podIP",
                "status.nominatedNodeName",
            ],
            ("" | "events.k8s.io", "Event") => &[
                "involvedObject.kind",
                "involvedObject.namespace",
                "involvedObject.name",
                "involvedObject.uid",
                "involvedObject.apiVersion",
                "involvedObject.resourceVersion",
                "involvedObject.fieldPath",
                "reason",
                "reportingComponent",
                "source",
                "type",
            ],
            ("", "Namespace") => &["status.phase"],
            ("", "Node") => &["spec.unschedulable"],
            ("", "Secret") => &["type"],
            ("", "Service") => &["spec.clusterIP", "spec.type"],
            ("", "ReplicationController") | ("apps", "ReplicaSet") => &["status.replicas"],
            ("batch", "Job") => &["status.successful"],
            _ => &[],
        };
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Self { short_refusal: !names.is_empty(), names }
    }

    /// The `selectableFields` of a custom kind, as `.spec.color`.
    pub(super) fn custom(paths: &Value) -> Self {
        let paths = paths.as_array().into_iter().flatten();
        let paths = paths.filter_map(|field| field["jsonPath"].as_str());
        let names = paths.map(|path| path.trim_start_matches('.').to_owned()).collect();
        Self { names, short_refusal: true }
    }

    /// The place of a field in [`super::super::store::Marks`].
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }

    /// What the server says to a selector with another field.
    pub(crate) fn refusal(&self, name: &str) -> String {
        if self.short_refusal {
            return format!("field label not supported: {name}");
        }
        format!(
            "\"{name}\" is not a known field selector: only \"metadata.name\", \
             \"metadata.namespace\""
        )
    }

    pub(super) fn values(&self, object: &Value) -> Vec<Box<str>> {
        self.names.iter().map(|name| value(object, name)).collect()
    }
}

/// A field as text. Where a field is absent the server compares with the zero value of its type.
fn value(object: &Value, name: &str) -> Box<str> {
    let at = |path: &str| path.split('.').try_fold(object, |value, step| value.get(step));
    let found = match name {
        "source" => at("source.component").or_else(|| at("reportingComponent")),
        "status.successful" => at("status.succeeded"),
        _ => at(name),
    };
    match found {
        Some(Value::String(text)) => text.as_str().into(),
        Some(value @ (Value::Bool(_) | Value::Number(_))) => value.to_string().into(),
        _ => match name {
            "spec.unschedulable" | "spec.hostNetwork" => "false".into(),
            "status.replicas" | "status.successful" => "0".into(),
            _ => "".into(),
        },
    }
}
