//! Metrics: Argo CD's names and labels where the meaning is the same, so that existing dashboards
//! work, and `steadfast_*` for what only Steadfast has.
//!
//! Labels come from closed sets and from the names of things that somebody configured
//! (applications, repositories, clusters, served kinds), never from a request or from an object's
//! content. Series of an application that has left the board go with the next scrape.
//! docs/METRICS.md is generated from the definitions here; a test holds it.

mod apps;
mod define;
mod families;
mod process;

use std::{collections::BTreeSet, sync::Mutex, time::Duration};

use prometheus::{Registry, TextEncoder};

use crate::{object::GroupKind, report::board::Board};

pub(crate) use self::apps::is_automated;
use self::{
    define::Definer,
    families::{Applications, Clusters, Sources, Work},
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
    /// Comparing with the live objects.
    Observe,
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
    /// Plural of the resource.
    pub resource: &'a str,
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
    /// True while requests are answered and no watch has lost contact.
    pub connected: bool,
    /// Objects that the live store knows, tracked or only by name.
    pub objects: usize,
    /// Kinds that the cluster serves.
    pub kinds: usize,
    /// Kinds whose watch runs and whose list is complete.
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
    applications: Applications,
    clusters: Clusters,
    sources: Sources,
    work: Work,
}

impl Metrics {
    /// Defines every metric. `version` is the version of the program.
    pub fn new(version: &str) -> Self {
        let mut d = Definer::default();
        let build =
            d.gauge("steadfast_build_info", "Version of the program; always 1.", &["version"]);
        build.with_label_values(&[version]).set(1);
        Self {
            process: Process::define(&mut d),
            known: Mutex::default(),
            applications: Applications::define(&mut d),
            clusters: Clusters::define(&mut d),
            sources: Sources::define(&mut d),
            work: Work::define(&mut d),
            registry: d.registry,
            reference: d.rows,
        }
    }

    /// A pass over an application ended. `ok` is false when a stage stopped it.
    pub fn pass_finished(&self, app: AppLabels<'_>, took: Duration, ok: bool) {
        self.applications
            .reconcile
            .with_label_values(&[app.namespace, app.dest_server])
            .observe(took.as_secs_f64());
        self.work.passes.with_label_values(&[if ok { "ok" } else { "stopped" }]).inc();
    }

    /// A stage of a pass ended.
    pub fn stage_finished(&self, stage: Stage, took: Duration) {
        self.work.stage_seconds.with_label_values(&[stage.word()]).observe(took.as_secs_f64());
    }

    /// A sync operation ended in `phase` (Succeeded, Failed or Error).
    pub fn sync_finished(&self, app: AppLabels<'_>, phase: &str, dry_run: bool, took: Duration) {
        let AppLabels { namespace, name, project, dest_server } = app;
        let dry_run = if dry_run { "true" } else { "false" };
        self.applications
            .syncs
            .with_label_values(&[namespace, name, project, dest_server, phase, dry_run])
            .inc();
        self.applications
            .sync_seconds
            .with_label_values(&[namespace, name, project, dest_server])
            .inc_by(took.as_secs_f64());
    }

    /// A drift was seen on an object of this kind.
    pub fn drift_seen(&self, app: AppLabels<'_>, kind: &GroupKind) {
        let AppLabels { namespace, name, project, dest_server } = app;
        self.applications
            .drifts
            .with_label_values(&[namespace, name, project, dest_server, &kind.group, &kind.kind])
            .inc();
    }

    /// A drift was put back; `latency` runs from the arrival of its watch event.
    pub fn drift_corrected(&self, latency: Duration) {
        self.applications.drift_seconds.with_label_values(NONE).observe(latency.as_secs_f64());
    }

    /// A render was asked for; `hit` when the cached result held.
    pub fn render_asked(&self, hit: bool) {
        self.sources.renders.with_label_values(&[if hit { "hit" } else { "miss" }]).inc();
    }

    /// A request to a Git server ended. Credentials in `repo` are left out.
    pub fn git_request(&self, repo: &str, request: GitRequest, took: Duration, ok: bool) {
        let repo = apps::repository_label(repo);
        let labels = [repo.as_str(), request.word()];
        self.sources.requests.with_label_values(&labels).inc();
        self.sources.seconds.with_label_values(&labels).observe(took.as_secs_f64());
        if !ok {
            self.sources.failures.with_label_values(&labels).inc();
        }
    }

    /// A request to a Kubernetes API server ended.
    pub fn kubernetes_request(&self, request: KubernetesRequest<'_>) {
        let KubernetesRequest { server, verb, resource, code, dry_run } = request;
        let dry_run = if dry_run { "true" } else { "false" };
        self.clusters
            .requests
            .with_label_values(&[server, verb, resource, &code.to_string(), dry_run])
            .inc();
    }

    /// A watch event arrived.
    pub fn cluster_event(&self, server: &str, kind: &GroupKind) {
        self.clusters.events.with_label_values(&[server, &kind.group, &kind.kind]).inc();
    }

    /// Sets the gauges of a cluster. A version that changed replaces the old series.
    pub fn cluster(&self, state: ClusterState<'_>) {
        let ClusterState { server, name, version, .. } = state;
        apps::remove_where(&self.clusters.info, "server", &|known| known == server);
        apps::remove_where(&self.clusters.connected, "server", &|known| known == server);
        self.clusters.info.with_label_values(&[server, name, version]).set(1);
        self.clusters
            .connected
            .with_label_values(&[server, version])
            .set(i64::from(state.connected));
        self.clusters.objects.with_label_values(&[server]).set(whole(state.objects));
        self.clusters.kinds.with_label_values(&[server]).set(whole(state.kinds));
        self.clusters.watches.with_label_values(&[server]).set(whole(state.watches));
        self.clusters.age.with_label_values(&[server]).set(state.age_s);
    }

    pub(crate) fn webhook(&self, outcome: &'static str) {
        self.work.webhooks.with_label_values(&[outcome]).inc();
    }

    pub(crate) fn event(&self, fate: EventFate) {
        let word = match fate {
            EventFate::Written => "written",
            EventFate::Dropped => "dropped",
            EventFate::Failed => "failed",
        };
        self.work.events.with_label_values(&[word]).inc();
    }

    pub(crate) fn streams(&self, open: usize) {
        self.work.streams.with_label_values(NONE).set(whole(open));
    }

    pub(crate) fn review(&self, review: &'static str, verdict: &'static str) {
        self.work.reviews.with_label_values(&[review, verdict]).inc();
    }

    /// How many replicas share the applications, and how many of these this one acts for.
    pub fn shares(&self, replicas: usize, applications: usize) {
        self.work.replicas.with_label_values(NONE).set(whole(replicas));
        self.work.acting.with_label_values(NONE).set(whole(applications));
    }

    /// All metrics in Prometheus' text format, with the applications as they are on the board that
    /// `is_ours` says yes to: each is shown by one replica.
    pub fn render(&self, board: &Board, is_ours: impl Fn(&str) -> bool) -> String {
        let mut known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let apps = board.list();
        let names: BTreeSet<String> = apps.iter().map(|(name, _)| name.to_string()).collect();
        self.forget(known.difference(&names));
        *known = names;
        self.applications.info.reset();
        self.applications.condition.reset();
        for (_, app) in apps.iter().filter(|(name, _)| is_ours(name)) {
            self.show(&app.tree());
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
        apps::remove_where(&self.applications.syncs, "name", &is_gone);
        apps::remove_where(&self.applications.sync_seconds, "name", &is_gone);
        apps::remove_where(&self.applications.drifts, "name", &is_gone);
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
