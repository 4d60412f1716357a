//! From what differs to what is done now, in which order, and what has to be waited for.

use std::{collections::HashMap, sync::Arc};

use super::{Action, Plan, Step, Target, desired::WAVE_ANNOTATION, options};
use crate::{
    api::HealthCode,
    object::{FieldPath, GroupKind, LiveObject, ObjectId, meta, order},
};

/// How one target stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Nothing is there.
    Missing,
    /// As Git says.
    Clean,
    /// Git says something new.
    Changed,
    /// Somebody changed what we own, or deleted it.
    Drifted,
    /// It is there, and we never applied it.
    Unmanaged,
    /// It must not be touched: another application's, or forbidden by the project.
    Barred,
}

/// One target and how it stands.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The object as it has to be, its yielding fields withheld.
    pub target: Arc<Target>,
    /// How it stands.
    pub state: State,
    /// Health of the live object; `None` when its kind has no check or it is not there.
    pub health: Option<HealthCode>,
    /// Fields that are left to other writers.
    pub yields: Vec<FieldPath>,
}

/// Which of the subjects take part.
#[derive(Clone, Copy)]
pub enum Extent<'a> {
    /// All of them.
    All,
    /// Those that drifted.
    Drifted,
    /// Those that a person picked.
    Picked(&'a (dyn Fn(&ObjectId) -> bool + Sync)),
}

/// When objects that Git no longer names are deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PruneOrder {
    /// Not at all.
    Never,
    /// When everything else is applied and healthy.
    Last,
    /// As soon as everything else is applied, as Argo CD does.
    Applied,
    /// Before anything is applied: one of them stands in the way of a new object.
    First,
}

/// How the changes are made.
#[derive(Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "four switches that people set one by one")]
pub struct Mode<'a> {
    /// Who takes part.
    pub extent: Extent<'a>,
    /// A wave starts only when the waves before it are healthy.
    pub waves: bool,
    /// When to prune.
    pub prune: PruneOrder,
    /// Immutable fields may be changed by deleting and creating the object.
    pub force: bool,
    /// Objects are replaced instead of applied.
    pub replace: bool,
    /// Unknown fields are refused.
    pub validate: bool,
    /// How dependents of pruned objects are deleted.
    pub propagation: &'static str,
}

/// What a sync waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// In the words that Argo CD uses, because tools read them.
    pub message: String,
    /// An object that is waited for is Degraded: waiting alone will not help.
    pub degraded: bool,
}

/// What is done now.
#[derive(Debug, Clone, Default)]
pub struct Decision {
    /// The changes of this pass.
    pub plan: Plan,
    /// What the rest waits for; `None` when there is no rest.
    pub waiting: Option<Waiting>,
}

/// Decides what is done now. `prunable` are the live objects that may be deleted.
pub fn decide(subjects: &[Subject], prunable: &[Arc<LiveObject>], mode: &Mode<'_>) -> Decision {
    let waves = effective_waves(subjects);
    if mode.prune == PruneOrder::First && !prunable.is_empty() {
        return Decision { plan: prune_plan(prunable, mode), waiting: None };
    }
    let mut pending: Vec<(i32, &Subject)> = subjects
        .iter()
        .zip(&waves)
        .filter(|(subject, _)| takes_part(subject, mode))
        .map(|(subject, wave)| (*wave, subject))
        .collect();
    if mode.waves
        && let Some(first) = pending.iter().map(|(wave, _)| *wave).min()
    {
        let before = subjects.iter().zip(&waves).filter(|(_, wave)| **wave < first);
        if let Some(waiting) = unhealthy(before.map(|(subject, _)| subject)) {
            return Decision { plan: Plan::default(), waiting: Some(waiting) };
        }
        pending.retain(|(wave, _)| *wave == first);
    }
    if !pending.is_empty() {
        let targets = pending.into_iter().map(|(_, subject)| subject);
        return Decision { plan: apply_plan(targets, mode), waiting: None };
    }
    decide_prune(subjects, prunable, mode)
}

fn takes_part(subject: &Subject, mode: &Mode<'_>) -> bool {
    let differs = match subject.state {
        State::Clean | State::Barred => false,
        State::Missing | State::Changed | State::Drifted | State::Unmanaged => true,
    };
    differs
        && match mode.extent {
            Extent::All => true,
            Extent::Drifted => matches!(subject.state, State::Drifted | State::Missing),
            Extent::Picked(pick) => pick(&subject.target.id),
        }
}

fn decide_prune(subjects: &[Subject], prunable: &[Arc<LiveObject>], mode: &Mode<'_>) -> Decision {
    if prunable.is_empty() || mode.prune == PruneOrder::Never {
        return Decision::default();
    }
    if mode.prune == PruneOrder::Last
        && let Some(waiting) = unhealthy(subjects.iter())
    {
        let message = format!("{} before pruning", waiting.message);
        return Decision { plan: Plan::default(), waiting: Some(Waiting { message, ..waiting }) };
    }
    // Objects go in the reverse order of their creation: what others lean on goes last.
    let wave = |live: &LiveObject| wave_of(&live.value());
    let last = prunable.iter().map(|live| wave(live)).max().unwrap_or_default();
    let now: Vec<Arc<LiveObject>> =
        prunable.iter().filter(|live| wave(live) == last).cloned().collect();
    let going: Vec<&ObjectId> = now.iter().filter(|l| l.terminating).map(|l| &l.id).collect();
    let waiting = (!going.is_empty())
        .then(|| Waiting { message: waiting_for("deletion", &going), degraded: false });
    Decision { plan: prune_plan(&now, mode), waiting }
}

fn prune_plan(prunable: &[Arc<LiveObject>], mode: &Mode<'_>) -> Plan {
    let mut steps: Vec<Step> = prunable
        .iter()
        .filter(|live| !live.terminating)
        .map(|live| Step {
            uid: live.uid.clone(),
            tier: TIERS - tier(&live.id.group_kind()),
            propagation: if owns_nothing(&live.id.group_kind()) {
                "Background"
            } else {
                mode.propagation
            },
            ..Step::new(live.id.clone(), live.gvk.clone(), Action::Prune, None)
        })
        .collect();
    steps.sort_by(|a, b| (a.tier, &a.id).cmp(&(b.tier, &b.id)));
    Plan { steps }
}

/// True for kinds whose objects never own others. Waiting for the garbage collector to look for
/// dependents that can't be there would only hold the deletion up.
fn owns_nothing(kind: &GroupKind) -> bool {
    matches!(
        (kind.group.as_str(), kind.kind.as_str()),
        ("", "ConfigMap" | "Secret" | "ServiceAccount" | "LimitRange" | "ResourceQuota")
            | ("rbac.authorization.k8s.io", _)
            | ("policy", "PodDisruptionBudget")
            | ("networking.k8s.io", "NetworkPolicy" | "Ingress" | "IngressClass")
            | ("autoscaling", "HorizontalPodAutoscaler")
            | ("scheduling.k8s.io", "PriorityClass")
            | ("storage.k8s.io", "StorageClass")
    )
}

fn apply_plan<'a>(subjects: impl Iterator<Item = &'a Subject>, mode: &Mode<'_>) -> Plan {
    let mut subjects: Vec<&Subject> = subjects.collect();
    subjects.sort_by_key(|subject| {
        let id = &subject.target.id;
        (tier(&id.group_kind()), order::kind_rank(&id.group_kind()), id)
    });
    let places: HashMap<&ObjectId, usize> =
        subjects.iter().enumerate().map(|(index, subject)| (&subject.target.id, index)).collect();
    let steps = subjects.iter().map(|subject| step(subject, &places, mode)).collect();
    Plan { steps }
}

fn step(subject: &Subject, places: &HashMap<&ObjectId, usize>, mode: &Mode<'_>) -> Step {
    let Target { id, gvk, awaits, .. } = &*subject.target;
    let value = subject.target.body.tree();
    let namespace = ObjectId::new("", "Namespace", "", &id.namespace);
    let needs = [awaits.as_ref(), Some(&namespace)]
        .into_iter()
        .flatten()
        .filter_map(|need| places.get(need).copied())
        .collect();
    let replace = mode.replace || options::has(&value, "Replace", "true");
    let action = match subject.state {
        _ if replace => Action::Replace,
        State::Missing => Action::Create,
        State::Unmanaged => Action::Adopt,
        _ => Action::Apply,
    };
    Step {
        tier: tier(&id.group_kind()),
        needs,
        // Where we own such a field and Git names it, it is in the body with the value it has.
        // What Git does not name is given up first, and adoption must not take any of it.
        yields: match action {
            Action::Adopt | Action::Apply => subject.yields.clone(),
            _ => Vec::new(),
        },
        force: mode.force || options::has(&value, "Force", "true"),
        validate: mode.validate && !options::has(&value, "Validate", "false"),
        propagation: mode.propagation,
        ..Step::new(id.clone(), gvk.clone(), action, Some(Arc::new(value)))
    }
}

/// Number of the last tier.
const TIERS: u8 = 3;

/// Kinds by how much others lean on them: namespaces; then all that pods refer to; then what runs;
/// then the rest. Within a tier the order does not matter and objects are applied side by side.
fn tier(kind: &GroupKind) -> u8 {
    let rank = |name: &str| order::kind_rank(&GroupKind::new("", name));
    match order::kind_rank(kind) {
        place if place <= rank("Namespace") => 0,
        place if place <= rank("Service") => 1,
        place if place <= rank("CronJob") => 2,
        _ => TIERS,
    }
}

/// Waves after dependencies: a namespace comes no later than what lives in it, a CRD no later than
/// its resources.
fn effective_waves(subjects: &[Subject]) -> Vec<i32> {
    let mut earliest: HashMap<ObjectId, i32> = HashMap::new();
    for Subject { target, .. } in subjects {
        let namespace = ObjectId::new("", "Namespace", "", &target.id.namespace);
        for need in [Some(namespace), target.awaits.clone()].into_iter().flatten() {
            let wave = earliest.entry(need).or_insert(target.wave);
            *wave = target.wave.min(*wave);
        }
    }
    let wave = |target: &Target| {
        let needed = earliest.get(&target.id).copied().unwrap_or(target.wave);
        target.wave.min(needed)
    };
    subjects.iter().map(|subject| wave(&subject.target)).collect()
}

fn wave_of(object: &serde_json::Value) -> i32 {
    meta::annotation(object, WAVE_ANNOTATION)
        .and_then(|wave| wave.trim().parse().ok())
        .unwrap_or_default()
}

/// What has to become healthy; `None` when everything is.
fn unhealthy<'a>(subjects: impl Iterator<Item = &'a Subject>) -> Option<Waiting> {
    let sick: Vec<&Subject> = subjects
        .filter(|subject| {
            subject.health.as_ref().is_some_and(|health| *health != HealthCode::Healthy)
        })
        .collect();
    let ids: Vec<&ObjectId> = sick.iter().map(|subject| &subject.target.id).collect();
    let degraded = sick.iter().any(|subject| subject.health == Some(HealthCode::Degraded));
    (!ids.is_empty()).then(|| Waiting { message: waiting_for("healthy state", &ids), degraded })
}

/// `waiting for healthy state of apps/Deployment/web and 2 more resources`.
fn waiting_for(what: &str, ids: &[&ObjectId]) -> String {
    let first = ids.first().map(|id| format!("{}/{}/{}", id.group, id.kind, id.name));
    let first = first.unwrap_or_default();
    match ids.len().saturating_sub(1) {
        0 => format!("waiting for {what} of {first}"),
        more => format!("waiting for {what} of {first} and {more} more resources"),
    }
}

#[cfg(test)]
#[path = "decide/tests.rs"]
mod tests;
