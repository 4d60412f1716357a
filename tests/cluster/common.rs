//! What scenarios share: a repository, a controller beside a control plane, Applications, and the
//! ways to wait for what they come to.

use std::{panic::Location, sync::Arc};

use kube::Client;
use serde_json::{Value, json};

use crate::support::{
    ControlPlane, Controller, ControllerOptions, LIMIT, Namespace, Proxy, Repo, eventually,
    waited_for,
};

/// Lines of the controller's log that a failure shows.
const LOG_LINES: usize = 40;
/// A list that is longer is left out of what a failure shows.
const SHOWN_BYTES: usize = 4_000;
/// Confirms a deletion.
pub(crate) const APPROVED: &str = "argocd.argoproj.io/deletion-approved";
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
    proxy: Option<Proxy>,
    client: Client,
}

impl Scene {
    /// A scene on the shared control plane; `None` when there is none.
    #[track_caller]
    pub(crate) fn begin(name: &str) -> impl Future<Output = Option<Self>> {
        let plane = ControlPlane::shared();
        async move { Some(Self::with(plane?, name, |_| ()).await) }
    }

    /// A scene on a control plane, whose controller has the options as `adjust` leaves them.
    pub(crate) async fn with(
        plane: Arc<ControlPlane>,
        name: &str,
        adjust: impl FnOnce(&mut ControllerOptions),
    ) -> Self {
        Self::set(plane, name, None, adjust).await
    }

    /// The same with a proxy between the controller and the API server.
    pub(crate) async fn behind_proxy(
        plane: Arc<ControlPlane>,
        name: &str,
        adjust: impl FnOnce(&mut ControllerOptions),
    ) -> Self {
        let proxy = Proxy::start(&plane);
        Self::set(plane, name, Some(proxy), adjust).await
    }

    async fn set(
        plane: Arc<ControlPlane>,
        name: &str,
        proxy: Option<Proxy>,
        adjust: impl FnOnce(&mut ControllerOptions),
    ) -> Self {
        let home = plane.namespace(&format!("{name}-apps")).await;
        let target = plane.namespace(name).await;
        let client = plane.client().await;
        let mut options = ControllerOptions::new(home.name()).arg("--install-crds");
        options.kubeconfig = proxy.as_ref().map(|proxy| proxy.kubeconfig().into());
        adjust(&mut options);
        let controller = Controller::start(&plane, options);
        Self { home, target, repo: Repo::init(name), controller, proxy, client, plane }
    }

    /// The proxy of [`Self::behind_proxy`].
    #[track_caller]
    pub(crate) fn proxy(&self) -> &Proxy {
        self.proxy.as_ref().expect("the scene has a proxy")
    }

    /// A scene whose controller has the account and the rights that `steadfast install` gives it: for
    /// the whole cluster, or to change the target namespace alone. The pod that is installed as well
    /// is only played and runs nothing.
    pub(crate) async fn installed(plane: Arc<ControlPlane>, name: &str, restricted: bool) -> Self {
        let home = plane.namespace(&format!("{name}-apps")).await;
        let target = plane.namespace(name).await;
        let only = format!("--target-namespace={}", target.name());
        let mut args = vec!["--namespace", home.name()];
        args.extend(restricted.then_some(only.as_str()));
        let manifests = crate::install::install(&args);
        plane.apply("", &manifests);
        let account = format!("system:serviceaccount:{home}:steadfast");
        let settled = async || plane.may(&account, "patch", "secrets", target.name()).then_some(());
        eventually(LIMIT, "the rights hold", settled).await;
        // As the pod is started that is installed.
        let mut options = ControllerOptions::new(home.name()).arg("--leader-elect");
        options.kubeconfig = Some(plane.kubeconfig_of_account(home.name(), "steadfast"));
        let controller = Controller::start(&plane, options);
        let client = plane.client().await;
        Self { home, target, repo: Repo::init(name), controller, proxy: None, client, plane }
    }

    /// Stops the controller in good order and starts it again with the same data.
    pub(crate) fn restart(&mut self) {
        let status = self.controller.terminate();
        assert!(status.success(), "{status}:\n{}", self.controller.log());
        self.start_again();
    }

    /// Starts a controller that goes on with the data of the one before, which has ended.
    pub(crate) fn start_again(&mut self) {
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
        self.home.patch("application", name, patch);
    }

    /// The path of an Application below the API server.
    pub(crate) fn app_path(&self, name: &str) -> String {
        object_path(self.home.name(), "argoproj.io/v1alpha1", "applications", name)
    }

    /// An Application as it is; `null` when it is not there.
    pub(crate) async fn app(&self, name: &str) -> Value {
        self.get(&self.app_path(name)).await.unwrap_or_default()
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

    /// Value of a key of a ConfigMap in the target namespace.
    pub(crate) async fn config(&self, name: &str, key: &str) -> Option<String> {
        let live = self.live("v1", "configmaps", name).await?;
        live["data"][key].as_str().map(str::to_owned)
    }

    /// Waits until an object of the target namespace is as `wanted` says; returns it.
    #[track_caller]
    pub(crate) fn live_until(
        &self,
        (version, plural, name): (&str, &str, &str),
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> impl Future<Output = Value> {
        self.awaited(object_path(self.target.name(), version, plural, name), what.into(), wanted)
    }

    /// Waits until an Application is as `wanted` says; returns it.
    #[track_caller]
    pub(crate) fn until(
        &self,
        name: &str,
        what: impl Into<String>,
        wanted: impl Fn(&Value) -> bool,
    ) -> impl Future<Output = Value> {
        self.awaited(self.app_path(name), what.into(), wanted)
    }

    #[track_caller]
    fn awaited(
        &self,
        path: String,
        what: String,
        wanted: impl Fn(&Value) -> bool,
    ) -> impl Future<Output = Value> {
        let place = Location::caller();
        async move {
            let mut last = Value::Null;
            let look = async || {
                last = self.get(&path).await.unwrap_or_default();
                wanted(&last).then_some(())
            };
            let waited = waited_for(LIMIT, look).await;
            let report = || self.report(&last);
            assert!(
                waited.is_some(),
                "{place}: waited for {what} in vain: {path} is\n{}",
                report()
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

    /// Waits until an Application is healthy by a sync of this very commit; returns it.
    #[track_caller]
    pub(crate) fn deployed(&self, name: &str, commit: &str) -> impl Future<Output = Value> {
        let what = format!("{name} to be deployed by a sync of {commit}");
        self.until(name, what, move |app| is_deployed(app, commit))
    }

    /// Waits until an Application has a condition of a type; returns its message.
    #[track_caller]
    pub(crate) fn condition(&self, name: &str, kind: &str) -> impl Future<Output = String> {
        let what = format!("the condition {kind}");
        let waiting = self.until(name, what, move |app| condition(app, kind).is_some());
        async move { condition(&waiting.await, kind).expect("it was waited for") }
    }

    /// Gives the word that a deletion waits for, in a later second than the one in which the last
    /// sync ended: such a word counts as used up by that sync.
    #[track_caller]
    pub(crate) fn approve(&self, name: &str) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        async move {
            let app = self.app(name).await;
            let last = app["status"]["history"].as_array().and_then(|history| history.last());
            let ended = last.and_then(|entry| entry["deployedAt"].as_str()?.parse().ok());
            let ended = ended.unwrap_or(jiff::Timestamp::MIN);
            let look = async || {
                let now = jiff::Timestamp::now();
                (now.as_second() > ended.as_second()).then_some(now)
            };
            let now = eventually(LIMIT, &format!("{place}: the next second"), look).await;
            let word = json!({APPROVED: now.to_string()});
            self.patch(name, &json!({"metadata": {"annotations": word}}));
        }
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

    /// An object and the end of the log, for the message of a failure.
    pub(crate) fn report(&self, object: &Value) -> String {
        let mut object = object.clone();
        for list in [
            "/metadata/managedFields",
            "/status/resources",
            "/status/operationState/syncResult/resources",
        ] {
            let list = object.pointer_mut(list);
            if let Some(list) = list.filter(|list| list.to_string().len() > SHOWN_BYTES) {
                *list = json!("too long to be shown");
            }
        }
        format!("{object:#}\nend of the log:\n{}", self.tail())
    }
}

/// The path of an object: `object_path("shop", "apps/v1", "deployments", "web")`.
pub(crate) fn object_path(namespace: &str, version: &str, plural: &str, name: &str) -> String {
    let root = if version.contains('/') { "apis" } else { "api" };
    format!("/{root}/{version}/namespaces/{namespace}/{plural}/{name}")
}

/// The path of the definition of a custom resource.
pub(crate) fn crd_path(name: &str) -> String {
    format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}")
}

/// True when an Application is in sync with a commit.
pub(crate) fn is_synced(app: &Value, commit: &str) -> bool {
    let sync = &app["status"]["sync"];
    sync["status"] == "Synced" && sync["revision"] == commit
}

/// True when an Application is healthy by a sync of this very commit.
pub(crate) fn is_deployed(app: &Value, commit: &str) -> bool {
    let state = &app["status"]["operationState"];
    is_synced(app, commit)
        && is_health(app, "Healthy")
        && state["phase"] == "Succeeded"
        && state["syncResult"]["revision"] == commit
}

/// True when the health of an Application is this.
pub(crate) fn is_health(app: &Value, word: &str) -> bool {
    app["status"]["health"]["status"] == word
}

/// The conditions of an Application as (type, message).
pub(crate) fn conditions(app: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = app["status"]["conditions"].as_array().into_iter().flatten();
    list.map(|condition| (text(&condition["type"]), text(&condition["message"]))).collect()
}

/// The message of the condition of a type.
pub(crate) fn condition(app: &Value, kind: &str) -> Option<String> {
    conditions(app).into_iter().find(|(is, _)| is == kind).map(|(_, message)| message)
}

/// The entry of an object in `status.resources`; `null` when there is none.
pub(crate) fn resource<'a>(app: &'a Value, kind: &str, name: &str) -> &'a Value {
    static NONE: Value = Value::Null;
    let resources = app["status"]["resources"].as_array().map(Vec::as_slice).unwrap_or_default();
    resources.iter().find(|entry| entry["kind"] == kind && entry["name"] == name).unwrap_or(&NONE)
}

/// Leaves the syncs of an Application to people.
pub(crate) fn by_hand(app: &mut Value) {
    app["spec"]["syncPolicy"] = json!({});
}

/// A ConfigMap with data, as YAML.
pub(crate) fn config_map(name: &str, data: &[(&str, &str)]) -> String {
    let mut text = format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n");
    for (key, value) in data {
        text.push_str(&format!("  {key}: {value:?}\n"));
    }
    text
}

/// A manifest without annotations, as YAML, with one.
pub(crate) fn annotated(manifest: &str, annotation: &str, value: &str) -> String {
    let metadata = format!("metadata:\n  annotations: {{{annotation}: {value:?}}}\n");
    manifest.replacen("metadata:\n", &metadata, 1)
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
