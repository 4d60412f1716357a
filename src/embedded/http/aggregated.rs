//! Which kinds are served, in the newer form: all of them in one document.

use serde_json::{Value, json};

use crate::{
    embedded::registry::{Kind, Table},
    object::GroupVersionKind,
};

/// `/api` or `/apis` as an `APIGroupDiscoveryList`.
pub(super) fn list(table: &Table, core: bool, version: &str) -> Value {
    let items: Vec<Value> = if core {
        vec![group(table, "", &["v1"])]
    } else {
        let groups = table.groups();
        groups.iter().map(|(name, versions)| group(table, name, versions)).collect()
    };
    json!({
        "kind": "APIGroupDiscoveryList", "apiVersion": format!("apidiscovery.k8s.io/{version}"),
        "metadata": {}, "items": items,
    })
}

fn group(table: &Table, name: &str, versions: &[&str]) -> Value {
    let versions: Vec<Value> = versions
        .iter()
        .map(|version| {
            let kinds =
                table.kinds().filter(|kind| kind.gvk.group == name && kind.gvk.version == *version);
            let resources: Vec<Value> = kinds.map(|kind| resource(kind)).collect();
            json!({"version": version, "resources": resources, "freshness": "Current"})
        })
        .collect();
    let metadata = if name.is_empty() { json!({}) } else { json!({"name": name}) };
    json!({"metadata": metadata, "versions": versions})
}

fn resource(kind: &Kind) -> Value {
    let gvk = &kind.gvk;
    // What a built-in kind shares with its group is left out.
    let respond = |other: &GroupVersionKind| match kind.custom {
        None if other.api_version() == gvk.api_version() => {
            json!({"group": "", "version": "", "kind": other.kind})
        }
        _ => json!({"group": other.group, "version": other.version, "kind": other.kind}),
    };
    let mut entry = json!({
        "resource": kind.plural,
        "responseKind": respond(gvk),
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": kind.singular,
        "verbs": kind.verbs,
    });
    if !kind.short_names.is_empty() {
        entry["shortNames"] = json!(kind.short_names);
    }
    if !kind.categories.is_empty() {
        entry["categories"] = json!(kind.categories);
    }
    let subs: Vec<Value> = kind
        .subs
        .iter()
        .map(|sub| {
            let gvk = sub.gvk().unwrap_or_else(|| gvk.clone());
            json!({
                "subresource": sub.name(),
                "responseKind": respond(&gvk),
                "verbs": sub.verbs(),
            })
        })
        .collect();
    if !subs.is_empty() {
        entry["subresources"] = Value::from(subs);
    }
    entry
}
