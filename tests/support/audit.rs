//! What the API server was asked, by whom: its audit log and its request metrics.

use jiff::Timestamp;
use serde_json::Value;

/// A moment, and a place in the audit log before all that arrived later; see
/// [`super::ControlPlane::audit_mark`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AuditMark {
    pub(super) place: u64,
    at: Timestamp,
}

impl AuditMark {
    /// Now, with the log `place` bytes or, of the embedded server, events long.
    pub(super) fn now(place: u64) -> Self {
        Self { place, at: Timestamp::now() }
    }

    /// Whether the request arrived later than this. The place alone does not tell: a change can be
    /// seen before its event stands in the log.
    pub(super) fn is_before(&self, event: &AuditEvent) -> bool {
        event.received.parse().is_ok_and(|received: Timestamp| self.at < received)
    }
}

/// One answered request, from the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection`.
    pub verb: String,
    /// Who asked, such as `admin` or `system:serviceaccount:shop:deployer`.
    pub user: String,
    /// The user agent of the client.
    pub user_agent: String,
    /// Path and query.
    pub uri: String,
    /// The API group, empty for the core group.
    pub group: String,
    /// Plural resource, empty if the request was not for a resource.
    pub resource: String,
    /// Such as `status`; empty for the object itself.
    pub subresource: String,
    /// Empty for resources of the cluster.
    pub namespace: String,
    /// Empty for lists, and for creations in which the server made up the name.
    pub name: String,
    /// The HTTP status.
    pub code: u16,
    /// `ResponseStarted` for a watch that goes on, else `ResponseComplete`.
    pub stage: String,
    /// When the request arrived, RFC 3339 with microseconds.
    pub received: String,
}

impl AuditEvent {
    /// Whether it asked for a change, a dry run included.
    pub fn is_write(&self) -> bool {
        matches!(self.verb.as_str(), "create" | "update" | "patch" | "delete" | "deletecollection")
    }

    /// Whether nothing could change by it.
    pub fn is_dry_run(&self) -> bool {
        self.uri.contains("dryRun=All")
    }

    /// Whether it is a server-side apply, by its query.
    pub fn is_apply(&self) -> bool {
        self.verb == "patch" && self.uri.contains("fieldManager=") && self.uri.contains("force=")
    }

    /// Reads one line of the log. A watch is reported when it starts, everything else when it ends.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let event: Value = serde_json::from_str(line).ok()?;
        let text = |pointer: &str| {
            event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let event = Self {
            verb: text("/verb"),
            user: text("/user/username"),
            user_agent: text("/userAgent"),
            uri: text("/requestURI"),
            group: text("/objectRef/apiGroup"),
            resource: text("/objectRef/resource"),
            subresource: text("/objectRef/subresource"),
            namespace: text("/objectRef/namespace"),
            name: text("/objectRef/name"),
            code: event
                .pointer("/responseStatus/code")
                .and_then(Value::as_u64)
                .and_then(|code| u16::try_from(code).ok())
                .unwrap_or_default(),
            stage: text("/stage"),
            received: text("/requestReceivedTimestamp"),
        };
        let wanted = if event.verb == "watch" { "ResponseStarted" } else { "ResponseComplete" };
        (event.stage == wanted || event.stage == "Panic").then_some(event)
    }
}

/// One line of `apiserver_request_total`: requests of all clients since the server started.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestCount {
    /// `GET`, `LIST`, `WATCH`, `POST`, `PUT`, `PATCH`, `APPLY`, `DELETE` or `DELETECOLLECTION`.
    pub verb: String,
    /// The API group, empty for the core group.
    pub group: String,
    /// Plural resource.
    pub resource: String,
    /// Such as `status`; empty for the object itself.
    pub subresource: String,
    /// Whether it was a dry run.
    pub dry_run: bool,
    /// The HTTP status.
    pub code: u16,
    /// How many.
    pub count: u64,
}

impl RequestCount {
    /// Whether it asked for a change, a dry run included.
    pub fn is_write(&self) -> bool {
        const WRITES: [&str; 6] = ["POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION"];
        WRITES.contains(&self.verb.as_str())
    }

    /// All `apiserver_request_total` lines of a metrics page.
    pub(super) fn parse_all(page: &str) -> Vec<Self> {
        page.lines().filter_map(Self::parse).collect()
    }

    fn parse(line: &str) -> Option<Self> {
        let (labels, value) = line.strip_prefix("apiserver_request_total{")?.rsplit_once("} ")?;
        let label = |name: &str| {
            let mut pairs = labels.split("\",").filter_map(|pair| pair.split_once("=\""));
            let value = pairs.find(|(key, _)| *key == name).map(|(_, value)| value);
            value.unwrap_or_default().trim_end_matches('"').to_owned()
        };
        // The counters are printed as floating-point numbers, large ones with an exponent.
        let count = format!("{:.0}", value.trim().parse::<f64>().ok()?).parse().ok()?;
        Some(Self {
            verb: label("verb"),
            group: label("group"),
            resource: label("resource"),
            subresource: label("subresource"),
            dry_run: !label("dry_run").is_empty(),
            code: label("code").parse().unwrap_or_default(),
            count,
        })
    }
}

/// The number of writes in `counts` that were not dry runs and whatever came of them.
pub fn writes(counts: &[RequestCount]) -> u64 {
    let writes = counts.iter().filter(|count| count.is_write() && !count.dry_run);
    writes.map(|count| count.count).sum()
}
