//! Metrics: Argo CD's names and labels where the meaning is the same, so that existing dashboards
//! work, and `steadfast_*` for what only Steadfast has.
//!
//! Labels come from closed sets and from the names of things that somebody configured
//! (applications, repositories, clusters, served kinds), never from a request or from an object's
//! content. Series of an application that has left the board go with the next scrape.
//! docs/METRICS.md is generated from the definitions here; a test holds it.

mod apps;
mod define;
mod process;

use std::{collections::BTreeSet, sync::Mutex, time::Duration};

use prometheus::{GaugeVec, HistogramVec, IntCounterVec, IntGaugeVec, Registry, TextEncoder};

use crate::{object::GroupKind, report::board::Board};

pub(crate) use self::apps::is_automated;
use self::{
    define::{APP, Definer, SECONDS_FINE, SECONDS_GIT, SECONDS_PASS},
    process::Process,
};

/// What identifies an application in a series.
#[derive(Debug, Clone, Copy)]
pub struct AppLabels<'a> {
    /// Namespace of the Application resource.
    pub namespace: &'a str,
    /// Name of the application.
    pub name: &'a str,
    /// Its project.
    pub project: &'a str,
    /// Address of the cluster that it is deployed to.
    pub dest_server: &'a str,
}

/// A part of a pass whose duration is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Finding the commit.
    Source,
    /// Files to objects.
    Render,
    /// Waiting for the live objects.
    Observe,
    /// Deciding.
    Plan,
    /// Writing to the cluster.
    Apply,
    /// Writing the status.
    Report,
}

impl Stage {
    fn word(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Render => "render",
            Self::Observe => "observe",
            Self::Plan => "plan",
            Self::Apply => "apply",
            Self::Report => "report",
        }
    }
}

/// A kind of request to a Git server, in Argo CD's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GitRequest {
    /// Asking for the refs.
    LsRemote,
    /// Fetching objects.
    Fetch,
}

impl GitRequest {
    fn word(self) -> &'static str {
        match self {
            Self::LsRemote => "ls-remote",
            Self::Fetch => "fetch",
        }
    }
}

/// One request to a Kubernetes API server.
#[derive(Debug, Clone, Copy)]
pub struct KubernetesRequest<'a> {
    /// Address of the cluster.
    pub server: &'a str,
    /// Verb as Kubernetes audits it: get, list, watch, create, patch, update, delete.
    pub verb: &'a str,
    /// Kind of the object.
    pub kind: &'a str,
    /// HTTP status; 0 when there was no answer.
    pub code: u16,
    /// True for a dry run.
    pub dry_run: bool,
}

/// The state of one cluster, set as a whole.
#[derive(Debug, Clone, Copy)]
pub struct ClusterState<'a> {
    /// Address of the cluster.
    pub server: &'a str,
    /// Name under which it is known.
    pub name: &'a str,
    /// Kubernetes version, for example `v1.33.2`.
    pub version: &'a str,
    /// True while requests are answered and every watch runs.
    pub connected: bool,
    /// Objects kept in the live store.
    pub objects: usize,
    /// Kinds that the cluster serves.
    pub kinds: usize,
    /// Watches that are open.
    pub watches: usize,
    /// Seconds since the slowest watch last heard from the server.
    pub age_s: f64,
}

/// What became of a Kubernetes Event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventFate {
    /// Written, or counted on one that was.
    Written,
    /// Given up because the queue was full.
    Dropped,
    /// The API server did not take it.
    Failed,
}

/// All metrics of the process, in a registry of their own.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    reference: Vec<define::Row>,
    process: Process,
    /// Names that were on the board at the last scrape; the lock also keeps scrapes apart.
    known: Mutex<BTreeSet<String>>,
    app_info: IntGaugeVec,
    app_condition: IntGaugeVec,
    sync_total: IntCounterVec,
    sync_seconds: GaugeVec,
    reconcile: HistogramVec,
    kubernetes_requests: IntCounterVec,
    cluster_info: IntGaugeVec,
    cluster_connected: IntGaugeVec,
    cluster_objects: IntGaugeVec,
    cluster_kinds: IntGaugeVec,
    cluster_age: GaugeVec,
    cluster_events: IntCounterVec,
    cluster_watches: IntGaugeVec,
    git_requests: IntCounterVec,
    git_failures: IntCounterVec,
    git_seconds: HistogramVec,
    webhooks: IntCounterVec,
    passes: IntCounterVec,
    stage_seconds: HistogramVec,
    drifts: IntCounterVec,
    drift_seconds: HistogramVec,
    render_cache: IntCounterVec,
    events: IntCounterVec,
    streams: IntGaugeVec,
    reviews: IntCounterVec,
}

impl Metrics {
    /// Defines every metric. `version` is the version of the program.
    pub fn new(version: &str) -> Self {
        let mut d = Definer::default();
        let build =
            d.gauge("steadfast_build_info", "Version of the program; always 1.", &["version"]);
        build.with_label_values(&[version]).set(1);
        let process = Process::define(&mut d);
        Self {
            app_info: d.gauge(
                "argocd_app_info",
                "What an application is; always 1.",
                &[
                    "namespace",
                    "name",
                    "project",
                    "autosync_enabled",
                    "repo",
                    "dest_server",
                    "dest_namespace",
                    "sync_status",
                    "health_status",
                    "operation",
                ],
            ),
            app_condition: d.gauge(
                "argocd_app_condition",
                "Conditions of an application; 1 while one is there.",
                &["namespace", "name", "project", "condition"],
            ),
            sync_total: d.counter(
                "argocd_app_sync_total",
                "Sync operations that ended.",
                &[APP[0], APP[1], APP[2], APP[3], "phase", "dry_run"],
            ),
            sync_seconds: d.float(
                "argocd_app_sync_duration_seconds_total",
                "Seconds spent in sync operations that ended.",
                &APP,
            ),
            reconcile: d.histogram(
                "argocd_app_reconcile",
                "Seconds that one pass over an application took.",
                SECONDS_PASS,
                &["namespace", "dest_server"],
            ),
            kubernetes_requests: d.counter(
                "argocd_app_k8s_request_total",
                "Requests to Kubernetes; response_code 0 means no answer.",
                &["server", "verb", "resource_kind", "response_code", "dry_run"],
            ),
            cluster_info: d.gauge(
                "argocd_cluster_info",
                "A cluster; always 1.",
                &["server", "name", "k8s_version"],
            ),
            cluster_connected: d.gauge(
                "argocd_cluster_connection_status",
                "1 while the cluster answers and every watch runs.",
                &["server", "k8s_version"],
            ),
            cluster_objects: d.gauge(
                "argocd_cluster_api_resource_objects",
                "Objects kept in the live store.",
                &["server"],
            ),
            cluster_kinds: d.gauge(
                "argocd_cluster_api_resources",
                "Kinds that the cluster serves.",
                &["server"],
            ),
            cluster_age: d.float(
                "argocd_cluster_cache_age_seconds",
                "Seconds since the slowest watch last heard from the server.",
                &["server"],
            ),
            cluster_events: d.counter(
                "argocd_cluster_events_total",
                "Watch events that arrived.",
                &["server", "group", "kind"],
            ),
            cluster_watches: d.gauge("steadfast_cluster_watches", "Open watches.", &["server"]),
            git_requests: d.counter(
                "argocd_git_request_total",
                "Requests to Git servers.",
                &["repo", "request_type"],
            ),
            git_failures: d.counter(
                "argocd_git_fetch_fail_total",
                "Requests to Git servers that failed.",
                &["repo", "request_type"],
            ),
            git_seconds: d.histogram(
                "argocd_git_request_duration_seconds",
                "Seconds that a request to a Git server took.",
                SECONDS_GIT,
                &["repo", "request_type"],
            ),
            webhooks: d.counter(
                "argocd_webhook_requests_total",
                "Webhook requests by what became of them.",
                &["outcome"],
            ),
            passes: d.counter("steadfast_passes_total", "Passes by outcome.", &["outcome"]),
            stage_seconds: d.histogram(
                "steadfast_pass_stage_seconds",
                "Seconds that one stage of a pass took.",
                SECONDS_FINE,
                &["stage"],
            ),
            drifts: d.counter(
                "steadfast_drift_total",
                "Drifts that were seen.",
                &[APP[0], APP[1], APP[2], APP[3], "group", "kind"],
            ),
            drift_seconds: d.histogram(
                "steadfast_drift_correction_seconds",
                "Seconds from the arrival of a drift's watch event to the write that put it back.",
                SECONDS_FINE,
                &[],
            ),
            render_cache: d.counter(
                "steadfast_render_cache_total",
                "Renders by whether the cached result held.",
                &["result"],
            ),
            events: d.counter(
                "steadfast_events_total",
                "Kubernetes Events by what became of them.",
                &["outcome"],
            ),
            streams: d.gauge("steadfast_api_streams", "Open server-sent event streams.", &[]),
            reviews: d.counter(
                "steadfast_api_reviews_total",
                "Token and access reviews asked of Kubernetes, by verdict.",
                &["review", "verdict"],
            ),
            process,
            known: Mutex::default(),
            registry: d.registry,
            reference: d.rows,
        }
    }

    /// A pass over an application ended. `ok` is false when a stage stopped it.
    pub fn pass_finished(&self, app: AppLabels<'_>, took: Duration, ok: bool) {
        self.reconcile
            .with_label_values(&[app.namespace, app.dest_server])
            .observe(took.as_secs_f64());
        self.passes.with_label_values(&[if ok { "ok" } else { "stopped" }]).inc();
    }

    /// A stage of a pass ended.
    pub fn stage_finished(&self, stage: Stage, took: Duration) {
        self.stage_seconds.with_label_values(&[stage.word()]).observe(took.as_secs_f64());
    }

    /// A sync operation ended in `phase` (Succeeded, Failed or Error).
    pub fn sync_finished(&self, app: AppLabels<'_>, phase: &str, dry_run: bool, took: Duration) {
        let AppLabels { namespace, name, project, dest_server } = app;
        let dry_run = if dry_run { "true" } else { "false" };
        self.sync_total
            .with_label_values(&[namespace, name, project, dest_server, phase, dry_run])
            .inc();
        self.sync_seconds
            .with_label_values(&[namespace, name, project, dest_server])
            .add(took.as_secs_f64());
    }

    /// A drift was seen on an object of this kind.
    pub fn drift_seen(&self, app: AppLabels<'_>, kind: &GroupKind) {
        let AppLabels { namespace, name, project, dest_server } = app;
        self.drifts
            .with_label_values(&[namespace, name, project, dest_server, &kind.group, &kind.kind])
            .inc();
    }

    /// A drift was put back; `latency` runs from the arrival of its watch event.
    pub fn drift_corrected(&self, latency: Duration) {
        self.drift_seconds.with_label_values(NONE).observe(latency.as_secs_f64());
    }

    /// A render was asked for; `hit` when the cached result held.
    pub fn render_asked(&self, hit: bool) {
        self.render_cache.with_label_values(&[if hit { "hit" } else { "miss" }]).inc();
    }

    /// A request to a Git server ended. Credentials in `repo` are left out.
    pub fn git_request(&self, repo: &str, request: GitRequest, took: Duration, ok: bool) {
        let repo = apps::repository_label(repo);
        let labels = [repo.as_str(), request.word()];
        self.git_requests.with_label_values(&labels).inc();
        self.git_seconds.with_label_values(&labels).observe(took.as_secs_f64());
        if !ok {
            self.git_failures.with_label_values(&labels).inc();
        }
    }

    /// A request to a Kubernetes API server ended.
    pub fn kubernetes_request(&self, request: KubernetesRequest<'_>) {
        let KubernetesRequest { server, verb, kind, code, dry_run } = request;
        let dry_run = if dry_run { "true" } else { "false" };
        self.kubernetes_requests
            .with_label_values(&[server, verb, kind, &code.to_string(), dry_run])
            .inc();
    }

    /// A watch event arrived.
    pub fn cluster_event(&self, server: &str, kind: &GroupKind) {
        self.cluster_events.with_label_values(&[server, &kind.group, &kind.kind]).inc();
    }

    /// Sets the gauges of a cluster. A version that changed replaces the old series.
    pub fn cluster(&self, state: ClusterState<'_>) {
        let ClusterState { server, name, version, .. } = state;
        apps::remove_where(&self.cluster_info, "server", &|known| known == server);
        apps::remove_where(&self.cluster_connected, "server", &|known| known == server);
        self.cluster_info.with_label_values(&[server, name, version]).set(1);
        self.cluster_connected
            .with_label_values(&[server, version])
            .set(i64::from(state.connected));
        self.cluster_objects.with_label_values(&[server]).set(whole(state.objects));
        self.cluster_kinds.with_label_values(&[server]).set(whole(state.kinds));
        self.cluster_watches.with_label_values(&[server]).set(whole(state.watches));
        self.cluster_age.with_label_values(&[server]).set(state.age_s);
    }

    pub(crate) fn webhook(&self, outcome: &'static str) {
        self.webhooks.with_label_values(&[outcome]).inc();
    }

    pub(crate) fn event(&self, fate: EventFate) {
        let word = match fate {
            EventFate::Written => "written",
            EventFate::Dropped => "dropped",
            EventFate::Failed => "failed",
        };
        self.events.with_label_values(&[word]).inc();
    }

    pub(crate) fn streams(&self, open: usize) {
        self.streams.with_label_values(NONE).set(whole(open));
    }

    pub(crate) fn review(&self, review: &'static str, verdict: &'static str) {
        self.reviews.with_label_values(&[review, verdict]).inc();
    }

    /// All metrics in Prometheus' text format, the applications as they are on the board.
    pub fn render(&self, board: &Board) -> String {
        let mut known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let apps = board.list();
        let names: BTreeSet<String> =
            apps.iter().map(|app| crate::object::meta::name(app).to_owned()).collect();
        self.forget(known.difference(&names));
        *known = names;
        self.app_info.reset();
        self.app_condition.reset();
        for app in &apps {
            self.show(app);
        }
        self.process.measure();
        let mut text = String::new();
        // Writing to a string fails only for a family without samples, which gather leaves out.
        let _ = TextEncoder::new().encode_utf8(&self.registry.gather(), &mut text);
        text
    }

    fn forget<'a>(&self, gone: impl Iterator<Item = &'a String>) {
        let gone: BTreeSet<&str> = gone.map(String::as_str).collect();
        if gone.is_empty() {
            return;
        }
        let is_gone = |name: &str| gone.contains(name);
        apps::remove_where(&self.sync_total, "name", &is_gone);
        apps::remove_where(&self.sync_seconds, "name", &is_gone);
        apps::remove_where(&self.drifts, "name", &is_gone);
    }

    /// The content of docs/METRICS.md.
    pub fn reference(&self) -> String {
        define::markdown(&self.reference)
    }

    /// Names of all series that are there, for tests that look for one.
    #[cfg(test)]
    fn families(&self) -> Vec<String> {
        self.registry.gather().iter().map(|family| family.name().to_owned()).collect()
    }

    #[cfg(test)]
    fn series_of(collector: &impl prometheus::core::Collector) -> usize {
        collector.collect().iter().map(|family| family.get_metric().len()).sum()
    }
}

/// No label values.
const NONE: &[&str] = &[];

/// A count as a gauge holds it.
fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
