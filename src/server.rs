//! The status API: Argo CD's REST paths and JSON shapes, server-sent events, the webhook receiver,
//! probes and metrics.
//!
//! In: requests. Out: what the board and the controller's handle say, and changes to
//! Application resources, made by patches in the name of a caller whom Kubernetes knows and allows.
//! Nothing here reads a repository or touches a managed object, and nothing is answered that the
//! table in `endpoints` does not name: it decides who may, and the OpenAPI document is made from it.

mod about;
mod access;
mod applications;
mod body;
mod changes;
mod diff;
mod endpoints;
mod error;
mod fields;
mod filter;
mod forward;
mod listener;
mod openapi;
mod operation;
mod probes;
mod query;
mod reviews;
mod routes;
mod shapes;
mod stream;
mod webhook;

use std::{fmt, io, net::SocketAddr, sync::Arc};

use axum::Router;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
};
use tokio_util::sync::CancellationToken;

use crate::{object::Turn, report::metrics::Metrics, sync::handle::Handle};

pub use self::{access::Access, endpoints::api_reference, listener::Peer, openapi::document};

/// Requests that are worked on at once; more are answered with 503.
const REQUESTS_MAX: usize = 256;
/// Open event streams; more are answered with 503.
const STREAMS_MAX: usize = 256;
/// Webhook bodies that are held in memory at once.
const WEBHOOKS_MAX: usize = 4;

/// The secret with which a webhook is signed: `webhook.github.secret` of the Secret
/// `argocd-secret`. `None` when there is none.
#[derive(Clone, Default)]
pub struct WebhookSecret(pub Option<Vec<u8>>);

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "WebhookSecret(set)" } else { "WebhookSecret(none)" })
    }
}

/// What the server works with.
pub struct Parts {
    /// The running controller.
    pub handle: Handle,
    /// Client of the cluster that holds the Application resources. Retries of its own are not
    /// needed; every call here has a deadline.
    pub client: kube::Client,
    /// Namespace of the Application resources.
    pub namespace: String,
    /// Metrics to show and to count in.
    pub metrics: Arc<Metrics>,
    /// The webhook secret, as it is now.
    pub webhook_secret: watch::Receiver<WebhookSecret>,
    /// Who may use the API.
    pub access: Access,
}

/// Why the server can't serve.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address is taken or not ours.
    #[error("can't listen on {listen}")]
    Bind {
        /// The address.
        listen: SocketAddr,
        /// What the kernel said.
        #[source]
        cause: io::Error,
    },
    /// `--insecure-local` with an address that others can reach.
    #[error(
        "--insecure-local needs a loopback address, but {listen} can be reached from elsewhere: \
         use --listen 127.0.0.1:{}, or leave --insecure-local out", listen.port()
    )]
    NotLoopback {
        /// The address.
        listen: SocketAddr,
    },
}

impl ServerError {
    /// Says who has to act.
    pub fn turn(&self) -> Turn {
        match self {
            Self::Bind { .. } | Self::NotLoopback { .. } => Turn::Operator,
        }
    }
}

/// What every request can reach.
struct Shared {
    handle: Handle,
    namespace: String,
    metrics: Arc<Metrics>,
    webhook_secret: watch::Receiver<WebhookSecret>,
    access: Access,
    reviews: reviews::Reviews,
    applications: changes::Applications,
    forward: forward::Forward,
    requests: Semaphore,
    streams: Arc<Semaphore>,
    webhooks: Semaphore,
    /// Ends the streams.
    stop: CancellationToken,
}

/// The state that axum hands to handlers.
type App = Arc<Shared>;

/// All routes. Requests need a [`Peer`] in their extensions for `--insecure-local` to let them in.
/// `stop` ends the event streams.
pub fn router(parts: Parts, stop: CancellationToken) -> Router {
    let Parts { handle, client, namespace, metrics, webhook_secret, access } = parts;
    let shared = Shared {
        reviews: reviews::Reviews::new(client.clone(), namespace.clone(), Arc::clone(&metrics)),
        applications: changes::Applications::new(client, &namespace),
        forward: forward::Forward::new(),
        handle,
        namespace,
        metrics,
        webhook_secret,
        access,
        requests: Semaphore::new(REQUESTS_MAX),
        streams: Arc::new(Semaphore::new(STREAMS_MAX)),
        webhooks: Semaphore::new(WEBHOOKS_MAX),
        stop,
    };
    routes::router(Arc::new(shared))
}

/// Serves on `listen` until `stop`; then lets requests that are under way end, for a bounded time.
pub async fn serve(
    listen: SocketAddr,
    parts: Parts,
    stop: CancellationToken,
) -> Result<(), ServerError> {
    let listener =
        TcpListener::bind(listen).await.map_err(|cause| ServerError::Bind { listen, cause })?;
    serve_on(listener, parts, stop).await
}

/// The same on a socket that listens already.
pub async fn serve_on(
    listener: TcpListener,
    parts: Parts,
    stop: CancellationToken,
) -> Result<(), ServerError> {
    let unbound = SocketAddr::from(([0, 0, 0, 0], 0));
    let listen =
        listener.local_addr().map_err(|cause| ServerError::Bind { listen: unbound, cause })?;
    if parts.access == Access::InsecureLocal && !listen.ip().is_loopback() {
        return Err(ServerError::NotLoopback { listen });
    }
    tracing::info!(%listen, access = ?parts.access, "status API is served");
    listener::run(&listener, &router(parts, stop.clone()), &stop).await;
    Ok(())
}

#[cfg(test)]
mod tests;
