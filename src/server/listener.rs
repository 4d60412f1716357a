//! Connections of HTTP/1.1: headers with a deadline, an orderly end.

use std::{net::SocketAddr, time::Duration};

use axum::{Router, extract::Request};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::accept::accept;

/// Time for the headers of a request, also of the next one on a connection that is kept.
const HEADER_DEADLINE: Duration = Duration::from_secs(15);
/// Bytes that are buffered of a request line and headers.
const HEADER_BYTES_MAX: usize = 64 * 1024;
/// Time for requests under way when the server stops.
const GRACE: Duration = Duration::from_secs(10);

/// Both ends of the connection that a request came in on.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// The client.
    pub remote: SocketAddr,
    /// Our end.
    pub local: SocketAddr,
}

/// Serves until `stop`.
pub(super) async fn run(listener: &TcpListener, router: &Router, stop: &CancellationToken) {
    let cut = accept(listener, stop, GRACE, |stream, remote| {
        let local = stream.local_addr().unwrap_or(remote);
        connection(stream, Peer { remote, local }, router.clone(), stop.clone())
    });
    let cut = cut.await;
    if cut > 0 {
        tracing::info!(open = cut, "connections were cut");
    }
}

async fn connection(stream: TcpStream, peer: Peer, router: Router, stop: CancellationToken) {
    let service = tower::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request)
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_DEADLINE)
        .max_buf_size(HEADER_BYTES_MAX);
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
        tracing::debug!(remote = %peer.remote, %cause, "connection ended early");
    }
}
