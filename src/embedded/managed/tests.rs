mod ownership;
mod properties;
mod updates;
mod upgrade;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::{embedded::schema::Schema, object::GroupVersionKind};

/// A kind with a list of each sort, so that tests need no large objects.
fn thing() -> (Schema, GroupVersionKind) {
    let gvk = GroupVersionKind::parse("x.dev/v1", "Thing");
    let numbers = json!({"type": "object", "properties": {
        "a": {"type": "integer"}, "b": {"type": "integer"}}});
    let ports = json!({
        "type": "array", "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["port", "protocol"],
        "items": {"type": "object", "required": ["port"], "properties": {
            "port": {"type": "integer"},
            "protocol": {"type": "string", "default": "TCP"},
            "name": {"type": "string"}}},
    });
    let schema = json!({"type": "object", "properties": {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
        "spec": {"type": "object", "properties": {
            "n": {"type": "integer"},
            "s": {"type": "string"},
            "inner": numbers,
            "atom": {"type": "object", "x-kubernetes-map-type": "atomic", "properties": {
                "a": {"type": "integer"}, "b": {"type": "integer"}}},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "maps": {"type": "object", "additionalProperties": numbers},
            "set": {"type": "array", "x-kubernetes-list-type": "set",
                "items": {"type": "string"}},
            "list": {"type": "array", "items": {"type": "integer"}},
            "items": {"type": "array", "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
                "items": {"type": "object", "required": ["name"], "properties": {
                    "name": {"type": "string"}, "a": {"type": "integer"},
                    "b": {"type": "integer"}}}},
            "ports": ports,
            "any": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
        }},
        "status": {"type": "object", "properties": {"n": {"type": "integer"}}},
    }});
    (Schema::of_crd(&schema, &gvk).expect("a structural schema"), gvk)
}

/// An object of the kind; `spec` absent when null.
fn object(spec: Value) -> Value {
    let mut object = json!({"apiVersion": "x.dev/v1", "kind": "Thing", "metadata": {"name": "t"}});
    if !spec.is_null() {
        object["spec"] = spec;
    }
    object
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).expect("a second")
}

/// The life of one object: each write is a second later than the one before.
struct Life {
    schema: Schema,
    gvk: GroupVersionKind,
    live: Option<Value>,
    second: i64,
}

impl Life {
    fn new() -> Self {
        let (schema, gvk) = thing();
        Self { schema, gvk, live: None, second: 0 }
    }

    fn write<T>(
        &mut self,
        manager: &str,
        subresource: &str,
        write: impl FnOnce(Node<'_>, Option<&Value>, &Writer<'_>) -> T,
    ) -> T {
        self.second += 1;
        let reset = reset_fields(&self.gvk, subresource, Some(true));
        let now = at(self.second);
        let api_version = "x.dev/v1";
        let served = &[];
        let writer = Writer { manager, api_version, served, subresource, reset: &reset, now };
        let node = self.schema.root(&self.gvk).expect("the kind");
        write(node, self.live.as_ref(), &writer)
    }

    fn try_apply(&mut self, manager: &str, spec: Value, force: bool) -> Result<(), Refusal> {
        let applied = object(spec);
        let merged =
            self.write(manager, "", |node, live, w| apply(node, live, &applied, w, force))?;
        self.live = Some(merged);
        Ok(())
    }

    fn apply(&mut self, manager: &str, spec: Value) {
        self.try_apply(manager, spec, false).expect("no conflict");
    }

    fn conflicts(&mut self, manager: &str, spec: Value) -> Vec<Conflict> {
        match self.try_apply(manager, spec, false) {
            Err(Refusal::Conflicts(conflicts)) => conflicts,
            other => panic!("expected conflicts, got {other:?}"),
        }
    }

    /// Writes the whole object, but keeps its `managedFields`.
    fn update(&mut self, manager: &str, change: impl FnOnce(&mut Value)) {
        self.update_by(manager, "", change);
    }

    fn update_by(&mut self, manager: &str, subresource: &str, change: impl FnOnce(&mut Value)) {
        let mut new = self.live.clone().unwrap_or_else(|| object(json!({})));
        change(&mut new);
        self.write(manager, subresource, |node, live, w| record(node, live, &mut new, w));
        self.live = Some(new);
    }

    fn spec(&self) -> Value {
        self.live.as_ref().map(|live| live["spec"].clone()).unwrap_or_default()
    }

    fn entries(&self) -> Vec<Value> {
        let live = self.live.as_ref().expect("an object");
        live["metadata"]["managedFields"].as_array().cloned().unwrap_or_default()
    }

    /// What a manager owns, the entries of all its operations together.
    fn owned(&self, manager: &str) -> Value {
        let mut set = FieldSet::default();
        for entry in self.entries().iter().filter(|entry| entry["manager"] == manager) {
            set.merge(&FieldSet::parse(&entry["fieldsV1"]));
        }
        set.to_json()
    }
}
