//! Roles and their bindings.

use serde_json::Value;

use super::fields::{items, made, set, set_text, text};

const GROUP: &str = "rbac.authorization.k8s.io";

pub(super) fn role(object: &mut Value) {
    set(object, "rules", Value::Null);
}

pub(super) fn binding(object: &mut Value) {
    if let Some(role) = made(object, "roleRef") {
        set_text(role, "apiGroup", GROUP);
        set(role, "kind", "");
        set(role, "name", "");
    }
    for subject in items(object, "subjects") {
        if matches!(text(subject, "kind"), "User" | "Group") {
            set_text(subject, "apiGroup", GROUP);
        }
        if let Some(fields) = subject.as_object_mut() {
            fields.retain(|key, value| {
                !matches!(key.as_str(), "apiGroup" | "namespace") || value != ""
            });
        }
    }
}
