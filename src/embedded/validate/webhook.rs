//! The configurations of admission webhooks: what each of them has to say.

use serde_json::Value;

use super::cause::{Cause, is_absent, list, required, text};

pub(super) fn webhooks(object: &Value, found: &mut Vec<Cause>) {
    for (index, hook) in list(object, "webhooks").iter().enumerate() {
        let path = format!("webhooks[{index}]");
        if text(hook, "sideEffects").is_empty() {
            let message = "must specify one of None, NoneOnDryRun";
            found.push(required(format!("{path}.sideEffects"), message));
        }
        let nothing = Value::Null;
        let client = hook.get("clientConfig").unwrap_or(&nothing);
        if is_absent(client, "url") == is_absent(client, "service") {
            let message = "exactly one of url or service is required";
            found.push(required(format!("{path}.clientConfig"), message));
        }
        if list(hook, "admissionReviewVersions").is_empty() {
            let message = "must specify one of v1, v1beta1";
            found.push(required(format!("{path}.admissionReviewVersions"), message));
        }
    }
}
