//! How long a Job waits before it replaces a pod that failed.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::ended_at;
use crate::embedded::controllers::pods;

const DELAY_MAX: Duration = Duration::from_secs(600);

/// Until when no pod is made: the first delay after one failure, doubled with each further one
/// since the last success. `None` when the last pod did not fail.
pub(super) fn until(own: &[&Value], first: Duration) -> Option<Timestamp> {
    let last_success =
        own.iter().filter(|pod| pods::phase(pod) == "Succeeded").map(|pod| ended_at(pod)).max();
    let failures: Vec<Timestamp> = own
        .iter()
        .filter(|pod| pods::phase(pod) == "Failed")
        .map(|pod| ended_at(pod))
        .filter(|at| last_success.is_none_or(|success| *at > success))
        .collect();
    let last = *failures.iter().max()?;
    let doublings = u32::try_from(failures.len() - 1).unwrap_or(u32::MAX).min(20);
    let delay = first.saturating_mul(1 << doublings).min(DELAY_MAX);
    last.checked_add(SignedDuration::try_from(delay).ok()?).ok()
}
