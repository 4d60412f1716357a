//! One pass over one application: read everything, decide once, act, report.
//!
//! A pass takes no hint about what changed, so it may run at any time and any number of times: a
//! lost event costs latency, never correctness.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde_json::Value;

use super::{
    act, clock, consent,
    context::Context,
    delete,
    entry::{Entry, REFRESH},
    heal,
    memory::{Memory, Wanted},
    observe::{self, View},
    operation::{self, Resolved, Standing},
    publish,
    read::{self, Stopped, condition},
    status,
};
use crate::{
    api::{
        AppProject, Application, ConditionType, OperationPhase, OperationState, RevisionHistory,
        SyncCode,
    },
    object::{GroupKind, ObjectId, Turn, meta},
    plan::{Desired, Target, gate, prune},
    report::{
        events::{EventReason, EventType},
        metrics::{AppLabels, Stage},
        status as shape,
    },
    source::url::canonical,
};

/// What a pass asks of its caller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PassEnd {
    /// Look again after this long, even if nothing happens.
    pub(crate) next: Option<Duration>,
}

/// A pass on its way.
pub(crate) struct Pass<'a> {
    pub(crate) ctx: &'a Context,
    pub(crate) entry: &'a Entry,
    pub(crate) memory: &'a mut Memory,
    /// The resource as it is now; follows what the pass writes. It knows what waits to be written.
    pub(crate) app: Arc<Application>,
    /// The status as the resource tells it.
    pub(crate) told: Value,
    /// Fields of the resource that can't be read. Only a deletion goes on without them.
    pub(crate) lost: Vec<String>,
    pub(crate) now: Timestamp,
    /// When somebody first asked for this pass.
    pub(crate) asked_at: Option<Instant>,
    pub(crate) conditions: Vec<shape::Condition>,
    /// The operation that runs or has just ended.
    pub(crate) operation: Option<OperationState>,
    pub(crate) deployed: Option<RevisionHistory>,
    pub(crate) next: Option<Duration>,
    pub(crate) refreshed: bool,
}

/// What a pass works on.
pub(crate) struct Work {
    pub(crate) project: Arc<AppProject>,
    pub(crate) resolved: Resolved,
    pub(crate) desired: Arc<Desired>,
    pub(crate) kinds: BTreeSet<GroupKind>,
    pub(crate) view: View,
}

impl Work {
    /// The target of an object, as it was last compared.
    pub(crate) fn target(&self, id: &ObjectId) -> Option<&Target> {
        self.view.seen.iter().map(|seen| &*seen.subject.target).find(|target| target.id == *id)
    }
}

/// Makes one pass. It does not fail: what stopped it is in the status.
pub(crate) async fn pass(ctx: &Context, entry: &Entry, memory: &mut Memory) -> PassEnd {
    let started = Instant::now();
    let asked_at = entry.take_rung();
    let latest = entry.latest();
    let (mut app, lost) = match Application::parse(latest.tree()) {
        Ok(app) => (app, Vec::new()),
        Err(_) if meta::is_terminating(&latest.tree()) => delete::salvage(latest.tree()),
        Err(cause) => {
            return publish::unreadable(ctx, entry, &latest.tree(), &observe::chain(&cause)).await;
        }
    };
    let told = status::told(&app);
    if memory.unwritten.as_ref().is_some_and(|unwritten| !unwritten.recall(&mut app)) {
        memory.unwritten = None;
    }
    let mut pass = Pass {
        ctx,
        entry,
        memory,
        app: Arc::new(app),
        told,
        lost,
        now: clock::now(),
        asked_at,
        conditions: Vec::new(),
        operation: None,
        deployed: None,
        next: None,
        refreshed: false,
    };
    let ok = pass.run().await;
    let app = Arc::clone(&pass.app);
    let next = pass.next;
    if entry.gone.is_cancelled() {
        // It went while this pass asked for watches and polls: they are nobody's now.
        ctx.forget(&entry.name);
    }
    ctx.metrics.pass_finished(labels(&app), started.elapsed(), ok);
    PassEnd { next }
}

/// Waits until the first polls of the application's repositories have ended, well or not.
pub(crate) async fn sources_known(ctx: &Context, entry: &Entry) {
    let Ok(app) = Application::parse(entry.latest().tree()) else { return };
    if app.metadata.deletion_timestamp.is_none() && read::permitted(ctx, &app).is_ok() {
        // What it came to is asked again by the pass, which has something to say about it.
        drop(read::resolve_spec(ctx, &app).await);
    }
}

/// What identifies the application in metrics.
pub(crate) fn labels(app: &Application) -> AppLabels<'_> {
    AppLabels {
        namespace: app.metadata.namespace.as_deref().unwrap_or_default(),
        name: app.metadata.name.as_deref().unwrap_or_default(),
        project: app.spec.project(),
        dest_server: &app.spec.destination.server,
    }
}

impl Pass<'_> {
    /// Runs the stages; false when one of them stopped the pass.
    async fn run(&mut self) -> bool {
        if self.app.metadata.deletion_timestamp.is_some() {
            self.entry.wait_for_kinds(None);
            return delete::pass(self).await;
        }
        if annotation(&self.app, SKIP_RECONCILE) == Some("true") {
            return true;
        }
        self.refresh().await;
        let work = match self.read().await {
            Ok(Some(work)) => work,
            // Watches are still listing: the store wakes this application when they have.
            Ok(None) => return true,
            Err(stopped) => {
                self.stop(stopped).await;
                return false;
            }
        };
        self.work(work).await;
        true
    }

    /// Obeys the refresh annotation: polls the repositories now, and with `hard` forgets what is
    /// cached.
    async fn refresh(&mut self) {
        let Some(kind) = annotation(&self.app, REFRESH).map(str::to_owned) else { return };
        self.refreshed = true;
        let text = format!("a {kind} refresh was asked for");
        self.tell(EventType::Normal, EventReason::StatusRefreshed, &text);
        if kind == "hard" {
            self.memory.fingerprints.clear();
            self.memory.dry_runs.clear();
            for source in self.app.spec.sources() {
                self.ctx.renders.forget(&canonical(&source.repo_url));
            }
            self.ctx.learn_kinds().await;
        }
        self.ctx.sources.poll_now(&self.ctx.instance(&self.app)).await;
    }

    /// The first half: from the specification to desired and live objects. `None` while watches
    /// are still listing.
    async fn read(&mut self) -> Result<Option<Work>, Stopped> {
        let (ctx, app) = (self.ctx, Arc::clone(&self.app));
        let project = read::permitted(ctx, &app)?;
        let started = Instant::now();
        let spec = read::resolve_spec(ctx, &app).await?;
        self.conditions.extend(spec.1);
        let resolved = match self.begin(&spec.0).await {
            Some(own) => own,
            None => spec.0.clone(),
        };
        ctx.metrics.stage_finished(Stage::Source, started.elapsed());
        self.memory.synced = self.synced_before(&resolved);
        let work = self.compare(project, resolved).await?;
        Ok(work)
    }

    /// Renders at `resolved` and compares with the cluster. `None` while watches are listing.
    pub(crate) async fn compare(
        &mut self,
        project: Arc<AppProject>,
        resolved: Resolved,
    ) -> Result<Option<Work>, Stopped> {
        let (ctx, app) = (self.ctx, Arc::clone(&self.app));
        let started = Instant::now();
        let changes = ctx.cluster.discovery().changes();
        let desired = self.desire(&resolved).await?;
        let discovery = ctx.cluster.discovery();
        self.entry.wait_for_kinds(desired.kinds_missing.then(|| discovery.wait()));
        // Whoever wakes those that wait may have looked a moment before.
        if desired.kinds_missing && changes.has_changed().unwrap_or_default() {
            self.entry.wake();
        }
        ctx.metrics.stage_finished(Stage::Render, started.elapsed());
        let started = Instant::now();
        let mut kinds = observe::kinds(&app, &desired);
        kinds.extend(act::namespace_kind(&app));
        ctx.store.need(&ctx.instance(&app), kinds.clone());
        if let Err(listing) = observe::listed(ctx, &kinds) {
            tracing::debug!(app = self.entry.name, ?listing, "waiting for watches");
            return Ok(None);
        }
        let view = observe::view(ctx, &app, &project, &desired, &kinds, self.memory).await;
        ctx.metrics.stage_finished(Stage::Observe, started.elapsed());
        Ok(Some(Work { project, resolved, desired, kinds, view }))
    }

    /// What Git wants at `resolved`. While neither commit nor kinds change, the last answer holds
    /// and no file is read.
    async fn desire(&mut self, resolved: &Resolved) -> Result<Arc<Desired>, Stopped> {
        let kinds = self.ctx.cluster.kinds();
        let known = self.memory.desired.as_mut().filter(|known| {
            known.destination == self.app.spec.destination && Arc::ptr_eq(&known.kinds, &kinds)
        });
        if let Some(known) = &known
            && known.resolved == *resolved
        {
            return Ok(Arc::clone(&known.desired));
        }
        let rendered = read::render(self.ctx, &self.app, resolved).await;
        // An operation may be about other sources than those that the application follows.
        if resolved.sources == self.app.spec.sources() {
            read::remember(self.ctx, &self.app, rendered.as_deref().ok());
        }
        let rendered = rendered?;
        let same = |known: &&mut Wanted| {
            known.rendered.len() == rendered.len()
                && known.rendered.iter().zip(&rendered).all(|(a, b)| Arc::ptr_eq(a, b))
        };
        if let Some(known) = known.filter(same) {
            known.resolved = resolved.clone();
            return Ok(Arc::clone(&known.desired));
        }
        let desired = Arc::new(read::desire(self.ctx, &self.app, &rendered).await);
        // A kind that is missing may be there the next time; only what is complete is kept.
        self.memory.desired = desired.complete.then(|| Wanted {
            resolved: resolved.clone(),
            destination: self.app.spec.destination.clone(),
            kinds: self.ctx.cluster.kinds(),
            rendered,
            desired: Arc::clone(&desired),
        });
        Ok(desired)
    }

    /// True when this revision of these sources was in sync with this destination before: what
    /// differs now is drift.
    fn synced_before(&self, resolved: &Resolved) -> bool {
        let destination = &self.app.spec.destination;
        let known = self.memory.synced_at.as_ref();
        if known.is_some_and(|(at, place)| at == resolved && place == destination) {
            return true;
        }
        let sync = self.app.status.as_ref().map(|status| &status.sync);
        sync.filter(|sync| sync.compared_to.destination == *destination).is_some_and(|sync| {
            let said_so = sync.status == SyncCode::Synced
                && sync.revision == resolved.revision()
                && sync.compared_to.source.as_ref() == resolved.sources.first();
            said_so || operation::succeeded_before(self.last_operation(), resolved)
        })
    }

    /// The operation before this pass: the one in the status, or a later one that only repeated it.
    pub(crate) fn last_operation(&self) -> Option<&OperationState> {
        let told = self.app.status.as_ref()?.operation_state.as_ref()?;
        let repeated = self.memory.repeated.as_ref().filter(|repeated| repeated.told == *told);
        Some(repeated.map_or(told, |repeated| &repeated.last))
    }

    /// Takes up the operation that is asked for or runs; returns what it is about when that is not
    /// simply the specification.
    async fn begin(&mut self, spec: &Resolved) -> Option<Resolved> {
        match operation::standing(&self.app) {
            Standing::Idle => None,
            Standing::Requested(requested) => {
                let by = &requested.initiated_by.username;
                let by = if by.is_empty() { "somebody" } else { by };
                let text = format!("{by} started a sync");
                self.tell(EventType::Normal, EventReason::OperationStarted, &text);
                self.operation = Some(operation::start(*requested, self.now));
                self.focus(spec).await
            }
            Standing::Running(state) => {
                let automated = state.operation.initiated_by.automated;
                let pinned = state.operation.sync.as_ref().map(operation::pinned);
                let pinned = pinned.unwrap_or_default();
                self.operation = Some(*state);
                if automated && !pinned.is_empty() && pinned != spec.revisions {
                    // A newer commit replaces the one that is being synced, at once.
                    let text = format!("superseded by revision {}", spec.revisions.join(", "));
                    self.end(OperationPhase::Failed, &text);
                    return None;
                }
                self.focus(spec).await
            }
            Standing::Terminating(state) => {
                self.operation = Some(*state);
                self.end(OperationPhase::Failed, TERMINATED);
                None
            }
        }
    }

    /// What the operation is about, when that is not what the specification says.
    async fn focus(&mut self, spec: &Resolved) -> Option<Resolved> {
        let Some(sync) = operation::in_focus(self.operation.as_ref()?) else {
            self.end(OperationPhase::Error, "the operation names nothing to do");
            return None;
        };
        match read::resolve_operation(self.ctx, &self.app, &sync).await {
            Ok((own, _)) if own == *spec => None,
            Ok((own, _)) => Some(own),
            Err(stopped) => {
                self.end(OperationPhase::Error, &stopped.condition.message);
                None
            }
        }
    }

    /// The second half: act on what differs, then report.
    async fn work(&mut self, mut work: Work) {
        self.conditions.extend(read::conditions(&work.desired.findings));
        if self.operation.as_ref().is_some_and(|state| !state.phase.is_complete()) {
            act::operate(self, &mut work).await;
        } else {
            match self.answer(&work) {
                gate::Answer::Sync => act::begin_automated(self, &mut work).await,
                gate::Answer::Heal => heal::heal(self, &mut work).await,
                gate::Answer::Report => heal::report(self, &work),
            }
        }
        if let Some(spec) = self.other_revision(&work).await {
            work = spec;
        }
        if work.desired.complete && !self.entry.gone.is_cancelled() {
            let named = work.desired.targets.iter().map(|target| &target.id).collect();
            self.ctx.claims.set(&self.ctx.instance(&self.app), &named);
        }
        self.note_view(&work.view);
        self.note_unmanaged(&work.view);
        if status::is_in_sync(&work.view) && work.desired.complete {
            let destination = self.app.spec.destination.clone();
            self.memory.synced_at = Some((work.resolved.clone(), destination));
        }
        self.forget(&work);
        self.publish(Some(&work), false).await;
    }

    /// What the status has to be about, when the operation was about something else.
    async fn other_revision(&mut self, work: &Work) -> Option<Work> {
        let (spec, _) = read::resolve_spec(self.ctx, &self.app).await.ok()?;
        if spec == work.resolved {
            return None;
        }
        self.memory.synced = false;
        self.compare(Arc::clone(&work.project), spec).await.ok()?
    }

    /// What an automated application does now.
    fn answer(&mut self, work: &Work) -> gate::Answer {
        use crate::plan::decide::State;
        let policy = self.app.spec.automated().cloned();
        let seen = &work.view.seen;
        let is = |state: State| seen.iter().any(|seen| seen.subject.state == state);
        let appeared = seen.iter().any(|s| s.subject.state == State::Missing && !s.deleted);
        let deleted = seen.iter().any(|seen| seen.deleted);
        let prunable = policy.as_ref().is_some_and(|policy| policy.prune)
            && !self.prunable(work, true).is_empty();
        let unfinished = self.is_unfinished(work);
        let question = gate::Question {
            automated: policy.is_some(),
            self_heal: policy.as_ref().is_some_and(|policy| policy.self_heal),
            changed: appeared || is(State::Changed) || is(State::Unmanaged) || unfinished,
            drifted: deleted || is(State::Drifted),
            prunable,
            // What another tool applied has to become ours, whatever that tool said of it.
            synced_before: self.memory.synced && !is(State::Unmanaged) && !unfinished,
        };
        let answer = gate::answer(question);
        if answer == gate::Answer::Sync
            && let Some(wait) = self.retry_wait(work)
        {
            self.look_again(wait);
            return if question.drifted && question.self_heal {
                gate::Answer::Heal
            } else {
                gate::Answer::Report
            };
        }
        answer
    }

    /// True when an automated sync failed although all that it was to do was done, as where the
    /// server's answer was lost: it has to come to its end, and into the history.
    fn is_unfinished(&self, work: &Work) -> bool {
        let last = operation::last_attempt(self.last_operation(), &work.resolved);
        let failed = last.is_some_and(|last| {
            let automated = last.operation.initiated_by.automated;
            automated && last.phase.is_failure() && last.message != TERMINATED
        });
        failed
            && self.operation.is_none()
            && work.desired.complete
            && status::is_in_sync(&work.view)
    }

    /// How long an automated sync of a revision that failed has to wait.
    fn retry_wait(&mut self, work: &Work) -> Option<Duration> {
        // One that ended in this very pass does not stand in the status yet.
        let last = self.operation.as_ref().or_else(|| self.last_operation());
        let last = &operation::last_attempt(last, &work.resolved)?.clone();
        if last.message == TERMINATED {
            let wait = operation::due_in(last, TERMINATED_PAUSE, self.now);
            return (wait > Duration::ZERO).then_some(wait);
        }
        if !last.phase.is_failure() || !last.operation.initiated_by.automated {
            return None;
        }
        let turn = self.memory.turn.unwrap_or(Turn::Cluster);
        let operation::Retry::After(delay) = operation::retry(last, turn) else { return None };
        let wait = operation::due_in(last, delay, self.now);
        self.conditions.push(failure(last));
        (wait > Duration::ZERO).then_some(wait)
    }

    /// Holds the operation that has just failed against the application.
    pub(crate) fn blame(&mut self) {
        self.forgive();
        self.conditions.extend(self.operation.as_ref().map(failure));
    }

    /// What the last try failed by is over: everything was taken now. Until then the condition
    /// stands, so that it does not come and go with each try.
    pub(crate) fn forgive(&mut self) {
        self.conditions.retain(|held| !held.message.starts_with(FAILURE));
    }

    /// The live objects that may be deleted now, judged by options, completeness and budget.
    pub(crate) fn prunable(
        &mut self,
        work: &Work,
        automated: bool,
    ) -> Vec<Arc<crate::object::LiveObject>> {
        if !work.desired.complete || !work.view.complete {
            return Vec::new();
        }
        let sorted = self.sort_stale(&work.view);
        self.tell_unconfirmed(&sorted);
        let stale = sorted.free;
        let allow_empty = self.app.spec.automated().is_some_and(|policy| policy.allow_empty);
        let budget = prune::Budget {
            pruned: stale.len(),
            live: work.view.tracked,
            automated,
            allow_empty,
            confirmed: self.deletion_approved(),
        };
        match prune::held(budget) {
            None => stale,
            Some(why) => {
                let held = condition(&ConditionType::SyncError, why);
                if !self.conditions.contains(&held) {
                    self.conditions.push(held);
                }
                Vec::new()
            }
        }
    }

    /// Somebody confirmed the deletion after the last sync that got to its end: the one that runs
    /// now may wait for long, and the word holds until it is done.
    pub(crate) fn deletion_approved(&self) -> bool {
        let Some(at) = consent::approved_at(&self.app) else { return false };
        let history = self.app.status.as_ref().and_then(|status| status.history.last());
        let last = history.and_then(|last| last.deployed_at.as_ref());
        // Both times are kept in whole seconds: the word that a sync has used up may be of the
        // second in which that ended.
        last.is_none_or(|last| at.as_second() > last.0.as_second())
    }

    fn forget(&mut self, work: &Work) {
        let keep: BTreeSet<_> = work
            .desired
            .targets
            .iter()
            .map(|target| &target.id)
            .chain(work.view.stale.iter().map(|live| &live.id))
            .chain(work.view.unsure.iter().map(|unsure| &unsure.live.id))
            .collect();
        self.memory.retain(|id| keep.contains(id));
    }

    /// Ends a pass that got nowhere: the condition says why, the operation ends.
    async fn stop(&mut self, stopped: Stopped) {
        self.entry.wait_for_kinds(None);
        let invalid = stopped.condition.kind == ConditionType::InvalidSpecError.as_str();
        self.memory.turn = Some(stopped.turn);
        match operation::standing(&self.app) {
            _ if self.operation.is_some() => {}
            Standing::Requested(requested) => {
                self.operation = Some(operation::start(*requested, self.now));
            }
            // A server that does not answer for a moment ends nothing.
            Standing::Running(state) if stopped.turn != Turn::Cluster => {
                self.operation = Some(*state);
            }
            Standing::Terminating(state) => {
                self.operation = Some(*state);
                self.end(OperationPhase::Failed, TERMINATED);
            }
            Standing::Running(_) | Standing::Idle => {}
        }
        if self.operation.as_ref().is_some_and(|state| !state.phase.is_complete()) {
            self.end_with_condition(OperationPhase::Error, &stopped.condition.message);
        }
        self.conditions.push(stopped.condition);
        self.publish(None, invalid).await;
    }

    /// Asks to be woken after `wait` at the latest.
    pub(crate) fn look_again(&mut self, wait: Duration) {
        self.next = Some(self.next.map_or(wait, |next| next.min(wait)));
    }

    /// Ends the operation.
    pub(crate) fn end(&mut self, phase: OperationPhase, message: &str) {
        self.end_telling(phase, message, None);
    }

    /// Ends the operation for a reason that a condition tells: its event does not repeat it.
    pub(crate) fn end_with_condition(&mut self, phase: OperationPhase, message: &str) {
        self.end_telling(phase, message, Some("the conditions say why"));
    }

    /// True when this pass's operation failed as the one in the status did: nobody learns anything.
    pub(crate) fn is_repeated(&self) -> bool {
        let told = self.app.status.as_ref().and_then(|status| status.operation_state.as_ref());
        told.zip(self.operation.as_ref()).is_some_and(|(told, now)| operation::repeats(told, now))
    }

    fn end_telling(&mut self, phase: OperationPhase, message: &str, told: Option<&str>) {
        let Some(state) = &mut self.operation else { return };
        operation::finish(state, phase, message, clock::now());
        let took = state.finished_at.as_ref().map_or(Duration::ZERO, |finished| {
            Duration::try_from(finished.0.duration_since(state.started_at.0)).unwrap_or_default()
        });
        let dry_run = state.operation.sync.as_ref().is_some_and(|sync| sync.dry_run);
        let phase = state.phase.clone();
        let text = format!("sync {phase}: {}", told.unwrap_or(&state.message));
        self.ctx.metrics.sync_finished(labels(&self.app), phase.as_str(), dry_run, took);
        if self.is_repeated() {
            return;
        }
        let kind = if phase.is_failure() { EventType::Warning } else { EventType::Normal };
        self.tell(kind, EventReason::OperationCompleted, &text);
    }
}

/// The condition that a failed automated sync comes to; the same words for the same failure.
fn failure(last: &OperationState) -> shape::Condition {
    let text = format!("{FAILURE} {}: {}", last_revision(last), last.message);
    condition(&ConditionType::SyncError, text)
}

/// How the condition of a failed automated sync begins.
const FAILURE: &str = "Failed last sync attempt to";

fn annotation<'a>(app: &'a Application, key: &str) -> Option<&'a str> {
    app.metadata.annotations.as_ref()?.get(key).map(String::as_str)
}

fn last_revision(state: &OperationState) -> &str {
    state.sync_result.as_ref().map_or("", |result| result.revision.as_str())
}

/// An automated sync that somebody ended does not start again by itself for this long.
const TERMINATED_PAUSE: Duration = Duration::from_secs(3600);
/// The message of an operation that somebody ended.
const TERMINATED: &str = "Operation terminated";
/// Leaves an application alone.
const SKIP_RECONCILE: &str = "argocd.argoproj.io/skip-reconcile";
