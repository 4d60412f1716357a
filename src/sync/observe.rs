//! What the cluster has of an application, and how it compares with what Git says.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

use serde_json::Value;
use tokio::time::Instant;

use super::{context::Context, memory::Memory};
use crate::{
    api::{AppProject, Application, HealthCode},
    apply,
    cluster::{Presence, Store, WatchState},
    health::{self, Child, Health},
    object::{GroupKind, LiveObject, ObjectId, Packed, Turn, meta, tracking},
    plan::{
        self, Desired, FieldDrift, Fingerprint, Kinds, ScopeOf, Step, Target, Verdict,
        decide::{State, Subject},
        step::Action,
    },
};

/// Time for one question to the cluster while comparing.
pub(crate) const DRY_RUN_LIMIT: Duration = Duration::from_secs(15);

/// One target beside its live object.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// The target (its yielding fields withheld), how it stands, its health.
    pub(crate) subject: Subject,
    /// The live object, when there is one.
    pub(crate) live: Option<Arc<LiveObject>>,
    /// Health in words.
    pub(crate) health: Option<Health>,
    /// The fields that somebody changed.
    pub(crate) drifts: Vec<FieldDrift>,
    /// It was there and is not any more.
    pub(crate) deleted: bool,
    /// Another tool applied it, and as Git says: an apply would change nothing but its owner.
    pub(crate) agrees: bool,
    /// Why it must not be touched, or could not be looked at.
    pub(crate) note: Option<Note>,
}

/// Why a target is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Note {
    /// Another application tracks the object.
    Shared(String),
    /// The project forbids it.
    Forbidden(String),
    /// Its kind can't be listed or the comparison failed.
    Unseen(String),
    /// Some of its differences do not count, and it is not known which.
    Withheld(String),
}

/// A live object that Git may name or not.
#[derive(Debug)]
pub(crate) struct Unsure {
    /// The object.
    pub(crate) live: Arc<LiveObject>,
    /// Health in words.
    pub(crate) health: Option<Health>,
}

/// Everything there is to see of an application in the cluster.
#[derive(Debug, Default)]
pub(crate) struct View {
    /// The targets.
    pub(crate) seen: Vec<Seen>,
    /// Live objects that Git does not name.
    pub(crate) stale: Vec<Arc<LiveObject>>,
    /// Live objects that Git does not name and that the project forbids to touch, with the reason.
    pub(crate) forbidden: Vec<(Arc<LiveObject>, String)>,
    /// Live objects of which nobody can say whether Git names them, because it could not be read
    /// to the end.
    pub(crate) unsure: Vec<Unsure>,
    /// Every kind's list is complete: only then may anything be pruned.
    pub(crate) complete: bool,
    /// What could not be looked at, in words.
    pub(crate) problems: Vec<String>,
    /// How many objects carry our tracking id.
    pub(crate) tracked: usize,
}

/// The kinds to watch for an application: what Git names, and what it may have left behind.
pub(crate) fn kinds(app: &Application, desired: &Desired) -> BTreeSet<GroupKind> {
    let named = desired.targets.iter().map(|target| target.id.group_kind());
    let resources = app.status.iter().flat_map(|status| &status.resources);
    let known = resources.map(|entry| GroupKind::new(&entry.group, &entry.kind));
    named.chain(known).collect()
}

/// Whether the watches that an application needs have listed everything; `Err` names what is
/// still being listed.
pub(crate) fn listed(ctx: &Context, kinds: &BTreeSet<GroupKind>) -> Result<(), Vec<GroupKind>> {
    let states = ctx.store.readiness(kinds);
    let listing: Vec<GroupKind> = states
        .into_iter()
        .filter(|(_, state)| matches!(state, WatchState::Listing))
        .map(|(kind, _)| kind)
        .collect();
    if listing.is_empty() { Ok(()) } else { Err(listing) }
}

/// Compares everything.
pub(crate) async fn view(
    ctx: &Context,
    app: &Application,
    project: &AppProject,
    desired: &Desired,
    kinds: &BTreeSet<GroupKind>,
    memory: &mut Memory,
) -> View {
    let instance = ctx.instance(app);
    let mut view = View { complete: true, ..View::default() };
    for (_, state) in ctx.store.readiness(kinds) {
        match state {
            // A kind that nobody serves has no objects.
            WatchState::Complete | WatchState::NotServed => {}
            WatchState::Listing => view.complete = false,
            WatchState::Failed { message, .. } => {
                view.complete = false;
                view.problems.push(message);
            }
        }
    }
    let tracked = ctx.tracked(&instance);
    view.tracked = tracked.iter().filter(|live| !live.has_owner).count();
    let unnamed = stale(plan::prune::candidates(&tracked, desired), memory);
    if desired.complete {
        for live in unnamed {
            match plan::permit::live(project, &app.spec.destination, &live.id) {
                Ok(()) => view.stale.push(live),
                Err(why) => view.forbidden.push((live, why)),
            }
        }
    } else {
        let unsure = |live: Arc<LiveObject>| Unsure { health: assess(&ctx.store, &live), live };
        view.unsure = unnamed.into_iter().map(unsure).collect();
    }
    let known_before = known_before(app);
    let table = ctx.cluster.kinds();
    for target in &desired.targets {
        let mut seen = see(ctx, &instance, target, app, memory).await;
        let scope = table.scope(&target.gvk).unwrap_or(ScopeOf::Namespaced);
        let verdict = plan::permit::object(project, &app.spec.destination, scope, &target.id);
        if let Err(why) = verdict {
            seen.subject.state = State::Barred;
            seen.note = Some(Note::Forbidden(why));
        }
        withhold(&mut seen, app);
        let missing = seen.subject.state == State::Missing;
        seen.deleted = missing
            && (memory.fingerprints.contains_key(&target.id) || known_before.contains(&target.id));
        view.seen.push(seen);
    }
    view
}

/// Leaves an object alone of which some differences do not count, by a rule that can't be read: a
/// write would reset what somebody else is meant to decide about.
fn withhold(seen: &mut Seen, app: &Application) {
    let id = &seen.subject.target.id;
    let Some(field) = plan::yields::unread(id, &app.spec.ignore_differences) else { return };
    let differs = matches!(seen.subject.state, State::Changed | State::Drifted | State::Unmanaged);
    if differs && !seen.agrees {
        seen.note = Some(Note::Withheld(format!(
            "{id} differs and is not written, because spec.ignoreDifferences names fields of it by \
             {field}, which this version can't read; name them by jsonPointers"
        )));
        seen.subject.state = State::Barred;
    }
}

/// The live objects that Git does not name, as our own deletions left them: the watch may lag.
fn stale(candidates: Vec<Arc<LiveObject>>, memory: &mut Memory) -> Vec<Arc<LiveObject>> {
    memory.pruned.retain(|uid, _| candidates.iter().any(|live| live.uid == *uid));
    candidates
        .into_iter()
        .filter_map(|live| match memory.pruned.get(&live.uid) {
            Some(true) => None,
            Some(false) => Some(Arc::new(LiveObject { terminating: true, ..(*live).clone() })),
            None => Some(live),
        })
        .collect()
}

/// The objects that were in the cluster at the last comparison, by the word of the status.
fn known_before(app: &Application) -> HashSet<ObjectId> {
    let resources = app.status.iter().flat_map(|status| &status.resources);
    resources
        .filter(|entry| {
            let health = entry.health.as_ref().and_then(|health| health.status.as_ref());
            health != Some(&HealthCode::Missing) && !entry.requires_pruning
        })
        .map(|entry| ObjectId::new(&entry.group, &entry.kind, &entry.namespace, &entry.name))
        .collect()
}

async fn see(
    ctx: &Context,
    instance: &str,
    target: &Arc<Target>,
    app: &Application,
    memory: &mut Memory,
) -> Seen {
    let live = match ctx.store.get(&target.id) {
        Presence::Tracked(live) => Ok(Some(live)),
        Presence::Absent => Ok(None),
        Presence::Untracked => {
            match ctx.store.fetch(&target.id, Instant::now() + DRY_RUN_LIMIT).await {
                Ok(live) => Ok(live.map(Arc::new)),
                Err(cause) => Err(format!("{} could not be read: {}", target.id, chain(&cause))),
            }
        }
        Presence::Unknown if target.awaits.is_some() => Ok(None),
        Presence::Unknown => Err(format!("the kind of {} could not be listed", target.id)),
    };
    match live {
        Ok(None) => seen(Arc::clone(target), State::Missing, None),
        Ok(Some(live)) => compare(ctx, instance, target, live, app, memory).await,
        Err(why) => {
            let mut seen = seen(Arc::clone(target), State::Barred, None);
            seen.note = Some(Note::Unseen(why));
            seen
        }
    }
}

fn seen(target: Arc<Target>, state: State, live: Option<Arc<LiveObject>>) -> Seen {
    let subject = Subject { target, state, health: None, yields: Vec::new() };
    Seen {
        subject,
        live,
        health: None,
        drifts: Vec::new(),
        deleted: false,
        agrees: false,
        note: None,
    }
}

async fn compare(
    ctx: &Context,
    instance: &str,
    target: &Arc<Target>,
    live: Arc<LiveObject>,
    app: &Application,
    memory: &mut Memory,
) -> Seen {
    let autoscaled = ctx.store.autoscaler_of(&target.id).is_some();
    let fields = plan::yields::fields(&target.id, &app.spec.ignore_differences, autoscaled);
    let fields = plan::yields::resolve(fields, target, &live);
    let target = if fields.is_empty() {
        Arc::clone(target)
    } else {
        Arc::new(plan::yields::withhold(target, &live, &fields))
    };
    let health = assess(&ctx.store, &live);
    let mut seen = seen(target, State::Clean, Some(Arc::clone(&live)));
    seen.subject.yields = fields;
    seen.subject.health = health.as_ref().map(|health| HealthCode::from(health.status.as_str()));
    seen.health = health;
    let foreign = |owner: &&str| !ctx.is_owner(instance, owner) && !ctx.is_abandoned(owner);
    if let Some(other) = live.app.as_deref().filter(foreign) {
        seen.subject.state = State::Barred;
        seen.note = Some(Note::Shared(other.to_owned()));
        return seen;
    }
    let known = memory.fingerprints.get(&seen.subject.target.id).copied();
    match plan::compare::compare(&seen.subject.target, &live, known.as_ref()) {
        Verdict::Clean(print) => {
            if let Some(print) = print {
                memory.fingerprints.insert(live.id.clone(), print);
            }
            ctx.store.settle(&live.id);
        }
        Verdict::Changed => seen.subject.state = State::Changed,
        Verdict::Unmanaged => {
            seen.subject.state = State::Unmanaged;
            // An automated application takes it over now; of others it has to be known whether the
            // tool that applied it left it as Git says.
            if app.spec.automated().is_none() {
                seen.agrees = would_change_nothing(ctx, &seen.subject.target, &live, memory).await;
            }
        }
        Verdict::Drifted(drifts) => {
            seen.subject.state = State::Drifted;
            seen.drifts = drifts;
        }
        Verdict::Doubt => ask(ctx, &mut seen, &live, memory).await,
    }
    // Without automation nothing will be applied, so whether a new commit means a difference has
    // to be found out now. And a target changes also when a field begins or ceases to yield.
    let in_doubt = app.spec.automated().is_none() || !seen.subject.yields.is_empty();
    if seen.subject.state == State::Changed && in_doubt {
        ask(ctx, &mut seen, &live, memory).await;
    }
    seen
}

/// Health of a live object and its children.
pub(crate) fn assess(store: &Store<Child>, live: &LiveObject) -> Option<Health> {
    if !live.terminating && !health::is_judged(&live.id.group, &live.id.kind) {
        return None;
    }
    let children = store.children(&live.uid);
    let children: Vec<&Child> = children.iter().map(AsRef::as_ref).collect();
    health::assess(&live.value(), &children)
}

/// Lets a dry run of the apply decide; the answer holds until target or live object change.
async fn ask(ctx: &Context, seen: &mut Seen, live: &LiveObject, memory: &mut Memory) {
    let target = &seen.subject.target;
    let question = (target.digest, live.resource_version.clone());
    let known = memory.dry_runs.get(&live.id).filter(|(asked, _)| *asked == question);
    let clean = match known {
        Some((_, clean)) => *clean,
        None => match apply::dry_run(&probe(target), &ctx.cluster, Instant::now() + DRY_RUN_LIMIT)
            .await
        {
            Ok(predicted) => {
                let clean = same(&predicted, live);
                memory.dry_runs.insert(live.id.clone(), (question, clean));
                clean
            }
            // What is refused differs, and the sync will say why; a cluster that does not answer
            // has not decided anything.
            Err(refusal) if refusal.turn == Turn::Cluster => {
                seen.note = Some(Note::Unseen(refusal.message));
                seen.subject.state = State::Barred;
                return;
            }
            Err(_) => false,
        },
    };
    if clean {
        if let Some(print) = Fingerprint::of_live(&seen.subject.target, live) {
            memory.fingerprints.insert(live.id.clone(), print);
        }
        ctx.store.settle(&live.id);
        seen.subject.state = State::Clean;
        return;
    }
    if seen.subject.state == State::Changed || !memory.synced {
        seen.subject.state = State::Changed;
    } else {
        seen.subject.state = State::Drifted;
        seen.drifts = plan::compare::drift(&seen.subject.target, live);
    }
}

/// True when an apply would leave an object that we never applied as it is, but for the marks of
/// who tracks it.
async fn would_change_nothing(
    ctx: &Context,
    target: &Target,
    live: &LiveObject,
    memory: &mut Memory,
) -> bool {
    let question = (target.digest, live.resource_version.clone());
    if let Some((_, answer)) = memory.dry_runs.get(&live.id).filter(|(q, _)| *q == question) {
        return *answer;
    }
    let deadline = Instant::now() + DRY_RUN_LIMIT;
    let Ok(predicted) = apply::dry_run(&probe(target), &ctx.cluster, deadline).await else {
        return false;
    };
    let answer = unmarked(predicted) == unmarked(live.value());
    memory.dry_runs.insert(live.id.clone(), (question, answer));
    answer
}

/// Without what changes on every write and without the marks of who tracks it.
fn unmarked(object: Value) -> Value {
    let mut object = strip(object);
    if let Some(annotations) = meta::map_mut(&mut object, "annotations") {
        for mark in tracking::MARKS {
            annotations.remove(mark);
        }
    }
    object
}

/// The apply whose outcome is asked for.
pub(crate) fn probe(target: &Target) -> Step {
    let body = Some(Arc::new(target.body.tree()));
    Step::new(target.id.clone(), target.gvk.clone(), Action::Apply, body)
}

/// True when the predicted object is the live one, ownership included.
fn same(predicted: &Value, live: &LiveObject) -> bool {
    let own = crate::cluster::own_fields(predicted);
    own.as_ref() == live.own.as_deref() && strip(predicted.clone()) == strip(live.value())
}

/// Without what changes on every write.
fn strip(mut object: Value) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for field in ["managedFields", "resourceVersion", "generation"] {
            metadata.remove(field);
        }
    }
    object
}

/// An error with its causes, for people.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Images of a pod or of anything with a pod template.
pub(crate) fn images(object: &Packed) -> BTreeSet<String> {
    if !object.mentions(&["ontainers\":"]) {
        return BTreeSet::new();
    }
    let object = object.tree();
    let specs = ["/spec", "/spec/template/spec", "/spec/jobTemplate/spec/template/spec"];
    let lists = ["containers", "initContainers", "ephemeralContainers"];
    specs
        .iter()
        .filter_map(|pointer| object.pointer(pointer))
        .flat_map(|spec| lists.iter().filter_map(|list| spec.get(list)?.as_array()))
        .flatten()
        .filter_map(|container| Some(container.get("image")?.as_str()?.to_owned()))
        .collect()
}
