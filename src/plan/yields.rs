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
    object::{FieldPath, FieldSet, LiveObject, ObjectId, PathElement},
};

/// The fields of `id` that yield, as the rules write them.
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

/// The part of a rule about `id` that this version can't read, if there is one: which fields it is
/// about is not known then.
pub fn unread(id: &ObjectId, ignored: &[IgnoreDifference]) -> Option<&'static str> {
    ignored.iter().filter(|rule| applies(rule, id)).find_map(|rule| {
        let by_jq = !rule.jq_path_expressions.is_empty();
        let by_manager = !rule.managed_fields_managers.is_empty();
        by_jq.then_some("jqPathExpressions").or(by_manager.then_some("managedFieldsManagers"))
    })
}

/// The same paths in the words of `managedFields`: where a rule counts the items of a list (`/0`)
/// and the list is a map by its keys, the item's key takes the place of the number. Numbers count
/// in Git's list, and in the live one where Git has no such item.
pub fn resolve(fields: Vec<FieldPath>, target: &Target, live: &LiveObject) -> Vec<FieldPath> {
    let counts = |path: &FieldPath| path.0.iter().any(|s| matches!(s, PathElement::Index(_)));
    if !fields.iter().any(counts) {
        return fields;
    }
    let (target, live_value) = (target.body.tree(), live.value());
    let own = live.own.as_deref();
    fields.into_iter().map(|path| resolve_path(&path, &target, &live_value, own)).collect()
}

fn resolve_path(
    path: &FieldPath,
    target: &Value,
    live: &Value,
    own: Option<&FieldSet>,
) -> FieldPath {
    let (mut target, mut live, mut own) = (Some(target), Some(live), own);
    let steps = path.0.iter().map(|step| {
        let step = match step {
            PathElement::Index(index) => item(*index, target, live, own),
            other => other.clone(),
        };
        target = target.and_then(|value| step.get(value));
        live = live.and_then(|value| step.get(value));
        own = own.and_then(|own| own.children().find(|(known, _)| *known == step)).map(|(_, b)| b);
        step
    });
    FieldPath(steps.collect())
}

/// What a number in a rule stands for: the name of a map's entry, the key of a list's item, or
/// simply a place.
fn item(
    index: usize,
    target: Option<&Value>,
    live: Option<&Value>,
    own: Option<&FieldSet>,
) -> PathElement {
    if [target, live].into_iter().flatten().any(Value::is_object) {
        return PathElement::Field(index.to_string());
    }
    let at = |list: Option<&Value>| list?.as_array()?.get(index).cloned();
    let found = at(target).or_else(|| at(live)).map(|item| json_list(&item));
    let keyed = |step: &PathElement| matches!(step, PathElement::Key(_) | PathElement::Value(_));
    let known = own.zip(found).and_then(|(own, item)| {
        own.children().map(|(step, _)| step).find(|step| keyed(step) && step.get(&item).is_some())
    });
    known.unwrap_or(PathElement::Index(index))
}

/// The target with its yielding fields (see [`resolve`]) as they are live where we own them, and
/// without them where we don't.
pub fn withhold(target: &Target, live: &LiveObject, fields: &[FieldPath]) -> Target {
    let mut value = target.body.tree();
    let mut live_value = None;
    for path in fields {
        if path.get(&value).is_none() {
            continue;
        }
        let live_value = live_value.get_or_insert_with(|| live.value());
        let own = live.own.as_ref().and_then(|own| own.at(path));
        let kept = own.zip(path.get(live_value)).and_then(|(own, live)| part(own, live));
        put(&mut value, &path.0, kept);
    }
    target.with_value(&value)
}

/// What we own of a live value: what others wrote beside it must not become ours.
fn part(own: &FieldSet, live: &Value) -> Option<Value> {
    if own.is_leaf() {
        return own.is_member().then(|| live.clone());
    }
    match live {
        Value::Object(map) => {
            let kept = map
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), part(own.field(name)?, value)?)));
            Some(Value::Object(kept.collect()))
        }
        Value::Array(items) => {
            let kept = items.iter().filter_map(|item| {
                let list = json_list(item);
                let (_, below) = own.children().find(|(step, _)| step.get(&list).is_some())?;
                part(below, item)
            });
            Some(Value::Array(kept.collect()))
        }
        _ => Some(live.clone()),
    }
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

/// A list of this item alone: steps are followed from a list.
fn json_list(item: &Value) -> Value {
    Value::Array(vec![item.clone()])
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
        (PathElement::Index(index), Value::Array(items)) => items.get_mut(*index),
        (PathElement::Key(_) | PathElement::Value(_), Value::Array(items)) => {
            let place = items.iter().position(|item| step.get(&json_list(item)).is_some());
            let Some(place) = place else { return };
            if rest.is_empty() && new.is_none() {
                items.remove(place);
                return;
            }
            items.get_mut(place)
        }
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
    use crate::object::{GroupVersionKind, Origin, Packed};

    fn scaled(own: &Value, replicas: i64) -> (Target, LiveObject) {
        let body = Packed::of(&json!({"spec": {"replicas": 2, "paused": false}}));
        let target = Target {
            id: ObjectId::new("apps", "Deployment", "prod", "web"),
            gvk: GroupVersionKind::parse("apps/v1", "Deployment"),
            digest: super::super::desired::digest(&body),
            body,
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
            body: Packed::of(&json!({"spec": {"replicas": replicas}})),
            own: Some(Arc::new(FieldSet::parse(own))),
            others: None,
            has_owner: false,
            terminating: false,
            digests: std::sync::OnceLock::new(),
        };
        (target, live)
    }

    #[test]
    fn replicas_that_the_autoscaler_took_are_left_out() {
        let (target, live) = scaled(&json!({"f:spec": {"f:paused": {}}}), 7);
        let fields = fields(&target.id, &[], true);
        assert_eq!(
            withhold(&target, &live, &fields).body.tree(),
            json!({"spec": {"paused": false}})
        );
    }

    #[test]
    fn replicas_that_we_still_own_keep_their_live_value() {
        let (target, live) = scaled(&json!({"f:spec": {"f:replicas": {}}}), 7);
        let fields = fields(&target.id, &[], true);
        let value = withhold(&target, &live, &fields).body.tree();
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

    #[test]
    fn a_rule_that_cannot_be_read_is_named_for_its_objects() {
        let rule = |jq: &[&str], managers: &[&str]| IgnoreDifference {
            group: "apps".to_owned(),
            kind: "Deployment".to_owned(),
            jq_path_expressions: jq.iter().map(ToString::to_string).collect(),
            managed_fields_managers: managers.iter().map(ToString::to_string).collect(),
            ..IgnoreDifference::default()
        };
        let web = ObjectId::new("apps", "Deployment", "prod", "web");
        let table = [
            (rule(&[], &[]), None),
            (rule(&[".spec.replicas"], &[]), Some("jqPathExpressions")),
            (rule(&[], &["kube-controller-manager"]), Some("managedFieldsManagers")),
        ];
        for (rule, wanted) in table {
            assert_eq!(unread(&web, std::slice::from_ref(&rule)), wanted);
            assert_eq!(unread(&ObjectId::new("", "Service", "prod", "web"), &[rule]), None);
        }
    }

    #[test]
    fn a_number_in_a_rule_finds_the_item_by_its_key() {
        let (target, live) = scaled(&json!({}), 1);
        let container = |name: &str, image: &str| json!({"name": name, "image": image});
        let list = |items: &[Value]| json!({"spec": {"containers": items}});
        let target =
            target.with_value(&list(&[container("web", "web:2"), container("log", "l:1")]));
        let mut live = live;
        // Somebody put a container before ours and changed our image.
        live.body = Packed::of(&list(&[container("side", "s:1"), container("web", "web:9")]));
        let own = |image: bool| {
            let mut web = json!({".": {}, "f:name": {}});
            if image {
                web["f:image"] = json!({});
            }
            json!({"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": web}}})
        };
        let rule = IgnoreDifference {
            kind: "*".to_owned(),
            group: "*".to_owned(),
            json_pointers: vec!["/spec/containers/0/image".to_owned()],
            ..IgnoreDifference::default()
        };
        let rules = [rule];
        // Ours: it keeps its live value. Not ours any longer: it is not named.
        for (ours, image) in [(true, json!("web:9")), (false, Value::Null)] {
            live.own = Some(Arc::new(FieldSet::parse(&own(ours))));
            let paths = resolve(fields(&target.id, &rules, false), &target, &live);
            assert_eq!(paths[0].to_string(), ".spec.containers[name=\"web\"].image");
            let value = withhold(&target, &live, &paths).body.tree();
            assert_eq!(value["spec"]["containers"][0]["image"], image, "{value}");
            assert_eq!(value["spec"]["containers"][1], container("log", "l:1"));
        }
    }

    #[test]
    fn of_an_ignored_map_only_our_own_entries_are_kept() {
        let (target, mut live) = scaled(&json!({"f:data": {"f:ours": {}}}), 1);
        let target = target.with_value(&json!({"data": {"ours": "git"}}));
        live.body = Packed::of(&json!({"data": {"ours": "hand", "theirs": "x"}}));
        let path = [FieldPath::fields(&["data"])];
        let value = withhold(&target, &live, &path).body.tree();
        assert_eq!(value, json!({"data": {"ours": "hand"}}));
    }
}
