//! Scaling while a rollout is under way or paused: every ReplicaSet gets its share.

use super::{
    Plan, Set,
    limits::{DESIRED, Limits, MAXIMUM, noted},
    resize,
};
use crate::{
    embedded::controllers::read::{count, created},
    object::meta,
};

/// True when the Deployment has another size than its active ReplicaSets were made for.
pub(super) fn is_wanted(plan: &Plan<'_>) -> bool {
    plan.all()
        .filter(|set| set.is_active())
        .filter_map(|set| noted(&set.object, DESIRED))
        .any(|desired| desired != plan.replicas())
}

/// Scales the one active ReplicaSet, or all in proportion to their sizes.
pub(super) fn scale(plan: &mut Plan<'_>) {
    let limits = plan.limits;
    if let Some(set) = active_or_latest(plan) {
        let (deployment, mut events) = (plan.deployment, Vec::new());
        if let Some(set) = set_mut(plan, &set).filter(|set| set.size() != limits.replicas) {
            resize((deployment, &limits), set, limits.replicas, &mut events);
        }
        plan.events.extend(events);
        return;
    }
    if is_saturated(plan) {
        for set in plan.old.iter_mut().filter(|set| set.is_active()) {
            resize((plan.deployment, &limits), set, 0, &mut plan.events);
        }
    } else if limits.rolls && plan.all().any(Set::is_active) {
        for (name, size) in shares(plan) {
            let (deployment, mut events) = (plan.deployment, Vec::new());
            if let Some(set) = set_mut(plan, &name) {
                resize((deployment, &limits), set, size, &mut events);
            }
            plan.events.extend(events);
        }
    }
}

fn set_mut<'p>(plan: &'p mut Plan<'_>, name: &str) -> Option<&'p mut Set> {
    plan.old.iter_mut().chain(&mut plan.new).find(|set| set.name() == name)
}

/// The name of the only active ReplicaSet; with no active one, that of the newest.
fn active_or_latest(plan: &Plan<'_>) -> Option<String> {
    let mut active = plan.all().filter(|set| set.is_active());
    let set = match (active.next(), active.next()) {
        (None, _) => plan.new.as_ref().or(plan.old.last()),
        (only, None) => only,
        _ => None,
    };
    set.map(|set| set.name().to_owned())
}

fn is_saturated(plan: &Plan<'_>) -> bool {
    plan.new.as_ref().is_some_and(|set| {
        let wanted = plan.replicas();
        set.size() == wanted
            && noted(&set.object, DESIRED) == Some(wanted)
            && set.available() == wanted
    })
}

/// The size that each active ReplicaSet is to have. Together they are as many as allowed; what
/// rounding leaves goes to the largest.
fn shares(plan: &Plan<'_>) -> Vec<(String, i64)> {
    let limits = &plan.limits;
    let mut active: Vec<&Set> = plan.all().filter(|set| set.is_active()).collect();
    let allowed = if limits.replicas > 0 { limits.maximum() } else { 0 };
    let to_add = allowed - active.iter().map(|set| set.size()).sum::<i64>();
    let age = |set: &Set| (created(&set.object), meta::name(&set.object).to_owned());
    // Of two with the same size, the newer one grows first and the older one shrinks first.
    active.sort_by(|a, b| {
        let by_age = if to_add > 0 { age(b).cmp(&age(a)) } else { age(a).cmp(&age(b)) };
        b.size().cmp(&a.size()).then(by_age)
    });
    let mut added = 0;
    let mut sizes = Vec::new();
    for set in &active {
        let share = proportion(set, plan, to_add, added);
        added += share;
        sizes.push((set.name().to_owned(), set.size() + share));
    }
    if let Some((_, largest)) = sizes.first_mut().filter(|_| to_add != 0) {
        *largest = (*largest + to_add - added).max(0);
    }
    sizes
}

fn proportion(set: &Set, plan: &Plan<'_>, to_add: i64, added: i64) -> i64 {
    if to_add == 0 || to_add == added {
        return 0;
    }
    let share = fraction(set, plan, &plan.limits);
    let left = to_add - added;
    if to_add > 0 { share.min(left) } else { share.max(left) }
}

/// By how much the ReplicaSet would change if it kept its part of the whole.
fn fraction(set: &Set, plan: &Plan<'_>, limits: &Limits) -> i64 {
    if limits.replicas == 0 {
        return -set.size();
    }
    let before = noted(&set.object, MAXIMUM).filter(|before| *before > 0);
    let before = before.unwrap_or_else(|| count(plan.deployment, "/status/replicas"));
    if before == 0 {
        return 0;
    }
    // Half up, in whole numbers: both factors are sizes and never negative.
    let product = 2 * set.size() * limits.maximum() + before;
    product / (2 * before) - set.size()
}
