//! Accepts connections: bounded in number, headers with a deadline, an orderly end.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, extract::Request};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt as _;

/// Connections that are open at once; further ones wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 1024;
/// Time for the headers of a request, also of the next one on a connection that is kept.
const HEADER_DEADLINE: Duration = Duration::from_secs(15);
/// Bytes that are buffered of a request line and headers.
const HEADER_BYTES_MAX: usize = 64 * 1024;
/// Time for requests under way when the server stops.
const GRACE: Duration = Duration::from_secs(10);
/// Pause after a connection could not be accepted: too many open files don't go away at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

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
    let connections = TaskTracker::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let cut = CancellationToken::new();
    let accept = stop.run_until_cancelled(async {
        loop {
            let place = Arc::clone(&places).acquire_owned().await;
            let place = place.expect("the semaphore is never closed");
            match listener.accept().await {
                Ok((stream, remote)) => {
                    let local = stream.local_addr().unwrap_or(remote);
                    let peer = Peer { remote, local };
                    let serving = connection(stream, peer, router.clone(), stop.clone(), place);
                    let cut = cut.clone();
                    connections.spawn(async move {
                        cut.run_until_cancelled(serving).await;
                    });
                }
                Err(cause) => {
                    tracing::warn!(%cause, "a connection was not accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    });
    let _: Option<()> = accept.await;
    connections.close();
    if timeout(GRACE, connections.wait()).await.is_err() {
        tracing::info!(open = connections.len(), "connections are cut");
        cut.cancel();
        connections.wait().await;
    }
}

async fn connection(
    stream: TcpStream,
    peer: Peer,
    router: Router,
    stop: CancellationToken,
    _place: OwnedSemaphorePermit,
) {
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
