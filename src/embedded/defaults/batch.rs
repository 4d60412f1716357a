//! Jobs and CronJobs.

use serde_json::Value;

use super::{
    fields::{items, made, present, set, set_text},
    metadata, pod, workload,
};

const RETRIES: i64 = 6;

pub(super) fn job(object: &mut Value) {
    made(object, "status");
    let Some(spec) = made(object, "spec") else { return };
    let said = |spec: &Value, field: &str| spec.get(field).is_some_and(|value| !value.is_null());
    if !said(spec, "completions") && !said(spec, "parallelism") {
        set(spec, "completions", 1);
    }
    set(spec, "parallelism", 1);
    let retries = if said(spec, "backoffLimitPerIndex") { i64::from(i32::MAX) } else { RETRIES };
    set(spec, "backoffLimit", retries);
    set(spec, "completionMode", "NonIndexed");
    set(spec, "suspend", false);
    set(spec, "manualSelector", false);
    let replacement = if said(spec, "podFailurePolicy") { "Failed" } else { "TerminatingOrFailed" };
    set(spec, "podReplacementPolicy", replacement);
    job_spec(spec);
    let labels = spec.pointer("/template/metadata/labels").cloned().unwrap_or_default();
    workload::labels_of_the_template(object, labels);
}

/// What a job's spec gets wherever it stands: a template of jobs is not a job yet.
fn job_spec(spec: &mut Value) {
    if let Some(policy) = present(spec, "podFailurePolicy") {
        for rule in items(policy, "rules") {
            for condition in items(rule, "onPodConditions") {
                set_text(condition, "status", "True");
            }
        }
    }
    pod::template_of(spec);
}

pub(super) fn cron_job(object: &mut Value) {
    made(object, "status");
    let Some(spec) = made(object, "spec") else { return };
    set(spec, "schedule", "");
    set_text(spec, "concurrencyPolicy", "Allow");
    set(spec, "suspend", false);
    set(spec, "successfulJobsHistoryLimit", 3);
    set(spec, "failedJobsHistoryLimit", 1);
    let Some(template) = made(spec, "jobTemplate") else { return };
    metadata::of_template(template);
    if let Some(spec) = made(template, "spec") {
        job_spec(spec);
    }
}
