//! Revision numbers, and the ReplicaSet of a new template.

use serde_json::{Value, json};

use super::{Plan, SOURCE, Set, limits::Limits};
use crate::{
    embedded::controllers::{
        Event, condition,
        read::{at, controller_reference, count, set_label},
        template::{self, HASH_LABEL},
    },
    object::meta,
};

pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
const HISTORY: &str = "deployment.kubernetes.io/revision-history";
/// Annotations that belong to one object and are not copied.
const OWN: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    HISTORY,
    super::limits::DESIRED,
    super::limits::MAXIMUM,
    "deprecated.deployment.rollback.to",
];
/// Most letters of the list of revisions that a ReplicaSet served before.
const HISTORY_LENGTH_MAX: usize = 2000;

/// What looking for the present ReplicaSet found out.
pub(super) struct Revised {
    /// Reason and message for the condition `Progressing`.
    pub(super) progress: Option<(&'static str, String)>,
    /// The number that the Deployment has now.
    pub(super) revision: Option<String>,
}

pub(super) fn number_of(set: &Set) -> i64 {
    let revision = meta::annotation(&set.object, REVISION);
    revision.and_then(|revision| revision.parse().ok()).unwrap_or_default()
}

pub(super) fn text_of(set: &Set) -> String {
    meta::annotation(&set.object, REVISION).unwrap_or_default().to_owned()
}

fn next(plan: &Plan<'_>) -> i64 {
    plan.old.iter().map(number_of).max().unwrap_or_default() + 1
}

/// Brings the present ReplicaSet up to date, if there is one: number, annotations, readiness time.
pub(super) fn adopt(plan: &mut Plan<'_>) -> Revised {
    let next = next(plan);
    let deployment = plan.deployment;
    let Some(set) = &mut plan.new else { return Revised { progress: None, revision: None } };
    annotate(deployment, &mut set.object, next);
    let ready_s = count(deployment, "/spec/minReadySeconds");
    if count(&set.object, "/spec/minReadySeconds") != ready_s {
        set.object["spec"]["minReadySeconds"] = json!(ready_s);
    }
    let known = condition::find(at(deployment, "/status"), "Progressing").is_some();
    let found = || ("FoundNewReplicaSet", format!("Found new replica set {:?}", set.name()));
    Revised { progress: (!known).then(found), revision: Some(text_of(set)) }
}

/// The same, and makes one for a new template. `sets` are all ReplicaSets that could have its name.
pub(super) fn adopt_or_create(plan: &mut Plan<'_>, sets: &[Value]) -> Revised {
    if plan.new.is_some() {
        return adopt(plan);
    }
    let next = next(plan);
    let deployment = plan.deployment;
    let collisions = count(deployment, "/status/collisionCount");
    let mut set = made(deployment, collisions, &plan.limits);
    if sets.iter().any(|other| meta::name(other) == meta::name(&set)) {
        // A name is taken by another template: the next look tries with another hash.
        plan.collided = true;
        return Revised { progress: None, revision: None };
    }
    annotate(deployment, &mut set, next);
    let limits = plan.limits;
    limits.annotate(&mut set);
    let room = if limits.rolls { limits.maximum() - plan.total() } else { limits.replicas };
    let size = room.clamp(0, limits.replicas);
    set["spec"]["replicas"] = json!(size);
    let name = meta::name(&set).to_owned();
    if size > 0 {
        let words = format!("Scaled up replica set {name} from 0 to {size}");
        plan.events.push(Event::normal(deployment, SOURCE, "ScalingReplicaSet", words));
    }
    plan.new = Some(Set { was: Value::Null, object: set });
    let progress = ("NewReplicaSetCreated", format!("Created new replica set {name:?}"));
    Revised { progress: Some(progress), revision: Some(next.to_string()) }
}

fn made(deployment: &Value, collisions: i64, limits: &Limits) -> Value {
    let mut pods = template::of(deployment).clone();
    let hash = template::hash(&pods, collisions);
    set_label(&mut pods, HASH_LABEL, &hash);
    let mut selector = at(deployment, "/spec/selector").clone();
    selector["matchLabels"][HASH_LABEL] = json!(hash);
    let mut spec = json!({"replicas": limits.replicas, "selector": selector, "template": pods});
    let ready_s = count(deployment, "/spec/minReadySeconds");
    if ready_s > 0 {
        spec["minReadySeconds"] = json!(ready_s);
    }
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": format!("{}-{hash}", meta::name(deployment)),
            "namespace": meta::namespace(deployment),
            "labels": at(&pods, "/metadata/labels"),
            "annotations": {},
            "ownerReferences": [controller_reference(deployment)],
        },
        "spec": spec,
    })
}

/// Copies the annotations of the Deployment and gives the number, if it has a smaller one.
fn annotate(deployment: &Value, set: &mut Value, next: i64) {
    let annotations = at(deployment, "/metadata/annotations").as_object();
    for (key, value) in annotations.into_iter().flatten() {
        if let Some(value) = value.as_str().filter(|_| !OWN.contains(&key.as_str())) {
            meta::set_annotation(set, key, value);
        }
    }
    let before = meta::annotation(set, REVISION).map(str::to_owned);
    let number = before.as_deref().unwrap_or("0").parse::<i64>();
    if number.is_ok_and(|number| number < next) {
        meta::set_annotation(set, REVISION, &next.to_string());
        if let Some(before) = before {
            remember(set, &before);
        }
    }
}

/// Notes the number that the ReplicaSet had before it was rolled back to.
fn remember(set: &mut Value, before: &str) {
    let known = meta::annotation(set, HISTORY).unwrap_or_default().to_owned();
    let mut numbers: Vec<&str> = known.split(',').filter(|number| !number.is_empty()).collect();
    numbers.push(before);
    while numbers.join(",").len() > HISTORY_LENGTH_MAX {
        numbers.remove(0);
    }
    meta::set_annotation(set, HISTORY, &numbers.join(","));
}
