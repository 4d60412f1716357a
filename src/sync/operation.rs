//! The life of an operation: a request by a person, or a sync that the controller starts itself.
//!
//! Values only. The state lives in `status.operationState`, so an operation survives the process.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::{
    api::{
        Application, ApplicationSource, Operation, OperationInitiator, OperationPhase,
        OperationState, ResourceResult, ResultCode, RevisionHistory, SyncOperation,
        SyncOperationResult, SyncPhase,
    },
    object::{ObjectId, Turn, mask},
    plan::{Action, Outcome, Plan, StepResult, gate},
};

/// What the sources of one try resolved to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Resolved {
    /// The sources, as the specification or the operation has them.
    pub(crate) sources: Vec<ApplicationSource>,
    /// The commit of each.
    pub(crate) revisions: Vec<String>,
}

impl Resolved {
    /// The commit, where there is one source.
    pub(crate) fn revision(&self) -> String {
        match self.revisions.as_slice() {
            [one] => one.clone(),
            _ => String::new(),
        }
    }

    fn many(&self) -> bool {
        self.sources.len() > 1
    }
}

/// What an application's `operation` and `status.operationState` ask for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Standing {
    /// Nothing is asked for.
    Idle,
    /// A new request.
    Requested(Box<Operation>),
    /// An operation goes on. For a request, `operation` is still on the resource.
    Running(Box<OperationState>),
    /// Somebody asked to end the running operation.
    Terminating(Box<OperationState>),
}

/// Reads what is asked for.
pub(crate) fn standing(app: &Application) -> Standing {
    let state = app.status.as_ref().and_then(|status| status.operation_state.as_ref());
    match (state, &app.operation) {
        (Some(state), _) if state.phase == OperationPhase::Terminating => {
            Standing::Terminating(Box::new(state.clone()))
        }
        (Some(state), _) if state.phase == OperationPhase::Running => {
            Standing::Running(Box::new(state.clone()))
        }
        (_, Some(operation)) => Standing::Requested(Box::new(operation.clone())),
        (_, None) => Standing::Idle,
    }
}

/// The state of an operation that starts now.
pub(crate) fn start(operation: Operation, now: Timestamp) -> OperationState {
    OperationState {
        operation,
        phase: OperationPhase::Running,
        message: String::new(),
        sync_result: None,
        started_at: Time(now),
        finished_at: None,
        retry_count: 0,
    }
}

/// The operation of an automated sync.
pub(crate) fn automated(app: &Application, resolved: &Resolved) -> Operation {
    let policy = app.spec.sync_policy.clone().unwrap_or_default();
    Operation {
        sync: Some(SyncOperation {
            revision: resolved.revision(),
            revisions: if resolved.many() { resolved.revisions.clone() } else { Vec::new() },
            prune: policy.automated.as_ref().is_some_and(|automated| automated.prune),
            sync_options: policy.sync_options,
            ..SyncOperation::default()
        }),
        initiated_by: OperationInitiator { automated: true, ..OperationInitiator::default() },
        info: Vec::new(),
        retry: policy.retry.unwrap_or_default(),
    }
}

/// True when the last operation brought this very revision and source into the cluster as a whole.
pub(crate) fn succeeded_before(last: Option<&OperationState>, resolved: &Resolved) -> bool {
    last_attempt(last, resolved).is_some_and(|state| state.phase == OperationPhase::Succeeded)
}

/// The last operation, if it was a full sync of this very revision and source.
pub(crate) fn last_attempt<'a>(
    last: Option<&'a OperationState>,
    resolved: &Resolved,
) -> Option<&'a OperationState> {
    let state = last?;
    let sync = state.operation.sync.as_ref()?;
    let result = state.sync_result.as_ref()?;
    let same_source = if resolved.many() {
        result.sources == resolved.sources && result.revisions == resolved.revisions
    } else {
        result.source.as_ref() == resolved.sources.first() && result.revision == resolved.revision()
    };
    (same_source && !sync.is_selective() && !sync.dry_run && state.phase.is_complete())
        .then_some(state)
}

/// Notes what came of a plan in the result of the operation.
pub(crate) fn record(
    state: &mut OperationState,
    resolved: &Resolved,
    plan: &Plan,
    outcome: &Outcome,
) {
    let result = state.sync_result.get_or_insert_with(SyncOperationResult::default);
    set_revision(result, resolved);
    for (step, came) in plan.steps.iter().zip(&outcome.results) {
        let entry = result_of(step, came);
        let slot = result.resources.iter_mut().find(|known| is_same(known, &step.id));
        match slot {
            Some(slot) => *slot = entry,
            None => result.resources.push(entry),
        }
    }
}

/// Notes which commit the operation is about.
pub(crate) fn set_revision(result: &mut SyncOperationResult, resolved: &Resolved) {
    if resolved.many() {
        result.sources.clone_from(&resolved.sources);
        result.revisions.clone_from(&resolved.revisions);
    } else {
        result.source = resolved.sources.first().cloned();
        result.revision = resolved.revision();
    }
}

fn is_same(result: &ResourceResult, id: &ObjectId) -> bool {
    result.name == id.name
        && result.kind == id.kind
        && result.namespace == id.namespace
        && result.group == id.group
}

fn result_of(step: &crate::plan::Step, came: &StepResult) -> ResourceResult {
    let subject = format!(
        "{}{}/{}",
        step.id.kind.to_lowercase(),
        if step.id.group.is_empty() { String::new() } else { format!(".{}", step.id.group) },
        step.id.name
    );
    let (status, message) = match came {
        StepResult::Applied { changed, .. } => {
            let verb = match (step.action, changed) {
                (Action::Create, _) => "created",
                (Action::Replace, true) => "replaced",
                (_, true) => "configured",
                (_, false) => "unchanged",
            };
            (ResultCode::Synced, format!("{subject} {verb}"))
        }
        StepResult::Pruned { .. } => (ResultCode::Pruned, "pruned".to_owned()),
        StepResult::Refused(refusal) => (ResultCode::SyncFailed, refusal.message.clone()),
        StepResult::Blocked { by } => {
            (ResultCode::SyncFailed, format!("not tried: it depends on {by}, which failed"))
        }
    };
    ResourceResult {
        group: step.id.group.clone(),
        version: step.gvk.version.clone(),
        kind: step.id.kind.clone(),
        namespace: step.id.namespace.clone(),
        name: step.id.name.clone(),
        status: Some(status),
        message,
        hook_type: None,
        hook_phase: None,
        sync_phase: Some(SyncPhase::Sync),
        images: Vec::new(),
    }
}

/// What a running operation is about: once it has begun, the commits that it began with, so that a
/// push in between does not mix two of them.
pub(crate) fn in_focus(state: &OperationState) -> Option<SyncOperation> {
    let mut sync = state.operation.sync.clone()?;
    if let Some(result) = &state.sync_result
        && pinned(&sync).is_empty()
    {
        sync.revision.clone_from(&result.revision);
        sync.revisions.clone_from(&result.revisions);
    }
    Some(sync)
}

/// The commits that a sync is pinned to, one for each source; empty when it is not pinned.
pub(crate) fn pinned(sync: &SyncOperation) -> Vec<String> {
    match sync.revisions.as_slice() {
        [] if sync.revision.is_empty() => Vec::new(),
        [] => vec![sync.revision.clone()],
        many => many.to_vec(),
    }
}

/// Ends an operation.
pub(crate) fn finish(
    state: &mut OperationState,
    phase: OperationPhase,
    message: &str,
    now: Timestamp,
) {
    state.phase = phase;
    state.message = mask::text(message).into_owned();
    state.finished_at = Some(Time(now));
}

/// When a failed operation is tried again, and whether that is part of the same operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    /// Never: a person asked for one try.
    Never,
    /// After this long since it ended.
    After(Duration),
}

/// The retry policy of an operation that failed for the `retry_count`th time in a row.
///
/// A person's operation follows its `retry.limit`. An automated one has no limit: it is tried
/// again with growing pauses until it succeeds or a newer revision replaces it.
pub(crate) fn retry(state: &OperationState, turn: Turn) -> Retry {
    let attempt = u32::try_from(state.retry_count).unwrap_or_default();
    let policy = &state.operation.retry;
    let delay = match &policy.backoff {
        Some(backoff) => backoff.delay(attempt),
        None => gate::retry_delay(attempt, turn),
    };
    if state.operation.initiated_by.automated {
        return Retry::After(delay);
    }
    match policy.limit {
        Some(limit) if limit < 0 || state.retry_count < limit => Retry::After(delay),
        _ => Retry::Never,
    }
}

/// True when an automated sync has failed once more as it did before: only its times and the count
/// of its tries are new.
pub(crate) fn repeats(before: &OperationState, now: &OperationState) -> bool {
    let automated = |state: &OperationState| state.operation.initiated_by.automated;
    let still = OperationState {
        started_at: before.started_at.clone(),
        finished_at: before.finished_at.clone(),
        retry_count: before.retry_count,
        ..now.clone()
    };
    automated(now) && now.phase.is_failure() && still == *before
}

/// How long until the retry is due; zero when it is.
pub(crate) fn due_in(state: &OperationState, delay: Duration, now: Timestamp) -> Duration {
    let Some(Time(finished)) = state.finished_at else { return Duration::ZERO };
    let since = now.duration_since(finished);
    let delay = SignedDuration::try_from(delay).unwrap_or(SignedDuration::MAX);
    Duration::try_from(delay.saturating_sub(since)).unwrap_or(Duration::ZERO)
}

/// The history entry of a sync that ended well.
pub(crate) fn history_entry(
    state: &OperationState,
    resolved: &Resolved,
    last_id: Option<i64>,
    now: Timestamp,
) -> RevisionHistory {
    let many = resolved.many();
    RevisionHistory {
        id: last_id.map_or(0, |id| id + 1),
        revision: resolved.revision(),
        revisions: if many { resolved.revisions.clone() } else { Vec::new() },
        deployed_at: Some(Time(now)),
        deploy_started_at: Some(state.started_at.clone()),
        source: if many { None } else { resolved.sources.first().cloned() },
        sources: if many { resolved.sources.clone() } else { Vec::new() },
        initiated_by: state.operation.initiated_by.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(automated: bool, limit: Option<i64>, retry_count: i64) -> OperationState {
        let mut operation = Operation::default();
        operation.initiated_by.automated = automated;
        operation.retry.limit = limit;
        let mut state = start(operation, Timestamp::UNIX_EPOCH);
        state.retry_count = retry_count;
        finish(&mut state, OperationPhase::Failed, "no", Timestamp::UNIX_EPOCH);
        state
    }

    #[test]
    fn a_persons_operation_is_retried_as_often_as_they_said() {
        assert_eq!(retry(&failed(false, None, 0), Turn::Cluster), Retry::Never);
        assert_eq!(retry(&failed(false, Some(2), 2), Turn::Cluster), Retry::Never);
        let first = retry(&failed(false, Some(2), 0), Turn::Cluster);
        assert_eq!(first, Retry::After(Duration::from_secs(5)));
    }

    #[test]
    fn an_automated_sync_never_gives_up() {
        let late = retry(&failed(true, Some(1), 50), Turn::Author);
        assert_eq!(late, Retry::After(Duration::from_secs(gate::RETRY_AUTHOR_S_MAX)));
    }

    #[test]
    fn a_failure_repeats_itself_when_only_its_times_and_its_count_are_new() {
        let first = failed(true, None, 0);
        let mut again = failed(true, None, 3);
        finish(&mut again, OperationPhase::Failed, "no", Timestamp::from_second(9).unwrap());
        assert!(repeats(&first, &again));
        let mut other = again.clone();
        other.message = "no longer".to_owned();
        assert!(!repeats(&first, &other));
        let mut other = again.clone();
        other.sync_result = Some(SyncOperationResult::default());
        assert!(!repeats(&first, &other));
        assert!(
            !repeats(&failed(false, None, 0), &failed(false, None, 1)),
            "a person waits for it"
        );
        let mut done = first.clone();
        done.phase = OperationPhase::Succeeded;
        assert!(!repeats(&done, &OperationState { retry_count: 1, ..done.clone() }));
    }

    #[test]
    fn a_retry_is_due_when_its_pause_is_over() {
        let state = failed(true, None, 0);
        let at = |second| Timestamp::from_second(second).unwrap();
        let delay = Duration::from_secs(5);
        assert_eq!(due_in(&state, delay, at(2)), Duration::from_secs(3));
        assert_eq!(due_in(&state, delay, at(9)), Duration::ZERO);
    }
}
