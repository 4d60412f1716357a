//! Config maps, secrets and the other small kinds.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;

use super::{
    cause::{
        Cause, entries, forbidden, invalid, invalid_text, list, not_supported, number, required,
        text, too_long,
    },
    metadata, names,
};
use crate::{embedded::go::json_kind, object::meta};

const DATA_BYTES_MAX: usize = 1024 * 1024;
/// Above this, priorities belong to the system.
const PRIORITY_MAX: i64 = 1_000_000_000;

pub(super) fn config_map(object: &Value, found: &mut Vec<Cause>) {
    let mut bytes = 0;
    for (key, value) in entries(object, "data") {
        let field = format!("data[{key}]");
        let wrong = names::config_key(key).into_iter();
        found.extend(wrong.map(|why| invalid_text(field.as_str(), key, &why)));
        if object.get("binaryData").is_some_and(|binary| binary.get(key).is_some()) {
            found.push(invalid_text(field, key, "duplicate of key present in binaryData"));
        }
        bytes += value.as_str().map_or(0, str::len);
    }
    for (key, value) in entries(object, "binaryData") {
        let wrong = names::config_key(key).into_iter();
        found.extend(wrong.map(|why| invalid_text(format!("binaryData[{key}]"), key, &why)));
        bytes += decoded(value);
    }
    if bytes > DATA_BYTES_MAX {
        found.push(too_long("", DATA_BYTES_MAX));
    }
}

fn decoded(value: &Value) -> usize {
    let text = value.as_str().unwrap_or_default();
    BASE64_STANDARD.decode(text).map_or(text.len(), |bytes| bytes.len())
}

pub(super) fn secret(object: &Value, found: &mut Vec<Cause>) {
    let mut bytes = 0;
    for (key, value) in entries(object, "data") {
        let wrong = names::config_key(key).into_iter();
        found.extend(wrong.map(|why| invalid_text(format!("data[{key}]"), key, &why)));
        bytes += decoded(value);
    }
    if bytes > DATA_BYTES_MAX {
        found.push(too_long("data", DATA_BYTES_MAX));
    }
    let has = |key: &str| object.get("data").is_some_and(|data| data.get(key).is_some());
    let missing = |key: &str| required(format!("data[{key}]"), "");
    match text(object, "type") {
        "kubernetes.io/service-account-token" => {
            let account = "kubernetes.io/service-account.name";
            if meta::annotation(object, account).is_none_or(str::is_empty) {
                found.push(required(format!("metadata.annotations[{account}]"), ""));
            }
        }
        "kubernetes.io/dockercfg" => docker(object, ".dockercfg", found),
        "kubernetes.io/dockerconfigjson" => docker(object, ".dockerconfigjson", found),
        "kubernetes.io/basic-auth" if !has("username") && !has("password") => {
            found.extend([missing("username"), missing("password")]);
        }
        "kubernetes.io/ssh-auth" if !has("ssh-privatekey") => found.push(missing("ssh-privatekey")),
        "kubernetes.io/tls" => {
            found.extend(["tls.crt", "tls.key"].into_iter().filter(|key| !has(key)).map(missing));
        }
        _ => {}
    }
}

/// A docker configuration is a map in JSON.
fn docker(secret: &Value, key: &str, found: &mut Vec<Cause>) {
    let field = format!("data[{key}]");
    let Some(text) = secret.pointer(&format!("/data/{key}")).and_then(Value::as_str) else {
        found.push(required(field, ""));
        return;
    };
    let bytes = BASE64_STANDARD.decode(text).unwrap_or_default();
    let why = match serde_json::from_slice::<Value>(&bytes) {
        Ok(Value::Object(_) | Value::Null) => return,
        Ok(other) => {
            let kind = json_kind(&other);
            format!("json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}")
        }
        Err(error) if error.is_eof() => "unexpected end of JSON input".to_owned(),
        Err(error) => {
            let at = error.column().saturating_sub(1).min(bytes.len().saturating_sub(1));
            let odd = bytes.get(at).copied().map_or(' ', char::from);
            format!("invalid character {odd:?} looking for beginning of value").replace('"', "'")
        }
    };
    found.push(invalid_text(field, "<secret contents redacted>", &why));
}

pub(super) fn namespace(object: &Value, found: &mut Vec<Cause>) {
    let Some(spec) = object.get("spec") else { return };
    for finalizer in list(spec, "finalizers").iter().filter_map(Value::as_str) {
        let wrong = names::qualified(finalizer).into_iter();
        found.extend(wrong.map(|why| invalid_text("spec.finalizers", finalizer, &why)));
    }
    metadata::standard_finalizers(spec, "spec.finalizers", found);
}

pub(super) fn event(object: &Value, found: &mut Vec<Cause>) {
    let about = object.pointer("/involvedObject/namespace").and_then(Value::as_str);
    let about = about.unwrap_or_default();
    let namespace = meta::namespace(object);
    // Events about objects of the cluster live in `default`.
    let matches = about == namespace || (about.is_empty() && namespace == "default");
    if !matches {
        let message = "does not match event.namespace";
        found.push(invalid_text("involvedObject.namespace", about, message));
    }
}

pub(super) fn lease(object: &Value, found: &mut Vec<Cause>) {
    let Some(spec) = object.get("spec") else { return };
    if let Some(seconds) = number(spec, "leaseDurationSeconds").filter(|seconds| *seconds <= 0) {
        let field = "spec.leaseDurationSeconds";
        found.push(invalid(field, &seconds.into(), "must be greater than 0"));
    }
    if let Some(count) = number(spec, "leaseTransitions").filter(|count| *count < 0) {
        let message = "must be greater than or equal to 0";
        found.push(invalid("spec.leaseTransitions", &count.into(), message));
    }
}

pub(super) fn priority_class(object: &Value, found: &mut Vec<Cause>) {
    if number(object, "value").is_some_and(|value| value > PRIORITY_MAX)
        && !meta::name(object).starts_with("system-")
    {
        let message = format!("maximum allowed value of a user defined priority is {PRIORITY_MAX}");
        found.push(forbidden("value", &message));
    }
    let policy = text(object, "preemptionPolicy");
    if !matches!(policy, "" | "Never" | "PreemptLowerPriority") {
        let known = ["Never", "PreemptLowerPriority"];
        found.push(not_supported("preemptionPolicy", &policy.into(), &known));
    }
}
