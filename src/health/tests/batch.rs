//! What runs to its end.

use super::*;

#[test]
fn a_job_is_judged_by_its_conditions() {
    let row = |kind: &str, status: &str| {
        json!({"spec": {"completions": 3}, "status": {"active": 1, "succeeded": 1, "conditions":
            [{"type": kind, "status": status, "reason": "R", "message": "m"}]}})
    };
    let running = "1 of 3 pods succeeded, 1 active";
    check(
        "batch/v1",
        "Job",
        vec![
            (row("Failed", "True"), Degraded, "R: m"),
            (row("Suspended", "True"), Suspended, "the job is suspended"),
            (row("Complete", "True"), Healthy, ""),
            // Resumed and running: Argo CD says Healthy.
            (row("Suspended", "False"), Progressing, running),
            (row("Failed", "False"), Progressing, running),
            (json!({}), Progressing, "0 of 1 pod succeeded"),
        ],
    );
}

#[test]
fn a_cron_job_is_judged_by_its_last_run() {
    let row = |scheduled: &str, succeeded: &str, active: usize| {
        json!({"status": {"lastScheduleTime": scheduled, "lastSuccessfulTime": succeeded,
            "active": vec![json!({}); active]}})
    };
    let (old, new) = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
    check(
        "batch/v1",
        "CronJob",
        vec![
            (json!({"spec": {"suspend": true}}), Healthy, "the cron job is suspended"),
            (json!({}), Progressing, "waiting for the controller to observe the cron job"),
            (json!({"status": {}}), Healthy, "not scheduled yet"),
            (row(new, "", 0), Healthy, "no run has succeeded yet"),
            (row(new, old, 1), Healthy, "a job is running"),
            (
                row(new, old, 0),
                Degraded,
                "the run scheduled at 2026-01-02T00:00:00Z has not succeeded, the last that did \
                 ended at 2026-01-01T00:00:00Z",
            ),
            (row(old, new, 0), Healthy, "the last run succeeded"),
        ],
    );
}

#[test]
fn a_workflow_is_judged_by_its_phase() {
    let row = |phase: &str| json!({"status": {"phase": phase, "message": "m"}});
    check(
        "argoproj.io/v1alpha1",
        "Workflow",
        vec![
            (row("Pending"), Progressing, "m"),
            (row("Running"), Progressing, "m"),
            (row(""), Progressing, "m"),
            (json!({}), Progressing, ""),
            (row("Succeeded"), Healthy, "m"),
            (row("Failed"), Degraded, "m"),
            (row("Error"), Degraded, "m"),
        ],
    );
}
