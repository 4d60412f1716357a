//! Is a live object what Git says, and if not, what differs and who did it?
//!
//! The question is answered from ownership: after an apply the server records which fields we own.
//! What others write into fields that Git does not name is none of our business, and what the
//! server defaults or a webhook adds can't look like a difference.

use serde_json::Value;

use super::Target;
use crate::object::{FieldPath, FieldSet, LiveObject, Manager, PathElement};

/// What an object looked like when it was last known to be as Git says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint {
    /// Digest of the target that was applied.
    pub desired: u64,
    /// Digest of the set of fields that we own.
    pub own: u64,
    /// Digest of the live values of those fields.
    pub values: u64,
}

impl Fingerprint {
    /// Takes the fingerprint of a live object that is as `target` says.
    pub fn of(target: &Target, own: &FieldSet, live: &Value) -> Self {
        Self { desired: target.digest, own: own.digest(), values: own.digest_values(live) }
    }

    /// The same of an object in the live store; `None` when we never applied it.
    pub fn of_live(target: &Target, live: &LiveObject) -> Option<Self> {
        let (own, values) = live.digests()?;
        Some(Self { desired: target.digest, own, values })
    }
}

/// One field that is not as Git says.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldDrift {
    /// The field.
    pub path: FieldPath,
    /// What Git says; `None` when Git does not name the field any more.
    pub old: Option<Value>,
    /// What the cluster has; `None` when absent.
    pub new: Option<Value>,
    /// The field manager that holds the field now; empty when nobody does.
    pub manager: String,
}

/// How a live object relates to its target.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// As Git says. `Some` when this was found out just now and is worth remembering.
    Clean(Option<Fingerprint>),
    /// Git says something else than what was last applied.
    Changed,
    /// Somebody changed fields that we own. Empty when ownership was lost without a value being
    /// changed: the object has to be applied again to own them.
    Drifted(Vec<FieldDrift>),
    /// Never applied by us: adoption takes it over.
    Unmanaged,
    /// Can't be told from these values; a dry run of the apply decides.
    Doubt,
}

/// Compares a target with its live object.
///
/// `known` is the fingerprint of the last time the two agreed, `None` after a restart.
pub fn compare(target: &Target, live: &LiveObject, known: Option<&Fingerprint>) -> Verdict {
    let (Some(own), Some(seen)) = (live.own.as_deref(), Fingerprint::of_live(target, live)) else {
        return Verdict::Unmanaged;
    };
    if known == Some(&seen) {
        return Verdict::Clean(None);
    }
    match known {
        // Whatever was known: we own what Git names, and it holds what Git says. So it is when a
        // field begins to yield to an autoscaler that has taken it over.
        _ if agrees(own, &target.body.tree(), &live.value()) => Verdict::Clean(Some(seen)),
        Some(known) if known.desired != target.digest => Verdict::Changed,
        Some(_) => Verdict::Drifted(drift(target, live)),
        None => Verdict::Doubt,
    }
}

/// True when we own exactly the fields that `desired` names and each holds the desired value.
///
/// False means "can't be told": the server may have normalised a value (`1000m` to `1`) or filled
/// a default into an atomic list.
fn agrees(own: &FieldSet, desired: &Value, live: &Value) -> bool {
    holds(own, Some(desired), Some(live)) && covers_root(own, desired)
}

/// Every owned leaf has the same value in both.
fn holds(own: &FieldSet, desired: Option<&Value>, live: Option<&Value>) -> bool {
    let (Some(desired), Some(live)) = (desired, live) else { return false };
    if own.is_leaf() {
        return desired == live;
    }
    own.children().all(|(step, below)| holds(below, step.get(desired), step.get(live)))
}

/// Every desired leaf is owned, but for the fields that identify the object: nobody owns those.
fn covers_root(own: &FieldSet, desired: &Value) -> bool {
    let Some(root) = desired.as_object() else { return false };
    root.iter().all(|(name, value)| match name.as_str() {
        "apiVersion" | "kind" => true,
        "metadata" => value.as_object().is_some_and(|metadata| {
            metadata.iter().filter(|(name, _)| !matches!(name.as_str(), "name" | "namespace")).all(
                |(name, value)| {
                    own.field("metadata")
                        .and_then(|own| own.field(name))
                        .is_some_and(|own| covers(own, value))
                },
            )
        }),
        name => own.field(name).is_some_and(|own| covers(own, value)),
    })
}

fn covers(own: &FieldSet, desired: &Value) -> bool {
    if own.is_leaf() {
        return own.is_member();
    }
    match desired {
        Value::Object(map) => {
            map.iter().all(|(name, value)| own.field(name).is_some_and(|own| covers(own, value)))
        }
        Value::Array(items) => items.iter().all(|item| {
            let list = std::slice::from_ref(item);
            own.children().any(|(step, below)| matches(&step, list) && covers(below, item))
        }),
        _ => false,
    }
}

/// True when `step` picks the only item of `list`.
fn matches(step: &PathElement, list: &[Value]) -> bool {
    match step {
        PathElement::Key(_) | PathElement::Value(_) => {
            step.get(&Value::Array(list.to_vec())).is_some()
        }
        PathElement::Field(_) | PathElement::Index(_) => false,
    }
}

/// The fields that are not as Git says, with whoever holds them now.
pub fn drift(target: &Target, live: &LiveObject) -> Vec<FieldDrift> {
    let empty = FieldSet::default();
    let own = live.own.as_deref().unwrap_or(&empty);
    let live_value = live.value();
    let mut found = Vec::new();
    let root = FieldPath::default();
    walk(own, &target.body.tree(), Some(&live_value), &root, &mut found);
    let managers = live.others.as_deref().unwrap_or_default();
    for field in &mut found {
        field.manager = holder(managers, field);
    }
    found
}

/// Collects the places below `path` where `desired` and `live` differ.
fn walk(
    own: &FieldSet,
    desired: &Value,
    live: Option<&Value>,
    path: &FieldPath,
    found: &mut Vec<FieldDrift>,
) {
    let differs = |found: &mut Vec<FieldDrift>| {
        if live != Some(desired) {
            let (old, new) = (Some(desired.clone()), live.cloned());
            found.push(FieldDrift { path: path.clone(), old, new, manager: String::new() });
        }
    };
    let empty = FieldSet::default();
    match (desired, live) {
        // An atomic map is owned, and therefore lost, as a whole.
        (Value::Object(wanted), Some(Value::Object(_))) if !(own.is_leaf() && own.is_member()) => {
            for (name, below) in wanted {
                if path.0.is_empty() && matches!(name.as_str(), "apiVersion" | "kind") {
                    continue;
                }
                let step = PathElement::Field(name.clone());
                let next = live.and_then(|live| step.get(live));
                walk(own.field(name).unwrap_or(&empty), below, next, &path.child(step), found);
            }
        }
        (Value::Array(items), Some(Value::Array(_))) if !own.is_leaf() => {
            for item in items {
                let list = std::slice::from_ref(item);
                let known = own.children().find(|(step, _)| matches(step, list));
                let (step, below) = match known {
                    Some((step, below)) => (step, below),
                    None => (item_step(item), &empty),
                };
                let next = live.and_then(|live| step.get(live));
                walk(below, item, next, &path.child(step), found);
            }
        }
        _ => differs(found),
    }
}

/// How to name an item of a list whose keys we don't know any more.
fn item_step(item: &Value) -> PathElement {
    match item.get("name") {
        Some(name) => PathElement::Key([("name".to_owned(), name.clone())].into_iter().collect()),
        None => PathElement::Value(item.clone()),
    }
}

/// The manager that took the field: the last one that owns it, or, for a field that is gone, the
/// last one that wrote at all.
fn holder(managers: &[Manager], field: &FieldDrift) -> String {
    let latest = |candidates: &mut dyn Iterator<Item = &Manager>| {
        candidates.max_by(|a, b| a.time.cmp(&b.time)).map(|manager| manager.name.clone())
    };
    let mut owners = managers.iter().filter(|manager| manager.fields.covers(&field.path));
    let mut writers = managers
        .iter()
        .filter(|manager| manager.operation == "Update" && manager.subresource != "status");
    latest(&mut owners)
        .or_else(|| field.new.is_none().then(|| latest(&mut writers)).flatten())
        .unwrap_or_default()
}

#[cfg(test)]
#[path = "compare/tests.rs"]
mod tests;
