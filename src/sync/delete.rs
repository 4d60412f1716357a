//! Deleting an application, with or without its objects.
//!
//! Rule: the finalizers of Argo CD (`controller/appcontroller.go`, `finalizeApplicationDeletion`).
//! Without a finalizer nothing reaches us and nothing is deleted.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};

use super::{act, consent, observe, pass::Pass, read::condition, status};
use crate::{
    api::{Application, ConditionType},
    object::GroupKind,
    plan::{
        StepResult,
        decide::{Extent, Mode, PruneOrder, decide},
        permit,
        prune::{self, Sorted},
    },
    report::events::{EventReason, EventType},
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
    let (sorted, left) = match sort(pass, &instance) {
        Ok(sorted) => sorted,
        Err(why) => return hold(pass, why).await,
    };
    if let Some(objects) = sorted.waiting() {
        return hold(pass, prune::cascade_waits_for_a_word(&objects)).await;
    }
    let doomed = sorted.free;
    if doomed.is_empty() {
        if let Some(why) = out_of_reach(&pass.app, &pass.lost) {
            let what = format!(
                "{why}, or delete the objects by hand and then take the finalizer {finalizer} away"
            );
            return hold(pass, what).await;
        }
        tell_left(pass, &left);
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

/// An application that is being deleted, as far as it can be read, and the fields that can't be.
/// Where its destination can't, the one that it was last compared with stands in.
pub(crate) fn salvage(resource: Value) -> (Application, Vec<String>) {
    let (mut app, lost) = Application::salvage(resource);
    if lost.iter().any(|field| is_about(field, "spec.destination"))
        && let Some(status) = &app.status
    {
        app.spec.destination = status.sync.compared_to.destination.clone();
    }
    (app, lost)
}

/// Why objects may be left that are not seen from here, and what to do; `None` when all were seen.
fn out_of_reach(app: &Application, lost: &[String]) -> Option<String> {
    if let Some(field) = lost.iter().find(|field| hides_kinds(field)) {
        return Some(format!(
            "objects may be left: the field {field} can't be read, which says of what kinds they \
             are; correct it"
        ));
    }
    // A status that says nothing proves nothing: it may be lost, as in a cluster that was restored.
    let destination = &app.spec.destination;
    let named = !destination.server.is_empty() || !destination.name.is_empty();
    let status = app.status.as_ref();
    let deployed = status.is_some_and(|s| !s.resources.is_empty() || !s.history.is_empty());
    if destination.is_in_cluster() || !(named || deployed) {
        return None;
    }
    let cluster = if destination.name.is_empty() { &destination.server } else { &destination.name };
    Some(format!(
        "objects may be left in the destination cluster {cluster:?}, which is not known; correct \
         spec.destination"
    ))
}

/// True for a field without which the kinds of the objects are not known.
fn hides_kinds(field: &str) -> bool {
    let Some(rest) = field.strip_prefix("status.resources") else {
        return matches!(field, "." | "status");
    };
    let last = rest.rsplit_once('.').map(|(_, last)| last);
    rest.is_empty() || rest.ends_with(']') || matches!(last, Some("kind" | "group"))
}

/// True when a field is `place`, in it or around it.
fn is_about(field: &str, place: &str) -> bool {
    let within = |inner: &str, outer: &str| {
        inner
            .strip_prefix(outer)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    field == "." || within(field, place) || within(place, field)
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

/// The objects of the application by what their deletion takes, and the reasons why the project
/// forbids the others. `Err` when it is not known what the project forbids.
fn sort(pass: &Pass<'_>, instance: &str) -> Result<(Sorted, Vec<String>), String> {
    if pass.lost.iter().any(|field| is_about(field, "spec.project")) {
        let text = "the field spec.project can't be read, and a project may forbid to delete some \
                    of the objects; correct it";
        return Err(text.to_owned());
    }
    let project = pass.ctx.project(pass.app.spec.project()).map_err(|why| {
        format!("{why}; a project may forbid to delete some of the objects, so all are left")
    })?;
    let mut left = Vec::new();
    let of_app = pass.app.spec.sync_option("Delete");
    let confirmed = consent::cascade_approved(&pass.app);
    let mut sorted = Sorted::default();
    // Where it holds itself, it goes with its finalizer, not before.
    let itself = status::itself(&pass.app);
    let tracked = pass.ctx.tracked(instance);
    for live in tracked.iter().filter(|live| !live.has_owner && live.id != itself) {
        match permit::live(&project, &pass.app.spec.destination, &live.id) {
            Ok(()) => sorted.put(live, prune::consent_to_cascade(live, of_app), confirmed),
            Err(why) => left.push(why),
        }
    }
    Ok((sorted, left))
}

/// Says what outlives the application because its project forbids to touch it.
fn tell_left(pass: &Pass<'_>, left: &[String]) {
    if left.is_empty() {
        return;
    }
    let text = format!("left behind: {}", left.join("; "));
    tracing::warn!(app = pass.entry.name, text, "objects outlive their application");
    pass.tell(EventType::Warning, EventReason::LeftBehind, &text);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn app(destination: &Value) -> Value {
        json!({
            "metadata": {"name": "shop"},
            "spec": {"destination": destination},
            "status": {
                "resources": [{"kind": "ConfigMap", "name": "a"}],
                "sync": {"status": "Unknown", "comparedTo": {
                    "destination": {"name": "in-cluster"}, "source": {"repoURL": "r"}}},
            },
        })
    }

    #[test]
    fn objects_elsewhere_hold_the_deletion_and_the_message_says_what_to_do() {
        let here = json!({"server": "https://kubernetes.default.svc"});
        let there = json!({"server": "https://elsewhere.example"});
        let by_name = json!({"name": "production"});
        let emptied = |mut resource: Value| {
            resource["status"]["resources"] = json!([]);
            resource
        };
        let table = [
            (app(&here), None),
            (app(&there), Some("elsewhere.example")),
            (emptied(app(&there)), Some("elsewhere.example")),
            (emptied(app(&by_name)), Some("production")),
            (app(&json!({})), Some("spec.destination")),
            (emptied(app(&json!({}))), None),
        ];
        for (resource, wanted) in table {
            let (app, lost) = salvage(resource.clone());
            let said = out_of_reach(&app, &lost);
            assert_eq!(said.is_some(), wanted.is_some(), "{resource}: {said:?}");
            let named = said.unwrap_or_default();
            assert!(named.contains(wanted.unwrap_or_default()), "{named}");
        }
    }

    #[test]
    fn where_objects_were_last_seen_stands_in_for_a_destination_that_cannot_be_read() {
        let (read, lost) = salvage(app(&json!({"server": 7})));
        assert_eq!(lost, ["spec.destination.server"]);
        assert!(read.spec.destination.is_in_cluster());
        assert_eq!(out_of_reach(&read, &lost), None);
        let mut blind = app(&json!(7));
        blind["status"]["sync"] = json!({});
        let (read, lost) = salvage(blind);
        assert!(out_of_reach(&read, &lost).is_some());
    }

    #[test]
    fn a_deletion_waits_while_the_kinds_of_its_objects_are_not_known() {
        let mut resource = app(&json!({"name": "in-cluster"}));
        resource["status"]["resources"][0]["syncWave"] = json!("late");
        let (read, lost) = salvage(resource.clone());
        assert_eq!(out_of_reach(&read, &lost), None, "a wave is not needed");
        resource["status"]["resources"][0]["kind"] = json!(7);
        let (read, lost) = salvage(resource.clone());
        let said = out_of_reach(&read, &lost).expect("it must wait");
        assert!(said.contains("status.resources[0].kind"), "{said}");
    }
}
