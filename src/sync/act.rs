//! Carrying out a sync operation, pass by pass: each pass applies what can be applied now and
//! says what the rest waits for.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use tokio::time::Instant;

use super::{
    clock, observe,
    operation::{self, Retry},
    pass::{Pass, Work},
};
use crate::{
    api::{Application, OperationPhase, OperationState, SyncOperation},
    apply,
    cluster::{Presence, own_fields},
    object::{GroupKind, GroupVersionKind, ObjectId, Origin, Turn},
    plan::{
        Action, Fingerprint, Outcome, Plan, Refusal, Step, StepResult,
        decide::{Decision, Extent, Mode, PruneOrder, State, Subject, decide},
    },
    report::events::{EventReason, EventType},
};

/// Rounds of deciding and applying within one pass: one for each wave that needs no waiting, and
/// a bound for what can't be foreseen.
const ROUNDS_MAX: usize = 100;
/// Time for the steps of one round.
const ROUND_DEADLINE: Duration = Duration::from_secs(120);
/// Refused objects that an operation's message names.
const REFUSALS_TOLD_MAX: usize = 3;

/// What the server did not take of a round.
pub(crate) struct Refused {
    /// Who has to act.
    pub(crate) turn: Turn,
    /// Objects and reasons, in words.
    pub(crate) message: String,
    /// Another object stands in the way.
    pub(crate) conflict: bool,
}

/// Starts an automated sync and carries it as far as it goes.
pub(crate) async fn begin_automated(pass: &mut Pass<'_>, work: &mut Work) {
    let operation = operation::automated(&pass.app, &work.resolved);
    let mut state = operation::start(operation, pass.now);
    // A try that follows a failed one of the same revision is counted, so that pauses grow.
    if let Some(last) = operation::last_attempt(pass.last_operation(), &work.resolved)
        && last.phase.is_failure()
    {
        state.retry_count = last.retry_count + 1;
    }
    // That there are more tries after the first is told by the condition.
    if state.retry_count == 0 {
        let text = format!("automated sync to {}", work.resolved.revisions.join(", "));
        pass.tell(EventType::Normal, EventReason::OperationStarted, &text);
    }
    pass.operation = Some(state);
    operate(pass, work).await;
}

/// Carries the running operation as far as it goes.
pub(crate) async fn operate(pass: &mut Pass<'_>, work: &mut Work) {
    let Some(sync) = pass.operation.as_ref().and_then(|state| state.operation.sync.clone()) else {
        return;
    };
    if waits_for_retry(pass) {
        return;
    }
    if let Some(state) = &mut pass.operation {
        let result = state.sync_result.get_or_insert_default();
        operation::set_revision(result, &work.resolved);
    }
    if sync.dry_run {
        return rehearse(pass, work, &sync).await;
    }
    if let Err(refusal) = create_namespace(pass, work).await {
        return fail(pass, &Refused::of(&refusal));
    }
    for _ in 0..ROUNDS_MAX {
        let decision = decide_now(pass, work, &sync);
        if decision.plan.steps.is_empty() {
            return settle(pass, work, &sync, decision);
        }
        if has_to_be_announced(pass, &decision.plan) && !pass.publish(Some(work), false).await {
            return;
        }
        let outcome = execute(pass, &decision.plan).await;
        if let Some(state) = &mut pass.operation {
            operation::record(state, &work.resolved, &decision.plan, &outcome);
        }
        let refused = absorb(pass, work, &decision.plan, &outcome);
        look(pass, work).await;
        if let Some(refused) = refused {
            // An object that is about to be pruned may stand in the way: it goes first, once.
            if refused.conflict && !pass.memory.prune_first && sync.prune {
                pass.memory.prune_first = true;
                continue;
            }
            pass.memory.prune_first = false;
            return fail(pass, &refused);
        }
    }
    pass.look_again(Duration::from_secs(1));
}

/// True while the operation pauses before its next try. When the pause is over the try begins.
fn waits_for_retry(pass: &mut Pass<'_>) -> bool {
    let now = pass.now;
    let turn = pass.memory.turn.unwrap_or(Turn::Cluster);
    let Some(state) = &mut pass.operation else { return false };
    if state.finished_at.is_none() {
        return false;
    }
    let Retry::After(delay) = operation::retry(state, turn) else { return false };
    let wait = operation::due_in(state, delay, now);
    if wait > Duration::ZERO {
        pass.look_again(wait);
        return true;
    }
    state.finished_at = None;
    state.sync_result = None;
    state.retry_count += 1;
    false
}

fn decide_now(pass: &mut Pass<'_>, work: &Work, sync: &SyncOperation) -> Decision {
    let automated =
        pass.operation.as_ref().is_some_and(|state| state.operation.initiated_by.automated);
    let prunable = if sync.prune { pass.prunable(work, automated) } else { Vec::new() };
    let prunable: Vec<_> = prunable
        .into_iter()
        .filter(|live| !sync.is_selective() || sync.selects(&live.id))
        .collect();
    let pick = |id: &ObjectId| sync.selects(id);
    let option = |name: &str| sync.sync_option(name).or_else(|| pass.app.spec.sync_option(name));
    let propagation = match option("PrunePropagationPolicy") {
        Some("background") => "Background",
        Some("orphan") => "Orphan",
        _ => "Foreground",
    };
    let mode = Mode {
        extent: if sync.is_selective() { Extent::Picked(&pick) } else { Extent::All },
        waves: true,
        prune: match option("PruneLast") {
            _ if pass.memory.prune_first => PruneOrder::First,
            Some("false") => PruneOrder::Applied,
            _ => PruneOrder::Last,
        },
        force: sync.force() || option("Force") == Some("true"),
        replace: option("Replace") == Some("true"),
        validate: option("Validate") != Some("false"),
        propagation,
    };
    decide(&subjects(work), &prunable, &mode)
}

/// The subjects of a decision.
pub(crate) fn subjects(work: &Work) -> Vec<Subject> {
    work.view.seen.iter().map(|seen| seen.subject.clone()).collect()
}

/// True when something has to stand in the status before the first write, so that a process that is
/// killed in between loses nothing: the operation, which the next start carries to its end and into
/// the history, and the kinds of all that is made. A further try that ends like the one before it
/// is not told.
fn has_to_be_announced(pass: &Pass<'_>, plan: &Plan) -> bool {
    let status = pass.app.status.as_ref();
    let told = status.and_then(|status| status.operation_state.as_ref());
    let unknown = pass.operation.as_ref().is_some_and(|state| {
        let known = told.is_some_and(|told| told.started_at == state.started_at);
        !known && state.retry_count == 0
    });
    let resources = status.map(|status| status.resources.as_slice()).unwrap_or_default();
    let named = |kind: &GroupKind| {
        resources.iter().any(|entry| entry.group == kind.group && entry.kind == kind.kind)
    };
    let written = plan.steps.iter().filter(|step| step.action != Action::Prune);
    unknown || written.map(|step| step.id.group_kind()).any(|kind| !named(&kind))
}

/// Executes a plan against the cluster.
pub(crate) async fn execute(pass: &Pass<'_>, plan: &Plan) -> Outcome {
    let started = Instant::now();
    let ctx = pass.ctx;
    let run = apply::Run {
        cluster: &ctx.cluster,
        deadline: Instant::now() + ROUND_DEADLINE,
        permit: &|| ctx.may_act(&pass.entry.name) && !pass.entry.gone.is_cancelled(),
        live: &|id| match ctx.store.get(id) {
            Presence::Tracked(live) => Some(live),
            Presence::Untracked | Presence::Absent | Presence::Unknown => None,
        },
        observer: &|_, _| {},
    };
    let outcome = apply::execute(plan, &run).await;
    pass.ctx.metrics.stage_finished(crate::report::metrics::Stage::Apply, started.elapsed());
    outcome
}

/// Takes over what the server answered; returns what was refused, if anything was.
pub(crate) fn absorb(
    pass: &mut Pass<'_>,
    work: &Work,
    plan: &Plan,
    outcome: &Outcome,
) -> Option<Refused> {
    let mut refusals: Vec<(String, &Refusal)> = Vec::new();
    for (step, came) in plan.steps.iter().zip(&outcome.results) {
        match came {
            StepResult::Applied { object, .. } => {
                pass.ctx.store.observe(object);
                if let (Some(target), Some(own)) = (work.target(&step.id), own_fields(object)) {
                    let print = Fingerprint::of(target, &own, object);
                    pass.memory.fingerprints.insert(step.id.clone(), print);
                }
            }
            StepResult::Pruned { gone } => {
                pass.memory.pruned.insert(step.uid.clone(), *gone);
                pass.memory.fingerprints.remove(&step.id);
                let text = format!("{} was removed: Git no longer names it", step.id);
                pass.tell(EventType::Normal, EventReason::Pruned, &text);
            }
            StepResult::Refused(refusal) => {
                let origin = work.target(&step.id).map(|target| &target.origin);
                refusals.push((located(&step.id, origin, &refusal.message), refusal));
            }
            StepResult::Blocked { .. } => {}
        }
    }
    Refused::sum_up(&refusals, outcome)
}

/// A refusal in words: file and line of the manifest, the object, the reason.
fn located(id: &ObjectId, origin: Option<&Origin>, message: &str) -> String {
    let (id, mut text) = (id.to_string(), message.to_owned());
    if !text.contains(&id) {
        text = format!("{id}: {text}");
    }
    origin.map_or(text.clone(), |origin| format!("{origin}: {text}"))
}

impl Refused {
    fn of(refusal: &Refusal) -> Self {
        let Refusal { turn, message, conflict, .. } = refusal;
        Self { turn: *turn, message: message.clone(), conflict: *conflict }
    }

    fn sum_up(refusals: &[(String, &Refusal)], outcome: &Outcome) -> Option<Self> {
        let first = refusals.first()?.1;
        let mut told: Vec<String> =
            refusals.iter().take(REFUSALS_TOLD_MAX).map(|(text, _)| text.clone()).collect();
        let blocked =
            outcome.results.iter().filter(|r| matches!(r, StepResult::Blocked { .. })).count();
        let more = refusals.len().saturating_sub(REFUSALS_TOLD_MAX) + blocked;
        if more > 0 {
            told.push(format!("and {more} more"));
        }
        // Where the cluster itself is at fault for one object, trying again soon is worth it.
        let soon = refusals.iter().any(|(_, refusal)| refusal.turn == Turn::Cluster);
        Some(Self {
            turn: if soon { Turn::Cluster } else { first.turn },
            message: told.join("; "),
            conflict: refusals.iter().any(|(_, refusal)| refusal.conflict),
        })
    }
}

/// Compares again after a round: the store has seen the answers.
async fn look(pass: &mut Pass<'_>, work: &mut Work) {
    let app = Arc::clone(&pass.app);
    let Work { project, desired, kinds, .. } = &*work;
    work.view = observe::view(pass.ctx, &app, project, desired, kinds, pass.memory).await;
}

/// Nothing is left to apply: the operation ends, or says what it waits for.
fn settle(pass: &mut Pass<'_>, work: &Work, sync: &SyncOperation, decision: Decision) {
    pass.memory.prune_first = false;
    pass.forgive();
    if let Some(waiting) = decision.waiting {
        if waiting.degraded {
            let message = format!(
                "one or more synchronization tasks completed unsuccessfully, reason: {}",
                waiting.message
            );
            return fail(pass, &Refused { turn: Turn::Author, message, conflict: false });
        }
        if let Some(state) = &mut pass.operation {
            state.message = waiting.message;
        }
        return;
    }
    if let Some(waiting) = pass.unconfirmed(work, sync) {
        if let Some(state) = &mut pass.operation {
            state.message = waiting;
        }
        return;
    }
    skip_prunes(pass, work, sync);
    pass.memory.turn = None;
    if !work.desired.complete {
        let message = "some manifests could not be used, see the condition ComparisonError; \
                       the others were synced and nothing was pruned";
        pass.memory.turn = Some(Turn::Author);
        return pass.end(OperationPhase::Failed, message);
    }
    let barred: Vec<String> = work
        .view
        .seen
        .iter()
        .filter(|seen| seen.subject.state == State::Barred)
        .map(|seen| seen.subject.target.id.to_string())
        .collect();
    if !barred.is_empty() && !sync.is_selective() {
        let message = format!("left alone, see the conditions: {}", barred.join(", "));
        pass.memory.turn = Some(Turn::Operator);
        return pass.end(OperationPhase::Failed, &message);
    }
    pass.end(OperationPhase::Succeeded, "successfully synced (all tasks run)");
    if !sync.is_selective()
        && let Some(state) = &pass.operation
    {
        let entry = operation::history_entry(state, &work.resolved, None, clock::now());
        pass.deployed = Some(entry);
    }
}

/// Objects that Git no longer names and that stay, because nobody asked for pruning.
fn skip_prunes(pass: &mut Pass<'_>, work: &Work, sync: &SyncOperation) {
    if sync.prune || sync.is_selective() {
        return;
    }
    let Some(result) = pass.operation.as_mut().and_then(|state| state.sync_result.as_mut()) else {
        return;
    };
    for live in &work.view.stale {
        result.resources.push(crate::api::ResourceResult {
            group: live.id.group.clone(),
            version: live.gvk.version.clone(),
            kind: live.id.kind.clone(),
            namespace: live.id.namespace.clone(),
            name: live.id.name.clone(),
            status: Some(crate::api::ResultCode::PruneSkipped),
            message: "ignored (requires pruning)".to_owned(),
            ..crate::api::ResourceResult::default()
        });
    }
}

/// An object was refused: the operation fails, or pauses before its next try.
fn fail(pass: &mut Pass<'_>, refused: &Refused) {
    pass.memory.turn = Some(refused.turn);
    let message = if refused.message.starts_with("one or more") {
        refused.message.clone()
    } else {
        format!("one or more objects failed to apply, reason: {}", refused.message)
    };
    let Some(state) = pass.operation.as_mut() else { return };
    match operation::retry(state, refused.turn) {
        Retry::After(delay) if state.operation.initiated_by.automated => {
            pass.look_again(delay);
            pass.end_with_condition(OperationPhase::Failed, &message);
            pass.blame();
        }
        Retry::After(delay) => {
            pause(state, &message, delay);
            pass.look_again(delay);
        }
        Retry::Never => pass.end(OperationPhase::Failed, &message),
    }
}

/// A person's operation stays Running until its retries are used up.
fn pause(state: &mut OperationState, message: &str, delay: Duration) {
    let now = clock::now();
    state.finished_at = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(now));
    let next = now.saturating_add(delay).unwrap_or(now);
    state.message = format!(
        "{message}. Retrying attempt #{} at {}.",
        state.retry_count + 1,
        next.strftime("%-I:%M%p")
    );
}

/// Asks the server what each apply would come to, without changing anything.
async fn rehearse(pass: &mut Pass<'_>, work: &mut Work, sync: &SyncOperation) {
    let mut refused = Vec::new();
    for seen in work.view.seen.iter().filter(|seen| sync.selects(&seen.subject.target.id)) {
        if matches!(seen.subject.state, State::Clean | State::Barred) {
            continue;
        }
        let step = observe::probe(&seen.subject.target);
        let deadline = Instant::now() + observe::DRY_RUN_LIMIT;
        if let Err(refusal) = apply::dry_run(&step, &pass.ctx.cluster, deadline).await {
            refused.push(format!("{}: {}", step.id, refusal.message));
        }
    }
    if refused.is_empty() {
        pass.end(OperationPhase::Succeeded, "successfully synced (dry run)");
    } else {
        let message =
            format!("one or more objects failed to apply (dry run): {}", refused.join("; "));
        pass.end(OperationPhase::Failed, &message);
    }
}

/// The kind that `CreateNamespace=true` makes an application depend on.
pub(crate) fn namespace_kind(app: &Application) -> Option<GroupKind> {
    creates_namespace(app).then(|| GroupKind::new("", "Namespace"))
}

fn creates_namespace(app: &Application) -> bool {
    app.spec.sync_option("CreateNamespace") == Some("true")
        && !app.spec.destination.namespace.is_empty()
}

/// Makes the destination namespace when the application asks for it and it is not there.
async fn create_namespace(pass: &Pass<'_>, work: &Work) -> Result<(), Refusal> {
    let name = &pass.app.spec.destination.namespace;
    let id = ObjectId::new("", "Namespace", "", name);
    let named = work.desired.targets.iter().any(|target| target.id == id);
    if !creates_namespace(&pass.app) || named {
        return Ok(());
    }
    if !matches!(pass.ctx.store.get(&id), Presence::Absent) {
        return Ok(());
    }
    let mut body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    if let Some(managed) = pass.app.spec.managed_namespace_metadata() {
        body["metadata"]["labels"] = json!(managed.labels);
        body["metadata"]["annotations"] = json!(managed.annotations);
    }
    let gvk = GroupVersionKind::parse("v1", "Namespace");
    let step = Step::new(id, gvk, Action::Create, Some(Arc::new(body)));
    let outcome = execute(pass, &Plan { steps: vec![step] }).await;
    match outcome.results.into_iter().next() {
        Some(StepResult::Refused(refusal)) => Err(refusal),
        _ => Ok(()),
    }
}
