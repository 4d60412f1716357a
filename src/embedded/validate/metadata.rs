//! `metadata`: what every kind has in common.

use serde_json::{Value, json};

use super::{
    cause::{
        Cause, entries, forbidden, in_order, invalid, invalid_shown, invalid_text, list, number,
        required, text, too_long,
    },
    names,
};
use crate::object::{GroupVersionKind, meta};

/// All annotations of an object together.
const ANNOTATIONS_BYTES_MAX: usize = 256 * 1024;
const IMMUTABLE: &str = "field is immutable";

/// The rule that names of a kind follow.
fn name_rule(gvk: &GroupVersionKind) -> fn(&str) -> Vec<String> {
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("", "Namespace" | "Service") | ("apps", "StatefulSet") => names::dns_label,
        ("rbac.authorization.k8s.io", _) => names::path_segment,
        // Names of events are made by machines, and not looked at.
        ("" | "events.k8s.io", "Event") => |_| Vec::new(),
        _ => names::dns_subdomain,
    }
}

pub(super) fn check_new(gvk: &GroupVersionKind, object: &Value, found: &mut Vec<Cause>) {
    let metadata = object.get("metadata").unwrap_or(&Value::Null);
    let rule = name_rule(gvk);
    let generate = text(metadata, "generateName");
    if !generate.is_empty() {
        // Letters follow: a dash at the end will not be the end.
        let begun =
            generate.strip_suffix('-').map_or(generate.to_owned(), |head| format!("{head}a"));
        let wrong = rule(&begun).into_iter();
        found.extend(wrong.map(|why| invalid_text("metadata.generateName", generate, &why)));
    }
    let name = text(metadata, "name");
    if name.is_empty() {
        found.push(required("metadata.name", "name or generateName is required"));
    } else {
        let wrong = rule(name).into_iter();
        found.extend(wrong.map(|why| invalid_text("metadata.name", name, &why)));
    }
    check_common(metadata, "metadata", found);
    finalizers(metadata, found);
    if !has_free_finalizers(gvk) {
        standard_finalizers(metadata, "metadata.finalizers", found);
    }
}

/// Kinds of which a finalizer may be any name, qualified or not.
fn has_free_finalizers(gvk: &GroupVersionKind) -> bool {
    let builtin = !gvk.group.contains('.') || gvk.group.ends_with(".k8s.io");
    !builtin || matches!(gvk.kind.as_str(), "Lease" | "CustomResourceDefinition")
}

/// A finalizer without a domain is one of the standard ones.
pub(super) fn standard_finalizers(parent: &Value, path: &str, found: &mut Vec<Cause>) {
    const STANDARD: [&str; 3] = ["kubernetes", "foregroundDeletion", "orphan"];
    let all = list(parent, "finalizers").iter().filter_map(Value::as_str).enumerate();
    for (index, name) in all.filter(|(_, n)| !n.contains('/') && !STANDARD.contains(n)) {
        let message = "name is neither a standard finalizer name nor is it fully qualified";
        found.push(invalid_text(format!("{path}[{index}]"), name, message));
    }
}

/// The metadata of a template, which has no name.
pub(super) fn check_template(metadata: &Value, path: &str, found: &mut Vec<Cause>) {
    annotations(metadata, path, found);
    labels(metadata, "labels", path, found);
}

pub(super) fn check_change(
    gvk: &GroupVersionKind,
    old: &Value,
    new: &Value,
    found: &mut Vec<Cause>,
) {
    let nothing = Value::Null;
    let [before, after] = [old, new].map(|object| object.get("metadata").unwrap_or(&nothing));
    if meta::is_terminating(old) {
        no_new_finalizers(before, after, found);
    }
    if text(after, "resourceVersion").is_empty() {
        let message = "must be specified for an update";
        found.push(invalid_text("metadata.resourceVersion", "", message));
    }
    for key in [
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ] {
        if before.get(key) != after.get(key) {
            let value = after.get(key).cloned().unwrap_or_default();
            let cause = invalid(format!("metadata.{key}"), &value, IMMUTABLE);
            // The real server looks twice.
            found.extend([cause.clone(), cause]);
        }
    }
    check_common(after, "metadata", found);
    if before.get("finalizers") != after.get("finalizers") {
        finalizers(after, found);
        if !has_free_finalizers(gvk) {
            standard_finalizers(after, "metadata.finalizers", found);
        }
    }
}

fn check_common(metadata: &Value, path: &str, found: &mut Vec<Cause>) {
    if let Some(generation) = number(metadata, "generation").filter(|number| *number < 0) {
        let message = "must be greater than or equal to 0";
        found.push(invalid(format!("{path}.generation"), &generation.into(), message));
    }
    labels(metadata, "labels", path, found);
    annotations(metadata, path, found);
    owners(metadata, path, found);
}

/// A map of labels: `labels`, `matchLabels`, `nodeSelector`.
pub(super) fn labels(parent: &Value, key: &str, path: &str, found: &mut Vec<Cause>) {
    let field = format!("{path}.{key}");
    for (name, value) in entries(parent, key) {
        let wrong = names::qualified(name).into_iter();
        found.extend(wrong.map(|why| invalid_text(field.as_str(), name, &why)));
        let value = value.as_str().unwrap_or_default();
        let wrong = names::label_value(value).into_iter();
        found.extend(wrong.map(|why| invalid_text(field.as_str(), value, &why)));
    }
}

fn annotations(metadata: &Value, path: &str, found: &mut Vec<Cause>) {
    let field = format!("{path}.annotations");
    let mut bytes = 0;
    for (name, value) in entries(metadata, "annotations") {
        let wrong = names::qualified(&name.to_lowercase()).into_iter();
        found.extend(wrong.map(|why| invalid_text(field.as_str(), name, &why)));
        bytes += name.len() + value.as_str().map_or(0, str::len);
    }
    if bytes > ANNOTATIONS_BYTES_MAX {
        found.push(too_long(field, ANNOTATIONS_BYTES_MAX));
    }
}

fn owners(metadata: &Value, path: &str, found: &mut Vec<Cause>) {
    let field = format!("{path}.ownerReferences");
    let mut controller: Option<String> = None;
    for owner in list(metadata, "ownerReferences") {
        let version = GroupVersionKind::parse(text(owner, "apiVersion"), "").version;
        if version.is_empty() {
            let value = text(owner, "apiVersion");
            found.push(invalid_text(
                format!("{field}.apiVersion"),
                value,
                "version must not be empty",
            ));
        }
        for key in ["kind", "name", "uid"] {
            if text(owner, key).is_empty() {
                found.push(invalid_text(format!("{field}.{key}"), "", "must not be empty"));
            }
        }
        if text(owner, "apiVersion") == "v1" && text(owner, "kind") == "Event" {
            found.push(invalid(&field, owner, "/v1, Kind=Event is disallowed from being an owner"));
        }
        if owner.get("controller") != Some(&Value::Bool(true)) {
            continue;
        }
        let this = format!("{}/{}", text(owner, "kind"), text(owner, "name"));
        match &controller {
            Some(first) => {
                let message = format!(
                    "Only one reference can have Controller set to true. Found \"true\" in \
                     references for {first} and {this}"
                );
                let all = list(metadata, "ownerReferences").iter();
                let keys =
                    ["apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion"];
                let all: Vec<String> = all.map(|owner| in_order(owner, &keys)).collect();
                let shown = format!("[{}]", all.join(","));
                found.push(invalid_shown(field.as_str(), &shown, &message));
            }
            None => controller = Some(this),
        }
    }
}

fn finalizers(metadata: &Value, found: &mut Vec<Cause>) {
    let field = "metadata.finalizers";
    let all = list(metadata, "finalizers");
    for finalizer in all.iter().filter_map(Value::as_str) {
        let wrong = names::qualified(finalizer).into_iter();
        found.extend(wrong.map(|why| invalid_text(field, finalizer, &why)));
    }
    if all.contains(&json!("orphan")) && all.contains(&json!("foregroundDeletion")) {
        let message = "finalizer orphan and foregroundDeletion cannot be both set";
        found.push(invalid(field, &json!(all), message));
    }
}

fn no_new_finalizers(before: &Value, after: &Value, found: &mut Vec<Cause>) {
    let old = list(before, "finalizers");
    let mut new: Vec<&str> = list(after, "finalizers")
        .iter()
        .filter(|finalizer| !old.contains(finalizer))
        .filter_map(Value::as_str)
        .collect();
    if new.is_empty() {
        return;
    }
    new.sort_unstable();
    let new: Vec<String> = new.iter().map(|name| format!("{name:?}")).collect();
    let message = format!(
        "no new finalizers can be added if the object is being deleted, found new finalizers \
         []string{{{}}}",
        new.join(", ")
    );
    // The real server looks twice.
    found.push(forbidden("metadata.finalizers", &message));
    found.push(forbidden("metadata.finalizers", &message));
}
