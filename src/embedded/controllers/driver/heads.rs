//! The few fields of an object that say whom its change concerns.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::object::ObjectId;

/// What the index keeps of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) uid: String,
    /// The uids of all owners.
    pub(super) owners: Vec<String>,
    /// The uid of the managing controller; empty when there is none.
    pub(super) controller: String,
    pub(super) terminating: bool,
    /// Of an object that is being deleted: what holds it.
    pub(super) finalizers: Vec<String>,
    /// Of a pod.
    pub(super) labels: BTreeMap<String, String>,
    /// Of a Service.
    pub(super) selector: BTreeMap<String, String>,
    /// True for a pod without a node, and for a claim that is not bound yet.
    pub(super) waits: bool,
    /// The volume of a claim, the claim of a volume.
    pub(super) partner: Option<(String, String)>,
}

#[derive(Deserialize)]
struct Object {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    spec: serde_json::Value,
    #[serde(default)]
    status: serde_json::Value,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    uid: String,
    owner_references: Vec<Reference>,
    deletion_timestamp: Option<String>,
    finalizers: Vec<String>,
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Reference {
    uid: String,
    controller: bool,
}

/// The kind alone: most kinds need nothing of their `spec`.
#[derive(Deserialize)]
struct Plain {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    metadata: Metadata,
}

impl Head {
    /// Reads it from JSON; `None` for what is no object.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let plain: Plain = serde_json::from_slice(bytes).ok()?;
        let read_spec = matches!(
            plain.kind.as_str(),
            "Pod" | "Service" | "PersistentVolumeClaim" | "PersistentVolume"
        );
        if !read_spec {
            return Some(Self::of(plain.metadata));
        }
        let object: Object = serde_json::from_slice(bytes).ok()?;
        let text = |pointer: &str| super::super::read::text(&object.spec, pointer).to_owned();
        let partner =
            |namespace: String, name: String| (!name.is_empty()).then_some((namespace, name));
        let labels = object.metadata.labels.clone();
        let mut head = Self::of(object.metadata);
        match object.kind.as_str() {
            "Pod" => {
                head.labels = labels;
                head.waits = text("/nodeName").is_empty();
            }
            "Service" => {
                let selector = object.spec.get("selector").cloned().unwrap_or_default();
                head.selector = serde_json::from_value(selector).unwrap_or_default();
            }
            "PersistentVolumeClaim" => {
                // One that names a volume which is not there yet waits, too.
                head.waits = object.status["phase"] != "Bound";
                head.partner = partner(String::new(), text("/volumeName"));
            }
            _ => head.partner = partner(text("/claimRef/namespace"), text("/claimRef/name")),
        }
        Some(head)
    }

    fn of(metadata: Metadata) -> Self {
        let terminating = metadata.deletion_timestamp.is_some_and(|at| !at.is_empty());
        let controller = metadata.owner_references.iter().find(|owner| owner.controller);
        Self {
            uid: metadata.uid,
            controller: controller.map(|owner| owner.uid.clone()).unwrap_or_default(),
            owners: metadata.owner_references.into_iter().map(|owner| owner.uid).collect(),
            terminating,
            finalizers: if terminating { metadata.finalizers } else { Vec::new() },
            ..Self::default()
        }
    }

    /// The claim that a volume names, or the volume that a claim names.
    pub(super) fn partner_id(&self) -> Option<ObjectId> {
        let (namespace, name) = self.partner.as_ref()?;
        let kind = if namespace.is_empty() { "PersistentVolume" } else { "PersistentVolumeClaim" };
        Some(ObjectId::new("", kind, namespace, name))
    }
}
