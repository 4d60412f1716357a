//! The server: joins objects, kinds and users, and lets callers in the process do what HTTP does.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use base64::prelude::{BASE64_STANDARD, Engine};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::sync::CancellationToken;

mod calls;
mod changes;
#[cfg(test)]
mod tests;

pub use self::changes::{Changes, Next};
pub use super::request::{Clock, Rights, User};
use super::{
    http::{self, Authority, Metrics, TlsError},
    request::{Core, token},
    status::Status,
};

/// Watches that are open at once.
const WATCHES_MAX: usize = 2000;

/// Why the server does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An address that others can reach, without permission.
    #[error(
        "refusing to listen on {0}: the embedded server is for this machine only, and whoever \
         reaches it may try its tokens"
    )]
    Remote(SocketAddr),
    /// The address can't be listened on.
    #[error("can't listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        #[source]
        cause: std::io::Error,
    },
    /// There are no certificates.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Somebody who is told of each request.
pub type Observer = Arc<dyn Fn(&Seen) + Send + Sync>;

/// One request, as an observer is told when its answer begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection`.
    pub verb: String,
    /// Who asked; empty without a valid token.
    pub user: String,
    /// The program that asked.
    pub user_agent: String,
    /// The path.
    pub path: String,
    /// The query, as it was sent.
    pub query: String,
    /// API group, empty for the core group.
    pub group: String,
    /// API version.
    pub version: String,
    /// Plural; empty when the request was not about a kind.
    pub resource: String,
    /// Such as `status`; empty for the object itself.
    pub subresource: String,
    /// Empty for kinds of the cluster.
    pub namespace: String,
    /// Empty for collections.
    pub name: String,
    /// Whether nothing could change by it.
    pub dry_run: bool,
    /// Whether it was a server-side apply.
    pub applies: bool,
    /// The HTTP status of the answer.
    pub code: u16,
    /// When the request arrived.
    pub arrived: Timestamp,
}

/// How the server is set up.
#[derive(Clone)]
pub struct Options {
    /// Where it listens. Port 0: the system chooses.
    pub listen: SocketAddr,
    /// Listen where others reach it, too.
    pub allow_remote: bool,
    /// How long a pod takes to start.
    pub pod_start: Duration,
    /// Where time comes from.
    pub clock: Clock,
    /// Who may ask, besides whoever gets a token later.
    pub users: Vec<User>,
    /// Who is told of each request.
    pub observer: Option<Observer>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            allow_remote: false,
            pod_start: Duration::from_secs(2),
            clock: Arc::new(system_time),
            users: demo_users(),
            observer: None,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the server is where its time comes from")]
fn system_time() -> Timestamp {
    Timestamp::now()
}

/// `admin` may do everything, `viewer` reads, `nobody` may nothing, and `steadfast` is the
/// controller.
fn demo_users() -> Vec<User> {
    let user = |name: &str, group: &str, rights: Rights| {
        let groups = if group.is_empty() { Vec::new() } else { vec![group.to_owned()] };
        let (uid, extra) = (name.to_owned(), BTreeMap::new());
        User { name: name.to_owned(), uid, groups, extra, rights }
    };
    vec![
        user("admin", "system:masters", Rights::All),
        user("viewer", "viewers", Rights::Read),
        user("nobody", "", Rights::Granted),
        user("system:serviceaccount:argocd:steadfast", "system:serviceaccounts", Rights::All),
    ]
}

/// The embedded server. Clones are the same server.
#[derive(Clone)]
pub struct Server {
    inner: Arc<Inner>,
}

struct Inner {
    core: Arc<Core>,
    options: Options,
    metrics: Metrics,
    watches: Arc<Semaphore>,
    /// Ends the watches of the latest [`Server::serve`].
    serving: Mutex<CancellationToken>,
    authority: Authority,
    /// User and token.
    tokens: Vec<(String, String)>,
    address: OnceLock<SocketAddr>,
}

impl Server {
    /// A cluster with the namespaces that every cluster has, and nothing else of note.
    ///
    /// # Errors
    ///
    /// When no certificates can be made.
    ///
    /// # Panics
    ///
    /// Never: an empty store has room for the namespaces.
    pub fn new(options: Options) -> Result<Self, ServeError> {
        let core = Core::new(Arc::clone(&options.clock));
        let mut tokens = Vec::new();
        for user in &options.users {
            let secret = token();
            core.admit(&secret, user.clone());
            tokens.push((user.name.clone(), secret));
        }
        core.furnish().expect("an empty store has room for what every cluster has");
        let inner = Inner {
            core: Arc::new(core),
            metrics: Metrics::default(),
            watches: Arc::new(Semaphore::new(WATCHES_MAX)),
            serving: Mutex::default(),
            authority: Authority::generate()?,
            tokens,
            address: OnceLock::new(),
            options,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// How it was set up.
    pub fn options(&self) -> &Options {
        &self.inner.options
    }

    pub(super) fn core(&self) -> &Arc<Core> {
        &self.inner.core
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    /// A place for a watch, while there is one.
    pub(super) fn watch_place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.inner.watches).try_acquire_owned().ok()
    }

    /// What ends the watches that begin now.
    pub(super) fn serving(&self) -> CancellationToken {
        self.inner.serving.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A random part of `limit`.
    pub(super) fn jitter(limit: Duration) -> Duration {
        let random = u32::from_str_radix(&token()[..4], 16).unwrap_or_default();
        limit * random / 0x1_0000
    }

    /// Counts a request and tells the observer of it.
    pub(super) fn saw(&self, seen: &Seen) {
        self.inner.metrics.count(seen);
        if let Some(observer) = &self.inner.options.observer {
            observer(seen);
        }
    }

    /// Takes the address of the options.
    pub async fn listen(&self) -> Result<TcpListener, ServeError> {
        let address = self.inner.options.listen;
        if !address.ip().is_loopback() && !self.inner.options.allow_remote {
            return Err(ServeError::Remote(address));
        }
        let wrap = |cause| ServeError::Bind { address, cause };
        let listener = TcpListener::bind(address).await.map_err(wrap)?;
        let bound = listener.local_addr().map_err(wrap)?;
        // A second listener does not change what the kubeconfig says.
        let _ = self.inner.address.set(bound);
        Ok(listener)
    }

    /// Serves HTTPS until `stop`; then watches end. It may be called again, for the same objects on
    /// another listener.
    pub async fn serve(
        self,
        listener: TcpListener,
        stop: CancellationToken,
    ) -> Result<(), ServeError> {
        let address = listener.local_addr().map_or(IpAddr::from(Ipv4Addr::LOCALHOST), |a| a.ip());
        let identity = self.inner.authority.identity(address)?;
        self.inner.serving.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&stop);
        http::run(&self, &listener, identity, &stop).await;
        Ok(())
    }

    /// `https://` and the address, once there is one.
    pub fn url(&self) -> String {
        let address = self.inner.address.get().copied().unwrap_or(self.inner.options.listen);
        let host = match address.ip() {
            ip if ip.is_unspecified() => IpAddr::from(Ipv4Addr::LOCALHOST),
            ip => ip,
        };
        format!("https://{}", SocketAddr::new(host, address.port()))
    }

    /// The certificate of the authority, PEM.
    pub fn ca_pem(&self) -> String {
        self.inner.authority.pem()
    }

    /// The token of one of the users of the options.
    pub fn token(&self, user: &str) -> Option<&str> {
        let found = self.inner.tokens.iter().find(|(name, _)| name == user);
        found.map(|(_, token)| token.as_str())
    }

    /// A kubeconfig with the rights of a user of the options; a user that is not known has no
    /// token in it and is refused. JSON, which is YAML, too.
    pub fn kubeconfig(&self, user: &str) -> String {
        let ca = BASE64_STANDARD.encode(self.ca_pem());
        let cluster = json!({"server": self.url(), "certificate-authority-data": ca});
        let token = self.token(user).unwrap_or_default();
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "steadfast-embedded",
            "clusters": [{"name": "steadfast-embedded", "cluster": cluster}],
            "users": [{"name": user, "user": {"token": token}}],
            "contexts": [{"name": "steadfast-embedded",
                "context": {"cluster": "steadfast-embedded", "user": user}}],
        });
        format!("{config:#}\n")
    }

    /// Answers one request as if it had come by HTTPS.
    pub async fn answer(
        &self,
        request: ::http::Request<axum::body::Body>,
    ) -> ::http::Response<axum::body::Body> {
        http::answer(self.clone(), request).await
    }

    fn refuse_unknown(object: &Value) -> Status {
        let text = |key: &str| object[key].as_str().unwrap_or_default().to_owned();
        let message =
            format!("no matches for kind {:?} in version {:?}", text("kind"), text("apiVersion"));
        Status::bad_request(message)
    }
}
