//! The table of endpoints: what there is, who may use it, and what it takes and gives. The guard,
//! the OpenAPI document and the reference in docs/API.md are made from it.

use std::fmt::Write as _;

use axum::http::Method;

use super::error::Reason;

/// What an endpoint does, as far as rights are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Anybody may.
    Open,
    /// See all applications.
    List,
    /// See one application and what it consists of; also ask for a refresh.
    Get,
    /// Start or end a sync.
    Sync,
    /// Start a rollback.
    Rollback,
    /// Delete the application.
    Delete,
}

impl Action {
    /// Verbs on `applications.argoproj.io` of which one is enough. `sync` and `rollback` exist so
    /// that a token can be given these rights and no other.
    pub(super) fn verbs(self) -> &'static [&'static str] {
        match self {
            Self::Open => &[],
            Self::List => &["list"],
            Self::Get => &["get"],
            Self::Sync => &["update", "sync"],
            Self::Rollback => &["update", "rollback"],
            Self::Delete => &["delete"],
        }
    }
}

/// What an endpoint answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// Text.
    Text,
    /// JSON of the named schema.
    Json(&'static str),
    /// Server-sent events whose data is JSON of the named schema.
    Events(&'static str),
}

/// One endpoint.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) method: Method,
    /// Path as axum and OpenAPI write it.
    pub(super) path: &'static str,
    pub(super) action: Action,
    pub(super) summary: &'static str,
    /// Parameters of the query, keys of [`PARAMETERS`].
    pub(super) query: &'static [&'static str],
    /// Schema of the body.
    pub(super) body: Option<&'static str>,
    pub(super) answer: Answer,
}

/// Parameters of queries: name, schema type, meaning.
pub(super) const PARAMETERS: &[(&str, &str, &str)] = &[
    ("name", "string", "only this application"),
    ("projects", "array", "only applications of these projects"),
    ("project", "string", "only when the application belongs to this project"),
    ("repo", "string", "only applications with this repoURL"),
    ("selector", "string", "label selector as kubectl writes it"),
    ("appNamespace", "string", "only when the application lives in this namespace"),
    ("fields", "string", "paths to keep, separated by commas; a leading - leaves them out instead"),
    ("refresh", "string", "normal or hard: look at the sources anew first, and wait for it"),
    ("cascade", "boolean", "delete the objects too (default true)"),
    ("propagationPolicy", "string", "foreground or background"),
    ("revision", "string", "commit, branch or tag; the one that is synced to when absent"),
    ("group", "string", "only objects of this group"),
    ("version", "string", "only objects of this version"),
    ("kind", "string", "only objects of this kind"),
    ("namespace", "string", "only objects in this namespace"),
    ("resourceName", "string", "events of this object instead"),
    ("resourceNamespace", "string", "namespace of that object"),
    ("resourceUID", "string", "uid of that object"),
];

const ONE: &[&str] = &["project", "appNamespace"];
const OBJECTS: &[&str] =
    &["group", "version", "kind", "namespace", "name", "project", "appNamespace", "fields"];

/// An endpoint that is read.
const fn read(
    path: &'static str,
    action: Action,
    summary: &'static str,
    query: &'static [&'static str],
    answer: Answer,
) -> Endpoint {
    Endpoint { method: Method::GET, path, action, summary, query, body: None, answer }
}

/// All endpoints, in the order of the reference.
pub(super) static ENDPOINTS: &[Endpoint] = &[
    read("/healthz", Action::Open, "The process can answer", &[], Answer::Text),
    read(
        "/readyz",
        Action::Open,
        "The controller can do its work; 503 and the reason if not",
        &[],
        Answer::Text,
    ),
    read("/metrics", Action::Open, "Metrics, see METRICS.md", &[], Answer::Text),
    read("/api/version", Action::Open, "Version", &[], Answer::Json("Version")),
    read(
        "/api/openapi.json",
        Action::Open,
        "OpenAPI 3.1 document of this API",
        &[],
        Answer::Json("Object"),
    ),
    read(
        "/swagger.json",
        Action::Open,
        "The same, where Argo CD has it",
        &[],
        Answer::Json("Object"),
    ),
    Endpoint {
        method: Method::POST,
        path: "/api/webhook",
        action: Action::Open,
        summary: "Push event of GitHub, signed with the webhook's secret",
        query: &[],
        body: Some("Object"),
        answer: Answer::Json("WebhookResponse"),
    },
    read(
        "/api/v1/applications",
        Action::List,
        "All applications, by name",
        &["name", "projects", "repo", "selector", "appNamespace", "fields", "refresh"],
        Answer::Json("ApplicationList"),
    ),
    read(
        "/api/v1/applications/{name}",
        Action::Get,
        "One application",
        &["refresh", "fields", "project", "appNamespace"],
        Answer::Json("Application"),
    ),
    Endpoint {
        method: Method::DELETE,
        path: "/api/v1/applications/{name}",
        action: Action::Delete,
        summary: "Delete an application, with its objects unless cascade=false",
        query: &["cascade", "propagationPolicy", "project", "appNamespace"],
        body: None,
        answer: Answer::Json("Object"),
    },
    Endpoint {
        method: Method::POST,
        path: "/api/v1/applications/{name}/sync",
        action: Action::Sync,
        summary: "Start a sync; the answer does not wait for it",
        query: ONE,
        body: Some("ApplicationSyncRequest"),
        answer: Answer::Json("Application"),
    },
    Endpoint {
        method: Method::POST,
        path: "/api/v1/applications/{name}/rollback",
        action: Action::Rollback,
        summary: "Start a sync back to an entry of the history",
        query: ONE,
        body: Some("ApplicationRollbackRequest"),
        answer: Answer::Json("Application"),
    },
    Endpoint {
        method: Method::DELETE,
        path: "/api/v1/applications/{name}/operation",
        action: Action::Sync,
        summary: "Terminate the running operation",
        query: ONE,
        body: None,
        answer: Answer::Json("Object"),
    },
    read(
        "/api/v1/applications/{name}/resource-tree",
        Action::Get,
        "Managed objects and their children",
        OBJECTS,
        Answer::Json("ApplicationTree"),
    ),
    read(
        "/api/v1/applications/{name}/managed-resources",
        Action::Get,
        "Managed objects with desired, live and predicted state; Secrets are masked",
        OBJECTS,
        Answer::Json("ManagedResourcesResponse"),
    ),
    read(
        "/api/v1/applications/{name}/manifests",
        Action::Get,
        "What the sources render to; Secrets are masked",
        &["revision", "project", "appNamespace"],
        Answer::Json("ManifestResponse"),
    ),
    read(
        "/api/v1/applications/{name}/events",
        Action::Get,
        "Kubernetes Events on the application, or on one of its objects",
        &["resourceName", "resourceNamespace", "resourceUID", "project", "appNamespace"],
        Answer::Json("EventList"),
    ),
    read(
        "/api/v1/applications/{name}/diff",
        Action::Get,
        "What a sync would change, as unified text; Secrets are masked (Steadfast only)",
        OBJECTS,
        Answer::Json("DiffResponse"),
    ),
    read(
        "/api/v1/applications/{name}/drift",
        Action::Get,
        "The last drifts: field, old and new value, who and when (Steadfast only)",
        ONE,
        Answer::Json("DriftResponse"),
    ),
    read(
        "/api/v1/stream/applications",
        Action::List,
        "All applications, then every change",
        &["name", "projects", "repo", "selector", "appNamespace", "fields"],
        Answer::Events("ApplicationWatchEvent"),
    ),
    read(
        "/api/v1/stream/applications/{name}/resource-tree",
        Action::Get,
        "The tree of an application, whenever it changes",
        OBJECTS,
        Answer::Events("ApplicationTreeEvent"),
    ),
];

/// The endpoint of a method and a route.
pub(super) fn find(method: &Method, path: &str) -> Option<&'static Endpoint> {
    ENDPOINTS.iter().find(|endpoint| endpoint.path == path && endpoint.method == *method)
}

/// The tables of docs/API.md: endpoints with their rights, and reasons of errors.
pub fn api_reference() -> String {
    let mut text = String::from("| method and path | verb | what |\n|---|---|---|\n");
    // Writing to a string never fails.
    for Endpoint { method, path, action, summary, .. } in ENDPOINTS {
        let verbs = match action.verbs() {
            [] => "none".to_owned(),
            verbs => format!("`{}`", verbs.join("` or `")),
        };
        let _ = writeln!(text, "| `{method} {path}` | {verbs} | {summary} |");
    }
    text.push_str("\n| reason | HTTP | gRPC code | meaning |\n|---|---|---|---|\n");
    for reason in Reason::ALL {
        let (status, code, meaning) = reason.facts();
        let _ = writeln!(text, "| `{reason:?}` | {} | {code} | {meaning} |", status.as_u16());
    }
    text
}
