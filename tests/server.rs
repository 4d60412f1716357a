//! The status API on a real socket: who is let in by the address, how it ends, how long it waits.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use serde_json::json;
use steadfast::{
    object::Turn,
    report::{board::Board, metrics::Metrics},
    server::{Access, Parts, ServerError, WebhookSecret, serve, serve_on},
    sync::handle::Handle,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(30);

struct Served {
    address: SocketAddr,
    board: Arc<Board>,
    stop: CancellationToken,
    running: JoinSet<Result<(), ServerError>>,
}

/// What a server works with that has a cluster which never answers: nothing here asks it.
fn parts(board: &Arc<Board>, access: Access) -> Parts {
    let nowhere = tower::service_fn(|_: http::Request<kube::client::Body>| async {
        std::future::pending::<Result<http::Response<axum::body::Body>, Infallible>>().await
    });
    Parts {
        handle: Handle::of_board(Arc::clone(board)),
        client: kube::Client::new(nowhere, "argocd"),
        namespace: "argocd".into(),
        metrics: Arc::new(Metrics::new("1")),
        webhook_secret: watch::channel(WebhookSecret::default()).1,
        access,
    }
}

async fn served() -> Served {
    let board = Arc::new(Board::default());
    board.publish("web", &json!({"metadata": {"name": "web"}}));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let stop = CancellationToken::new();
    let mut running = JoinSet::new();
    running.spawn(serve_on(listener, parts(&board, Access::InsecureLocal), stop.clone()));
    Served { address, board, stop, running }
}

/// Sends a request and leaves the connection open.
async fn send(address: SocketAddr, host: &str, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("the server reads");
    stream
}

/// Reads until `text` has come.
async fn until(stream: &mut TcpStream, text: &str) -> String {
    let mut seen = String::new();
    let reading = async {
        let mut buffer = [0; 4096];
        while !seen.contains(text) {
            let count = stream.read(&mut buffer).await.expect("the server writes");
            assert_ne!(count, 0, "the connection ended before {text:?} came: {seen}");
            seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
    };
    timeout(PATIENCE, reading).await.expect("an answer in time");
    seen
}

async fn stopped(mut server: Served) {
    server.stop.cancel();
    let ended = timeout(PATIENCE, server.running.join_next()).await.expect("it stops in time");
    ended.expect("the server ran").expect("it did not panic").expect("it ended well");
}

#[tokio::test]
async fn the_board_is_listed_on_loopback_without_a_token() {
    let server = served().await;
    let mut stream = send(server.address, "localhost", "/api/v1/applications").await;
    let answer = until(&mut stream, "\"web\"").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("x-content-type-options: nosniff"), "{answer}");
    let mut stream = send(server.address, "evil.example", "/api/v1/applications").await;
    let answer = until(&mut stream, "NotLocal").await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    stopped(server).await;
}

#[tokio::test]
async fn stopping_ends_streams_and_idle_connections_at_once() {
    let server = served().await;
    let address = server.address;
    let mut stream = send(address, "localhost", "/api/v1/stream/applications").await;
    until(&mut stream, "\"ADDED\"").await;
    let mut idle = send(address, "localhost", "/healthz").await;
    until(&mut idle, "ok").await;
    server.board.publish("web", &json!({"metadata": {"name": "web"}, "spec": {}}));
    until(&mut stream, "\"MODIFIED\"").await;
    let asked = Instant::now();
    stopped(server).await;
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    let mut rest = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut rest)).await.unwrap().unwrap();
    assert!(rest.ends_with("0\r\n\r\n"), "the stream has an orderly end: {rest:?}");
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_client_that_sends_no_complete_request_is_cut_off() {
    let server = served().await;
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    slow.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: ").await.unwrap();
    let mut rest = Vec::new();
    timeout(PATIENCE, slow.read_to_end(&mut rest)).await.expect("cut off in time").unwrap();
    // The others are served all the same.
    let mut other = send(server.address, "localhost", "/healthz").await;
    until(&mut other, "ok").await;
    stopped(server).await;
}

#[tokio::test]
async fn insecure_local_refuses_an_address_that_others_can_reach() {
    let board = Arc::new(Board::default());
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let stop = CancellationToken::new();
    let error = serve_on(listener, parts(&board, Access::InsecureLocal), stop).await.unwrap_err();
    assert!(error.to_string().contains("--listen 127.0.0.1:"), "{error}");
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let board = Arc::new(Board::default());
    let serving = serve(address, parts(&board, Access::Tokens), CancellationToken::new());
    let error = serving.await.unwrap_err();
    assert_eq!(error.to_string(), format!("can't listen on {address}"));
    assert_eq!(error.turn(), Turn::Operator);
}
