//! The Kubernetes edge: connection, discovery, watches, the live store, single writes.
//!
//! Every call has a deadline, every retry a limit, and nothing here decides what should be done:
//! that is `plan`'s. Objects travel as JSON trees, never as typed structs, so that no field of a
//! newer server is lost on the way.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::Semaphore;

mod arrivals;
mod backoff;
mod call;
mod contact;
pub mod discovery;
mod error;
mod flight;
mod lease;
mod pace;
pub mod resources;
mod signal;
pub mod store;
mod transport;
mod version;
mod watch;
mod write;

#[cfg(test)]
pub(crate) mod fake;

pub use arrivals::Waiting;
pub(crate) use call::Call;
pub use discovery::{Discovery, KindInfo, KindTable};
pub use error::ClusterError;
pub use lease::{Changed, Lease};
pub use resources::{ResourceEvent, ResourceQuery, watch_resources};
pub use signal::{Answered, Observer, Signal};
pub use store::{Presence, Store, Survey, WatchState, own_fields};
pub use write::EventNote;
pub(crate) use write::served_by;

/// The name under which we own fields. One owner for content; other purposes get other names.
pub const FIELD_MANAGER: &str = "steadfast";

/// Reads and writes in flight at a time, watches not counted: above this, a two-core API server
/// only queues.
pub const IN_FLIGHT_MAX: usize = 32;

/// Patience for one call unless the caller has less. The API server itself gives up after 60 s.
pub const CALL_LIMIT: Duration = Duration::from_secs(30);

/// How to connect.
#[derive(Clone)]
pub struct Options {
    /// Context of the kubeconfig; its current one when `None`.
    pub context: Option<String>,
    /// Calls in flight at a time, at most [`IN_FLIGHT_MAX`] is sensible.
    pub in_flight_max: usize,
    /// Told what happens, for metrics.
    pub observer: Option<Observer>,
}

impl Default for Options {
    fn default() -> Self {
        Self { context: None, in_flight_max: IN_FLIGHT_MAX, observer: None }
    }
}

/// A connection to one cluster. Clones share everything.
#[derive(Clone)]
pub struct Cluster {
    inner: Arc<Inner>,
}

struct Inner {
    client: kube::Client,
    discovery: Discovery,
    slots: Semaphore,
    pace: pace::Pace,
    flight: flight::Flight,
    /// Cleared for good at the first answer that streaming lists are not known.
    streams_lists: AtomicBool,
    teller: signal::Teller,
    version: version::Version,
}

impl Cluster {
    /// Connects: the named kubeconfig, else the default one (`KUBECONFIG`, `~/.kube/config`), else
    /// the pod's service account. Asks the server what it serves, so an answer means that the
    /// cluster is there and lets us in.
    pub async fn connect(
        kubeconfig: Option<&Path>,
        options: &Options,
    ) -> Result<Self, ClusterError> {
        let config = transport::config(kubeconfig, options.context.as_deref()).await?;
        let url = config.cluster_url.to_string();
        let teller = signal::Teller::new(&url, options.observer.clone());
        let client = transport::client(config, &teller)?;
        let cluster = Self::with_client(client, teller, options);
        cluster.discovery().refresh(&cluster).await?;
        Ok(cluster)
    }

    /// Which settings [`Cluster::connect`] uses, for people: the context of a kubeconfig, or the
    /// pod's service account.
    pub fn origin(kubeconfig: Option<&Path>) -> String {
        transport::origin(kubeconfig)
    }

    /// A cluster behind a ready client; nothing is asked of it yet.
    fn with_client(client: kube::Client, teller: signal::Teller, options: &Options) -> Self {
        Self {
            inner: Arc::new(Inner {
                client,
                discovery: Discovery::default(),
                slots: Semaphore::new(options.in_flight_max.max(1)),
                pace: pace::Pace::default(),
                flight: flight::Flight::default(),
                streams_lists: AtomicBool::new(true),
                teller,
                version: version::Version::default(),
            }),
        }
    }

    /// The client, for typed calls (events, token reviews). Its calls are told but not limited:
    /// give each a deadline.
    pub fn client(&self) -> kube::Client {
        self.inner.client.clone()
    }

    /// What the cluster serves.
    pub fn discovery(&self) -> &Discovery {
        &self.inner.discovery
    }

    /// The table of kinds as last read.
    pub fn kinds(&self) -> Arc<KindTable> {
        self.inner.discovery.table()
    }

    /// Address of the API server.
    pub fn url(&self) -> &str {
        &self.inner.teller.server
    }

    fn streams_lists(&self) -> bool {
        self.inner.streams_lists.load(Ordering::Relaxed)
    }

    fn contact(&self) -> &contact::Contact {
        self.inner.teller.contact()
    }

    fn lists_do_not_stream(&self) {
        self.inner.streams_lists.store(false, Ordering::Relaxed);
    }
}
