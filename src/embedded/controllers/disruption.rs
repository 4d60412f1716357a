//! `PodDisruptionBudget`s: how many pods may go.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Action,
    condition::{self, Condition},
    pods,
    read::{at, count},
    replica_set::changed,
    selector, template,
};
use crate::object::meta;

/// What is to be done about a budget. `found` are the pods of its namespace, `expected` says how
/// many replicas the controller of a pod is to have.
pub(super) fn reconcile(
    budget: &Value,
    found: &[Value],
    expected: impl Fn(&[&Value]) -> i64,
    now: Timestamp,
) -> Vec<Action> {
    let wanted = at(budget, "/spec/selector");
    // An empty selector means every pod here, unlike everywhere else.
    let all = wanted.is_object() && wanted.as_object().is_some_and(serde_json::Map::is_empty);
    let chosen: Vec<&Value> = found
        .iter()
        .filter(|pod| all || selector::selects(wanted, selector::labels(pod)))
        .filter(|pod| !pods::is_finished(pod))
        .collect();
    let expected = expected(&chosen);
    let healthy =
        chosen.iter().filter(|pod| pods::is_ready(pod) && !meta::is_terminating(pod)).count();
    let healthy = i64::try_from(healthy).unwrap_or_default();
    let desired = match (at(budget, "/spec/minAvailable"), at(budget, "/spec/maxUnavailable")) {
        (Value::Null, Value::Null) => 0,
        (Value::Null, most) => {
            (expected - template::scaled(most, expected, true).unwrap_or_default()).max(0)
        }
        (least, _) => template::scaled(least, expected, true).unwrap_or_default(),
    };
    let allowed = if expected > 0 { (healthy - desired).max(0) } else { 0 };
    let mut status = json!({
        "currentHealthy": healthy, "desiredHealthy": desired, "disruptionsAllowed": allowed,
        "expectedPods": expected, "observedGeneration": meta::generation(budget),
    });
    if let Some(conditions) = budget.pointer("/status/conditions") {
        status["conditions"] = conditions.clone();
    }
    let (value, reason) =
        if allowed > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
    let new = Condition { kind: "DisruptionAllowed", status: value, reason, message: "" };
    if condition::set(&mut status, new, now) {
        // This one has always all its fields.
        let conditions = status["conditions"].as_array_mut();
        for condition in conditions.into_iter().flatten() {
            condition["message"] = json!("");
            condition["observedGeneration"] = json!(meta::generation(budget));
        }
    }
    changed(budget, status).into_iter().collect()
}

/// The replicas that the controllers of these pods are to have together, given those controllers.
pub(super) fn expected(controllers: &[Value], without: i64) -> i64 {
    controllers.iter().map(|owner| count(owner, "/spec/replicas")).sum::<i64>() + without
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::controllers::testing::{at_second, pod_of};

    #[test]
    fn a_budget_allows_what_is_above_the_least() {
        let owner = json!({"spec": {"template": {"metadata": {"labels": {"app": "web"}}}}});
        let pods: Vec<Value> =
            (0..4).map(|n| pod_of(&owner, &format!("p{n}"), 0, n != 0)).collect();
        for (spec, allowed) in [
            (json!({"minAvailable": 2}), 1),
            (json!({"minAvailable": "50%"}), 1),
            (json!({"minAvailable": 4}), 0),
            (json!({"maxUnavailable": 1}), 0),
            (json!({"maxUnavailable": "50%"}), 1),
        ] {
            let mut budget = json!({"metadata": {"name": "web", "uid": "b"}, "spec": spec});
            budget["spec"]["selector"] = json!({"matchLabels": {"app": "web"}});
            let actions = reconcile(&budget, &pods, |_| 4, at_second(1));
            let [Action::UpdateStatus(object)] = actions.as_slice() else { panic!("{actions:?}") };
            assert_eq!(object["status"]["disruptionsAllowed"], allowed, "{budget}");
            assert_eq!(reconcile(object, &pods, |_| 4, at_second(9)), []);
        }
    }
}
