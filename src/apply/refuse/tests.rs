use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::{
    object::{GroupVersionKind, ObjectId},
    plan::Action,
};

fn step(kind: &str, body: Value) -> Step {
    let gvk = GroupVersionKind::parse("v1", kind);
    Step::new(ObjectId::new("", kind, "shop", "web"), gvk, Action::Apply, Some(Arc::new(body)))
}

#[expect(clippy::needless_pass_by_value, reason = "tables read better without `&`")]
fn answer(code: u16, reason: &str, message: &str, details: Value) -> ClusterError {
    let status = crate::cluster::fake::status(code, reason, message, &details);
    ClusterError::Refused {
        what: "could not apply it".into(),
        status: Box::new(serde_json::from_value(status).unwrap()),
    }
}

fn cause(reason: &str, field: &str, message: &str) -> Value {
    json!({"causes": [{"reason": reason, "field": field, "message": message}]})
}

/// The answers are those of kube-apiserver 1.36, word by word.
#[test]
#[expect(clippy::too_many_lines, reason = "it is one table")]
fn each_answer_names_who_has_to_act() {
    let table = [
        (
            500,
            "",
            "failed to create typed patch object (/a; apps/v1, Kind=Deployment): .spec.replicaz: field not declared in schema",
            json!({}),
            Turn::Author,
            "has no field .spec.replicaz",
        ),
        (
            400,
            "BadRequest",
            "Deployment in version \"v1\" cannot be handled as a Deployment: strict decoding error: unknown field \"spec.a\", unknown field \"spec.b\"",
            json!({}),
            Turn::Author,
            "has no fields spec.a, spec.b",
        ),
        (
            500,
            "",
            "failed to create typed patch object (/a; apps/v1, Kind=Deployment): .spec.replicas: expected numeric (int or float), got string",
            json!({}),
            Turn::Author,
            "expected numeric",
        ),
        (
            404,
            "NotFound",
            "namespaces \"shop\" not found",
            json!({"kind": "namespaces", "name": "shop"}),
            Turn::Author,
            "CreateNamespace=true",
        ),
        (404, "", "404 page not found", json!(null), Turn::Cluster, "does not serve"),
        (
            403,
            "Forbidden",
            "services \"s\" is forbidden: User \"viewer\" cannot patch resource \"services\" in API group \"\" in the namespace \"default\"",
            json!({}),
            Turn::Operator,
            "grant this verb",
        ),
        (
            403,
            "Forbidden",
            "pods \"a\" is forbidden: exceeded quota: q, requested: pods=1",
            json!({}),
            Turn::Operator,
            "quota",
        ),
        (
            403,
            "Forbidden",
            "pods \"a\" is forbidden: violates PodSecurity \"restricted:latest\"",
            json!({}),
            Turn::Author,
            "PodSecurity",
        ),
        (
            403,
            "Forbidden",
            "unable to create new content in namespace shop because it is being terminated",
            cause(
                "NamespaceTerminating",
                "metadata.namespace",
                "namespace shop is being terminated",
            ),
            Turn::Cluster,
            "namespace shop is being deleted",
        ),
        (
            400,
            "",
            "admission webhook \"policy.example.org\" denied the request: no latest tag",
            json!({}),
            Turn::Author,
            "policy.example.org",
        ),
        (
            500,
            "InternalError",
            "Internal error occurred: failed calling webhook \"w.example.org\": timeout",
            json!({}),
            Turn::Cluster,
            "w.example.org",
        ),
        (
            422,
            "Invalid",
            "Service \"t\" is invalid",
            cause(
                "FieldValueInvalid",
                "spec.ports[0].nodePort",
                "Invalid value: 31000: provided port is already allocated",
            ),
            Turn::Author,
            "spec.ports[0].nodePort: Invalid value: 31000",
        ),
        (
            413,
            "RequestEntityTooLarge",
            "Request entity too large: limit is 3145728",
            json!({}),
            Turn::Author,
            "too large",
        ),
        (500, "", "etcdserver: request is too large", json!({}), Turn::Author, "too large"),
        (
            409,
            "Conflict",
            "Operation cannot be fulfilled",
            json!({}),
            Turn::Cluster,
            "at the same time",
        ),
        (429, "TooManyRequests", "slow down", json!({}), Turn::Cluster, "overloaded"),
        (503, "ServiceUnavailable", "starting", json!({}), Turn::Cluster, "starting"),
    ];
    for (code, reason, message, details, turn, part) in table {
        let refusal =
            refusal(&step("ConfigMap", json!({})), &answer(code, reason, message, details));
        assert_eq!(refusal.turn, turn, "{message}");
        assert!(refusal.message.contains(part), "{}", refusal.message);
    }
}

#[test]
fn immutable_fields_are_recognised_by_their_causes() {
    let immutable = [
        cause(
            "FieldValueInvalid",
            "spec.selector",
            "Invalid value: {\"matchLabels\":{\"a\":\"z\"}}: field is immutable",
        ),
        cause(
            "FieldValueForbidden",
            "spec",
            "Forbidden: updates to statefulset spec for fields other than 'replicas', 'template' are forbidden",
        ),
        cause(
            "FieldValueInvalid",
            "spec.clusterIPs[0]",
            "Invalid value: [\"10.96.0.78\"]: may not change once set",
        ),
        cause("FieldValueInvalid", "roleRef", "Invalid value: {}: cannot change roleRef"),
        cause(
            "FieldValueForbidden",
            "parameters",
            "Forbidden: updates to parameters are forbidden.",
        ),
    ];
    for details in immutable {
        let field = details["causes"][0]["field"].as_str().unwrap().to_owned();
        let error = answer(422, "Invalid", "is invalid", details);
        assert!(is_immutable(&error));
        let refusal = refusal(&step("Service", json!({})), &error);
        assert_eq!(refusal.immutable_fields, [field]);
    }
    // The code alone, or the word alone, is no proof.
    assert!(!is_immutable(&answer(422, "Invalid", "the field is immutable", json!({}))));
    assert!(!is_immutable(&answer(
        403,
        "Forbidden",
        "",
        cause("FieldValueInvalid", "a", "field is immutable")
    )));
    assert!(!is_immutable(&answer(
        422,
        "Invalid",
        "",
        cause("FieldValueRequired", "spec.image", "Required value")
    )));
}

#[test]
fn a_dry_run_create_proves_validity_by_what_it_stumbles_over() {
    let exists = answer(409, "AlreadyExists", "deployments.apps \"a\" already exists", json!({}));
    assert!(proves_valid(&exists));
    let port =
        cause("FieldValueInvalid", "spec.ports[0].nodePort", "provided port is already allocated");
    assert!(proves_valid(&answer(422, "Invalid", "", port)));
    let image =
        cause("FieldValueRequired", "spec.template.spec.containers[0].image", "Required value");
    assert!(!proves_valid(&answer(422, "Invalid", "", image)));
    assert!(!proves_valid(&answer(422, "Invalid", "", json!({}))));
    assert!(!proves_valid(&answer(409, "Conflict", "", json!({}))));
}

#[test]
fn values_of_secrets_are_not_repeated() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let body = json!({"stringData": {"token": "hunter22", "pin": 123_456},
        "data": {"key": STANDARD.encode("say \"friend\"")}});
    let message = "rejected hunter22 and say \\\"friend\\\" and say \"friend\" and \
        aHVudGVyMjI= and &value.valueUnstructured{Value:123456}";
    let refusal =
        refusal(&step("Secret", body.clone()), &answer(400, "BadRequest", message, json!({})));
    for secret in ["hunter22", "friend", "123456", "aHVudGVyMjI="] {
        assert!(!refusal.message.contains(secret), "{}", refusal.message);
    }
    let open = super::refusal(
        &step("ConfigMap", body),
        &answer(400, "BadRequest", "rejected hunter22", json!({})),
    );
    assert!(open.message.contains("hunter22"));
}

#[test]
fn an_object_in_the_way_is_told_from_a_bad_manifest() {
    let taken =
        cause("FieldValueInvalid", "spec.ports[0].nodePort", "provided port is already allocated");
    let message = "Service \"t\" is invalid: spec.ports[0].nodePort: Invalid value: 31000: provided port is already allocated";
    assert!(refusal(&step("Service", json!({})), &answer(422, "Invalid", message, taken)).conflict);
    assert!(
        !refusal(&step("Service", json!({})), &answer(422, "Invalid", "no", json!({}))).conflict
    );
}
