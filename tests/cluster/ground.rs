//! What the scenarios about input stand on: a repository, a controller with a namespace of its own
//! for its applications, and a namespace for what they deploy.

pub(crate) mod repository;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

pub(crate) use self::repository::Repository;
use crate::support::{
    AuditEvent, AuditMark, ControlPlane, Controller, ControllerOptions, Namespace,
};

/// Long enough for a machine that does much else.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);
/// Lines of the controller's log that a failure shows.
const LOG_LINES_SHOWN: usize = 25;

/// A controller and its two namespaces.
pub(crate) struct Ground {
    pub(crate) plane: Arc<ControlPlane>,
    /// Where its Application resources are.
    pub(crate) home: Namespace,
    /// Where its applications deploy to.
    pub(crate) target: Namespace,
    pub(crate) controller: Controller,
}

/// A Kubernetes Event on an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) kind: String,
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) count: u64,
}

impl Ground {
    /// Starts a controller that may do everything and polls each second.
    pub(crate) async fn start(plane: &Arc<ControlPlane>, name: &str) -> Self {
        Self::start_with(plane, name, |options| options).await
    }

    /// Starts a controller with changed options.
    pub(crate) async fn start_with(
        plane: &Arc<ControlPlane>,
        name: &str,
        change: impl FnOnce(ControllerOptions) -> ControllerOptions,
    ) -> Self {
        let home = plane.namespace(&format!("{name}-home")).await;
        let target = plane.namespace(name).await;
        let options = ControllerOptions::new(home.name()).arg("--install-crds");
        let controller = Controller::start(plane, change(options));
        Self { plane: Arc::clone(plane), home, target, controller }
    }

    /// An application of `path` in `repository` that syncs, prunes and heals by itself.
    pub(crate) fn application(&self, name: &str, url: &str, path: &str) -> Value {
        json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
            "metadata": {"name": name, "namespace": self.home.name()},
            "spec": {
                "project": "default",
                "source": {"repoURL": url, "path": path, "targetRevision": "main"},
                "destination": {
                    "server": "https://kubernetes.default.svc", "namespace": self.target.name(),
                },
                "syncPolicy": {"automated": {"prune": true, "selfHeal": true}},
            },
        })
    }

    /// Creates or changes a resource in the controller's namespace.
    #[track_caller]
    pub(crate) fn apply(&self, resource: &Value) {
        self.home.apply(&resource.to_string());
    }

    /// Creates an application of `path` that syncs by itself.
    #[track_caller]
    pub(crate) fn add(&self, name: &str, url: &str, path: &str) {
        self.apply(&self.application(name, url, path));
    }

    /// The Application resource.
    pub(crate) fn app(&self, name: &str) -> Value {
        let path = format!(
            "/apis/argoproj.io/v1alpha1/namespaces/{}/applications/{name}",
            self.home.name()
        );
        match self.plane.request("GET", &path, None) {
            Ok((200, text)) => serde_json::from_str(&text).expect("the answer is JSON"),
            _ => Value::Null,
        }
    }

    /// Waits until `wanted` is true of the Application resource.
    #[track_caller]
    pub(crate) fn until(
        &self,
        name: &str,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> impl Future<Output = Value> {
        let place = std::panic::Location::caller();
        async move {
            match self.seen(name, what, wanted).await {
                Ok(app) => app,
                Err(report) => panic!("{report}\nat {place}"),
            }
        }
    }

    /// The same, with a report instead of a panic when it does not become true.
    pub(crate) async fn seen(
        &self,
        name: &str,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value, String> {
        let begin = Instant::now();
        loop {
            let app = self.app(name);
            if wanted(&app) {
                return Ok(app);
            }
            if begin.elapsed() > LIMIT {
                let report = self.report(name, &app);
                return Err(format!("waited {LIMIT:?} for {name} {what} in vain\n{report}"));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until the application is in sync at `revision` and says nothing is wrong.
    #[track_caller]
    pub(crate) fn until_synced(&self, name: &str, revision: &str) -> impl Future<Output = Value> {
        self.until(name, "to be synced and content", move |app| {
            is_synced(app, revision) && conditions(app).is_empty()
        })
    }

    /// What there is to see of an application, for the message of a failure.
    pub(crate) fn report(&self, name: &str, app: &Value) -> String {
        let log = self.controller.log();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n");
        let mut status = app["status"].clone();
        if let Some(status) = status.as_object_mut() {
            status.remove("history");
        }
        let events = self.events(name);
        let events: Vec<String> = events
            .iter()
            .map(|event| {
                format!("{} {} x{}: {}", event.kind, event.reason, event.count, event.message)
            })
            .collect();
        format!("status: {status:#}\nevents:\n{}\nlog:\n{tail}", events.join("\n"))
    }

    /// The Events on an application.
    pub(crate) fn events(&self, name: &str) -> Vec<Event> {
        let path = format!(
            "/api/v1/namespaces/{}/events?fieldSelector=involvedObject.name={name}",
            self.home.name()
        );
        let (_, text) = self.plane.must_request("GET", &path, None);
        let list: Value = serde_json::from_str(&text).expect("the answer is JSON");
        let text = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
        let read = |event: &Value| Event {
            kind: text(event, "type"),
            reason: text(event, "reason"),
            message: text(event, "message"),
            count: event["count"].as_u64().unwrap_or(1),
        };
        list["items"].as_array().into_iter().flatten().map(read).collect()
    }

    /// A field of an object in the target namespace; `None` when the object is not there.
    pub(crate) fn field(&self, kind: &str, name: &str, pointer: &str) -> Option<Value> {
        let args = ["get", kind, name, "-o", "json", "-n", self.target.name()];
        let output = self.plane.try_kubectl(&args, None);
        let object: Value = serde_json::from_str(&output.stdout).ok()?;
        Some(object.pointer(pointer).cloned().unwrap_or_default())
    }

    /// Value of `key` in a ConfigMap of the target namespace.
    pub(crate) fn config(&self, name: &str, key: &str) -> Option<String> {
        let value = self.field("configmap", name, &format!("/data/{key}"))?;
        value.as_str().map(str::to_owned)
    }

    /// What the controller wrote since `mark` in its two namespaces, dry runs excepted.
    pub(crate) fn writes(&self, mark: AuditMark) -> Vec<AuditEvent> {
        let mine = [self.home.name(), self.target.name()];
        let events = self.plane.audit(mark, "steadfast").into_iter();
        events
            .filter(|event| event.is_write() && !event.is_dry_run())
            .filter(|event| mine.contains(&event.namespace.as_str()))
            .collect()
    }

    /// A page of the status API as JSON; the caller is local and needs no token.
    #[track_caller]
    pub(crate) fn api(&self, path: &str) -> Value {
        let (code, body) = self.controller.get(path).expect("the status API answers");
        assert_eq!(code, 200, "{path}: {body}");
        serde_json::from_str(&body).expect("the answer is JSON")
    }

    /// The sum over the samples of a metric whose labels contain `label`.
    pub(crate) fn metric(&self, name: &str, label: &str) -> f64 {
        let (_, page) = self.controller.get("/metrics").expect("the metrics page");
        let samples = page.lines().filter(|line| !line.starts_with('#')).filter(|line| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with(['{', ' '])) && line.contains(label)
        });
        samples.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
    }
}

/// Whether the application is in sync at a commit.
pub(crate) fn is_synced(app: &Value, revision: &str) -> bool {
    let sync = &app["status"]["sync"];
    sync["status"] == "Synced" && sync["revision"] == revision
}

/// The conditions of an application as (type, message).
pub(crate) fn conditions(app: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = app["status"]["conditions"].as_array().into_iter().flatten();
    list.map(|condition| (text(&condition["type"]), text(&condition["message"]))).collect()
}

/// A ConfigMap with one key.
pub(crate) fn config_map(name: &str, value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  key: {value}\n")
}
