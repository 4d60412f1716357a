//! The router as clients see it, with a fake API server behind a real client.

mod api;
mod doors;
mod fake;
mod hooks;

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, header},
};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::{
    report::{board::Board, metrics::Metrics},
    sync::handle::Handle,
};

use super::{Access, Parts, Peer, WebhookSecret, endpoints, openapi, router};

/// A router with everything that it stands on.
struct Bench {
    router: Router,
    board: Arc<Board>,
    fake: fake::Fake,
    secret: watch::Sender<WebhookSecret>,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
}

impl Bench {
    fn new(access: Access) -> Self {
        let fake = fake::Fake::default();
        let board = Arc::new(Board::default());
        let metrics = Arc::new(Metrics::new("1"));
        let (secret, webhook_secret) = watch::channel(WebhookSecret::default());
        let stop = CancellationToken::new();
        let parts = Parts {
            handle: Handle::of_board(Arc::clone(&board)),
            client: fake::client(&fake),
            namespace: "argocd".into(),
            metrics: Arc::clone(&metrics),
            webhook_secret,
            access,
        };
        let router = router(parts, stop.clone());
        Self { router, board, fake, secret, metrics, stop }
    }

    /// A bench on which `token` belongs to `alice`, who may use these verbs.
    fn with_token(token: &str, verbs: &[&str]) -> Self {
        let bench = Self::new(Access::Tokens);
        let verbs = verbs.iter().map(|verb| (*verb).to_owned()).collect();
        bench.fake.lock().unwrap().tokens.insert(token.to_owned(), ("alice".to_owned(), verbs));
        bench
    }

    /// Puts an application into the cluster and on the board.
    #[expect(clippy::needless_pass_by_value, reason = "it reads better at every call")]
    fn app(&self, name: &str, spec: Value, status: Value) {
        let mut fake = self.fake.lock().unwrap();
        fake.put(name, &spec, &status);
        let mut app = fake.apps[name].clone();
        drop(fake);
        app["metadata"].as_object_mut().unwrap().remove("managedFields");
        self.board.publish(name, &app);
    }

    async fn ask(&self, request: Request<Body>) -> (StatusCode, Value) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&bytes);
        (status, serde_json::from_slice(&bytes).unwrap_or_else(|_| json!(text)))
    }

    /// A request with the token `t`.
    async fn call(&self, method: &str, uri: &str, body: Value) -> (StatusCode, Value) {
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header(header::AUTHORIZATION, "Bearer t")
            .body(body)
            .unwrap();
        self.ask(request).await
    }

    async fn get(&self, uri: &str) -> (StatusCode, Value) {
        self.call("GET", uri, Value::Null).await
    }
}

/// A request from `remote` to a loopback listener, without a token.
fn request_from(remote: &str, uri: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let local: SocketAddr = "127.0.0.1:8080".parse().unwrap();
    let mut request = Request::builder().uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::empty()).unwrap();
    request.extensions_mut().insert(Peer { remote: remote.parse().unwrap(), local });
    request
}

#[test]
fn every_parameter_of_an_endpoint_is_described_and_every_schema_exists() {
    let document = openapi::document();
    let text = document.to_string();
    for part in text.split("#/components/").skip(1) {
        let pointer = format!("/components/{}", part.split('"').next().unwrap());
        assert!(document.pointer(&pointer).is_some(), "{pointer} is referred to but missing");
    }
    for (name, ..) in endpoints::PARAMETERS {
        let used = endpoints::ENDPOINTS.iter().any(|endpoint| endpoint.query.contains(name));
        assert!(used, "{name} is described but no endpoint takes it");
    }
}

#[test]
fn the_committed_openapi_document_is_the_generated_one() {
    let text = serde_json::to_string_pretty(&openapi::document()).unwrap();
    expect_test::expect_file!["../../docs/openapi.json"].assert_eq(&(text + "\n"));
}

#[test]
fn the_guide_to_the_api_holds_the_generated_tables() {
    let guide = include_str!("../../docs/API.md");
    let reference = endpoints::api_reference();
    assert!(guide.contains(&reference), "docs/API.md has to hold:\n\n{reference}");
}

#[tokio::test]
async fn every_endpoint_of_the_table_is_served_and_closed_to_strangers() {
    let bench = Bench::new(Access::Tokens);
    for endpoint in endpoints::ENDPOINTS {
        let uri = endpoint.path.replace("{name}", "web");
        let request = Request::builder()
            .method(endpoint.method.clone())
            .uri(&uri)
            .body(Body::empty())
            .unwrap();
        let (status, _) = bench.ask(request).await;
        let closed = status == StatusCode::UNAUTHORIZED;
        let open = endpoint.action == endpoints::Action::Open;
        assert_eq!(closed, !open, "{} {uri}: {status}", endpoint.method);
        assert_ne!(status, StatusCode::NOT_FOUND, "{uri}");
        assert_ne!(status, StatusCode::METHOD_NOT_ALLOWED, "{uri}");
    }
}
