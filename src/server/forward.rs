//! Requests that another replica has to answer, because it acts for the application: passed on with
//! the caller's headers, so that it judges by the same token.

use std::{collections::BTreeSet, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::{RawPathParams, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header},
    middleware::Next,
    response::Response,
};
use futures::future::join_all;
use http_body_util::BodyExt as _;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;
use tokio::time::timeout;

use crate::sync::handle::Place;

use super::{
    App,
    error::{ApiError, Reason},
};

/// Marks what was passed on: it is passed on once only.
const FORWARDED: HeaderName = HeaderName::from_static("x-steadfast-forwarded");
/// Time for a connection to another replica.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// Time for the answer to a webhook that was passed on. The sender of the webhook waits for it.
const WEBHOOK_LIMIT: Duration = Duration::from_secs(5);

/// Headers that are between two neighbours only, and those that the client sets itself.
const OF_A_CONNECTION: [HeaderName; 8] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::HOST,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::EXPECT,
];

/// The client of other replicas.
#[derive(Debug, Clone)]
pub(super) struct Forward(Client<HttpConnector, Body>);

impl Forward {
    pub(super) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_LIMIT));
        Self(Client::builder(TokioExecutor::new()).build(connector))
    }

    /// Passes a request on to the replica at `address`.
    async fn send(&self, address: &str, mut request: Request) -> Result<Response, ApiError> {
        let unreachable = |why: &dyn std::fmt::Display| {
            let message = format!(
                "another replica acts for this application, and it can't be reached at {address}: \
                 {why}; try again"
            );
            ApiError::new(Reason::NotReady, message)
        };
        *request.uri_mut() = place(address, request.uri()).map_err(|cause| unreachable(&cause))?;
        let headers = request.headers_mut();
        for name in OF_A_CONNECTION {
            headers.remove(name);
        }
        headers.insert(FORWARDED, HeaderValue::from_static("1"));
        // What the connection it came in on said is none of the next one's business.
        *request.version_mut() = axum::http::Version::HTTP_11;
        let answer = self.0.request(request).await.map_err(|cause| unreachable(&cause))?;
        let mut answer = answer.map(Body::new);
        let headers = answer.headers_mut();
        for name in [header::CONNECTION, header::TRANSFER_ENCODING] {
            headers.remove(name);
        }
        Ok(answer)
    }

    /// Passes a webhook on to the replicas at these addresses; returns the applications that they
    /// name. A replica that does not answer finds the change by its polls.
    pub(super) async fn webhook(
        &self,
        addresses: Vec<String>,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> BTreeSet<String> {
        let told = join_all(addresses.iter().map(|address| async move {
            let mut request = Request::new(Body::from(body.clone()));
            *request.method_mut() = Method::POST;
            *request.uri_mut() = Uri::from_static("/api/webhook");
            *request.headers_mut() = headers.clone();
            let answer = async {
                let answer = self.send(address, request).await.ok()?;
                let bytes = answer.into_body().collect().await.ok()?.to_bytes();
                serde_json::from_slice::<Value>(&bytes).ok()
            };
            let answer = timeout(WEBHOOK_LIMIT, answer).await.ok().flatten();
            if answer.is_none() {
                tracing::warn!(address, "a webhook did not get through to another replica");
            }
            answer.unwrap_or_default()
        }))
        .await;
        let names = told.iter().filter_map(|answer| answer.get("applications")?.as_array());
        names.flatten().filter_map(|name| Some(name.as_str()?.to_owned())).collect()
    }
}

/// True for a request that another replica has passed on.
pub(super) fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.contains_key(FORWARDED)
}

/// The same path and query at an address.
fn place(address: &str, uri: &Uri) -> Result<Uri, axum::http::Error> {
    let path = uri.path_and_query().map_or("/", axum::http::uri::PathAndQuery::as_str);
    Uri::builder().scheme("http").authority(address).path_and_query(path).build()
}

/// Runs before the handlers that need what only the replica has that acts for the application.
pub(super) async fn to_owner(
    State(app): State<App>,
    params: RawPathParams,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let name = params.iter().find(|(key, _)| *key == "name").map_or("", |(_, name)| name);
    match app.handle.place(name) {
        Place::Here => Ok(next.run(request).await),
        Place::At(_) if is_forwarded(request.headers()) => Err(ApiError::new(
            Reason::NotReady,
            format!("application \"{name}\" goes from one replica to another, try again"),
        )),
        Place::At(address) => app.forward.send(&address, request).await,
        Place::Soon(why) => Err(ApiError::new(
            Reason::NotReady,
            format!("application \"{name}\" is being taken over: {why}; try again"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use axum::{Json, Router, routing::post};
    use serde_json::json;
    use tokio::net::TcpListener;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::server::listener;

    #[tokio::test]
    async fn a_webhook_gets_to_the_others_as_it_came_and_is_marked() {
        let told = async |headers: HeaderMap, body: String| {
            assert!(is_forwarded(&headers));
            assert_eq!(headers["x-hub-signature-256"], "sha256=00");
            Json(json!({"applications": [body]}))
        };
        let router = Router::new().route("/api/webhook", post(told));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        // One of the two is not there.
        let addresses = vec![listener.local_addr().unwrap().to_string(), "127.0.0.1:1".to_owned()];
        let mut headers = HeaderMap::new();
        headers.insert("x-hub-signature-256", HeaderValue::from_static("sha256=00"));
        headers.insert(header::HOST, HeaderValue::from_static("steadfast.example"));
        let (forward, body) = (Forward::new(), Bytes::from_static(b"shop"));
        let stop = CancellationToken::new();
        tokio::select! {
            names = forward.webhook(addresses, &headers, &body) => {
                assert_eq!(names, BTreeSet::from(["shop".to_owned()]));
            }
            () = listener::run(&listener, &router, &stop) => unreachable!("nobody stops it"),
        }
    }

    #[test]
    fn path_and_query_stay_and_the_address_is_the_members() {
        let uri = Uri::from_static("/api/v1/applications/shop/drift?project=default");
        assert_eq!(
            place("10.0.0.1:8080", &uri).unwrap(),
            "http://10.0.0.1:8080/api/v1/applications/shop/drift?project=default"
        );
        assert_eq!(place("[::1]:8080", &Uri::from_static("/a")).unwrap(), "http://[::1]:8080/a");
        assert!(place("", &uri).is_err());
    }

    #[tokio::test]
    async fn a_replica_that_is_not_there_is_named() {
        let request = Request::new(Body::empty());
        let error = Forward::new().send("127.0.0.1:1", request).await.unwrap_err();
        assert_eq!(error.reason, Reason::NotReady);
        assert!(error.message.contains("127.0.0.1:1"), "{}", error.message);
    }
}
