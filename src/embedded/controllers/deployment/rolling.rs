//! The steps of a rollout: what may be started, and what may be stopped.

use super::{Plan, resize};

/// Moves the new ReplicaSet towards the wanted size, as far as the surge allows.
pub(super) fn scale_up(plan: &mut Plan<'_>) -> bool {
    let (limits, total) = (plan.limits, plan.total());
    let Some(set) = &mut plan.new else { return false };
    let size = set.size();
    let wanted = if size >= limits.replicas {
        limits.replicas
    } else {
        size + (limits.maximum() - total).clamp(0, limits.replicas - size)
    };
    wanted != size && resize((plan.deployment, &limits), set, wanted, &mut plan.events)
}

/// Stops old pods: those that serve nothing first, then as many as availability allows.
pub(super) fn scale_down(plan: &mut Plan<'_>) -> bool {
    let limits = plan.limits;
    let Some(new) = &plan.new else { return false };
    let unavailable = new.size() - new.available();
    let room = plan.total() - limits.minimum() - unavailable;
    if room <= 0 || plan.old.iter().all(|set| !set.is_active()) {
        return false;
    }
    let mut scaled = false;
    let mut left = room;
    for set in plan.old.iter_mut().filter(|set| set.is_active()) {
        let step = left.min(set.size() - set.available()).max(0);
        if step > 0 {
            let size = set.size() - step;
            scaled |= resize((plan.deployment, &limits), set, size, &mut plan.events);
            left -= step;
        }
    }
    // A ReplicaSet that was told to shrink may not have done so yet: what it is to lose is gone.
    let left_over: i64 = plan.all().map(|set| set.available().min(set.size())).sum();
    let mut left = left_over - limits.minimum();
    for set in plan.old.iter_mut().filter(|set| set.is_active()) {
        let step = left.min(set.size());
        if step > 0 {
            let size = set.size() - step;
            scaled |= resize((plan.deployment, &limits), set, size, &mut plan.events);
            left -= step;
        }
    }
    scaled
}

/// `Recreate`: everything old stops first.
pub(super) fn stop_all_old(plan: &mut Plan<'_>) -> bool {
    let mut scaled = false;
    for set in plan.old.iter_mut().filter(|set| set.is_active()) {
        scaled |= resize((plan.deployment, &plan.limits), set, 0, &mut plan.events);
    }
    scaled
}

/// `Recreate`: the new one starts at its full size.
pub(super) fn start_all_new(plan: &mut Plan<'_>) {
    let limits = plan.limits;
    let Some(set) = plan.new.as_mut().filter(|set| !set.was.is_null()) else { return };
    if set.size() != limits.replicas {
        resize((plan.deployment, &limits), set, limits.replicas, &mut plan.events);
    }
}
