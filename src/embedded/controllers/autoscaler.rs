//! `HorizontalPodAutoscaler`s, without metrics: an annotation says how many replicas they want.
//!
//! `embedded.steadfast.dev/replicas: "4"` on the autoscaler makes it scale its target to four,
//! within its bounds, by the subresource `scale` as a real one does. Without the annotation it
//! finds the present size right, and keeps it within its bounds.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Action, Event,
    condition::{self, Condition},
    read::{count, number, stamp, text},
    replica_set::changed,
};
use crate::object::{GroupVersionKind, ObjectId, meta};

const WANTED: &str = "embedded.steadfast.dev/replicas";
const SOURCE: &str = "horizontal-pod-autoscaler";

/// What an autoscaler scales.
pub(super) fn target(scaler: &Value) -> ObjectId {
    let to = |key: &str| text(scaler, &format!("/spec/scaleTargetRef/{key}"));
    let gvk = GroupVersionKind::parse(to("apiVersion"), to("kind"));
    ObjectId::new(&gvk.group, &gvk.kind, meta::namespace(scaler), to("name"))
}

/// What is to be done about an autoscaler, given its target.
pub(super) fn reconcile(scaler: &Value, target: Option<&Value>, now: Timestamp) -> Vec<Action> {
    if meta::is_terminating(scaler) {
        return Vec::new();
    }
    let Some(target) = target else { return missing(scaler, now) };
    let have = number(target, "/spec/replicas").unwrap_or(1);
    let bounds = (
        number(scaler, "/spec/minReplicas").unwrap_or(1),
        number(scaler, "/spec/maxReplicas").unwrap_or(1),
    );
    let asked = meta::annotation(scaler, WANTED).and_then(|text| text.parse::<i64>().ok());
    let wanted =
        if have == 0 { 0 } else { asked.unwrap_or(have).clamp(bounds.0, bounds.1.max(bounds.0)) };
    let limit = match asked.unwrap_or(have) {
        _ if have == 0 => None,
        asked if asked > bounds.1 => Some((
            "TooManyReplicas",
            "the desired replica count is more than the maximum replica count",
        )),
        asked if asked < bounds.0 => Some((
            "TooFewReplicas",
            "the desired replica count is less than the minimum replica count",
        )),
        _ => None,
    };
    let mut status = json!({
        "observedGeneration": meta::generation(scaler),
        "currentReplicas": count(target, "/status/replicas"),
        "desiredReplicas": wanted,
        "currentMetrics": null,
    });
    for key in ["conditions", "lastScaleTime"] {
        if let Some(value) = scaler.pointer(&format!("/status/{key}")) {
            status[key] = value.clone();
        }
    }
    conditions(&mut status, have, wanted, limit, now);
    if wanted == have {
        return changed(scaler, status).into_iter().collect();
    }
    status["lastScaleTime"] = json!(stamp(now));
    let reason = if asked.is_some() {
        "the annotation embedded.steadfast.dev/replicas"
    } else {
        "Current number of replicas out of bounds"
    };
    let words = format!("New size: {wanted}; reason: {reason}");
    let scale = Action::Scale { id: self::target(scaler), replicas: wanted };
    let told = Action::Tell(Event::normal(scaler, SOURCE, "SuccessfulRescale", words));
    [scale, told].into_iter().chain(changed(scaler, status)).collect()
}

fn conditions(
    status: &mut Value,
    have: i64,
    wanted: i64,
    limit: Option<(&str, &str)>,
    now: Timestamp,
) {
    let (reason, message) = if wanted == have {
        ("ReadyForNewScale", "recommended size matches current size")
    } else {
        ("SucceededRescale", "the HPA controller was able to update the target scale")
    };
    let able = Condition { kind: "AbleToScale", status: "True", reason, message };
    condition::set(status, able, now);
    let (value, reason, message) = if have == 0 {
        (
            "False",
            "ScalingDisabled",
            "scaling is disabled since the replica count of the target is zero",
        )
    } else {
        ("True", "ValidMetricFound", "the embedded autoscaler wants what its annotation says")
    };
    let active = Condition { kind: "ScalingActive", status: value, reason, message };
    condition::set(status, active, now);
    let (value, (reason, message)) = match limit {
        Some(words) => ("True", words),
        None => {
            ("False", ("DesiredWithinRange", "the desired count is within the acceptable range"))
        }
    };
    let limited = Condition { kind: "ScalingLimited", status: value, reason, message };
    condition::set(status, limited, now);
}

fn missing(scaler: &Value, now: Timestamp) -> Vec<Action> {
    let kind = text(scaler, "/spec/scaleTargetRef/kind").to_lowercase();
    let name = text(scaler, "/spec/scaleTargetRef/name");
    let message = format!(
        "the HPA controller was unable to get the target's current scale: {kind}s.apps {name:?} not found"
    );
    let mut status = super::read::at(scaler, "/status").clone();
    if !status.is_object() {
        status = json!({"currentReplicas": 0, "desiredReplicas": 0});
    }
    let failed = Condition {
        kind: "AbleToScale",
        status: "False",
        reason: "FailedGetScale",
        message: &message,
    };
    condition::set(&mut status, failed, now);
    changed(scaler, status).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::controllers::testing::at_second;

    fn scaler(replicas: Option<&str>) -> Value {
        let mut scaler = json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "web", "namespace": "shop", "uid": "h"},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                "minReplicas": 2, "maxReplicas": 5,
            },
        });
        if let Some(replicas) = replicas {
            meta::set_annotation(&mut scaler, WANTED, replicas);
        }
        scaler
    }

    #[test]
    fn the_annotation_moves_the_target_within_the_bounds() {
        let table = [
            (None, 3, None),
            (None, 1, Some(2)),
            (None, 9, Some(5)),
            (None, 0, None),
            (Some("4"), 3, Some(4)),
            (Some("4"), 4, None),
            (Some("40"), 3, Some(5)),
            (Some("0"), 3, Some(2)),
            (Some("x"), 3, None),
        ];
        for (asked, have, wanted) in table {
            let target = json!({"spec": {"replicas": have}});
            let actions = reconcile(&scaler(asked), Some(&target), at_second(1));
            let scaled = actions.iter().find_map(|action| match action {
                Action::Scale { id, replicas } => {
                    assert_eq!(*id, ObjectId::new("apps", "Deployment", "shop", "web"));
                    Some(*replicas)
                }
                _ => None,
            });
            assert_eq!(scaled, wanted, "{asked:?} of {have}");
        }
    }

    #[test]
    fn a_second_look_changes_nothing() {
        for target in [Some(json!({"spec": {"replicas": 3}})), None] {
            let actions = reconcile(&scaler(None), target.as_ref(), at_second(1));
            let [Action::UpdateStatus(object)] = actions.as_slice() else { panic!("{actions:?}") };
            assert_eq!(reconcile(object, target.as_ref(), at_second(9)), []);
        }
    }
}
