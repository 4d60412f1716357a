//! What the scenarios share: a repository of `ConfigMaps`, an application of it, and how to tell that
//! the cluster is as Git says.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::support::{
    AuditEvent, AuditMark, ControlPlane, Controller, ControllerOptions, Namespace, Proxy,
    process::{self, Guarded},
};

/// Long enough for a machine that does much else.
pub(super) const LIMIT: Duration = Duration::from_mins(1);

/// The annotation with the tracking id.
const TRACKING: &str = "argocd.argoproj.io/tracking-id";
/// The annotation that asks for a refresh.
const REFRESH: &str = "argocd.argoproj.io/refresh";
/// Objects per file.
const FILE_OBJECTS: usize = 50;

/// `ConfigMaps` by name: the value of their key `v`.
pub(super) type Maps = BTreeMap<String, String>;

/// `count` `ConfigMaps` named `prefix` and a number, all with the value `v`.
pub(super) fn maps(prefix: &str, count: usize, v: &str) -> Maps {
    (0..count).map(|number| (format!("{prefix}-{number:03}"), v.to_owned())).collect()
}

/// A repository with a branch `main`.
pub(super) struct Repo {
    dir: PathBuf,
}

impl Repo {
    /// A repository without a commit.
    pub(super) fn new() -> Self {
        let repo = Self { dir: process::scratch_dir("chaos-repo") };
        repo.git("git init -q -b main . && git config gc.auto 0 && mkdir manifests");
        repo
    }

    /// Where it is.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Its URL.
    pub(super) fn url(&self) -> String {
        format!("file://{}", self.dir.display())
    }

    /// Commits exactly these `ConfigMaps`; returns the commit.
    pub(super) fn commit(&self, maps: &Maps) -> String {
        self.commit_with(maps, &[])
    }

    /// The same and other objects.
    pub(super) fn commit_with(&self, maps: &Maps, others: &[Value]) -> String {
        let dir = self.dir.join("manifests");
        fs::remove_dir_all(&dir).expect("it is there");
        fs::create_dir(&dir).expect("the parent is there");
        let maps: Vec<_> = maps.iter().collect();
        for (number, part) in maps.chunks(FILE_OBJECTS).enumerate() {
            let mut text = String::new();
            for (name, v) in part {
                let map = json!({
                    "apiVersion": "v1", "kind": "ConfigMap",
                    "metadata": {"name": name}, "data": {"v": v},
                });
                write!(text, "---\n{map}\n").expect("a String takes everything");
            }
            fs::write(dir.join(format!("{number:03}.yaml")), text).expect("it is writable");
        }
        for (number, other) in others.iter().enumerate() {
            let file = dir.join(format!("other-{number}.json"));
            fs::write(file, other.to_string()).expect("it is writable");
        }
        let author = "-c user.name=t -c user.email=t@t";
        let line = format!("git add -A && git {author} commit -q -m x && git rev-parse HEAD");
        self.git(&line).trim().to_owned()
    }

    fn git(&self, line: &str) -> String {
        let git = Guarded::new("sh").args(["-ec", line]).current_dir(&self.dir);
        let git = git.env("HOME", &self.dir).env("GIT_CONFIG_NOSYSTEM", "1");
        let output = git.output(None).expect("there is a shell");
        assert!(output.status.success(), "{line}: {}", output.stderr);
        output.stdout
    }
}

/// An application whose resource and whose objects are in one namespace.
pub(super) struct App {
    pub(super) namespace: Namespace,
    pub(super) repo: Repo,
    name: String,
}

impl App {
    /// Makes the resource: automated, with prune and selfHeal. Its kind must be served.
    pub(super) fn create(namespace: &Namespace, name: &str) -> Self {
        Self::create_with(namespace, name, &json!({"prune": true, "selfHeal": true}))
    }

    /// The same with another policy; `null` for an application that is synced by hand.
    pub(super) fn create_with(namespace: &Namespace, name: &str, automated: &Value) -> Self {
        let app = Self { namespace: namespace.clone(), repo: Repo::new(), name: name.to_owned() };
        let mut resource = json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
            "metadata": {
                "name": name,
                "finalizers": ["resources-finalizer.argocd.argoproj.io"],
            },
            "spec": {
                "project": "default",
                "source": {
                    "repoURL": app.repo.url(), "path": "manifests", "targetRevision": "main",
                },
                "destination": {
                    "server": "https://kubernetes.default.svc", "namespace": namespace.name(),
                },
            },
        });
        if !automated.is_null() {
            resource["spec"]["syncPolicy"] = json!({"automated": automated});
        }
        app.must("POST", &app.collection(), Some(&resource));
        app
    }

    fn collection(&self) -> String {
        format!("/apis/argoproj.io/v1alpha1/namespaces/{}/applications", self.namespace)
    }

    fn path(&self) -> String {
        format!("{}/{}", self.collection(), self.name)
    }

    #[track_caller]
    fn must(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let (_, text) = self.namespace.plane().must_request(method, path, body);
        serde_json::from_str(&text).expect("the server answers in JSON")
    }

    /// The resource; `null` when it can't be had now.
    pub(super) fn get(&self) -> Value {
        let answer = self.namespace.plane().request("GET", &self.path(), None);
        let text = answer.ok().filter(|(code, _)| *code == 200).map(|(_, text)| text);
        text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
    }

    /// Applies a merge patch to the resource, as a person would.
    #[track_caller]
    pub(super) fn patch(&self, patch: &Value) {
        self.namespace.kubectl(
            &["patch", "application", &self.name, "--type=merge", "-p", &patch.to_string()],
            None,
        );
    }

    /// Asks for the deletion of the resource and does not wait for it.
    #[track_caller]
    pub(super) fn delete(&self) {
        self.must("DELETE", &self.path(), None);
    }

    /// Asks for a refresh.
    #[track_caller]
    pub(super) fn refresh(&self) {
        self.patch(&json!({"metadata": {"annotations": {REFRESH: "normal"}}}));
    }

    /// Waits until the resource is as `is` wants it; fails with its status and the end of the log.
    pub(super) async fn until(
        &self,
        controller: &Controller,
        what: &str,
        is: impl Fn(&Value) -> bool,
    ) -> Value {
        let begin = Instant::now();
        loop {
            let app = self.get();
            if is(&app) {
                return app;
            }
            let late = begin.elapsed() > LIMIT;
            assert!(!late, "waited for {what} in vain\n{}", self.report(controller));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Status and log, for the message of a failure.
    pub(super) fn report(&self, controller: &Controller) -> String {
        let mut app = self.get();
        if let Some(status) = app["status"].as_object_mut() {
            status.remove("resources");
            if let Some(result) = status.get_mut("operationState").map(|s| &mut s["syncResult"])
                && let Some(result) = result.as_object_mut()
            {
                result.remove("resources");
            }
        }
        let log = controller.log();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(40)..].join("\n");
        let (spec, status) = (&app["operation"], &app["status"]);
        format!("operation: {spec}\nstatus: {status:#}\nend of the log:\n{tail}")
    }

    /// Waits until the cluster is as `commit` says and the status says so.
    pub(super) async fn synced(&self, controller: &Controller, commit: &str) -> Value {
        self.until(controller, &format!("the sync of {commit}"), |app| is_synced(app, commit)).await
    }

    /// The `ConfigMaps` that carry the application's tracking id, as they are in the cluster.
    pub(super) fn live(&self) -> Maps {
        let path = format!("/api/v1/namespaces/{}/configmaps", self.namespace);
        let list = self.must("GET", &path, None);
        let items = list["items"].as_array().expect("a list has items").iter();
        let mine = items.filter(|map| map["metadata"]["annotations"][TRACKING].is_string());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        mine.map(|map| (text(&map["metadata"]["name"]), text(&map["data"]["v"]))).collect()
    }

    /// Fails unless the cluster holds exactly `wanted`, the history tells each deployment once, and
    /// a forced pass writes nothing.
    pub(super) async fn assert_settled(&self, controller: &Controller, wanted: &Maps) {
        let live = self.live();
        let report = || self.report(controller);
        let differs: Vec<_> =
            wanted.iter().filter(|(name, v)| live.get(*name) != Some(v)).collect();
        let extra: Vec<_> = live.keys().filter(|name| !wanted.contains_key(*name)).collect();
        assert!(differs.is_empty(), "not as Git says: {differs:?}\n{}", report());
        assert!(extra.is_empty(), "left behind: {extra:?}\n{}", report());
        let app = self
            .until(controller, "no conditions, and nothing asked for", |app| {
                app["operation"].is_null()
                    && app["status"]["conditions"].as_array().is_none_or(Vec::is_empty)
            })
            .await;
        let history = app["status"]["history"].as_array().cloned().unwrap_or_default();
        let mut ids: Vec<_> = history.iter().map(|entry| entry["id"].as_i64()).collect();
        let entries = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), entries, "two deployments have one number: {history:#?}");
        self.assert_quiet(controller).await;
    }

    /// Fails unless a forced pass plans nothing: its only write takes the annotation off.
    pub(super) async fn assert_quiet(&self, controller: &Controller) {
        // The status may still be told what the last sync came to.
        let mut told = Vec::new();
        for _ in 0..5 {
            let mark = self.namespace.plane().audit_mark();
            self.refresh();
            self.until(controller, "the refresh", |app| {
                app["metadata"]["annotations"][REFRESH].is_null()
            })
            .await;
            let answered = |e: &AuditEvent| e.resource == "applications";
            let mut writes = self.writes(mark);
            while !writes.iter().any(answered) {
                tokio::time::sleep(Duration::from_millis(20)).await;
                writes = self.writes(mark);
            }
            // Events of a large sync are written at a leisurely pace.
            writes.retain(|event| event.resource != "events");
            told = writes.iter().map(|e| format!("{} {} {}", e.verb, e.uri, e.code)).collect();
            let report = || self.report(controller);
            assert!(writes.iter().all(answered), "a second pass writes: {told:#?}\n{}", report());
            if writes.len() == 1 {
                return;
            }
        }
        panic!("every pass writes: {told:#?}\n{}", self.report(controller));
    }

    /// The writes of Steadfast in the namespace since `mark`.
    pub(super) fn writes(&self, mark: AuditMark) -> Vec<AuditEvent> {
        let mut events = self.namespace.plane().audit(mark, "steadfast");
        events.retain(|event| event.is_write() && event.namespace == self.namespace.name());
        events
    }
}

/// True when the status says that `commit` is in the cluster, and how that came about.
pub(super) fn is_synced(app: &Value, commit: &str) -> bool {
    let status = &app["status"];
    status["sync"]["status"] == "Synced"
        && status["sync"]["revision"] == commit
        && status["operationState"]["phase"] == "Succeeded"
        && status["operationState"]["syncResult"]["revision"] == commit
        && status["health"]["status"] == "Healthy"
}

/// A controller of its own behind a proxy, with one application.
pub(super) struct Scene {
    pub(super) plane: Arc<ControlPlane>,
    pub(super) proxy: Proxy,
    pub(super) controller: Controller,
    pub(super) app: App,
}

impl Scene {
    /// Starts it on the shared control plane and syncs `first`; `None` without a test bed.
    pub(super) async fn start(name: &str, first: &Maps) -> Option<Self> {
        Self::start_with(ControlPlane::shared()?, name, first, |options| options).await
    }

    /// The same on any control plane, with other options.
    pub(super) async fn start_with(
        plane: Arc<ControlPlane>,
        name: &str,
        first: &Maps,
        with: impl FnOnce(ControllerOptions) -> ControllerOptions,
    ) -> Option<Self> {
        let namespace = plane.namespace(name).await;
        let proxy = Proxy::start(&plane);
        let mut options = ControllerOptions::new(namespace.name()).arg("--install-crds");
        options.kubeconfig = Some(proxy.kubeconfig().into());
        let controller = Controller::start(&plane, with(options));
        let app = App::create(&namespace, "shop");
        let scene = Self { plane, proxy, controller, app };
        scene.sync(first).await;
        Some(scene)
    }

    /// Commits `wanted` and waits until it is in the cluster.
    pub(super) async fn sync(&self, wanted: &Maps) {
        let commit = self.app.repo.commit(wanted);
        self.app.synced(&self.controller, &commit).await;
    }

    /// Waits until the proxy has done harm `count` times since `before`.
    pub(super) async fn harmed(&self, before: u64, count: u64) {
        let begin = Instant::now();
        while self.proxy.faults() < before + count {
            assert!(
                begin.elapsed() < LIMIT,
                "{} of {count} faults\n{}",
                self.proxy.faults() - before,
                self.app.report(&self.controller)
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Fails unless the cluster is as `wanted`, by the process that was there from the beginning.
    pub(super) async fn assert_settled(&self, wanted: &Maps) {
        self.app.assert_settled(&self.controller, wanted).await;
        assert_eq!(self.controller.status(), None, "{}", self.app.report(&self.controller));
    }
}

/// Numbers that look random, the same for the same seed.
pub(super) struct Random(u64);

impl Random {
    /// From `STEADFAST_TEST_SEED`, or by the clock. Prints the seed.
    pub(super) fn new() -> Self {
        let given = std::env::var("STEADFAST_TEST_SEED").ok().and_then(|text| text.parse().ok());
        let clock = || std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_nanos();
        let seed = given.unwrap_or_else(|| u64::try_from(clock() & 0xffff_ffff).expect("32 bits"));
        println!("STEADFAST_TEST_SEED={seed}");
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    /// Something below `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        // xorshift64*, Vigna 2016.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % end.max(1)
    }
}
