//! Deleting an application, with or without its objects.
//!
//! Rule: the finalizers of Argo CD (`controller/appcontroller.go`, `finalizeApplicationDeletion`).
//! Without a finalizer nothing reaches us and nothing is deleted.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{act, observe, pass::Pass, read::condition};
use crate::{
    api::{Application, ConditionType},
    object::{GroupKind, LiveObject, meta},
    plan::{
        StepResult,
        decide::{Extent, Mode, PruneOrder, decide},
        options,
    },
};

/// The finalizers that ask for cascading deletion, and how dependents go.
const CASCADES: [(&str, &str); 3] = [
    ("resources-finalizer.argocd.argoproj.io", "Foreground"),
    ("resources-finalizer.argocd.argoproj.io/foreground", "Foreground"),
    ("resources-finalizer.argocd.argoproj.io/background", "Background"),
];
/// Pause before a deletion that failed is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// Makes one pass over an application that is being deleted.
pub(crate) async fn pass(pass: &mut Pass<'_>) -> bool {
    let Some((finalizer, propagation)) = cascade(&pass.app) else { return true };
    let instance = pass.ctx.instance(&pass.app);
    let kinds = kinds(pass, &instance);
    pass.ctx.store.need(&instance, kinds.clone());
    if observe::listed(pass.ctx, &kinds).is_err() {
        return true;
    }
    let incomplete: Vec<String> = failed_kinds(pass, &kinds);
    if !incomplete.is_empty() {
        let text = format!("objects may be left: {}", incomplete.join("; "));
        return hold(pass, text).await;
    }
    let doomed: Vec<Arc<LiveObject>> = pass
        .ctx
        .tracked(&instance)
        .into_iter()
        .filter(|live| !live.has_owner && !survives(live))
        .collect();
    if doomed.is_empty() {
        return release(pass, finalizer).await;
    }
    let mode = Mode {
        extent: Extent::All,
        waves: true,
        prune: PruneOrder::Applied,
        force: false,
        replace: false,
        validate: false,
        propagation,
    };
    let decision = decide(&[], &doomed, &mode);
    let outcome = act::execute(pass, &decision.plan).await;
    let refused: Vec<String> = decision
        .plan
        .steps
        .iter()
        .zip(&outcome.results)
        .filter_map(|(step, came)| match came {
            StepResult::Refused(refusal) => Some(format!("{}: {}", step.id, refusal.message)),
            _ => None,
        })
        .collect();
    if refused.is_empty() {
        // The watch tells when they are gone; look once more should it stay silent.
        pass.look_again(RETRY);
        return true;
    }
    hold(pass, refused.join("; ")).await
}

fn cascade(app: &Application) -> Option<(&'static str, &'static str)> {
    let finalizers = app.metadata.finalizers.as_deref().unwrap_or_default();
    CASCADES.into_iter().find(|(name, _)| finalizers.iter().any(|held| held == name))
}

/// Every kind that the application may have objects of: those of its status, and those that it
/// has in the store.
fn kinds(pass: &Pass<'_>, instance: &str) -> BTreeSet<GroupKind> {
    let desired = crate::plan::Desired::default();
    let mut kinds = observe::kinds(&pass.app, &desired);
    kinds.extend(pass.ctx.tracked(instance).iter().map(|live| live.id.group_kind()));
    kinds
}

fn failed_kinds(pass: &Pass<'_>, kinds: &BTreeSet<GroupKind>) -> Vec<String> {
    let states = pass.ctx.store.readiness(kinds).into_iter();
    states
        .filter_map(|(_, state)| match state {
            crate::cluster::WatchState::Failed { message, .. } => Some(message),
            _ => None,
        })
        .collect()
}

/// Objects that outlive their application: CRDs (their deletion would take all resources of the
/// kind, everybody's, with it) and whatever says so.
fn survives(live: &LiveObject) -> bool {
    let value: Value = live.value();
    let is_crd =
        live.id.group == "apiextensions.k8s.io" && live.id.kind == "CustomResourceDefinition";
    is_crd
        || options::has(&value, "Delete", "false")
        || meta::annotation(&value, "helm.sh/resource-policy") == Some("keep")
}

/// Says why the deletion can't go on.
async fn hold(pass: &mut Pass<'_>, why: String) -> bool {
    pass.conditions.push(condition(&ConditionType::DeletionError, why));
    pass.look_again(RETRY);
    pass.publish(None, false).await;
    false
}

/// Lets the resource go.
async fn release(pass: &mut Pass<'_>, finalizer: &str) -> bool {
    let held = pass.app.metadata.finalizers.clone().unwrap_or_default();
    let left: Vec<&String> = held.iter().filter(|name| *name != finalizer).collect();
    let patch = json!({"metadata": {
        "finalizers": left,
        "resourceVersion": pass.app.metadata.resource_version,
    }});
    match pass.ctx.patch_application(&pass.entry.name, &patch).await {
        Ok(_) => true,
        Err(cause) => {
            tracing::warn!(app = pass.entry.name, %cause, "the finalizer was not removed");
            pass.look_again(RETRY);
            false
        }
    }
}
