//! Tokens of service accounts, as they are asked for.

use serde_json::{Value, json};

use super::{Core, Target, WriteOptions, time_text};
use crate::{
    embedded::{status::Status, validate::Cause},
    object::{GroupVersionKind, meta},
};

/// Seconds that a token lives when nothing else is said, and the limits of what may be.
const LIFE_S: i64 = 3600;
const LIFE_S_MIN: i64 = 600;
const LIFE_S_MAX: i64 = 1 << 32;
const AUDIENCE: &str = "https://kubernetes.default.svc";

impl Core {
    /// Answers a request for a token of a service account that is there.
    pub(crate) fn request_token(
        &self,
        target: &Target,
        sent: &Value,
        options: &WriteOptions,
    ) -> Result<Value, Status> {
        let account = self.get(target)?;
        let gvk = GroupVersionKind::parse("authentication.k8s.io/v1", "TokenRequest");
        let asked = sent.pointer("/spec/expirationSeconds").and_then(Value::as_i64);
        let seconds = asked.unwrap_or(LIFE_S);
        expect_life(&gvk, seconds)?;
        let audiences = sent.pointer("/spec/audiences").filter(|list| list.is_array());
        let mut owned = json!({"f:expirationSeconds": {}});
        if audiences.is_some() {
            owned["f:audiences"] = json!({});
        }
        let now = time_text(self.now());
        let owner = json!({
            "apiVersion": gvk.api_version(), "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": owned}, "manager": options.manager, "operation": "Update",
            "subresource": "token", "time": now,
        });
        let end = self.now() + jiff::SignedDuration::from_secs(seconds);
        Ok(json!({
            "apiVersion": gvk.api_version(), "kind": gvk.kind,
            "metadata": {
                "name": target.name, "namespace": target.namespace, "uid": meta::uid(&account),
                "creationTimestamp": now, "managedFields": [owner],
            },
            "spec": {
                "audiences": audiences.cloned().unwrap_or_else(|| json!([AUDIENCE])),
                "expirationSeconds": seconds,
                "boundObjectRef": sent.pointer("/spec/boundObjectRef"),
            },
            "status": {
                "token": self.admit_account(&account)?, "expirationTimestamp": time_text(end),
            },
        }))
    }
}

fn expect_life(gvk: &GroupVersionKind, seconds: i64) -> Result<(), Status> {
    let why = match seconds {
        ..LIFE_S_MIN => "may not specify a duration less than 10 minutes",
        LIFE_S_MIN..=LIFE_S_MAX => return Ok(()),
        _ => "may not specify a duration larger than 2^32 seconds",
    };
    let cause = Cause {
        reason: "FieldValueInvalid",
        field: "spec.expirationSeconds".to_owned(),
        message: format!("Invalid value: {seconds}: {why}"),
    };
    Err(Status::invalid(&gvk.group_kind(), "", &[cause]))
}
