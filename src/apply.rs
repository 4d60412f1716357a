//! Stage 4: executes a plan.
//!
//! In go a [`Plan`] and the right to write; out comes an [`Outcome`] with one result for each step.
//! What to do was decided before: here is only how. A step that fails takes nothing with it but
//! what depends on it, and everything may be done again: every write is idempotent.

use std::sync::Arc;

use serde_json::Value;
use tokio::time::Instant;

use crate::{
    cluster::Cluster,
    object::{LiveObject, ObjectId},
    plan::{Outcome, Plan, Refusal, Step, StepResult},
};

mod crd;
mod kinds;
mod ownership;
mod perform;
mod refuse;
mod schedule;

/// What executing a plan needs besides the plan.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// Where to write.
    pub cluster: &'a Cluster,
    /// No step is begun after this, and none waits longer.
    pub deadline: Instant,
    /// Asked right before each write: false stops all further ones at once (leadership lost, the
    /// operation terminated).
    pub permit: &'a (dyn Fn() -> bool + Send + Sync),
    /// What is known of an object before its step, to tell a write that changed something from one
    /// that did not, and to give up yielded fields without a change.
    pub live: &'a (dyn Fn(&ObjectId) -> Option<Arc<LiveObject>> + Send + Sync),
    /// Told each result, with the index of the step, as soon as it is there.
    pub observer: &'a (dyn Fn(usize, &StepResult) + Send + Sync),
}

/// Executes a plan: tier after tier, what is independent in parallel. Never fails as a whole; what
/// was not tried says why.
pub async fn execute(plan: &Plan, run: &Run<'_>) -> Outcome {
    schedule::execute(plan, run).await
}

/// What the server would answer to the apply of a step, without doing it.
pub async fn dry_run(step: &Step, cluster: &Cluster, deadline: Instant) -> Result<Value, Refusal> {
    perform::dry_run(step, cluster, deadline).await
}

#[cfg(test)]
mod tests;
