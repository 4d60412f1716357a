//! Definitions of custom resources. Their schemas are looked at by whoever reads them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    cause::{Cause, invalid, invalid_shown, invalid_text, list, not_supported, required, text},
    names,
};
use crate::{
    embedded::schema::{Schema, Violation},
    object::meta,
};

/// What an additional column may be.
const COLUMN_TYPES: [&str; 5] = ["boolean", "date", "integer", "number", "string"];

pub(super) fn definition(object: &Value, found: &mut Vec<Cause>) {
    let spec = object.get("spec").unwrap_or(&Value::Null);
    let names = spec.get("names").unwrap_or(&Value::Null);
    let (group, plural) = (text(spec, "group"), text(names, "plural"));
    let name = meta::name(object);
    if name != format!("{plural}.{group}") {
        let message = "must be spec.names.plural+\".\"+spec.group";
        found.push(invalid_text("metadata.name", name, message));
    }
    let wrong = names::dns_subdomain(group);
    if group.is_empty() {
        found.push(required("spec.group", ""));
    } else if !wrong.is_empty() {
        found.push(invalid_text("spec.group", group, &wrong.join(",")));
    } else if !group.contains('.') {
        let message = "should be a domain with at least one dot";
        found.push(invalid_text("spec.group", group, message));
    }
    match text(spec, "scope") {
        "" => found.push(required("spec.scope", "")),
        "Cluster" | "Namespaced" => {}
        other => {
            found.push(not_supported("spec.scope", &other.into(), &["Cluster", "Namespaced"]));
        }
    }
    versions(spec, found);
    for (index, version) in list(spec, "versions").iter().enumerate() {
        // What all versions have in common is lifted to where it was when there was only one.
        let path = match list(spec, "versions").len() {
            1 => "spec".to_owned(),
            _ => format!("spec.versions[{index}]"),
        };
        scale(version, &path, found);
        columns(version, &path, found);
    }
    resource_names(names, found);
    conversion(spec, found);
    let stored = object.pointer("/status/storedVersions").and_then(Value::as_array);
    if stored.is_none_or(Vec::is_empty) {
        let message = "must have at least one stored version";
        found.push(invalid("status.storedVersions", &Value::Null, message));
    }
}

fn versions(spec: &Value, found: &mut Vec<Cause>) {
    let versions = list(spec, "versions");
    for (index, version) in versions.iter().enumerate() {
        if version.pointer("/schema/openAPIV3Schema").is_none() {
            let field = format!("spec.versions[{index}].schema.openAPIV3Schema");
            found.push(required(
                field,
                if versions.len() > 1 { "schemas are required" } else { "" },
            ));
        }
    }
    for (index, version) in versions.iter().enumerate() {
        let Some(schema) = version.pointer("/schema/openAPIV3Schema") else { continue };
        // A schema that is the only one is lifted to where the first ones were.
        let place = match versions.len() {
            1 => "spec.validation.openAPIV3Schema".to_owned(),
            _ => format!("spec.versions[{index}].schema.openAPIV3Schema"),
        };
        for Violation { reason, field, message } in Schema::faults_of_crd(schema) {
            found.push(Cause { reason, field: format!("{place}.{field}"), message });
        }
    }
    let mut seen = BTreeSet::new();
    let mut unique = true;
    for (index, version) in versions.iter().enumerate() {
        let name = text(version, "name");
        unique &= seen.insert(name);
        let wrong = names::dns_1035_label(name);
        if !wrong.is_empty() {
            let field = format!("spec.versions[{index}].name");
            found.push(invalid_text(field, name, &wrong.join(",")));
        }
    }
    let all: Vec<String> = versions.iter().map(printed).collect();
    let all = match spec.get("versions") {
        Some(Value::Array(_)) => format!("[{}]", all.join(",")),
        _ => "null".to_owned(),
    };
    if !unique {
        found.push(invalid_shown("spec.versions", &all, "must contain unique version names"));
    }
    let stored = versions.iter().filter(|version| version.get("storage") == Some(&true.into()));
    if stored.count() != 1 {
        let message = "must have exactly one version marked as storage version";
        found.push(invalid_shown("spec.versions", &all, message));
    }
}

fn scale(version: &Value, path: &str, found: &mut Vec<Cause>) {
    let Some(scale) = version.pointer("/subresources/scale").filter(|scale| scale.is_object())
    else {
        return;
    };
    for key in ["specReplicasPath", "statusReplicasPath"] {
        if text(scale, key).is_empty() {
            found.push(required(format!("{path}.subresources.scale.{key}"), ""));
        }
    }
}

fn columns(version: &Value, path: &str, found: &mut Vec<Cause>) {
    for (index, column) in list(version, "additionalPrinterColumns").iter().enumerate() {
        let path = format!("{path}.additionalPrinterColumns[{index}]");
        if text(column, "name").is_empty() {
            found.push(required(format!("{path}.name"), ""));
        }
        let known = COLUMN_TYPES.join(",");
        match text(column, "type") {
            "" => {
                found.push(required(format!("{path}.type"), &format!("must be one of {known}")));
            }
            kind if !COLUMN_TYPES.contains(&kind) => {
                let message = format!("must be one of {known}");
                found.push(invalid_text(format!("{path}.type"), kind, &message));
            }
            _ => {}
        }
        if text(column, "jsonPath").is_empty() {
            found.push(required(format!("{path}.JSONPath"), ""));
        }
    }
}

fn conversion(spec: &Value, found: &mut Vec<Cause>) {
    let preserves = spec.get("preserveUnknownFields") == Some(&Value::Bool(true));
    let conversion = spec.get("conversion").unwrap_or(&Value::Null);
    if text(conversion, "strategy") == "Webhook" {
        if preserves {
            let message = "must be None if spec.preserveUnknownFields is true";
            found.push(invalid_text("spec.conversion.strategy", "Webhook", message));
        }
        let hook = conversion.get("webhook").unwrap_or(&Value::Null);
        if hook.get("clientConfig").is_none_or(Value::is_null) {
            let message = "required when strategy is set to Webhook";
            found.push(required("spec.conversion.webhookClientConfig", message));
        }
        if list(hook, "conversionReviewVersions").is_empty() {
            found.push(required("spec.conversion.conversionReviewVersions", ""));
        }
    }
    if preserves {
        let message = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in \
                       spec.versions[*].schema instead";
        found.push(invalid("spec.preserveUnknownFields", &Value::Bool(true), message));
    }
}

/// A version as the real server prints its own type, once its schema is lifted out of it.
fn printed(version: &Value) -> String {
    let flag = |key: &str| version.get(key) == Some(&Value::Bool(true));
    format!(
        "{{\"Name\":{:?},\"Served\":{},\"Storage\":{},\"Deprecated\":{},\"DeprecationWarning\":null,\
         \"Schema\":null,\"Subresources\":null,\"AdditionalPrinterColumns\":null,\
         \"SelectableFields\":null}}",
        text(version, "name"),
        flag("served"),
        flag("storage"),
        flag("deprecated"),
    )
}

fn resource_names(names: &Value, found: &mut Vec<Cause>) {
    let all = ["plural", "singular", "kind", "listKind"];
    for key in all.into_iter().filter(|key| text(names, key).is_empty()) {
        found.push(required(format!("spec.names.{key}"), ""));
    }
    for key in all.into_iter().filter(|key| !text(names, key).is_empty()) {
        let name = text(names, key);
        let is_kind = matches!(key, "kind" | "listKind");
        let wrong =
            names::dns_1035_label(&if is_kind { name.to_lowercase() } else { name.to_owned() });
        if wrong.is_empty() {
            continue;
        }
        let hint = "may have mixed case, but should otherwise match: ";
        let message = format!("{}{}", if is_kind { hint } else { "" }, wrong.join(","));
        found.push(invalid_text(format!("spec.names.{key}"), name, &message));
    }
    for (index, name) in list(names, "shortNames").iter().filter_map(Value::as_str).enumerate() {
        let wrong = names::dns_1035_label(name);
        if !wrong.is_empty() {
            let field = format!("spec.names.shortNames[{index}]");
            found.push(invalid_text(field, name, &wrong.join(",")));
        }
    }
    let kind = text(names, "kind");
    if !kind.is_empty() && kind == text(names, "listKind") {
        let message = "kind and listKind may not be the same";
        found.push(invalid_text("spec.names.listKind", kind, message));
    }
}
