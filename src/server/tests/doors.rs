//! Who is let in.

use axum::http::{Request, StatusCode, header};
use serde_json::json;

use super::{Access, Bench, request_from};

const LIST: &str = "/api/v1/applications";

#[tokio::test]
async fn a_token_opens_what_its_owner_may_do_and_nothing_else() {
    let bench = Bench::with_token("t", &["get", "list"]);
    bench.app("web", json!({}), json!({}));
    assert_eq!(bench.get(LIST).await.0, StatusCode::OK);
    let (status, body) = bench.call("POST", "/api/v1/applications/web/sync", json!({})).await;
    assert_eq!(
        (status, &body["code"], &body["reason"]),
        (StatusCode::FORBIDDEN, &json!(7), &json!("Forbidden"))
    );
    let message = body["message"].as_str().unwrap();
    assert!(message.contains("alice") && message.contains("update\" or \"sync"), "{message}");
    assert_eq!(bench.fake.lock().unwrap().count("PATCH"), 0);
}

#[tokio::test]
async fn the_verb_sync_is_enough_to_sync() {
    let bench = Bench::with_token("t", &["sync"]);
    bench.app("web", json!({}), json!({}));
    let (status, _) = bench.call("POST", "/api/v1/applications/web/sync", json!({})).await;
    assert_eq!(status, StatusCode::OK);
    let (status, _) = bench.call("POST", "/api/v1/applications/web/rollback", json!({})).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn reviews_are_remembered_for_a_while_also_the_bad_ones() {
    let bench = Bench::with_token("t", &["list"]);
    for _ in 0..3 {
        bench.get(LIST).await;
        let request = Request::get(LIST).header(header::AUTHORIZATION, "Bearer wrong");
        let (status, body) = bench.ask(request.body("".into()).unwrap()).await;
        assert_eq!((status, &body["code"]), (StatusCode::UNAUTHORIZED, &json!(16)));
        assert!(!body.to_string().contains("wrong"), "{body}");
    }
    let fake = bench.fake.lock().unwrap();
    assert_eq!((fake.count("tokenreviews"), fake.count("subjectaccessreviews")), (2, 1));
}

#[tokio::test]
async fn a_cluster_that_does_not_answer_lets_nobody_in() {
    let bench = Bench::with_token("t", &["list"]);
    bench.fake.lock().unwrap().broken = Some(500);
    let (status, body) = bench.get(LIST).await;
    assert_eq!(
        (status, &body["reason"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("ClusterUnavailable"))
    );
    bench.fake.lock().unwrap().broken = Some(403);
    let (status, body) = bench.get(LIST).await;
    assert_eq!(
        (status, &body["reason"]),
        (StatusCode::INTERNAL_SERVER_ERROR, &json!("ClusterRefused"))
    );
    assert!(body["message"].as_str().unwrap().contains("steadfast install"), "{body}");
    // A failed review is no verdict.
    bench.fake.lock().unwrap().broken = None;
    assert_eq!(bench.get(LIST).await.0, StatusCode::OK);
}

#[tokio::test]
async fn insecure_local_lets_in_this_machine_and_no_page_of_a_stranger() {
    type Row = (&'static str, &'static [(&'static str, &'static str)], bool);
    const LOCAL: (&str, &str) = ("host", "127.0.0.1:8080");
    let bench = Bench::new(Access::InsecureLocal);
    let table: [Row; 10] = [
        ("127.0.0.1:5", &[LOCAL], true),
        ("[::1]:5", &[("host", "localhost:8080")], true),
        ("127.0.0.1:5", &[LOCAL, ("origin", "http://localhost:8080")], true),
        ("127.0.0.1:5", &[LOCAL, ("sec-fetch-site", "same-origin")], true),
        ("10.0.0.7:5", &[LOCAL], false),
        ("127.0.0.1:5", &[("host", "evil.example")], false),
        ("127.0.0.1:5", &[], false),
        ("127.0.0.1:5", &[LOCAL, ("origin", "http://evil.example")], false),
        ("127.0.0.1:5", &[LOCAL, ("origin", "null")], false),
        ("127.0.0.1:5", &[LOCAL, ("sec-fetch-site", "cross-site")], false),
    ];
    for (remote, headers, allowed) in table {
        let (status, body) = bench.ask(request_from(remote, LIST, headers)).await;
        let expected = if allowed { StatusCode::OK } else { StatusCode::FORBIDDEN };
        assert_eq!(status, expected, "{remote} {headers:?}: {body}");
    }
    // Without knowing where a request comes from, nobody is let in.
    let unknown = Request::get(LIST).header("host", "localhost").body("".into()).unwrap();
    assert_eq!(bench.ask(unknown).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn tokens_are_needed_from_loopback_too_unless_it_is_switched_off() {
    let bench = Bench::new(Access::Tokens);
    let (status, body) =
        bench.ask(request_from("127.0.0.1:5", LIST, &[("host", "127.0.0.1")])).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(body["message"].as_str().unwrap().contains("kubectl create token"), "{body}");
}

#[tokio::test]
async fn what_does_not_exist_is_said_in_the_shape_of_all_errors() {
    let bench = Bench::with_token("t", &["get", "list"]);
    let table = [
        ("GET", "/api/v1/applications/none", StatusCode::NOT_FOUND, 5, "NotFound"),
        ("GET", "/api/v1/applications/a%2Fb", StatusCode::NOT_FOUND, 5, "NotFound"),
        ("GET", "/api/v1/nothing", StatusCode::NOT_FOUND, 5, "NotFound"),
        ("PUT", LIST, StatusCode::METHOD_NOT_ALLOWED, 12, "MethodNotAllowed"),
    ];
    for (method, uri, status, code, reason) in table {
        let (found, body) = bench.call(method, uri, json!(null)).await;
        assert_eq!(
            (found, &body["code"], &body["reason"]),
            (status, &json!(code), &json!(reason)),
            "{uri}"
        );
        assert_eq!(body["error"], body["message"]);
    }
}
