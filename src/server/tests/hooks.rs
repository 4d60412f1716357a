//! The webhook and the probes.

use axum::http::{Request, StatusCode};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Access, Bench, WebhookSecret};

const BODY: &str = r#"{"ref": "refs/heads/main", "repository":
    {"clone_url": "https://github.com/a/b.git", "html_url": "https://github.com/a/b"}}"#;

fn signature(secret: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let digest = mac.finalize().into_bytes();
    digest.iter().fold("sha256=".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

async fn deliver(bench: &Bench, headers: &[(&str, &str)], body: String) -> (StatusCode, Value) {
    let mut request = Request::post("/api/webhook");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    bench.ask(request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn a_push_is_taken_when_it_is_signed_with_the_secret_as_it_is_now() {
    let bench = Bench::new(Access::Tokens);
    let push = ("x-github-event", "push");
    assert_eq!(deliver(&bench, &[push], BODY.into()).await.0, StatusCode::OK, "no secret is set");
    bench.secret.send_replace(WebhookSecret(Some(b"hunter2".to_vec())));
    let good = signature("hunter2", BODY);
    let bad = signature("other", BODY);
    let table = [
        (None, StatusCode::UNAUTHORIZED),
        (Some("sha256="), StatusCode::UNAUTHORIZED),
        (Some("sha256=zz"), StatusCode::UNAUTHORIZED),
        (Some("sha1=00"), StatusCode::UNAUTHORIZED),
        (Some(&good[..good.len() - 2]), StatusCode::UNAUTHORIZED),
        (Some(bad.as_str()), StatusCode::UNAUTHORIZED),
        (Some(good.as_str()), StatusCode::OK),
    ];
    for (signature, status) in table {
        let mut headers = vec![push];
        headers.extend(signature.map(|signature| ("x-hub-signature-256", signature)));
        let (found, body) = deliver(&bench, &headers, BODY.into()).await;
        assert_eq!(found, status, "{signature:?}: {body}");
        assert!(!body.to_string().contains("hunter2"));
    }
    let changed = BODY.replace("main", "evil");
    let (status, _) = deliver(&bench, &[push, ("x-hub-signature-256", &good)], changed).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let text = bench.metrics.render(&bench.board, |_| true);
    assert!(text.contains("argocd_webhook_requests_total{outcome=\"accepted\"} 2"), "{text}");
    assert!(text.contains("argocd_webhook_requests_total{outcome=\"unsigned\"} 7"), "{text}");
}

#[tokio::test]
async fn a_form_a_ping_and_other_events_are_understood() {
    let bench = Bench::new(Access::Tokens);
    let form: String =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("payload", BODY).finish();
    let headers =
        [("x-github-event", "push"), ("content-type", "application/x-www-form-urlencoded")];
    let (status, body) = deliver(&bench, &headers, form).await;
    assert_eq!((status, body), (StatusCode::OK, json!({"applications": []})));
    let (status, body) = deliver(&bench, &[("x-github-event", "ping")], "{}".into()).await;
    assert_eq!((status, body), (StatusCode::OK, json!({"message": "pong"})));
    let (status, body) = deliver(&bench, &[("x-github-event", "star")], "{}".into()).await;
    assert_eq!((status, &body["applications"]), (StatusCode::OK, &json!([])));
}

#[tokio::test]
async fn what_can_not_be_used_is_refused_with_the_reason() {
    let bench = Bench::new(Access::Tokens);
    let push = [("x-github-event", "push")];
    let (status, body) = deliver(&bench, &push, "{}".into()).await;
    assert_eq!((status, &body["reason"]), (StatusCode::BAD_REQUEST, &json!("InvalidRequest")));
    let (status, body) = deliver(&bench, &[("x-gitlab-event", "Push Hook")], "{}".into()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let message = body["message"].as_str().unwrap();
    assert!(message.contains("GitLab") && message.contains("GitHub"), "{message}");
    let large = " ".repeat(6 * 1024 * 1024);
    let (status, body) = deliver(&bench, &push, large).await;
    assert_eq!((status, &body["reason"]), (StatusCode::PAYLOAD_TOO_LARGE, &json!("TooLarge")));
}

#[tokio::test]
async fn probes_metrics_and_documents_need_no_token() {
    let bench = Bench::new(Access::Tokens);
    let get = |uri: &'static str| bench.ask(Request::get(uri).body("".into()).unwrap());
    assert_eq!(get("/healthz").await, (StatusCode::OK, json!("ok")));
    assert_eq!(get("/readyz").await.0, StatusCode::OK);
    let (_, version) = get("/api/version").await;
    assert_eq!(version["Version"], format!("v{}", env!("CARGO_PKG_VERSION")));
    assert_eq!(get("/api/openapi.json").await.1["openapi"], "3.1.0");
    let (status, text) = get("/metrics").await;
    assert_eq!(status, StatusCode::OK);
    assert!(text.as_str().unwrap().contains("process_resident_memory_bytes"), "{text}");
}
