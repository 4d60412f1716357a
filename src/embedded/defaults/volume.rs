//! Volumes of pods.

use serde_json::{Map, Value, json};

use super::{
    container,
    fields::{items, made, present, set, set_text, text},
    quantity, storage,
};

/// Files of these sources may be read by all, written by their owner.
const MODE: i64 = 0o644;
const TOKEN_S: i64 = 3600;

pub(super) fn volume(volume: &mut Value) {
    let Some(fields) = volume.as_object_mut() else { return };
    if !fields.keys().any(|key| key != "name") {
        fields.insert("emptyDir".to_owned(), Value::Object(Map::new()));
    }
    for source in ["secret", "configMap", "downwardAPI", "projected"] {
        if let Some(source) = present(volume, source) {
            set(source, "defaultMode", MODE);
        }
    }
    if let Some(path) = present(volume, "hostPath") {
        set(path, "type", "");
    }
    if let Some(memory) = present(volume, "emptyDir") {
        quantity::field(memory, "sizeLimit");
    }
    if let Some(image) = present(volume, "image") {
        let policy = container::pull_policy(text(image, "reference"));
        set_text(image, "pullPolicy", policy);
    }
    if let Some(downward) = present(volume, "downwardAPI") {
        items(downward, "items").for_each(downward_file);
    }
    if let Some(projected) = present(volume, "projected") {
        items(projected, "sources").for_each(projection);
    }
    if let Some(template) =
        present(volume, "ephemeral").and_then(|source| present(source, "volumeClaimTemplate"))
    {
        made(template, "metadata");
        storage::claim_template(template);
    }
    of_networks(volume);
}

fn projection(source: &mut Value) {
    if let Some(downward) = present(source, "downwardAPI") {
        items(downward, "items").for_each(downward_file);
    }
    if let Some(token) = present(source, "serviceAccountToken") {
        set(token, "expirationSeconds", TOKEN_S);
    }
}

fn downward_file(file: &mut Value) {
    if let Some(field) = present(file, "fieldRef") {
        set_text(field, "apiVersion", "v1");
    }
    if let Some(resource) = present(file, "resourceFieldRef") {
        container::divisor(resource);
    }
}

/// Disks of networks and clouds; the same for volumes of pods and persistent volumes.
pub(super) fn of_networks(sources: &mut Value) {
    let table = [
        ("iscsi", json!({"iscsiInterface": "default"})),
        ("rbd", json!({"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"})),
        (
            "azureDisk",
            json!({"cachingMode": "ReadWrite", "fsType": "ext4", "readOnly": false, "kind": "Shared"}),
        ),
        ("scaleIO", json!({"storageMode": "ThinProvisioned", "fsType": "xfs"})),
    ];
    for (name, defaults) in table {
        let (Some(source), Value::Object(defaults)) = (present(sources, name), defaults) else {
            continue;
        };
        for (field, value) in defaults {
            set(source, &field, value);
        }
    }
}
