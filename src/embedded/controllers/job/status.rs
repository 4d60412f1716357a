//! Counting the pods of a Job, and its status.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    End, SOURCE, TRACKED,
    indexes::{self, Indexes},
    is_suspended,
};
use crate::{
    embedded::controllers::{
        Action, Event,
        condition::{self, Condition},
        pods,
        read::{at, count, has_finalizer, list, stamp, text},
        replica_set::changed,
    },
    object::meta,
};

/// Most pods that are noted and not counted yet.
const UNCOUNTED_MAX: usize = 500;

/// How the pods of a Job ended so far.
pub(super) struct Tally<'a> {
    counted_succeeded: i64,
    counted_failed: i64,
    uncounted_succeeded: Vec<String>,
    uncounted_failed: Vec<String>,
    /// The indexes that succeeded.
    pub(super) indexes: Indexes,
    indexed: bool,
    /// Pods whose end is noted, once the status is written.
    pub(super) to_release: Vec<&'a Value>,
}

impl<'a> Tally<'a> {
    /// Counts the noted pods that lost their finalizer, and notes those that ended since.
    pub(super) fn of(job: &Value, own: &[&'a Value]) -> Self {
        let tracked: BTreeSet<&str> = own
            .iter()
            .filter(|pod| has_finalizer(pod, TRACKED))
            .map(|pod| meta::uid(pod))
            .collect();
        let noted = |kind: &str| -> (Vec<String>, i64) {
            let uids = list(job, &format!("/status/uncountedTerminatedPods/{kind}"));
            let uids = uids.iter().filter_map(Value::as_str);
            let (kept, freed): (Vec<_>, Vec<_>) = uids.partition(|uid| tracked.contains(uid));
            let freed = i64::try_from(freed.len()).unwrap_or_default();
            (kept.into_iter().map(str::to_owned).collect(), freed)
        };
        let (uncounted_succeeded, more_succeeded) = noted("succeeded");
        let (uncounted_failed, more_failed) = noted("failed");
        let mut tally = Self {
            counted_succeeded: count(job, "/status/succeeded") + more_succeeded,
            counted_failed: count(job, "/status/failed") + more_failed,
            uncounted_succeeded,
            uncounted_failed,
            indexes: Indexes::parse(text(job, "/status/completedIndexes")),
            indexed: indexes::is_indexed(job),
            to_release: Vec::new(),
        };
        for pod in own.iter().copied().filter(|pod| has_finalizer(pod, TRACKED)) {
            tally.note(job, pod);
        }
        tally
    }

    fn note(&mut self, job: &Value, pod: &'a Value) {
        let late = text(job, "/spec/podReplacementPolicy") == "Failed";
        let succeeded = pods::phase(pod) == "Succeeded";
        // A pod that is deleted before its end may never reach one.
        let failed =
            pods::phase(pod) == "Failed" || (!succeeded && !late && meta::is_terminating(pod));
        let deleted = meta::is_terminating(job);
        if !(succeeded || failed || deleted) || self.uncounted() >= UNCOUNTED_MAX {
            return;
        }
        self.to_release.push(pod);
        let uid = meta::uid(pod);
        if self.uncounted_failed.iter().chain(&self.uncounted_succeeded).any(|noted| noted == uid) {
            return;
        }
        match indexes::of(pod).filter(|_| self.indexed) {
            Some(index) if succeeded => self.indexes.add(index),
            _ if succeeded => self.uncounted_succeeded.push(uid.to_owned()),
            _ if failed => self.uncounted_failed.push(uid.to_owned()),
            _ => {}
        }
    }

    fn uncounted(&self) -> usize {
        self.uncounted_failed.len() + self.uncounted_succeeded.len()
    }

    pub(super) fn succeeded(&self) -> i64 {
        if self.indexed {
            return self.indexes.len();
        }
        self.counted_succeeded + i64::try_from(self.uncounted_succeeded.len()).unwrap_or_default()
    }

    pub(super) fn failed(&self) -> i64 {
        self.counted_failed + i64::try_from(self.uncounted_failed.len()).unwrap_or_default()
    }
}

/// What the look left behind.
pub(super) struct State {
    pub(super) active: i64,
    pub(super) ready: usize,
    pub(super) stopping: i64,
    pub(super) end: Option<End>,
}

/// Writes the status if it changes, and tells what is worth telling.
pub(super) fn write(job: &Value, tally: &Tally<'_>, state: &State, now: Timestamp) -> Vec<Action> {
    let mut status = counts(job, tally, state);
    let mut told = Vec::new();
    let suspended = is_suspended(job);
    match job.pointer("/status/startTime").filter(|start| !start.is_null()) {
        Some(start) => status["startTime"] = start.clone(),
        None if !suspended => status["startTime"] = json!(stamp(now)),
        None => {}
    }
    match &state.end {
        Some(end) => {
            condition::set(&mut status, end.interim(), now);
            let all_counted = tally.uncounted() == 0 && tally.to_release.is_empty();
            if all_counted && state.active == 0 && state.stopping == 0 {
                told.push(finish(job, end, &mut status, now));
            }
        }
        None => told.extend(suspend(job, suspended, &mut status, now)),
    }
    let mut actions: Vec<Action> = changed(job, status).into_iter().collect();
    actions.extend(told.into_iter().map(Action::Tell));
    actions
}

fn counts(job: &Value, tally: &Tally<'_>, state: &State) -> Value {
    let mut status = Map::new();
    if let Some(conditions) = job.pointer("/status/conditions") {
        status.insert("conditions".to_owned(), conditions.clone());
    }
    let succeeded = if tally.indexed { tally.indexes.len() } else { tally.counted_succeeded };
    for (key, number) in
        [("active", state.active), ("succeeded", succeeded), ("failed", tally.counted_failed)]
    {
        if number > 0 {
            status.insert(key.to_owned(), json!(number));
        }
    }
    status.insert("ready".to_owned(), json!(state.ready));
    status.insert("terminating".to_owned(), json!(state.stopping));
    if tally.indexed && tally.indexes.len() > 0 {
        status.insert("completedIndexes".to_owned(), json!(tally.indexes.text()));
    }
    let mut uncounted = Map::new();
    let lists = [("succeeded", &tally.uncounted_succeeded), ("failed", &tally.uncounted_failed)];
    for (key, uids) in lists {
        if !uids.is_empty() {
            uncounted.insert(key.to_owned(), json!(uids));
        }
    }
    status.insert("uncountedTerminatedPods".to_owned(), Value::Object(uncounted));
    Value::Object(status)
}

fn finish(job: &Value, end: &End, status: &mut Value, now: Timestamp) -> Event {
    condition::set(status, end.terminal(), now);
    if end.succeeded {
        status["completionTime"] = json!(stamp(now));
        return Event::normal(job, SOURCE, "Completed", "Job completed".to_owned());
    }
    Event::warning(job, SOURCE, &end.reason, end.message.clone())
}

fn suspend(job: &Value, suspended: bool, status: &mut Value, now: Timestamp) -> Option<Event> {
    let noted = condition::find(at(job, "/status"), "Suspended").is_some();
    if !suspended && !noted {
        return None;
    }
    let (value, reason, message, word) = if suspended {
        ("True", "JobSuspended", "Job suspended", "Suspended")
    } else {
        ("False", "JobResumed", "Job resumed", "Resumed")
    };
    let new = Condition { kind: "Suspended", status: value, reason, message };
    if !condition::set(status, new, now) {
        return None;
    }
    if let Some(status) = status.as_object_mut() {
        if suspended {
            status.remove("startTime");
        } else {
            status.insert("startTime".to_owned(), json!(stamp(now)));
        }
    }
    Some(Event::normal(job, SOURCE, word, message.to_owned()))
}
