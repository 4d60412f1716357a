//! Conditions in a status.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::read::{list, stamp, text};

/// A condition that is to be set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Condition<'a> {
    pub(super) kind: &'a str,
    pub(super) status: &'a str,
    pub(super) reason: &'a str,
    pub(super) message: &'a str,
}

/// The condition of a type in a status.
pub(super) fn find<'a>(status: &'a Value, kind: &str) -> Option<&'a Value> {
    list(status, "/conditions").iter().find(|condition| text(condition, "/type") == kind)
}

/// True when the condition of a type says `True`.
pub(super) fn holds(status: &Value, kind: &str) -> bool {
    find(status, kind).is_some_and(|condition| text(condition, "/status") == "True")
}

/// The reason of the condition of a type; empty when there is none.
pub(super) fn reason<'a>(status: &'a Value, kind: &str) -> &'a str {
    find(status, kind).map_or("", |condition| text(condition, "/reason"))
}

/// Takes the condition of a type out.
pub(super) fn remove(status: &mut Value, kind: &str) {
    let Some(status) = status.as_object_mut() else { return };
    let Some(Value::Array(conditions)) = status.get_mut("conditions") else { return };
    conditions.retain(|condition| text(condition, "/type") != kind);
    if conditions.is_empty() {
        status.remove("conditions");
    }
}

fn put(status: &mut Value, condition: Value) {
    let Some(status) = status.as_object_mut() else { return };
    let conditions = status.entry("conditions").or_insert_with(|| json!([]));
    if let Some(conditions) = conditions.as_array_mut() {
        conditions.push(condition);
    }
}

/// Sets a condition as the deployment controller does: it moves to the end when status or reason
/// change, and keeps the time of its last transition when only the reason does.
pub(super) fn set_with_update_time(status: &mut Value, new: Condition<'_>, now: Timestamp) {
    let old = find(status, new.kind);
    let same_status = old.is_some_and(|old| text(old, "/status") == new.status);
    if same_status && old.is_some_and(|old| text(old, "/reason") == new.reason) {
        return;
    }
    renew(status, new, now);
}

/// The same, even if only the time of the update differs.
pub(super) fn renew(status: &mut Value, new: Condition<'_>, now: Timestamp) {
    let old = find(status, new.kind).filter(|old| text(old, "/status") == new.status);
    let since = old.map_or_else(|| stamp(now), |old| text(old, "/lastTransitionTime").to_owned());
    remove(status, new.kind);
    put(
        status,
        json!({
            "type": new.kind, "status": new.status, "reason": new.reason, "message": new.message,
            "lastUpdateTime": stamp(now), "lastTransitionTime": since,
        }),
    );
}

/// Sets a condition in its place. Answers whether anything but the times changed.
pub(super) fn set(status: &mut Value, new: Condition<'_>, now: Timestamp) -> bool {
    let old = find(status, new.kind);
    let field = |key: &str| old.map_or("", |old| text(old, key));
    let same_status = old.is_some() && field("/status") == new.status;
    let is_same = same_status && field("/reason") == new.reason && field("/message") == new.message;
    if is_same {
        return false;
    }
    let since = if same_status { field("/lastTransitionTime").to_owned() } else { stamp(now) };
    let mut value = json!({"type": new.kind, "status": new.status, "lastTransitionTime": since});
    for (key, words) in [("reason", new.reason), ("message", new.message)] {
        if !words.is_empty() {
            value[key] = Value::from(words);
        }
    }
    let place = list(status, "/conditions").iter().position(|old| text(old, "/type") == new.kind);
    match place.and_then(|place| status.pointer_mut(&format!("/conditions/{place}"))) {
        Some(slot) => *slot = value,
        None => put(status, value),
    }
    true
}
