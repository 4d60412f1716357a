//! The objects to compare, each with its state now and its state after.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::predict::carry_over;
use crate::{
    cli::{
        app::view::{list, text},
        error::{CommandError, Kind},
    },
    object::{ObjectId, is_hook, mask, meta, tracking},
};

/// Stands for the value of a Secret where two masked values can't be compared.
const HIDDEN: &str = "++++++++";

/// An object of the application, as the status API returns it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Managed {
    id: ObjectId,
    target: Option<Value>,
    live: Option<Value>,
    predicted: Option<Value>,
}

/// An object now and after.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pair {
    pub(super) id: ObjectId,
    pub(super) now: Option<Value>,
    pub(super) after: Option<Value>,
    /// True for a Secret whose values had to be left out of the comparison.
    pub(super) values_hidden: bool,
}

/// Reads the answer of `managed-resources`. Hooks are left out: they come and go with each sync.
pub(super) fn managed(answer: &Value) -> Result<Vec<Managed>, CommandError> {
    let items = list(answer, "/items").iter();
    let items = items.filter(|item| item.get("hook") != Some(&Value::Bool(true)));
    items
        .map(|item| {
            let [group, kind] = [text(item, "/group"), text(item, "/kind")];
            let [namespace, name] = [text(item, "/namespace"), text(item, "/name")];
            let target = state(item, "targetState")?;
            let live = state(item, "liveState")?;
            let mut predicted = state(item, "predictedLiveState")?;
            if predicted.is_none() && target.is_some() {
                // An object that is not there yet has nothing to predict from.
                predicted.clone_from(&target);
            }
            if target.is_none() {
                predicted = None;
            }
            let id = ObjectId::new(group, kind, namespace, name);
            Ok(Managed { id, target, live, predicted })
        })
        .collect()
}

/// A state is JSON in a string; empty or `null` when there is none.
fn state(item: &Value, key: &str) -> Result<Option<Value>, CommandError> {
    let text = item.get(key).and_then(Value::as_str).unwrap_or_default();
    if text.is_empty() {
        return Ok(None);
    }
    let state: Value = serde_json::from_str(text).map_err(|cause| {
        let error =
            anyhow::Error::new(cause).context("the status API sent a state that is not JSON");
        CommandError::new(Kind::Cluster, error)
    })?;
    Ok(Some(state).filter(Value::is_object))
}

/// What differs now: live against what a sync would make of it. The server has masked both sides
/// together.
pub(super) fn as_it_is(managed: Vec<Managed>) -> Vec<Pair> {
    let pair =
        |m: Managed| Pair { id: m.id, now: m.live, after: m.predicted, values_hidden: false };
    managed.into_iter().map(pair).collect()
}

/// What would differ with other manifests. `namespace` is the destination's.
pub(super) fn with(managed: Vec<Managed>, wanted: Vec<Value>, namespace: &str) -> Vec<Pair> {
    let mut open: BTreeMap<ObjectId, Managed> =
        managed.into_iter().map(|m| (m.id.clone(), m)).collect();
    let mut pairs = Vec::new();
    for mut object in wanted {
        let Some(id) = meta::id(&object).filter(|_| !is_hook(&object)) else { continue };
        let known = places(&id, namespace).into_iter().find_map(|id| open.remove(&id));
        let Some(mut known) = known else {
            pairs.push(Pair { id, now: None, after: Some(object), values_hidden: false });
            continue;
        };
        let values_hidden = mask::is_secret(&object);
        let states = [&mut known.target, &mut known.live, &mut known.predicted];
        for state in states.into_iter().flatten().chain([&mut object]) {
            if values_hidden {
                hide_values(state);
            }
        }
        // Filled in by the controller, not by authors.
        adopt(&mut object, known.target.as_ref().or(known.live.as_ref()));
        let after = match (known.predicted.or_else(|| known.live.clone()), known.live.is_some()) {
            (Some(base), true) => {
                carry_over(known.target.as_ref().unwrap_or(&Value::Null), &object, &base)
            }
            _ => object,
        };
        pairs.push(Pair { id: known.id, now: known.live, after: Some(after), values_hidden });
    }
    // What is left is no longer named. What Git does not name now goes anyway.
    pairs.extend(open.into_values().map(|left| {
        let values_hidden = false;
        Pair { id: left.id, now: left.live, after: None, values_hidden }
    }));
    pairs.sort_by(|a, b| a.id.cmp(&b.id));
    pairs
}

/// Where an object may be whose scope is not known: its own namespace, the destination's, none.
fn places(id: &ObjectId, namespace: &str) -> Vec<ObjectId> {
    let own = id.namespace.as_str();
    let namespaces = if own.is_empty() { vec![namespace, ""] } else { vec![own, ""] };
    let place = |namespace| ObjectId { namespace: String::from(namespace), ..id.clone() };
    namespaces.into_iter().map(place).collect()
}

/// Takes over what the controller adds to a manifest: the namespace and its marks.
fn adopt(object: &mut Value, known: Option<&Value>) {
    let Some(known) = known else { return };
    let namespace = meta::namespace(known);
    if meta::namespace(object) != namespace
        && let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut)
    {
        metadata.remove("namespace");
        if !namespace.is_empty() {
            metadata.insert("namespace".to_owned(), Value::from(namespace));
        }
    }
    for mark in tracking::MARKS {
        if let Some(text) = meta::annotation(known, mark) {
            meta::set_annotation(object, mark, text);
        }
    }
}

/// Makes the values of a Secret equal, whoever masked them, and folds `stringData` as the server
/// does: what is left to compare are the keys.
fn hide_values(secret: &mut Value) {
    let Some(fields) = secret.as_object_mut() else { return };
    let mut keys: Vec<String> = Vec::new();
    for field in ["data", "stringData"] {
        if let Some(Value::Object(values)) = fields.remove(field) {
            keys.extend(values.into_iter().map(|(key, _)| key));
        }
    }
    if !keys.is_empty() {
        let data: Map<String, Value> =
            keys.into_iter().map(|key| (key, Value::from(HIDDEN))).collect();
        fields.insert("data".to_owned(), Value::Object(data));
    }
    mask::object(secret);
}

#[cfg(test)]
mod tests;
