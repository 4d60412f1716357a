//! What the controller writes, and how a scenario shows that nothing is left to do.

use std::{collections::BTreeSet, panic::Location};

use serde_json::{Value, json};

use crate::{
    common::Scene,
    support::{AuditEvent, AuditMark, LIMIT, waited_for},
};

/// The annotation that asks for a refresh.
const REFRESH: &str = "argocd.argoproj.io/refresh";
/// Passes after which an Application has to be quiet.
const PASSES_MAX: usize = 5;

impl Scene {
    /// What the controller wrote into both namespaces since `mark`, dry runs included. Left out are
    /// Leases, which replicas renew whatever happens.
    pub(crate) fn all_writes_since(&self, mark: AuditMark) -> Vec<AuditEvent> {
        let mine = [self.home.name(), self.target.name()];
        let mut events = self.plane.audit(mark, "steadfast");
        events.retain(|event| event.is_write() && event.resource != "leases");
        events.retain(|event| mine.contains(&event.namespace.as_str()));
        events
    }

    /// What the controller wrote into the target namespace since `mark`, dry runs left out.
    pub(crate) fn writes_since(&self, mark: AuditMark) -> Vec<AuditEvent> {
        let mut events = self.all_writes_since(mark);
        events.retain(|event| event.namespace == self.target.name() && !event.is_dry_run());
        events
    }

    /// Makes the controller look at an Application anew and waits until it has.
    #[track_caller]
    pub(crate) fn refresh(&self, name: &str, kind: &str) -> impl Future<Output = Value> {
        self.patch(name, &json!({"metadata": {"annotations": {REFRESH: kind}}}));
        self.until(name, "the refresh to be done", |app| {
            app["metadata"]["annotations"][REFRESH].is_null()
        })
    }

    /// Shows that the history tells each deployment once, that the controller still runs, and that
    /// a second pass plans nothing, as [`Self::assert_quiet`] does.
    #[track_caller]
    pub(crate) fn assert_settled(&self, name: &str) -> impl Future<Output = ()> {
        let place = Location::caller();
        let quiet = self.assert_quiet(name);
        async move {
            let app = quiet.await;
            let history = app["status"]["history"].as_array().map(Vec::as_slice);
            let history = history.unwrap_or_default();
            let ids: BTreeSet<_> = history.iter().map(|entry| entry["id"].as_i64()).collect();
            assert_eq!(ids.len(), history.len(), "{place}: one number twice: {history:#?}");
            assert_eq!(self.controller.status(), None, "{place}: {}", self.report(&app));
        }
    }

    /// Shows that a second pass plans nothing: after a refresh the Application is still in sync,
    /// and the only write, dry runs included, takes the annotation off. Returns the Application.
    #[track_caller]
    pub(crate) fn assert_quiet(&self, name: &str) -> impl Future<Output = Value> {
        let place = Location::caller();
        async move {
            let mut told = Vec::new();
            for _ in 0..PASSES_MAX {
                let mark = self.plane.audit_mark();
                let app = self.refresh(name, "normal").await;
                let report = || self.report(&app);
                assert_eq!(app["status"]["sync"]["status"], "Synced", "{place}: {}", report());
                let writes = self.writes_of_a_pass(name, mark, place).await;
                told = writes.iter().map(|e| format!("{} {} {}", e.verb, e.uri, e.code)).collect();
                let is_status = |event: &AuditEvent| event.resource == "applications";
                let second = "a second pass writes";
                assert!(writes.iter().all(is_status), "{place}: {second}: {told:#?}\n{}", report());
                if writes.len() == 1 {
                    return app;
                }
                // It may still have been told what the last sync came to.
            }
            panic!("{place}: every pass writes: {told:#?}\n{}", self.tail());
        }
    }

    /// What was written since `mark`, up to the end of a pass over an Application. Left out are
    /// Events, which come at a leisurely pace, and what other Applications are told.
    async fn writes_of_a_pass(
        &self,
        name: &str,
        mark: AuditMark,
        place: &Location<'_>,
    ) -> Vec<AuditEvent> {
        let is_told = |event: &AuditEvent| event.resource == "applications";
        // The log is in order: when the end of the pass stands in it, so does all before.
        let look = async || {
            let mut writes = self.all_writes_since(mark);
            writes.retain(|e| e.resource != "events" && (!is_told(e) || e.name == name));
            writes.iter().any(is_told).then_some(writes)
        };
        let writes = waited_for(LIMIT, look).await;
        writes.unwrap_or_else(|| panic!("{place}: no pass in the audit log\n{}", self.tail()))
    }
}
