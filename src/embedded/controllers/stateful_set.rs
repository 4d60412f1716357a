//! StatefulSets: pods with names that stay, one after the other.
//!
//! Rule: `pkg/controller/statefulset` of Kubernetes.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    Action, Event,
    history::History,
    pods::{self, claim},
    read::{at, count, number, text},
    replica_set::changed,
    template,
};
use crate::object::meta;

mod identity;
#[cfg(test)]
mod tests;

use self::identity::{claims_of, made, ordinal_of, retained};

const SOURCE: &str = "statefulset-controller";

/// One look at a StatefulSet.
struct Look<'a> {
    set: &'a Value,
    history: History,
    /// The name of the revision that pods had before the update.
    current: String,
    now: Timestamp,
    claims: &'a [Value],
}

/// The places that are to be filled, in order, and the pods that are too many, last one first.
struct Places<'a> {
    replicas: Vec<(i64, Option<&'a Value>)>,
    condemned: Vec<&'a Value>,
}

/// What is to be done about a StatefulSet. `found` are the pods that it owns or could own,
/// `revisions` the `ControllerRevision`s and `claims` the volume claims of its namespace.
pub(super) fn reconcile(
    set: &Value,
    found: &[Value],
    revisions: &[Value],
    claims: &[Value],
    now: Timestamp,
) -> Vec<Action> {
    let claimed = claim(set, at(set, "/spec/selector"), found);
    if !claimed.changed.is_empty() {
        return claimed.changed.into_iter().map(Action::Update).collect();
    }
    let own: Vec<&Value> =
        claimed.own.into_iter().filter(|pod| ordinal_of(set, pod).is_some()).collect();
    let history = History::of(set, revisions);
    let current = text(set, "/status/currentRevision");
    let current = if history.knows(current) { current } else { &history.present }.to_owned();
    let look = Look { set, history, current, now, claims };
    let mut actions: Vec<Action> = look.history.action.clone().into_iter().collect();
    actions.extend(look.status(&own));
    if !meta::is_terminating(set) {
        actions.extend(look.manage(&own));
    }
    let mut live: BTreeSet<&str> = own.iter().map(|pod| template::revision_of(pod)).collect();
    live.insert(&look.current);
    actions.extend(look.history.trim(set, &live));
    let next = pods::next_available(own.iter().copied(), look.ready_s(), now);
    actions.extend(next.map(Action::WakeAt));
    actions
}

impl Look<'_> {
    fn ready_s(&self) -> i64 {
        count(self.set, "/spec/minReadySeconds")
    }

    fn is_available(&self, pod: &Value) -> bool {
        pods::is_available(pod, self.ready_s(), self.now) && !meta::is_terminating(pod)
    }

    fn partition(&self) -> i64 {
        count(self.set, "/spec/updateStrategy/rollingUpdate/partition")
    }

    fn status(&self, own: &[&Value]) -> Option<Action> {
        let tally = |test: &dyn Fn(&Value) -> bool| {
            i64::try_from(own.iter().filter(|pod| test(pod)).count()).unwrap_or_default()
        };
        let of = |name: &str| {
            tally(&|pod| template::revision_of(pod) == name && !meta::is_terminating(pod))
        };
        let running_ready = |pod: &Value| pods::phase(pod) == "Running" && pods::is_ready(pod);
        let ready = tally(&running_ready);
        let available =
            tally(&|pod| running_ready(pod) && pods::is_available(pod, self.ready_s(), self.now));
        let all = tally(&|_| true);
        let (mut in_current, updated) = (of(&self.current), of(&self.history.present));
        let mut current = &self.current;
        let wanted = number(self.set, "/spec/replicas").unwrap_or(1);
        let rolls = text(self.set, "/spec/updateStrategy/type") != "OnDelete";
        if rolls && [updated, ready, all] == [wanted; 3] {
            (in_current, current) = (updated, &self.history.present);
        }
        let mut status = Map::new();
        for (key, number) in [
            ("observedGeneration", meta::generation(self.set)),
            ("replicas", all),
            ("readyReplicas", ready),
            ("availableReplicas", available),
            ("currentReplicas", in_current),
            ("updatedReplicas", updated),
            ("collisionCount", count(self.set, "/status/collisionCount")),
        ] {
            // The server always prints these.
            if number != 0 || matches!(key, "replicas" | "availableReplicas" | "collisionCount") {
                status.insert(key.to_owned(), json!(number));
            }
        }
        status.insert("currentRevision".to_owned(), json!(current));
        status.insert("updateRevision".to_owned(), json!(self.history.present));
        changed(self.set, Value::Object(status))
    }

    fn places<'p>(&self, own: &[&'p Value]) -> Places<'p> {
        let start = count(self.set, "/spec/ordinals/start");
        let wanted = number(self.set, "/spec/replicas").unwrap_or(1);
        let range = start..start + wanted;
        let find =
            |ordinal| own.iter().copied().find(|pod| ordinal_of(self.set, pod) == Some(ordinal));
        let replicas = range.clone().map(|ordinal| (ordinal, find(ordinal))).collect();
        let ordinal = |pod: &Value| ordinal_of(self.set, pod).unwrap_or_default();
        let outside = own.iter().copied().filter(|pod| !range.contains(&ordinal(pod)));
        let mut condemned: Vec<&Value> = outside.collect();
        condemned.sort_by_key(|pod| std::cmp::Reverse(ordinal(pod)));
        Places { replicas, condemned }
    }

    fn manage(&self, own: &[&Value]) -> Vec<Action> {
        let places = self.places(own);
        let in_order = text(self.set, "/spec/podManagementPolicy") != "Parallel";
        let mut actions = Vec::new();
        for (ordinal, pod) in &places.replicas {
            let settled = self.fill(*ordinal, *pod, &mut actions);
            if in_order && !settled {
                return actions;
            }
        }
        for pod in &places.condemned {
            actions.extend(retained(self.set, pod, true, self.claims));
        }
        let sick = self.first_unavailable(&places);
        for pod in &places.condemned {
            let healthy = self.is_available(pod) || sick == Some(*pod);
            if !meta::is_terminating(pod) && (healthy || !in_order) {
                actions.extend(self.delete(pod));
            }
            if in_order {
                return actions;
            }
        }
        actions.extend(self.update(&places));
        actions
    }

    /// The unavailable pod with the lowest ordinal.
    fn first_unavailable<'p>(&self, places: &Places<'p>) -> Option<&'p Value> {
        let replicas = places.replicas.iter().filter_map(|(_, pod)| *pod);
        replicas.chain(places.condemned.iter().rev().copied()).find(|pod| !self.is_available(pod))
    }

    /// Brings one place to life. Answers whether its pod is there and available.
    fn fill(&self, ordinal: i64, pod: Option<&Value>, actions: &mut Vec<Action>) -> bool {
        let Some(pod) = pod else {
            let name = self.revision_for(ordinal);
            let template = self.history.template(self.set, name);
            let pod = made(self.set, &template, name, ordinal);
            for claim in claims_of(self.set, ordinal) {
                actions.extend(self.make_claim(claim, meta::name(&pod)));
            }
            let announce = self.tell("SuccessfulCreate", "Create", meta::name(&pod));
            actions.push(Action::Create { object: pod, announce: Some(announce) });
            return false;
        };
        if pods::is_finished(pod) {
            if !meta::is_terminating(pod) {
                actions.extend(self.delete(pod));
            }
            return false;
        }
        if pods::phase(pod) == "Pending" {
            for claim in claims_of(self.set, ordinal) {
                actions.extend(self.make_claim(claim, meta::name(pod)));
            }
        }
        actions.extend(retained(self.set, pod, false, self.claims));
        self.is_available(pod)
    }

    fn make_claim(&self, claim: Value, pod: &str) -> Option<Action> {
        let name = meta::name(&claim).to_owned();
        if self.claims.iter().any(|known| meta::name(known) == name) {
            return None;
        }
        let set = meta::name(self.set);
        let words = format!("Create Claim {name} Pod {pod} in StatefulSet {set} success");
        let announce = Event::normal(self.set, SOURCE, "SuccessfulCreate", words);
        Some(Action::Create { object: claim, announce: Some(announce) })
    }

    /// Below the partition, and while the update has not begun, pods come back as they were.
    fn revision_for(&self, ordinal: i64) -> &str {
        let start = count(self.set, "/spec/ordinals/start");
        let rolling = self.set.pointer("/spec/updateStrategy/rollingUpdate");
        let rolls = text(self.set, "/spec/updateStrategy/type") != "OnDelete";
        let kept = match rolling {
            Some(_) => self.partition(),
            None if rolls => count(self.set, "/status/currentReplicas"),
            None => 0,
        };
        if ordinal < start + kept { &self.current } else { &self.history.present }
    }

    /// Replaces outdated pods one at a time, last one first, and waits for each. `maxUnavailable` is
    /// behind a feature gate that is off in the version that is imitated.
    fn update(&self, places: &Places<'_>) -> Vec<Action> {
        if text(self.set, "/spec/updateStrategy/type") == "OnDelete" {
            return Vec::new();
        }
        let start = count(self.set, "/spec/ordinals/start");
        for (ordinal, pod) in places.replicas.iter().rev() {
            let Some(pod) = pod.filter(|_| ordinal - start >= self.partition()) else { break };
            let outdated = template::revision_of(pod) != self.history.present;
            if outdated && !meta::is_terminating(pod) {
                return self.delete(pod);
            }
            if !self.is_available(pod) {
                break;
            }
        }
        Vec::new()
    }

    fn tell(&self, reason: &str, verb: &str, pod: &str) -> Event {
        let set = meta::name(self.set);
        let words = format!("{verb} Pod {pod} in StatefulSet {set} successful");
        Event::normal(self.set, SOURCE, reason, words)
    }

    fn delete(&self, pod: &Value) -> Vec<Action> {
        let told = self.tell("SuccessfulDelete", "Delete", meta::name(pod));
        Action::delete(pod).into_iter().chain([Action::Tell(told)]).collect()
    }
}
