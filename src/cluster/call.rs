//! One request and its answer: deadline, limit of calls in flight, common pace, size limit.

use std::{borrow::Cow, fmt::Write as _, time::Duration};

use http::{
    HeaderMap, Method, Request,
    header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER},
};
use http_body_util::{BodyExt, Limited};
use kube::{client::Body, core::Status};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::{CALL_LIMIT, Cluster, ClusterError};

/// Largest answer that is read. etcd holds objects of 1.5 MiB; only lists and discovery are larger,
/// and lists are paged.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// How often a call that was turned away with 429 is sent again: such a call was not processed.
const TURNED_AWAY_TRIES_MAX: u32 = 4;

/// The right to write, asked right before each write.
pub(crate) type Permit<'a> = &'a (dyn Fn() -> bool + Send + Sync);

/// A request.
pub(crate) struct Call<'a> {
    /// What is being tried, for errors: `could not apply Deployment.apps shop/web`.
    pub(crate) what: String,
    method: Method,
    url: String,
    content_type: &'static str,
    accept: &'static str,
    body: Vec<u8>,
    deadline: Instant,
    permit: Option<Permit<'a>>,
    urgent: bool,
}

/// A good answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// HTTP status code, 200 to 299.
    pub(crate) code: u16,
    /// The object in it.
    pub(crate) body: Value,
}

impl<'a> Call<'a> {
    /// A request without a body. `url` is the path with the query.
    pub(crate) fn new(method: Method, url: String, what: String) -> Self {
        Self {
            what,
            method,
            url,
            content_type: "application/json",
            accept: "application/json",
            body: Vec::new(),
            deadline: Instant::now() + CALL_LIMIT,
            permit: None,
            urgent: false,
        }
    }

    /// With a body.
    pub(crate) fn body(mut self, content_type: &'static str, body: &Value) -> Self {
        self.content_type = content_type;
        // Writing a Value to memory can't fail: it has only string keys.
        self.body = serde_json::to_vec(body).expect("a JSON value can be written");
        self
    }

    /// Asks for another representation than plain JSON.
    pub(crate) fn accept(mut self, accept: &'static str) -> Self {
        self.accept = accept;
        self
    }

    /// Answers no later than this, and no later than [`CALL_LIMIT`] from now.
    pub(crate) fn by(mut self, deadline: Instant) -> Self {
        self.deadline = self.deadline.min(deadline);
        self
    }

    /// Is not sent once `permit` says no.
    pub(crate) fn permitted_by(mut self, permit: Permit<'a>) -> Self {
        self.permit = Some(permit);
        self
    }

    /// Waits neither for a free slot nor for the common pace.
    pub(crate) fn urgent(mut self) -> Self {
        self.urgent = true;
        self
    }

    fn request(&self) -> Result<Request<Body>, ClusterError> {
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(&self.url)
            .header(ACCEPT, self.accept);
        if !self.body.is_empty() {
            request = request.header(CONTENT_TYPE, self.content_type);
        }
        request.body(Body::from(self.body.clone())).map_err(|cause| ClusterError::Unreachable {
            what: self.what.clone(),
            cause: Box::new(cause),
        })
    }
}

/// What one attempt came to.
enum Attempt {
    Answered(Answer),
    TurnedAway(ClusterError),
}

impl Cluster {
    /// Sends a request and reads its answer.
    ///
    /// Waits for a free slot and for the common pace first. An answer 429 is tried again within
    /// the deadline, because the server did not process it; nothing else is.
    pub(crate) async fn call(&self, call: Call<'_>) -> Result<Answer, ClusterError> {
        let begun = Instant::now();
        let silent = || ClusterError::Silent {
            what: call.what.clone(),
            limit_s: (call.deadline - begun).as_secs(),
        };
        let _slot = if call.urgent {
            None
        } else {
            let slot = timeout_at(call.deadline, self.inner.slots.acquire()).await;
            Some(slot.map_err(|_| silent())?.expect("the semaphore is never closed"))
        };
        let mut tries = 0;
        loop {
            tries += 1;
            let attempt =
                timeout_at(call.deadline, self.attempt(&call)).await.map_err(|_| silent())??;
            match attempt {
                Attempt::Answered(answer) => return Ok(answer),
                Attempt::TurnedAway(error) if call.urgent || tries >= TURNED_AWAY_TRIES_MAX => {
                    return Err(error);
                }
                Attempt::TurnedAway(error)
                    if Instant::now() + self.inner.pace.wait() > call.deadline =>
                {
                    return Err(error);
                }
                Attempt::TurnedAway(_) => {}
            }
        }
    }

    async fn attempt(&self, call: &Call<'_>) -> Result<Attempt, ClusterError> {
        // Others may lengthen the pause while we wait.
        loop {
            let wait = self.inner.pace.wait();
            if wait.is_zero() || call.urgent {
                break;
            }
            tokio::time::sleep(wait).await;
        }
        let _under_way = call.permit.map(|_| self.inner.flight.begin());
        if call.permit.is_some_and(|permit| !permit()) {
            return Err(ClusterError::NotPermitted { what: call.what.clone() });
        }
        let sent = Instant::now();
        let response = self.inner.client.send(call.request()?).await.map_err(|cause| {
            self.inner.pace.slow_down(sent, None);
            unreachable(&call.what, cause, self.url())
        })?;
        let (parts, body) = response.into_parts();
        let bytes = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|cause| {
            if cause.is::<http_body_util::LengthLimitError>() {
                ClusterError::TooLarge { what: call.what.clone(), bytes_max: ANSWER_BYTES_MAX }
            } else {
                ClusterError::Unreachable { what: call.what.clone(), cause }
            }
        })?;
        let bytes = bytes.to_bytes();
        let code = parts.status.as_u16();
        if parts.status.is_success() {
            self.inner.pace.answered(sent);
            let body = serde_json::from_slice(&bytes)
                .map_err(|cause| ClusterError::Unreadable { what: call.what.clone(), cause })?;
            return Ok(Attempt::Answered(Answer { code, body }));
        }
        let status = status_of(code, &bytes);
        let error =
            ClusterError::Refused { what: call.what.clone(), status: Box::new(status.clone()) };
        if code == 429 || code == 503 {
            self.inner.pace.slow_down(sent, retry_after(&parts.headers, &status));
        } else {
            self.inner.pace.answered(sent);
        }
        if code == 429 { Ok(Attempt::TurnedAway(error)) } else { Err(error) }
    }

    /// Returns when every write that is under way now has been answered, or given up. Those that
    /// begin later ask for permission later.
    pub async fn writes_landed(&self) {
        self.inner.flight.landed().await;
    }
}

/// What `client.send` failed with.
pub(super) fn unreachable(what: &str, cause: kube::Error, url: &str) -> ClusterError {
    match cause {
        // A token that can't be had is for the operator, not for another try.
        kube::Error::Auth(_) => ClusterError::Setup { url: url.to_owned(), cause: Box::new(cause) },
        kube::Error::Service(cause) => ClusterError::Unreachable { what: what.to_owned(), cause },
        cause => ClusterError::Unreachable { what: what.to_owned(), cause: Box::new(cause) },
    }
}

/// The Status in an error answer; made up from the HTTP code when a proxy answered.
fn status_of(code: u16, bytes: &[u8]) -> Status {
    /// Text of a foreign answer that is worth showing.
    const FOREIGN_CHARS_MAX: usize = 200;
    if let Ok(mut status) = serde_json::from_slice::<Status>(bytes)
        && status.is_failure()
    {
        status.code = code;
        return status;
    }
    let text: String =
        String::from_utf8_lossy(bytes).trim().chars().take(FOREIGN_CHARS_MAX).collect();
    let message = if text.is_empty() { format!("HTTP {code}") } else { text };
    Status::failure(&message, "").with_code(code)
}

fn retry_after(headers: &HeaderMap, status: &Status) -> Option<Duration> {
    let header = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let detail = status.details.as_ref().map(|details| u64::from(details.retry_after_seconds));
    header.or(detail.filter(|seconds| *seconds > 0)).map(Duration::from_secs)
}

/// One segment of a URL path. Names of RBAC objects may hold almost anything.
pub(super) fn segment(text: &str) -> Cow<'_, str> {
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b':');
    if text.bytes().all(plain) {
        return Cow::Borrowed(text);
    }
    let mut encoded = String::with_capacity(text.len() + 8);
    for byte in text.bytes() {
        if plain(byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String can't fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    Cow::Owned(encoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_no_path_segment_are_encoded() {
        assert_eq!(segment("system:node-1.a"), "system:node-1.a");
        assert_eq!(segment("a b/c%d"), "a%20b%2Fc%25d");
        assert_eq!(segment("ä"), "%C3%A4");
    }

    #[test]
    fn an_answer_of_a_proxy_keeps_its_code_and_its_text() {
        let status = status_of(502, b"<html>Bad Gateway</html>");
        assert_eq!((status.code, status.message.as_str()), (502, "<html>Bad Gateway</html>"));
        assert_eq!(status_of(500, b"").message, "HTTP 500");
    }

    #[test]
    fn the_pause_is_read_from_header_or_details() {
        let mut headers = HeaderMap::new();
        assert_eq!(retry_after(&headers, &Status::failure("", "")), None);
        let status: Status = serde_json::from_value(serde_json::json!({
            "status": "Failure", "details": {"retryAfterSeconds": 3}}))
        .unwrap();
        assert_eq!(retry_after(&headers, &status), Some(Duration::from_secs(3)));
        headers.insert(RETRY_AFTER, "5".parse().unwrap());
        assert_eq!(retry_after(&headers, &status), Some(Duration::from_secs(5)));
    }
}
