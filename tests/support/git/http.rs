//! The smart HTTP protocol: `git http-backend` behind a small server that can misbehave.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::Response,
    serve::Listener,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// Who is let in.
#[derive(Debug, Clone, Default)]
pub enum Auth {
    /// Everybody.
    #[default]
    None,
    /// One user with a password.
    Basic(&'static str, &'static str),
    /// Whoever has the token.
    Bearer(&'static str),
}

/// How the server answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// As it should.
    #[default]
    Serve,
    /// Connections are closed as soon as they are made, as if it were gone.
    Gone,
    /// Requests are never answered.
    Hang,
    /// Every answer takes this long to begin.
    Slow(Duration),
    /// A pack stops after so many bytes and never goes on.
    StallPack(usize),
    /// Every request gets this status.
    Status(u16),
    /// Every request gets a page that is no answer of git.
    Page,
}

/// Certificates of a server that speaks https.
#[derive(Debug)]
pub struct Tls {
    /// The authority that signed the server's certificate, PEM.
    pub ca_pem: String,
    /// A client certificate that the same authority signed, and its key, PEM.
    pub client: (String, String),
    certificate: String,
    key: String,
}

impl Tls {
    /// A new authority with a server certificate for loopback.
    pub fn generate() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "steadfast git test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().expect("a key for the authority");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("the parameters are valid");
        let signed = |name: &str| {
            let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
            let mut params = CertificateParams::new(names).expect("the names are valid");
            params.distinguished_name.push(DnType::CommonName, name);
            let key = KeyPair::generate().expect("a key for the certificate");
            let signed = params.signed_by(&key, &issuer).expect("the authority may sign");
            (signed.pem(), key.serialize_pem())
        };
        let (certificate, key) = signed("git server");
        Self { ca_pem: issuer.pem(), client: signed("git client"), certificate, key }
    }

    fn acceptor(&self, wants_client: bool) -> TlsAcceptor {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let chain = CertificateDer::pem_slice_iter(self.certificate.as_bytes());
        let chain = chain.collect::<Result<_, _>>().expect("it was just made");
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("it was just made");
        let builder = rustls::ServerConfig::builder();
        let builder = if wants_client {
            let mut roots = rustls::RootCertStore::empty();
            for root in CertificateDer::pem_slice_iter(self.ca_pem.as_bytes()) {
                roots.add(root.expect("it was just made")).expect("it is an authority");
            }
            let verifier = rustls::server::WebPkiClientVerifier::builder(Arc::new(roots)).build();
            builder.with_client_cert_verifier(verifier.expect("there is one root"))
        } else {
            builder.with_no_client_auth()
        };
        let config = builder.with_single_cert(chain, key).expect("they belong together");
        TlsAcceptor::from(Arc::new(config))
    }
}

/// What a server was asked, since it was started or last reset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests of any kind, answered or not.
    pub requests: usize,
    /// Requests for `info/refs`.
    pub handshakes: usize,
    /// Ref advertisements of protocol version 2.
    pub listings: usize,
    /// Packs.
    pub fetches: usize,
    /// Requests without accepted credentials.
    pub refused: usize,
}

#[derive(Debug, Default)]
struct Control {
    behaviour: Behaviour,
    auth: Auth,
    counts: Counts,
    /// Extra settings of git for the backend, as `NAME=VALUE` of its environment.
    env: HashMap<String, String>,
}

#[derive(Debug, Clone)]
struct Shared {
    root: PathBuf,
    control: Arc<Mutex<Control>>,
}

/// A server for all repositories below one directory; ends when it is dropped.
#[derive(Debug)]
pub struct GitHttpServer {
    address: SocketAddr,
    scheme: &'static str,
    shared: Shared,
    _stop: oneshot::Sender<()>,
}

impl GitHttpServer {
    /// Serves plain http.
    pub fn http(root: &Path) -> Self {
        Self::start(root, None)
    }

    /// Serves https.
    pub fn https(root: &Path, tls: &Tls) -> Self {
        Self::start(root, Some(tls.acceptor(false)))
    }

    /// Serves https to those who have a certificate of the same authority.
    pub fn mutual_tls(root: &Path, tls: &Tls) -> Self {
        Self::start(root, Some(tls.acceptor(true)))
    }

    fn start(root: &Path, tls: Option<TlsAcceptor>) -> Self {
        let (listener, address) = super::listen();
        let shared = Shared { root: root.to_owned(), control: Arc::default() };
        let scheme = if tls.is_some() { "https" } else { "http" };
        let app = Router::new().fallback(answer).with_state(shared.clone());
        let (stop, stopped) = oneshot::channel::<()>();
        let control = Arc::clone(&shared.control);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .expect("a runtime for the server");
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("it is bound");
                let door = Door { listener, tls, control };
                tokio::select! {
                    _ = axum::serve(door, app) => {}
                    _ = stopped => {}
                }
            });
            // Requests that hang are not waited for.
            runtime.shutdown_background();
        });
        Self { address, scheme, shared, _stop: stop }
    }

    /// The URL of a repository by its path below the root.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}/{path}", self.scheme, self.address)
    }

    /// Changes how it answers from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        self.control().behaviour = behaviour;
    }

    /// Changes whom it lets in.
    pub fn require(&self, auth: Auth) {
        self.control().auth = auth;
    }

    /// Sets a variable of the backend's environment.
    pub fn env(&self, name: &str, value: &str) {
        self.control().env.insert(name.to_owned(), value.to_owned());
    }

    /// What it was asked so far.
    pub fn counts(&self) -> Counts {
        self.control().counts
    }

    /// Starts to count anew.
    pub fn reset_counts(&self) {
        self.control().counts = Counts::default();
    }

    fn control(&self) -> MutexGuard<'_, Control> {
        lock(&self.shared.control)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where connections come in.
struct Door {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    control: Arc<Mutex<Control>>,
}

/// A connection, with or without TLS.
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Listener for Door {
    type Io = Stream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Stream, SocketAddr) {
        loop {
            let Ok((stream, peer)) = self.listener.accept().await else { continue };
            if lock(&self.control).behaviour == Behaviour::Gone {
                continue;
            }
            match &self.tls {
                None => return (Stream::Plain(stream), peer),
                // A client that does not like the certificate only ends its own connection.
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        return (Stream::Tls(Box::new(stream)), peer);
                    }
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

async fn answer(State(shared): State<Shared>, request: Request) -> Response {
    let (behaviour, admitted) = {
        let mut control = lock(&shared.control);
        control.counts.requests += 1;
        let admitted = admits(&control.auth, request.headers());
        if !admitted {
            control.counts.refused += 1;
        }
        (control.behaviour.clone(), admitted)
    };
    match behaviour {
        Behaviour::Hang => std::future::pending().await,
        Behaviour::Slow(delay) => tokio::time::sleep(delay).await,
        Behaviour::Status(status) => return plain(status, "as you wish"),
        Behaviour::Page => return plain(200, "<html>hello</html>"),
        Behaviour::Serve | Behaviour::Gone | Behaviour::StallPack(_) => {}
    }
    if !admitted {
        let mut response = plain(401, "who are you");
        let challenge = HeaderValue::from_static("Basic realm=\"git\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        return response;
    }
    match backend(&shared, request).await {
        Ok((response, body)) => match behaviour {
            Behaviour::StallPack(bytes) if body.len() > bytes => {
                let start = body.slice(..bytes);
                let rest = futures::stream::pending::<Result<Bytes, io::Error>>();
                let start = futures::stream::iter([Ok(start)]);
                response.map(|()| Body::from_stream(futures::StreamExt::chain(start, rest)))
            }
            _ => response.map(|()| Body::from(body)),
        },
        Err(error) => plain(500, &error.to_string()),
    }
}

fn plain(status: u16, text: &str) -> Response {
    let status = StatusCode::from_u16(status).expect("tests use valid ones");
    let mut response = Response::new(Body::from(text.to_owned()));
    *response.status_mut() = status;
    response
}

fn admits(auth: &Auth, headers: &HeaderMap) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match auth {
        Auth::None => true,
        Auth::Basic(user, password) => {
            let expected = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
            given == Some(expected.as_str())
        }
        Auth::Bearer(token) => given == Some(format!("Bearer {token}").as_str()),
    }
}

/// Runs `git http-backend` for one request, by the rules of CGI.
async fn backend(shared: &Shared, request: Request) -> io::Result<(Response<()>, Bytes)> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.map_err(io::Error::other)?;
    let extra = {
        let mut control = lock(&shared.control);
        let counts = &mut control.counts;
        counts.handshakes += usize::from(parts.method == Method::GET);
        counts.listings += usize::from(contains(&body, b"command=ls-refs"));
        let is_fetch = contains(&body, b"command=fetch") || contains(&body, b"want ");
        counts.fetches += usize::from(is_fetch);
        control.env.clone()
    };
    let text = |name: HeaderName| {
        let value = parts.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let mut command = tokio::process::Command::from(super::git_command());
    command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", &shared.root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", parts.method.as_str())
        .env("PATH_INFO", parts.uri.path())
        .env("QUERY_STRING", parts.uri.query().unwrap_or_default())
        .env("CONTENT_TYPE", text(header::CONTENT_TYPE))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("GIT_PROTOCOL", text(HeaderName::from_static("git-protocol")))
        .env("HTTP_CONTENT_ENCODING", text(header::CONTENT_ENCODING))
        .envs(extra)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let mut child = command.spawn()?;
    let mut stdin = child.stdin.take().expect("it is a pipe");
    let mut stdout = child.stdout.take().expect("it is a pipe");
    let mut output = Vec::new();
    let write = async {
        let _ = stdin.write_all(&body).await;
        drop(stdin);
    };
    let ((), read) = tokio::join!(write, stdout.read_to_end(&mut output));
    read?;
    child.wait().await?;
    parse_cgi(output)
}

fn contains(body: &[u8], words: &[u8]) -> bool {
    body.windows(words.len()).any(|window| window == words)
}

fn parse_cgi(output: Vec<u8>) -> io::Result<(Response<()>, Bytes)> {
    let broken = || io::Error::other("no answer of git http-backend");
    let end = output.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(broken)?;
    let output = Bytes::from(output);
    let mut response = Response::new(());
    for line in String::from_utf8_lossy(&output[..end]).lines() {
        let (name, value) = line.split_once(": ").ok_or_else(broken)?;
        if name == "Status" {
            let code = value.split(' ').next().unwrap_or_default();
            *response.status_mut() = code.parse().map_err(io::Error::other)?;
        } else {
            let name: HeaderName = name.parse().map_err(io::Error::other)?;
            response.headers_mut().insert(name, value.parse().map_err(io::Error::other)?);
        }
    }
    Ok((response, output.slice(end + 4..)))
}

mod stream {
    //! `Stream` reads and writes as what is in it does.

    use std::{
        io,
        pin::Pin,
        task::{Context, Poll},
    };

    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    use super::Stream;

    impl AsyncRead for Stream {
        fn poll_read(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            match self.get_mut() {
                Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
                Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
            }
        }
    }

    impl AsyncWrite for Stream {
        fn poll_write(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            match self.get_mut() {
                Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
                Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
            }
        }

        fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            match self.get_mut() {
                Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
                Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
            }
        }

        fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            match self.get_mut() {
                Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
                Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            }
        }
    }
}
