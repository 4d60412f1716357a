//! Values that say nothing: the server decodes into types in which an absent field and its zero
//! are the same, and does not write zeros back.
//!
//! Which fields these are was read from the Go types of the kinds that are served: by name, with
//! the few names that mean two things told apart by what stands around them.

use serde_json::Value;

/// Booleans whose `false` is not written.
const FALSE: &[&str] = &[
    "chapAuthDiscovery",
    "chapAuthSession",
    "globalDefault",
    "hostIPC",
    "hostNetwork",
    "hostPID",
    "paused",
    "publishNotReadyAddresses",
    "readOnly",
    "sslEnabled",
    "stdin",
    "stdinOnce",
    "tty",
    "unschedulable",
];

/// Numbers whose zero is not written.
const ZERO: &[&str] = &[
    "availableReplicas",
    "count",
    "currentReplicas",
    "failed",
    "failureThreshold",
    "fullyLabeledReplicas",
    "generation",
    "healthCheckNodePort",
    "hostPort",
    "initialDelaySeconds",
    "minReadySeconds",
    "nodePort",
    "numberAvailable",
    "numberUnavailable",
    "observedGeneration",
    "readyReplicas",
    "replicas",
    "signal",
    "sizeBytes",
    "succeeded",
    "successThreshold",
    "unavailableReplicas",
    "updatedNumberScheduled",
    "updatedReplicas",
];

/// Texts whose emptiness is not written.
const EMPTY: &[&str] = &[
    "action",
    "claimName",
    "clusterIP",
    "concurrencyPolicy",
    "containerID",
    "description",
    "dnsPolicy",
    "effect",
    "externalName",
    "externalTrafficPolicy",
    "generateName",
    "group",
    "host",
    "hostIP",
    "hostname",
    "imagePullPolicy",
    "key",
    "loadBalancerIP",
    "message",
    "nodeName",
    "nominatedNodeName",
    "operator",
    "path",
    "persistentVolumeReclaimPolicy",
    "phase",
    "podCIDR",
    "podIP",
    "podManagementPolicy",
    "prefix",
    "priorityClassName",
    "providerID",
    "pullPolicy",
    "qosClass",
    "reason",
    "restartPolicy",
    "role",
    "scheme",
    "schedulerName",
    "secretName",
    "serviceAccount",
    "serviceAccountName",
    "sessionAffinity",
    "storageClassName",
    "subPath",
    "subPathExpr",
    "subdomain",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "type",
    "value",
    "volumeName",
    "whenDeleted",
    "whenScaled",
    "workingDir",
];

/// Lists that are written even when they are empty: as `null`.
const KEPT_LISTS: &[&str] = &[
    "addresses",
    "admissionReviewVersions",
    "containers",
    "currentMetrics",
    "endpoints",
    "limits",
    "monitors",
    "names",
    "nodeSelectorTerms",
    "paths",
    "ports",
    "rules",
    "sources",
    "verbs",
];

/// Maps with keys of the author's own: nothing inside them is a field, and empty they say nothing.
const MAPS: &[&str] = &[
    "allocatable",
    "allocatedResourceStatuses",
    "allocatedResources",
    "annotations",
    "binaryData",
    "capacity",
    "data",
    "default",
    "defaultRequest",
    "deprecatedTopology",
    "hard",
    "labels",
    "limits",
    "matchLabels",
    "max",
    "maxLimitRequestRatio",
    "min",
    "nodeSelector",
    "options",
    "overhead",
    "parameters",
    "requests",
    "stringData",
    "used",
    "volumeAttributes",
];

/// What becomes of an empty list that is always written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Empty {
    /// It stays as it was said.
    Said,
    /// It is stored as nothing.
    Null,
}

/// Drops what says nothing below `object`, which is of `kind`.
pub(super) fn omit(kind: &str, object: &mut Value, empty: Empty) {
    fields(&Place { kind, list: "", parent: "", empty }, object);
}

/// Where a field stands: names that mean two things are told apart by it.
#[derive(Clone, Copy)]
struct Place<'a> {
    kind: &'a str,
    /// The list whose items are looked at, else empty.
    list: &'a str,
    /// The field that holds the object looked at; empty at the root.
    parent: &'a str,
    empty: Empty,
}

fn fields(place: &Place<'_>, object: &mut Value) {
    let Some(map) = object.as_object_mut() else { return };
    map.retain(|key, value| {
        if place.is_opaque(key) {
            return !value.is_null();
        }
        if place.is_map(key, value) {
            return entries(value);
        }
        match value {
            Value::Object(_) => fields(&Place { list: "", parent: key, ..*place }, value),
            Value::Array(list) => {
                let inner = Place { list: key, parent: place.parent, ..*place };
                for item in list {
                    fields(&inner, item);
                }
            }
            _ => {}
        }
        if value.as_array().is_some_and(Vec::is_empty) && place.keeps_list(key) {
            if place.empty == Empty::Said {
                return true;
            }
            *value = Value::Null;
        }
        !place.is_silent(key, value)
    });
}

/// Empties `null` entries; false when the map says nothing.
fn entries(value: &mut Value) -> bool {
    let Some(map) = value.as_object_mut() else { return !value.is_null() };
    map.values_mut().filter(|value| value.is_null()).for_each(|value| *value = Value::from(""));
    !map.is_empty()
}

impl Place<'_> {
    /// JSON of which the server knows nothing: the schemas of custom resources and the like.
    fn is_opaque(&self, key: &str) -> bool {
        match self.kind {
            "CustomResourceDefinition" => key == "openAPIV3Schema",
            "ControllerRevision" => key == "data",
            _ => key == "fieldsV1",
        }
    }

    fn is_map(&self, key: &str, value: &Value) -> bool {
        if matches!(value, Value::Array(_)) {
            return false;
        }
        match key {
            "selector" => {
                matches!(self.kind, "Service" | "ReplicationController") && self.parent == "spec"
            }
            "parameters" => self.kind == "StorageClass",
            "capacity" => self.parent != "swap",
            _ => MAPS.contains(&key),
        }
    }

    fn is_silent(&self, key: &str, value: &Value) -> bool {
        match value {
            Value::Null => !self.shows_null(key),
            Value::Bool(false) => FALSE.contains(&key) && !self.is_pointer(key),
            Value::Number(number) => {
                number.as_i64() == Some(0) && ZERO.contains(&key) && !self.is_pointer(key)
            }
            Value::String(text) => text.is_empty() && EMPTY.contains(&key) && !self.is_pointer(key),
            Value::Array(list) => list.is_empty(),
            _ => false,
        }
    }

    /// Times without a value are written as `null` by some types.
    fn shows_null(&self, key: &str) -> bool {
        match key {
            "eventTime" | "firstTimestamp" | "lastTimestamp" => self.kind == "Event",
            "lastProbeTime" | "lastTransitionTime" | "lastUpdateTime" | "lastHeartbeatTime" => {
                self.list == "conditions"
            }
            "startedAt" | "finishedAt" => true,
            _ => self.keeps_list(key) && !matches!(key, "limits" | "containers"),
        }
    }

    /// Empty lists that are written, told by kind where a name means two things.
    fn keeps_list(&self, key: &str) -> bool {
        KEPT_LISTS.contains(&key)
            && match key {
                "addresses" => self.kind == "EndpointSlice",
                "endpoints" | "ports" => self.kind == "EndpointSlice" && self.parent.is_empty(),
                "limits" => self.kind == "LimitRange",
                "rules" => {
                    matches!(self.kind, "Role" | "ClusterRole")
                        || matches!(self.parent, "podFailurePolicy" | "successPolicy")
                }
                "names" => self.list == "images" || self.kind == "Node",
                _ => true,
            }
    }

    /// Fields that are pointers here though they are plain elsewhere: their zero is a value.
    fn is_pointer(&self, key: &str) -> bool {
        match key {
            "readOnly" => {
                matches!(self.parent, "azureDisk" | "csi") && self.kind != "PersistentVolume"
            }
            "observedGeneration" => self.kind == "HorizontalPodAutoscaler",
            "availableReplicas" => self.kind == "StatefulSet",
            "replicas" => self.kind != "Deployment" || self.parent != "status",
            "type" => self.parent == "hostPath" || self.list == "conditions",
            "value" => matches!(self.list, "httpHeaders" | "sysctls" | "options"),
            "key" | "operator" => self.list != "tolerations",
            "path" => !matches!(self.parent, "httpGet" | "cephfs") && self.list != "paths",
            "action" => self.kind != "Event",
            "claimName" => true,
            "storageClassName" => self.kind != "PersistentVolume",
            "hostname" | "nodeName" => matches!(self.list, "endpoints" | "addresses"),
            "message" | "reason" => self.list == "conditions" && self.kind == "PodDisruptionBudget",
            "effect" => self.list == "taints",
            "failed" | "succeeded" => self.parent == "uncountedTerminatedPods",
            "volumeName" => self.parent == "fileKeyRef",
            "secretName" => matches!(self.parent, "azureFile"),
            _ => false,
        }
    }
}
