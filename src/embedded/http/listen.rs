//! Connections with TLS, HTTP/2 or HTTP/1.1.

use std::time::Duration;

use axum::body::Body;
use hyper::{Request, body::Incoming};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::{Identity, answer};
use crate::{accept::accept, embedded::server::Server};

/// Streams of one HTTP/2 connection. A client keeps all its watches on one.
const STREAMS_MAX: u32 = 2000;
/// Requests of one connection that end before they were looked at: a client that is killed, or gives
/// up many at once, has not earned that its watches are cut too.
const GIVEN_UP_MAX: usize = STREAMS_MAX as usize;
/// Time for the handshake, and for the headers of a request of HTTP/1.1.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(15);
/// Bytes that are buffered of a request line and headers.
const HEADER_BYTES_MAX: u32 = 64 * 1024;
/// Time for requests under way when the server stops.
const GRACE: Duration = Duration::from_secs(2);

/// Serves until `stop`.
pub(crate) async fn run(
    server: &Server,
    listener: &TcpListener,
    identity: Identity,
    stop: &CancellationToken,
) {
    let acceptor = TlsAcceptor::from(identity);
    accept(listener, stop, GRACE, |stream, _| {
        connection(server.clone(), acceptor.clone(), stream, stop.clone())
    })
    .await;
}

async fn connection(
    server: Server,
    acceptor: TlsAcceptor,
    stream: TcpStream,
    stop: CancellationToken,
) {
    // Small events must not wait for each other.
    let _ = stream.set_nodelay(true);
    let Ok(Ok(stream)) = timeout(HANDSHAKE_DEADLINE, acceptor.accept(stream)).await else {
        return;
    };
    let service = tower::service_fn(move |request: Request<Incoming>| {
        let server = server.clone();
        async move { Ok::<_, std::convert::Infallible>(answer(server, request.map(Body::new)).await) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HANDSHAKE_DEADLINE)
        .max_buf_size(HEADER_BYTES_MAX as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_pending_accept_reset_streams(GIVEN_UP_MAX)
        .max_header_list_size(HEADER_BYTES_MAX);
    let serving = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(cause) = ended {
        tracing::debug!(%cause, "connection ended early");
    }
}
