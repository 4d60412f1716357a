//! What an application consists of, in the shapes that Argo CD's clients parse.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    object::{ObjectId, mask, meta},
    sync::{handle::ManagedResource, tree::Node},
};

use super::{fields::Fields, query::Query};

/// Which objects of an application a client wants to see.
#[derive(Debug, Default)]
pub(super) struct ObjectFilter {
    group: Option<String>,
    version: Option<String>,
    kind: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    pub(super) fields: Fields,
}

impl ObjectFilter {
    pub(super) fn parse(query: &Query) -> Self {
        let text = |key: &'static str| query.first(key).map(str::to_owned);
        Self {
            group: text("group"),
            version: text("version"),
            kind: text("kind"),
            namespace: text("namespace"),
            name: text("name"),
            fields: Fields::parse(query.first("fields").unwrap_or_default()),
        }
    }

    pub(super) fn matches(&self, id: &ObjectId, version: &str) -> bool {
        let same =
            |asked: &Option<String>, found: &str| asked.as_deref().is_none_or(|a| a == found);
        same(&self.group, &id.group)
            && same(&self.version, version)
            && same(&self.kind, &id.kind)
            && same(&self.namespace, &id.namespace)
            && same(&self.name, &id.name)
    }
}

/// The states of an object, `Null` for one that is not there, with Secrets masked. They are masked
/// already when they come here; that they are masked again, together, changes nothing that a reader
/// could tell, and holds should one day something come here that is not.
pub(super) struct States {
    pub(super) target: Value,
    pub(super) live: Value,
    pub(super) predicted: Value,
}

impl States {
    pub(super) fn of(resource: &ManagedResource) -> Self {
        let copy = |state: &Option<Arc<Value>>| state.as_deref().cloned().unwrap_or_default();
        let mut states = Self {
            target: copy(&resource.target),
            live: copy(&resource.live),
            predicted: copy(&resource.predicted),
        };
        mask::sides(&mut [&mut states.target, &mut states.live, &mut states.predicted]);
        states
    }
}

/// An object as JSON, a Secret masked.
pub(super) fn masked(object: &Value) -> String {
    let mut object = object.clone();
    mask::object(&mut object);
    object.to_string()
}

/// `ResourceDiff`: the states are JSON in strings, `null` for an object that is not there.
pub(super) fn managed(resource: &ManagedResource) -> Value {
    let States { target, live, predicted } = States::of(resource);
    let id = &resource.id;
    json!({
        "group": id.group,
        "kind": id.kind,
        "namespace": id.namespace,
        "name": id.name,
        "targetState": target.to_string(),
        "liveState": live.to_string(),
        "normalizedLiveState": live.to_string(),
        "predictedLiveState": predicted.to_string(),
        "resourceVersion": meta::resource_version(&live),
        "modified": is_modified(resource),
    })
}

/// Whether a sync would change the object.
pub(super) fn is_modified(resource: &ManagedResource) -> bool {
    match (&resource.target, &resource.live) {
        (Some(_), Some(live)) => {
            resource.predicted.as_ref().is_some_and(|predicted| predicted != live)
        }
        // Without a target and with a prediction: whether Git names it could not be found out.
        (None, Some(live)) => resource.predicted.as_ref() != Some(live),
        (_, None) => true,
    }
}

/// `ApplicationTree`.
pub(super) fn tree(nodes: &[Node], filter: &ObjectFilter) -> Value {
    let wanted = nodes.iter().filter(|node| filter.matches(&node.id, &node.gvk.version));
    let nodes: Vec<Value> = wanted.map(node).collect();
    filter.fields.select(json!({"nodes": nodes, "orphanedNodes": [], "hosts": []}))
}

/// `ResourceNode`.
fn node(node: &Node) -> Value {
    let id = &node.id;
    let mut shown = json!({
        "group": id.group,
        "version": node.gvk.version,
        "kind": id.kind,
        "namespace": id.namespace,
        "name": id.name,
        "uid": node.uid,
    });
    if let Some((uid, parent)) = &node.parent {
        shown["parentRefs"] = json!([{
            "group": parent.group,
            "kind": parent.kind,
            "namespace": parent.namespace,
            "name": parent.name,
            "uid": uid,
        }]);
    }
    if let Some((status, message)) = &node.health {
        shown["health"] = json!({"status": status});
        if !message.is_empty() {
            shown["health"]["message"] = json!(message);
        }
    }
    if !node.resource_version.is_empty() {
        shown["resourceVersion"] = json!(node.resource_version);
    }
    if !node.created_at.is_empty() {
        shown["createdAt"] = json!(node.created_at);
    }
    if !node.images.is_empty() {
        shown["images"] = json!(node.images);
    }
    shown
}

#[cfg(test)]
mod tests;
