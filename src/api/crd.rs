//! The CRD manifests, generated from the types.
//!
//! The API server wants a structural schema: no references, no `null` alternatives, one type a node.
//! Objects of ours also preserve fields that we do not know, so that manifests written for any
//! version of Argo CD apply unchanged and lose nothing.

use schemars::{
    JsonSchema,
    generate::{Contract, SchemaSettings},
};
use serde_json::{Map, Value, json};

use super::{
    GROUP, VERSION,
    application::ApplicationSpec,
    operation::Operation,
    project::{AppProjectSpec, AppProjectStatus},
    status::ApplicationStatus,
};

/// The manifests of all resources here: `Application`, then `AppProject`.
pub fn crds() -> Vec<Value> {
    vec![application(), app_project()]
}

fn application() -> Value {
    let names = names("Application", ["app", "apps"]);
    let schema = root(
        "An application: a set of objects that a repository describes and a cluster holds.",
        json!({
            "operation": undescribed(schema_of::<Operation>(Contract::Deserialize)),
            "spec": schema_of::<ApplicationSpec>(Contract::Serialize),
            "status": undescribed(schema_of::<ApplicationStatus>(Contract::Deserialize)),
        }),
    );
    let column =
        |name: &str, path: &str| json!({ "name": name, "type": "string", "jsonPath": path });
    let wide = |name: &str, path: &str| json!({ "name": name, "type": "string", "jsonPath": path, "priority": 10 });
    let columns = json!([
        column("Sync Status", ".status.sync.status"),
        column("Health Status", ".status.health.status"),
        wide("Revision", ".status.sync.revision"),
        wide("Project", ".spec.project"),
    ]);
    crd(&names, &schema, Some(columns))
}

fn app_project() -> Value {
    let names = names("AppProject", ["appproj", "appprojs"]);
    let schema = root(
        "A project: the repositories, clusters, namespaces and kinds that its applications may use.",
        json!({
            "spec": schema_of::<AppProjectSpec>(Contract::Serialize),
            "status": undescribed(schema_of::<AppProjectStatus>(Contract::Deserialize)),
        }),
    );
    crd(&names, &schema, None)
}

fn names(kind: &str, short: [&str; 2]) -> Value {
    let singular = kind.to_lowercase();
    json!({
        "kind": kind,
        "listKind": format!("{kind}List"),
        "plural": format!("{singular}s"),
        "shortNames": short,
        "singular": singular,
    })
}

fn crd(names: &Value, schema: &Value, columns: Option<Value>) -> Value {
    let mut version = json!({
        "name": VERSION,
        "schema": { "openAPIV3Schema": schema },
        "served": true,
        "storage": true,
        // No status subresource, as with Argo CD: whoever may update an application may write all
        // of it, and existing tools do.
        "subresources": {},
    });
    if let Some(columns) = columns {
        version["additionalPrinterColumns"] = columns;
    }
    let name = format!("{}.{GROUP}", names["plural"].as_str().unwrap_or_default());
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "labels": {
                "app.kubernetes.io/name": name,
                "app.kubernetes.io/part-of": "argocd",
            },
            "name": name,
        },
        "spec": {
            "group": GROUP,
            "names": names,
            "scope": "Namespaced",
            "versions": [version],
        },
    })
}

/// The schema of a whole resource, with these blocks beside `metadata`.
fn root(description: &str, blocks: Value) -> Value {
    let mut properties = json!({
        "apiVersion": { "type": "string" },
        "kind": { "type": "string" },
        "metadata": { "type": "object" },
    });
    if let (Value::Object(properties), Value::Object(blocks)) = (&mut properties, blocks) {
        properties.extend(blocks);
    }
    json!({
        "description": description,
        "properties": properties,
        "required": ["metadata", "spec"],
        "type": "object",
        PRESERVE: true,
    })
}

const PRESERVE: &str = "x-kubernetes-preserve-unknown-fields";

/// The schema of one block. The contract decides what is required: by `Serialize` what we always
/// write, which for a spec is what people must write, too; by `Deserialize` only what we can't read
/// without, so that a request or a status of another program is never refused for brevity.
fn schema_of<T: JsonSchema>(contract: Contract) -> Value {
    let settings = SchemaSettings::openapi3().with(|settings| {
        settings.contract = contract;
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    make_structural(&mut schema);
    schema
}

/// Turns one node of a generated schema, and all below it, into what a CRD may hold.
fn make_structural(schema: &mut Value) {
    let Value::Object(node) = schema else { return };
    // Defaults belong to the code that reads: filled in by the server they would look as if
    // somebody had written them. Titles are names of Rust types.
    for key in ["default", "title", "nullable", "$schema", "definitions", "components"] {
        node.remove(key);
    }
    // An `Option` of an inlined type is `anyOf: [the type, null]`.
    for key in ["anyOf", "oneOf", "allOf"] {
        if let Some(inner) = node.get_mut(key).and_then(Value::as_array_mut).and_then(first_type) {
            node.remove(key);
            for (name, value) in inner {
                node.entry(name).or_insert(value);
            }
            node.remove("nullable");
            node.remove("default");
        }
    }
    if let Some(Value::Array(types)) = node.get("type") {
        let kind = types.iter().find(|kind| *kind != "null").cloned();
        node.insert("type".to_owned(), kind.unwrap_or_else(|| Value::from("object")));
    }
    if let Some(Value::Object(properties)) = node.get_mut("properties") {
        properties.values_mut().for_each(make_structural);
        node.insert(PRESERVE.to_owned(), Value::from(true));
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = node.get_mut(key) {
            make_structural(inner);
        }
    }
}

/// The alternative that is not `null`.
fn first_type(alternatives: &mut Vec<Value>) -> Option<Map<String, Value>> {
    alternatives.drain(..).find_map(|alternative| match alternative {
        Value::Object(node)
            if node.get("type").is_none_or(|kind| kind != "null")
                && node.get("enum").is_none_or(|words| words != &json!([null])) =>
        {
            Some(node)
        }
        _ => None,
    })
}

/// Without descriptions: nobody writes a status by hand, and every byte of a CRD counts against
/// the 256 KiB that `kubectl apply` can keep in an annotation.
fn undescribed(mut schema: Value) -> Value {
    fn strip(schema: &mut Value) {
        let Value::Object(node) = schema else { return };
        node.remove("description");
        if let Some(Value::Object(properties)) = node.get_mut("properties") {
            properties.values_mut().for_each(strip);
        }
        for key in ["items", "additionalProperties"] {
            if let Some(inner) = node.get_mut(key) {
                strip(inner);
            }
        }
    }
    strip(&mut schema);
    schema
}
