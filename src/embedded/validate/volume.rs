//! Volumes of pods.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    cause::{Cause, duplicate, forbidden, invalid_text, list, required, text},
    names,
};

/// Checks the volumes of a pod's spec; answers the names of the right ones.
pub(super) fn volumes(spec: &Value, path: &str, found: &mut Vec<Cause>) -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for (index, volume) in list(spec, "volumes").iter().enumerate() {
        let path = format!("{path}.volumes[{index}]");
        let mut wrong = Vec::new();
        source(volume, &path, &mut wrong);
        let name = text(volume, "name");
        let field = format!("{path}.name");
        if name.is_empty() {
            wrong.push(required(field.as_str(), ""));
        } else {
            let messages = names::dns_label(name).into_iter();
            wrong.extend(messages.map(|why| invalid_text(field.as_str(), name, &why)));
        }
        if known.contains(name) {
            wrong.push(duplicate(field, &name.into()));
        }
        if wrong.is_empty() {
            known.insert(name.to_owned());
        }
        found.append(&mut wrong);
    }
    known
}

/// Where a volume comes from, in the order in which more than one are complained about.
const SOURCES: &[&str] = &[
    "emptyDir",
    "hostPath",
    "secret",
    "nfs",
    "iscsi",
    "persistentVolumeClaim",
    "rbd",
    "cephfs",
    "downwardAPI",
    "fc",
    "configMap",
    "projected",
    "csi",
    "ephemeral",
    "image",
];

/// The field that each source can't do without.
const NEEDED: &[(&str, &str)] = &[
    ("configMap", "name"),
    ("hostPath", "path"),
    ("nfs", "server"),
    ("nfs", "path"),
    ("persistentVolumeClaim", "claimName"),
    ("secret", "secretName"),
    ("csi", "driver"),
];

fn source(volume: &Value, path: &str, found: &mut Vec<Cause>) {
    let said = SOURCES.iter().filter(|name| volume.get(**name).is_some());
    for name in said.skip(1) {
        found.push(forbidden(format!("{path}.{name}"), "may not specify more than 1 volume type"));
    }
    for (name, field) in NEEDED {
        let Some(source) = volume.get(name) else { continue };
        if text(source, field).is_empty() {
            found.push(required(format!("{path}.{name}.{field}"), ""));
        }
    }
    let files = ["configMap", "secret", "downwardAPI"];
    for (name, source) in files.iter().filter_map(|name| Some((name, volume.get(name)?))) {
        for (index, item) in list(source, "items").iter().enumerate() {
            let path = format!("{path}.{name}.items[{index}]");
            if *name != "downwardAPI" && text(item, "key").is_empty() {
                found.push(required(format!("{path}.key"), ""));
            }
            if text(item, "path").is_empty() {
                found.push(required(format!("{path}.path"), ""));
            }
        }
    }
}
