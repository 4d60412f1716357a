//! What the status API may ask of the running controller.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    object::{GroupVersionKind, ObjectId},
    report::board::Board,
};

/// One object of an application, desired and live, as the diff sees it. Secrets are masked.
#[derive(Debug, Clone)]
pub struct ManagedResource {
    /// The object.
    pub id: ObjectId,
    /// Kind with version.
    pub gvk: GroupVersionKind,
    /// As Git says; `None` for an object that Git no longer names.
    pub target: Option<Arc<Value>>,
    /// As the cluster has it; `None` when missing.
    pub live: Option<Arc<Value>>,
    /// As the cluster would have it after a sync; equal to `live` when nothing differs.
    pub predicted: Option<Arc<Value>>,
}

/// One node of the resource tree: a managed object or a child of one.
#[derive(Debug, Clone)]
pub struct Node {
    /// The object.
    pub id: ObjectId,
    /// Kind with version.
    pub gvk: GroupVersionKind,
    /// `metadata.uid`.
    pub uid: String,
    /// Uid and id of the owner; `None` for managed objects.
    pub parent: Option<(String, ObjectId)>,
    /// Health status and message, when the kind has a check.
    pub health: Option<(String, String)>,
    /// `metadata.resourceVersion`, empty for children.
    pub resource_version: String,
    /// `metadata.creationTimestamp`, empty when unknown.
    pub created_at: String,
    /// Images of the pod or pod template.
    pub images: Vec<String>,
}

/// A change that somebody made to a field which Steadfast owns.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DriftRecord {
    /// Group of the object.
    pub group: String,
    /// Kind of the object.
    pub kind: String,
    /// Namespace of the object, empty for cluster-scoped ones.
    pub namespace: String,
    /// Name of the object.
    pub name: String,
    /// The field, for example `.spec.template.spec.containers[name="web"].image`; empty when the
    /// whole object was deleted.
    pub field: String,
    /// What Git says, masked for Secrets; `None` when absent.
    pub old: Option<Value>,
    /// What was found, masked for Secrets; `None` when absent.
    pub new: Option<Value>,
    /// The field manager that took the field; empty when unknown.
    pub manager: String,
    /// When it was seen, RFC 3339.
    pub at: String,
    /// Whether it was put back.
    pub corrected: bool,
}

/// What one application consists of right now.
#[derive(Debug, Clone, Default)]
pub struct Detail {
    /// Every managed object with its desired and live state.
    pub resources: Vec<ManagedResource>,
    /// Managed objects and their children.
    pub nodes: Vec<Node>,
    /// The last drifts, newest last, bounded.
    pub drifts: Vec<DriftRecord>,
}

/// A cheap handle on the running controller.
#[derive(Clone)]
pub struct Handle {
    /// Published state of all applications.
    pub board: Arc<Board>,
}

impl Handle {
    /// What an application consists of right now; `None` when there is no such application.
    pub async fn detail(&self, _app: &str) -> Option<Detail> {
        None
    }

    /// The manifests that an application renders to at a revision (its own when empty), or why
    /// it can't be rendered.
    pub async fn manifests(&self, _app: &str, _revision: &str) -> Result<Vec<Arc<Value>>, String> {
        Ok(Vec::new())
    }

    /// Marks every application that reads this repository dirty and polls the mirror at once;
    /// returns their names. `reference` is the full ref that moved, when it is known.
    pub async fn repository_pushed(&self, _url: &str, _reference: Option<&str>) -> Vec<String> {
        Vec::new()
    }

    /// Whether the controller can do its work, and if not, why: the body of `/readyz`.
    pub fn readiness(&self) -> Result<(), String> {
        Ok(())
    }
}
