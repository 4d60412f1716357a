//! Which application a request is about.

use std::time::Duration;

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use serde_json::Value;
use tokio::time::timeout;

use crate::{
    object::Packed,
    sync::{handle::Detail, tree::Node},
};

use super::{
    App,
    access::Caller,
    error::{ApiError, Reason},
    query::Query,
};

/// How long a request waits until an application that exists is known.
const KNOWN_LIMIT: Duration = Duration::from_secs(5);

/// A request about one application: its name, and where the caller looks for it.
pub(super) struct About {
    pub(super) app: App,
    pub(super) name: String,
    pub(super) query: Query,
}

impl FromRequestParts<App> for About {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let name = Path::<String>::from_request_parts(parts, app).await;
        let Path(name) = name.map_err(|cause| ApiError::invalid(cause.body_text()))?;
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        Ok(Self { app: app.clone(), name, query })
    }
}

impl About {
    /// The application as the board shows it, when it is in the namespace and project asked for.
    pub(super) async fn shown(&self) -> Result<Value, ApiError> {
        let shown = match self.app.handle.board.get(&self.name) {
            Some(shown) => shown,
            None => self.awaited().await?,
        };
        let shown = shown.tree();
        self.asked_for(&shown)?;
        Ok(shown)
    }

    /// One that Kubernetes has and the board does not: it was made a moment ago, or nothing has been
    /// read yet. "Not found" would be wrong.
    async fn awaited(&self) -> Result<Packed, ApiError> {
        self.app.applications.get(&self.name).await?;
        let known = self.app.handle.board.until(|board| board.get(&self.name));
        timeout(KNOWN_LIMIT, known).await.ok().flatten().ok_or_else(|| {
            let message = format!("application \"{}\" has not been read yet, try again", self.name);
            ApiError::new(Reason::NotReady, message)
        })
    }

    /// The same, read from Kubernetes: what a change starts from.
    pub(super) async fn written(&self) -> Result<Value, ApiError> {
        let current = self.app.applications.get(&self.name).await?;
        self.asked_for(&current)?;
        Ok(current)
    }

    /// Changes the application as `decide` says, a merge patch of what is there; returns it as it is
    /// then. `what` is what the caller wants, for the log.
    pub(super) async fn change(
        &self,
        caller: &Caller,
        what: &str,
        decide: impl Fn(&Value) -> Result<Value, ApiError>,
    ) -> Result<Value, ApiError> {
        self.written().await?;
        let changed = self.app.applications.change(&self.name, decide).await?;
        tracing::info!(app = %self.name, user = %caller.user, "{what} was requested");
        Ok(changed)
    }

    /// What it consists of.
    pub(super) fn nodes(&self) -> Result<Vec<Node>, ApiError> {
        self.app.handle.nodes(&self.name).ok_or_else(|| self.missing())
    }

    /// How its objects stand.
    pub(super) async fn detail(&self) -> Result<Detail, ApiError> {
        self.shown().await?;
        self.app.handle.detail(&self.name).await.ok_or_else(|| self.missing())
    }

    fn missing(&self) -> ApiError {
        ApiError::no_application(&self.name)
    }

    fn asked_for(&self, found: &Value) -> Result<(), ApiError> {
        let query = &self.query;
        let project = found.pointer("/spec/project").and_then(Value::as_str).unwrap_or("default");
        let elsewhere =
            query.first("appNamespace").is_some_and(|asked| asked != self.app.namespace);
        let mut projects = query.all("project").chain(query.all("projects")).peekable();
        let of_project = projects.peek().is_none() || projects.any(|asked| asked == project);
        if elsewhere || !of_project { Err(self.missing()) } else { Ok(()) }
    }
}
