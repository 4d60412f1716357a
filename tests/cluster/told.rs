//! What an application tells about what is wrong: its conditions, its Events, and the log.

use std::{fmt::Debug, panic::Location};

use serde_json::Value;

use crate::{
    common::{Scene, conditions, is_synced},
    support::{LIMIT, waited_for},
};

/// A Kubernetes Event on an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) kind: String,
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) count: u64,
}

impl Told {
    /// Whether its message contains all of these.
    fn says(&self, parts: &[impl AsRef<str>]) -> bool {
        contains(&self.message, parts)
    }
}

impl Scene {
    /// The Events about an application, with how often each was counted.
    pub(crate) async fn told(&self, name: &str) -> Vec<Told> {
        let path = format!(
            "/api/v1/namespaces/{}/events?fieldSelector=involvedObject.name={name}",
            self.home.name()
        );
        let list = self.get(&path).await.unwrap_or_default();
        let text = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
        let read = |event: &Value| Told {
            kind: text(event, "type"),
            reason: text(event, "reason"),
            message: text(event, "message"),
            count: event["count"].as_u64().unwrap_or(1),
        };
        list["items"].as_array().into_iter().flatten().map(read).collect()
    }

    /// Waits for an Event with a reason whose message contains all of `texts`; returns the message.
    #[track_caller]
    pub(crate) fn event(
        &self,
        name: &str,
        reason: &str,
        texts: &[&str],
    ) -> impl Future<Output = String> {
        let place = Location::caller();
        async move {
            let mut last = Vec::new();
            let look = async || {
                last = self.told(name).await;
                let told = |event: &&Told| event.reason == reason && event.says(texts);
                last.iter().find(told).map(|event| event.message.clone())
            };
            let message = waited_for(LIMIT, look).await;
            let tail = || self.tail();
            message.unwrap_or_else(|| {
                panic!("{place}: no Event {reason} with {texts:?} among\n{last:#?}\n{}", tail())
            })
        }
    }

    /// Waits until an application has this condition and no other; else says what it has instead.
    pub(crate) async fn alone(
        &self,
        name: &str,
        kind: &str,
        says: &[impl AsRef<str> + Debug],
    ) -> Result<(), String> {
        let mut last = Value::Null;
        let look = async || {
            last = self.app(name).await;
            let held = conditions(&last);
            let [(is, message)] = held.as_slice() else { return None };
            (is == kind && contains(message, says)).then_some(())
        };
        if waited_for(LIMIT, look).await.is_some() {
            return Ok(());
        }
        let held = conditions(&last);
        let events = self.told(name).await;
        let state = &last["status"]["operationState"];
        Err(format!(
            "{name} should have one condition, {kind} with {says:?}, and has\n{held:#?}\n\
             {events:#?}\n{} {}",
            state["phase"], state["message"]
        ))
    }

    /// One Event says it, and no other does; else what they say.
    pub(crate) async fn told_once(
        &self,
        name: &str,
        says: &[impl AsRef<str> + Debug],
    ) -> Result<(), String> {
        let events = self.told(name).await;
        let telling: Vec<&Told> = events.iter().filter(|event| event.says(says)).collect();
        match telling.as_slice() {
            [one] if one.kind == "Warning" => Ok(()),
            _ => Err(format!("{name} should have one Warning with {says:?} of\n{events:#?}")),
        }
    }

    /// Waits until an application is in sync at a commit and has no condition.
    #[track_caller]
    pub(crate) fn content(&self, name: &str, commit: &str) -> impl Future<Output = Value> {
        let what = format!("{name} to be synced to {commit} without a condition");
        self.until(name, what, move |app| is_synced(app, commit) && conditions(app).is_empty())
    }

    /// Everything that people can read about an application without looking into the cluster.
    pub(crate) async fn everything(&self, name: &str) -> String {
        let resource = self.app(name).await;
        let mut text =
            format!("{}\n{resource:#}\n{:#?}", self.controller.log(), self.told(name).await);
        for page in ["", "/resource-tree", "/managed-resources", "/manifests", "/drift", "/events"]
        {
            let path = format!("/api/v1/applications/{name}{page}");
            let (code, answer) = self.controller.request("GET", &path, None);
            text.push_str(&format!("\n{path}: {code}\n{answer:#}"));
        }
        let (_, metrics) = self.controller.get("/metrics").expect("the metrics page");
        text + "\n" + &metrics
    }

    /// The sum over the samples of a metric whose lines contain all `labels`.
    pub(crate) fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let (_, page) = self.controller.get("/metrics").expect("the metrics page");
        let samples = page.lines().filter(|line| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with(['{', ' '])) && contains(line, labels)
        });
        samples.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
    }
}

fn contains(text: &str, parts: &[impl AsRef<str>]) -> bool {
    parts.iter().all(|part| text.contains(part.as_ref()))
}
