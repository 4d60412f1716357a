//! Volumes, claims and classes of storage.

use serde_json::Value;

use super::{
    container,
    fields::{items, made, present, set, set_text},
    quantity, volume,
};

pub(super) fn volume(object: &mut Value) {
    if let Some(status) = made(object, "status") {
        set_text(status, "phase", "Pending");
    }
    let Some(spec) = made(object, "spec") else { return };
    set_text(spec, "persistentVolumeReclaimPolicy", "Retain");
    set(spec, "volumeMode", "Filesystem");
    quantity::list(spec, "capacity");
    if let Some(path) = present(spec, "hostPath") {
        set(path, "type", "");
    }
    volume::of_networks(spec);
}

pub(super) fn claim(object: &mut Value) {
    if let Some(status) = made(object, "status") {
        set_text(status, "phase", "Pending");
        quantity::list(status, "capacity");
        quantity::list(status, "allocatedResources");
        for condition in items(status, "conditions") {
            set(condition, "lastProbeTime", Value::Null);
            set(condition, "lastTransitionTime", Value::Null);
        }
    }
    claim_template(object);
}

/// The spec of a claim, wherever it stands.
pub(super) fn claim_template(template: &mut Value) {
    let Some(spec) = made(template, "spec") else { return };
    set(spec, "volumeMode", "Filesystem");
    if let Some(resources) = made(spec, "resources") {
        container::resources(resources);
    }
    one_source(spec);
}

/// A claim's source has two fields; who says one says both.
fn one_source(spec: &mut Value) {
    if let Some(source) = spec.get("dataSource").cloned() {
        set(spec, "dataSourceRef", source);
    } else if let Some(source) = spec.get("dataSourceRef").cloned()
        && source.get("namespace").is_none()
    {
        set(spec, "dataSource", source);
    }
}

pub(super) fn class(object: &mut Value) {
    set(object, "reclaimPolicy", "Delete");
    set(object, "volumeBindingMode", "Immediate");
}
