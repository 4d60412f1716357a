//! Jobs and CronJobs.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Kind,
    cells::{self, NONE, condition, containers, number, selector_cell, size, text, text_or},
    duration,
};
use crate::object::meta;

pub(super) const JOB: Kind = Kind {
    columns: &[
        ("Name", "string", false),
        ("Status", "string", false),
        ("Completions", "string", false),
        ("Duration", "string", false),
        ("Age", "string", false),
        ("Containers", "string", true),
        ("Images", "string", true),
        ("Selector", "string", true),
    ],
    row: job,
};

fn job(job: &Value, now: Timestamp) -> Vec<Value> {
    let [names, images] = containers(job, "/spec/template/spec");
    vec![
        cells::name(job),
        json!(status(job)),
        json!(completions(job)),
        json!(span(job, now)),
        cells::age(job, now),
        names,
        images,
        selector_cell(job, "/spec/selector"),
    ]
}

fn status(job: &Value) -> &'static str {
    let is = |name: &str| condition(job, name) == Some("True");
    if is("Complete") {
        "Complete"
    } else if is("Failed") {
        "Failed"
    } else if meta::is_terminating(job) {
        "Terminating"
    } else if is("Suspended") {
        "Suspended"
    } else if is("FailureTarget") {
        "FailureTarget"
    } else if is("SuccessCriteriaMet") {
        "SuccessCriteriaMet"
    } else {
        "Running"
    }
}

fn completions(job: &Value) -> String {
    let done = number(job, "/status/succeeded");
    let wanted = job.pointer("/spec/completions").and_then(Value::as_i64);
    match (wanted, number(job, "/spec/parallelism")) {
        (Some(wanted), _) => format!("{done}/{wanted}"),
        (None, parallel) if parallel > 1 => format!("{done}/1 of {parallel}"),
        (None, _) => format!("{done}/1"),
    }
}

fn span(job: &Value, now: Timestamp) -> String {
    let start = text(job, "/status/startTime");
    let end = text(job, "/status/completionTime").parse().unwrap_or(now);
    if start.is_empty() { String::new() } else { duration::between(start, end) }
}

pub(super) const CRON_JOB: Kind = Kind {
    columns: &[
        ("Name", "string", false),
        ("Schedule", "string", false),
        ("Timezone", "string", false),
        ("Suspend", "boolean", false),
        ("Active", "integer", false),
        ("Last Schedule", "string", false),
        ("Age", "string", false),
        ("Containers", "string", true),
        ("Images", "string", true),
        ("Selector", "string", true),
    ],
    row: cron_job,
};

fn cron_job(job: &Value, now: Timestamp) -> Vec<Value> {
    let [names, images] = containers(job, "/spec/jobTemplate/spec/template/spec");
    let suspended = match job.pointer("/spec/suspend").and_then(Value::as_bool) {
        None => cells::UNSET,
        Some(true) => "True",
        Some(false) => "False",
    };
    let last = match text(job, "/status/lastScheduleTime") {
        "" => NONE.to_owned(),
        last => duration::between(last, now),
    };
    vec![
        cells::name(job),
        json!(text(job, "/spec/schedule")),
        json!(text_or(job, "/spec/timeZone", NONE)),
        json!(suspended),
        json!(size(job, "/status/active")),
        json!(last),
        cells::age(job, now),
        names,
        images,
        selector_cell(job, "/spec/jobTemplate/spec/selector"),
    ]
}
