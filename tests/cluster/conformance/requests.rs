//! From a step of a case to the request that is sent.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{cases::Step, kinds, side::Request};

const TABLE: &str = "application/json;as=Table;g=meta.k8s.io;v=v1";
const PARTIAL: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
const PARTIAL_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// Bytes that no body may have more of.
const BODY_BYTES_MAX: usize = 3 * 1024 * 1024;

/// The request of a step, with the values that were kept of the server
/// that it goes to.
pub(super) fn request(
    step: &Step,
    namespace: &str,
    user: &str,
    kept: &BTreeMap<String, String>,
) -> Request {
    let mut line = step.rest.replace("$ns", namespace);
    if line.contains("$big") {
        line = line.replace("$big", &"x".repeat(BODY_BYTES_MAX));
    }
    for (name, value) in kept {
        line = line.replace(&format!("${name}"), value);
    }
    let (verb, option) = step.verb.split_once(['@', '+']).unwrap_or((&step.verb, ""));
    let mut words = line.trim().splitn(2, [' ', '\n']);
    let mut first = words.next().unwrap_or_default().to_owned();
    let mut rest = words.next().unwrap_or_default().trim().to_owned();
    let mut request = Request { user: user.to_owned(), ..Request::default() };
    if verb == "raw" {
        return raw(line.trim(), namespace, request);
    }
    let mut manager = option.to_owned();
    if verb == "apply" {
        manager = std::mem::take(&mut first);
        let mut words = rest.splitn(2, [' ', '\n']);
        words.next().unwrap_or_default().clone_into(&mut first);
        rest = words.next().unwrap_or_default().trim().to_owned();
    }
    let (method, content_type) = form(verb);
    method.clone_into(&mut request.method);
    request.path = path(&first, namespace);
    if verb == "create" {
        request.path = collection(&first, namespace).unwrap_or(request.path);
    }
    if matches!(verb, "get" | "watch") {
        accept(option).clone_into(&mut request.accept);
    }
    if verb == "watch" {
        add(&mut request.path, "watch=true");
    }
    if matches!(verb, "apply" | "json" | "merge" | "strategic" | "create" | "update") {
        if let Some(name) = manager.strip_suffix('!') {
            add(&mut request.path, "force=true");
            manager = name.to_owned();
        }
        if !matches!(manager.as_str(), "" | "-") {
            add(&mut request.path, &format!("fieldManager={manager}"));
        }
        content_type.clone_into(&mut request.content_type);
        let fills = matches!(verb, "apply" | "create" | "update");
        request.body = body(&rest, if fills { first.as_str() } else { "" }, namespace);
    } else if !rest.is_empty() {
        content_type.clone_into(&mut request.content_type);
        request.body = body(&rest, "", namespace);
    }
    request
}

/// `METHOD PATH CONTENT-TYPE BODY`, as they are; `-` is none.
fn raw(line: &str, namespace: &str, request: Request) -> Request {
    let parts: Vec<&str> = line.splitn(4, ' ').collect();
    let given = |index: usize| {
        let part = parts.get(index).copied().filter(|part| *part != "-");
        part.unwrap_or_default().to_owned()
    };
    Request {
        method: given(0),
        path: path(parts[1], namespace),
        content_type: given(2),
        body: given(3),
        ..request
    }
}

/// Method and content type of a verb.
fn form(verb: &str) -> (&'static str, &'static str) {
    match verb {
        "apply" => ("PATCH", "application/apply-patch+yaml"),
        "json" => ("PATCH", "application/json-patch+json"),
        "merge" => ("PATCH", "application/merge-patch+json"),
        "strategic" => ("PATCH", "application/strategic-merge-patch+json"),
        "create" => ("POST", "application/json"),
        "update" => ("PUT", "application/json"),
        "delete" => ("DELETE", "application/json"),
        "get" | "watch" => ("GET", ""),
        other => panic!("no verb is called {other}"),
    }
}

fn accept(option: &str) -> &str {
    match option {
        "table" => TABLE,
        "partial" => PARTIAL,
        "partials" => PARTIAL_LIST,
        "aggregated" => AGGREGATED,
        other => other,
    }
}

/// Where an object is created that the path names.
fn collection(text: &str, namespace: &str) -> Option<String> {
    let (place, query) = text.split_once('?').unwrap_or((text, ""));
    let place = kinds::place(place, namespace)?;
    let own = place.path.matches('/').count() - place.collection.matches('/').count();
    let mut path = if own > 1 { place.path } else { place.collection };
    if !query.is_empty() {
        add(&mut path, query);
    }
    Some(path)
}

fn path(text: &str, namespace: &str) -> String {
    let (place, query) = text.split_once('?').unwrap_or((text, ""));
    let mut path = kinds::place(place, namespace).map_or_else(|| place.to_owned(), |p| p.path);
    if !query.is_empty() {
        add(&mut path, query);
    }
    path
}

fn add(path: &mut String, query: &str) {
    path.push(if path.contains('?') { '&' } else { '?' });
    path.push_str(query);
}

/// The body in JSON, with what the path says about it filled in.
fn body(text: &str, place: &str, namespace: &str) -> String {
    let mut value: Value = if text.is_empty() {
        json!({})
    } else {
        serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    };
    let place = place.split('?').next().unwrap_or_default();
    if let (Some(place), Some(map)) = (kinds::place(place, namespace), value.as_object_mut()) {
        // A subresource may have another kind.
        if place.path.ends_with("/scale") || place.path.ends_with("/eviction") {
            return value.to_string();
        }
        map.entry("apiVersion").or_insert_with(|| json!(place.api_version));
        map.entry("kind").or_insert_with(|| json!(place.kind));
        let metadata = map.entry("metadata").or_insert_with(|| json!({}));
        if let Some(metadata) = metadata.as_object_mut()
            && !place.name.is_empty()
        {
            metadata.entry("name").or_insert_with(|| json!(place.name));
        }
    }
    value.to_string()
}
