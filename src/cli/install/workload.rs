//! The pod of the controller, and how it is reached.

use serde_json::{Value, json};

use super::{NAME, PORT, labels, metadata};

/// The user of the image. Not root, and not a user of anything else.
const USER: u32 = 65532;
/// Pods that share the applications.
const REPLICAS: u32 = 2;
/// Where the mirrors are. A cache: it may be lost at any time.
const DATA_DIR: &str = "/var/lib/steadfast";

pub(super) fn deployment(namespace: &str, image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(NAME, namespace),
        "spec": {
            // They share the applications, and when one ends the other has all of them at once.
            "replicas": REPLICAS,
            "selector": { "matchLabels": labels() },
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": { "maxUnavailable": 0, "maxSurge": 1 },
            },
            "template": {
                "metadata": { "labels": labels() },
                "spec": {
                    "serviceAccountName": NAME,
                    "securityContext": {
                        "runAsNonRoot": true,
                        "runAsUser": USER,
                        "runAsGroup": USER,
                        "fsGroup": USER,
                        "seccompProfile": { "type": "RuntimeDefault" },
                    },
                    "nodeSelector": { "kubernetes.io/os": "linux" },
                    // One node that dies should not take both along.
                    "affinity": { "podAntiAffinity": {
                        "preferredDuringSchedulingIgnoredDuringExecution": [{
                            "weight": 100,
                            "podAffinityTerm": {
                                "topologyKey": "kubernetes.io/hostname",
                                "labelSelector": { "matchLabels": labels() },
                            },
                        }],
                    } },
                    "terminationGracePeriodSeconds": 30,
                    "containers": [container(image)],
                    "volumes": [
                        { "name": "data", "emptyDir": { "sizeLimit": "4Gi" } },
                        // git and ssh want a place for their temporary files.
                        { "name": "tmp", "emptyDir": { "sizeLimit": "256Mi" } },
                    ],
                },
            },
        },
    })
}

fn container(image: &str) -> Value {
    let probe = |path: &str| json!({ "path": path, "port": "http" });
    json!({
        "name": "controller",
        "image": image,
        "args": ["controller", "--leader-elect", format!("--data-dir={DATA_DIR}")],
        "env": [field("POD_NAME", "metadata.name"), field("POD_IP", "status.podIP")],
        "ports": [{ "name": "http", "containerPort": PORT, "protocol": "TCP" }],
        "startupProbe": { "httpGet": probe("/healthz"), "periodSeconds": 1, "failureThreshold": 60 },
        "livenessProbe": { "httpGet": probe("/healthz"), "periodSeconds": 10, "timeoutSeconds": 5 },
        "readinessProbe": { "httpGet": probe("/readyz"), "periodSeconds": 5, "timeoutSeconds": 5 },
        "resources": {
            "requests": { "cpu": "100m", "memory": "64Mi" },
            // No limit on the CPU: it would stretch the bursts that a commit causes, and nothing else.
            // What it keeps on disk is limited by the volumes.
            "limits": { "memory": "512Mi" },
        },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": { "drop": ["ALL"] },
            "readOnlyRootFilesystem": true,
        },
        "volumeMounts": [
            { "name": "data", "mountPath": DATA_DIR },
            { "name": "tmp", "mountPath": "/tmp" },
        ],
    })
}

/// A variable of the environment that holds a field of the pod.
fn field(name: &str, path: &str) -> Value {
    json!({ "name": name, "valueFrom": { "fieldRef": { "fieldPath": path } } })
}

/// Whoever empties nodes leaves one pod at a time alone.
pub(super) fn disruption_budget(namespace: &str) -> Value {
    json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(NAME, namespace),
        "spec": { "maxUnavailable": 1, "selector": { "matchLabels": labels() } },
    })
}

pub(super) fn service(namespace: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(NAME, namespace),
        "spec": {
            "selector": labels(),
            "ports": [{ "name": "http", "port": PORT, "targetPort": "http", "protocol": "TCP" }],
        },
    })
}

pub(super) fn service_monitor(namespace: &str) -> Value {
    json!({
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": metadata(NAME, namespace),
        "spec": {
            "selector": { "matchLabels": labels() },
            "endpoints": [{ "port": "http", "path": "/metrics" }],
        },
    })
}
