//! Health of what runs to an end: Job, CronJob, Workflow.

use std::fmt::Write;

use serde_json::Value;

use super::{
    Child, Health, HealthStatus,
    read::{self, condition, count, counted, text},
    trouble,
};
use crate::object::meta;

/// The words about a failed pod that a Job's message gives besides the Job's own.
fn failed_pod(pods: &[&Child]) -> Option<String> {
    let failed = pods.iter().filter_map(|child| {
        let failure = &child.pod.as_ref()?.failure;
        (!failure.is_empty()).then_some((&child.created_at, &child.id.name, failure))
    });
    // The last one says most about the job as it now is.
    failed.max().map(|(_, name, failure)| format!("pod {name}: {failure}"))
}

/// Argo CD differs: it reads a Job that was resumed and still runs as Healthy, because a
/// `Suspended` condition with the status `False` stays behind. Here only `Complete` ends a Job.
pub(super) fn job(object: &Value, children: &[&Child]) -> Health {
    let uid = meta::uid(object);
    let pods: Vec<&Child> =
        children.iter().copied().filter(|child| child.is_owned_by(uid)).collect();
    // The server only ever sets these two to `True`; one that says `False` has not happened.
    let holds = |kind: &str| condition(object, kind).filter(|condition| !condition.is_false());
    if let Some(failed) = holds("Failed") {
        let mut words = vec![trouble::clipped(&failed.words())];
        words.extend(failed_pod(&pods));
        words.retain(|words| !words.is_empty());
        return Health::degraded(words.join("; "));
    }
    if condition(object, "Suspended").is_some_and(|condition| condition.is_true()) {
        return Health::new(HealthStatus::Suspended, "the job is suspended");
    }
    if holds("Complete").is_some() {
        return Health::healthy();
    }
    let mut words = vec![job_words(object)];
    words.extend(trouble::named(&pods).or_else(|| failed_pod(&pods)));
    Health::progressing(words.join("; "))
}

/// `1 of 3 pods succeeded, 2 running, 1 failed`.
pub(super) fn job_words(object: &Value) -> String {
    let wanted = read::number(object, "/spec/completions")
        .or_else(|| read::number(object, "/spec/parallelism"))
        .unwrap_or(1);
    let done = count(object, "/status/succeeded");
    let mut words = format!("{done} of {} succeeded", counted(wanted, "pod"));
    for (number, word) in
        [(count(object, "/status/active"), "active"), (count(object, "/status/failed"), "failed")]
    {
        if number > 0 {
            write!(words, ", {number} {word}").expect("a String takes all that is written to it");
        }
    }
    words
}

/// Rule: the script that Argo CD ships for the kind.
pub(super) fn cron_job(object: &Value) -> Health {
    let healthy = |message: &str| Health::new(HealthStatus::Healthy, message);
    if object.pointer("/spec/suspend").and_then(Value::as_bool) == Some(true) {
        return healthy("the cron job is suspended");
    }
    if !object.get("status").is_some_and(Value::is_object) {
        return Health::progressing("waiting for the controller to observe the cron job");
    }
    let scheduled = text(object, "/status/lastScheduleTime");
    let succeeded = text(object, "/status/lastSuccessfulTime");
    if scheduled.is_empty() {
        healthy("not scheduled yet")
    } else if succeeded.is_empty() {
        healthy("no run has succeeded yet")
    } else if !read::list(object, "/status/active").is_empty() {
        healthy("a job is running")
    } else if succeeded < scheduled {
        // RFC 3339 in UTC to the second: the order of the text is the order in time.
        Health::degraded(format!(
            "the run scheduled at {scheduled} has not succeeded, the last that did ended at \
             {succeeded}"
        ))
    } else {
        healthy("the last run succeeded")
    }
}

/// Argo CD says the same.
pub(super) fn workflow(object: &Value) -> Health {
    let message = trouble::clipped(text(object, "/status/message"));
    match text(object, "/status/phase") {
        "" | "Pending" | "Running" => Health::progressing(message),
        "Succeeded" => Health::new(HealthStatus::Healthy, message),
        "Failed" | "Error" => Health::degraded(message),
        _ => Health::new(HealthStatus::Unknown, message),
    }
}
