//! Volumes: claims find one, or get one made.
//!
//! Rule: the volume binder of `pkg/controller/volume/persistentvolume` of Kubernetes.

use serde_json::{Value, json};

use super::{
    Action, Event,
    read::{at, has_finalizer, list, text, without_finalizer},
    replica_set::changed,
    selector,
};
use crate::object::{meta, quantity::Quantity};

const CLAIM_PROTECTED: &str = "kubernetes.io/pvc-protection";
const VOLUME_PROTECTED: &str = "kubernetes.io/pv-protection";
const BOUND_BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";
const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";
const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";
/// Who tells of claims.
const CONTROLLER: &str = "persistentvolume-controller";
/// The provisioner whose claims get a volume.
pub(super) const PROVISIONER: &str = "embedded.steadfast.dev/volumes";

/// The class that is there from the beginning, and the default.
pub(super) fn class() -> Value {
    json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
        "metadata": {"name": "embedded", "annotations": {DEFAULT_CLASS: "true"}},
        "provisioner": PROVISIONER, "reclaimPolicy": "Delete", "volumeBindingMode": "Immediate",
    })
}

fn is_bound(claim: &Value) -> bool {
    text(claim, "/status/phase") == "Bound"
}

/// True when all these claims are bound; a pod waits for that.
pub(super) fn all_bound(claims: &[Option<Value>]) -> bool {
    claims.iter().all(|claim| claim.as_ref().is_some_and(is_bound))
}

/// The names of the claims that a pod uses.
pub(super) fn of_pod(pod: &Value) -> impl Iterator<Item = &str> {
    let volumes = list(pod, "/spec/volumes").iter();
    volumes
        .map(|volume| text(volume, "/persistentVolumeClaim/claimName"))
        .filter(|name| !name.is_empty())
}

/// True when the volume names this claim, by uid if it has one.
fn belongs(volume: &Value, claim: &Value) -> bool {
    let to = |key: &str| text(volume, &format!("/spec/claimRef/{key}"));
    to("name") == meta::name(claim)
        && to("namespace") == meta::namespace(claim)
        && (to("uid").is_empty() || to("uid") == meta::uid(claim))
}

/// What is to be done about a claim, given all volumes and classes. `in_use`: a pod has it.
pub(super) fn reconcile(
    claim: &Value,
    volumes: &[Value],
    classes: &[Value],
    in_use: bool,
) -> Vec<Action> {
    if meta::is_terminating(claim) {
        let free = has_finalizer(claim, CLAIM_PROTECTED) && !in_use;
        return free
            .then(|| Action::Update(without_finalizer(claim, CLAIM_PROTECTED)))
            .into_iter()
            .collect();
    }
    let named = text(claim, "/spec/volumeName");
    if !named.is_empty() {
        let volume = volumes.iter().find(|volume| meta::name(volume) == named);
        return match volume {
            Some(volume) => bind(claim, volume),
            None => lost(claim),
        };
    }
    if claim.pointer("/spec/storageClassName").is_none_or(Value::is_null) {
        let default =
            classes.iter().find(|class| meta::annotation(class, DEFAULT_CLASS) == Some("true"));
        if let Some(class) = default {
            let mut claim = claim.clone();
            claim["spec"]["storageClassName"] = json!(meta::name(class));
            return vec![Action::Update(claim)];
        }
    }
    if let Some(volume) = choose(claim, volumes) {
        return bind(claim, volume);
    }
    match text(claim, "/spec/storageClassName") {
        "" => Vec::new(),
        name => match classes.iter().find(|class| meta::name(class) == name) {
            Some(class) if text(class, "/provisioner") == PROVISIONER => provision(claim, class),
            Some(_) => Vec::new(),
            None => vec![classless(claim, name)],
        },
    }
}

/// Says that the class of a claim is not there.
fn classless(claim: &Value, class: &str) -> Action {
    let words = format!("storageclass.storage.k8s.io {class:?} not found");
    Action::Tell(Event::warning(claim, CONTROLLER, "ProvisioningFailed", words))
}

/// The smallest volume that fits; one that names the claim goes before all others.
fn choose<'v>(claim: &Value, volumes: &'v [Value]) -> Option<&'v Value> {
    let free = |volume: &&Value| {
        !meta::is_terminating(volume)
            && (volume.pointer("/spec/claimRef").is_none_or(Value::is_null)
                || belongs(volume, claim))
    };
    let fitting = volumes.iter().filter(free).filter(|volume| fits(volume, claim));
    fitting.min_by(|a, b| {
        let size = |volume: &Value| Quantity::of(at(volume, "/spec/capacity/storage"));
        let others = |volume: &Value| !belongs(volume, claim);
        others(a).cmp(&others(b)).then_with(|| size(a).cmp(&size(b)))
    })
}

fn fits(volume: &Value, claim: &Value) -> bool {
    if belongs(volume, claim) {
        return true;
    }
    let mode = |object: &Value| match text(object, "/spec/volumeMode") {
        "" => "Filesystem".to_owned(),
        mode => mode.to_owned(),
    };
    let modes = list(volume, "/spec/accessModes");
    let wanted = at(claim, "/spec/selector");
    let selected = wanted.is_null() || selector::selects(wanted, selector::labels(volume));
    let size = Quantity::of(at(volume, "/spec/capacity/storage"));
    text(volume, "/spec/storageClassName") == text(claim, "/spec/storageClassName")
        && mode(volume) == mode(claim)
        && list(claim, "/spec/accessModes").iter().all(|mode| modes.contains(mode))
        && size >= Quantity::of(at(claim, "/spec/resources/requests/storage"))
        && selected
}

/// Joins the two, one write each; what is done already is left out.
fn bind(claim: &Value, volume: &Value) -> Vec<Action> {
    let taken = volume.pointer("/spec/claimRef").is_some_and(Value::is_object);
    if taken && !belongs(volume, claim) {
        return pending(claim);
    }
    let mut actions = Vec::new();
    if text(volume, "/spec/claimRef/uid") != meta::uid(claim) {
        let mut volume = volume.clone();
        if !taken {
            meta::set_annotation(&mut volume, BOUND_BY_CONTROLLER, "yes");
        }
        volume["spec"]["claimRef"] = super::reference(claim);
        actions.push(Action::Update(volume));
    }
    let named = text(claim, "/spec/volumeName") == meta::name(volume);
    if !named || meta::annotation(claim, BIND_COMPLETED).is_none() {
        let mut claim = claim.clone();
        meta::set_annotation(&mut claim, BIND_COMPLETED, "yes");
        if !named {
            meta::set_annotation(&mut claim, BOUND_BY_CONTROLLER, "yes");
            claim["spec"]["volumeName"] = json!(meta::name(volume));
        }
        actions.push(Action::Update(claim));
        return actions;
    }
    let mut status = at(claim, "/status").clone();
    if !status.is_object() {
        status = json!({});
    }
    status["phase"] = json!("Bound");
    status["accessModes"] = at(volume, "/spec/accessModes").clone();
    status["capacity"] = at(volume, "/spec/capacity").clone();
    actions.extend(changed(claim, status));
    actions
}

fn lost(claim: &Value) -> Vec<Action> {
    if !is_bound(claim) {
        return Vec::new();
    }
    let mut status = at(claim, "/status").clone();
    status["phase"] = json!("Lost");
    let name = text(claim, "/spec/volumeName");
    let words =
        format!("Bound claim has lost its PersistentVolume. Data on the volume {name} is lost!");
    let told = Event::warning(claim, CONTROLLER, "ClaimLost", words);
    changed(claim, status).into_iter().chain([Action::Tell(told)]).collect()
}

fn pending(claim: &Value) -> Vec<Action> {
    let status = json!({"phase": "Pending"});
    changed(claim, status).into_iter().collect()
}

fn provision(claim: &Value, class: &Value) -> Vec<Action> {
    let name = format!("pvc-{}", meta::uid(claim));
    let policy = match text(class, "/reclaimPolicy") {
        "" => "Delete",
        policy => policy,
    };
    let mode = match text(claim, "/spec/volumeMode") {
        "" => "Filesystem",
        mode => mode,
    };
    let volume = json!({
        "apiVersion": "v1", "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {PROVISIONED_BY: PROVISIONER}},
        "spec": {
            "accessModes": at(claim, "/spec/accessModes"),
            "capacity": {"storage": at(claim, "/spec/resources/requests/storage")},
            "claimRef": super::reference(claim),
            "hostPath": {"path": "/nonexistent"},
            "persistentVolumeReclaimPolicy": policy,
            "storageClassName": meta::name(class),
            "volumeMode": mode,
        },
    });
    let words = format!("Successfully provisioned volume {name}");
    let announce = Event::normal(claim, PROVISIONER, "ProvisioningSucceeded", words);
    vec![Action::Create { object: volume, announce: Some(announce) }]
}

/// What is to be done about a volume, given the claim that it names.
pub(super) fn reconcile_volume(volume: &Value, claim: Option<&Value>) -> Vec<Action> {
    let uid = text(volume, "/spec/claimRef/uid");
    let claim = claim.filter(|claim| uid.is_empty() || meta::uid(claim) == uid);
    let named = volume.pointer("/spec/claimRef").is_some_and(Value::is_object);
    let phase = match claim {
        Some(claim) if text(claim, "/spec/volumeName") == meta::name(volume) => "Bound",
        None if named && !uid.is_empty() => "Released",
        _ => "Available",
    };
    if meta::is_terminating(volume) {
        let free = phase != "Bound" && has_finalizer(volume, VOLUME_PROTECTED);
        return free
            .then(|| Action::Update(without_finalizer(volume, VOLUME_PROTECTED)))
            .into_iter()
            .collect();
    }
    let mut status = at(volume, "/status").clone();
    if !status.is_object() {
        status = json!({});
    }
    status["phase"] = json!(phase);
    let made = meta::annotation(volume, PROVISIONED_BY) == Some(PROVISIONER);
    let delete = text(volume, "/spec/persistentVolumeReclaimPolicy") == "Delete";
    let mut actions: Vec<Action> = changed(volume, status).into_iter().collect();
    if phase == "Released" && delete && made {
        actions.extend(Action::delete(volume));
    }
    actions
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(class: &str, size: &str) -> Value {
        json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": "data", "namespace": "shop", "uid": "u"},
            "spec": {
                "storageClassName": class, "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": size}},
            },
            "status": {"phase": "Pending"},
        })
    }

    fn volume(name: &str, class: &str, size: &str) -> Value {
        json!({
            "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name, "uid": name},
            "spec": {
                "storageClassName": class, "accessModes": ["ReadWriteOnce", "ReadOnlyMany"],
                "capacity": {"storage": size},
            },
        })
    }

    #[test]
    fn the_smallest_volume_that_fits_is_taken() {
        let mut modes = volume("modes", "manual", "1Gi");
        modes["spec"]["accessModes"] = json!(["ReadOnlyMany"]);
        let mut taken = volume("taken", "manual", "1Gi");
        taken["spec"]["claimRef"] = json!({"name": "other", "namespace": "shop", "uid": "x"});
        let volumes = [
            volume("large", "manual", "10Gi"),
            volume("fitting", "manual", "2048Mi"),
            volume("small", "manual", "500Mi"),
            volume("class", "other", "1Gi"),
            modes,
            taken,
        ];
        let chosen = choose(&claim("manual", "1Gi"), &volumes);
        assert_eq!(chosen.map(meta::name), Some("fitting"));
        let mut named = volume("named", "other", "50Gi");
        named["spec"]["claimRef"] = json!({"name": "data", "namespace": "shop"});
        let volumes = [volumes[1].clone(), named];
        assert_eq!(choose(&claim("manual", "1Gi"), &volumes).map(meta::name), Some("named"));
    }

    #[test]
    fn a_claim_is_bound_step_by_step_and_then_left_alone() {
        let (mut claim, mut volume) = (claim("manual", "1Gi"), volume("v", "manual", "1Gi"));
        for _ in 0..4 {
            for action in reconcile(&claim, std::slice::from_ref(&volume), &[], true)
                .into_iter()
                .chain(reconcile_volume(&volume, Some(&claim)))
            {
                match action {
                    Action::Update(object) | Action::UpdateStatus(object) => {
                        let slot = if object["kind"] == "PersistentVolume" {
                            &mut volume
                        } else {
                            &mut claim
                        };
                        *slot = object;
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
        assert_eq!(claim["status"]["phase"], "Bound");
        assert_eq!(claim["status"]["capacity"]["storage"], "1Gi");
        assert_eq!(volume["status"]["phase"], "Bound");
        assert_eq!(volume["spec"]["claimRef"]["uid"], "u");
        assert_eq!(reconcile(&claim, std::slice::from_ref(&volume), &[], true), []);
        let released = reconcile_volume(&volume, None);
        let [Action::UpdateStatus(released)] = released.as_slice() else { panic!("{released:?}") };
        assert_eq!(released["status"]["phase"], "Released");
    }

    #[test]
    fn only_the_class_of_the_embedded_provisioner_makes_volumes() {
        let mut other = class();
        other["metadata"] = json!({"name": "slow"});
        other["provisioner"] = json!("example.com/none");
        let classes = [other, class()];
        let made = |name: &str| reconcile(&claim(name, "1Gi"), &[], &classes, false);
        assert!(matches!(made("embedded").as_slice(), [Action::Create { .. }]));
        assert_eq!(made("slow"), []);
        let told = made("unknown");
        let [Action::Tell(event)] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!(event.reason, "ProvisioningFailed");
        let mut unset = claim("", "1Gi");
        unset["spec"]["storageClassName"] = Value::Null;
        let actions = reconcile(&unset, &[], &classes, false);
        let [Action::Update(object)] = actions.as_slice() else { panic!("{actions:?}") };
        assert_eq!(object["spec"]["storageClassName"], "embedded");
    }

    #[test]
    fn a_claim_in_use_is_kept_until_it_is_not() {
        let mut claim = claim("manual", "1Gi");
        claim["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        claim["metadata"]["finalizers"] = json!([CLAIM_PROTECTED]);
        assert_eq!(reconcile(&claim, &[], &[], true), []);
        assert!(matches!(reconcile(&claim, &[], &[], false).as_slice(), [Action::Update(_)]));
    }
}
