//! A proxy between a client and the API server that does harm on request.

mod connection;

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use axum::{
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, Method, Response, StatusCode, Uri, header},
};
use futures::StreamExt;
use serde_json::{Value, json};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::{plane::ControlPlane, process::lock};
use connection::{Cut, Incoming};

/// Which requests a fault is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requests {
    /// Every one.
    All,
    /// Those that ask for a change.
    Writes,
    /// Those that do not.
    Reads,
}

/// What the proxy does instead of passing a request on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: every request and answer passes.
    None,
    /// Answers 429 with `Retry-After`.
    TooManyRequests {
        /// The value of the header.
        retry_after_s: u32,
        /// Which requests.
        requests: Requests,
    },
    /// Answers with an error status.
    Status {
        /// Such as 500 or 503.
        code: u16,
        /// How many of the requests in question, in percent; evenly distributed, not by chance.
        share_pct: u8,
        /// Which requests.
        requests: Requests,
    },
    /// Passes writes on, and cuts the connection instead of giving the answer.
    LoseAnswers,
    /// Cuts all connections, and each new one as soon as it is made.
    Cut,
    /// Takes requests and does not answer. Answers under way, as of a watch, stop without an end.
    Blackhole,
    /// Answers the first watch of each URL path that continues from a resource version with `410
    /// Expired`, as the API server does: an ERROR event. Everything else passes.
    ExpiredWatches,
    /// Passes each request on after a pause.
    Delay(Duration),
}

/// A running proxy. It ends when dropped.
///
/// It listens on a port of its own with a certificate of the control plane's authority, speaks
/// HTTP/1.1, passes the client's token and user agent on, and does not buffer answers.
pub struct Proxy {
    shared: Arc<Shared>,
    kubeconfig: PathBuf,
    url: String,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    upstream: String,
    client: reqwest::Client,
    fault: Mutex<Fault>,
    /// Paths that [`Fault::ExpiredWatches`] has answered already.
    expired: Mutex<HashSet<String>>,
    /// Cuts the connections that were made since it was put here.
    cut: Mutex<Cut>,
    seen: AtomicU64,
    /// Requests that [`Fault::Status`] might have answered.
    candidates: AtomicU64,
    faults: AtomicU64,
}

impl Proxy {
    /// Starts a proxy before the API server of `plane`; its kubeconfig has the rights of `admin`.
    pub fn start(plane: &ControlPlane) -> Self {
        let ca = reqwest::Certificate::from_pem(plane.ca_pem().as_bytes()).expect("it is PEM");
        let client = reqwest::Client::builder().tls_certs_only([ca]).no_proxy();
        let shared = Arc::new(Shared {
            upstream: plane.url(),
            client: client.build().expect("the certificate is valid"),
            fault: Mutex::new(Fault::None),
            expired: Mutex::default(),
            cut: Mutex::default(),
            seen: AtomicU64::new(0),
            candidates: AtomicU64::new(0),
            faults: AtomicU64::new(0),
        });
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        socket.set_nonblocking(true).expect("the socket is open");
        let address = socket.local_addr().expect("it is bound");
        let tls = TlsAcceptor::from(Arc::new(tls_config(plane)));
        let stop = CancellationToken::new();
        // A thread of its own: the tests that use it may block theirs.
        let thread = std::thread::spawn({
            let (shared, stop) = (Arc::clone(&shared), stop.clone());
            move || serve(socket, tls, shared, &stop)
        });
        let url = format!("https://{address}");
        let name = format!("proxy-{}", address.port());
        let kubeconfig = plane.write_kubeconfig(&name, &url, plane.admin_token());
        Self { shared, kubeconfig, url, stop, thread: Some(thread) }
    }

    /// The kubeconfig file of `admin` by way of this proxy.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The URL to use instead of the API server's.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on does `fault`.
    ///
    /// Open connections stay open, with two exceptions: [`Fault::Cut`] and [`Fault::ExpiredWatches`]
    /// cut them, the latter so that watches are asked for again; and when a blackhole ends, what hung
    /// in it is cut.
    pub fn set(&self, fault: Fault) {
        let cuts = matches!(fault, Fault::Cut | Fault::ExpiredWatches);
        lock(&self.shared.expired).clear();
        let before = std::mem::replace(&mut *lock(&self.shared.fault), fault);
        if cuts || before == Fault::Blackhole {
            self.cut();
        }
    }

    /// Cuts all open connections, once.
    pub fn cut(&self) {
        std::mem::take(&mut *lock(&self.shared.cut)).cut();
    }

    /// How many requests came in.
    pub fn seen(&self) -> u64 {
        self.shared.seen.load(Ordering::Relaxed)
    }

    /// How many came to harm: requests answered with an error, delayed, swallowed or robbed of their
    /// answer, and connections that [`Fault::Cut`] refused.
    pub fn faults(&self) -> u64 {
        self.shared.faults.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn tls_config(plane: &ControlPlane) -> rustls::ServerConfig {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
    let identity = plane.authority().identity("proxy");
    let chain = CertificateDer::from_pem_slice(identity.certificate.as_bytes());
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes());
    let mut config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![chain.expect("we made it")], key.expect("we made it"))
        .expect("the key belongs to the certificate");
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

fn serve(
    socket: std::net::TcpListener,
    tls: TlsAcceptor,
    shared: Arc<Shared>,
    stop: &CancellationToken,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime for the proxy").block_on(async {
        let tcp = tokio::net::TcpListener::from_std(socket).expect("the socket is non-blocking");
        let app = axum::Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let app = app.into_make_service_with_connect_info::<Cut>();
        let (accepted, incoming) = tokio::sync::mpsc::channel(64);
        tokio::select! {
            () = stop.cancelled() => {}
            () = connection::accept(tcp, tls, shared, accepted) => {}
            _ = axum::serve(Incoming(incoming), app) => {}
        }
    });
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    request: Request,
) -> Response<Body> {
    shared.seen.fetch_add(1, Ordering::Relaxed);
    let fault = lock(&shared.fault).clone();
    if shared.harms(&fault, &request) {
        shared.faults.fetch_add(1, Ordering::Relaxed);
        match fault {
            Fault::None => {}
            Fault::TooManyRequests { retry_after_s, .. } => {
                let mut answer = status(429, "TooManyRequests");
                answer.headers_mut().insert(header::RETRY_AFTER, retry_after_s.into());
                return answer;
            }
            Fault::Status { code, .. } => return status(code, "InternalError"),
            Fault::LoseAnswers => {
                let _ = Arc::clone(&shared).forward(request).await;
                return cut.and_wait().await;
            }
            Fault::Cut => return cut.and_wait().await,
            Fault::Blackhole => return std::future::pending().await,
            Fault::ExpiredWatches => {
                let object = status_object(410, "Expired", "too old resource version");
                let event = json!({"type": "ERROR", "object": object});
                return json_answer(200, &event);
            }
            Fault::Delay(pause) => tokio::time::sleep(pause).await,
        }
    }
    match shared.forward(request).await {
        Ok(answer) => answer,
        // The API server is away, which a client sees as a connection that breaks.
        Err(_) => cut.and_wait().await,
    }
}

impl Shared {
    /// Whether `fault` is for this request.
    fn harms(&self, fault: &Fault, request: &Request) -> bool {
        match fault {
            Fault::None => false,
            Fault::TooManyRequests { requests, .. } => requests.include(request.method()),
            Fault::Status { share_pct, requests, .. } => {
                if !requests.include(request.method()) {
                    return false;
                }
                let number = self.candidates.fetch_add(1, Ordering::Relaxed);
                let share = u64::from(*share_pct);
                (number + 1) * share / 100 > number * share / 100
            }
            Fault::LoseAnswers => Requests::Writes.include(request.method()),
            Fault::Cut | Fault::Blackhole | Fault::Delay(_) => true,
            Fault::ExpiredWatches => {
                continues_a_watch(request.uri())
                    && lock(&self.expired).insert(request.uri().path().to_owned())
            }
        }
    }

    async fn forward(self: Arc<Self>, request: Request) -> Result<Response<Body>, reqwest::Error> {
        let (head, body) = request.into_parts();
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let url = format!("{}{path}", self.upstream);
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
        let forward = self.client.request(head.method, url).headers(end_to_end(&head.headers));
        let answer = forward.body(body).send().await?;
        let (code, headers) = (answer.status(), end_to_end(answer.headers()));
        let chunks = answer.bytes_stream().then(move |chunk| {
            let swallowed = *lock(&self.fault) == Fault::Blackhole;
            async move { if swallowed { std::future::pending().await } else { chunk } }
        });
        let mut response = Response::new(Body::from_stream(chunks));
        *response.status_mut() = code;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

impl Requests {
    fn include(self, method: &Method) -> bool {
        let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        match self {
            Self::All => true,
            Self::Writes => !reads,
            Self::Reads => reads,
        }
    }
}

/// Whether it is a watch from a version of before; one that starts with a list never expires.
fn continues_a_watch(uri: &Uri) -> bool {
    let query = uri.query().unwrap_or_default();
    let pairs: Vec<_> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let is = |name: &str, values: &[&str]| {
        pairs.iter().any(|(key, value)| *key == name && values.contains(value))
    };
    let versioned = pairs.iter().any(|(key, _)| *key == "resourceVersion");
    is("watch", &["true", "1"])
        && versioned
        && !is("resourceVersion", &["", "0"])
        && !is("sendInitialEvents", &["true"])
}

/// The headers without those that are between two neighbours only.
fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    for name in [
        header::HOST,
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        header::TE,
    ] {
        headers.remove(name);
    }
    headers
}

fn status(code: u16, reason: &str) -> Response<Body> {
    json_answer(code, &status_object(code, reason, "a fault of the test's proxy"))
}

fn status_object(code: u16, reason: &str, message: &str) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "reason": reason, "message": message, "code": code,
    })
}

fn json_answer(code: u16, object: &Value) -> Response<Body> {
    let mut answer = Response::new(Body::from(format!("{object}\n")));
    *answer.status_mut() = StatusCode::from_u16(code).expect("a status of HTTP");
    let json = header::HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, json);
    answer
}
