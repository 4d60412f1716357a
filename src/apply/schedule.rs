//! Which step when.

use std::sync::{Mutex, PoisonError};

use futures::{StreamExt, stream::FuturesUnordered};
use tokio::time::Instant;

use crate::{
    cluster::IN_FLIGHT_MAX,
    object::Turn,
    plan::{Outcome, Plan, Refusal, StepResult},
};

use super::{Run, perform};

/// Why no further step is begun, once there is a reason.
type Halt = Mutex<Option<Refusal>>;

pub(super) async fn execute(plan: &Plan, run: &Run<'_>) -> Outcome {
    let mut results: Vec<Option<StepResult>> = vec![None; plan.steps.len()];
    let mut tiers: Vec<u8> = plan.steps.iter().map(|step| step.tier).collect();
    tiers.sort_unstable();
    tiers.dedup();
    let halt = Halt::default();
    for tier in tiers {
        execute_tier(plan, tier, run, &halt, &mut results).await;
    }
    let unsettled = || StepResult::Refused(refusal(Turn::Us, "the step was never reached"));
    Outcome {
        results: results.into_iter().map(|result| result.unwrap_or_else(unsettled)).collect(),
    }
}

async fn execute_tier(
    plan: &Plan,
    tier: u8,
    run: &Run<'_>,
    halt: &Halt,
    results: &mut [Option<StepResult>],
) {
    let mut waiting: Vec<usize> =
        (0..plan.steps.len()).filter(|index| plan.steps[*index].tier == tier).collect();
    let mut running = FuturesUnordered::new();
    loop {
        let mut still_waiting = Vec::with_capacity(waiting.len());
        let mut settled_one = false;
        for index in waiting {
            if running.len() >= IN_FLIGHT_MAX {
                still_waiting.push(index);
                continue;
            }
            match readiness(plan, index, results) {
                Ready::Yes => {
                    running.push(async move { (index, one(plan, index, run, halt).await) });
                }
                Ready::Later => still_waiting.push(index),
                Ready::Never(result) => {
                    settle(index, result, run, results);
                    settled_one = true;
                }
            }
        }
        waiting = still_waiting;
        match running.next().await {
            Some((index, result)) => settle(index, result, run, results),
            // A step that was blocked just now may block others.
            None if settled_one => {}
            None => break,
        }
    }
    // Only steps that need each other in a circle, or a step of a later tier, are left.
    for index in waiting {
        let by = plan.steps[index]
            .needs
            .iter()
            .find_map(|need| plan.steps.get(*need).filter(|_| results[*need].is_none()));
        let by = by.map_or_else(|| plan.steps[index].id.clone(), |step| step.id.clone());
        settle(index, StepResult::Blocked { by }, run, results);
    }
}

enum Ready {
    Yes,
    Later,
    Never(StepResult),
}

fn readiness(plan: &Plan, index: usize, results: &[Option<StepResult>]) -> Ready {
    let mut ready = Ready::Yes;
    for &need in &plan.steps[index].needs {
        match results.get(need) {
            // An index beyond the plan names nothing that could be waited for.
            None | Some(Some(StepResult::Applied { .. } | StepResult::Pruned { .. })) => {}
            Some(Some(StepResult::Refused(_) | StepResult::Blocked { .. })) => {
                return Ready::Never(StepResult::Blocked { by: plan.steps[need].id.clone() });
            }
            Some(None) => ready = Ready::Later,
        }
    }
    ready
}

fn settle(index: usize, result: StepResult, run: &Run<'_>, results: &mut [Option<StepResult>]) {
    (run.observer)(index, &result);
    results[index] = Some(result);
}

async fn one(plan: &Plan, index: usize, run: &Run<'_>, halt: &Halt) -> StepResult {
    if let Some(reason) = halt.lock().unwrap_or_else(PoisonError::into_inner).clone() {
        return StepResult::Refused(reason);
    }
    if Instant::now() >= run.deadline {
        return StepResult::Refused(refusal(Turn::Cluster, "not tried: the sync ran out of time"));
    }
    if !(run.permit)() {
        return StepResult::Refused(refusal(
            Turn::Cluster,
            "not tried: the right to write was withdrawn",
        ));
    }
    match perform::perform(&plan.steps[index], run).await {
        Ok(result) => result,
        Err(perform::Failure::Refused(refusal)) => StepResult::Refused(refusal),
        Err(perform::Failure::Unreachable(reason)) => {
            // Hundreds of steps that run into the same closed door help nobody.
            let rest = refusal(Turn::Cluster, &format!("not tried: {}", reason.message));
            halt.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(rest);
            StepResult::Refused(reason)
        }
    }
}

pub(super) fn refusal(turn: Turn, message: &str) -> Refusal {
    Refusal { turn, message: message.to_owned(), immutable_fields: Vec::new(), conflict: false }
}
