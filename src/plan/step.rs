//! What a plan consists of, and what came of it.

use std::sync::Arc;

use serde_json::Value;

use crate::object::{FieldPath, GroupVersionKind, ObjectId, Turn};

/// What a step does to its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Server-side apply of an object that is not there.
    Create,
    /// Server-side apply over the live object.
    Apply,
    /// The same after taking over what other tools' field managers own (first adoption).
    Adopt,
    /// Update of the whole object (`Replace=true`), created when absent.
    Replace,
    /// Deletion of an object that Git no longer names.
    Prune,
}

/// One change to one object.
#[derive(Debug, Clone)]
pub struct Step {
    /// The object.
    pub id: ObjectId,
    /// The kind in the version to use.
    pub gvk: GroupVersionKind,
    /// What to do.
    pub action: Action,
    /// The object to apply; `None` for a prune.
    pub body: Option<Arc<Value>>,
    /// The live object's uid, a precondition of a prune; empty when there is none.
    pub uid: String,
    /// Steps of a lower tier have been tried before this one starts; equal tiers run in parallel.
    pub tier: u8,
    /// Indices of steps that must have succeeded first (its namespace, its CRD).
    pub needs: Vec<usize>,
    /// Fields that are left to other writers (ignored differences, replicas under an autoscaler).
    /// `body` does not hold them; where we own them, they are given up without a change of value,
    /// which an apply that merely leaves them out would remove.
    pub yields: Vec<FieldPath>,
    /// An immutable field may be changed by deleting and creating the object (`Force=true`).
    pub force: bool,
    /// `fieldValidation=Strict`, unless `Validate=false`.
    pub validate: bool,
    /// How dependents are deleted: `Foreground`, `Background` or `Orphan`.
    pub propagation: &'static str,
}

impl Step {
    /// A step that nothing holds up and that leaves no field to others: first tier, `Foreground`,
    /// validated, without force. Set what is otherwise.
    pub fn new(
        id: ObjectId,
        gvk: GroupVersionKind,
        action: Action,
        body: Option<Arc<Value>>,
    ) -> Self {
        Self {
            id,
            gvk,
            action,
            body,
            uid: String::new(),
            tier: 0,
            needs: Vec::new(),
            yields: Vec::new(),
            force: false,
            validate: true,
            propagation: "Foreground",
        }
    }
}

/// What is to be done now, in the order of `tier`, and what it waits for.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The changes.
    pub steps: Vec<Step>,
}

/// Why the cluster did not take a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Who has to act.
    pub turn: Turn,
    /// What the server said and what to do, secrets masked.
    pub message: String,
    /// Fields that can't be changed in place, when that is the reason.
    pub immutable_fields: Vec<String>,
    /// An object that stands in the way (node port, host, name), when the server named one.
    pub conflict: bool,
}

/// What came of one step.
#[derive(Debug, Clone)]
pub enum StepResult {
    /// The server's answer to an apply, without `managedFields` reduced: the whole object.
    Applied {
        /// The object as the server returned it.
        object: Arc<Value>,
        /// True when the write changed something (a new resource version).
        changed: bool,
    },
    /// Deletion was accepted; `gone` when the object is not there any more.
    Pruned {
        /// True when nothing is left.
        gone: bool,
    },
    /// The server said no, or nothing in time.
    Refused(Refusal),
    /// Not tried, because the named object it depends on did not get there.
    Blocked {
        /// The object it depends on.
        by: ObjectId,
    },
}

/// What came of a plan: one result for each step, in the order of the steps.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// One result for each step.
    pub results: Vec<StepResult>,
}
