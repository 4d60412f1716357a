//! Fields that Git names but somebody else decides about: they are never written.
//!
//! An autoscaler's target yields `spec.replicas`; `ignoreDifferences` yields what it lists. Leaving
//! a field out of an apply would reset it to its default where we own it alone, so a field that we
//! own is applied with the value it has, and one that we don't own is left out.

use globset::Glob;
use serde_json::Value;

use super::Target;
use crate::{
    api::IgnoreDifference,
    object::{FieldPath, LiveObject, ObjectId, PathElement},
};

/// The fields of `id` that yield.
pub fn fields(id: &ObjectId, ignored: &[IgnoreDifference], autoscaled: bool) -> Vec<FieldPath> {
    let mut fields: Vec<FieldPath> = ignored
        .iter()
        .filter(|rule| applies(rule, id))
        .flat_map(|rule| &rule.json_pointers)
        .map(|pointer| pointer_path(pointer))
        .collect();
    if autoscaled {
        fields.push(FieldPath::fields(&["spec", "replicas"]));
    }
    fields
}

/// The target with its yielding fields taken from the live object or left out.
pub fn withhold(target: &Target, live: &LiveObject, fields: &[FieldPath]) -> Target {
    let mut value = (*target.value).clone();
    let mut live_value = None;
    for path in fields {
        if path.get(&value).is_none() {
            continue;
        }
        let owned = live.own.as_ref().is_some_and(|own| own.covers(path));
        let live_value = live_value.get_or_insert_with(|| live.value());
        let kept = if owned { path.get(live_value).cloned() } else { None };
        put(&mut value, &path.0, kept);
    }
    target.with_value(value)
}

fn applies(rule: &IgnoreDifference, id: &ObjectId) -> bool {
    let glob = |pattern: &str, text: &str| {
        pattern == text
            || Glob::new(pattern).is_ok_and(|glob| glob.compile_matcher().is_match(text))
    };
    glob(&rule.group, &id.group)
        && glob(&rule.kind, &id.kind)
        && (rule.name.is_empty() || rule.name == id.name)
        && (rule.namespace.is_empty() || rule.namespace == id.namespace)
}

/// A JSON pointer (RFC 6901) as a path.
fn pointer_path(pointer: &str) -> FieldPath {
    let steps = pointer.split('/').skip(1).map(|token| {
        let token = token.replace("~1", "/").replace("~0", "~");
        token.parse().map_or(PathElement::Field(token), PathElement::Index)
    });
    FieldPath(steps.collect())
}

/// Replaces or removes the value at `path`; a path that leads nowhere changes nothing.
fn put(value: &mut Value, path: &[PathElement], new: Option<Value>) {
    let Some((step, rest)) = path.split_first() else { return };
    let slot = match (step, &mut *value) {
        (PathElement::Field(name), Value::Object(map)) if rest.is_empty() && new.is_none() => {
            map.remove(name);
            return;
        }
        (PathElement::Field(name), Value::Object(map)) => map.get_mut(name),
        (PathElement::Index(index), Value::Object(map)) => map.get_mut(&index.to_string()),
        (PathElement::Index(index), Value::Array(items)) => items.get_mut(*index),
        _ => None,
    };
    match (slot, rest.is_empty(), new) {
        (Some(slot), true, Some(new)) => *slot = new,
        (Some(slot), false, new) => put(slot, rest, new),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::object::{FieldSet, GroupVersionKind, Origin};

    fn scaled(own: &Value, replicas: i64) -> (Target, LiveObject) {
        let value = json!({"spec": {"replicas": 2, "paused": false}});
        let target = Target {
            id: ObjectId::new("apps", "Deployment", "prod", "web"),
            gvk: GroupVersionKind::parse("apps/v1", "Deployment"),
            digest: super::super::desired::digest(&value),
            value: Arc::new(value),
            origin: Origin { file: String::new(), line: 0 },
            wave: 0,
            awaits: None,
        };
        let live = LiveObject {
            id: target.id.clone(),
            gvk: target.gvk.clone(),
            uid: String::new(),
            resource_version: String::new(),
            app: None,
            body: json!({"spec": {"replicas": replicas}}).to_string().into_boxed_str(),
            own: Some(FieldSet::parse(own)),
            others: None,
            has_owner: false,
            terminating: false,
        };
        (target, live)
    }

    #[test]
    fn replicas_that_the_autoscaler_took_are_left_out() {
        let (target, live) = scaled(&json!({"f:spec": {"f:paused": {}}}), 7);
        let fields = fields(&target.id, &[], true);
        assert_eq!(*withhold(&target, &live, &fields).value, json!({"spec": {"paused": false}}));
    }

    #[test]
    fn replicas_that_we_still_own_keep_their_live_value() {
        let (target, live) = scaled(&json!({"f:spec": {"f:replicas": {}}}), 7);
        let fields = fields(&target.id, &[], true);
        let value = withhold(&target, &live, &fields).value;
        assert_eq!(value["spec"]["replicas"], 7);
    }

    #[test]
    fn an_ignored_pointer_applies_to_its_kind_only() {
        let rule = IgnoreDifference {
            group: "apps".to_owned(),
            kind: "*".to_owned(),
            json_pointers: vec!["/spec/paused".to_owned(), "/metadata/labels/a~1b".to_owned()],
            ..IgnoreDifference::default()
        };
        let web = ObjectId::new("apps", "Deployment", "prod", "web");
        let paths: Vec<String> = fields(&web, std::slice::from_ref(&rule), false)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(paths, [".spec.paused", ".metadata.labels[\"a/b\"]"]);
        assert!(fields(&ObjectId::new("", "Service", "prod", "web"), &[rule], false).is_empty());
    }
}
