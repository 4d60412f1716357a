//! Errors as grpc-gateway writes them, which is what Argo CD's clients read:
//! `{"error": text, "code": gRPC code, "message": text}`, and a stable `reason` of our own.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

/// Stable names of what can go wrong: part of the API's contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    Unauthenticated,
    Forbidden,
    NotLocal,
    NotFound,
    MethodNotAllowed,
    InvalidRequest,
    TooLarge,
    NotSupported,
    OperationInProgress,
    NoOperation,
    AutoSyncEnabled,
    Deleting,
    NoSuchDeployment,
    Conflict,
    Busy,
    NotReady,
    RefreshPending,
    RenderFailed,
    ClusterRefused,
    ClusterUnavailable,
    SignatureInvalid,
}

/// Codes of gRPC that are used here.
const INVALID_ARGUMENT: u8 = 3;
const DEADLINE_EXCEEDED: u8 = 4;
const NOT_FOUND: u8 = 5;
const PERMISSION_DENIED: u8 = 7;
const RESOURCE_EXHAUSTED: u8 = 8;
const FAILED_PRECONDITION: u8 = 9;
const ABORTED: u8 = 10;
const UNIMPLEMENTED: u8 = 12;
const INTERNAL: u8 = 13;
const UNAVAILABLE: u8 = 14;
const UNAUTHENTICATED: u8 = 16;

impl Reason {
    /// All reasons, for the reference.
    pub(super) const ALL: [Self; 21] = [
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotLocal,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::InvalidRequest,
        Self::TooLarge,
        Self::NotSupported,
        Self::OperationInProgress,
        Self::NoOperation,
        Self::AutoSyncEnabled,
        Self::Deleting,
        Self::NoSuchDeployment,
        Self::Conflict,
        Self::Busy,
        Self::NotReady,
        Self::RefreshPending,
        Self::RenderFailed,
        Self::ClusterRefused,
        Self::ClusterUnavailable,
        Self::SignatureInvalid,
    ];

    /// HTTP status, gRPC code, and what it means.
    pub(super) fn facts(self) -> (StatusCode, u8, &'static str) {
        use StatusCode as S;
        match self {
            Self::Unauthenticated => {
                (S::UNAUTHORIZED, UNAUTHENTICATED, "no token, or one that Kubernetes does not know")
            }
            Self::Forbidden => {
                (S::FORBIDDEN, PERMISSION_DENIED, "the user lacks the right that the message names")
            }
            Self::NotLocal => {
                (S::FORBIDDEN, PERMISSION_DENIED, "without a token only loopback is let in")
            }
            Self::NotFound => (S::NOT_FOUND, NOT_FOUND, "no such application or path"),
            Self::MethodNotAllowed => {
                (S::METHOD_NOT_ALLOWED, UNIMPLEMENTED, "the path has no such method")
            }
            Self::InvalidRequest => {
                (S::BAD_REQUEST, INVALID_ARGUMENT, "a parameter or the body can't be read")
            }
            Self::TooLarge => (S::PAYLOAD_TOO_LARGE, RESOURCE_EXHAUSTED, "the body is too large"),
            Self::NotSupported => {
                (S::NOT_IMPLEMENTED, UNIMPLEMENTED, "Argo CD can do this, Steadfast can't")
            }
            Self::OperationInProgress => {
                (S::BAD_REQUEST, FAILED_PRECONDITION, "another operation is running or waiting")
            }
            Self::NoOperation => {
                (S::BAD_REQUEST, INVALID_ARGUMENT, "there is nothing to terminate")
            }
            Self::AutoSyncEnabled => {
                (S::BAD_REQUEST, FAILED_PRECONDITION, "automated sync would undo this at once")
            }
            Self::Deleting => {
                (S::BAD_REQUEST, FAILED_PRECONDITION, "the application is being deleted")
            }
            Self::NoSuchDeployment => {
                (S::BAD_REQUEST, INVALID_ARGUMENT, "the history has no entry with this id")
            }
            Self::Conflict => {
                (S::CONFLICT, ABORTED, "somebody else keeps changing the resource; try again")
            }
            Self::Busy => {
                (S::SERVICE_UNAVAILABLE, UNAVAILABLE, "too much is asked at once; try again")
            }
            Self::NotReady => {
                (S::SERVICE_UNAVAILABLE, UNAVAILABLE, "it has not been read yet; try again")
            }
            Self::RefreshPending => {
                (S::GATEWAY_TIMEOUT, DEADLINE_EXCEEDED, "the refresh goes on after the answer")
            }
            Self::RenderFailed => {
                (S::BAD_REQUEST, FAILED_PRECONDITION, "the source can't be read or rendered")
            }
            Self::ClusterRefused => {
                (S::INTERNAL_SERVER_ERROR, INTERNAL, "Kubernetes refused what Steadfast asked")
            }
            Self::ClusterUnavailable => {
                (S::SERVICE_UNAVAILABLE, UNAVAILABLE, "Kubernetes did not answer; try again")
            }
            Self::SignatureInvalid => {
                (S::UNAUTHORIZED, UNAUTHENTICATED, "the webhook is not signed with our secret")
            }
        }
    }
}

/// An answer that is no success. The message is for people and holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) reason: Reason,
    pub(super) message: String,
}

impl ApiError {
    pub(super) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Reason::InvalidRequest, message)
    }

    pub(super) fn no_application(name: &str) -> Self {
        Self::new(Reason::NotFound, format!("application \"{name}\" not found"))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code, _) = self.reason.facts();
        let reason = format!("{:?}", self.reason);
        if status.is_server_error() {
            tracing::warn!(%status, %reason, message = %self.message, "request failed");
        }
        let body = json!({
            "error": self.message, "code": code, "message": self.message, "reason": reason,
        });
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if matches!(self.reason, Reason::Busy | Reason::NotReady) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
