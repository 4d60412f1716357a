//! Who owns which fields: taking them over from other appliers, giving them up.
//!
//! Taking over follows client-go's `csaupgrade`: what other appliers own moves into our own Apply
//! entry, their entries go. Unlike it, Apply entries of other tools are taken over too, and fields
//! that Git does not name and must not lose stay where they are.

use serde_json::{Map, Value, json};

use crate::{
    cluster::FIELD_MANAGER,
    object::{FieldPath, PathElement},
};

/// Tools that write whole manifests. What only touches single fields (`kubectl-edit`,
/// `kubectl-patch`, `kubectl-scale`, controllers) is not among them.
const APPLIERS: [&str; 9] = [
    "kubectl-client-side-apply",
    "kubectl",
    "kubectl-create",
    "kubectl-replace",
    "argocd-controller",
    "argocd-application-controller",
    "kustomize-controller",
    "helm-controller",
    "helm",
];

fn text<'a>(entry: &'a Value, key: &str) -> &'a str {
    entry.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn managed(live: &Value) -> &[Value] {
    let entries = live.pointer("/metadata/managedFields").and_then(Value::as_array);
    entries.map(Vec::as_slice).unwrap_or_default()
}

fn is_ours(entry: &Value) -> bool {
    text(entry, "manager") == FIELD_MANAGER
        && text(entry, "operation") == "Apply"
        && text(entry, "subresource").is_empty()
}

fn is_applier(entry: &Value) -> bool {
    APPLIERS.contains(&text(entry, "manager")) && text(entry, "subresource").is_empty()
}

/// `managedFields` after we took over what other appliers own; `None` when there is nothing to
/// take. `body` is what will be applied, `yields` what is left to others.
pub(super) fn take_over(live: &Value, body: &Value, yields: &[FieldPath]) -> Option<Vec<Value>> {
    let before = managed(live);
    if !before.iter().any(is_applier) {
        return None;
    }
    let api_version = before
        .iter()
        .find(|entry| is_ours(entry))
        .map_or_else(|| text(body, "apiVersion"), |entry| text(entry, "apiVersion"))
        .to_owned();
    let stays = stays(body, yields);
    let mut after = Vec::with_capacity(before.len() + 1);
    let mut ours = json!({});
    let mut time = "";
    let mut ours_at = None;
    for entry in before {
        if is_ours(entry) {
            merge(&mut ours, fields(entry));
            ours_at.get_or_insert(after.len());
            time = time.max(text(entry, "time"));
        } else if is_applier(entry) {
            let mut moved = fields(entry).clone();
            let mut kept = json!({});
            for path in &stays {
                carve(&mut moved, &path.0, &mut kept);
            }
            // The names of fields may mean something else in another version: such an entry is
            // dropped, its fields are then nobody's and keep their values.
            if text(entry, "apiVersion") == api_version {
                ours_at.get_or_insert(after.len());
                time = time.max(text(entry, "time"));
                merge(&mut ours, &moved);
            }
            if kept.as_object().is_some_and(|kept| !kept.is_empty()) {
                let mut entry = entry.clone();
                entry["fieldsV1"] = kept;
                after.push(entry);
            }
        } else {
            after.push(entry.clone());
        }
    }
    if let Some(at) = ours_at {
        after.insert(at.min(after.len()), our_entry(&api_version, time, &ours));
    }
    Some(after)
}

/// `managedFields` after we gave up `yields`; `None` when we own none of them.
pub(super) fn release(live: &Value, yields: &[FieldPath]) -> Option<Vec<Value>> {
    let mut after = managed(live).to_vec();
    let ours = after.iter_mut().find(|entry| is_ours(entry))?.get_mut("fieldsV1")?;
    let mut given = json!({});
    for path in yields {
        carve(ours, &path.0, &mut given);
    }
    given.as_object().is_some_and(|given| !given.is_empty()).then_some(after)
}

fn our_entry(api_version: &str, time: &str, fields: &Value) -> Value {
    let mut entry = json!({
        "manager": FIELD_MANAGER, "operation": "Apply", "apiVersion": api_version,
        "fieldsType": "FieldsV1", "fieldsV1": fields,
    });
    if !time.is_empty() {
        entry["time"] = time.into();
    }
    entry
}

fn fields(entry: &Value) -> &Value {
    entry.get("fieldsV1").unwrap_or(&Value::Null)
}

/// What must not become ours unless Git names it: an apply without it would remove it. Replicas
/// would fall to 1 under an autoscaler, a status would be lost.
fn stays(body: &Value, yields: &[FieldPath]) -> Vec<FieldPath> {
    let always = [FieldPath::fields(&["spec", "replicas"]), FieldPath::fields(&["status"])];
    let unnamed = always.into_iter().filter(|path| path.get(body).is_none());
    unnamed.chain(yields.iter().cloned()).collect()
}

/// Adds the set `from` to the set `into`.
fn merge(into: &mut Value, from: &Value) {
    let (Some(into), Some(from)) = (into.as_object_mut(), from.as_object()) else { return };
    for (key, below) in from {
        merge(into.entry(key.clone()).or_insert_with(|| json!({})), below);
    }
}

/// Moves what lies at and below `path` from one set to another.
fn carve(from: &mut Value, path: &[PathElement], into: &mut Value) {
    let (Some(from), Some(into)) = (from.as_object_mut(), into.as_object_mut()) else { return };
    let Some((first, rest)) = path.split_first() else { return };
    let Some(key) =
        from.keys().find(|key| PathElement::parse(key).as_ref() == Some(first)).cloned()
    else {
        return;
    };
    if rest.is_empty() {
        let below = from.remove(&key).unwrap_or_default();
        merge(into.entry(key).or_insert_with(|| json!({})), &below);
        return;
    }
    let Some(below) = from.get_mut(&key) else { return };
    let mut carved = Value::from(Map::new());
    carve(below, rest, &mut carved);
    if carved.as_object().is_some_and(|carved| !carved.is_empty()) {
        // An emptied node would read as the ownership of the whole.
        if below.as_object().is_some_and(Map::is_empty) {
            from.remove(&key);
        }
        merge(into.entry(key).or_insert_with(|| json!({})), &carved);
    }
}

#[cfg(test)]
mod tests;
