//! Answers.

use axum::body::Body;
use http::{HeaderValue, Response, header};
use http_body_util::{BodyExt, Collected};
use serde_json::Value;

use crate::{embedded::status::Status, yaml};

const JSON: &str = "application/json";
const YAML: &str = "application/yaml";

/// An answer before it is sent.
pub(super) struct Reply {
    pub(super) code: u16,
    content_type: &'static str,
    body: Body,
    pub(super) warnings: Vec<String>,
    retry_after_s: Option<u64>,
}

impl Reply {
    pub(super) fn json(code: u16, value: &Value) -> Self {
        Self::bytes(code, JSON, value.to_string() + "\n")
    }

    pub(super) fn text(code: u16, text: impl Into<String>) -> Self {
        Self::bytes(code, "text/plain; charset=utf-8", text.into())
    }

    pub(super) fn bytes(code: u16, content_type: &'static str, body: impl Into<Body>) -> Self {
        let body = body.into();
        Self { code, content_type, body, warnings: Vec::new(), retry_after_s: None }
    }

    /// No words at all.
    pub(super) fn empty(code: u16) -> Self {
        Self::bytes(code, "", "")
    }

    pub(super) fn refusal(status: &Status) -> Self {
        let reply = Self::json(status.code, &status.to_json());
        let reply = reply.with_warnings(status.warnings.clone());
        Self { retry_after_s: status.retry_after_s(), ..reply }
    }

    /// The same in YAML, where it is JSON.
    pub(super) async fn in_yaml(self) -> Self {
        if self.content_type != JSON {
            return self;
        }
        // It is in memory already: only watches are streams, and these are refused before.
        let bytes = self.body.collect().await.map(Collected::to_bytes).unwrap_or_default();
        let text = match serde_json::from_slice(&bytes) {
            Ok(value) => yaml::print(&value),
            Err(_) => String::new(),
        };
        Self { content_type: YAML, body: text.into(), ..self }
    }

    #[must_use]
    pub(super) fn with_warnings(mut self, warnings: Vec<String>) -> Self {
        self.warnings = warnings;
        self
    }

    pub(super) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(self.body);
        *response.status_mut() = http::StatusCode::from_u16(self.code)
            .unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        if !self.content_type.is_empty() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        }
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
        for warning in self.warnings {
            // As the real server: code 299, no agent, the text quoted.
            if let Ok(value) = HeaderValue::from_str(&format!("299 - {warning:?}")) {
                headers.append(header::WARNING, value);
            }
        }
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
