//! A status that is not worth a write of its own yet: the sync is done, and what it wrote is about
//! to become healthy.
//!
//! The write before it, which says that the sync runs, is what a process that is killed goes on
//! from: nothing is lost while the next one waits. The more there is to write, the longer it
//! waits, so that a cluster that comes up as a whole costs two writes an application.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::api::{Application, HealthCode, OperationPhase, OperationState, RevisionHistory};

/// The least that such a status waits.
const WAIT_MIN: Duration = Duration::from_millis(500);
/// The most that it waits.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// What each write of the last second adds to the wait.
const WAIT_EACH: Duration = Duration::from_millis(100);
/// The time over which writes are counted.
const COUNTED: Duration = Duration::from_secs(1);

/// How a sync ended, while the status of the resource says that it runs.
#[derive(Debug)]
pub(crate) struct Unwritten {
    operation: OperationState,
    history: Vec<RevisionHistory>,
    since: Instant,
}

impl Unwritten {
    /// What a status says of a sync that has ended well while its objects are on their way to
    /// health. `None` when it says anything that people wait for: `told` is what the resource says.
    pub(crate) fn of(told: &Value, status: &Value, now: Instant) -> Option<Self> {
        let word = |status: &Value, pointer: &str| {
            status.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let (phase, health) = ("/operationState/phase", "/health/status");
        let ends_well = word(told, phase) == OperationPhase::Running.as_str()
            && word(status, phase) == OperationPhase::Succeeded.as_str();
        let on_its_way = word(status, health) == HealthCode::Progressing.as_str();
        if !(ends_well && on_its_way && told.get("conditions") == status.get("conditions")) {
            return None;
        }
        let read = |field: &str| status.get(field).cloned().unwrap_or_default();
        Some(Self {
            operation: serde_json::from_value(read("operationState")).ok()?,
            history: serde_json::from_value(read("history")).ok()?,
            since: now,
        })
    }

    /// Puts what is known of the sync into an application as it was read; false when the resource
    /// tells of another one, or of an end, by now.
    pub(crate) fn recall(&self, app: &mut Application) -> bool {
        let Some(status) = &mut app.status else { return false };
        let is_this = |told: &&mut OperationState| {
            told.phase == OperationPhase::Running && told.started_at == self.operation.started_at
        };
        let Some(told) = status.operation_state.as_mut().filter(is_this) else { return false };
        told.clone_from(&self.operation);
        status.history.clone_from(&self.history);
        true
    }

    /// How much longer it may wait, where statuses are to wait for so long; `None` when it is due.
    pub(crate) fn wait(&self, patience: Duration, now: Instant) -> Option<Duration> {
        patience.checked_sub(now.duration_since(self.since)).filter(|wait| !wait.is_zero())
    }
}

/// The writes of the last second.
#[derive(Debug, Default)]
pub(crate) struct Traffic(Mutex<VecDeque<Instant>>);

impl Traffic {
    /// A status was written.
    pub(crate) fn count(&self, now: Instant) {
        let mut writes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writes.push_back(now);
        while writes.front().is_some_and(|at| now.duration_since(*at) > COUNTED) {
            writes.pop_front();
        }
    }

    /// How long a status that can wait has to wait.
    pub(crate) fn patience(&self, now: Instant) -> Duration {
        let writes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = writes.iter().filter(|at| now.duration_since(**at) <= COUNTED).count();
        let counted = u32::try_from(counted).unwrap_or(u32::MAX);
        WAIT_EACH.saturating_mul(counted).clamp(WAIT_MIN, WAIT_MAX)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(phase: &str, health: &str) -> Value {
        json!({
            "health": {"status": health}, "sync": {"status": "Synced"},
            "operationState": {"phase": phase, "startedAt": "2026-01-01T00:00:00Z",
                "operation": {"sync": {}}, "message": phase},
            "history": [{"id": 7, "revision": "abc", "deployedAt": "2026-01-01T00:00:01Z",
                "source": {"repoURL": "r"}}],
        })
    }

    fn app(status: &Value) -> Application {
        Application::parse(json!({"metadata": {"name": "a"}, "spec": {}, "status": status}))
            .unwrap()
    }

    #[test]
    fn only_a_good_end_before_health_waits() {
        let (running, now) = (status("Running", "Missing"), Instant::now());
        let waits = |told: &Value, new: &Value| Unwritten::of(told, new, now).is_some();
        let new = status("Succeeded", "Progressing");
        assert!(waits(&running, &new));
        assert!(!waits(&running, &status("Failed", "Progressing")));
        assert!(!waits(&running, &status("Succeeded", "Healthy")));
        assert!(!waits(&status("Succeeded", "Healthy"), &new));
        let mut warned = new;
        warned["conditions"] = json!([{"type": "SyncError", "message": "no"}]);
        assert!(!waits(&running, &warned));
    }

    #[test]
    fn what_waits_is_known_until_the_resource_tells_something_else() {
        let (running, new) = (status("Running", "Missing"), status("Succeeded", "Progressing"));
        let held = Unwritten::of(&running, &new, Instant::now()).unwrap();
        let mut read = app(&running);
        read.status.as_mut().unwrap().history.clear();
        assert!(held.recall(&mut read));
        let known = read.status.unwrap();
        assert_eq!(known.operation_state.unwrap().phase, OperationPhase::Succeeded);
        assert_eq!(known.history.len(), 1);
        assert!(!held.recall(&mut app(&status("Terminating", "Missing"))));
        let mut later = running;
        later["operationState"]["startedAt"] = json!("2026-01-01T00:00:09Z");
        assert!(!held.recall(&mut app(&later)));
    }

    #[test]
    fn the_wait_grows_with_the_writes_and_has_an_end() {
        let (traffic, start) = (Traffic::default(), Instant::now());
        assert_eq!(traffic.patience(start), WAIT_MIN);
        (0..20).for_each(|_| traffic.count(start));
        assert_eq!(traffic.patience(start), Duration::from_secs(2));
        (0..200).for_each(|_| traffic.count(start));
        assert_eq!(traffic.patience(start), WAIT_MAX);
        let later = start + COUNTED * 2;
        assert_eq!(traffic.patience(later), WAIT_MIN);
        traffic.count(later);
        assert_eq!(traffic.0.lock().unwrap().len(), 1);
        let held =
            Unwritten::of(&status("Running", ""), &status("Succeeded", "Progressing"), start);
        assert_eq!(held.as_ref().unwrap().wait(WAIT_MIN, start), Some(WAIT_MIN));
        assert_eq!(held.unwrap().wait(WAIT_MIN, start + WAIT_MIN), None);
    }
}
