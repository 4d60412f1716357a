//! What makes a pod of a StatefulSet that pod: its number, its name, its volumes.

use serde_json::{Value, json};

use crate::{
    embedded::controllers::{
        Action,
        read::{at, controller_reference, list, set, set_label, text},
        template::{self, REVISION_LABEL},
    },
    object::meta,
};

/// The number in the name of a pod, if the rest of the name is that of the set.
pub(super) fn ordinal_of(set: &Value, pod: &Value) -> Option<i64> {
    let number = meta::name(pod).strip_prefix(meta::name(set))?.strip_prefix('-')?;
    number.parse().ok().filter(|number| *number >= 0)
}

/// The pod of a place.
pub(super) fn made(set: &Value, template: &Value, revision: &str, ordinal: i64) -> Value {
    let name = format!("{}-{ordinal}", meta::name(set));
    let mut pod = template::pod(set, template);
    super::super::read::set(&mut pod, "metadata", "generateName", Value::Null);
    pod["metadata"]["name"] = json!(name);
    set_label(&mut pod, "statefulset.kubernetes.io/pod-name", &name);
    set_label(&mut pod, "apps.kubernetes.io/pod-index", &ordinal.to_string());
    set_label(&mut pod, REVISION_LABEL, revision);
    pod["spec"]["hostname"] = json!(name);
    let service = text(set, "/spec/serviceName");
    if !service.is_empty() {
        pod["spec"]["subdomain"] = json!(service);
    }
    let claims = claims_of(set, ordinal);
    if claims.is_empty() {
        return pod;
    }
    let templates = list(set, "/spec/volumeClaimTemplates");
    let mut volumes: Vec<Value> = templates
        .iter()
        .zip(&claims)
        .map(|(template, claim)| {
            let source = json!({"claimName": meta::name(claim)});
            json!({"name": meta::name(template), "persistentVolumeClaim": source})
        })
        .collect();
    let is_claimed = |volume: &&Value| {
        templates.iter().any(|template| meta::name(template) == text(volume, "/name"))
    };
    let others = list(&pod, "/spec/volumes").iter().filter(|volume| !is_claimed(volume));
    volumes.extend(others.cloned());
    pod["spec"]["volumes"] = Value::from(volumes);
    pod
}

/// The volume claims of a place.
pub(super) fn claims_of(set: &Value, ordinal: i64) -> Vec<Value> {
    let selected = at(set, "/spec/selector/matchLabels").as_object();
    let templates = list(set, "/spec/volumeClaimTemplates");
    let made = |template: &Value| {
        let mut claim = template.clone();
        let name = format!("{}-{}-{ordinal}", meta::name(template), meta::name(set));
        claim["apiVersion"] = json!("v1");
        claim["kind"] = json!("PersistentVolumeClaim");
        claim["metadata"]["name"] = json!(name);
        claim["metadata"]["namespace"] = json!(meta::namespace(set));
        for (key, value) in selected.into_iter().flatten() {
            set_label(&mut claim, key, value.as_str().unwrap_or_default());
        }
        if let Some(claim) = claim.as_object_mut() {
            claim.remove("status");
        }
        claim
    };
    templates.iter().map(made).collect()
}

/// Makes the claims of a pod go with the set, or with the pod when that is scaled away, as
/// `persistentVolumeClaimRetentionPolicy` asks.
pub(super) fn retained(
    owner: &Value,
    pod: &Value,
    condemned: bool,
    claims: &[Value],
) -> Vec<Action> {
    let policy = at(owner, "/spec/persistentVolumeClaimRetentionPolicy");
    let deletes = |key: &str| text(policy, key) == "Delete";
    let wanted = match (deletes("/whenScaled"), deletes("/whenDeleted")) {
        (true, _) if condemned => Some(pod),
        (_, true) => Some(owner),
        _ => None,
    };
    let Some(ordinal) = ordinal_of(owner, pod) else { return Vec::new() };
    let names: Vec<String> =
        claims_of(owner, ordinal).iter().map(|claim| meta::name(claim).to_owned()).collect();
    let own = claims.iter().filter(|claim| names.iter().any(|name| name == meta::name(claim)));
    let fix = |claim: &Value| {
        let before = list(claim, "/metadata/ownerReferences");
        let ours = |reference: &Value| {
            [meta::uid(owner), meta::uid(pod)].contains(&text(reference, "/uid"))
        };
        let foreign = before.iter().filter(|reference| !ours(reference)).cloned();
        let after: Vec<Value> = foreign.chain(wanted.map(controller_reference)).collect();
        let uids = |list: &[Value]| -> Vec<String> {
            list.iter().map(|reference| text(reference, "/uid").to_owned()).collect()
        };
        if uids(before) == uids(&after) {
            return None;
        }
        let mut claim = claim.clone();
        set(&mut claim, "metadata", "ownerReferences", Value::from(after));
        Some(Action::Update(claim))
    };
    own.filter_map(fix).collect()
}
