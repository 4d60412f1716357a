//! The OpenAPI document, made from the table of endpoints. docs/openapi.json is its copy; a test
//! holds it.

use serde_json::{Map, Value, json};

use super::endpoints::{Action, Answer, ENDPOINTS, Endpoint, PARAMETERS};

/// The OpenAPI 3.1 document of the status API.
pub fn document() -> Value {
    let mut paths = Map::new();
    for endpoint in ENDPOINTS {
        let path = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        path[endpoint.method.as_str().to_lowercase()] = operation(endpoint);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Steadfast status API",
            "version": "v1",
            "description": "Paths and JSON shapes of Argo CD's REST API for applications.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": {
                "bearer": {
                    "type": "http", "scheme": "bearer",
                    "description": "A Kubernetes token; rights are those on applications.argoproj.io.",
                },
            },
            "responses": {
                "Error": {
                    "description": "What went wrong, with a stable reason",
                    "content": {"application/json": {"schema": reference("Error")}},
                },
            },
        },
    })
}

fn operation(endpoint: &Endpoint) -> Value {
    let (content, schema) = match endpoint.answer {
        Answer::Text => ("text/plain", json!({"type": "string"})),
        Answer::Json(name) => ("application/json", reference(name)),
        Answer::Events(name) => ("text/event-stream", reference(name)),
    };
    let mut operation = json!({
        "summary": endpoint.summary,
        "operationId": operation_id(endpoint),
        "tags": [tag(endpoint)],
        "security": if endpoint.action == Action::Open { json!([]) } else { json!([{"bearer": []}]) },
        "responses": {
            "200": {"description": "As asked", "content": {content: {"schema": schema}}},
            "default": {"$ref": "#/components/responses/Error"},
        },
    });
    let parameters: Vec<Value> = path_parameters(endpoint).chain(query(endpoint)).collect();
    if !parameters.is_empty() {
        operation["parameters"] = Value::from(parameters);
    }
    if let Some(body) = endpoint.body {
        operation["requestBody"] =
            json!({"content": {"application/json": {"schema": reference(body)}}});
    }
    operation
}

/// Method and path in camel case, without what all paths share.
fn operation_id(endpoint: &Endpoint) -> String {
    let path = endpoint.path.trim_start_matches("/api").trim_start_matches("/v1");
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.fold(endpoint.method.as_str().to_lowercase(), |mut id, word| {
        let (first, rest) = word.split_at(1);
        id.push_str(&first.to_uppercase());
        id.push_str(rest);
        id
    })
}

fn tag(endpoint: &Endpoint) -> &'static str {
    if endpoint.path.starts_with("/api/v1/") { "applications" } else { "operations" }
}

fn path_parameters(endpoint: &Endpoint) -> impl Iterator<Item = Value> {
    let named = endpoint.path.contains("{name}");
    named
        .then(|| {
            json!({
                "name": "name", "in": "path", "required": true, "schema": {"type": "string"},
                "description": "name of the application",
            })
        })
        .into_iter()
}

fn query(endpoint: &Endpoint) -> impl Iterator<Item = Value> {
    endpoint.query.iter().map(|name| {
        let (_, kind, meaning) = PARAMETERS
            .iter()
            .find(|(known, ..)| known == name)
            .expect("a test looks up every parameter of every endpoint");
        let objects = endpoint.query.contains(&"kind");
        let meaning =
            if *name == "name" && objects { "only objects of this name" } else { meaning };
        let schema = match *kind {
            "array" => json!({"type": "array", "items": {"type": "string"}}),
            kind => json!({"type": kind}),
        };
        json!({"name": name, "in": "query", "schema": schema, "description": meaning})
    })
}

fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

/// An object schema: `name?: type` becomes an optional property. Types are those of JSON, `T[]`,
/// or the name of another schema.
fn object(description: &str, properties: &[(&str, &str)]) -> Value {
    let shapes: Map<String, Value> =
        properties.iter().map(|(name, kind)| ((*name).to_owned(), shape(kind))).collect();
    json!({"type": "object", "description": description, "properties": shapes})
}

fn shape(kind: &str) -> Value {
    match kind.strip_suffix("[]") {
        Some(inner) => json!({"type": "array", "items": shape(inner)}),
        None => match kind {
            "any" => json!({}),
            "string" | "boolean" | "integer" | "object" => json!({"type": kind}),
            name => reference(name),
        },
    }
}

fn schemas() -> Value {
    const OBJECT: [(&str, &str); 4] =
        [("group", "string"), ("kind", "string"), ("namespace", "string"), ("name", "string")];
    let with =
        |description: &str, more: &[(&str, &str)]| object(description, &[&OBJECT, more].concat());
    json!({
        "Object": {"type": "object"},
        "Error": object("An error as grpc-gateway writes it", &[
            ("error", "string"), ("code", "integer"), ("message", "string"), ("reason", "string"),
        ]),
        "Version": object("The program", &[
            ("Version", "string"), ("Platform", "string"), ("Compiler", "string"),
            ("ExtraBuildInfo", "string"),
        ]),
        "WebhookResponse": object("What a webhook set going", &[
            ("applications", "string[]"), ("message", "string"),
        ]),
        "Application": object("The Application resource, as its CRD defines it", &[
            ("apiVersion", "string"), ("kind", "string"), ("metadata", "object"),
            ("spec", "object"), ("status", "object"), ("operation", "object"),
        ]),
        "ApplicationList": object("Applications in order of name", &[
            ("metadata", "object"), ("items", "Application[]"),
        ]),
        "ApplicationSyncRequest": object("What to sync", &[
            ("revision", "string"), ("revisions", "string[]"), ("sourcePositions", "integer[]"),
            ("dryRun", "boolean"), ("prune", "boolean"), ("strategy", "object"),
            ("resources", "object[]"), ("syncOptions", "SyncOptions"), ("retryStrategy", "object"),
            ("infos", "object[]"),
        ]),
        "SyncOptions": object("Sync options, as Name=value", &[("items", "string[]")]),
        "ApplicationRollbackRequest": object("What to go back to", &[
            ("id", "integer"), ("prune", "boolean"), ("dryRun", "boolean"),
        ]),
        "ApplicationTree": object("Managed objects and their children", &[
            ("nodes", "ResourceNode[]"), ("orphanedNodes", "ResourceNode[]"), ("hosts", "object[]"),
        ]),
        "ResourceRef": with("Another object", &[("uid", "string")]),
        "ResourceNode": with("One object of the tree", &[
            ("version", "string"), ("uid", "string"), ("parentRefs", "ResourceRef[]"),
            ("health", "HealthStatus"), ("resourceVersion", "string"), ("createdAt", "string"),
            ("images", "string[]"),
        ]),
        "HealthStatus": object("How well something is doing", &[
            ("status", "string"), ("message", "string"),
        ]),
        "ManagedResourcesResponse": object("Managed objects", &[("items", "ResourceDiff[]")]),
        "ResourceDiff": with("States are JSON in strings, null for an absent object", &[
            ("targetState", "string"), ("liveState", "string"), ("normalizedLiveState", "string"),
            ("predictedLiveState", "string"), ("resourceVersion", "string"),
            ("modified", "boolean"),
        ]),
        "ManifestResponse": object("Rendered objects, JSON in strings", &[
            ("manifests", "string[]"), ("namespace", "string"), ("server", "string"),
            ("revision", "string"), ("sourceType", "string"), ("commands", "string[]"),
        ]),
        "EventList": object("Events of v1", &[("metadata", "object"), ("items", "object[]")]),
        "DiffResponse": object("What a sync would change", &[
            ("diff", "string"), ("items", "Difference[]"),
        ]),
        "Difference": with("One object; change is create, update or delete", &[
            ("change", "string"), ("diff", "string"), ("fields", "FieldChange[]"),
        ]),
        "FieldChange": object("One field; old or new is left out where it is absent", &[
            ("field", "string"), ("old", "any"), ("new", "any"),
        ]),
        "DriftResponse": object("Drifts, newest last", &[("items", "DriftRecord[]")]),
        "DriftRecord": with("A change to a field that Steadfast owns", &[
            ("field", "string"), ("old", "any"), ("new", "any"), ("manager", "string"),
            ("at", "string"), ("corrected", "boolean"),
        ]),
        "ApplicationWatchEvent": object("Data of one event", &[("result", "ApplicationChange")]),
        "ApplicationChange": object("type is ADDED, MODIFIED or DELETED", &[
            ("type", "string"), ("application", "Application"),
        ]),
        "ApplicationTreeEvent": object("Data of one event", &[("result", "ApplicationTree")]),
    })
}
