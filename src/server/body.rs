//! Reads a body: bounded in size and time, and what is wrong is said in the shape of all errors.

use std::{error::Error, time::Duration};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{FromRequest, Request},
    http::{HeaderMap, header},
};
use http_body_util::LengthLimitError;
use serde::de::DeserializeOwned;

use super::error::{ApiError, Reason};

/// Largest JSON body, in bytes.
const JSON_BYTES_MAX: usize = 1024 * 1024;
/// Time for the whole body.
const BODY_DEADLINE: Duration = Duration::from_secs(20);

/// The body of a request; `bytes_max` bytes at most.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
) -> Result<Bytes, ApiError> {
    let too_large =
        || ApiError::new(Reason::TooLarge, format!("the body is larger than {bytes_max} bytes"));
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let announced = announced.and_then(|length| length.parse::<usize>().ok());
    if announced.is_some_and(|length| length > bytes_max) {
        return Err(too_large());
    }
    match tokio::time::timeout(BODY_DEADLINE, to_bytes(body, bytes_max)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(cause)) if is_limit(&cause) => Err(too_large()),
        _ => Err(ApiError::invalid("the body did not arrive")),
    }
}

fn is_limit(cause: &axum::Error) -> bool {
    cause.source().is_some_and(<dyn Error>::is::<LengthLimitError>)
}

/// A JSON body, whatever its content type; an empty one stands for an empty object.
pub(super) struct JsonBody<T>(pub(super) T);

impl<S: Sync, T: DeserializeOwned + Default> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let body = read(&parts.headers, body, JSON_BYTES_MAX).await?;
        if body.is_empty() {
            return Ok(Self(T::default()));
        }
        serde_json::from_slice(&body)
            .map(Self)
            .map_err(|cause| ApiError::invalid(format!("the body can't be read as JSON: {cause}")))
    }
}
