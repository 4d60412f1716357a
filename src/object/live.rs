//! A tracked object as it was last seen in the cluster.

use std::sync::{Arc, OnceLock};

use serde_json::Value;

use super::{FieldSet, GroupVersionKind, ObjectId, Packed};

/// A live object that some application tracks or wants, kept as compact JSON.
///
/// `managedFields` is taken out of the body before it is stored: what we need of it is in `own`
/// and `others`.
#[derive(Debug, Clone)]
pub struct LiveObject {
    /// Identity.
    pub id: ObjectId,
    /// The kind in the version in which the object was read.
    pub gvk: GroupVersionKind,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// Application named by a tracking id that names this very object.
    pub app: Option<String>,
    /// The object without `managedFields`.
    pub body: Packed,
    /// The fields that our apply owns (manager `steadfast`, operation Apply, no subresource);
    /// `None` when we never applied the object. Objects with the same fields share one set.
    pub own: Option<Arc<FieldSet>>,
    /// The other managers' entries, kept only while they may be asked for: until a pass has found
    /// the object clean.
    pub others: Option<Vec<Manager>>,
    /// True when the object has owner references: it is somebody's child and never pruned.
    pub has_owner: bool,
    /// True once deletion was asked for.
    pub terminating: bool,
    /// What [`Self::digests`] found out.
    pub digests: OnceLock<(u64, u64)>,
}

impl LiveObject {
    /// The object as a JSON tree, without `managedFields`.
    pub fn value(&self) -> Value {
        self.body.tree()
    }

    /// Digests of the set of fields that we own, and of the values at them; `None` when we never
    /// applied the object. Found out once: an application is looked at whenever one of its objects
    /// changes, and the others have not.
    pub fn digests(&self) -> Option<(u64, u64)> {
        let own = self.own.as_ref()?;
        Some(*self.digests.get_or_init(|| Self::digests_of(own, &self.value())))
    }

    /// The same of an object that is there as a tree.
    pub fn digests_of(own: &FieldSet, value: &Value) -> (u64, u64) {
        (own.digest(), own.digest_values(value))
    }
}

/// One entry of `managedFields`, as far as we need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manager {
    /// Name of the field manager, for example `kubectl-edit`.
    pub name: String,
    /// `Apply` or `Update`.
    pub operation: String,
    /// Subresource that was written, empty for the object itself.
    pub subresource: String,
    /// When it wrote, RFC 3339, empty when unknown.
    pub time: String,
    /// The fields it owns.
    pub fields: FieldSet,
}
