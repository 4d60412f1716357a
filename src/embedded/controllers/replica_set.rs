//! ReplicaSets: as many pods as asked for.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    Action, Event,
    condition::{self, Condition},
    pods::{self, claim},
    read::{at, count, number},
    selector, template,
};
use crate::object::meta;

const SOURCE: &str = "replicaset-controller";
/// Most pods that one look makes or deletes.
const BURST: usize = 500;

/// What is to be done about a ReplicaSet. `found` are the pods that it owns or could own;
/// `failure` says why the last pod could not be made.
pub(super) fn reconcile(
    set: &Value,
    found: &[Value],
    failure: Option<&str>,
    now: Timestamp,
) -> Vec<Action> {
    let claimed = claim(set, at(set, "/spec/selector"), found);
    if !claimed.changed.is_empty() {
        return claimed.changed.into_iter().map(Action::Update).collect();
    }
    let active: Vec<&Value> =
        claimed.own.iter().copied().filter(|pod| pods::is_active(pod)).collect();
    let stopping =
        claimed.own.iter().filter(|pod| meta::is_terminating(pod) && !pods::is_finished(pod));
    let mut actions = Vec::new();
    actions.extend(status(set, &active, stopping.count(), failure, now));
    if !meta::is_terminating(set) {
        actions.extend(manage(set, &active));
    }
    let ready_s = count(set, "/spec/minReadySeconds");
    let next = pods::next_available(active.iter().copied(), ready_s, now);
    actions.extend(next.map(Action::WakeAt));
    actions
}

fn manage(set: &Value, active: &[&Value]) -> Vec<Action> {
    let wanted = number(set, "/spec/replicas").unwrap_or(1);
    let wanted = usize::try_from(wanted).unwrap_or_default();
    if active.len() < wanted {
        let missing = (wanted - active.len()).min(BURST);
        let create = || Action::Create {
            object: template::pod(set, template::of(set)),
            announce: Some(created_pod(set, SOURCE)),
        };
        return std::iter::repeat_with(create).take(missing).collect();
    }
    let mut ranked = active.to_vec();
    ranked.sort_by(|a, b| pods::deletion_order(a, b));
    let surplus = (active.len() - wanted).min(BURST);
    ranked[..surplus].iter().flat_map(|pod| delete_pod(set, pod, SOURCE)).collect()
}

/// Tells that a pod was made, whose name is not known yet.
pub(super) fn created_pod(owner: &Value, source: &'static str) -> Event {
    Event::normal(owner, source, "SuccessfulCreate", "Created pod: {}".to_owned())
}

/// Deletes a pod and tells so.
pub(super) fn delete_pod(owner: &Value, pod: &Value, source: &'static str) -> Vec<Action> {
    let words = format!("Deleted pod: {}", meta::name(pod));
    let told = Action::Tell(Event::normal(owner, source, "SuccessfulDelete", words));
    Action::delete(pod).into_iter().chain([told]).collect()
}

fn status(
    set: &Value,
    active: &[&Value],
    stopping: usize,
    failure: Option<&str>,
    now: Timestamp,
) -> Option<Action> {
    let ready_s = count(set, "/spec/minReadySeconds");
    let labels = at(template::of(set), "/metadata/labels");
    let tally = |test: &dyn Fn(&Value) -> bool| active.iter().filter(|pod| test(pod)).count();
    let mut status = Map::new();
    if let Some(conditions) = set.pointer("/status/conditions") {
        status.insert("conditions".to_owned(), conditions.clone());
    }
    status.insert("replicas".to_owned(), json!(active.len()));
    status.insert("observedGeneration".to_owned(), json!(meta::generation(set)));
    for (key, number) in [
        ("fullyLabeledReplicas", tally(&|pod| selector::contains(selector::labels(pod), labels))),
        ("readyReplicas", tally(&pods::is_ready)),
        ("availableReplicas", tally(&|pod| pods::is_available(pod, ready_s, now))),
    ] {
        if number > 0 {
            status.insert(key.to_owned(), json!(number));
        }
    }
    status.insert("terminatingReplicas".to_owned(), json!(stopping));
    let mut status = Value::Object(status);
    match failure {
        Some(message) => {
            let kind = "ReplicaFailure";
            let failed = Condition { kind, status: "True", reason: "FailedCreate", message };
            if condition::find(&status, kind).is_none() {
                condition::set(&mut status, failed, now);
            }
        }
        None => condition::remove(&mut status, "ReplicaFailure"),
    }
    changed(set, status)
}

/// Writes a status that differs from what is there.
pub(super) fn changed(object: &Value, status: Value) -> Option<Action> {
    if without_zeros(&status) == without_zeros(at(object, "/status")) {
        return None;
    }
    let mut object = object.clone();
    object["status"] = status;
    Some(Action::UpdateStatus(object))
}

/// Zero, nothing and absent are the same in a status.
fn without_zeros(status: &Value) -> Map<String, Value> {
    let is_zero = |value: &Value| match value {
        Value::Null => true,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    };
    let fields = status.as_object().into_iter().flatten();
    let fields = fields.filter(|(_, value)| !is_zero(value));
    fields.map(|(key, value)| (key.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::controllers::testing::{at_second, pod_of, stamp_at};

    fn set(replicas: i64) -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {"name": "web", "namespace": "shop", "uid": "rs", "generation": 1},
            "spec": {
                "replicas": replicas, "minReadySeconds": 10,
                "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": {"labels": {"app": "web"}}, "spec": {}},
            },
        })
    }

    fn deleted(actions: &[Action]) -> Vec<&str> {
        let mut names = Vec::new();
        for action in actions {
            if let Action::Delete { id, .. } = action {
                names.push(id.name.as_str());
            }
        }
        names
    }

    #[test]
    fn missing_pods_are_made_and_announced() {
        let actions = reconcile(&set(3), &[pod_of(&set(3), "a", 0, true)], None, at_second(1));
        let made: Vec<_> =
            actions.iter().filter(|action| matches!(action, Action::Create { .. })).collect();
        assert_eq!(made.len(), 2);
        let Action::Create { object, announce } = made[0] else { unreachable!() };
        assert_eq!(object["metadata"]["generateName"], "web-");
        assert_eq!(object["metadata"]["ownerReferences"][0]["uid"], "rs");
        assert_eq!(announce.as_ref().unwrap().message, "Created pod: {}");
    }

    #[test]
    fn what_is_not_ready_goes_before_what_is_young() {
        let pods = [
            pod_of(&set(1), "old", 0, true),
            pod_of(&set(1), "young", 50, true),
            pod_of(&set(1), "unready", 20, false),
        ];
        assert_eq!(deleted(&reconcile(&set(2), &pods, None, at_second(99))), ["unready"]);
        assert_eq!(deleted(&reconcile(&set(1), &pods, None, at_second(99))), ["unready", "young"]);
    }

    #[test]
    fn a_ready_pod_becomes_available_when_its_time_is_over() {
        let pods = [pod_of(&set(1), "a", 0, true)];
        let actions = reconcile(&set(1), &pods, None, at_second(4));
        let Some(Action::UpdateStatus(object)) = actions.first() else { panic!("{actions:?}") };
        assert_eq!(object["status"]["readyReplicas"], 1);
        assert_eq!(object["status"]["availableReplicas"], Value::Null);
        assert_eq!(actions.last(), Some(&Action::WakeAt(at_second(10))));
        let actions = reconcile(object, &pods, None, at_second(10));
        let [Action::UpdateStatus(object)] = actions.as_slice() else { panic!("{actions:?}") };
        assert_eq!(object["status"]["availableReplicas"], 1);
        assert_eq!(reconcile(object, &pods, None, at_second(11)), []);
    }

    #[test]
    fn orphans_are_taken_over_and_strangers_given_up() {
        let mut orphan = pod_of(&set(1), "orphan", 0, true);
        orphan["metadata"]["ownerReferences"] = json!([]);
        let mut stranger = pod_of(&set(1), "stranger", 0, true);
        stranger["metadata"]["labels"] = json!({"app": "api"});
        let actions = reconcile(&set(1), &[orphan, stranger], None, at_second(1));
        let [Action::Update(orphan), Action::Update(stranger)] = actions.as_slice() else {
            panic!("{actions:?}")
        };
        assert_eq!(orphan["metadata"]["ownerReferences"][0]["uid"], "rs");
        assert_eq!(stranger["metadata"].get("ownerReferences"), None);
    }

    #[test]
    fn a_failure_to_make_pods_is_a_condition_until_it_works() {
        let actions = reconcile(&set(1), &[], Some("forbidden"), at_second(1));
        let Some(Action::UpdateStatus(object)) = actions.first() else { panic!("{actions:?}") };
        let failure = &object["status"]["conditions"][0];
        assert_eq!(failure["type"], "ReplicaFailure");
        assert_eq!(failure["lastTransitionTime"], stamp_at(1));
        let actions = reconcile(object, &[], None, at_second(2));
        let Some(Action::UpdateStatus(object)) = actions.first() else { panic!("{actions:?}") };
        assert_eq!(object["status"].get("conditions"), None);
    }
}
