//! What an application tells about what is wrong: its conditions, its Events, and the log.

use serde_json::Value;

use crate::{
    common::{Scene, object_path},
    support::AuditEvent,
    support::AuditMark,
};

/// A Kubernetes Event on an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) kind: String,
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) count: u64,
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

    /// Waits until an application has this condition and no other; else says what it has instead.
    pub(crate) async fn alone(
        &self,
        name: &str,
        kind: &str,
        says: &[String],
    ) -> Result<(), String> {
        let told = |app: &Value| {
            let held = conditions(app);
            held.len() == 1 && held[0].0 == kind && says.iter().all(|part| held[0].1.contains(part))
        };
        let mut last = Value::Null;
        let looking = async {
            loop {
                last = self.app(name).await;
                if told(&last) {
                    break;
                }
                tokio::time::sleep(crate::common::POLL).await;
            }
        };
        if tokio::time::timeout(crate::common::LIMIT, looking).await.is_ok() {
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
    pub(crate) async fn told_once(&self, name: &str, says: &[String]) -> Result<(), String> {
        let events = self.told(name).await;
        let telling: Vec<&Told> = events
            .iter()
            .filter(|event| says.iter().all(|part| event.message.contains(part)))
            .collect();
        match telling.as_slice() {
            [one] if one.kind == "Warning" => Ok(()),
            _ => Err(format!("{name} should have one Warning with {says:?} of\n{events:#?}")),
        }
    }

    /// Waits until an application is in sync at a commit and has no condition.
    #[track_caller]
    pub(crate) fn content(&self, name: &str, commit: &str) -> impl Future<Output = Value> {
        let what = format!("{name} to be synced to {commit} without a condition");
        self.until(name, what, move |app| {
            crate::common::is_synced(app, commit) && conditions(app).is_empty()
        })
    }

    /// Value of a key of a ConfigMap in the target namespace.
    pub(crate) async fn config(&self, name: &str, key: &str) -> Option<String> {
        let live = self.live("v1", "configmaps", name).await?;
        live["data"][key].as_str().map(str::to_owned)
    }

    /// What the controller wrote since `mark` in both namespaces, dry runs left out.
    pub(crate) fn all_writes_since(&self, mark: AuditMark) -> Vec<AuditEvent> {
        let mine = [self.home.name(), self.target.name()];
        let events = self.plane.audit(mark, "steadfast").into_iter();
        events
            .filter(|event| mine.contains(&event.namespace.as_str()))
            .filter(|event| event.is_write() && !event.is_dry_run())
            .collect()
    }

    /// Everything that people can read about an application without looking into the cluster.
    pub(crate) async fn everything(&self, name: &str) -> String {
        let home = self.home.name();
        let path = object_path(home, "argoproj.io/v1alpha1", "applications", name);
        let resource = self.get(&path).await.unwrap_or_default();
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

    /// The sum over the samples of a metric whose line contains `label`.
    pub(crate) fn metric(&self, name: &str, label: &str) -> f64 {
        let (_, page) = self.controller.get("/metrics").expect("the metrics page");
        let samples = page.lines().filter(|line| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with(['{', ' '])) && line.contains(label)
        });
        samples.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
    }
}

/// The conditions of an application as (type, message).
pub(crate) fn conditions(app: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = app["status"]["conditions"].as_array().into_iter().flatten();
    list.map(|condition| (text(&condition["type"]), text(&condition["message"]))).collect()
}
