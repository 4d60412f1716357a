//! Runs a case on both servers in step.

use std::{collections::BTreeMap, time::Duration};

use futures::join;
use serde_json::{Value, json};

use super::{
    cases::{Case, Step},
    kinds,
    mask::Masks,
    side::{Answer, Both, Lines, Request, Side},
};
use crate::support::waited_for;

const TABLE: &str = "application/json;as=Table;g=meta.k8s.io;v=v1";
const PARTIAL: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
const PARTIAL_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
const LIMIT: Duration = Duration::from_mins(1);

/// What one server told of a case so far.
#[derive(Default)]
struct Memory {
    masks: Masks,
    kept: BTreeMap<String, String>,
    last: Value,
    watch: Option<Lines>,
}

/// A case that runs.
pub(super) struct Run<'a> {
    both: &'a Both,
    namespace: &'a str,
    user: String,
    /// Whether the advice that comes with an answer is compared.
    pub(super) warnings: bool,
    real: Memory,
    embedded: Memory,
}

impl<'a> Run<'a> {
    pub(super) fn new(both: &'a Both, namespace: &'a str) -> Self {
        Self {
            both,
            namespace,
            user: "admin".to_owned(),
            warnings: true,
            real: Memory::default(),
            embedded: Memory::default(),
        }
    }

    /// Runs all steps in a namespace of their own; says what differs.
    pub(super) async fn case(&mut self, case: &Case) -> Vec<String> {
        let account = "create sa/default {automountServiceAccountToken: false}";
        for line in ["create ns/$ns", account] {
            let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
            let step = Step { verb: verb.to_owned(), rest: rest.to_owned() };
            self.step(&step).await;
        }
        let mut differences = Vec::new();
        for step in &case.steps {
            if let Some(difference) = self.step(step).await {
                differences.push(difference);
            }
        }
        differences
    }

    /// One step; says what differs.
    pub(super) async fn step(&mut self, step: &Step) -> Option<String> {
        let rest = step.rest.trim();
        match step.verb.as_str() {
            "as" => {
                rest.clone_into(&mut self.user);
                None
            }
            "keep" => {
                let (name, pointer) = rest.split_once(' ').expect("keep NAME POINTER");
                self.real.keep(name, pointer);
                self.embedded.keep(name, pointer);
                None
            }
            "until" => self.until(step, rest).await,
            "watch" => self.watch(step).await,
            "events" => self.events(step, rest.parse().expect("a number of events")).await,
            _ => self.exchange(step).await,
        }
    }

    async fn exchange(&mut self, step: &Step) -> Option<String> {
        let (real, embedded) = self.requests(step);
        let (real, embedded) =
            join!(self.both.real.send(&real), self.both.embedded.send(&embedded));
        let (mut real, mut embedded) = (self.real.seen(&real), self.embedded.seen(&embedded));
        if !self.warnings {
            real["warnings"] = Value::Null;
            embedded["warnings"] = Value::Null;
        }
        compare(step, &real, &embedded)
    }

    fn requests(&self, step: &Step) -> (Request, Request) {
        let request = |memory: &Memory| request(step, self.namespace, &self.user, memory);
        (request(&self.real), request(&self.embedded))
    }

    async fn until(&mut self, step: &Step, rest: &str) -> Option<String> {
        let words: Vec<&str> = rest.split_whitespace().collect();
        let [path, pointer, value] = words[..] else { panic!("until PATH POINTER VALUE") };
        let get = Step { verb: "get".to_owned(), rest: path.to_owned() };
        let (real, embedded) = self.requests(&get);
        let wait = async |side: &Side, request: &Request| {
            waited_for(LIMIT, async || {
                let answer = side.send(request).await;
                let found = match pointer {
                    "code" => answer.code.to_string(),
                    pointer => text(answer.body.pointer(pointer).unwrap_or(&Value::Null)),
                };
                (found == value).then_some(())
            })
            .await
        };
        match join!(wait(&self.both.real, &real), wait(&self.both.embedded, &embedded)) {
            (Some(()), Some(())) => None,
            (real, embedded) => {
                Some(format!("  {step}\n    came: real {real:?}, embedded {embedded:?}"))
            }
        }
    }

    async fn watch(&mut self, step: &Step) -> Option<String> {
        let (real, embedded) = self.requests(step);
        let (real, embedded) =
            join!(self.both.real.open(&real), self.both.embedded.open(&embedded));
        let codes = (real.status().as_u16(), embedded.status().as_u16());
        self.real.watch = Some(Lines::new(real));
        self.embedded.watch = Some(Lines::new(embedded));
        (codes.0 != codes.1).then(|| format!("  {step}\n    code: {codes:?}"))
    }

    async fn events(&mut self, step: &Step, count: usize) -> Option<String> {
        let (real, embedded) = join!(self.real.events(count), self.embedded.events(count));
        compare(step, &real, &embedded)
    }
}

impl Memory {
    fn keep(&mut self, name: &str, pointer: &str) {
        let value = text(self.last.pointer(pointer).unwrap_or(&Value::Null));
        self.kept.insert(name.to_owned(), value);
    }

    /// What is compared of an answer.
    fn seen(&mut self, answer: &Answer) -> Value {
        self.last.clone_from(&answer.body);
        if let Some(base) = answer.body.pointer("/metadata/generateName").and_then(Value::as_str) {
            self.masks.made_up(base);
        }
        json!({
            "code": answer.code,
            "contentType": answer.content_type,
            "warnings": answer.warnings.iter().map(|w| self.masks.mask(&json!(w))).collect::<Vec<_>>(),
            "body": self.masks.mask(&answer.body),
        })
    }

    async fn events(&mut self, count: usize) -> Value {
        let mut events = Vec::new();
        if let Some(watch) = &mut self.watch {
            for _ in 0..count {
                let event = watch.next().await;
                let over = event.is_null();
                events.push(self.masks.mask(&event));
                if over {
                    break;
                }
            }
        }
        Value::Array(events)
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The request of a step, as it goes to the server that told `memory`.
fn request(step: &Step, namespace: &str, user: &str, memory: &Memory) -> Request {
    let mut line = step.rest.replace("$ns", namespace);
    for (name, value) in &memory.kept {
        line = line.replace(&format!("${name}"), value);
    }
    let (verb, option) = step.verb.split_once(['@', '+']).unwrap_or((&step.verb, ""));
    let mut words = line.trim().splitn(2, [' ', '\n']);
    let mut first = words.next().unwrap_or_default().to_owned();
    let mut rest = words.next().unwrap_or_default().trim().to_owned();
    let mut request = Request { user: user.to_owned(), ..Request::default() };
    if verb == "raw" {
        let parts: Vec<&str> = line.trim().splitn(4, ' ').collect();
        parts[0].clone_into(&mut request.method);
        request.path = path(parts[1], namespace);
        let given = |index: usize| parts.get(index).copied().filter(|part| *part != "-");
        given(2).unwrap_or_default().clone_into(&mut request.content_type);
        given(3).unwrap_or_default().clone_into(&mut request.body);
        return request;
    }
    let mut manager = option.to_owned();
    if verb == "apply" {
        manager = first;
        let mut words = rest.splitn(2, [' ', '\n']);
        first = words.next().unwrap_or_default().to_owned();
        rest = words.next().unwrap_or_default().trim().to_owned();
    }
    let (method, content_type) = match verb {
        "apply" => ("PATCH", "application/apply-patch+yaml"),
        "json" => ("PATCH", "application/json-patch+json"),
        "merge" => ("PATCH", "application/merge-patch+json"),
        "strategic" => ("PATCH", "application/strategic-merge-patch+json"),
        "create" => ("POST", "application/json"),
        "update" => ("PUT", "application/json"),
        "delete" => ("DELETE", "application/json"),
        "get" | "watch" => ("GET", ""),
        other => panic!("no verb is called {other}"),
    };
    method.clone_into(&mut request.method);
    request.path = path(&first, namespace);
    if verb == "create" {
        let (place, query) = first.split_once('?').unwrap_or((&first, ""));
        if let Some(place) = kinds::place(place, namespace) {
            let own = place.path.matches('/').count() - place.collection.matches('/').count();
            let base = if own > 1 { place.path } else { place.collection };
            request.path = if query.is_empty() { base } else { format!("{base}?{query}") };
        }
    }
    match (verb, option) {
        ("get" | "watch", "table") => TABLE.clone_into(&mut request.accept),
        ("get" | "watch", "partial") => PARTIAL.clone_into(&mut request.accept),
        ("get" | "watch", "partials") => PARTIAL_LIST.clone_into(&mut request.accept),
        ("get", "aggregated") => AGGREGATED.clone_into(&mut request.accept),
        ("get" | "watch", other) => other.clone_into(&mut request.accept),
        _ => {}
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

/// What differs between two values, one line for each place.
fn compare(step: &Step, real: &Value, embedded: &Value) -> Option<String> {
    let mut lines = Vec::new();
    if real["code"] == embedded["code"] {
        differ("", real, embedded, &mut lines);
    } else {
        lines.push(format!("real     {}", summary(real)));
        lines.push(format!("embedded {}", summary(embedded)));
    }
    if lines.is_empty() {
        return None;
    }
    Some(format!("  {step}\n    {}", lines.join("\n    ")))
}

/// An answer in a line.
fn summary(answer: &Value) -> String {
    let body = &answer["body"];
    match body.get("message").filter(|_| body["kind"] == "Status") {
        Some(message) => {
            format!("{} {} {message} {}", answer["code"], body["reason"], body["details"])
        }
        None => format!("{} {body}", answer["code"]),
    }
}

fn differ(place: &str, real: &Value, embedded: &Value, lines: &mut Vec<String>) {
    match (real, embedded) {
        (Value::Object(one), Value::Object(other)) => {
            let missing = other.keys().filter(|key| !one.contains_key(*key));
            for key in one.keys().chain(missing) {
                let path = format!("{place}/{key}");
                match (one.get(key), other.get(key)) {
                    (Some(one), Some(other)) => differ(&path, one, other, lines),
                    (Some(one), None) => {
                        lines.push(format!("{path}: real {one}, embedded nothing"))
                    }
                    (_, other) => lines.push(format!(
                        "{path}: real nothing, embedded {}",
                        text(other.unwrap_or(&Value::Null))
                    )),
                }
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                differ(&format!("{place}/{index}"), one, other, lines);
            }
        }
        (one, other) if one == other => {}
        (one, other) => {
            lines.push(format!("{place}: real     {one}\n    {place}: embedded {other}"))
        }
    }
}
