//! The embedded server's table of types is what a real API server publishes.
//!
//! `UPDATE_EXPECT=1 cargo test --test cluster schema_table` writes it anew.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::Path,
};

use serde_json::{Map, Value};

use crate::support::{ControlPlane, PlaneOptions};

const FILE: &str = "src/embedded/schema/table.json";

/// What fits into a review of a change, and is read fast at start.
const BYTES_MAX: usize = 1_000_000;

/// The documents and the kinds that are taken from them, with their lists; all that these refer to
/// comes along.
const SERVED: [(&str, &[&str]); 15] = [
    (
        "api/v1",
        &[
            "Binding",
            "ConfigMap",
            "Endpoints",
            "Event",
            "Eviction",
            "LimitRange",
            "Namespace",
            "Node",
            "PersistentVolume",
            "PersistentVolumeClaim",
            "Pod",
            "PodTemplate",
            "ReplicationController",
            "ResourceQuota",
            "Secret",
            "Service",
            "ServiceAccount",
            "TokenRequest",
        ],
    ),
    (
        "apis/admissionregistration.k8s.io/v1",
        &["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"],
    ),
    ("apis/apiextensions.k8s.io/v1", &["CustomResourceDefinition"]),
    (
        "apis/apps/v1",
        &["ControllerRevision", "DaemonSet", "Deployment", "ReplicaSet", "Scale", "StatefulSet"],
    ),
    ("apis/authentication.k8s.io/v1", &["SelfSubjectReview", "TokenReview"]),
    (
        "apis/authorization.k8s.io/v1",
        &[
            "LocalSubjectAccessReview",
            "SelfSubjectAccessReview",
            "SelfSubjectRulesReview",
            "SubjectAccessReview",
        ],
    ),
    ("apis/autoscaling/v2", &["HorizontalPodAutoscaler"]),
    ("apis/batch/v1", &["CronJob", "Job"]),
    ("apis/coordination.k8s.io/v1", &["Lease"]),
    ("apis/discovery.k8s.io/v1", &["EndpointSlice"]),
    ("apis/networking.k8s.io/v1", &["Ingress", "IngressClass", "NetworkPolicy"]),
    ("apis/policy/v1", &["PodDisruptionBudget"]),
    (
        "apis/rbac.authorization.k8s.io/v1",
        &["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"],
    ),
    ("apis/scheduling.k8s.io/v1", &["PriorityClass"]),
    ("apis/storage.k8s.io/v1", &["StorageClass"]),
];

/// Types that are no kinds of their own and that every document has.
const COMMON: [&str; 3] = ["DeleteOptions", "Patch", "Status"];

#[test]
fn the_committed_table_is_what_a_real_server_publishes() {
    let options = PlaneOptions { workloads: false, nodes: 0, audit: false, ..Default::default() };
    let Some(plane) = ControlPlane::own(options) else { return };
    let mut types = BTreeMap::new();
    for (document, kinds) in SERVED {
        let (_, text) = plane.must_request("GET", &format!("/openapi/v3/{document}"), None);
        let document: Value = serde_json::from_str(&text).expect("a document in JSON");
        let schemas = document["components"]["schemas"].as_object().expect("it has schemas");
        for name in closure(schemas, kinds) {
            types.insert(name.to_owned(), reduced(&schemas[name]));
        }
    }
    let lines: Vec<String> =
        types.iter().map(|(name, schema)| format!("{}:{schema}", Value::from(&**name))).collect();
    let text = format!("{{\n{}\n}}\n", lines.join(",\n"));
    assert!(text.len() < BYTES_MAX, "{} bytes", text.len());
    compare(&text);
}

/// The names of the kinds' types, of their lists, and of all types that these refer to.
fn closure<'a>(schemas: &'a Map<String, Value>, kinds: &[&str]) -> BTreeSet<&'a str> {
    let is_wanted = |name: &str, schema: &Value| {
        let last = name.rsplit('.').next().unwrap_or_default();
        let is_kind = schema["x-kubernetes-group-version-kind"].is_array()
            && kinds.contains(&last.strip_suffix("List").unwrap_or(last));
        is_kind || (name.contains(".meta.v1.") && COMMON.contains(&last))
    };
    let wanted = schemas.iter().filter(|(name, schema)| is_wanted(name, schema));
    let mut todo: Vec<&str> = wanted.map(|(name, _)| name.as_str()).collect();
    for kind in kinds {
        let is_there = todo.iter().any(|name| name.rsplit('.').next() == Some(kind));
        assert!(is_there, "no {kind} in its document");
    }
    let mut found = BTreeSet::new();
    while let Some(name) = todo.pop() {
        if found.insert(name) {
            references(&schemas[name], &mut todo);
        }
    }
    found
}

fn references<'a>(schema: &'a Value, found: &mut Vec<&'a str>) {
    match schema {
        Value::Object(fields) => {
            for (word, value) in fields {
                // A type of Kubernetes has a field of this name, too.
                match value.as_str().and_then(|text| text.strip_prefix("#/components/schemas/")) {
                    Some(name) if word == "$ref" => found.push(name),
                    _ => references(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

/// A schema with short descriptions, and without the group versions that are not served.
fn reduced(schema: &Value) -> Value {
    let Value::Object(words) = schema else { return schema.clone() };
    let reduce = |(word, value): (&String, &Value)| {
        let value = match (word.as_str(), value) {
            ("description", Value::String(text)) => Value::from(first_sentence(text)),
            ("properties", Value::Object(properties)) => {
                let fields = properties.iter().map(|(name, field)| (name.clone(), reduced(field)));
                Value::Object(fields.collect())
            }
            ("items" | "additionalProperties", value) => reduced(value),
            ("allOf" | "oneOf" | "anyOf", Value::Array(parts)) => {
                parts.iter().map(reduced).collect()
            }
            ("x-kubernetes-group-version-kind", Value::Array(kinds)) => {
                kinds.iter().filter(|kind| is_served(kind)).cloned().collect()
            }
            _ => value.clone(),
        };
        (word.clone(), value)
    };
    Value::Object(words.iter().map(reduce).collect())
}

fn is_served(kind: &Value) -> bool {
    let [group, version, kind] =
        ["group", "version", "kind"].map(|word| kind[word].as_str().unwrap_or_default());
    let document = match group {
        "" => format!("api/{version}"),
        group => format!("apis/{group}/{version}"),
    };
    let common = kind == "DeleteOptions" || kind == "Status";
    let listed = SERVED.iter().any(|(name, _)| *name == document);
    // Kinds of other groups appear in documents where subresources take them.
    !common || listed
}

/// Up to a full stop behind which a new sentence begins, or to the end of the line.
fn first_sentence(text: &str) -> &str {
    let line = text.lines().next().unwrap_or_default();
    let ends = |(at, _): &(usize, &str)| {
        let next = line[at + 1..].trim_start().chars().next();
        line[at + 1..].starts_with(' ') && next.is_some_and(|next| !next.is_lowercase())
    };
    let end = line.match_indices('.').find(ends);
    end.map_or(line, |(at, _)| &line[..=at]).trim_end()
}

fn compare(text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, text).expect("the sources are writable");
        return;
    }
    let committed = fs::read_to_string(&path).expect("the table is committed");
    let name = |line: &str| line.split("\":").next().unwrap_or_default().to_owned();
    let [known, published] = [&*committed, text].map(|text| text.lines().collect::<BTreeSet<_>>());
    let differ: BTreeSet<_> =
        known.symmetric_difference(&published).map(|line| name(line)).collect();
    assert!(differ.is_empty(), "run with UPDATE_EXPECT=1; these types differ: {differ:?}");
    assert_eq!(committed, text, "the order differs");
}

#[test]
fn a_first_sentence_ends_where_the_next_begins() {
    let table = [
        ("One. Two.", "One."),
        ("Such as e.g. this one. That.", "Such as e.g. this one."),
        ("Version 1.2 is it\nMore", "Version 1.2 is it"),
        ("No end", "No end"),
        ("It is. `that`", "It is."),
    ];
    for (text, expected) in table {
        assert_eq!(first_sentence(text), expected);
    }
}
