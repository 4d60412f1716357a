//! Eviction: the deletion of a pod, if the budgets for disruptions allow it.

use serde_json::{Value, json};

use super::{
    Core, DeleteOptions, Part, Selector, Target, Validation, WriteOptions, change::Next, scale,
};
use crate::{
    embedded::{registry::Kind, status::Status, store::Key},
    object::{GroupVersionKind, meta},
};

impl Core {
    /// Deletes a pod as a drain does.
    ///
    /// # Errors
    ///
    /// 429 when a budget has no disruption left for it.
    pub(crate) fn evict(&self, target: &Target, eviction: &Value) -> Result<Value, Status> {
        let options = DeleteOptions::read(&eviction["deleteOptions"])?;
        let pod = self.get(target)?;
        if is_ready(&pod) && !meta::is_terminating(&pod) {
            self.ask_budgets(target, &pod, options.dry_run)?;
        }
        self.delete(target, &options)?;
        Ok(json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201,
        }))
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
        let options = WriteOptions {
            manager: "kube-apiserver".to_owned(),
            dry_run,
            validation: Validation::Ignore,
            force: false,
        };
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
