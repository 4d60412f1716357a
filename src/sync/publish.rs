//! What a pass tells: the status on the resource, and Kubernetes Events for what changed in it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    clock,
    context::Context,
    entry::{Entry, REFRESH},
    memory::Repeated,
    pass::{Pass, PassEnd, Work},
    read::condition,
    status::{self, Findings},
    unwritten::Unwritten,
};
use crate::{
    api::{Application, ConditionType, SyncCode},
    object::mask,
    object::meta,
    report::{
        events::{EventReason, EventType, Occurrence, Subject},
        metrics::Stage,
        status as shape,
    },
};

/// Least time between two writes of a status that differ in nothing but words about health.
const WORDS_EVERY: Duration = Duration::from_secs(1);
/// Pause before a status that could not be written is tried again.
const STATUS_RETRY: Duration = Duration::from_secs(2);

impl Pass<'_> {
    /// Leaves a Kubernetes Event on the application.
    pub(crate) fn tell(&self, event_type: EventType, reason: EventReason, message: &str) {
        let metadata = &self.app.metadata;
        let subject = Subject {
            namespace: metadata.namespace.clone().unwrap_or_default(),
            name: metadata.name.clone().unwrap_or_default(),
            uid: metadata.uid.clone().unwrap_or_default(),
        };
        let message = mask::text(message).into_owned();
        self.ctx.tell(Occurrence { subject, event_type, reason, message });
    }

    /// Writes the status when it differs from what the resource says; false when that failed.
    pub(crate) async fn publish(&mut self, work: Option<&Work>, invalid: bool) -> bool {
        let started = Instant::now();
        let found = Findings {
            view: work.map(|work| &work.view),
            resolved: work.map(|work| &work.resolved),
            conditions: self.conditions.clone(),
            operation: self.operation.as_ref(),
            deployed: self.deployed.take(),
            invalid,
        };
        let new = status::build(&self.app, found, clock::now());
        let old = std::mem::take(&mut self.told);
        let written = self.publish_change(&old, &new).await;
        if self.told.is_null() {
            self.told = old;
        }
        self.ctx.metrics.stage_finished(Stage::Report, started.elapsed());
        written
    }

    /// Writes the status `new` where it differs from `old` by what is worth a write.
    async fn publish_change(&mut self, old: &Value, new: &Value) -> bool {
        let mut patch = json!({});
        if let Some(mut status) = shape::merge_patch(old, new) {
            // A new request may have cleared the last state meanwhile: a part of ours would then be
            // all of it.
            if let Some(state) = status.get_mut("operationState").filter(|s| s.is_object()) {
                *state = whole(state, &new["operationState"]);
            }
            patch["status"] = status;
        }
        if self.refreshed {
            patch["metadata"] = json!({"annotations": {REFRESH: null}});
        }
        let done = self.operation.as_ref().filter(|state| state.phase.is_complete());
        if done.is_some_and(|state| self.app.operation.as_ref() == Some(&state.operation)) {
            patch["operation"] = Value::Null;
        }
        if patch.as_object().is_some_and(serde_json::Map::is_empty) {
            return true;
        }
        let may_wait = patch.get("operation").is_none() && !self.refreshed;
        if may_wait && (self.says_nothing_new(old, new) || self.waits(old, new)) {
            return true;
        }
        self.announce(old, new);
        let written = self.write(&patch).await;
        self.memory.written_at = Some(Instant::now());
        self.ctx.traffic.count(Instant::now());
        written
    }

    /// True when a status is one that soon changes, and not due yet.
    fn waits(&mut self, old: &Value, new: &Value) -> bool {
        let now = Instant::now();
        if status::differ_in_words(old, new) {
            // Progress in words changes with every pod: a write a second is enough, and less where
            // many applications change.
            let since = self.memory.written_at.map_or(Duration::MAX, |at| now.duration_since(at));
            let every = WORDS_EVERY.max(self.ctx.traffic.patience(now));
            return self.is_due_in(every.checked_sub(since));
        }
        let Some(found) = Unwritten::of(old, new, now) else { return false };
        let unwritten = self.memory.unwritten.get_or_insert_with(|| Box::new(found));
        let wait = unwritten.wait(self.ctx.traffic.patience(now), now);
        self.is_due_in(wait)
    }

    /// True when there is a time to wait; looks again when it is over.
    fn is_due_in(&mut self, wait: Option<Duration>) -> bool {
        if let Some(wait) = wait {
            self.look_again(wait);
        }
        wait.is_some()
    }

    /// True when a status says no more than that an automated sync has failed once more as it did
    /// before. What the next try has to know is kept in memory then.
    fn says_nothing_new(&mut self, old: &Value, new: &Value) -> bool {
        let state = |status: &Value| status.get("operationState").cloned();
        let mut same = new.clone();
        if let (Some(state), Some(same)) = (state(old), same.as_object_mut()) {
            same.insert("operationState".to_owned(), state);
        }
        let told = self.app.status.as_ref().and_then(|status| status.operation_state.clone());
        let (Some(told), Some(last)) = (told, self.operation.clone()) else { return false };
        if !self.is_repeated() || shape::merge_patch(old, &same).is_some() {
            return false;
        }
        self.memory.repeated = Some(Box::new(Repeated { told, last }));
        true
    }

    /// Sends the patch and takes over the answer; false when it was not taken.
    async fn write(&mut self, patch: &Value) -> bool {
        if !self.ctx.may_act(&self.entry.name) {
            return false;
        }
        match self.ctx.patch_application(&self.entry.name, patch).await {
            Ok(answer) => {
                if let Ok(app) = Application::parse(answer.clone()) {
                    self.told = status::told(&app);
                    self.app = Arc::new(app);
                }
                self.memory.unwritten = None;
                self.refreshed = false;
                let answer = self.ctx.publish(&self.entry.name, answer);
                // The answer may hold what somebody else wrote a moment ago, and the watch will have
                // nothing newer to tell; or a request that waited for the operation that has ended.
                if self.entry.update(answer) || self.has_another_request() {
                    self.entry.wake();
                }
                true
            }
            Err(cause) => {
                tracing::warn!(app = self.entry.name, %cause, "the status was not written");
                self.look_again(STATUS_RETRY);
                false
            }
        }
    }

    /// True when the operation has ended and the resource asks for a different one.
    fn has_another_request(&self) -> bool {
        let ended = self.operation.as_ref().filter(|state| state.phase.is_complete());
        let asked = self.app.operation.as_ref();
        asked.is_some() && ended.is_some_and(|state| asked != Some(&state.operation))
    }

    /// Kubernetes Events for conditions that appeared or went, and for a change of status.
    fn announce(&self, old: &Value, new: &Value) {
        let conditions = |status: &Value| -> Vec<(String, String)> {
            let list = status.get("conditions").and_then(Value::as_array);
            let text = |c: &Value, key: &str| c[key].as_str().unwrap_or_default().to_owned();
            list.into_iter().flatten().map(|c| (text(c, "type"), text(c, "message"))).collect()
        };
        let (before, after) = (conditions(old), conditions(new));
        for (kind, message) in after.iter().filter(|held| !before.contains(held)) {
            let text = format!("{kind}: {message}");
            self.tell(EventType::Warning, EventReason::ConditionRaised, &text);
        }
        for (kind, _) in before.iter().filter(|held| !after.iter().any(|a| a.0 == held.0)) {
            self.tell(EventType::Normal, EventReason::ConditionCleared, &format!("{kind} is over"));
        }
        let word = |status: &Value, pointer: &str| {
            status.pointer(pointer).and_then(Value::as_str).unwrap_or("Unknown").to_owned()
        };
        for (what, pointer) in [("sync", "/sync/status"), ("health", "/health/status")] {
            let (was, is) = (word(old, pointer), word(new, pointer));
            if was != is {
                let text = format!("Updated {what} status: {was} -> {is}");
                self.tell(EventType::Normal, EventReason::ResourceUpdated, &text);
            }
        }
    }
}

/// A merge patch that makes `new` of what `patch` was computed for, and of nothing as well.
fn whole(patch: &Value, new: &Value) -> Value {
    let (Some(patch), Some(new)) = (patch.as_object(), new.as_object()) else { return new.clone() };
    let mut all = new.clone();
    for (key, change) in patch {
        match new.get(key) {
            None => drop(all.insert(key.clone(), change.clone())),
            Some(value) => drop(all.insert(key.clone(), whole(change, value))),
        }
    }
    Value::Object(all)
}

/// An Application that does not parse: say so on the resource itself and wait for an edit.
pub(crate) async fn unreadable(ctx: &Context, entry: &Entry, latest: &Value, why: &str) -> PassEnd {
    let old = latest.get("status").cloned().unwrap_or_else(|| json!({}));
    let empty = Vec::new();
    let known = old.get("conditions").and_then(Value::as_array).unwrap_or(&empty);
    let kind = ConditionType::InvalidSpecError;
    let held = [condition(&kind, why)];
    let time = clock::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let conditions = shape::conditions(known, &[kind.as_str()], &held, &time);
    let mut new = old.clone();
    new["conditions"] = Value::from(conditions);
    // Where the objects were put stays known: a deletion may need it.
    let compared = old.pointer("/sync/comparedTo").filter(|compared| compared.is_object());
    let compared = compared.cloned().unwrap_or_else(|| json!({"destination": {}}));
    new["sync"] = json!({"status": SyncCode::Unknown, "comparedTo": compared});
    new["health"] = shape::health(old.get("health"), "Unknown", "", &time);
    let Some(patch) = shape::merge_patch(&old, &new) else { return PassEnd::default() };
    match ctx.patch_application(&entry.name, &json!({"status": patch})).await {
        Ok(answer) => {
            let subject = Subject {
                namespace: meta::namespace(&answer).to_owned(),
                name: meta::name(&answer).to_owned(),
                uid: meta::uid(&answer).to_owned(),
            };
            let occurrence = Occurrence {
                subject,
                event_type: EventType::Warning,
                reason: EventReason::ConditionRaised,
                message: format!("{}: {why}", kind.as_str()),
            };
            ctx.tell(occurrence);
            entry.update(ctx.publish(&entry.name, answer));
            PassEnd::default()
        }
        Err(cause) => {
            tracing::warn!(app = entry.name, %cause, "the status was not written");
            PassEnd { next: Some(STATUS_RETRY) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_patch_of_an_operation_is_whole_also_when_there_is_none_any_more() {
        let old = json!({"phase": "Running", "message": "waits", "operation": {"sync": {"a": 1}}});
        let new = json!({"phase": "Succeeded", "operation": {"sync": {"b": 2}}});
        let patch = shape::merge_patch(&old, &new).expect("they differ");
        let patch = whole(&patch, &new);
        for base in [old, Value::Null] {
            let mut base = base;
            json_patch::merge(&mut base, &patch);
            assert_eq!(base, new);
        }
    }
}
