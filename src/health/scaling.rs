//! Health of a `HorizontalPodAutoscaler`.

use serde_json::Value;

use super::{
    Health, HealthStatus,
    read::{self, Condition},
    trouble,
};
use crate::object::meta;

/// Where `autoscaling/v1`, which has no conditions, keeps those of v2.
const CONDITIONS_V1: &str = "autoscaling.alpha.kubernetes.io/conditions";

/// Reasons of `ScalingActive` that mean that nothing can be measured.
const UNMEASURED: [&str; 6] = [
    "FailedGetResourceMetric",
    "FailedGetObjectMetric",
    "FailedGetPodsMetric",
    "FailedGetExternalMetric",
    "FailedComputeMetricsReplicas",
    "InvalidSelector",
];

/// Argo CD differs: it stops at the first condition that decides, and `AbleToScale` usually comes
/// first, so an autoscaler without metrics may read as Healthy there. Here a failure always counts.
pub(super) fn autoscaler(object: &Value) -> Health {
    let waiting = || Health::progressing("Waiting to Autoscale");
    let annotated: Value;
    let conditions: Vec<Condition<'_>> = match meta::gvk(object) {
        Some(gvk) if gvk.version == "v1" => {
            let Some(text) = meta::annotation(object, CONDITIONS_V1) else { return waiting() };
            let Ok(parsed) = serde_json::from_str(text) else {
                let message = format!("the annotation {CONDITIONS_V1} is not JSON");
                return Health::new(HealthStatus::Unknown, message);
            };
            annotated = parsed;
            read::list(&annotated, "").iter().map(Condition::parse).collect()
        }
        _ => read::conditions(object).collect(),
    };
    let fails = |condition: &&Condition<'_>| match condition.kind {
        "AbleToScale" => matches!(condition.reason, "FailedGetScale" | "FailedUpdateScale"),
        "ScalingActive" => UNMEASURED.contains(&condition.reason),
        _ => false,
    };
    let works = |condition: &&Condition<'_>| {
        matches!(condition.kind, "AbleToScale" | "ScalingLimited") && condition.is_true()
    };
    if let Some(failed) = conditions.iter().find(fails) {
        return Health::degraded(trouble::clipped(&failed.words()));
    }
    match conditions.iter().find(works) {
        Some(able) => Health::new(HealthStatus::Healthy, trouble::clipped(able.message)),
        None => waiting(),
    }
}
