//! What scenarios share: a repository, a controller beside the shared control plane, Applications,
//! and the ways to wait for what they come to.

use std::{sync::Arc, time::Duration};

use kube::Client;
use serde_json::{Value, json};

use crate::support::{
    AuditEvent, AuditMark, ControlPlane, Controller, ControllerOptions, Namespace, Repo, eventually,
};

/// Long enough for a machine that does much else.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);
/// The pause between two looks.
pub(crate) const POLL: Duration = Duration::from_millis(50);
/// Lines of the controller's log that a failure shows.
const LOG_LINES: usize = 40;
/// Lives in Git as the path of most applications.
pub(crate) const PATH: &str = "shop";

/// One controller with Applications in a namespace of its own, and a namespace for their objects.
pub(crate) struct Scene {
    pub(crate) plane: Arc<ControlPlane>,
    /// Where the Applications are.
    pub(crate) home: Namespace,
    /// Where their objects go.
    pub(crate) target: Namespace,
    pub(crate) repo: Repo,
    pub(crate) controller: Controller,
    client: Client,
}

impl Scene {
    /// A scene on the shared control plane; `None` when there is none.
    #[track_caller]
    pub(crate) fn begin(name: &str) -> impl Future<Output = Option<Self>> {
        let plane = ControlPlane::shared();
        let name = name.to_owned();
        async move { Some(Self::on(plane?, &name).await) }
    }

    /// A scene on a control plane.
    pub(crate) async fn on(plane: Arc<ControlPlane>, name: &str) -> Self {
        Self::with(plane, name, |options| options).await
    }

    /// A scene whose controller has other options.
    pub(crate) async fn with(
        plane: Arc<ControlPlane>,
        name: &str,
        adjust: impl FnOnce(ControllerOptions) -> ControllerOptions,
    ) -> Self {
        let home = plane.namespace(&format!("{name}-apps")).await;
        let target = plane.namespace(name).await;
        let client = plane.client().await;
        let options = ControllerOptions::new(home.name()).arg("--install-crds");
        let controller = Controller::start(&plane, adjust(options));
        Self { home, target, repo: Repo::init(name), controller, client, plane }
    }

    /// A scene whose controller has the account and the rights that `steadfast install` gives it: for
    /// the whole cluster, or to change the target namespace alone. The pod that is installed as well
    /// is one of kwok's, which runs nothing.
    pub(crate) async fn installed(plane: Arc<ControlPlane>, name: &str, restricted: bool) -> Self {
        let home = plane.namespace(&format!("{name}-apps")).await;
        let target = plane.namespace(name).await;
        let only = format!("--target-namespace={}", target.name());
        let mut args = vec!["--namespace", home.name()];
        args.extend(restricted.then_some(only.as_str()));
        let manifests = crate::install::install(&args);
        let apply = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
        plane.kubectl(&apply, Some(&manifests));
        let account = format!("system:serviceaccount:{home}:steadfast");
        let asked = ["auth", "can-i", "patch", "secrets", "-n", target.name(), "--as", &account];
        let settled =
            async || (plane.try_kubectl(&asked, None).stdout.trim() == "yes").then_some(());
        eventually(LIMIT, "the rights hold", settled).await;
        let mut options = ControllerOptions::new(home.name());
        options.kubeconfig = Some(plane.kubeconfig_of_account(home.name(), "steadfast"));
        let controller = Controller::start(&plane, options);
        let client = plane.client().await;
        Self { home, target, repo: Repo::init(name), controller, client, plane }
    }

    /// Stops the controller in good order and starts it again with the same data.
    pub(crate) fn restart(&mut self) {
        let status = self.controller.terminate();
        assert!(status.success(), "{status}:\n{}", self.controller.log());
        self.controller = Controller::start(&self.plane, self.controller.options());
    }

    /// An Application for this repository: automated with prune and selfHeal, as `adjust` leaves it.
    pub(crate) fn application(&self, name: &str, adjust: impl FnOnce(&mut Value)) {
        let mut application = json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
            "metadata": {"name": name},
            "spec": {
                "project": "default",
                "source": {"repoURL": self.repo.url(), "targetRevision": "main", "path": PATH},
                "destination": {
                    "server": "https://kubernetes.default.svc",
                    "namespace": self.target.name(),
                },
                "syncPolicy": {"automated": {"prune": true, "selfHeal": true}},
            },
        });
        adjust(&mut application);
        self.home.apply(&application.to_string());
    }

    /// Changes an Application by a JSON merge patch.
    #[track_caller]
    pub(crate) fn patch(&self, name: &str, patch: &Value) {
        let patch = patch.to_string();
        self.home.kubectl(&["patch", "application", name, "--type=merge", "-p", &patch], None);
    }

    /// An Application as it is; `null` when it is not there.
    pub(crate) async fn app(&self, name: &str) -> Value {
        let path = object_path(self.home.name(), "argoproj.io/v1alpha1", "applications", name);
        self.get(&path).await.unwrap_or_default()
    }

    /// A client with the rights of `admin`.
    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    /// An object by its path below the API server, `None` when it is not there.
    pub(crate) async fn get(&self, path: &str) -> Option<Value> {
        let request = http::Request::get(path).body(Vec::new()).expect("it is a path");
        self.client.request(request).await.ok()
    }

    /// An object in the target namespace: `live("apps/v1", "deployments", "web")`.
    pub(crate) async fn live(&self, version: &str, plural: &str, name: &str) -> Option<Value> {
        self.get(&object_path(self.target.name(), version, plural, name)).await
    }

    /// Waits until an object of the target namespace is as `wanted` says; returns it.
    #[track_caller]
    pub(crate) fn live_until(
        &self,
        (version, plural, name): (&str, &str, &str),
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> impl Future<Output = Value> {
        let place = std::panic::Location::caller();
        async move {
            let mut last = Value::Null;
            let looking = async {
                loop {
                    last = self.live(version, plural, name).await.unwrap_or_default();
                    if wanted(&last) {
                        break;
                    }
                    tokio::time::sleep(POLL).await;
                }
            };
            let waited = tokio::time::timeout(LIMIT, looking).await;
            assert!(
                waited.is_ok(),
                "{place}: waited for {what} in vain: {plural}/{name} is\n{last:#}\n{}",
                self.tail()
            );
            last
        }
    }

    /// Waits until an Application is as `wanted` says; returns it.
    #[track_caller]
    pub(crate) fn until(
        &self,
        name: &str,
        what: impl Into<String>,
        wanted: impl Fn(&Value) -> bool,
    ) -> impl Future<Output = Value> {
        let place = std::panic::Location::caller();
        let what = what.into();
        async move {
            let mut last = Value::Null;
            let looking = async {
                loop {
                    last = self.app(name).await;
                    if wanted(&last) {
                        break;
                    }
                    tokio::time::sleep(POLL).await;
                }
            };
            let waited = tokio::time::timeout(LIMIT, looking).await;
            let status = &last["status"];
            assert!(
                waited.is_ok(),
                "{place}: waited for {what} in vain: {name} is\n{status:#}\n{}",
                self.tail()
            );
            last
        }
    }

    /// Waits until an Application is synced to a commit and healthy; returns it.
    #[track_caller]
    pub(crate) fn healthy(&self, name: &str, commit: &str) -> impl Future<Output = Value> {
        let what = format!("{name} to be synced to {commit} and healthy");
        self.until(name, what, move |app| is_synced(app, commit) && is_health(app, "Healthy"))
    }

    /// Waits until an Application has a condition of a type; returns its message.
    #[track_caller]
    pub(crate) fn condition(&self, name: &str, kind: &str) -> impl Future<Output = String> {
        let what = format!("the condition {kind}");
        let waiting = self.until(name, what, move |app| condition(app, kind).is_some());
        async move { condition(&waiting.await, kind).expect("it was waited for") }
    }

    /// The Events about an Application as (type, reason, message).
    pub(crate) async fn events(&self, name: &str) -> Vec<[String; 3]> {
        let path = format!("/api/v1/namespaces/{}/events", self.home.name());
        let events = self.get(&path).await.unwrap_or_default();
        let text = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
        let items = events["items"].as_array().cloned().unwrap_or_default();
        items
            .iter()
            .filter(|event| event["involvedObject"]["name"] == name)
            .map(|event| ["type", "reason", "message"].map(|key| text(event, key)))
            .collect()
    }

    /// Waits for an Event with a reason whose message contains all of `texts`; returns the message.
    #[track_caller]
    pub(crate) fn event(
        &self,
        name: &str,
        reason: &str,
        texts: &[&str],
    ) -> impl Future<Output = String> {
        let place = std::panic::Location::caller();
        async move {
            let looking = async {
                loop {
                    let found = self.events(name).await.into_iter().find(|[_, is, message]| {
                        is == reason && texts.iter().all(|text| message.contains(text))
                    });
                    if let Some([_, _, message]) = found {
                        return message;
                    }
                    tokio::time::sleep(POLL).await;
                }
            };
            let Ok(message) = tokio::time::timeout(LIMIT, looking).await else {
                let all = self.events(name).await;
                panic!(
                    "{place}: no Event {reason} with {texts:?} among\n{all:#?}\n{}",
                    self.tail()
                );
            };
            message
        }
    }

    /// What the controller wrote into the target namespace since `mark`, dry runs left out.
    pub(crate) fn writes_since(&self, mark: AuditMark) -> Vec<AuditEvent> {
        let target = self.target.name();
        let events = self.plane.audit(mark, "steadfast").into_iter();
        events
            .filter(|event| event.namespace == target && event.is_write() && !event.is_dry_run())
            .collect()
    }

    /// Makes the controller look at an Application anew and waits until it has.
    #[track_caller]
    pub(crate) fn refresh(&self, name: &str, kind: &str) -> impl Future<Output = Value> {
        const REFRESH: &str = "argocd.argoproj.io/refresh";
        self.patch(name, &json!({"metadata": {"annotations": {REFRESH: kind}}}));
        self.until(name, "the refresh to be done", |app| {
            app["metadata"]["annotations"][REFRESH].is_null()
        })
    }

    /// Shows that a second pass plans nothing: after a refresh the Application is still in sync and
    /// the controller has written nothing but its status.
    #[track_caller]
    pub(crate) fn assert_settled(&self, name: &str) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        let mark = self.plane.audit_mark();
        let refreshed = self.refresh(name, "normal");
        async move {
            let app = refreshed.await;
            assert_eq!(app["status"]["sync"]["status"], "Synced", "{place}: {:#}", app["status"]);
            self.assert_quiet(mark, place).await;
        }
    }

    /// Shows that nothing was written to the target namespace since `mark`. To be called when a
    /// pass has ended by a write to an Application.
    async fn assert_quiet(&self, mark: AuditMark, place: &std::panic::Location<'_>) {
        // The log is in order: when the end of the pass stands in it, so does all before.
        let home = self.home.name();
        let looking = async {
            let ended =
                |event: &AuditEvent| event.namespace == home && event.resource == "applications";
            while !self.plane.audit(mark, "steadfast").iter().any(|e| e.is_write() && ended(e)) {
                tokio::time::sleep(POLL).await;
            }
        };
        let waited = tokio::time::timeout(LIMIT, looking).await;
        assert!(waited.is_ok(), "{place}: no pass in the audit log\n{}", self.tail());
        let writes = self.writes_since(mark);
        assert!(writes.is_empty(), "{place}: {writes:#?}\n{}", self.tail());
    }

    /// A request to the status API about an Application, which has to succeed: the answer.
    #[track_caller]
    pub(crate) fn api(&self, method: &str, name: &str, rest: &str, body: Option<&Value>) -> Value {
        let path = format!("/api/v1/applications/{name}{rest}");
        let (code, answer) = self.controller.request(method, &path, body);
        assert_eq!(code, 200, "{method} {path}: {answer:#}\n{}", self.tail());
        answer
    }

    /// Asks for a sync by the status API.
    #[track_caller]
    pub(crate) fn sync(&self, name: &str, request: &Value) {
        self.api("POST", name, "/sync", Some(request));
    }

    /// The drift records of an Application.
    #[track_caller]
    pub(crate) fn drifts(&self, name: &str) -> Vec<Value> {
        let answer = self.api("GET", name, "/drift", None);
        answer["items"].as_array().cloned().expect("a list of records")
    }

    /// The last lines of the controller's log.
    pub(crate) fn tail(&self) -> String {
        let log = self.controller.log();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }
}

/// The path of an object: `object_path("shop", "apps/v1", "deployments", "web")`.
pub(crate) fn object_path(namespace: &str, version: &str, plural: &str, name: &str) -> String {
    let root = if version.contains('/') { "apis" } else { "api" };
    format!("/{root}/{version}/namespaces/{namespace}/{plural}/{name}")
}

/// True when an Application is in sync with a commit.
pub(crate) fn is_synced(app: &Value, commit: &str) -> bool {
    let sync = &app["status"]["sync"];
    sync["status"] == "Synced" && sync["revision"] == commit
}

/// True when the health of an Application is this.
pub(crate) fn is_health(app: &Value, word: &str) -> bool {
    app["status"]["health"]["status"] == word
}

/// The message of the condition of a type.
pub(crate) fn condition(app: &Value, kind: &str) -> Option<String> {
    let conditions = app["status"]["conditions"].as_array()?;
    let found = conditions.iter().find(|condition| condition["type"] == kind)?;
    found["message"].as_str().map(str::to_owned)
}

/// The entry of an object in `status.resources`; `null` when there is none.
pub(crate) fn resource<'a>(app: &'a Value, kind: &str, name: &str) -> &'a Value {
    static NONE: Value = Value::Null;
    let resources = app["status"]["resources"].as_array().map(Vec::as_slice).unwrap_or_default();
    resources.iter().find(|entry| entry["kind"] == kind && entry["name"] == name).unwrap_or(&NONE)
}

/// A ConfigMap with data, as YAML.
pub(crate) fn config_map(name: &str, data: &[(&str, &str)]) -> String {
    let mut text = format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n");
    for (key, value) in data {
        text.push_str(&format!("  {key}: {value:?}\n"));
    }
    text
}

/// A Deployment, as YAML. `behaviour` is what its pods do, see the test bed's stages.
pub(crate) fn deployment(name: &str, image: &str, replicas: u32, behaviour: &str) -> String {
    let annotations = match behaviour {
        "" => String::new(),
        word => format!("\n      annotations: {{test.steadfast.dev/pod: {word}}}"),
    };
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  labels: {{app: {name}}}
spec:
  replicas: {replicas}
  selector:
    matchLabels: {{app: {name}}}
  template:
    metadata:
      labels: {{app: {name}}}{annotations}
    spec:
      containers:
        - name: {name}
          image: {image}
          ports:
            - containerPort: 8080
"
    )
}
