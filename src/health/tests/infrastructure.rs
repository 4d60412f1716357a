//! What workloads stand on: storage, traffic, scaling, APIs.

use super::*;

#[test]
fn a_claim_is_judged_by_its_phase() {
    let row = |phase: &str| json!({"spec": {"storageClassName": "fast", "volumeName": "v"}, "status": {"phase": phase}});
    check(
        "v1",
        "PersistentVolumeClaim",
        vec![
            (row("Bound"), Healthy, ""),
            (row("Pending"), Progressing, "waiting for a volume of class fast to be bound"),
            (row("Lost"), Degraded, "the bound volume v is gone"),
            (row("Odd"), Unknown, "the claim has no known phase"),
            (json!({}), Unknown, "the claim has no known phase"),
        ],
    );
}

#[test]
fn traffic_needs_an_address() {
    let address = || json!({"status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}}});
    let mut balanced = address();
    merge(&mut balanced, json!({"spec": {"type": "LoadBalancer"}}));
    check(
        "v1",
        "Service",
        vec![
            (
                json!({"spec": {"type": "LoadBalancer"}}),
                Progressing,
                "waiting for the load balancer to get an address",
            ),
            (balanced, Healthy, ""),
            (json!({"spec": {"type": "ClusterIP"}}), Healthy, ""),
        ],
    );
    for api_version in ["networking.k8s.io/v1", "extensions/v1beta1"] {
        check(
            api_version,
            "Ingress",
            vec![
                (json!({}), Progressing, "waiting for an ingress controller to give it an address"),
                (address(), Healthy, ""),
            ],
        );
    }
}

#[test]
fn an_autoscaler_is_judged_by_its_conditions() {
    let condition = |kind: &str, status: &str, reason: &str| json!({"type": kind, "status": status, "reason": reason, "message": "m"});
    let v2 = |conditions: Vec<Value>| json!({"status": {"conditions": conditions}});
    let able = || condition("AbleToScale", "True", "SucceededGetScale");
    let mut rows = vec![
        (
            v2(vec![condition("AbleToScale", "False", "FailedGetScale")]),
            Degraded,
            "FailedGetScale: m",
        ),
        (
            v2(vec![condition("AbleToScale", "False", "FailedUpdateScale")]),
            Degraded,
            "FailedUpdateScale: m",
        ),
        (v2(vec![able()]), Healthy, "m"),
        (v2(vec![condition("ScalingLimited", "True", "TooFewReplicas")]), Healthy, "m"),
        (
            v2(vec![condition("ScalingActive", "False", "ScalingDisabled")]),
            Progressing,
            "Waiting to Autoscale",
        ),
        (json!({}), Progressing, "Waiting to Autoscale"),
    ];
    let reasons = [
        ("FailedGetResourceMetric", "FailedGetResourceMetric: m"),
        ("FailedGetObjectMetric", "FailedGetObjectMetric: m"),
        ("FailedGetPodsMetric", "FailedGetPodsMetric: m"),
        ("FailedGetExternalMetric", "FailedGetExternalMetric: m"),
        ("FailedComputeMetricsReplicas", "FailedComputeMetricsReplicas: m"),
        ("InvalidSelector", "InvalidSelector: m"),
    ];
    for (reason, message) in reasons {
        // Whatever comes first.
        rows.push((
            v2(vec![able(), condition("ScalingActive", "False", reason)]),
            Degraded,
            message,
        ));
    }
    check("autoscaling/v2", "HorizontalPodAutoscaler", rows);
    let v1 = |text: &str| {
        json!({"metadata": {"annotations":
        {"autoscaling.alpha.kubernetes.io/conditions": text}}})
    };
    let failed = condition("AbleToScale", "False", "FailedGetScale");
    check(
        "autoscaling/v1",
        "HorizontalPodAutoscaler",
        vec![
            (json!({}), Progressing, "Waiting to Autoscale"),
            (v1("[]"), Progressing, "Waiting to Autoscale"),
            (v1(&json!([able()]).to_string()), Healthy, "m"),
            (v1(&json!([failed]).to_string()), Degraded, "FailedGetScale: m"),
            (
                v1("{"),
                Unknown,
                "the annotation autoscaling.alpha.kubernetes.io/conditions is not JSON",
            ),
        ],
    );
}

#[test]
fn an_api_service_is_judged_by_its_availability() {
    let row = |status: &str| json!({"status": {"conditions": [{"type": "Available", "status": status, "reason": "R"}]}});
    check(
        "apiregistration.k8s.io/v1",
        "APIService",
        vec![
            (row("True"), Healthy, "R"),
            (row("False"), Progressing, "R"),
            (json!({}), Progressing, "waiting for the API service to be available"),
        ],
    );
}

#[test]
fn a_definition_counts_when_it_is_established() {
    let row = |status: &str| {
        object(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            json!({"status": {"conditions": [{"type": "Established", "status": status}]}}),
        )
    };
    assert!(is_established(&row("True")));
    assert!(!is_established(&row("False")));
    assert!(!is_established(&json!({"kind": "CustomResourceDefinition"})));
}
