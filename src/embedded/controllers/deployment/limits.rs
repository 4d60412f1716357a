//! How far a rollout may go above and below the wanted number of replicas.

use serde_json::Value;

use crate::{
    embedded::controllers::{
        read::{at, number, text},
        template::scaled,
    },
    object::meta,
};

pub(super) const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
pub(super) const MAXIMUM: &str = "deployment.kubernetes.io/max-replicas";

/// The limits of one Deployment, in pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// `spec.replicas`.
    pub(super) replicas: i64,
    /// Pods above it.
    pub(super) surge: i64,
    /// Pods below it that need not be available.
    pub(super) unavailable: i64,
    /// True when old and new pods may run side by side.
    pub(super) rolls: bool,
}

impl Limits {
    /// Percents are of `replicas`: surge rounded up, unavailable rounded down. When both come to
    /// nothing, one may be unavailable, or nothing could ever move.
    pub(super) fn of(deployment: &Value) -> Self {
        let replicas = number(deployment, "/spec/replicas").unwrap_or(1);
        if text(deployment, "/spec/strategy/type") == "Recreate" {
            return Self { replicas, surge: 0, unavailable: 0, rolls: false };
        }
        let part = |field: &str, up| {
            let value = at(deployment, &format!("/spec/strategy/rollingUpdate/{field}"));
            // The server fills in 25 %.
            scaled(value, replicas, up).or_else(|| scaled(&"25%".into(), replicas, up))
        };
        let surge = part("maxSurge", true).unwrap_or_default();
        let mut unavailable = part("maxUnavailable", false).unwrap_or_default();
        if surge == 0 && unavailable == 0 {
            unavailable = 1;
        }
        let unavailable = if replicas == 0 { 0 } else { unavailable.min(replicas) };
        Self { replicas, surge, unavailable, rolls: true }
    }

    /// The most pods at any time.
    pub(super) fn maximum(&self) -> i64 {
        self.replicas + self.surge
    }

    /// The fewest available pods at any time.
    pub(super) fn minimum(&self) -> i64 {
        self.replicas - self.unavailable
    }

    /// Notes on a ReplicaSet for which size of the Deployment it has its own.
    pub(super) fn annotate(&self, set: &mut Value) {
        meta::set_annotation(set, DESIRED, &self.replicas.to_string());
        meta::set_annotation(set, MAXIMUM, &self.maximum().to_string());
    }
}

/// A number in an annotation.
pub(super) fn noted(set: &Value, key: &str) -> Option<i64> {
    meta::annotation(set, key)?.parse().ok().filter(|number| *number >= 0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn limits_are_rounded_as_kubernetes_rounds_them() {
        let table = [
            (10, json!("25%"), json!("25%"), (3, 2)),
            (1, json!("25%"), json!("25%"), (1, 0)),
            (4, json!(0), json!(1), (0, 1)),
            (4, json!(0), json!("10%"), (0, 1)),
            (0, json!("25%"), json!("25%"), (0, 0)),
            (3, json!(1), json!(7), (1, 3)),
            (3, json!("100%"), json!(0), (3, 0)),
        ];
        for (replicas, surge, unavailable, wanted) in table {
            let rolling = json!({"maxSurge": surge, "maxUnavailable": unavailable});
            let strategy = json!({"type": "RollingUpdate", "rollingUpdate": rolling});
            let limits = Limits::of(&json!({"spec": {"replicas": replicas, "strategy": strategy}}));
            assert_eq!((limits.surge, limits.unavailable), wanted, "{replicas}: {rolling}");
        }
    }
}
