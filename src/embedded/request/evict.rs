//! Eviction: the deletion of a pod, if the budgets for disruptions allow it.

use serde_json::{Value, json};

use super::{
    Core, DeleteOptions, Part, Selector, Target, Validation, WriteOptions, change::Next, scale,
};
use crate::{
    embedded::{
        registry::{Kind, set_condition},
        status::Status,
        store::Key,
    },
    object::{GroupVersionKind, meta},
};

impl Core {
    /// Deletes a pod as a drain does.
    ///
    /// # Errors
    ///
    /// 429 when a budget has no disruption left for it.
    pub(crate) fn evict(
        &self,
        target: &Target,
        eviction: &Value,
        dry_run: bool,
    ) -> Result<Value, Status> {
        expect(target, eviction)?;
        let mut options = DeleteOptions::read(&eviction["deleteOptions"])?;
        options.dry_run |= dry_run;
        let pod = self.get(target)?;
        if is_ready(&pod) && !meta::is_terminating(&pod) {
            self.ask_budgets(target, &pod, options.dry_run)?;
        }
        if !options.dry_run {
            self.say_why(target, &options)?;
        }
        self.delete(target, &options)?;
        Ok(json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201,
        }))
    }

    /// Notes in the pod that its end was asked for. Nobody owns the note.
    fn say_why(&self, pod: &Target, options: &DeleteOptions) -> Result<(), Status> {
        let now = self.now_text();
        self.change(pod, Part::Whole, &server_options(), |live| {
            if options.uid.as_deref().is_some_and(|uid| uid != meta::uid(live)) {
                // The deletion says that this is another pod.
                return Ok(Next::recorded(live.clone()));
            }
            let mut object = live.clone();
            if let Some(status) = object["status"].as_object_mut() {
                let condition = json!({
                    "type": "DisruptionTarget", "status": "True", "lastProbeTime": null,
                    "reason": "EvictionByEvictionAPI", "message": "Eviction API: evicting",
                });
                set_condition(status, &condition, &now);
            }
            Ok(Next::recorded(object))
        })?;
        Ok(())
    }

    /// Takes a disruption from the budget of the pod, if it has one.
    fn ask_budgets(&self, pod: &Target, object: &Value, dry_run: bool) -> Result<(), Status> {
        let gvk = GroupVersionKind::parse("policy/v1", "PodDisruptionBudget");
        let Some(kind) = self.registry.table().named(&gvk) else { return Ok(()) };
        let listed = self.store.list(&gvk.group_kind(), Some(&pod.namespace), None, None);
        let items = listed.map(|listed| listed.items).unwrap_or_default();
        let budgets = items.iter().map(|(_, record)| record.object());
        let own: Vec<Value> =
            budgets.filter(|budget| selects(&pod.kind, budget, pod, object)).collect();
        let budget = match own.as_slice() {
            [] => return Ok(()),
            [budget] => budget,
            _ => {
                let why = "This pod has more than one PodDisruptionBudget, which the eviction \
                           subresource does not support.";
                return Err(Status::internal(why));
            }
        };
        let target = Target { kind, namespace: pod.namespace.clone(), name: name(budget) };
        let options = WriteOptions { dry_run, ..server_options() };
        // Counted down here, so that a second eviction sees it before the controller does.
        self.change(&target, Part::Status, &options, |live| {
            let allowed = number(live, "/status/disruptionsAllowed");
            if allowed <= 0 {
                return Err(refusal(live));
            }
            let mut object = live.clone();
            object["status"]["disruptionsAllowed"] = Value::from(allowed - 1);
            Ok(Next { object, recorded: false, replaces: false, warnings: Vec::new() })
        })?;
        Ok(())
    }
}

/// How the server itself writes.
fn server_options() -> WriteOptions {
    WriteOptions {
        manager: "kube-apiserver".to_owned(),
        dry_run: false,
        validation: Validation::Ignore,
        force: false,
    }
}

/// Refuses what is no eviction of this pod.
fn expect(target: &Target, eviction: &Value) -> Result<(), Status> {
    let kind = eviction["kind"].as_str().unwrap_or_default();
    if !matches!(kind, "" | "Eviction") {
        let version = eviction["apiVersion"].as_str().unwrap_or_default();
        let own = version.rsplit('/').next().unwrap_or_default();
        return Err(Status::bad_request(format!(
            "{kind} in version {own:?} cannot be handled as a Eviction: no kind {kind:?} is \
             registered for version {version:?}"
        )));
    }
    if !matches!(meta::name(eviction), "") && meta::name(eviction) != target.name {
        let why = "name in URL does not match name in Eviction object";
        return Err(Status::bad_request(why));
    }
    Ok(())
}

fn name(object: &Value) -> String {
    meta::name(object).to_owned()
}

fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
}

/// Only a pod that serves is a loss.
fn is_ready(pod: &Value) -> bool {
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    conditions.into_iter().flatten().any(|one| one["type"] == "Ready" && one["status"] == "True")
}

fn selects(kind: &Kind, budget: &Value, target: &Target, pod: &Value) -> bool {
    let Some(selector) = budget.pointer("/spec/selector") else { return false };
    let key = Key::new(&target.namespace, &target.name);
    Selector::parse(kind, &scale::words(selector), "")
        .is_ok_and(|selector| selector.matches(&key, &kind.marks(pod)))
}

/// What the real server says.
fn refusal(budget: &Value) -> Status {
    let why = "Cannot evict pod as it would violate the pod's disruption budget.";
    let message = format!(
        "The disruption budget {} needs {} healthy pods and has {} currently",
        meta::name(budget),
        number(budget, "/status/desiredHealthy"),
        number(budget, "/status/currentHealthy"),
    );
    Status::too_disruptive(why, &message)
}
