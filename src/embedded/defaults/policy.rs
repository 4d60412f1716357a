//! Autoscalers and disruption budgets.

use serde_json::{Value, json};

use super::{
    fields::{is_bare, items, made, present, set},
    quantity,
};

const CPU_PCT: i64 = 80;

pub(super) fn autoscaler(object: &mut Value) {
    if let Some(status) = made(object, "status") {
        set(status, "desiredReplicas", 0);
        set(status, "currentMetrics", Value::Null);
        for condition in items(status, "conditions") {
            set(condition, "lastTransitionTime", Value::Null);
        }
        items(status, "currentMetrics").for_each(|metric| metric_quantities(metric, "current"));
    }
    let Some(spec) = made(object, "spec") else { return };
    set(spec, "minReplicas", 1);
    if is_bare(spec, "metrics") {
        let target = json!({"type": "Utilization", "averageUtilization": CPU_PCT});
        spec["metrics"] =
            json!([{"type": "Resource", "resource": {"name": "cpu", "target": target}}]);
    }
    items(spec, "metrics").for_each(|metric| metric_quantities(metric, "target"));
    if let Some(behavior) = present(spec, "behavior") {
        scaling_rules(behavior);
    }
}

/// Rules for both directions, as soon as one is talked about.
fn scaling_rules(behavior: &mut Value) {
    let percent = json!({"type": "Percent", "value": 100, "periodSeconds": 15});
    let pods = json!({"type": "Pods", "value": 4, "periodSeconds": 15});
    if let Some(up) = made(behavior, "scaleUp") {
        set(up, "stabilizationWindowSeconds", 0);
        set(up, "selectPolicy", "Max");
        set(up, "policies", json!([pods, percent]));
        quantity::field(up, "tolerance");
    }
    if let Some(down) = made(behavior, "scaleDown") {
        set(down, "selectPolicy", "Max");
        set(down, "policies", json!([percent]));
        quantity::field(down, "tolerance");
    }
}

fn metric_quantities(metric: &mut Value, value: &str) {
    for source in ["resource", "pods", "object", "external", "containerResource"] {
        if let Some(value) = present(metric, source).and_then(|source| present(source, value)) {
            quantity::field(value, "value");
            quantity::field(value, "averageValue");
        }
    }
}

pub(super) fn disruption_budget(object: &mut Value) {
    made(object, "spec");
    let Some(status) = made(object, "status") else { return };
    for field in ["currentHealthy", "desiredHealthy", "disruptionsAllowed", "expectedPods"] {
        set(status, field, 0);
    }
}
