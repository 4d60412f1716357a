//! The metrics, by what they are about. Each definition stands here once.

use prometheus::{CounterVec, GaugeVec, HistogramVec, IntCounterVec, IntGaugeVec};

use super::define::{APP, Definer, SECONDS_FINE, SECONDS_GIT, SECONDS_PASS};

/// Applications and their syncs.
#[derive(Debug)]
pub(super) struct Applications {
    pub(super) info: IntGaugeVec,
    pub(super) condition: IntGaugeVec,
    pub(super) syncs: IntCounterVec,
    pub(super) sync_seconds: CounterVec,
    pub(super) reconcile: HistogramVec,
    pub(super) drifts: IntCounterVec,
    pub(super) drift_seconds: HistogramVec,
}

impl Applications {
    pub(super) fn define(d: &mut Definer) -> Self {
        let [namespace, name, project, dest_server] = APP;
        Self {
            info: d.gauge(
                "argocd_app_info",
                "What an application is; always 1.",
                &[
                    namespace,
                    name,
                    project,
                    "autosync_enabled",
                    "repo",
                    dest_server,
                    "dest_namespace",
                    "sync_status",
                    "health_status",
                    "operation",
                ],
            ),
            condition: d.gauge(
                "argocd_app_condition",
                "Conditions of an application; 1 while one is there.",
                &[namespace, name, project, "condition"],
            ),
            syncs: d.counter(
                "argocd_app_sync_total",
                "Sync operations that ended.",
                &[namespace, name, project, dest_server, "phase", "dry_run"],
            ),
            sync_seconds: d.float_counter(
                "argocd_app_sync_duration_seconds_total",
                "Seconds spent in sync operations that ended.",
                &APP,
            ),
            reconcile: d.histogram(
                "argocd_app_reconcile",
                "Seconds that one pass over an application took.",
                SECONDS_PASS,
                &[namespace, dest_server],
            ),
            drifts: d.counter(
                "steadfast_drift_total",
                "Drifts that were seen.",
                &[namespace, name, project, dest_server, "group", "kind"],
            ),
            drift_seconds: d.histogram(
                "steadfast_drift_correction_seconds",
                "Seconds from the arrival of a drift's watch event to the write that put it back.",
                SECONDS_FINE,
                &[],
            ),
        }
    }
}

/// Clusters and requests to them.
#[derive(Debug)]
pub(super) struct Clusters {
    pub(super) requests: IntCounterVec,
    pub(super) info: IntGaugeVec,
    pub(super) connected: IntGaugeVec,
    pub(super) objects: IntGaugeVec,
    pub(super) kinds: IntGaugeVec,
    pub(super) age: GaugeVec,
    pub(super) events: IntCounterVec,
    pub(super) watches: IntGaugeVec,
}

impl Clusters {
    pub(super) fn define(d: &mut Definer) -> Self {
        const SERVER: &str = "server";
        Self {
            requests: d.counter(
                "argocd_app_k8s_request_total",
                "Requests to Kubernetes by verb and plural of the resource; response_code 0 means no answer.",
                &[SERVER, "verb", "resource_kind", "response_code", "dry_run"],
            ),
            info: d.gauge(
                "argocd_cluster_info",
                "A cluster; always 1.",
                &[SERVER, "name", "k8s_version"],
            ),
            connected: d.gauge(
                "argocd_cluster_connection_status",
                "1 while the cluster answers and no watch has lost contact.",
                &[SERVER, "k8s_version"],
            ),
            objects: d.gauge(
                "argocd_cluster_api_resource_objects",
                "Objects that the live store knows, tracked or only by name.",
                &[SERVER],
            ),
            kinds: d.gauge(
                "argocd_cluster_api_resources",
                "Kinds that the cluster serves.",
                &[SERVER],
            ),
            age: d.float_gauge(
                "argocd_cluster_cache_age_seconds",
                "Seconds since the slowest watch last heard from the server.",
                &[SERVER],
            ),
            events: d.counter(
                "argocd_cluster_events_total",
                "Changes that watches of the live store have told.",
                &[SERVER, "group", "kind"],
            ),
            watches: d.gauge(
                "steadfast_cluster_watches",
                "Kinds whose watch runs and whose list is complete.",
                &[SERVER],
            ),
        }
    }
}

/// Sources: Git and rendering.
#[derive(Debug)]
pub(super) struct Sources {
    pub(super) requests: IntCounterVec,
    pub(super) failures: IntCounterVec,
    pub(super) seconds: HistogramVec,
    pub(super) renders: IntCounterVec,
}

impl Sources {
    pub(super) fn define(d: &mut Definer) -> Self {
        const LABELS: [&str; 2] = ["repo", "request_type"];
        Self {
            requests: d.counter(
                "argocd_git_request_total",
                "Requests to Git servers: ls-remote is a poll, fetch the part of one that brought \
                 commits.",
                &LABELS,
            ),
            failures: d.counter(
                "argocd_git_fetch_fail_total",
                "Polls of Git servers that failed, whatever part of them.",
                &LABELS,
            ),
            seconds: d.histogram(
                "argocd_git_request_duration_seconds",
                "Seconds that a request to a Git server took.",
                SECONDS_GIT,
                &LABELS,
            ),
            renders: d.counter(
                "steadfast_render_cache_total",
                "Renders by whether the cached result held (hit, miss).",
                &["result"],
            ),
        }
    }
}

/// The loop itself, and what it tells people.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) passes: IntCounterVec,
    pub(super) replicas: IntGaugeVec,
    pub(super) acting: IntGaugeVec,
    pub(super) stage_seconds: HistogramVec,
    pub(super) events: IntCounterVec,
    pub(super) webhooks: IntCounterVec,
    pub(super) streams: IntGaugeVec,
    pub(super) reviews: IntCounterVec,
}

impl Work {
    pub(super) fn define(d: &mut Definer) -> Self {
        Self {
            passes: d.counter(
                "steadfast_passes_total",
                "Passes by outcome (ok, stopped).",
                &["outcome"],
            ),
            replicas: d.gauge(
                "steadfast_replicas",
                "Replicas that share the applications, as this one sees them.",
                &[],
            ),
            acting: d.gauge(
                "steadfast_applications_owned",
                "Applications that this replica acts for.",
                &[],
            ),
            stage_seconds: d.histogram(
                "steadfast_pass_stage_seconds",
                "Seconds that one stage of a pass took.",
                SECONDS_FINE,
                &["stage"],
            ),
            events: d.counter(
                "steadfast_events_total",
                "Kubernetes Events by what became of them (written, dropped, failed).",
                &["outcome"],
            ),
            webhooks: d.counter(
                "argocd_webhook_requests_total",
                "Webhook requests by what became of them (accepted, unsigned, unreadable, \
                 too_large, busy).",
                &["outcome"],
            ),
            streams: d.gauge("steadfast_api_streams", "Open server-sent event streams.", &[]),
            reviews: d.counter(
                "steadfast_api_reviews_total",
                "Reviews asked of Kubernetes (token, access), by verdict (allowed, denied).",
                &["review", "verdict"],
            ),
        }
    }
}
