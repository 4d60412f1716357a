//! Volumes, claims and classes of storage.

use serde_json::Value;

use super::{
    cause::{Cause, forbidden, invalid, invalid_text, list, not_supported, one_of, required, text},
    names, selector,
};
use crate::object::quantity::Quantity;

const MODES: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];

/// Fields of a volume's spec that are no source.
pub(super) const VOLUME_FIELDS: [&str; 10] = [
    "accessModes",
    "capacity",
    "claimRef",
    "mountOptions",
    "nodeAffinity",
    "persistentVolumeReclaimPolicy",
    "storageClassName",
    "volumeAttributesClassName",
    "volumeMode",
    "flocker",
];

pub(super) fn volume(object: &Value, found: &mut Vec<Cause>) {
    let Some(spec) = object.get("spec") else { return };
    modes(spec, "spec", "", found);
    if spec.get("capacity").is_none_or(|capacity| capacity.get("storage").is_none()) {
        let said = spec.get("capacity").filter(|c| c.as_object().is_some_and(|c| !c.is_empty()));
        if said.is_none() {
            found.push(required("spec.capacity", ""));
        }
        let said = said.unwrap_or(&Value::Null);
        found.push(not_supported("spec.capacity", said, &["storage"]));
    }
    let sources = spec.as_object().into_iter().flatten();
    let mut sources =
        sources.map(|(key, _)| key.as_str()).filter(|key| !VOLUME_FIELDS.contains(key));
    if sources.next().is_none() {
        found.push(required("spec", "must specify a volume type"));
    }
    for more in sources {
        found.push(forbidden(format!("spec.{more}"), "may not specify more than 1 volume type"));
    }
    let policies = ["Delete", "Recycle", "Retain"];
    one_of(spec, "spec", "persistentVolumeReclaimPolicy", &policies, found);
    class_name(spec, "spec", found);
    volume_mode(spec, "spec", found);
}

pub(super) fn claim(object: &Value, found: &mut Vec<Cause>) {
    claim_spec(object, "spec", found);
}

/// The spec of a claim, or of a template of claims; `path` is the spec's own.
pub(super) fn claim_spec(claim: &Value, path: &str, found: &mut Vec<Cause>) {
    let spec = claim.get("spec").unwrap_or(&Value::Null);
    modes(spec, path, "at least 1 access mode is required", found);
    selector::check(spec, "selector", path, found);
    let field = format!("{path}.resources[storage]");
    match spec.pointer("/resources/requests/storage") {
        None => found.push(required(field, "")),
        Some(amount) if Quantity::of(amount).is_some_and(|amount| amount <= Quantity::ZERO) => {
            found.push(invalid(field, amount, "must be greater than zero"));
        }
        Some(_) => {}
    }
    class_name(spec, path, found);
    volume_mode(spec, path, found);
}

fn modes(spec: &Value, path: &str, hint: &str, found: &mut Vec<Cause>) {
    let field = format!("{path}.accessModes");
    let modes = list(spec, "accessModes");
    if modes.is_empty() {
        found.push(required(field.as_str(), hint));
    }
    for mode in modes.iter().filter(|mode| !mode.as_str().is_some_and(|mode| MODES.contains(&mode)))
    {
        found.push(not_supported(field.as_str(), mode, &MODES));
    }
    if modes.len() > 1 && modes.iter().any(|mode| mode == "ReadWriteOncePod") {
        found.push(forbidden(field, "may not use ReadWriteOncePod with other access modes"));
    }
}

fn class_name(spec: &Value, path: &str, found: &mut Vec<Cause>) {
    let name = text(spec, "storageClassName");
    let wrong = if name.is_empty() { Vec::new() } else { names::dns_subdomain(name) };
    let field = format!("{path}.storageClassName");
    found.extend(wrong.iter().map(|why| invalid_text(field.as_str(), name, why)));
}

fn volume_mode(spec: &Value, path: &str, found: &mut Vec<Cause>) {
    let mode = text(spec, "volumeMode");
    if !matches!(mode, "" | "Block" | "Filesystem") {
        let field = format!("{path}.volumeMode");
        found.push(not_supported(field, &mode.into(), &["Block", "Filesystem"]));
    }
}

pub(super) fn class(object: &Value, found: &mut Vec<Cause>) {
    let provisioner = text(object, "provisioner");
    if provisioner.is_empty() {
        found.push(required("provisioner", ""));
    } else {
        let name = provisioner.to_lowercase();
        let wrong = names::qualified(&name).into_iter();
        found.extend(wrong.map(|why| invalid_text("provisioner", &name, &why)));
    }
    for (key, known) in [
        ("reclaimPolicy", ["Delete", "Retain"]),
        ("volumeBindingMode", ["Immediate", "WaitForFirstConsumer"]),
    ] {
        let said = text(object, key);
        if !said.is_empty() && !known.contains(&said) {
            found.push(not_supported(key, &said.into(), &known));
        }
    }
}
