//! The query of a request: pairs that may repeat, as Argo CD's clients send them.

use std::convert::Infallible;

use axum::{extract::FromRequestParts, http::request::Parts};

use super::error::ApiError;

/// All pairs in their order.
#[derive(Debug, Clone, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(text: &str) -> Self {
        Self(url::form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    /// The first value of a key that is not empty.
    pub(super) fn first(&self, key: &'static str) -> Option<&str> {
        self.all(key).next()
    }

    /// All values of a key that are not empty.
    pub(super) fn all(&self, key: &'static str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(k, v)| k == key && !v.is_empty()).map(|(_, v)| v.as_str())
    }

    /// A boolean as Go's parser reads it.
    pub(super) fn flag(&self, key: &'static str) -> Result<Option<bool>, ApiError> {
        match self.first(key) {
            None => Ok(None),
            Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(Some(true)),
            Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(Some(false)),
            Some(other) => Err(ApiError::invalid(format!("{key} is not a boolean: {other}"))),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}
