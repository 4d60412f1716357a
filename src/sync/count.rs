//! What the edges tell, as metrics: they know nothing of metrics themselves.

use crate::{
    cluster::Signal,
    report::metrics::{GitRequest, KubernetesRequest, Metrics},
    source::Polled,
};

/// Counts what the connection to a cluster tells.
pub(crate) fn signal(metrics: &Metrics, server: &str, signal: Signal<'_>) {
    match signal {
        Signal::Answered(answered) => metrics.kubernetes_request(KubernetesRequest {
            server,
            verb: answered.verb,
            resource: &answered.resource,
            code: answered.code,
            dry_run: answered.dry_run,
        }),
        Signal::Event(kind) => metrics.cluster_event(server, kind),
    }
}

/// Counts a poll: its fetch, if there was one, and the rest, which asked for the refs.
pub(crate) fn poll(metrics: &Metrics, polled: Polled<'_>) {
    let Polled { repository, took, fetching, ok } = polled;
    let asking = took.saturating_sub(fetching);
    metrics.git_request(repository, GitRequest::LsRemote, asking, ok);
    if !fetching.is_zero() {
        metrics.git_request(repository, GitRequest::Fetch, fetching, true);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{cluster::Answered, object::GroupKind, report::board::Board};

    #[test]
    fn what_the_edges_tell_is_on_the_metrics_page() {
        let metrics = Metrics::new("1");
        let answered =
            Answered { verb: "patch", resource: "deployments".into(), code: 200, dry_run: true };
        signal(&metrics, "https://k", Signal::Answered(&answered));
        signal(&metrics, "https://k", Signal::Event(&GroupKind::new("apps", "Deployment")));
        let repository = "https://me:secret@g/x.git";
        let took = Duration::from_millis(90);
        for fetching in [Duration::ZERO, Duration::from_millis(30)] {
            poll(&metrics, Polled { repository, took, fetching, ok: true });
        }
        poll(&metrics, Polled { repository, took, fetching: Duration::ZERO, ok: false });
        let page = metrics.render(&Board::default(), |_| true);
        for line in [
            "argocd_app_k8s_request_total{dry_run=\"true\",resource_kind=\"deployments\",\
             response_code=\"200\",server=\"https://k\",verb=\"patch\"} 1",
            "argocd_cluster_events_total{group=\"apps\",kind=\"Deployment\",\
             server=\"https://k\"} 1",
            "argocd_git_request_total{repo=\"https://g/x\",request_type=\"ls-remote\"} 3",
            "argocd_git_request_total{repo=\"https://g/x\",request_type=\"fetch\"} 1",
            "argocd_git_fetch_fail_total{repo=\"https://g/x\",request_type=\"ls-remote\"} 1",
        ] {
            assert!(page.lines().any(|shown| shown == line), "{line}\n{page}");
        }
    }
}
