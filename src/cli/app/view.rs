//! An Application as the status API returns it, read leniently: a client may be older or newer
//! than its server, and what it does not know it leaves alone.

use serde_json::Value;

/// A string at a JSON pointer; empty when absent.
pub(in crate::cli) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A list at a JSON pointer; empty when absent.
pub(in crate::cli) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// One application.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a>(pub(super) &'a Value);

impl<'a> View<'a> {
    pub(super) fn name(self) -> &'a str {
        text(self.0, "/metadata/name")
    }

    pub(super) fn project(self) -> &'a str {
        or(text(self.0, "/spec/project"), "default")
    }

    /// The first source; with several sources a list shows only that one.
    pub(super) fn sources(self) -> Vec<&'a Value> {
        match self.0.pointer("/spec/source") {
            Some(source) => vec![source],
            None => list(self.0, "/spec/sources").iter().collect(),
        }
    }

    /// Namespace and cluster of the objects.
    pub(super) fn destination(self) -> (&'a str, &'a str) {
        let server = text(self.0, "/spec/destination/server");
        let cluster = or(server, text(self.0, "/spec/destination/name"));
        (text(self.0, "/spec/destination/namespace"), cluster)
    }

    /// `manual`, or `auto` with what goes with it.
    pub(super) fn policy(self) -> String {
        let policy = self.0.pointer("/spec/syncPolicy/automated").filter(|p| p.is_object());
        let Some(policy) = policy.filter(|p| p.get("enabled") != Some(&Value::Bool(false))) else {
            return "manual".to_owned();
        };
        let on = |key: &str| policy.get(key) == Some(&Value::Bool(true));
        let mut words = vec!["auto"];
        words.extend(on("prune").then_some("prune"));
        words.extend(on("selfHeal").then_some("self-heal"));
        words.join(",")
    }

    pub(super) fn sync(self) -> &'a str {
        or(text(self.0, "/status/sync/status"), "Unknown")
    }

    pub(super) fn health(self) -> &'a str {
        or(text(self.0, "/status/health/status"), "Unknown")
    }

    pub(super) fn health_message(self) -> &'a str {
        text(self.0, "/status/health/message")
    }

    /// The revision that the comparison was made with.
    pub(super) fn revision(self) -> &'a str {
        let first = list(self.0, "/status/sync/revisions").first().and_then(Value::as_str);
        or(text(self.0, "/status/sync/revision"), first.unwrap_or_default())
    }

    pub(super) fn resource_version(self) -> &'a str {
        text(self.0, "/metadata/resourceVersion")
    }

    pub(super) fn conditions(self) -> &'a [Value] {
        list(self.0, "/status/conditions")
    }

    pub(super) fn resources(self) -> &'a [Value] {
        list(self.0, "/status/resources")
    }

    pub(super) fn history(self) -> &'a [Value] {
        list(self.0, "/status/history")
    }

    /// True while an operation was asked for and has not been taken up or is not finished.
    pub(super) fn operation_asked(self) -> bool {
        self.0.get("operation").is_some_and(|operation| !operation.is_null())
    }

    /// The running or last operation.
    pub(super) fn operation(self) -> Option<Operation<'a>> {
        self.0.pointer("/status/operationState").filter(|state| state.is_object()).map(Operation)
    }

    /// True while an operation runs or waits to.
    pub(super) fn is_operating(self) -> bool {
        self.operation_asked() || self.operation().is_some_and(|o| !o.is_finished())
    }
}

/// The state of an operation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operation<'a>(&'a Value);

impl<'a> Operation<'a> {
    pub(super) fn phase(self) -> &'a str {
        text(self.0, "/phase")
    }

    pub(super) fn is_finished(self) -> bool {
        matches!(self.phase(), "Succeeded" | "Failed" | "Error")
    }

    pub(super) fn succeeded(self) -> bool {
        self.phase() == "Succeeded"
    }

    pub(super) fn message(self) -> &'a str {
        text(self.0, "/message")
    }

    pub(super) fn started_at(self) -> &'a str {
        text(self.0, "/startedAt")
    }

    pub(super) fn finished_at(self) -> &'a str {
        text(self.0, "/finishedAt")
    }

    pub(super) fn revision(self) -> &'a str {
        or(text(self.0, "/syncResult/revision"), text(self.0, "/operation/sync/revision"))
    }

    pub(super) fn retries(self) -> u64 {
        self.0.get("retryCount").and_then(Value::as_u64).unwrap_or_default()
    }

    /// One entry for each object of the operation.
    pub(super) fn results(self) -> &'a [Value] {
        list(self.0, "/syncResult/resources")
    }
}

/// `Deployment.apps shop/web`, as everywhere else.
pub(in crate::cli) fn object_name(entry: &Value) -> String {
    let (group, kind) = (text(entry, "/group"), text(entry, "/kind"));
    let (namespace, name) = (text(entry, "/namespace"), text(entry, "/name"));
    crate::object::ObjectId::new(group, kind, namespace, name).to_string()
}

/// A commit id in short, other revisions whole.
pub(in crate::cli) fn short(revision: &str) -> &str {
    let is_id =
        matches!(revision.len(), 40 | 64) && revision.bytes().all(|b| b.is_ascii_hexdigit());
    if is_id { &revision[..10] } else { revision }
}

/// The first text that says something.
pub(super) fn or<'a>(first: &'a str, second: &'a str) -> &'a str {
    if first.is_empty() { second } else { first }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_application_without_a_status_reads_as_unknown() {
        let app = json!({"metadata": {"name": "web"}, "spec": {"sources": [{"repoURL": "x"}]}});
        let view = View(&app);
        assert_eq!((view.sync(), view.health(), view.project()), ("Unknown", "Unknown", "default"));
        assert_eq!(view.sources().len(), 1);
        assert!(!view.is_operating());
    }

    #[test]
    fn only_commit_ids_are_shortened() {
        assert_eq!(short("0123456789abcdef0123456789abcdef01234567"), "0123456789");
        assert_eq!(
            short("release-2026-11-with-a-very-long-name-000"),
            "release-2026-11-with-a-very-long-name-000"
        );
    }
}
