//! A control plane, a repository, and the controller between them.

use std::{
    ops::Range,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    bare::Bare,
    load::{KEY, LABEL, Load},
    support::{
        AuditEvent, AuditMark, ControlPlane, Controller, ControllerOptions, LIMIT, Namespace,
        PlaneOptions, Proxy, Repo, eventually, usage,
    },
    tail::Tail,
};

/// How long the controller has to say nothing before it counts as idle.
const QUIET: Duration = Duration::from_secs(5);
/// An application that is done, as the watch of [`Rig`] extracts it.
const DONE: &str = "Synced Healthy Succeeded ";

pub(crate) struct Rig {
    pub(crate) plane: Arc<ControlPlane>,
    pub(crate) bare: Bare,
    pub(crate) home: Namespace,
    pub(crate) repo: Repo,
    pub(crate) load: Load,
    pub(crate) controller: Controller,
    /// The ConfigMaps of the load, by the round in them.
    pub(crate) maps: Tail,
    /// The applications, by how they are and by their commit.
    pub(crate) apps: Tail,
    /// Between the controller and the API server, where somebody wants to do harm there.
    proxy: Option<Proxy>,
    hooks: reqwest::Client,
}

impl Rig {
    /// A controller that has nothing to do yet. `None` without a test bed.
    pub(crate) async fn start(apps: usize, embedded: bool, harmed: bool) -> Option<Self> {
        let plane = ControlPlane::own(PlaneOptions { embedded, ..PlaneOptions::default() })?;
        let plane = Arc::new(plane);
        let bare = Bare::new(&plane);
        let home = plane.namespace("argocd").await;
        let load = Load { name: "load", apps };
        let repo = Repo::init("bench");
        for number in 0..apps {
            for (path, text) in load.files(number) {
                repo.write(&path, &text);
            }
        }
        repo.commit("all of it");
        let mut options = ControllerOptions::new(home.name()).arg("--install-crds");
        // The default.
        options.poll_interval = "30s".into();
        let proxy = harmed.then(|| Proxy::start(&plane));
        options.kubeconfig = proxy.as_ref().map(|proxy| proxy.kubeconfig().into());
        let controller = Controller::start(&plane, options);
        let selector = format!("{LABEL}={}", load.name);
        let maps = Tail::open(&bare, "/api/v1/configmaps", Some(selector), round);
        let path = format!("/apis/argoproj.io/v1alpha1/namespaces/{home}/applications");
        let apps = Tail::open(&bare, &path, None, progress);
        let hooks = reqwest::Client::builder().no_proxy().build().expect("a client");
        Some(Self { plane, bare, home, repo, load, controller, maps, apps, proxy, hooks })
    }

    /// Starts a controller that goes on with the data of the one before, which has ended; returns
    /// when it was started.
    pub(crate) fn start_again(&mut self) -> Instant {
        let mut options = self.controller.options();
        options.await_ready = false;
        // The definitions are there: they would be applied again.
        options.args.clear();
        let begin = Instant::now();
        self.controller = Controller::start(&self.plane, options);
        begin
    }

    /// Makes the namespaces of a load, and waits until pods can run there.
    pub(crate) async fn prepare(&self, load: &Load) {
        let namespaces = load.namespaces();
        self.bare.apply_all(&namespaces).await;
        let ready = async || {
            let accounts = self.bare.read("/api/v1/serviceaccounts").await;
            let of = |account: &&Value| {
                let text = |field: &str| account["metadata"][field].as_str().unwrap_or_default();
                text("name") == "default" && text("namespace").starts_with(load.name)
            };
            let accounts = accounts["items"].as_array().into_iter().flatten().filter(of);
            (accounts.count() == namespaces.len()).then_some(())
        };
        eventually(LIMIT * 5, "the accounts of the namespaces", ready).await;
    }

    /// Makes the Application resources.
    pub(crate) async fn open(&mut self) {
        self.prepare(&self.load.clone()).await;
        let (count, home, url) = (self.load.apps, self.home.name(), self.repo.url());
        let applications: Vec<_> =
            (0..count).map(|number| self.load.application(number, home, &url)).collect();
        self.bare.apply_all(&applications).await;
        self.apps.until("the applications to be told", |seen| seen.len() >= count).await;
    }

    /// Waits until all applications are synced to a commit and healthy; returns when the last was.
    pub(crate) async fn all_done(&mut self, commit: &str) -> Instant {
        self.done(0..self.load.apps, commit).await
    }

    /// The same of some of them.
    pub(crate) async fn done(&mut self, apps: Range<usize>, commit: &str) -> Instant {
        let home = self.home.name().to_owned();
        let apps: Vec<_> = apps.map(|number| (home.clone(), self.load.app(number))).collect();
        self.apps.values(&apps, &format!("{DONE}{commit}")).await
    }

    /// Tells the controller of a push, as GitHub would.
    pub(crate) async fn push(&self) {
        assert!(self.try_push().await, "the controller takes the push");
    }

    /// The same of a controller that may be away.
    pub(crate) async fn try_push(&self) -> bool {
        let clone_url = self.repo.url();
        let body = json!({"ref": "refs/heads/main", "repository": {"clone_url": clone_url}});
        let request = self.hooks.post(format!("{}/api/webhook", self.controller.url()));
        let request = request.header("x-github-event", "push").json(&body);
        request.send().await.is_ok_and(|answer| answer.status().is_success())
    }

    /// The proxy between the controller and the API server.
    pub(crate) fn proxy(&self) -> &Proxy {
        self.proxy.as_ref().expect("it was asked for")
    }

    /// The query that selects the objects of the load.
    pub(crate) fn selector(&self) -> String {
        format!("labelSelector={LABEL}={}", self.load.name)
    }

    /// The id of a ConfigMap, as the watch tells it.
    pub(crate) fn map(&self, app: usize, part: usize) -> (String, String) {
        (self.load.namespace(app), self.load.map_name(app, part))
    }

    /// What the controller asked of the API server since a moment.
    pub(crate) fn asked(&self, since: AuditMark) -> Vec<AuditEvent> {
        self.plane.audit(since, "steadfast")
    }

    /// Waits until the controller has nothing more to do.
    pub(crate) async fn quiet(&self) {
        loop {
            let mark = self.plane.audit_mark();
            tokio::time::sleep(QUIET).await;
            if self.asked(mark).is_empty() {
                return;
            }
        }
    }

    /// Resident memory of the controller in MiB, now and at most.
    pub(crate) fn memory(&self) -> (f64, f64) {
        let memory = usage::memory(self.controller.pid());
        (mib(memory.now), mib(memory.most))
    }

    /// Where the log of the controller is, for a person who looks into a run.
    pub(crate) fn logs(&self) -> PathBuf {
        self.plane.logs_path().to_owned()
    }
}

#[expect(clippy::cast_precision_loss, reason = "no process has 2^53 bytes")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn round(map: &Value) -> String {
    map["data"][KEY].as_str().unwrap_or_default().to_owned()
}

fn progress(app: &Value) -> String {
    let status = &app["status"];
    let words = [
        &status["sync"]["status"],
        &status["health"]["status"],
        &status["operationState"]["phase"],
        &status["sync"]["revision"],
    ];
    words.map(|word| word.as_str().unwrap_or("-")).join(" ")
}
