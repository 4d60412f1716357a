//! What holds for every kind.

use proptest::prelude::*;
use serde_json::Map;

use super::*;

#[test]
fn other_kinds_have_no_check() {
    for (api_version, kind) in [
        ("argoproj.io/v1alpha1", "Application"),
        ("v1", "ConfigMap"),
        ("v1", "Secret"),
        ("v1", "Namespace"),
        ("rbac.authorization.k8s.io/v1", "Role"),
        ("networking.k8s.io/v1", "NetworkPolicy"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        ("serving.knative.dev/v1", "Service"),
        ("example.org/v1", "Deployment"),
    ] {
        assert_eq!(assess(&object(api_version, kind, json!({})), &[]), None, "{kind}");
    }
    assert_eq!(assess(&json!({}), &[]), None);
}

#[test]
fn an_object_that_is_being_deleted_is_progressing() {
    let mut gone = json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}});
    check("v1", "ConfigMap", vec![(gone.clone(), Progressing, "Pending deletion")]);
    gone["metadata"]["finalizers"] = json!(["example.org/a", "example.org/b", "example.org/c"]);
    let held = "Pending deletion, held by example.org/a, example.org/b";
    check("apps/v1", "Deployment", vec![(gone.clone(), Progressing, held)]);
    gone["metadata"]["finalizers"] = json!([HOOK_FINALIZER]);
    gone["status"] = json!({"conditions": [{"type": "Complete", "status": "True"}]});
    check("batch/v1", "Job", vec![(gone, Healthy, "")]);
}

#[test]
fn statuses_are_spelled_as_in_an_application() {
    let order = ["Healthy", "Suspended", "Progressing", "Missing", "Degraded", "Unknown"];
    let read: Vec<HealthStatus> = order.into_iter().filter_map(HealthStatus::parse).collect();
    assert_eq!(read.len(), order.len());
    assert!(read.is_sorted());
    for (status, word) in read.iter().zip(order) {
        assert_eq!(status.to_string(), word);
        assert_eq!(json!(status), json!(word));
    }
    assert_eq!(HealthStatus::parse("healthy"), None);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "(True|False|Pending|Running|Failed|Progressing|Ready|OnDelete|\\PC{0,300})"
            .prop_map(Value::from),
    ];
    let key = prop::sample::select(vec![
        "spec",
        "status",
        "metadata",
        "replicas",
        "updatedReplicas",
        "availableReplicas",
        "readyReplicas",
        "conditions",
        "type",
        "reason",
        "message",
        "phase",
        "containerStatuses",
        "initContainerStatuses",
        "state",
        "waiting",
        "terminated",
        "lastState",
        "exitCode",
        "restartCount",
        "updateStrategy",
        "rollingUpdate",
        "partition",
        "finalizers",
        "ownerReferences",
        "uid",
        "labels",
        "annotations",
        "observedGeneration",
        "completions",
    ]);
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..6).prop_map(|pairs| {
                pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect::<Map<_, _>>().into()
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_object_can_be_judged(
        kind in prop::sample::select(vec![
            ("apps/v1", "Deployment"), ("apps/v1", "StatefulSet"), ("apps/v1", "DaemonSet"),
            ("apps/v1", "ReplicaSet"), ("v1", "Pod"), ("batch/v1", "Job"), ("batch/v1", "CronJob"),
            ("v1", "PersistentVolumeClaim"), ("v1", "Service"), ("networking.k8s.io/v1", "Ingress"),
            ("autoscaling/v1", "HorizontalPodAutoscaler"), ("autoscaling/v2", "HorizontalPodAutoscaler"),
            ("apiregistration.k8s.io/v1", "APIService"), ("argoproj.io/v1alpha1", "Workflow"),
        ]),
        spec in any_json(), status in any_json(), metadata in any_json(),
    ) {
        let object = json!({"apiVersion": kind.0, "kind": kind.1, "metadata": metadata,
            "spec": spec, "status": status});
        prop_assert!(assess(&object, &[]).is_some());
        let _ = progress(&object);
        let child = Child::reduce(&object);
        let _ = assess(&object, &child.iter().collect::<Vec<_>>());
    }
}
