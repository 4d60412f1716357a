//! Which kinds are served, in the older form: one document for each group and version.

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::embedded::registry::{Kind, Table};

/// The verbs of custom kinds, in the order in which the real server lists them.
const CUSTOM_VERBS: [&str; 8] =
    ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];

/// `/api`
pub(super) fn core_versions() -> Value {
    json!({
        "kind": "APIVersions", "versions": ["v1"],
        "serverAddressByClientCIDRs": [],
    })
}

/// `/apis`
pub(super) fn groups(table: &Table) -> Value {
    let groups = table.groups();
    let groups: Vec<Value> =
        groups.iter().map(|(group, versions)| group_entry(group, versions)).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `/apis/GROUP`
pub(super) fn group(table: &Table, name: &str) -> Option<Value> {
    let mut entry = group_entry(name, table.groups().get(name)?);
    entry["kind"] = Value::from("APIGroup");
    entry["apiVersion"] = Value::from("v1");
    Some(entry)
}

fn group_entry(group: &str, versions: &[&str]) -> Value {
    let versions: Vec<Value> = versions
        .iter()
        .map(|version| json!({"groupVersion": format!("{group}/{version}"), "version": version}))
        .collect();
    json!({"name": group, "versions": versions, "preferredVersion": versions.first()})
}

/// `/api/v1` and `/apis/GROUP/VERSION`
pub(super) fn resources(table: &Table, group: &str, version: &str) -> Option<Value> {
    let kinds: Vec<_> = table
        .kinds()
        .filter(|kind| kind.gvk.group == group && kind.gvk.version == version)
        .collect();
    let first = kinds.first()?;
    let resources: Vec<Value> = kinds.iter().flat_map(|kind| entries(kind)).collect();
    let mut list = json!({
        "kind": "APIResourceList",
        "groupVersion": first.gvk.api_version(), "resources": resources,
    });
    // The core group is older than the field.
    if !group.is_empty() {
        list["apiVersion"] = json!("v1");
    }
    Some(list)
}

fn entries(kind: &Kind) -> Vec<Value> {
    let mut entry = json!({
        "name": kind.plural, "singularName": kind.singular, "namespaced": kind.namespaced,
        "kind": kind.gvk.kind, "verbs": kind.verbs,
    });
    if kind.custom.is_some() {
        entry["verbs"] = json!(CUSTOM_VERBS);
    }
    if !kind.short_names.is_empty() {
        entry["shortNames"] = json!(kind.short_names);
    }
    if !kind.categories.is_empty() {
        entry["categories"] = json!(kind.categories);
    }
    if !kind.is_review() {
        entry["storageVersionHash"] = json!(storage_hash(kind));
    }
    let mut entries = vec![entry];
    for sub in &kind.subs {
        let mut entry = json!({
            "name": format!("{}/{}", kind.plural, sub.name()), "singularName": "",
            "namespaced": kind.namespaced, "kind": kind.gvk.kind, "verbs": sub.verbs(),
        });
        if let Some(gvk) = sub.gvk() {
            entry["kind"] = json!(gvk.kind);
            if gvk.api_version() != kind.gvk.api_version() {
                entry["group"] = json!(gvk.group);
                entry["version"] = json!(gvk.version);
            }
        }
        entries.push(entry);
    }
    entries.sort_by(|one, other| one["name"].as_str().cmp(&other["name"].as_str()));
    entries
}

/// What tells clients that objects are kept in another version than before.
fn storage_hash(kind: &Kind) -> String {
    let gvk = &kind.gvk;
    let stored = kind.custom.as_ref().and_then(|custom| custom.stored_as.split('/').nth(1));
    // Definitions are said to be kept in the version in which they began.
    let version = if kind.is_definition() { "v1beta1" } else { stored.unwrap_or(&gvk.version) };
    let hash = Sha256::digest(format!("{}/{version}/{}", gvk.group, gvk.kind));
    BASE64_STANDARD.encode(&hash[..8])
}
