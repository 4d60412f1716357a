//! The parts of a status that remember what was before: conditions, health, history; and the ones
//! that have to stay small: resources, summary.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// Entries of the history that are kept when `revisionHistoryLimit` says nothing.
pub const HISTORY_DEFAULT: usize = 10;
/// Bytes of JSON that `status.resources` may take. etcd takes 1.5 MiB an object; the sync result
/// lists the same objects once more, and the rest of the resource needs room too.
pub const RESOURCES_BYTES_MAX: usize = 512 * 1024;
/// Images and URLs that the summary lists.
const SUMMARY_ENTRIES_MAX: usize = 250;

/// A condition that holds now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// For example `ComparisonError`.
    pub kind: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// The conditions to write: those that hold now, in order of type and message. One that held
/// before with the same words keeps its `lastTransitionTime`. Conditions of a type that is not in
/// `judged` are somebody else's and stay as they are.
pub fn conditions(old: &[Value], judged: &[&str], holding: &[Condition], now: &str) -> Vec<Value> {
    let text = |value: &Value, key: &str| {
        value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let foreign = old.iter().filter(|old| !judged.contains(&text(old, "type").as_str()));
    let mut all: Vec<Value> = foreign.cloned().collect();
    for Condition { kind, message } in holding {
        let before = old
            .iter()
            .find(|old| text(old, "type") == *kind && text(old, "message") == *message)
            .map(|old| text(old, "lastTransitionTime"))
            .filter(|time| !time.is_empty());
        let since = before.as_deref().unwrap_or(now);
        all.push(json!({"type": kind, "message": message, "lastTransitionTime": since}));
    }
    all.sort_by_key(|condition| (text(condition, "type"), text(condition, "message")));
    all.dedup();
    all
}

/// `status.health`: `lastTransitionTime` moves only when the status does.
pub fn health(old: Option<&Value>, status: &str, message: &str, now: &str) -> Value {
    let same = old.filter(|old| old.get("status").and_then(Value::as_str) == Some(status));
    let since =
        same.and_then(|old| old.get("lastTransitionTime")).and_then(Value::as_str).unwrap_or(now);
    let mut health = json!({"status": status, "lastTransitionTime": since});
    if !message.is_empty() {
        health["message"] = Value::from(message);
    }
    health
}

/// `status.history` with `entry` appended under the next id, oldest first, trimmed to `limit`
/// (`spec.revisionHistoryLimit`; ten when absent, none at all for zero).
pub fn history(old: &[Value], mut entry: Map<String, Value>, limit: Option<i64>) -> Vec<Value> {
    let id = |entry: &Value| entry.get("id").and_then(Value::as_i64).unwrap_or_default();
    let next = old.iter().map(id).max().map_or(0, |last| last + 1);
    entry.insert("id".to_owned(), Value::from(next));
    let mut all = old.to_vec();
    all.push(Value::Object(entry));
    let keep = limit.map_or(HISTORY_DEFAULT, |limit| usize::try_from(limit).unwrap_or(0));
    all.split_off(all.len().saturating_sub(keep))
}

/// `status.summary`: images and external URLs, each once, sorted; empty lists are left out.
pub fn summary<'a>(
    images: impl Iterator<Item = &'a str>,
    urls: impl Iterator<Item = &'a str>,
) -> Value {
    let mut summary = Map::new();
    let mut put = |key: &str, entries: BTreeSet<&str>| {
        if !entries.is_empty() {
            let entries: Vec<&str> = entries.into_iter().take(SUMMARY_ENTRIES_MAX).collect();
            summary.insert(key.to_owned(), Value::from(entries));
        }
    };
    put("images", images.collect());
    put("externalURLs", urls.collect());
    Value::Object(summary)
}

/// What of `status.resources` is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Resources {
    /// The entries, in the order in which they came.
    pub list: Vec<Value>,
    /// How many entries were left out.
    pub left_out: usize,
}

impl Resources {
    /// The condition that says that entries are missing; its type is `TruncatedStatusWarning`.
    pub fn condition(&self) -> Option<Condition> {
        (self.left_out > 0).then(|| Condition {
            kind: "TruncatedStatusWarning".to_owned(),
            message: format!(
                "status.resources lists {} of {} objects, those in trouble first, because an \
                 Application can't hold more; the status API lists all",
                self.list.len(),
                self.list.len() + self.left_out
            ),
        })
    }
}

/// Bounds `status.resources` to `bytes_max` ([`RESOURCES_BYTES_MAX`] in production). When entries
/// have to go, those that are in sync and well go first.
pub fn bound_resources(resources: Vec<Value>, bytes_max: usize) -> Resources {
    let sizes: Vec<usize> = resources
        .iter()
        .map(|entry| serde_json::to_vec(entry).map_or(0, |b| b.len() + 1))
        .collect();
    if sizes.iter().sum::<usize>() <= bytes_max {
        return Resources { list: resources, left_out: 0 };
    }
    let mut kinds = BTreeSet::new();
    let mut first_of_kind = |entry: &Value| kinds.insert(kind_of(entry));
    let ranked = resources.iter().map(|entry| (!first_of_kind(entry), is_well(entry)));
    let ranked: Vec<(bool, bool)> = ranked.collect();
    let mut order: Vec<usize> = (0..resources.len()).collect();
    // Stable, and false comes first: one of each kind, then what is in trouble.
    order.sort_by_key(|&index| ranked[index]);
    let mut left = bytes_max;
    let mut kept = BTreeSet::new();
    for index in order {
        let Some(rest) = left.checked_sub(sizes[index]) else { break };
        left = rest;
        kept.insert(index);
    }
    let left_out = resources.len() - kept.len();
    let list = resources
        .into_iter()
        .enumerate()
        .filter_map(|(index, entry)| kept.contains(&index).then_some(entry))
        .collect();
    Resources { list, left_out }
}

fn kind_of(resource: &Value) -> [String; 2] {
    ["group", "kind"].map(|key| resource[key].as_str().unwrap_or_default().to_owned())
}

fn is_well(resource: &Value) -> bool {
    let word = |pointer: &str| resource.pointer(pointer).and_then(Value::as_str);
    matches!(word("/status"), Some("Synced") | None)
        && matches!(word("/health/status"), Some("Healthy") | None)
}
