//! DaemonSets, on the one node that there is.
//!
//! Rule: `pkg/controller/daemon` of Kubernetes, for a single node.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    Action, Event,
    history::History,
    pods::{self, claim},
    read::{at, count, set_label, text},
    replica_set::{changed, created_pod, delete_pod},
    selector,
    template::{self, REVISION_LABEL},
};
use crate::object::meta;

const SOURCE: &str = "daemonset-controller";
/// The label with the number of the template, older than the one with its hash.
const GENERATION_LABEL: &str = "pod-template-generation";
const GENERATION: &str = "deprecated.daemonset.template.generation";
/// What a node may be tainted with and still run daemons.
const TOLERATED: [(&str, &str); 6] = [
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
];

/// What is to be done about a DaemonSet. `found` are the pods that it owns or could own,
/// `revisions` the `ControllerRevision`s of its namespace.
pub(super) fn reconcile(
    set: &Value,
    found: &[Value],
    revisions: &[Value],
    node: Option<&Value>,
    now: Timestamp,
) -> Vec<Action> {
    let claimed = claim(set, at(set, "/spec/selector"), found);
    if !claimed.changed.is_empty() {
        return claimed.changed.into_iter().map(Action::Update).collect();
    }
    let history = History::of(set, revisions);
    let wanted = node.filter(|node| belongs_on(set, node));
    let mut actions: Vec<Action> = history.action.clone().into_iter().collect();
    actions.extend(status(set, &claimed.own, wanted.is_some(), history.present_hash(), now));
    if !meta::is_terminating(set) {
        actions.extend(manage(set, &claimed.own, wanted, history.present_hash(), now));
    }
    let live: BTreeSet<&str> = claimed.own.iter().map(|pod| template::revision_of(pod)).collect();
    actions.extend(history.trim(set, &live));
    let ready_s = count(set, "/spec/minReadySeconds");
    let next = pods::next_available(claimed.own.iter().copied(), ready_s, now);
    actions.extend(next.map(Action::WakeAt));
    actions
}

fn belongs_on(set: &Value, node: &Value) -> bool {
    let wanted = at(template::of(set), "/spec/nodeSelector");
    selector::contains(selector::labels(node), wanted)
}

fn made(set: &Value, node: &Value, hash: &str) -> Value {
    let mut pod = template::pod(set, template::of(set));
    set_label(&mut pod, REVISION_LABEL, hash);
    if let Some(generation) = meta::annotation(set, GENERATION) {
        set_label(&mut pod, GENERATION_LABEL, generation);
    }
    let field = json!({"key": "metadata.name", "operator": "In", "values": [meta::name(node)]});
    let required = json!({"nodeSelectorTerms": [{"matchFields": [field]}]});
    pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] =
        required;
    let tolerations = pod["spec"]
        .as_object_mut()
        .map(|spec| spec.entry("tolerations").or_insert_with(|| json!([])));
    if let Some(Value::Array(tolerations)) = tolerations {
        tolerations.extend(
            TOLERATED
                .map(|(key, effect)| json!({"key": key, "operator": "Exists", "effect": effect})),
        );
    }
    pod
}

fn manage(
    set: &Value,
    own: &[&Value],
    node: Option<&Value>,
    hash: &str,
    now: Timestamp,
) -> Vec<Action> {
    let Some(node) = node else {
        let running = own.iter().filter(|pod| !meta::is_terminating(pod));
        return running.flat_map(|pod| delete_pod(set, pod, SOURCE)).collect();
    };
    let create = || Action::Create {
        object: made(set, node, hash),
        announce: Some(created_pod(set, SOURCE)),
    };
    let ended: Vec<&&Value> =
        own.iter().filter(|pod| pods::is_finished(pod) && !meta::is_terminating(pod)).collect();
    if !ended.is_empty() {
        return ended.iter().flat_map(|pod| replace_ended(set, pod)).collect();
    }
    let here: Vec<&Value> = own.iter().copied().filter(|pod| !meta::is_terminating(pod)).collect();
    if own.iter().all(|pod| pods::is_finished(pod)) {
        return vec![create()];
    }
    let (mut new, mut old): (Vec<&Value>, Vec<&Value>) =
        here.into_iter().partition(|pod| is_updated(set, pod, hash));
    // Of several the oldest stays.
    let mut actions = Vec::new();
    for pods in [&mut new, &mut old] {
        pods.sort_by_key(|pod| (super::read::created(pod), meta::name(pod).to_owned()));
        actions
            .extend(pods.drain(1.min(pods.len())..).flat_map(|pod| delete_pod(set, pod, SOURCE)));
    }
    if text(set, "/spec/updateStrategy/type") == "OnDelete" || old.is_empty() {
        return actions;
    }
    let ready_s = count(set, "/spec/minReadySeconds");
    let serves = |pod: &Value| pods::is_available(pod, ready_s, now);
    let surge = at(set, "/spec/updateStrategy/rollingUpdate/maxSurge");
    let surges = template::scaled(surge, 1, true).unwrap_or_default() > 0;
    let replaced = new.first().is_some_and(|pod| serves(pod));
    if !surges || replaced {
        actions.extend(old.iter().flat_map(|pod| delete_pod(set, pod, SOURCE)));
    } else if new.is_empty() {
        actions.push(create());
    }
    actions
}

fn replace_ended(set: &Value, pod: &Value) -> Vec<Action> {
    let (namespace, name) = (meta::namespace(pod), meta::name(pod));
    let node = text(pod, "/spec/nodeName");
    let told = if pods::phase(pod) == "Failed" {
        let words = format!(
            "Found failed daemon pod {namespace}/{name} on node {node}, will try to kill it"
        );
        Event::warning(set, SOURCE, "FailedDaemonPod", words)
    } else {
        let words = format!(
            "Found succeeded daemon pod {namespace}/{name} on node {node}, will try to delete it"
        );
        Event::normal(set, SOURCE, "SucceededDaemonPod", words)
    };
    [Action::Tell(told)].into_iter().chain(delete_pod(set, pod, SOURCE)).collect()
}

fn is_updated(set: &Value, pod: &Value, hash: &str) -> bool {
    let generation = meta::annotation(set, GENERATION);
    template::revision_of(pod) == hash
        || (generation.is_some() && meta::label(pod, GENERATION_LABEL) == generation)
}

fn status(set: &Value, own: &[&Value], wanted: bool, hash: &str, now: Timestamp) -> Option<Action> {
    let ready_s = count(set, "/spec/minReadySeconds");
    let desired = i64::from(wanted);
    let mut own = own.to_vec();
    own.sort_by_key(|pod| super::read::created(pod));
    let here = |test: &dyn Fn(&Value) -> bool| {
        let placed = |pod: &&&Value| !meta::is_terminating(pod) && !pods::is_finished(pod);
        let any = own.iter().filter(placed).any(|pod| test(pod));
        i64::from(wanted && any)
    };
    let misplaced = i64::from(!wanted && own.iter().any(|pod| pods::is_active(pod)));
    let available = here(&|pod| pods::is_available(pod, ready_s, now));
    let mut status = Map::new();
    for (key, number) in [
        ("currentNumberScheduled", here(&|_| true)),
        ("desiredNumberScheduled", desired),
        ("numberMisscheduled", misplaced),
        ("numberReady", here(&pods::is_ready)),
        ("observedGeneration", meta::generation(set)),
        ("updatedNumberScheduled", here(&|pod| is_updated(set, pod, hash))),
        ("numberAvailable", available),
        ("numberUnavailable", desired - available),
    ] {
        let always = matches!(
            key,
            "currentNumberScheduled"
                | "desiredNumberScheduled"
                | "numberMisscheduled"
                | "numberReady"
        );
        if always || number != 0 {
            status.insert(key.to_owned(), json!(number));
        }
    }
    changed(set, Value::Object(status))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::controllers::testing::{at_second, pod_of};

    fn set(image: &str) -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "DaemonSet",
            "metadata": {"name": "agent", "namespace": "shop", "uid": "d", "generation": 1},
            "spec": {
                "selector": {"matchLabels": {"app": "agent"}},
                "template": {
                    "metadata": {"labels": {"app": "agent"}},
                    "spec": {"containers": [{"name": "agent", "image": image}]},
                },
            },
        })
    }

    fn node() -> Value {
        json!({"metadata": {"name": "embedded", "labels": {"kubernetes.io/os": "linux"}}})
    }

    fn look(set: &Value, pods: &[Value], revisions: &[Value]) -> Vec<Action> {
        reconcile(set, pods, revisions, Some(&node()), at_second(100))
    }

    fn revision(actions: &[Action]) -> Value {
        let found = actions.iter().find_map(|action| match action {
            Action::Create { object, .. } if object["kind"] == "ControllerRevision" => Some(object),
            _ => None,
        });
        found.expect("a revision").clone()
    }

    fn verbs(actions: &[Action]) -> Vec<&str> {
        let verb = |action: &Action| match action {
            Action::Create { object, .. } if object["kind"] == "Pod" => Some("create"),
            Action::Delete { .. } => Some("delete"),
            _ => None,
        };
        actions.iter().filter_map(verb).collect()
    }

    #[test]
    fn the_node_gets_one_pod_and_an_outdated_one_is_replaced() {
        let first = look(&set("agent:1"), &[], &[]);
        assert_eq!(verbs(&first), ["create"]);
        let revision = revision(&first);
        let mut pod = pod_of(&set("agent:1"), "agent-a", 0, true);
        pod["metadata"]["labels"][REVISION_LABEL] =
            revision["metadata"]["labels"][REVISION_LABEL].clone();
        let pods = [pod];
        let revisions = [revision];
        assert_eq!(verbs(&look(&set("agent:1"), &pods, &revisions)), [""; 0]);
        assert_eq!(verbs(&look(&set("agent:2"), &pods, &revisions)), ["delete"]);
        let mut leaving = pods;
        leaving[0]["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        assert_eq!(verbs(&look(&set("agent:2"), &leaving, &revisions)), [""; 0]);
    }

    #[test]
    fn a_surge_starts_the_new_pod_before_the_old_one_goes() {
        let revision = revision(&look(&set("agent:1"), &[], &[]));
        let hash = revision["metadata"]["labels"][REVISION_LABEL].clone();
        let mut old = pod_of(&set("agent:1"), "agent-a", 0, true);
        old["metadata"]["labels"][REVISION_LABEL] = hash;
        let mut next = set("agent:2");
        next["spec"]["updateStrategy"] =
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}});
        let actions = look(&next, std::slice::from_ref(&old), std::slice::from_ref(&revision));
        assert_eq!(verbs(&actions), ["create"]);
        let second = self::revision(&actions);
        for (ready, wanted) in [(false, vec![]), (true, vec!["delete"])] {
            let mut new = pod_of(&next, "agent-b", 5, ready);
            new["metadata"]["labels"][REVISION_LABEL] =
                second["metadata"]["labels"][REVISION_LABEL].clone();
            let actions = look(&next, &[old.clone(), new], &[revision.clone(), second.clone()]);
            assert_eq!(verbs(&actions), wanted, "ready: {ready}");
        }
    }

    #[test]
    fn a_node_that_does_not_fit_gets_no_pod() {
        let mut picky = set("agent:1");
        picky["spec"]["template"]["spec"]["nodeSelector"] = json!({"kubernetes.io/os": "windows"});
        assert_eq!(verbs(&look(&picky, &[], &[])), [""; 0]);
        let pod = pod_of(&picky, "agent-a", 0, true);
        assert_eq!(verbs(&look(&picky, &[pod], &[])), ["delete"]);
    }
}
