//! Deployments: one ReplicaSet per template, and the way from one to the next.
//!
//! Rule: `pkg/controller/deployment` of Kubernetes, step by step. Each look scales up or scales
//! down, never both, so that the next one counts what came of it.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Action, Event,
    pods::{self, claim},
    read::{at, controller_uid, count, created, number, text, truth},
    template,
};
use crate::object::meta;

mod limits;
mod revision;
mod rolling;
mod scale;
mod status;
#[cfg(test)]
mod tests;

use self::{limits::Limits, revision::Revised};

const SOURCE: &str = "deployment-controller";

/// The ReplicaSets of a Deployment as one look plans to leave them.
struct Plan<'a> {
    deployment: &'a Value,
    limits: Limits,
    /// The one of the present template.
    new: Option<Set>,
    /// All others, oldest first.
    old: Vec<Set>,
    events: Vec<Event>,
    collided: bool,
}

/// One ReplicaSet: as it was found, and as it is to be.
#[derive(Clone)]
struct Set {
    was: Value,
    object: Value,
}

impl Set {
    fn found(object: &Value) -> Self {
        Self { was: object.clone(), object: object.clone() }
    }

    fn name(&self) -> &str {
        meta::name(&self.object)
    }

    /// `spec.replicas` as planned.
    fn size(&self) -> i64 {
        number(&self.object, "/spec/replicas").unwrap_or(1)
    }

    fn available(&self) -> i64 {
        count(&self.object, "/status/availableReplicas")
    }

    fn is_active(&self) -> bool {
        self.size() > 0
    }

    /// What makes it so: it is created, written, or left alone.
    fn action(self) -> Option<Action> {
        if self.was.is_null() {
            return Some(Action::create(self.object));
        }
        (self.was != self.object).then_some(Action::Update(self.object))
    }
}

impl Plan<'_> {
    /// Old ones first, as the real controller counts them.
    fn all(&self) -> impl Iterator<Item = &Set> {
        self.old.iter().chain(&self.new)
    }

    fn replicas(&self) -> i64 {
        number(self.deployment, "/spec/replicas").unwrap_or(1)
    }

    /// The sum of what the ReplicaSets are asked for.
    fn total(&self) -> i64 {
        self.all().map(Set::size).sum()
    }

    fn available(&self) -> i64 {
        self.all().map(Set::available).sum()
    }
}

/// What is to be done about a Deployment. `sets` are the ReplicaSets of its namespace that it owns
/// or could own, `pods` those of its ReplicaSets.
pub(super) fn reconcile(
    deployment: &Value,
    sets: &[Value],
    pods: &[Value],
    now: Timestamp,
) -> Vec<Action> {
    let claimed = claim(deployment, at(deployment, "/spec/selector"), sets);
    if !claimed.changed.is_empty() {
        // The next look finds them in their place.
        return claimed.changed.into_iter().map(Action::Update).collect();
    }
    let mut own = claimed.own;
    own.sort_by_key(|set| (created(set), meta::name(set).to_owned()));
    let mut plan = Plan {
        deployment,
        limits: Limits::of(deployment),
        new: None,
        old: Vec::new(),
        events: Vec::new(),
        collided: false,
    };
    for set in own {
        let current =
            plan.new.is_none() && template::is_same(template::of(set), template::of(deployment));
        if current {
            plan.new = Some(Set::found(set));
        } else {
            plan.old.push(Set::found(set));
        }
    }
    let revised = if meta::is_terminating(deployment) {
        Revised { progress: None, revision: plan.new.as_ref().map(revision::text_of) }
    } else {
        advance(&mut plan, sets, pods)
    };
    let surplus = status::surplus(&plan);
    let mut actions = Vec::new();
    let state = status::of(&plan, &revised, now);
    let Plan { new, old, events, .. } = plan;
    actions.extend(old.into_iter().chain(new).filter_map(Set::action));
    actions.extend(events.into_iter().map(Action::Tell));
    actions.extend(surplus.iter().filter_map(Action::delete));
    actions.extend(state);
    actions
}

/// One step of the rollout.
fn advance(plan: &mut Plan<'_>, sets: &[Value], pods: &[Value]) -> Revised {
    let paused = truth(plan.deployment, "/spec/paused");
    let recreate = text(plan.deployment, "/spec/strategy/type") == "Recreate";
    if paused || scale::is_wanted(plan) {
        let revised = revision::adopt(plan);
        scale::scale(plan);
        return revised;
    }
    if !recreate {
        let revised = revision::adopt_or_create(plan, sets);
        if !plan.collided && !rolling::scale_up(plan) {
            rolling::scale_down(plan);
        }
        return revised;
    }
    let revised = revision::adopt(plan);
    if rolling::stop_all_old(plan) || runs_old_pods(plan, pods) {
        return revised;
    }
    let revised = if plan.new.is_none() { revision::adopt_or_create(plan, sets) } else { revised };
    if !plan.collided {
        rolling::start_all_new(plan);
    }
    revised
}

fn runs_old_pods(plan: &Plan<'_>, pods: &[Value]) -> bool {
    let new = plan.new.as_ref().map_or("", |set| meta::uid(&set.object));
    let counted = plan.old.iter().any(|set| count(&set.object, "/status/replicas") > 0);
    counted || pods.iter().any(|pod| controller_uid(pod) != new && !pods::is_finished(pod))
}

/// Plans a size for a ReplicaSet and tells of it. Answers whether the size changes.
fn resize(plan_of: (&Value, &Limits), set: &mut Set, size: i64, events: &mut Vec<Event>) -> bool {
    let (deployment, limits) = plan_of;
    let before = set.size();
    set.object["spec"]["replicas"] = json!(size);
    limits.annotate(&mut set.object);
    if before == size {
        return false;
    }
    let direction = if before < size { "up" } else { "down" };
    events.push(Event::normal(
        deployment,
        SOURCE,
        "ScalingReplicaSet",
        format!("Scaled {direction} replica set {} from {before} to {size}", set.name()),
    ));
    true
}
