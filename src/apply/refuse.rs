//! What the server's "no" means: who has to act, and what to tell them.

use kube::core::{Status, response::StatusCause};
use serde_json::Value;

use crate::{
    cluster::ClusterError,
    object::{GroupKind, Turn},
    plan::{Refusal, Step},
};

/// Longest message; conditions and events are read by people.
const MESSAGE_CHARS_MAX: usize = 2000;
/// Secret values shorter than this are too likely to be a part of ordinary words.
const MASKED_CHARS_MIN: usize = 4;
const MASK: &str = "******";

/// What an error means for its step.
pub(super) fn refusal(step: &Step, error: &ClusterError) -> Refusal {
    let (turn, message) = match error {
        ClusterError::Refused { what, status } => {
            let (turn, reason) = explain(step, status);
            (turn, format!("{what}: {reason}"))
        }
        ClusterError::NotServed { .. } => (
            Turn::Author,
            format!(
                "the cluster does not serve {}: install its CRD first, or in the same sync",
                step.gvk
            ),
        ),
        other => (other.turn(), other.chain()),
    };
    Refusal {
        turn,
        message: shorten(&mask(step, message)),
        immutable_fields: error.status().map(immutable_fields).unwrap_or_default(),
        conflict: error.status().is_some_and(is_in_the_way),
    }
}

fn explain(step: &Step, status: &Status) -> (Turn, String) {
    let message = status.message.as_str();
    let unknown = unknown_fields(message);
    if !unknown.is_empty() {
        let (s, fields) = (if unknown.len() == 1 { "" } else { "s" }, unknown.join(", "));
        return (Turn::Author, format!("the schema of {} has no field{s} {fields}", step.gvk));
    }
    if message.contains("illegal base64 data") {
        let advice = "the values of data have to be base64: put plain text into stringData";
        return (Turn::Author, format!("{advice}: {message}"));
    }
    if is_typing_error(message) {
        return (Turn::Author, message.to_owned());
    }
    if message.contains("request is too large") || message.contains("Request entity too large") {
        return (Turn::Author, format!("the object is too large for the API server: {message}"));
    }
    if message.contains("failed calling webhook") {
        return (Turn::Cluster, format!("an admission webhook did not answer: {message}"));
    }
    if message.contains("admission webhook") && message.contains("denied the request") {
        return (Turn::Author, message.to_owned());
    }
    match status.code {
        401 => (Turn::Operator, "the API server does not accept our credentials".to_owned()),
        403 => forbidden(step, status),
        404 => not_found(step, status),
        409 if status.is_already_exists() => (Turn::Cluster, message.to_owned()),
        409 => (Turn::Cluster, format!("somebody else changed it at the same time: {message}")),
        422 => (Turn::Author, invalid(status)),
        400 | 405 | 413 | 415 => (Turn::Author, message.to_owned()),
        429 => (Turn::Cluster, format!("the API server is overloaded: {message}")),
        _ => (Turn::Cluster, message.to_owned()),
    }
}

fn forbidden(step: &Step, status: &Status) -> (Turn, String) {
    let message = status.message.as_str();
    let namespace = &step.id.namespace;
    if has_cause(status, "NamespaceTerminating") {
        let wait = "nothing can be created in it until it is gone and made anew";
        return (Turn::Cluster, format!("namespace {namespace} is being deleted: {wait}"));
    }
    if message.contains("exceeded quota") {
        return (Turn::Operator, format!("a quota of namespace {namespace} is used up: {message}"));
    }
    if message.contains(" cannot ") {
        let advice = "grant this verb to Steadfast's service account";
        return (Turn::Operator, format!("{message}; {advice}"));
    }
    if message.contains("attempting to grant RBAC permissions") {
        return (
            Turn::Operator,
            format!("Steadfast may grant only what it may do itself: {message}"),
        );
    }
    // Pod security, limit ranges and admission policies speak about the manifest.
    (Turn::Author, message.to_owned())
}

fn not_found(step: &Step, status: &Status) -> (Turn, String) {
    let about = status.details.as_ref().map(|details| details.kind.as_str()).unwrap_or_default();
    if about == "namespaces" && step.id.kind != "Namespace" {
        let namespace = &step.id.namespace;
        let advice = "add it to Git, or set the sync option CreateNamespace=true";
        return (Turn::Author, format!("namespace {namespace} does not exist: {advice}"));
    }
    if about.is_empty() {
        return (
            Turn::Cluster,
            format!("the API server does not serve {} at the moment", step.gvk),
        );
    }
    (Turn::Author, status.message.clone())
}

fn invalid(status: &Status) -> String {
    let causes = causes(status);
    if causes.is_empty() {
        return status.message.clone();
    }
    let told = |cause: &StatusCause| match cause.field.as_str() {
        "" | "<nil>" | "[]" => cause.message.clone(),
        field => format!("{field}: {}", cause.message),
    };
    causes.iter().map(told).collect::<Vec<_>>().join("; ")
}

fn causes(status: &Status) -> &[StatusCause] {
    status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default()
}

fn has_cause(status: &Status, reason: &str) -> bool {
    causes(status).iter().any(|cause| cause.reason == reason)
}

/// The fields that the schema does not know: `strict decoding error: unknown field "spec.foo"` of
/// strict validation, `.spec.foo: field not declared in schema` of server-side apply.
fn unknown_fields(message: &str) -> Vec<&str> {
    let quoted =
        message.split("unknown field \"").skip(1).filter_map(|rest| rest.split('"').next());
    let before = message.split(": field not declared in schema");
    let bare = before.map(|before| before.rsplit([' ', '\n']).next().unwrap_or_default());
    // What follows the last mention is no field.
    let bare: Vec<&str> = bare.collect();
    quoted.chain(bare[..bare.len() - 1].iter().copied()).collect()
}

/// Server-side apply answers 500 to values of a wrong type, though the author has to act.
fn is_typing_error(message: &str) -> bool {
    message.contains("failed to create typed patch object")
        || message.contains("strict decoding error")
        || message.contains("error decoding YAML")
        || message.contains("error decoding from json")
}

/// True when the server refused to change a field of a live object that can't be changed.
pub(super) fn is_immutable(error: &ClusterError) -> bool {
    error.status().is_some_and(|status| !immutable_fields(status).is_empty())
}

/// The fields that can't be changed in place, by the causes of the answer. The texts are those of
/// Kubernetes' own validation and of the usual CEL transition rules.
fn immutable_fields(status: &Status) -> Vec<String> {
    const TEXTS: [&str; 12] = [
        "immutable",
        "may not be changed",
        "may not change once set",
        "may not be modified",
        "cannot be changed",
        "cannot change roleRef",
        "can not be changed",
        "updates to statefulset spec for fields other than",
        "pod updates may not change fields other than",
        "updates to parameters are forbidden",
        "updates to provisioner are forbidden",
        "oldSelf",
    ];
    let of_update = |cause: &&StatusCause| {
        matches!(cause.reason.as_str(), "FieldValueInvalid" | "FieldValueForbidden")
            && TEXTS.iter().any(|text| cause.message.contains(text))
    };
    if status.code != 422 {
        return Vec::new();
    }
    causes(status).iter().filter(of_update).map(|cause| cause.field.clone()).collect()
}

/// True when another object holds what this one asks for, once.
fn is_in_the_way(status: &Status) -> bool {
    status.is_already_exists()
        || status.message.contains("already allocated")
        || status.message.contains("is already defined in ingress")
}

/// True when a dry-run create was refused only because the live object has the name, or the ports
/// and addresses, that the new one will have.
pub(super) fn proves_valid(error: &ClusterError) -> bool {
    error.status().is_some_and(|status| {
        let causes = causes(status);
        status.is_already_exists()
            || (status.code == 422
                && !causes.is_empty()
                && causes.iter().all(|cause| cause.message.contains("already allocated")))
    })
}

/// True when no API answers at the path.
pub(super) fn is_unserved(error: &ClusterError) -> bool {
    error.status().is_some_and(|status| {
        status.code == 404 && status.details.as_ref().is_none_or(|details| details.kind.is_empty())
    })
}

/// Takes the values of a Secret out of a message: the server likes to quote what it refuses.
fn mask(step: &Step, mut message: String) -> String {
    if step.gvk.group_kind() != GroupKind::new("", "Secret") {
        return message;
    }
    let Some(body) = step.body.as_deref() else { return message };
    let mut values: Vec<String> = ["data", "stringData"]
        .iter()
        .filter_map(|part| body.get(part)?.as_object())
        .flat_map(|part| part.values())
        .flat_map(spellings)
        .collect();
    // Longest first: one value may be a part of another.
    values.sort_unstable_by_key(|value| std::cmp::Reverse(value.len()));
    for value in values.iter().filter(|value| value.chars().count() >= MASKED_CHARS_MIN) {
        message = message.replace(value.as_str(), MASK);
    }
    message
}

/// A value as it is, as Go quotes it, and decoded.
fn spellings(value: &Value) -> Vec<String> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let Some(text) = value.as_str() else { return vec![value.to_string()] };
    let mut spellings = vec![text.to_owned()];
    if let Some(plain) = STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok())
    {
        spellings.push(plain);
    }
    spellings.push(STANDARD.encode(text));
    let quoted: Vec<String> = spellings
        .iter()
        .map(|text| Value::from(text.as_str()).to_string().trim_matches('"').to_owned())
        .collect();
    spellings.extend(quoted);
    spellings
}

fn shorten(message: &str) -> String {
    if message.chars().count() <= MESSAGE_CHARS_MAX {
        return message.to_owned();
    }
    let mut short: String = message.chars().take(MESSAGE_CHARS_MAX).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests;
