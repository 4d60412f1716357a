//! Accepts connections for whoever serves them: bounded in number, with an orderly end.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Connections that are open at once; further ones wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 1024;
/// Pause after a connection could not be accepted: too many open files don't go away at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Hands each connection to `serve` until `stop`. Then those that are open may end by themselves for
/// `grace`, and the others are cut; returns how many.
pub(crate) async fn accept<S>(
    listener: &TcpListener,
    stop: &CancellationToken,
    grace: Duration,
    serve: impl Fn(TcpStream, SocketAddr) -> S,
) -> usize
where
    S: Future<Output = ()> + Send + 'static,
{
    let connections = TaskTracker::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let cut = CancellationToken::new();
    let accept = stop.run_until_cancelled(async {
        loop {
            let place = Arc::clone(&places).acquire_owned().await;
            let place = place.expect("the semaphore is never closed");
            match listener.accept().await {
                Ok((stream, remote)) => {
                    let serving = serve(stream, remote);
                    let cut = cut.clone();
                    connections.spawn(async move {
                        cut.run_until_cancelled(serving).await;
                        drop(place);
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
    if timeout(grace, connections.wait()).await.is_ok() {
        return 0;
    }
    let open = connections.len();
    cut.cancel();
    connections.wait().await;
    open
}
