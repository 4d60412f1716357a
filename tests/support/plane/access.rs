//! Ways into a control plane: raw requests, a Rust client, kubectl, users, audit log and metrics.

use std::{
    collections::hash_map::RandomState,
    fs,
    hash::{BuildHasher, Hasher},
    io::{Read, Seek, SeekFrom},
    path::PathBuf,
    time::Duration,
};

use base64::prelude::{BASE64_STANDARD, Engine};
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};

use super::{ControlPlane, off_runtime, poll};
use crate::support::{
    audit::{AuditEvent, AuditMark, RequestCount},
    process::{Guarded, Output},
    testbed::TestBed,
};

impl ControlPlane {
    /// The kubeconfig file of the user `admin`.
    pub fn kubeconfig(&self) -> PathBuf {
        self.kubeconfig_of("admin")
    }

    /// The kubeconfig file of a user: `admin`, `viewer` (may read everything that the cluster role
    /// `view` names), `nobody` (may do nothing), or one that was added.
    pub fn kubeconfig_of(&self, user: &str) -> PathBuf {
        let path = self.dir.join(format!("{user}.kubeconfig"));
        assert!(path.is_file(), "there is no user {user}");
        path
    }

    /// Writes a kubeconfig file with this name for a server that has a certificate of the same
    /// authority.
    pub fn write_kubeconfig(&self, name: &str, server: &str, token: &str) -> PathBuf {
        let path = self.dir.join(format!("{name}.kubeconfig"));
        let mut ca = self.ca_pem();
        if self.embedded.is_some() {
            ca.push_str(&self.authority.pem());
        }
        let ca = BASE64_STANDARD.encode(ca);
        let cluster = json!({"server": server, "certificate-authority-data": ca});
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "test", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        });
        fs::write(&path, config.to_string()).expect("the directory of the run is writable");
        path
    }

    /// Makes a service account without any rights and a token for it; gives its kubeconfig file.
    /// Rights are granted with `kubectl create rolebinding --serviceaccount=NAMESPACE:NAME`.
    pub fn service_account(&self, namespace: &str, name: &str) -> PathBuf {
        let base = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
        let account = json!({"metadata": {"name": name}});
        self.must_request("POST", &base, Some(&account));
        self.kubeconfig_of_account(namespace, name)
    }

    /// Makes a token for a service account that is there; gives its kubeconfig file.
    pub fn kubeconfig_of_account(&self, namespace: &str, name: &str) -> PathBuf {
        let base = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
        let request = json!({"spec": {"expirationSeconds": 86400}});
        let (_, answer) =
            self.must_request("POST", &format!("{base}/{name}/token"), Some(&request));
        let answer: Value = serde_json::from_str(&answer).expect("the answer is JSON");
        let token = answer["status"]["token"].as_str().expect("it has a token");
        self.write_kubeconfig(&format!("{namespace}.{name}"), &self.url(), token)
    }

    pub(super) fn grant_viewer(&self) {
        let group = "rbac.authorization.k8s.io";
        let binding = json!({
            "metadata": {"name": "test:viewers"},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "view"},
            "subjects": [{"apiGroup": group, "kind": "Group", "name": "viewers"}],
        });
        let path = format!("/apis/{group}/v1/clusterrolebindings");
        self.must_request("POST", &path, Some(&binding));
    }

    /// A client with the rights of `admin`. It belongs to the async runtime of the caller.
    pub async fn client(&self) -> Client {
        self.client_of("admin").await
    }

    /// A client with the rights of a user; see [`Self::kubeconfig_of`].
    pub async fn client_of(&self, user: &str) -> Client {
        let kubeconfig = Kubeconfig::read_from(self.kubeconfig_of(user)).expect("we wrote it");
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
        Client::try_from(config.expect("it is valid")).expect("the certificate is valid")
    }

    /// One request as `admin`: status and body of the answer, or why there was none.
    pub fn request(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(u16, String), String> {
        let body = body.map(|body| ("application/json", body.to_string()));
        self.send(method, path, body)
    }

    /// The same with a body of any media type.
    pub(super) fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<(&'static str, String)>,
    ) -> Result<(u16, String), String> {
        let url = format!("{}{path}", self.url());
        let send = || -> Result<(u16, String), reqwest::Error> {
            let ca = reqwest::Certificate::from_pem(self.ca_pem().as_bytes())?;
            let client = reqwest::blocking::Client::builder()
                .tls_certs_only([ca])
                .no_proxy()
                .user_agent("test")
                .timeout(Duration::from_secs(30))
                .build()?;
            let method = method.parse().expect("a method of HTTP");
            let mut request = client.request(method, url).bearer_auth(&self.admin_token);
            if let Some((kind, text)) = body {
                request = request.header("content-type", kind).body(text);
            }
            let answer = request.send()?;
            Ok((answer.status().as_u16(), answer.text()?))
        };
        off_runtime(send).map_err(|error| format!("{error:?}"))
    }

    /// [`Self::request`] that must be answered with success.
    #[track_caller]
    pub fn must_request(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, String) {
        Self::must(method, path, self.request(method, path, body))
    }

    #[track_caller]
    pub(super) fn must(
        method: &str,
        path: &str,
        answer: Result<(u16, String), String>,
    ) -> (u16, String) {
        match answer {
            Ok((code, text)) if (200..300).contains(&code) => (code, text),
            Ok((code, text)) => panic!("{method} {path} was answered with {code}: {text}"),
            Err(error) => panic!("{method} {path} was not answered: {error}"),
        }
    }

    /// Runs kubectl as `admin` and gives its standard output; panics with its standard error if it
    /// fails. `stdin` is for `-f -`.
    #[track_caller]
    pub fn kubectl(&self, args: &[&str], stdin: Option<&str>) -> String {
        let output = self.try_kubectl(args, stdin);
        assert!(output.status.success(), "kubectl {}: {}", args.join(" "), output.stderr);
        output.stdout
    }

    /// Runs kubectl as `admin`.
    pub fn try_kubectl(&self, args: &[&str], stdin: Option<&str>) -> Output {
        self.kubectl_command().args(args).output(stdin).expect("kubectl is executable")
    }

    pub(super) fn kubectl_command(&self) -> Guarded {
        let kubectl = self.kubectl.clone().or_else(|| {
            let [kubectl] = TestBed::get().programs("kubectl", ["kubectl"])?;
            Some(kubectl.to_owned())
        });
        Guarded::new(kubectl.expect("the scenario asks for kubectl first"))
            .arg(format!("--kubeconfig={}", self.kubeconfig().display()))
            .arg(format!("--cache-dir={}", self.dir.join("kubectl-cache").display()))
            .env("HOME", &self.dir)
            .env_remove("KUBECONFIG")
    }

    /// Where the audit log ends now.
    pub fn audit_mark(&self) -> AuditMark {
        if let Some(embedded) = &self.embedded {
            return AuditMark::now(embedded.seen_count() as u64);
        }
        AuditMark::now(fs::metadata(self.dir.join("audit.log")).map_or(0, |file| file.len()))
    }

    /// The requests that arrived after `mark` (from the beginning: `AuditMark::default()`) from
    /// clients whose user agent starts with `user_agent`, in the order of their answers.
    ///
    /// An event is written a moment after the client has its answer. On a shared control plane,
    /// filter by namespace or user as well: other tests are at work at the same time.
    pub fn audit(&self, mark: AuditMark, user_agent: &str) -> Vec<AuditEvent> {
        assert!(self.options.audit, "this control plane was started without an audit log");
        let asked =
            |event: &AuditEvent| mark.is_before(event) && event.user_agent.starts_with(user_agent);
        if let Some(embedded) = &self.embedded {
            let place = usize::try_from(mark.place).expect("it was a count");
            return embedded.seen_since(place).into_iter().filter(asked).collect();
        }
        let mut text = String::new();
        if let Ok(mut file) = fs::File::open(self.dir.join("audit.log")) {
            file.seek(SeekFrom::Start(mark.place)).expect("a file can be read from anywhere");
            file.read_to_string(&mut text).expect("the log is JSON");
        }
        text.lines().filter_map(AuditEvent::parse).filter(asked).collect()
    }

    /// All requests since the API server started, by kind, from its metrics.
    pub async fn request_counts(&self) -> Vec<RequestCount> {
        let request = http::Request::get("/metrics").body(Vec::new()).expect("it is valid");
        let page = self.client().await.request_text(request).await.expect("the metrics page");
        RequestCount::parse_all(&page)
    }

    /// Waits until the controller manager has made the default account of a namespace, without
    /// which a pod is refused.
    pub(super) fn await_default_account(&self, namespace: &str) {
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/default");
        let ready = poll(Duration::from_mins(1), || {
            self.request("GET", &path, None).is_ok_and(|(code, _)| code == 200)
        });
        assert!(ready, "namespace {namespace} did not get its default service account");
    }
}

/// 128 bits that another user of the machine can't guess.
pub(super) fn random_token() -> String {
    let number = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", number(), number())
}
