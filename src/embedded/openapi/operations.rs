//! The paths of a document and what can be done there.

use serde_json::{Map, Value, json};

use super::{META, Served, Subresource, reference, type_of};
use crate::object::GroupVersionKind;

/// Adds the paths of a resource; `root` is the path of its group version without the first slash.
pub(super) fn add(paths: &mut Map<String, Value>, root: &str, served: &Served<'_>) {
    let list = GroupVersionKind { kind: served.list_kind.to_owned(), ..served.gvk.clone() };
    let is_custom = served.custom.is_some();
    let object = type_of(served.gvk, is_custom);
    let list = type_of(&list, is_custom);
    let scope = if served.namespaced { "/namespaces/{namespace}" } else { "" };
    let collection = format!("/{root}{scope}/{}", served.plural);
    let item = format!("{collection}/{{name}}");
    let can = |verb: &str| served.verbs.contains(&verb);
    let place = |is_item: bool| Place { served, is_item, is_custom };

    let mut operations = vec![("delete", "deletecollection", "deletecollection", &list)];
    operations.push(("get", "list", "list", &list));
    operations.push(("post", "create", "post", &object));
    let on_collection = operations.iter().filter(|(_, verb, ..)| can(verb));
    let on_collection = on_collection.map(|(method, _, action, answer)| {
        ((*method).to_owned(), place(false).operation(action, served.gvk, answer))
    });
    put(paths, collection, served, on_collection.collect());
    if served.namespaced && can("list") {
        let list = place(false).operation("list", served.gvk, &list);
        let everywhere = format!("/{root}/{}", served.plural);
        paths.insert(everywhere, json!({"get": list}));
    }
    let on_item = METHODS.iter().filter(|(_, verb, _)| can(verb)).map(|(method, _, action)| {
        ((*method).to_owned(), place(true).operation(action, served.gvk, &object))
    });
    put(paths, item.clone(), served, on_item.collect());
    for sub in &served.subresources {
        below(paths, &item, served, sub, &object);
    }
}

/// Method, verb and action of what is done with one object.
const METHODS: [(&str, &str, &str); 4] = [
    ("get", "get", "get"),
    ("put", "update", "put"),
    ("patch", "patch", "patch"),
    ("delete", "delete", "delete"),
];

fn below(
    paths: &mut Map<String, Value>,
    item: &str,
    served: &Served<'_>,
    sub: &Subresource<'_>,
    object: &str,
) {
    let place = Place { served, is_item: true, is_custom: served.custom.is_some() };
    let gvk = sub.gvk.as_ref().unwrap_or(served.gvk);
    let answer = sub.gvk.as_ref().map_or_else(|| object.to_owned(), |gvk| type_of(gvk, false));
    let methods = METHODS.iter().chain(&[("post", "create", "post")]);
    let operations = methods.filter(|(_, verb, _)| sub.verbs.contains(verb));
    let operations = operations
        .map(|(method, _, action)| ((*method).to_owned(), place.operation(action, gvk, &answer)));
    put(paths, format!("{item}/{}", sub.name), served, operations.collect());
}

/// A path with its operations, unless there are none.
fn put(
    paths: &mut Map<String, Value>,
    path: String,
    served: &Served<'_>,
    mut operations: Map<String, Value>,
) {
    if operations.is_empty() {
        return;
    }
    let mut parameters = Vec::new();
    if path.contains("{name}") {
        parameters.push(parameter("name", "path", "string"));
    }
    if served.namespaced {
        parameters.push(parameter("namespace", "path", "string"));
    }
    parameters.push(parameter("pretty", "query", "string"));
    operations.insert("parameters".to_owned(), parameters.into());
    paths.insert(path, operations.into());
}

fn parameter(name: &str, place: &str, kind: &str) -> Value {
    let mut parameter = json!({
        "name": name, "in": place, "schema": {"type": kind, "uniqueItems": true}});
    if place == "path" {
        parameter["required"] = true.into();
    }
    parameter
}

struct Place<'a> {
    served: &'a Served<'a>,
    is_item: bool,
    is_custom: bool,
}

impl Place<'_> {
    /// One operation; `answer` is the type of what comes back.
    fn operation(&self, action: &str, gvk: &GroupVersionKind, answer: &str) -> Value {
        let query = queries(action).iter().map(|(name, kind)| parameter(name, "query", kind));
        let mut operation = json!({
            "tags": [tag(self.served.gvk)],
            "parameters": query.collect::<Vec<_>>(),
            "responses": {
                "200": {"description": "OK", "content": content(&["application/json"], answer)},
                "401": {"description": "Unauthorized"},
            },
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind":
                {"group": gvk.group, "version": gvk.version, "kind": gvk.kind},
        });
        let body = match action {
            "post" | "put" => Some(content(&["*/*"], answer)),
            "patch" => Some(content(self.patches(), &format!("{META}Patch"))),
            "delete" | "deletecollection" => {
                Some(content(&["*/*"], &format!("{META}DeleteOptions")))
            }
            _ => None,
        };
        if let Some(content) = body {
            operation["requestBody"] = json!({"content": content});
            if self.is_item && action == "patch" {
                operation["requestBody"]["required"] = true.into();
            }
        }
        operation
    }

    /// kubectl asks here whether it may send a strategic merge patch.
    fn patches(&self) -> &'static [&'static str] {
        const ALL: [&str; 4] = [
            "application/apply-patch+yaml",
            "application/json-patch+json",
            "application/merge-patch+json",
            "application/strategic-merge-patch+json",
        ];
        if self.is_custom { &ALL[..3] } else { &ALL }
    }
}

fn content(media_types: &[&str], name: &str) -> Value {
    let entry = |kind: &&str| ((*kind).to_owned(), json!({"schema": reference(name)}));
    Value::Object(media_types.iter().map(entry).collect())
}

/// `apps_v1`, `rbacAuthorization_v1`, `core_v1`.
fn tag(gvk: &GroupVersionKind) -> String {
    let group = gvk.group.strip_suffix(".k8s.io").unwrap_or(&gvk.group);
    let mut parts = group.split('.');
    let first = parts.next().filter(|first| !first.is_empty()).unwrap_or("core").to_owned();
    let group = parts.fold(first, |group, part| {
        let (head, tail) = part.split_at(usize::from(!part.is_empty()));
        group + &head.to_uppercase() + tail
    });
    format!("{group}_{}", gvk.version)
}

/// The parameters of an action and their types.
fn queries(action: &str) -> &'static [(&'static str, &'static str)] {
    const LIST: [(&str, &str); 11] = [
        ("allowWatchBookmarks", "boolean"),
        ("continue", "string"),
        ("fieldSelector", "string"),
        ("labelSelector", "string"),
        ("limit", "integer"),
        ("resourceVersion", "string"),
        ("resourceVersionMatch", "string"),
        ("sendInitialEvents", "boolean"),
        ("shardSelector", "string"),
        ("timeoutSeconds", "integer"),
        ("watch", "boolean"),
    ];
    const WRITE: [(&str, &str); 4] = [
        ("dryRun", "string"),
        ("fieldManager", "string"),
        ("fieldValidation", "string"),
        ("force", "boolean"),
    ];
    match action {
        "list" | "deletecollection" => &LIST,
        "post" | "put" => &WRITE[..3],
        "patch" => &WRITE,
        "delete" => &[
            ("dryRun", "string"),
            ("gracePeriodSeconds", "integer"),
            ("orphanDependents", "boolean"),
            ("propagationPolicy", "string"),
        ],
        _ => &[],
    }
}
