//! Pods and the templates of pods.

use serde_json::{Value, json};

use super::{
    container,
    fields::{items, made, present, set, set_text, text},
    metadata, quantity, volume,
};

/// Seconds between the request to end and the kill.
const GRACE_S: i64 = 30;

pub(super) fn pod(object: &mut Value) {
    made(object, "status");
    let Some(spec) = made(object, "spec") else { return };
    for list in ["containers", "initContainers"] {
        items(spec, list).for_each(container::limits_are_requests);
    }
    set(spec, "enableServiceLinks", true);
    if spec.get("hostNetwork") == Some(&Value::Bool(true)) {
        for list in ["containers", "initContainers"] {
            items(spec, list).for_each(container::ports_of_the_host);
        }
    }
    pod_spec(spec);
    if let Some(status) = present(object, "status") {
        pod_status(status);
    }
}

/// The object of kind `PodTemplate`.
pub(super) fn pod_template(object: &mut Value) {
    if let Some(template) = made(object, "template") {
        self::template(template);
    }
}

/// The template under `spec.template` of a workload.
pub(super) fn template_of(spec: &mut Value) {
    if let Some(template) = made(spec, "template") {
        self::template(template);
    }
}

fn template(template: &mut Value) {
    metadata::of_template(template);
    if let Some(spec) = made(template, "spec") {
        pod_spec(spec);
    }
}

fn pod_spec(spec: &mut Value) {
    set_text(spec, "dnsPolicy", "ClusterFirst");
    set_text(spec, "restartPolicy", "Always");
    set(spec, "terminationGracePeriodSeconds", GRACE_S);
    if spec["terminationGracePeriodSeconds"].as_i64().is_some_and(|seconds| seconds < 0) {
        spec["terminationGracePeriodSeconds"] = json!(1);
    }
    set_text(spec, "schedulerName", "default-scheduler");
    made(spec, "securityContext");
    one_service_account(spec);
    items(spec, "volumes").for_each(volume::volume);
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        items(spec, list).for_each(container::container);
    }
    quantity::list(spec, "overhead");
    if let Some(resources) = present(spec, "resources") {
        container::resources(resources);
    }
    for affinity in ["podAffinity", "podAntiAffinity"] {
        let terms = spec.get_mut("affinity").and_then(|whole| whole.get_mut(affinity));
        let Some(terms) = terms else { continue };
        for term in items(terms, "preferredDuringSchedulingIgnoredDuringExecution") {
            made(term, "podAffinityTerm");
        }
    }
}

/// The old name of the field is written beside the new one; the new one wins.
fn one_service_account(spec: &mut Value) {
    let name = match (text(spec, "serviceAccountName"), text(spec, "serviceAccount")) {
        ("", "") => return,
        ("", old) => old.to_owned(),
        (new, _) => new.to_owned(),
    };
    spec["serviceAccountName"] = Value::from(name.as_str());
    spec["serviceAccount"] = Value::from(name);
}

/// The times of a state are written, also those that are not known.
fn state_times(state: &mut Value) {
    for (kind, times) in
        [("running", &["startedAt"][..]), ("terminated", &["startedAt", "finishedAt"])]
    {
        let Some(state) = present(state, kind) else { continue };
        for time in times {
            set(state, time, Value::Null);
        }
    }
}

fn pod_status(status: &mut Value) {
    for list in ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"] {
        for status in items(status, list) {
            for state in ["state", "lastState"] {
                made(status, state).into_iter().for_each(state_times);
            }
            for (key, zero) in [("image", ""), ("imageID", "")] {
                set(status, key, zero);
            }
            set(status, "ready", false);
            set(status, "restartCount", 0);
            quantity::list(status, "allocatedResources");
            if let Some(resources) = present(status, "resources") {
                container::resources(resources);
            }
        }
    }
    for (one, all) in [("podIP", "podIPs"), ("hostIP", "hostIPs")] {
        let address = text(status, one).to_owned();
        if !address.is_empty() && status.get(all).is_none() {
            status[all] = json!([{"ip": address}]);
        }
    }
    for condition in items(status, "conditions") {
        set(condition, "lastProbeTime", Value::Null);
        set(condition, "lastTransitionTime", Value::Null);
    }
}
