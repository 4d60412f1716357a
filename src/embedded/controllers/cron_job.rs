//! CronJobs: a Job at each time of a schedule.
//!
//! Rule: `pkg/controller/cronjob` of Kubernetes.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::{Map, Value, json};

use super::{
    Action, Event, condition, job,
    read::{
        at, controller_reference, controller_uid, created, later, list, moment, number, stamp,
        text, truth,
    },
    reference,
    replica_set::changed,
    schedule::Schedule,
};
use crate::object::meta;

const SOURCE: &str = "cronjob-controller";
const SCHEDULED: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";

/// What is to be done about a CronJob. `found` are the Jobs that it owns.
pub(super) fn reconcile(cron: &Value, found: &[Value], now: Timestamp) -> Vec<Action> {
    let own: Vec<&Value> =
        found.iter().filter(|job| controller_uid(job) == meta::uid(cron)).collect();
    let mut actions = Vec::new();
    let mut status = observe(cron, &own, &mut actions);
    if !meta::is_terminating(cron) {
        actions.extend(trim(cron, &own));
        actions.extend(start(cron, &own, &mut status, now));
    }
    actions.extend(changed(cron, status));
    actions
}

/// The status as the Jobs have it: which are active, when the last one succeeded.
fn observe(cron: &Value, own: &[&Value], actions: &mut Vec<Action>) -> Value {
    let mut status = at(cron, "/status").clone();
    if !status.is_object() {
        status = Value::Object(Map::new());
    }
    let was_active = |job: &Value| {
        list(cron, "/status/active").iter().any(|one| text(one, "/uid") == meta::uid(job))
    };
    for job in own.iter().filter(|job| job::is_finished(job)) {
        if was_active(job) {
            let ended = if condition::holds(at(job, "/status"), "Complete") {
                "Complete"
            } else {
                "Failed"
            };
            let words = format!("Saw completed job: {}, condition: {ended}", meta::name(job));
            actions.push(Action::Tell(Event::normal(cron, SOURCE, "SawCompletedJob", words)));
        }
        let succeeded = moment(job, "/status/completionTime");
        if succeeded > moment(&status, "/lastSuccessfulTime") {
            status["lastSuccessfulTime"] = at(job, "/status/completionTime").clone();
        }
    }
    for gone in list(cron, "/status/active") {
        if !own.iter().any(|job| meta::uid(job) == text(gone, "/uid")) {
            let words = format!("Active job went missing: {}", text(gone, "/name"));
            actions.push(Action::Tell(Event::normal(cron, SOURCE, "MissingJob", words)));
        }
    }
    // A reference stays as it was made: its resource version is of that time.
    let known = |job: &Value| {
        let mut active = list(cron, "/status/active").iter();
        active.find(|one| text(one, "/uid") == meta::uid(job)).cloned()
    };
    let running = own.iter().filter(|job| !job::is_finished(job));
    let active: Vec<Value> =
        running.map(|job| known(job).unwrap_or_else(|| reference(job))).collect();
    if let Some(status) = status.as_object_mut() {
        status.insert("active".to_owned(), Value::from(active));
    }
    status
}

/// Deletes finished Jobs beyond the limits, oldest first.
fn trim(cron: &Value, own: &[&Value]) -> Vec<Action> {
    let mut actions = Vec::new();
    for (ended, key, standard) in [
        ("Complete", "/spec/successfulJobsHistoryLimit", 3),
        ("Failed", "/spec/failedJobsHistoryLimit", 1),
    ] {
        let limit = usize::try_from(number(cron, key).unwrap_or(standard)).unwrap_or_default();
        let mut jobs: Vec<&&Value> = own
            .iter()
            .filter(|job| condition::holds(at(job, "/status"), ended))
            .filter(|job| !meta::is_terminating(job))
            .collect();
        jobs.sort_by_key(|job| (moment(job, "/status/startTime"), meta::name(job).to_owned()));
        for job in &jobs[..jobs.len().saturating_sub(limit)] {
            actions.extend(delete(cron, job));
        }
    }
    actions
}

fn delete(cron: &Value, job: &Value) -> Vec<Action> {
    let words = format!("Deleted job {}", meta::name(job));
    let told = Action::Tell(Event::normal(cron, SOURCE, "SuccessfulDelete", words));
    Action::delete(job).into_iter().chain([told]).collect()
}

fn warn(cron: &Value, reason: &str, words: String) -> Vec<Action> {
    vec![Action::Tell(Event::warning(cron, SOURCE, reason, words))]
}

/// Starts a Job when one is due, and asks to be woken for the next.
fn start(cron: &Value, own: &[&Value], status: &mut Value, now: Timestamp) -> Vec<Action> {
    let zone = match text(cron, "/spec/timeZone") {
        "" => Some(TimeZone::UTC),
        zone => TimeZone::get(zone).ok(),
    };
    let Some(zone) = zone else {
        let words = format!("invalid timeZone: {:?}", text(cron, "/spec/timeZone"));
        return warn(cron, "UnknownTimeZone", words);
    };
    if truth(cron, "/spec/suspend") {
        return Vec::new();
    }
    let written = text(cron, "/spec/schedule");
    let schedule = match Schedule::parse(written, zone.clone()) {
        Ok(schedule) => schedule,
        Err(error) => {
            let words = format!("unparseable schedule: {written:?} : {error}");
            return warn(cron, "UnparseableSchedule", words);
        }
    };
    let mut actions = Vec::new();
    if let Some(due) = due(cron, &schedule, now) {
        actions = run(cron, own, status, (due, &zone), now);
    }
    actions.extend(schedule.next(now).map(Action::WakeAt));
    actions
}

/// The latest time up to now that no Job was started for.
fn due(cron: &Value, schedule: &Schedule, now: Timestamp) -> Option<Timestamp> {
    let mut earliest = moment(cron, "/status/lastScheduleTime").unwrap_or_else(|| created(cron));
    if let Some(limit_s) = number(cron, "/spec/startingDeadlineSeconds") {
        earliest = earliest.max(later(now, -limit_s));
    }
    let first = schedule.next(earliest).filter(|first| *first <= now)?;
    let second = schedule.next(first).filter(|second| *second <= now);
    let Some(second) = second else { return Some(first) };
    // Many were missed: go near the end in one step, and from there one by one.
    let period = second.duration_since(first).as_secs().max(1);
    let missed = now.duration_since(first).as_secs() / period;
    let mut latest = first;
    let from = later(first, (missed - 2).max(0) * period);
    let mut next = schedule.next(from);
    while let Some(time) = next.filter(|time| *time <= now) {
        latest = time;
        next = schedule.next(time);
    }
    Some(latest)
}

fn run(
    cron: &Value,
    own: &[&Value],
    status: &mut Value,
    (due, zone): (Timestamp, &TimeZone),
    now: Timestamp,
) -> Vec<Action> {
    let limit_s = number(cron, "/spec/startingDeadlineSeconds");
    if limit_s.is_some_and(|limit_s| later(due, limit_s) < now) {
        let time = due.strftime("%a, %d %b %Y %H:%M:%S UTC");
        return warn(cron, "MissSchedule", format!("Missed scheduled time to start a job: {time}"));
    }
    let name = job_name(cron, due);
    let known = own.iter().any(|job| meta::name(job) == name);
    if known || moment(cron, "/status/lastScheduleTime") == Some(due) {
        status["lastScheduleTime"] = json!(stamp(due));
        return Vec::new();
    }
    let active: Vec<&&Value> = own.iter().filter(|job| !job::is_finished(job)).collect();
    let mut actions = Vec::new();
    match text(cron, "/spec/concurrencyPolicy") {
        "Forbid" if !active.is_empty() => {
            let words = "Not starting job because prior execution is running and concurrency policy is Forbid";
            return vec![Action::Tell(Event::normal(
                cron,
                SOURCE,
                "JobAlreadyActive",
                words.to_owned(),
            ))];
        }
        "Replace" => {
            for job in active.into_iter().filter(|job| !meta::is_terminating(job)) {
                actions.extend(delete(cron, job));
            }
        }
        _ => {}
    }
    let announce = Event::normal(cron, SOURCE, "SuccessfulCreate", "Created job {}".to_owned());
    let object = made(cron, &name, due, zone);
    actions.push(Action::Create { object, announce: Some(announce) });
    status["lastScheduleTime"] = json!(stamp(due));
    actions
}

/// The name says the minute, so that no time gets two Jobs.
fn job_name(cron: &Value, due: Timestamp) -> String {
    format!("{}-{}", meta::name(cron), due.as_second() / SignedDuration::from_mins(1).as_secs())
}

fn made(cron: &Value, name: &str, due: Timestamp, zone: &TimeZone) -> Value {
    let template = at(cron, "/spec/jobTemplate");
    let mut object = json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {
            "name": name, "namespace": meta::namespace(cron),
            "annotations": {}, "labels": {},
            "ownerReferences": [controller_reference(cron)],
        },
        "spec": at(template, "/spec"),
    });
    for key in ["labels", "annotations"] {
        if let Some(value) = template.pointer(&format!("/metadata/{key}")) {
            object["metadata"][key] = value.clone();
        }
    }
    let local = due.to_zoned(zone.clone());
    let local = if *zone == TimeZone::UTC {
        stamp(due)
    } else {
        local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    };
    meta::set_annotation(&mut object, SCHEDULED, &local);
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cron(policy: &str) -> Value {
        json!({
            "apiVersion": "batch/v1", "kind": "CronJob",
            "metadata": {
                "name": "tick", "namespace": "shop", "uid": "c",
                "creationTimestamp": "2026-01-01T00:00:30Z",
            },
            "spec": {
                "schedule": "* * * * *", "concurrencyPolicy": policy,
                "successfulJobsHistoryLimit": 1,
                "jobTemplate": {"metadata": {"labels": {"app": "tick"}}, "spec": {"x": 1}},
            },
        })
    }

    fn job(name: &str, condition: &str, start: &str) -> Value {
        let mut job = json!({
            "apiVersion": "batch/v1", "kind": "Job",
            "metadata": {
                "name": name, "namespace": "shop", "uid": name,
                "ownerReferences": [{"uid": "c", "controller": true}],
            },
            "status": {"startTime": start},
        });
        if !condition.is_empty() {
            job["status"]["conditions"] = json!([{"type": condition, "status": "True"}]);
            job["status"]["completionTime"] = json!(start);
        }
        job
    }

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn summary(actions: &[Action]) -> Vec<String> {
        let word = |action: &Action| match action {
            Action::Create { object, .. } => format!("create {}", meta::name(object)),
            Action::Delete { id, .. } => format!("delete {}", id.name),
            Action::UpdateStatus(object) => {
                format!("scheduled {}", text(object, "/status/lastScheduleTime"))
            }
            Action::WakeAt(at) => format!("wake {at}"),
            Action::Tell(event) => event.reason.clone(),
            other => panic!("{other:?}"),
        };
        actions.iter().map(word).collect()
    }

    #[test]
    fn a_job_is_started_when_its_minute_comes_and_once_only() {
        let early = reconcile(&cron("Allow"), &[], time("2026-01-01T00:00:40Z"));
        assert_eq!(summary(&early)[0], "wake 2026-01-01T00:01:00Z");
        let now = time("2026-01-01T00:01:00Z");
        let actions = reconcile(&cron("Allow"), &[], now);
        assert_eq!(
            summary(&actions),
            ["create tick-29453761", "wake 2026-01-01T00:02:00Z", "scheduled 2026-01-01T00:01:00Z",]
        );
        let Action::Create { object, .. } = &actions[0] else { panic!() };
        assert_eq!(object["metadata"]["annotations"][SCHEDULED], "2026-01-01T00:01:00Z");
        assert_eq!(object["metadata"]["labels"]["app"], "tick");
        let Some(Action::UpdateStatus(next)) = actions.last() else { panic!() };
        let running = job("tick-29453761", "", "2026-01-01T00:01:00Z");
        let second = reconcile(next, &[running], now);
        assert!(!summary(&second).iter().any(|word| word.starts_with("create")), "{second:?}");
    }

    #[test]
    fn many_missed_minutes_start_one_job() {
        let actions = reconcile(&cron("Allow"), &[], time("2026-01-02T00:00:10Z"));
        let made: Vec<String> =
            summary(&actions).into_iter().filter(|word| word.starts_with("create")).collect();
        assert_eq!(made, ["create tick-29455200"]);
    }

    #[test]
    fn a_running_job_forbids_is_replaced_or_does_not_matter() {
        let running = [job("tick-1", "", "2026-01-01T00:00:00Z")];
        let now = time("2026-01-01T00:01:00Z");
        let words = |policy| summary(&reconcile(&cron(policy), &running, now));
        assert_eq!(words("Allow")[0], "create tick-29453761");
        assert_eq!(words("Forbid")[0], "JobAlreadyActive");
        assert_eq!(words("Replace")[..2], ["delete tick-1", "SuccessfulDelete"]);
    }

    #[test]
    fn old_jobs_are_deleted_and_the_last_success_is_noted() {
        let jobs = [
            job("a", "Complete", "2026-01-01T00:00:00Z"),
            job("b", "Complete", "2026-01-01T00:00:10Z"),
            job("c", "Failed", "2026-01-01T00:00:20Z"),
        ];
        let actions = reconcile(&cron("Allow"), &jobs, time("2026-01-01T00:00:40Z"));
        assert_eq!(summary(&actions)[..2], ["delete a", "SuccessfulDelete"]);
        let Some(Action::UpdateStatus(object)) = actions.last() else { panic!("{actions:?}") };
        assert_eq!(text(object, "/status/lastSuccessfulTime"), "2026-01-01T00:00:20Z");
    }

    #[test]
    fn what_is_too_late_or_suspended_is_not_started() {
        let mut late = cron("Allow");
        late["spec"]["schedule"] = json!("0 * * * *");
        late["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
        let now = time("2026-01-01T01:10:00Z");
        assert_eq!(summary(&reconcile(&late, &[], now))[0], "create tick-29453820");
        late["spec"]["startingDeadlineSeconds"] = json!(60);
        assert_eq!(summary(&reconcile(&late, &[], now)), ["wake 2026-01-01T02:00:00Z"]);
        late["spec"]["suspend"] = json!(true);
        assert_eq!(summary(&reconcile(&late, &[], now)), [""; 0]);
    }
}
