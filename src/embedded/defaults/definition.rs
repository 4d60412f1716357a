//! Definitions of custom resources, and the configurations of webhooks.

use serde_json::{Value, json};

use super::fields::{is_bare, items, made, present, set, set_text, text};

const HTTPS: i64 = 443;
const WEBHOOK_S: i64 = 10;

pub(super) fn definition(object: &mut Value) {
    let Some(spec) = made(object, "spec") else { return };
    if let Some(names) = made(spec, "names") {
        let kind = text(names, "kind").to_owned();
        if !kind.is_empty() {
            set_text(names, "singular", &kind.to_lowercase());
            set_text(names, "listKind", &format!("{kind}List"));
        }
    }
    set(spec, "conversion", json!({"strategy": "None"}));
    if let Some(service) = spec.pointer_mut("/conversion/webhook/clientConfig/service") {
        set(service, "port", HTTPS);
    }
    let stored = items(spec, "versions")
        .find(|version| version.get("storage") == Some(&Value::Bool(true)))
        .map(|version| text(version, "name").to_owned());
    let Some(status) = made(object, "status") else { return };
    if is_bare(status, "storedVersions")
        && let Some(stored) = stored
    {
        status["storedVersions"] = json!([stored]);
    }
    set(status, "conditions", Value::Null);
    if let Some(names) = made(status, "acceptedNames") {
        set(names, "plural", "");
        set(names, "kind", "");
    }
}

pub(super) fn mutating_webhooks(object: &mut Value) {
    items(object, "webhooks").for_each(|webhook| {
        self::webhook(webhook);
        set(webhook, "reinvocationPolicy", "Never");
    });
}

pub(super) fn validating_webhooks(object: &mut Value) {
    items(object, "webhooks").for_each(webhook);
}

fn webhook(webhook: &mut Value) {
    set(webhook, "failurePolicy", "Fail");
    set(webhook, "matchPolicy", "Equivalent");
    set(webhook, "timeoutSeconds", WEBHOOK_S);
    made(webhook, "namespaceSelector");
    made(webhook, "objectSelector");
    for rule in items(webhook, "rules") {
        set(rule, "scope", "*");
    }
    if let Some(service) =
        made(webhook, "clientConfig").and_then(|client| present(client, "service"))
    {
        set(service, "port", HTTPS);
    }
}
