//! The client that does nothing but write: the floor, and the hands that change things.

use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use serde_json::Value;

use crate::{load::Object, support::ControlPlane};

/// Requests under way at once: more don't get more out of the server.
pub(crate) const AT_ONCE: usize = 32;

/// Requests with the rights of `admin`, over as many connections as are needed.
#[derive(Clone)]
pub(crate) struct Bare {
    client: reqwest::Client,
    url: String,
    token: String,
}

impl Bare {
    pub(crate) fn new(plane: &ControlPlane) -> Self {
        let ca = reqwest::Certificate::from_pem(plane.ca_pem().as_bytes()).expect("it is PEM");
        // One connection each, as most clients of the field have it.
        let client = reqwest::Client::builder().tls_certs_only([ca]).no_proxy().http1_only();
        let client = client.pool_max_idle_per_host(AT_ONCE).user_agent("bare");
        Self {
            client: client.build().expect("the authority is valid"),
            url: plane.url(),
            token: plane.admin_token().to_owned(),
        }
    }

    /// Server-side apply of an object, whatever becomes of the answer's body.
    pub(crate) async fn apply(&self, object: &Object) {
        let query = "?fieldManager=bare&force=true";
        self.patch(&format!("{}{query}", object.path), "apply-patch+yaml", &object.body).await;
    }

    /// Applies all of them at once; returns how long it took.
    pub(crate) async fn apply_all(&self, objects: &[Object]) -> Duration {
        let begin = Instant::now();
        let writes = stream::iter(objects).map(|object| self.apply(object));
        writes.buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
        begin.elapsed()
    }

    /// A merge patch, as a person would change something.
    pub(crate) async fn merge(&self, path: &str, patch: &Value) {
        self.patch(
            &format!("{path}?fieldManager=somebody"),
            "merge-patch+json",
            &patch.to_string(),
        )
        .await;
    }

    /// `GET` of a path: an object, a list, or a watch as it comes. An error without an answer that
    /// says yes.
    pub(crate) async fn get(&self, path: &str) -> reqwest::Result<reqwest::Response> {
        let request = self.client.get(format!("{}{path}", self.url)).bearer_auth(&self.token);
        request.send().await?.error_for_status()
    }

    /// `GET` of a path as JSON, from a server that answers.
    pub(crate) async fn read(&self, path: &str) -> Value {
        let answer = self.get(path).await.expect("the API server answers");
        answer.json().await.expect("it answers in JSON")
    }

    /// The same from a server that may be away; says whether it was written.
    pub(crate) async fn try_merge(&self, path: &str, patch: &Value) -> bool {
        let path = format!("{path}?fieldManager=somebody");
        let answer = self.send(&path, "merge-patch+json", &patch.to_string()).await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// Deletes an object of a server that may be away.
    pub(crate) async fn try_delete(&self, path: &str) -> bool {
        let request = self.client.delete(format!("{}{path}", self.url)).bearer_auth(&self.token);
        request.send().await.is_ok_and(|answer| answer.status().is_success())
    }

    async fn patch(&self, path: &str, kind: &str, body: &str) {
        let answer = self.send(path, kind, body).await.expect("the API server answers");
        let code = answer.status();
        let body = answer.text().await.expect("the answer ends");
        assert!(code.is_success(), "{path}: {code}: {body}");
    }

    async fn send(&self, path: &str, kind: &str, body: &str) -> reqwest::Result<reqwest::Response> {
        let request = self.client.patch(format!("{}{path}", self.url)).bearer_auth(&self.token);
        let request = request.header("content-type", format!("application/{kind}"));
        request.body(body.to_owned()).send().await
    }
}
