//! From settings to an HTTP client.
//!
//! Unlike kube's default stack this one speaks HTTP/2, so that all calls and watches share one TLS
//! connection, and finds a silently dropped connection by pings instead of waiting for the
//! kernel's quarter of an hour. It never retries: who calls knows whether trying again is right.

use std::{path::Path, time::Duration};

use http::{HeaderValue, header::USER_AGENT};
use hyper_rustls::{FixedServerNameResolver, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client as HttpClient, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use kube::{
    Client, Config,
    client::{Body, ClientBuilder, ConfigExt},
    config::{KubeConfigOptions, Kubeconfig},
};
use tower::{BoxError, ServiceBuilder};

use super::{
    ClusterError,
    signal::{TellLayer, Teller},
};

/// Patience for the TCP connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Patience for bytes of an answer where no ping can tell whether the peer lives (through an HTTP
/// proxy). Watches get a bookmark every minute.
const READ_LIMIT: Duration = Duration::from_secs(90);
/// How often an HTTP/2 connection with open streams is pinged, and how long the answer may take.
const PING_EVERY: Duration = Duration::from_secs(15);
const PING_LIMIT: Duration = Duration::from_secs(10);
/// Unused connections are closed after this long.
const IDLE_LIMIT: Duration = Duration::from_secs(90);

/// Reads the settings.
pub(super) async fn config(
    kubeconfig: Option<&Path>,
    context: Option<&str>,
) -> Result<Config, ClusterError> {
    let options =
        KubeConfigOptions { context: context.map(ToOwned::to_owned), ..Default::default() };
    let mut config = match kubeconfig {
        Some(path) => from_file(path, &options).await?,
        None if context.is_some() => Config::from_kubeconfig(&options).await.map_err(|cause| {
            ClusterError::Kubeconfig { path: "~/.kube/config".into(), cause: Box::new(cause) }
        })?,
        None => Config::infer().await.map_err(|cause| ClusterError::NoConfig(Box::new(cause)))?,
    };
    let agent = HeaderValue::from_static(concat!("steadfast/", env!("CARGO_PKG_VERSION")));
    config.headers.push((USER_AGENT, agent));
    config.connect_timeout = Some(CONNECT_LIMIT);
    config.read_timeout = Some(READ_LIMIT);
    config.reset_reader_on_write = true;
    config.default_retry = false;
    Ok(config)
}

/// Where the settings come from, for people: the context and its file, or the service account.
pub(super) fn origin(kubeconfig: Option<&Path>) -> String {
    let (read, place) = match kubeconfig {
        Some(path) => (Kubeconfig::read_from(path), path.display().to_string()),
        None => (Kubeconfig::read(), "the default kubeconfig ($KUBECONFIG, ~/.kube/config)".into()),
    };
    match (read.map(|read| read.current_context), kubeconfig) {
        (Ok(Some(context)), _) => format!("the context {context} of {place}"),
        (Ok(None), _) => format!("{place}, which names no current context"),
        (Err(_), Some(_)) => place,
        (Err(_), None) => "the service account of the pod: no kubeconfig was found".to_owned(),
    }
}

async fn from_file(path: &Path, options: &KubeConfigOptions) -> Result<Config, ClusterError> {
    let wrap = |cause| ClusterError::Kubeconfig { path: path.into(), cause: Box::new(cause) };
    let kubeconfig = Kubeconfig::read_from(path).map_err(wrap)?;
    Config::from_custom_kubeconfig(kubeconfig, options).await.map_err(wrap)
}

/// Builds the client; every request that it sends is told.
pub(super) fn client(config: Config, teller: &Teller) -> Result<Client, ClusterError> {
    let url = config.cluster_url.to_string();
    let wrap = |cause| ClusterError::Setup { url: url.clone(), cause: Box::new(cause) };
    let tell = TellLayer(teller.clone());
    if config.proxy_url.is_some() {
        // kube's own stack knows how to tunnel through proxies.
        let builder = ClientBuilder::try_from(config).map_err(wrap)?;
        return Ok(builder.with_layer(&tell).build());
    }

    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(config.connect_timeout);
    tcp.set_nodelay(true);
    // For HTTP/1.1, where no ping exists, the kernel's probes find a dead peer.
    tcp.set_keepalive(Some(PING_EVERY));
    tcp.set_keepalive_interval(Some(PING_LIMIT));
    tcp.set_keepalive_retries(Some(3));
    let tls = config.rustls_client_config().map_err(wrap)?;
    let mut https = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
    if let Some(name) = &config.tls_server_name
        && let Ok(name) = name.clone().try_into()
    {
        https = https.with_server_name_resolver(FixedServerNameResolver::new(name));
    }
    let https = https.enable_http1().enable_http2().wrap_connector(tcp);
    let http = HttpClient::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_LIMIT)
        .http2_keep_alive_interval(PING_EVERY)
        .http2_keep_alive_timeout(PING_LIMIT)
        .build::<_, Body>(https);
    let service = ServiceBuilder::new()
        .layer(tell)
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer().map_err(wrap)?)
        .layer(config.extra_headers_layer().map_err(wrap)?)
        .map_err(BoxError::from)
        .service(http);
    Ok(Client::new(service, config.default_namespace))
}
