//! What happens to a new object once its defaults are filled in: what admission adds, and what the
//! strategy of its kind sets. `metadata.uid` and `metadata.name` stand already.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    allocate, container,
    fields::{items, made, remove, set, text},
    update,
};
use crate::object::{GroupVersionKind, meta};

const TOKEN_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// An hour, and a few seconds that tell the server's own request from anybody else's.
const TOKEN_S: i64 = 3607;
/// For how long a pod stays on a node that is lost.
const LOST_S: i64 = 300;

/// Facts that admission needs and an object doesn't say.
pub(crate) struct Admission<'a> {
    /// Five letters of chance, for the name of the token's volume.
    pub(crate) suffix: &'a str,
    /// Whether the pod's service account wants its token mounted (true unless it says otherwise).
    pub(crate) mounts_token: bool,
    /// The storage class that is marked as the default.
    pub(crate) storage_class: Option<&'a str>,
    /// The ingress class that is marked as the default.
    pub(crate) ingress_class: Option<&'a str>,
}

/// What the real server's standard admission adds to a new object.
pub(crate) fn admit(gvk: &GroupVersionKind, object: &mut Value, facts: &Admission<'_>) {
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("", "Pod") => pod(object, facts),
        ("", "PersistentVolumeClaim") => {
            finalizer(object, "kubernetes.io/pvc-protection");
            if let (Some(spec), Some(class)) = (made(object, "spec"), facts.storage_class) {
                set(spec, "storageClassName", class);
            }
        }
        ("", "PersistentVolume") => finalizer(object, "kubernetes.io/pv-protection"),
        ("networking.k8s.io", "Ingress") => {
            let annotated = meta::annotation(object, "kubernetes.io/ingress.class").is_some();
            if let (Some(spec), Some(class), false) =
                (made(object, "spec"), facts.ingress_class, annotated)
            {
                set(spec, "ingressClassName", class);
            }
        }
        _ => {}
    }
}

fn finalizer(object: &mut Value, name: &str) {
    let Some(metadata) = made(object, "metadata") else { return };
    set(metadata, "finalizers", json!([]));
    if let Some(finalizers) = metadata["finalizers"].as_array_mut()
        && !finalizers.iter().any(|finalizer| finalizer == name)
    {
        finalizers.push(Value::from(name));
    }
}

fn pod(object: &mut Value, facts: &Admission<'_>) {
    let Some(spec) = made(object, "spec") else { return };
    set(spec, "priority", 0);
    set(spec, "preemptionPolicy", "PreemptLowerPriority");
    set(spec, "serviceAccountName", "default");
    let account = spec["serviceAccountName"].clone();
    set(spec, "serviceAccount", account);
    tolerate_losses(spec);
    let wanted = spec.get("automountServiceAccountToken").and_then(Value::as_bool);
    if wanted.unwrap_or(facts.mounts_token) {
        mount_token(spec, &format!("kube-api-access-{}", facts.suffix));
    }
}

/// A pod stays for a while on a node that is lost, whatever else it tolerates.
pub(super) fn tolerate_losses(spec: &mut Value) {
    tolerate_loss(spec, "node.kubernetes.io/not-ready");
    tolerate_loss(spec, "node.kubernetes.io/unreachable");
}

fn tolerate_loss(spec: &mut Value, taint: &str) {
    set(spec, "tolerations", json!([]));
    let Some(tolerations) = spec["tolerations"].as_array_mut() else { return };
    let tolerated = tolerations.iter().any(|toleration| {
        matches!(text(toleration, "effect"), "" | "NoExecute")
            && (text(toleration, "key") == taint || text(toleration, "key").is_empty())
    });
    if !tolerated {
        tolerations.push(json!({
            "key": taint, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": LOST_S,
        }));
    }
}

fn mount_token(spec: &mut Value, name: &str) {
    let mut mounted = false;
    for list in ["initContainers", "containers"] {
        for container in items(spec, list) {
            set(container, "volumeMounts", json!([]));
            let Some(mounts) = container["volumeMounts"].as_array_mut() else { continue };
            if !mounts.iter().any(|mount| text(mount, "mountPath") == TOKEN_PATH) {
                mounts.push(json!({"name": name, "readOnly": true, "mountPath": TOKEN_PATH}));
                mounted = true;
            }
        }
    }
    set(spec, "volumes", json!([]));
    if let (true, Some(volumes)) = (mounted, spec["volumes"].as_array_mut()) {
        volumes.push(token_volume(name));
    }
    if spec["volumes"] == json!([]) {
        remove(spec, "volumes");
    }
}

fn token_volume(name: &str) -> Value {
    let namespace = json!({"apiVersion": "v1", "fieldPath": "metadata.namespace"});
    let authority = json!([{"key": "ca.crt", "path": "ca.crt"}]);
    let sources = json!([
        {"serviceAccountToken": {"expirationSeconds": TOKEN_S, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": authority}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": namespace}]}},
    ]);
    json!({"name": name, "projected": {"defaultMode": 0o644, "sources": sources}})
}

/// What the kind's strategy does to a new object: its status begins anew, its generation at 1, and
/// the fields that only the server may set are set. [`super::fill`] has to run once more after it.
pub(crate) fn prepare(gvk: &GroupVersionKind, object: &mut Value, now: Timestamp) {
    if update::resets_status(gvk) {
        remove(object, "status");
    }
    if let Some(metadata) = made(object, "metadata") {
        // Where nothing counts, what a client says stays.
        if update::counts(gvk) || gvk.group == "autoscaling" {
            remove(metadata, "generation");
        }
        if update::counts(gvk) {
            set(metadata, "generation", 1);
        }
    }
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("", "Pod") => pod_status(object, now),
        ("", "Namespace") => namespace(object),
        ("", "PersistentVolume") => {
            let now = Value::from(update::seconds(now));
            object["status"] = json!({"phase": "Pending", "lastPhaseTransitionTime": now});
        }
        ("", "Service") => allocate::first_of_the_list(object),
        ("apps", "DaemonSet") => update::template_generation(object, 1),
        ("batch", "Job") => job(object),
        _ => {}
    }
}

fn pod_status(object: &mut Value, now: Timestamp) {
    let quality = object.get("spec").map_or("BestEffort", container::quality);
    let mut status = json!({"phase": "Pending", "qosClass": quality});
    let gated = object.pointer("/spec/schedulingGates").and_then(Value::as_array);
    if gated.is_some_and(|gates| !gates.is_empty()) {
        status["conditions"] = json!([{
            "type": "PodScheduled", "status": "False", "reason": "SchedulingGated",
            "message": "Scheduling is blocked due to non-empty scheduling gates",
            "lastProbeTime": null, "lastTransitionTime": update::seconds(now),
        }]);
    }
    object["status"] = status;
}

fn namespace(object: &mut Value) {
    let Some(spec) = made(object, "spec") else { return };
    set(spec, "finalizers", json!([]));
    if let Some(finalizers) = spec["finalizers"].as_array_mut()
        && !finalizers.iter().any(|finalizer| finalizer == "kubernetes")
    {
        finalizers.push(Value::from("kubernetes"));
    }
}

/// A job selects its pods by its own uid, unless its author chose the selector.
fn job(object: &mut Value) {
    if object.pointer("/spec/manualSelector") == Some(&Value::Bool(true)) {
        return;
    }
    // Labels that were taken from the template stay those of the template.
    let shared = object.pointer("/metadata/labels").is_some()
        && object.pointer("/metadata/labels") == object.pointer("/spec/template/metadata/labels");
    let (name, uid) = (meta::name(object).to_owned(), meta::uid(object).to_owned());
    let Some(spec) = made(object, "spec") else { return };
    if let Some(labels) = made(spec, "template")
        .and_then(|template| made(template, "metadata"))
        .and_then(|metadata| made(metadata, "labels"))
    {
        for (key, value) in [
            ("job-name", &name),
            ("batch.kubernetes.io/job-name", &name),
            ("controller-uid", &uid),
            ("batch.kubernetes.io/controller-uid", &uid),
        ] {
            set(labels, key, value.as_str());
        }
    }
    if let Some(labels) = made(spec, "selector").and_then(|selector| made(selector, "matchLabels"))
    {
        set(labels, "batch.kubernetes.io/controller-uid", uid);
    }
    if shared {
        object["metadata"]["labels"] = object["spec"]["template"]["metadata"]["labels"].clone();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(mounts_token: bool) -> Admission<'static> {
        let (storage_class, ingress_class) = (Some("fast"), Some("nginx"));
        Admission { suffix: "abcde", mounts_token, storage_class, ingress_class }
    }

    #[test]
    fn a_pod_mounts_the_token_of_its_account_unless_it_says_otherwise() {
        let gvk = GroupVersionKind::parse("v1", "Pod");
        for (said, account, mounted) in [
            (None, true, true),
            (None, false, false),
            (Some(false), true, false),
            (Some(true), false, true),
        ] {
            let mut pod = json!({"spec": {"containers": [{"name": "a"}]}});
            if let Some(said) = said {
                pod["spec"]["automountServiceAccountToken"] = json!(said);
            }
            admit(&gvk, &mut pod, &facts(account));
            let volume = pod.pointer("/spec/volumes/0/name").and_then(Value::as_str);
            assert_eq!(volume, mounted.then_some("kube-api-access-abcde"));
            let mount = pod.pointer("/spec/containers/0/volumeMounts/0/mountPath");
            assert_eq!(mount.is_some(), mounted);
            assert_eq!(pod["spec"]["serviceAccountName"], "default");
            assert_eq!(pod["spec"]["tolerations"].as_array().unwrap().len(), 2);
        }
    }

    #[test]
    fn classes_are_chosen_for_those_that_name_none() {
        let claim = GroupVersionKind::parse("v1", "PersistentVolumeClaim");
        let ingress = GroupVersionKind::parse("networking.k8s.io/v1", "Ingress");
        let (mut plain, mut none) =
            (json!({"spec": {}}), json!({"spec": {"storageClassName": ""}}));
        for object in [&mut plain, &mut none] {
            admit(&claim, object, &facts(true));
            assert_eq!(object["metadata"]["finalizers"], json!(["kubernetes.io/pvc-protection"]));
        }
        assert_eq!(plain["spec"]["storageClassName"], "fast");
        assert_eq!(none["spec"]["storageClassName"], "");
        let mut plain = json!({"spec": {}});
        admit(&ingress, &mut plain, &facts(true));
        assert_eq!(plain["spec"]["ingressClassName"], "nginx");
    }
}
