//! Volumes, claims and classes.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Kind,
    cells::{self, UNSET, plain, text, text_or, texts},
};
use crate::object::meta;

/// Where the class stood before it had a field.
const BETA_CLASS: &str = "volume.beta.kubernetes.io/storage-class";

pub(super) const VOLUME: Kind = Kind {
    columns: &[
        ("Name", "string", false),
        ("Capacity", "string", false),
        ("Access Modes", "string", false),
        ("Reclaim Policy", "string", false),
        ("Status", "string", false),
        ("Claim", "string", false),
        ("StorageClass", "string", false),
        ("VolumeAttributesClass", "string", false),
        ("Reason", "string", false),
        ("Age", "string", false),
        ("VolumeMode", "string", true),
    ],
    row: volume,
};

fn volume(volume: &Value, now: Timestamp) -> Vec<Value> {
    let claim = volume.pointer("/spec/claimRef").map_or(String::new(), |claim| {
        format!("{}/{}", text(claim, "/namespace"), text(claim, "/name"))
    });
    let capacity = match plain(volume.pointer("/spec/capacity/storage")) {
        none if none.is_empty() => "0".to_owned(),
        amount => amount,
    };
    vec![
        cells::name(volume),
        json!(capacity),
        json!(modes(volume, "/spec/accessModes")),
        json!(text(volume, "/spec/persistentVolumeReclaimPolicy")),
        json!(phase(volume)),
        json!(claim),
        json!(class_of(volume)),
        json!(text_or(volume, "/spec/volumeAttributesClassName", UNSET)),
        json!(text(volume, "/status/reason")),
        cells::age(volume, now),
        json!(text_or(volume, "/spec/volumeMode", UNSET)),
    ]
}

pub(super) const CLAIM: Kind = Kind {
    columns: &[
        ("Name", "string", false),
        ("Status", "string", false),
        ("Volume", "string", false),
        ("Capacity", "string", false),
        ("Access Modes", "string", false),
        ("StorageClass", "string", false),
        ("VolumeAttributesClass", "string", false),
        ("Age", "string", false),
        ("VolumeMode", "string", true),
    ],
    row: claim,
};

fn claim(claim: &Value, now: Timestamp) -> Vec<Value> {
    let volume = text(claim, "/spec/volumeName");
    let (capacity, modes) = match (volume, plain(claim.pointer("/status/capacity/storage"))) {
        ("", _) => (String::new(), String::new()),
        (_, none) if none.is_empty() => ("0".to_owned(), modes(claim, "/status/accessModes")),
        (_, amount) => (amount, modes(claim, "/status/accessModes")),
    };
    vec![
        cells::name(claim),
        json!(phase(claim)),
        json!(volume),
        json!(capacity),
        json!(modes),
        json!(class_of(claim)),
        json!(text_or(claim, "/spec/volumeAttributesClassName", UNSET)),
        cells::age(claim, now),
        json!(text_or(claim, "/spec/volumeMode", UNSET)),
    ]
}

fn phase(object: &Value) -> &str {
    if meta::is_terminating(object) { "Terminating" } else { text(object, "/status/phase") }
}

fn class_of(object: &Value) -> &str {
    meta::annotation(object, BETA_CLASS).unwrap_or(text(object, "/spec/storageClassName"))
}

fn modes(object: &Value, pointer: &str) -> String {
    let modes = texts(object, pointer);
    let short = [
        ("ReadWriteOnce", "RWO"),
        ("ReadOnlyMany", "ROX"),
        ("ReadWriteMany", "RWX"),
        ("ReadWriteOncePod", "RWOP"),
    ];
    let said = short.into_iter().filter(|(mode, _)| modes.contains(mode)).map(|(_, short)| short);
    said.collect::<Vec<_>>().join(",")
}

pub(super) const CLASS: Kind = Kind {
    columns: &[
        ("Name", "string", false),
        ("Provisioner", "string", false),
        ("ReclaimPolicy", "string", false),
        ("VolumeBindingMode", "string", false),
        ("AllowVolumeExpansion", "string", false),
        ("Age", "string", false),
    ],
    row: class,
};

fn class(class: &Value, now: Timestamp) -> Vec<Value> {
    let is_default = [
        "storageclass.kubernetes.io/is-default-class",
        "storageclass.beta.kubernetes.io/is-default-class",
    ]
    .into_iter()
    .any(|key| meta::annotation(class, key) == Some("true"));
    let name = format!("{}{}", meta::name(class), if is_default { " (default)" } else { "" });
    vec![
        json!(name),
        json!(text(class, "/provisioner")),
        json!(text_or(class, "/reclaimPolicy", "Delete")),
        json!(text_or(class, "/volumeBindingMode", "Immediate")),
        json!(class.get("allowVolumeExpansion") == Some(&Value::Bool(true))),
        cells::age(class, now),
    ]
}
