//! The connection to the server: transport, credentials, certificates, the ref advertisement.

use std::{
    fmt::Write as _,
    fs::OpenOptions,
    io::{Read as _, Write as _},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use gix::{
    hash::Kind,
    progress::Discard,
    protocol::{
        Handshake, LsRefsCommand,
        ls_refs::RefPrefixes,
        transport::{
            Protocol, Service,
            client::{
                MessageKind, TransportWithoutIO as _, WriteMode,
                blocking_io::{
                    Transport,
                    connect::{Options, connect},
                    http, ssh,
                },
            },
        },
    },
    sec::identity::Account,
    url::Scheme,
};

use super::{
    Failure, FailureKind, RepoAccess, Request,
    revision::{Advertised, Target, prefixes},
};

/// How much of a server's last words is read, in bytes.
const LAST_WORDS_BYTES_MAX: u64 = 4096;

/// Where ssh writes what it has to say, in the scratch directory.
const SSH_LOG: &str = "ssh.log";
/// How long ssh is given to say why it ends, after it has closed its output.
const SSH_WORDS_MAX: Duration = Duration::from_secs(1);
/// How often that is looked for.
const SSH_WORDS_STEP: Duration = Duration::from_millis(5);

/// A connection after the handshake.
pub(super) struct Connection<'a> {
    request: &'a Request,
    transport: Box<dyn Transport + Send>,
    handshake: Handshake,
}

/// How we introduce ourselves.
pub(super) fn agent() -> (&'static str, Option<String>) {
    ("agent", Some(concat!("git/steadfast-", env!("CARGO_PKG_VERSION")).to_owned()))
}

/// The path of a repository on this machine; `None` for any other URL.
pub(super) fn local_path(url: &str) -> Option<PathBuf> {
    let url = gix::url::parse(url).ok().filter(|url| url.scheme == Scheme::File)?;
    Some(PathBuf::from(url.path.to_string()))
}

impl<'a> Connection<'a> {
    /// Connects and shakes hands.
    pub(super) fn open(request: &'a Request) -> Result<Self, Failure> {
        let remote = &request.remote;
        let url = gix::url::parse(remote.url.as_str())
            .map_err(|cause| Failure::new(FailureKind::Url, cause.to_string()))?;
        if let Some(path) = local_path(&remote.url) {
            check_local(&path)?;
            write(request, "gitconfig", "[safe]\n\tdirectory = *\n")?;
        }
        let ssh = match url.scheme {
            Scheme::Ssh => ssh_options(request)?,
            _ => ssh::connect::Options::default(),
        };
        let scheme = url.scheme.clone();
        let known = [Scheme::Https, Scheme::Http, Scheme::Ssh, Scheme::Git, Scheme::File];
        if !known.contains(&scheme) {
            let detail = format!("there is no way to speak {scheme}");
            return Err(Failure::new(FailureKind::Url, detail));
        }
        let options = Options { version: Protocol::V2, ssh, trace: false };
        let mut transport = connect(url, options).map_err(|cause| Failure::remote(&cause))?;
        if matches!(scheme, Scheme::Https | Scheme::Http) {
            if let Some((username, password)) = &remote.basic {
                let account = Account {
                    username: username.clone(),
                    password: password.expose().to_owned(),
                    oauth_refresh_token: None,
                };
                transport.set_identity(account).map_err(|cause| Failure::transport(&cause))?;
            }
            let options = http_options(request);
            transport.configure(&options).map_err(|cause| Failure::remote(&cause))?;
        }
        let handshake = gix::protocol::handshake(
            &mut transport,
            Service::UploadPack,
            // Asked only when the server did not take what it was sent: there is nothing else.
            |_| Ok(None),
            Vec::new(),
            &mut Discard,
        )
        // While the transport lives: with it ssh is killed, whatever it was about to say.
        .map_err(|cause| with_words_of_ssh(request, Failure::remote(&cause)))?;
        Ok(Self { request, transport, handshake })
    }

    /// Connects anew, after a server has ended the conversation.
    pub(super) fn reopen(&mut self) -> Result<(), Failure> {
        *self = Self::open(self.request)?;
        Ok(())
    }

    /// The version of the protocol that the server speaks.
    pub(super) fn protocol(&self) -> Protocol {
        self.handshake.server_protocol_version
    }

    /// The hash of the server's object ids.
    pub(super) fn object_format(&self) -> Result<Kind, Failure> {
        let capability = self.handshake.capabilities.capability("object-format");
        let Some(name) = capability.and_then(|found| found.value()) else { return Ok(Kind::Sha1) };
        let unknown = || {
            let detail = format!("object format {name} is not supported");
            Failure::new(FailureKind::NotARepository, detail)
        };
        name.to_string().parse().map_err(|_| unknown())
    }

    /// Lists the refs that decide what `targets` mean. Old servers list all there are.
    pub(super) fn list_refs(&mut self, targets: &[Target]) -> Result<Vec<Advertised>, Failure> {
        let mut wanted: Vec<String> = targets.iter().flat_map(prefixes).collect();
        wanted.sort_unstable();
        wanted.dedup();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        self.list(Some(wanted))
    }

    /// Lists branches and tags.
    pub(super) fn list_all(&mut self) -> Result<Vec<Advertised>, Failure> {
        self.list(Some(vec!["refs/heads/".to_owned(), "refs/tags/".to_owned()]))
    }

    /// True when there is no ref at all.
    pub(super) fn is_empty(&mut self) -> Result<bool, Failure> {
        Ok(self.list(None)?.is_empty())
    }

    fn list(&mut self, prefixes: Option<Vec<String>>) -> Result<Vec<Advertised>, Failure> {
        let found = if let Some(refs) = &self.handshake.refs {
            refs.clone()
        } else {
            let prefixes = prefixes.map(|prefixes| {
                let mut wanted = RefPrefixes::new();
                wanted.extend(prefixes.into_iter().map(Into::into));
                wanted
            });
            LsRefsCommand::new(prefixes, &self.handshake.capabilities, agent())
                .invoke_blocking(&mut self.transport, &mut Discard, false)
                .map_err(|cause| Failure::remote(&cause))?
        };
        Ok(found.into_iter().filter_map(Advertised::from_protocol).collect())
    }

    /// What a server said before it hung up on us in the middle of a request. Over a pipe or a
    /// plain connection the broken write is noticed first, and the reason waits to be read.
    pub(super) fn last_words(&mut self) -> Option<String> {
        if !self.transport.connection_persists_across_multiple_requests() {
            return None;
        }
        let request = self.transport.request(WriteMode::Binary, MessageKind::Flush, false).ok()?;
        let (writer, reader) = request.into_parts();
        drop(writer);
        let mut said = String::new();
        match reader.take(LAST_WORDS_BYTES_MAX).read_to_string(&mut said) {
            Ok(_) => Some(said.trim().to_owned()).filter(|said| !said.is_empty()),
            Err(cause) => Some(cause.to_string()),
        }
    }

    /// What a fetch works with.
    pub(super) fn parts(&mut self) -> (&mut Box<dyn Transport + Send>, &mut Handshake) {
        (&mut self.transport, &mut self.handshake)
    }
}

/// The program that serves a local repository says why it does not on a stream that is closed, so
/// the two usual reasons are found here.
fn check_local(path: &Path) -> Result<(), Failure> {
    let shown = path.display();
    if !path.exists() {
        return Err(Failure::new(FailureKind::NotFound, format!("{shown} does not exist")));
    }
    let is_repository = |dir: &Path| dir.join("HEAD").exists() && dir.join("objects").exists();
    if is_repository(path) || path.join(".git").exists() {
        return Ok(());
    }
    Err(Failure::new(FailureKind::NotARepository, format!("{shown} holds no repository")))
}

/// Writes a file for this run alone and gives its path.
fn write(request: &Request, name: &str, content: &str) -> Result<PathBuf, Failure> {
    let path = request.scratch.join(name);
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(&path);
    file.and_then(|mut file| file.write_all(content.as_bytes()))
        .map_err(|cause| Failure::disk("writing settings for git and ssh", &cause))?;
    Ok(path)
}

/// ssh as this machine has it, with nothing of its own settings: our key, our known hosts, and no
/// question to a person.
fn ssh_options(request: &Request) -> Result<ssh::connect::Options, Failure> {
    let remote = &request.remote;
    let (connect, silence) = (request.connect_s_max, request.silence_s_max.div_ceil(3));
    let mut config = format!(
        "Host *\n  BatchMode yes\n  ConnectTimeout {connect}\n  ServerAliveInterval {silence}\n  \
         ServerAliveCountMax 3\n  GlobalKnownHostsFile /dev/null\n  IdentityAgent none\n  \
         PasswordAuthentication no\n  KbdInteractiveAuthentication no\n  UpdateHostKeys no\n"
    );
    if let Some(key) = &remote.ssh_key {
        // Keys that went through a web form often lost their last line break; ssh insists on it.
        let key = format!("{}\n", key.expose().replace("\r\n", "\n").trim_end());
        let path = quoted(&write(request, "key", &key)?);
        let _ = writeln!(config, "  IdentitiesOnly yes\n  IdentityFile {path}");
    } else {
        config.push_str("  PubkeyAuthentication no\n");
    }
    if remote.insecure_host_key {
        config.push_str("  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n");
    } else {
        let path = quoted(&write(request, "known_hosts", &remote.known_hosts)?);
        let _ = writeln!(config, "  StrictHostKeyChecking yes\n  UserKnownHostsFile {path}");
    }
    let config = shell_quoted(&write(request, "ssh_config", &config)?);
    let log = shell_quoted(&write(request, SSH_LOG, "")?);
    Ok(ssh::connect::Options {
        command: Some(format!("exec 2>{log}; ssh -F {config}").into()),
        disallow_shell: false,
        kind: Some(ssh::ProgramKind::Ssh),
    })
}

/// Adds what ssh and the server behind it said to a failure of which the protocol layer only saw
/// that the connection ended.
pub(super) fn with_words_of_ssh(request: &Request, failure: Failure) -> Failure {
    let is_ssh =
        gix::url::parse(request.remote.url.as_str()).is_ok_and(|url| url.scheme == Scheme::Ssh);
    if !is_ssh || !failure.is_vague() {
        return failure;
    }
    let path = request.scratch.join(SSH_LOG);
    let started = Instant::now();
    loop {
        let said = std::fs::read_to_string(&path).unwrap_or_default();
        if !said.trim().is_empty() || started.elapsed() > SSH_WORDS_MAX {
            return failure.told(&said);
        }
        std::thread::sleep(SSH_WORDS_STEP);
    }
}

/// A path as the shell takes it.
fn shell_quoted(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', r"'\''"))
}

/// A path as ssh's settings want it: in quotes, and a percent sign is a percent sign.
fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.to_string_lossy().replace('%', "%%"))
}

fn http_options(request: &Request) -> http::Options {
    let bearer = request.remote.bearer.as_ref();
    let extra_headers = bearer.map(|token| format!("Authorization: Bearer {}", token.expose()));
    let remote = request.remote.clone();
    let connect = Duration::from_secs(request.connect_s_max);
    let silence = Duration::from_secs(request.silence_s_max);
    let backend = http::reqwest::Options {
        configure_client: Some(Box::new(move |client| {
            let client = client.connect_timeout(connect).timeout(silence);
            configure(client, &remote)
        })),
        configure_request: None,
    };
    http::Options {
        extra_headers: extra_headers.into_iter().collect(),
        backend: Some(Arc::new(Mutex::new(backend))),
        ..Default::default()
    }
}

/// Certificates and proxy of one repository.
fn configure(
    client: reqwest::blocking::ClientBuilder,
    remote: &RepoAccess,
) -> gix::Result<reqwest::blocking::ClientBuilder> {
    let unusable = |what: &'static str| {
        move |cause: reqwest::Error| Unusable { what, cause: cause.to_string() }
    };
    let mut client = client.tls_danger_accept_invalid_certs(remote.insecure_tls);
    if let Some(pem) = &remote.ca_pem {
        let certificates = reqwest::Certificate::from_pem_bundle(pem.as_bytes());
        let certificates = certificates.map_err(unusable("the CA certificate"));
        client = client.tls_certs_only(certificates.map_err(gix::Error::from_error)?);
    }
    if let Some((certificate, key)) = &remote.client_identity {
        let pem = format!("{certificate}\n{}", key.expose());
        let identity = reqwest::Identity::from_pem(pem.as_bytes());
        let identity = identity.map_err(unusable("the client certificate and its key"));
        client = client.identity(identity.map_err(gix::Error::from_error)?);
    }
    if let Some(proxy) = &remote.proxy {
        let proxy = reqwest::Proxy::all(proxy.expose()).map_err(unusable("the proxy URL"));
        let except = reqwest::NoProxy::from_string(&remote.no_proxy);
        client = client.proxy(proxy.map_err(gix::Error::from_error)?.no_proxy(except));
    }
    Ok(client)
}

/// A setting that the HTTP client does not take.
#[derive(Debug, thiserror::Error)]
#[error("{what} cannot be used: {cause}")]
pub(super) struct Unusable {
    what: &'static str,
    cause: String,
}
