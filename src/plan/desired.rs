//! The rendered objects, made ready for one destination: kinds known, namespaces filled in,
//! tracking ids set.

use std::sync::Arc;

use serde_json::Value;

use crate::object::{GroupVersionKind, ObjectId, Origin};

/// One object as it has to be in the cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Identity; the namespace is empty for cluster-scoped kinds.
    pub id: ObjectId,
    /// The kind in the version of the manifest.
    pub gvk: GroupVersionKind,
    /// The object, ready to be applied.
    pub value: Arc<Value>,
    /// Where its manifest stands.
    pub origin: Origin,
    /// Hash of `value`: equal within one process when the objects are equal.
    pub digest: u64,
    /// Sync wave (`argocd.argoproj.io/sync-wave`), 0 when absent or unreadable.
    pub wave: i32,
}

/// All objects of an application, in the order in which they are applied.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Desired {
    /// The objects.
    pub targets: Vec<Target>,
    /// True when the render was complete: only then may anything be pruned.
    pub complete: bool,
}

/// Whether a kind lives in namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScopeOf {
    /// Objects of the kind live in a namespace.
    Namespaced,
    /// Objects of the kind belong to the whole cluster.
    Cluster,
}

/// What the cluster serves, as far as a decision needs it.
pub trait Kinds {
    /// The scope of a kind in this very version; `None` when the cluster does not serve it.
    fn scope(&self, gvk: &GroupVersionKind) -> Option<ScopeOf>;
}
