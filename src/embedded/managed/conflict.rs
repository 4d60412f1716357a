//! Conflicts: what they are about and how a server words them.

use std::{cmp::Ordering, collections::BTreeMap};

use serde_json::Value;

use super::entries::{Id, Operation};
use crate::object::{FieldPath, FieldSet, PathElement};

/// One field that somebody else owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conflict {
    /// The field as the server prints it: `.spec.template.spec.containers[name="web"].image`.
    pub path: String,
    /// `conflict with "kubectl-client-side-apply" using apps/v1`: the message of the cause.
    pub message: String,
    pub(super) steps: FieldPath,
    /// How conflicts are grouped and in which order.
    manager: String,
}

/// The message of the whole status.
pub(crate) fn message(conflicts: &[Conflict]) -> String {
    if let [only] = conflicts {
        return format!("Apply failed with 1 conflict: {}: {}", only.message, only.path);
    }
    let mut groups: BTreeMap<&str, Vec<&Conflict>> = BTreeMap::new();
    for conflict in conflicts {
        groups.entry(&conflict.manager).or_default().push(conflict);
    }
    let mut lines = Vec::new();
    for group in groups.values() {
        let with = group[0].message.strip_prefix("conflict ").unwrap_or_default();
        lines.push(format!("conflicts {with}:"));
        lines.extend(group.iter().map(|conflict| format!("- {}", conflict.path)));
    }
    format!("Apply failed with {} conflicts: {}", conflicts.len(), lines.join("\n"))
}

/// What of `changed` the others own, manager by manager.
pub(super) fn all<'a>(
    others: impl Iterator<Item = (&'a Id, &'a FieldSet)>,
    changed: &FieldSet,
) -> Vec<Conflict> {
    let mut conflicts = Vec::new();
    for (id, fields) in others {
        let mut paths = Vec::new();
        members(&fields.intersection(changed), &FieldPath::default(), &mut paths);
        conflicts.extend(paths.into_iter().map(|steps| Conflict {
            path: printed(&steps),
            message: format!("conflict with {}", named(id)),
            steps,
            manager: id.text(),
        }));
    }
    conflicts.sort_by(|one, other| one.manager.cmp(&other.manager));
    conflicts
}

fn named(id: &Id) -> String {
    let mut text = Value::from(&*id.manager).to_string();
    if !id.subresource.is_empty() {
        text.push_str(&format!(" with subresource {}", Value::from(&*id.subresource)));
    }
    if id.operation == Operation::Update {
        text.push_str(&format!(" using {}", id.version));
    }
    text
}

/// The members of a set: at each level first the members, then what lies below each step.
fn members(set: &FieldSet, path: &FieldPath, found: &mut Vec<FieldPath>) {
    let mut children: Vec<_> = set.children().collect();
    children.sort_by(|(one, _), (other, _)| order(one, other));
    let at = |step: &PathElement| path.child(step.clone());
    found.extend(children.iter().filter(|(_, below)| below.is_member()).map(|(step, _)| at(step)));
    for (step, below) in children {
        members(below, &at(&step), found);
    }
}

fn order(one: &PathElement, other: &PathElement) -> Ordering {
    use PathElement as Step;
    let rank = |step: &Step| match step {
        Step::Field(_) => 0,
        Step::Key(_) => 1,
        Step::Value(_) => 2,
        Step::Index(_) => 3,
    };
    match (one, other) {
        (Step::Field(one), Step::Field(other)) => one.cmp(other),
        (Step::Key(one), Step::Key(other)) => {
            let pairs = one.iter().zip(other);
            let first = pairs
                .map(|((name, value), (other, than))| {
                    name.cmp(other).then_with(|| scalar_order(value, than))
                })
                .find(|order| order.is_ne());
            first.unwrap_or_else(|| one.len().cmp(&other.len()))
        }
        (Step::Value(one), Step::Value(other)) => scalar_order(one, other),
        (Step::Index(one), Step::Index(other)) => one.cmp(other),
        _ => rank(one).cmp(&rank(other)),
    }
}

fn scalar_order(one: &Value, other: &Value) -> Ordering {
    let rank = |value: &Value| match value {
        Value::Number(_) => 0,
        Value::String(_) => 1,
        Value::Bool(_) => 2,
        _ => 3,
    };
    match (one, other) {
        (Value::String(one), Value::String(other)) => one.cmp(other),
        (Value::Bool(one), Value::Bool(other)) => one.cmp(other),
        (Value::Number(one), Value::Number(other)) => match (one.as_i64(), other.as_i64()) {
            (Some(one), Some(other)) => one.cmp(&other),
            _ => one.as_f64().partial_cmp(&other.as_f64()).unwrap_or(Ordering::Equal),
        },
        _ => rank(one).cmp(&rank(other)),
    }
}

/// A path as the server prints it, which puts no quotes around odd field names.
pub(super) fn printed(path: &FieldPath) -> String {
    let step = |step: &PathElement| match step {
        PathElement::Field(name) => format!(".{name}"),
        other => other.to_string(),
    };
    path.0.iter().map(step).collect()
}
