//! The series that show applications as they stand on the board.

use std::collections::HashMap;

use prometheus::core::{Collector, MetricVec, MetricVecBuilder};
use serde_json::Value;

use crate::object::meta;

use super::Metrics;

impl Metrics {
    /// Sets `argocd_app_info` and `argocd_app_condition` of one application.
    pub(super) fn show(&self, app: &Value) {
        let text = |pointer: &str| app.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let or = |pointer: &str, otherwise: &'static str| match text(pointer) {
            "" => otherwise.to_owned(),
            word => word.to_owned(),
        };
        let (namespace, name) = (meta::namespace(app), meta::name(app));
        let project = or("/spec/project", "default");
        let repo = match text("/spec/source/repoURL") {
            "" => text("/spec/sources/0/repoURL"),
            url => url,
        };
        self.applications
            .info
            .with_label_values(&[
                namespace,
                name,
                &project,
                if is_automated(app) { "true" } else { "false" },
                &repository_label(repo),
                text("/spec/destination/server"),
                text("/spec/destination/namespace"),
                &or("/status/sync/status", "Unknown"),
                &or("/status/health/status", "Unknown"),
                operation(app),
            ])
            .set(1);
        let conditions = app.pointer("/status/conditions").and_then(Value::as_array);
        for condition in conditions.into_iter().flatten() {
            let kind = condition.get("type").and_then(Value::as_str).unwrap_or_default();
            self.applications
                .condition
                .with_label_values(&[namespace, name, &project, kind])
                .set(1);
        }
    }
}

/// Whether the sync policy is automated: the block is there and not switched off.
pub(crate) fn is_automated(app: &Value) -> bool {
    match app.pointer("/spec/syncPolicy/automated") {
        Some(Value::Object(automated)) => automated.get("enabled") != Some(&Value::Bool(false)),
        _ => false,
    }
}

/// What is being done to the application, in the words of Argo CD's metric.
fn operation(app: &Value) -> &'static str {
    if meta::is_terminating(app) {
        "delete"
    } else if app.pointer("/operation/sync").is_some_and(|sync| !sync.is_null()) {
        "sync"
    } else {
        ""
    }
}

/// The URL of a repository as a label: no credentials, no `.git`, host in lower case.
pub(super) fn repository_label(url: &str) -> String {
    let trimmed = url.trim();
    let trimmed = trimmed.strip_suffix(".git").unwrap_or(trimmed);
    if let Ok(mut parsed) = url::Url::parse(trimmed)
        && parsed.has_host()
    {
        // Both fail only for URLs that can't hold credentials.
        let _ = parsed.set_password(None);
        if parsed.scheme().starts_with("http") {
            let _ = parsed.set_username("");
        }
        parsed.set_query(None);
        parsed.set_fragment(None);
        return parsed.as_str().trim_end_matches('/').to_owned();
    }
    trimmed.to_owned()
}

/// Removes the series whose `label` has a value for which `gone` holds.
pub(super) fn remove_where<T: MetricVecBuilder>(
    metrics: &MetricVec<T>,
    label: &str,
    gone: &dyn Fn(&str) -> bool,
) where
    MetricVec<T>: Collector,
{
    for family in metrics.collect() {
        for metric in family.get_metric() {
            let labels: HashMap<&str, &str> =
                metric.get_label().iter().map(|pair| (pair.name(), pair.value())).collect();
            if labels.get(label).is_some_and(|value| gone(value)) {
                // The series was just listed; that another scrape removed it first is no error.
                let _ = metrics.remove(&labels);
            }
        }
    }
}
