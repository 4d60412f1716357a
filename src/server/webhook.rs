//! `/api/webhook`: GitHub's push event, which only makes a poll immediate.
//!
//! With a secret set, a delivery has to be signed with it. Without one any delivery is taken, as
//! Argo CD does: all that it can do is to have a known repository polled, and polls of one
//! repository coalesce.

use std::collections::BTreeSet;

use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderMap, header},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;

use super::{
    App, body,
    error::{ApiError, Reason},
    forward,
};

/// Largest body that is read, in bytes. GitHub sends up to 25 MiB, for pushes of thousands of
/// commits; a delivery that is refused for its size costs no more than waiting for the next poll.
const BODY_BYTES_MAX: usize = 5 * 1024 * 1024;
/// The part of a push event that is used.
#[derive(Debug, Deserialize)]
struct Push {
    #[serde(rename = "ref")]
    reference: String,
    repository: Repository,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Repository {
    #[serde(rename = "clone_url")]
    clone: Option<String>,
    #[serde(rename = "html_url")]
    html: Option<String>,
    #[serde(rename = "ssh_url")]
    ssh: Option<String>,
    #[serde(rename = "git_url")]
    git: Option<String>,
}

pub(super) async fn receive(
    State(app): State<App>,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let answer = deliver(&app, request).await;
    app.metrics.webhook(match &answer {
        Ok(_) => "accepted",
        Err(error) => match error.reason {
            Reason::SignatureInvalid => "unsigned",
            Reason::TooLarge => "too_large",
            Reason::Busy => "busy",
            _ => "unreadable",
        },
    });
    answer
}

async fn deliver(app: &App, request: Request) -> Result<Json<Value>, ApiError> {
    let (parts, body) = request.into_parts();
    let event = provider(&parts.headers)?;
    let Ok(_place) = app.webhooks.try_acquire() else {
        return Err(ApiError::new(Reason::Busy, "too many webhooks at once, deliver it again"));
    };
    let body = body::read(&parts.headers, body, BODY_BYTES_MAX).await?;
    // Copied, so that no lock is held while the controller is asked.
    let secret = app.webhook_secret.borrow().clone();
    if let Some(secret) = &secret.0 {
        verify(secret, &parts.headers, &body)?;
    }
    match event.as_str() {
        "ping" => Ok(Json(json!({"message": "pong"}))),
        "push" => {
            let push = push(&parts.headers, &body)?;
            let mut applications = wake(app, &push);
            if !forward::is_forwarded(&parts.headers) {
                let others = app.handle.other_replicas();
                applications.extend(app.forward.webhook(others, &parts.headers, &body).await);
            }
            Ok(Json(json!({"applications": applications})))
        }
        other => {
            let message = format!("event {other} is not used, push is");
            Ok(Json(json!({"message": message, "applications": []})))
        }
    }
}

/// The event of a GitHub delivery. Gitea and Forgejo send the same headers and body.
fn provider(headers: &HeaderMap) -> Result<String, ApiError> {
    if let Some(event) = headers.get("x-github-event").and_then(|event| event.to_str().ok()) {
        return Ok(event.to_owned());
    }
    let known = [
        ("x-gitlab-event", "GitLab"),
        ("x-event-key", "Bitbucket"),
        ("x-gogs-event", "Gogs"),
        ("x-vss-activityid", "Azure DevOps"),
    ];
    let name = known.iter().find(|(header, _)| headers.contains_key(*header));
    let who = name.map_or("this sender", |(_, name)| *name);
    Err(ApiError::invalid(format!(
        "webhooks of {who} are not supported: supported are GitHub and what sends its \
         X-GitHub-Event header, such as Gitea and Forgejo. Without a webhook, changes are found \
         by polling"
    )))
}

/// Checks `X-Hub-Signature-256`, in time that does not depend on where the two differ.
fn verify(secret: &[u8], headers: &HeaderMap, body: &[u8]) -> Result<(), ApiError> {
    let refuse = |why: &str| {
        Err(ApiError::new(
            Reason::SignatureInvalid,
            format!(
                "{why}: set the webhook's secret to the value of webhook.github.secret in the \
                 Secret argocd-secret"
            ),
        ))
    };
    let Some(signature) = headers.get("x-hub-signature-256") else {
        return refuse("the delivery carries no X-Hub-Signature-256");
    };
    let text = signature.to_str().unwrap_or_default();
    let Some(signature) = text.strip_prefix("sha256=").and_then(unhex) else {
        return refuse("the signature is not sha256= and hexadecimal digits");
    };
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(body);
    match mac.verify_slice(&signature) {
        Ok(()) => Ok(()),
        Err(_) => refuse("the signature does not fit the body and our secret"),
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes = text.as_bytes();
    if !bytes.len().is_multiple_of(2) {
        return None;
    }
    bytes.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

/// The push event: JSON, or JSON in a form, which is what GitHub sends unless told otherwise.
fn push(headers: &HeaderMap, body: &[u8]) -> Result<Push, ApiError> {
    let content = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_form =
        content.is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"));
    let parsed = if is_form {
        let mut pairs = url::form_urlencoded::parse(body);
        let payload = pairs.find(|(key, _)| key == "payload").map(|(_, value)| value);
        serde_json::from_str(payload.as_deref().unwrap_or_default())
    } else {
        serde_json::from_slice(body)
    };
    parsed.map_err(|cause| ApiError::invalid(format!("the body is no push event: {cause}")))
}

/// Has the repository polled, under each of its addresses; returns the applications that read it.
fn wake(app: &App, push: &Push) -> BTreeSet<String> {
    let Repository { clone, html, ssh, git } = &push.repository;
    let urls: BTreeSet<&str> =
        [clone, html, ssh, git].into_iter().flatten().map(String::as_str).collect();
    let mut applications = BTreeSet::new();
    for url in urls {
        applications.extend(app.handle.repository_pushed(url, Some(&push.reference)));
    }
    tracing::debug!(reference = %push.reference, applications = applications.len(), "push");
    applications
}
