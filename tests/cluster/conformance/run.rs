//! Runs a case on both servers in step.

use std::{collections::BTreeMap, time::Duration};

use futures::join;
use serde_json::{Value, json};

use super::{
    cases::{Case, Step},
    mask::Masks,
    requests::request,
    side::{Answer, Both, Lines, Request, Side},
};
use crate::support::waited_for;

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
    headers: Vec<(String, String)>,
    real: Memory,
    embedded: Memory,
}

impl<'a> Run<'a> {
    pub(super) fn new(both: &'a Both, namespace: &'a str) -> Self {
        Self {
            both,
            namespace,
            user: "admin".to_owned(),
            headers: Vec::new(),
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
            "with" => {
                let rest = rest.replace("$ns", self.namespace);
                match rest.split_once(':') {
                    Some((name, value)) => {
                        self.headers.push((name.to_owned(), value.trim().to_owned()));
                    }
                    None => self.headers.clear(),
                }
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
        self.real.sent(&real);
        self.embedded.sent(&embedded);
        let (real, embedded) =
            join!(self.both.real.send(&real), self.both.embedded.send(&embedded));
        let (real, embedded) = (self.real.seen(&real), self.embedded.seen(&embedded));
        compare(step, &real, &embedded)
    }

    fn requests(&self, step: &Step) -> (Request, Request) {
        let request = |memory: &Memory| Request {
            headers: self.headers.clone(),
            ..request(step, self.namespace, &self.user, &memory.kept)
        };
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

    /// Names that begin as this request wants are made up, also in a refusal.
    fn sent(&mut self, request: &Request) {
        /// Of longer ones the rest gives way.
        const LETTERS_MAX: usize = 58;
        let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
        if let Some(base) = body.pointer("/metadata/generateName").and_then(Value::as_str) {
            self.masks.made_up(&base[..base.len().min(LETTERS_MAX)]);
        }
    }

    /// What is compared of an answer.
    fn seen(&mut self, answer: &Answer) -> Value {
        self.last.clone_from(&answer.body);
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
            while events.len() < count {
                let event = watch.next().await;
                if is_of_its_own_accord(&event) {
                    continue;
                }
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

/// Whether an event is a bookmark that a server sends now and then, whatever happens.
fn is_of_its_own_accord(event: &Value) -> bool {
    event["type"] == "BOOKMARK" && !event.to_string().contains("k8s.io/initial-events-end")
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
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
                        lines.push(format!("{path}: real {one}, embedded nothing"));
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
            lines.push(format!("{place}: real     {one}\n    {place}: embedded {other}"));
        }
    }
}
