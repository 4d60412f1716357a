//! What the tests of the controllers share.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::read::{at, controller_reference, later, stamp};
use crate::object::meta;

mod world;

pub(super) use self::world::World;

/// A moment so many seconds after the beginning of 2026.
pub(super) fn at_second(second: i64) -> Timestamp {
    later(Timestamp::from_second(1_767_225_600).unwrap(), second)
}

/// The same, as objects have it.
pub(super) fn stamp_at(second: i64) -> String {
    stamp(at_second(second))
}

/// A pod as the controller `owner` makes it, made and perhaps ready at `second`.
pub(super) fn pod_of(owner: &Value, name: &str, second: i64, ready: bool) -> Value {
    let word = if ready { "True" } else { "False" };
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name, "namespace": meta::namespace(owner), "uid": format!("uid-{name}"),
            "labels": at(owner, "/spec/template/metadata/labels"),
            "creationTimestamp": stamp_at(second),
            "ownerReferences": [controller_reference(owner)],
        },
        "spec": {"nodeName": "embedded"},
        "status": {
            "phase": "Running",
            "conditions": [
                {"type": "Ready", "status": word, "lastTransitionTime": stamp_at(second)},
            ],
        },
    })
}
