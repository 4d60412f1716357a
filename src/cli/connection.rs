//! Where the status API is, who asks, and what its answers mean.

mod stream;
mod token;

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Args;
use reqwest::{Certificate, Method, Response, StatusCode};
use serde_json::Value;
use tokio::time::sleep;
use url::{Host, Url};

use super::{
    error::{CommandError, Kind},
    output::paint::escape,
};
pub(super) use stream::{Event, Events};
use token::Token;

/// A server that does not accept a connection in this time is not there.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// Time for one whole answer. The server ends its own work, a refresh or a render, before.
const ANSWER_MAX: Duration = Duration::from_secs(90);

/// Largest answer that is read: ten thousand managed objects of 10 KB.
const ANSWER_BYTES_MAX: usize = 128 << 20;
/// The stable reason of a refusal because another operation runs.
const OPERATION_IN_PROGRESS: &str = "OperationInProgress";
/// The stable reason of a controller that has not read everything yet.
const NOT_READY: &str = "NotReady";
/// How long a controller may take to get ready, and the pause between two questions.
const READY_LIMIT: Duration = Duration::from_secs(20);
const READY_PAUSE: Duration = Duration::from_millis(300);

/// Longest excerpt of an answer that is no JSON, in an error message.
const EXCERPT_CHARS_MAX: usize = 200;

/// How to reach the status API.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connection options")]
pub(super) struct ConnectionArgs {
    /// URL of the status API
    #[arg(long, global = true, value_name = "URL", env = "STEADFAST_SERVER")]
    #[arg(default_value = "http://127.0.0.1:8080", hide_env_values = true)]
    server: String,

    /// Token that says who you are
    ///
    /// A Kubernetes token, such as "kubectl create token NAME" prints. Default: the token of the
    /// current kubeconfig context, if it holds one; it is sent by https or to this machine only.
    #[arg(long, global = true, value_name = "TOKEN", env = "STEADFAST_TOKEN")]
    #[arg(hide_env_values = true)]
    token: Option<Token>,

    /// File of PEM certificates to trust instead of the system's
    #[arg(long, global = true, value_name = "FILE", env = "STEADFAST_CA_FILE")]
    #[arg(hide_env_values = true, conflicts_with = "insecure")]
    ca_file: Option<PathBuf>,

    /// Do not check the certificate of the server
    #[arg(long, global = true, env = "STEADFAST_INSECURE", hide_env_values = true)]
    insecure: bool,
}

/// A client of the status API.
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<Token>,
}

impl Client {
    /// Checks the settings; nothing is sent yet.
    pub(super) fn connect(args: ConnectionArgs) -> Result<Self, CommandError> {
        let ConnectionArgs { server, token, ca_file, insecure } = args;
        let base = server_url(&server)?;
        let near = is_loopback(&base);
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("steadfast/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_MAX)
            // A redirect would carry the token to a place that nobody named.
            .redirect(reqwest::redirect::Policy::none())
            .tls_danger_accept_invalid_certs(insecure);
        if near {
            // $HTTP_PROXY is about other machines.
            builder = builder.no_proxy();
        }
        if let Some(file) = ca_file {
            let unreadable = |cause: anyhow::Error| {
                CommandError::new(
                    Kind::Config,
                    cause.context(format!("--ca-file {}", file.display())),
                )
            };
            let pem = fs::read(&file).map_err(|cause| unreadable(cause.into()))?;
            let certificates =
                Certificate::from_pem_bundle(&pem).map_err(|cause| unreadable(cause.into()))?;
            if certificates.is_empty() {
                return Err(unreadable(anyhow::anyhow!("holds no PEM certificate")));
            }
            builder = builder.tls_certs_only(certificates);
        }
        let http = builder.build().map_err(CommandError::internal)?;
        // Nobody asked for the kubeconfig's token to be sent, so it must not travel in the open.
        let token = token.or_else(|| {
            (base.scheme() == "https" || near).then(Token::of_current_context).flatten()
        });
        Ok(Self { http, base, token })
    }

    /// Reads a resource. `path` is given in segments, which are escaped here.
    pub(super) async fn get(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Value, CommandError> {
        self.answer(Method::GET, path, query, None).await
    }

    /// Asks for an action.
    pub(super) async fn post(&self, path: &[&str], body: &Value) -> Result<Value, CommandError> {
        self.answer(Method::POST, path, &[], Some(body)).await
    }

    /// Deletes a resource.
    pub(super) async fn delete(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Value, CommandError> {
        self.answer(Method::DELETE, path, query, None).await
    }

    /// One application.
    pub(super) async fn application(&self, name: &str) -> Result<Value, CommandError> {
        self.get(&["applications", name], &[]).await
    }

    /// The same, where its absence is an answer too.
    pub(super) async fn find(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Option<Value>, CommandError> {
        match self.get(path, query).await {
            Ok(found) => Ok(Some(found)),
            Err(failure) if failure.absent => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// The changes of one application from now on.
    pub(super) async fn events(&self, name: &str) -> Result<Events, CommandError> {
        let path = ["stream", "applications"];
        let response = self.send(Method::GET, &path, &[("name", name)], None, None).await?;
        Ok(Events::new(response))
    }

    async fn answer(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, CommandError> {
        let response = self.send(method, path, query, body, Some(ANSWER_MAX)).await?;
        let bytes = self.body(response).await?;
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).map_err(|cause| {
            let error = anyhow::Error::new(cause).context(format!(
                "{} answered with something that is not JSON: {}",
                self.base,
                excerpt(&bytes)
            ));
            CommandError::new(Kind::Config, error).hint("is --server the address of steadfast?")
        })
    }

    async fn send(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
        deadline: Option<Duration>,
    ) -> Result<Response, CommandError> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .expect("http and https URLs have a path")
            .pop_if_empty()
            .extend(["api", "v1"])
            .extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.http.request(method, url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(deadline) = deadline {
            request = request.timeout(deadline);
        }
        let begun = Instant::now();
        loop {
            let next = request.try_clone().expect("no body is a stream");
            let response = next.send().await.map_err(|cause| self.unreachable(&cause))?;
            let status = response.status();
            if status.is_success() {
                return Ok(response);
            }
            let bytes = self.body(response).await.unwrap_or_default();
            let said: Value = serde_json::from_slice(&bytes).unwrap_or_default();
            if !is_not_ready(status, &said) || begun.elapsed() > READY_LIMIT {
                return Err(self.refusal(status, &said, &bytes));
            }
            sleep(READY_PAUSE).await;
        }
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, CommandError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|cause| self.unreachable(&cause))? {
            if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(CommandError::new(
                    Kind::Cluster,
                    anyhow::anyhow!("{} answered with more than 128 MiB", self.base),
                ));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// No answer at all.
    fn unreachable(&self, cause: &reqwest::Error) -> CommandError {
        let (refused, late) = (cause.is_connect(), cause.is_timeout());
        let what = match (late, refused) {
            (true, false) => format!("no answer from {} in time", self.base),
            _ => format!("cannot reach the status API at {}", self.base),
        };
        // The layers between say nothing that a person could use.
        let error = anyhow::Error::msg(root_cause(&cause)).context(what);
        let failure = CommandError::new(Kind::Cluster, error);
        if !refused {
            return failure;
        }
        failure.hint(
            "is the controller running? port-forward: \
             kubectl -n argocd port-forward svc/steadfast 8080",
        )
    }

    /// An answer that says no: `said` is what its `body` holds, null if that is not JSON.
    fn refusal(&self, status: StatusCode, said: &Value, body: &[u8]) -> CommandError {
        let message = ["message", "error"]
            .iter()
            .find_map(|key| said.get(key)?.as_str())
            .filter(|message| !message.is_empty())
            .map_or_else(|| format!("{} answered {status} {}", self.base, excerpt(body)), escape);
        let error = anyhow::Error::msg(message.trim_end().to_owned());
        if said.get("reason").and_then(Value::as_str) == Some(OPERATION_IN_PROGRESS) {
            return CommandError::new(Kind::Later, error);
        }
        match status {
            StatusCode::UNAUTHORIZED if self.token.is_none() => {
                CommandError::new(Kind::Config, error).hint(
                    "no token was sent: use --token or STEADFAST_TOKEN, for example \
                     $(kubectl -n argocd create token NAME)",
                )
            }
            StatusCode::UNAUTHORIZED => CommandError::new(Kind::Config, error)
                .hint("the token may have expired, or be for another cluster"),
            StatusCode::FORBIDDEN => CommandError::new(Kind::Config, error)
                .hint("what you may do is a matter of Kubernetes RBAC on the Application"),
            StatusCode::NOT_FOUND if said.is_null() => {
                CommandError::new(Kind::Config, error).hint("is --server the address of steadfast?")
            }
            StatusCode::NOT_FOUND => {
                CommandError::new(Kind::User, error).of_absence().hint("see \"steadfast app list\"")
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
                CommandError::new(Kind::Cluster, error)
            }
            status if status.is_client_error() => CommandError::new(Kind::User, error),
            _ => CommandError::new(Kind::Cluster, error),
        }
    }
}

/// A controller that has just started and will know in a moment.
fn is_not_ready(status: StatusCode, said: &Value) -> bool {
    status == StatusCode::SERVICE_UNAVAILABLE && said["reason"] == NOT_READY
}

/// Reads `--server`, where the scheme may be left out: http for this machine, https elsewhere.
fn server_url(text: &str) -> Result<Url, CommandError> {
    let refuse = |why: &str| {
        CommandError::user(format!("--server {text:?}: {why}"))
            .hint("write a URL such as https://steadfast.example.com")
    };
    let read = |text: &str| Url::parse(text).map_err(|cause| refuse(&cause.to_string()));
    let url = if text.contains("://") {
        read(text)?
    } else {
        let near = read(&format!("http://{text}"))?;
        if is_loopback(&near) { near } else { read(&format!("https://{text}"))? }
    };
    match url.scheme() {
        "http" | "https" => {}
        _ => return Err(refuse("only http and https are spoken")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse("a user or password has no place here; use --token"));
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(cause) = error.source() {
        error = cause;
    }
    error.to_string()
}

fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    escape(&text.chars().take(EXCERPT_CHARS_MAX).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_of_the_server_may_be_left_out() {
        let table = [
            ("http://x:1/base/", Ok("http://x:1/base/")),
            ("localhost:8080", Ok("http://localhost:8080/")),
            ("[::1]:8080", Ok("http://[::1]:8080/")),
            ("steadfast.example.com", Ok("https://steadfast.example.com/")),
            ("ftp://x", Err("only http and https are spoken")),
            ("https://u:p@x", Err("has no place here")),
            ("http://", Err("empty host")),
        ];
        for (given, wanted) in table {
            match (server_url(given), wanted) {
                (Ok(url), Ok(wanted)) => assert_eq!(url.as_str(), wanted),
                (Err(failure), Err(wanted)) => {
                    assert!(failure.error.to_string().contains(wanted), "{}", failure.error);
                }
                (given, wanted) => panic!("{:?} instead of {wanted:?}", given.is_ok()),
            }
        }
    }
}
