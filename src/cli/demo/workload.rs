//! How far a workload has got, of whatever kind it is. Pure.

use serde_json::Value;

use crate::{
    cli::app::view::{list, text},
    object::meta,
};

/// Group and kind of what counts as a workload, the most usual first.
pub(super) const KINDS: [[&str; 2]; 5] = [
    ["apps", "Deployment"],
    ["apps", "StatefulSet"],
    ["apps", "DaemonSet"],
    ["batch", "Job"],
    ["batch", "CronJob"],
];

/// What is to be said of a workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Workload {
    /// Namespace and name, and the kind where it is not one of those with replicas.
    pub(super) name: String,
    /// What is there, of what is wanted.
    pub(super) ready: String,
    pub(super) image: String,
    /// How far a new version has got; empty when nothing is on its way.
    pub(super) rollout: String,
    /// What it is when nothing is on its way.
    at_rest: &'static str,
}

impl Workload {
    /// Reads an object of one of [`KINDS`].
    pub(super) fn of(object: &Value) -> Self {
        let (name, kind) = (meta::name(object), text(object, "/kind"));
        let name = format!("{}/{name}", meta::namespace(object));
        let name = match kind {
            "DaemonSet" | "Job" | "CronJob" => format!("{name} ({kind})"),
            _ => name,
        };
        let ((ready, rollout), at_rest) = match kind {
            "Job" => (job(object), "done"),
            "CronJob" => (cron_job(object), "waits"),
            "DaemonSet" => (daemon_set(object).told(object), "ready"),
            _ => (replicas(object).told(object), "ready"),
        };
        let template =
            if kind == "CronJob" { "/spec/jobTemplate/spec/template" } else { "/spec/template" };
        let image = text(object, &format!("{template}/spec/containers/0/image")).to_owned();
        Self { name, ready, image, rollout, at_rest }
    }

    /// The same as a line.
    pub(super) fn line(&self) -> String {
        let Self { name, ready, image, rollout, at_rest } = self;
        let rest = format!("{ready} {at_rest}");
        format!("{name}: {} ({image})", if rollout.is_empty() { rest.trim() } else { rollout })
    }
}

/// Pods of a workload that runs for ever.
struct Pods {
    wanted: i64,
    updated: i64,
    ready: i64,
    all: i64,
}

impl Pods {
    fn told(&self, object: &Value) -> (String, String) {
        let Self { wanted, updated, ready, all } = *self;
        let seen = number(object, "/status/observedGeneration") >= meta::generation(object);
        let rollout = if !seen || updated < wanted {
            format!("{updated} of {wanted} updated")
        } else if ready < wanted {
            format!("{ready} of {wanted} ready")
        } else if all > wanted {
            "old pods end".to_owned()
        } else {
            String::new()
        };
        (format!("{ready}/{wanted}"), rollout)
    }
}

fn replicas(object: &Value) -> Pods {
    Pods {
        wanted: number_or(object, "/spec/replicas", 1),
        updated: number(object, "/status/updatedReplicas"),
        ready: number(object, "/status/readyReplicas"),
        all: number(object, "/status/replicas"),
    }
}

fn daemon_set(object: &Value) -> Pods {
    let wanted = number(object, "/status/desiredNumberScheduled");
    Pods {
        wanted,
        updated: number(object, "/status/updatedNumberScheduled"),
        ready: number(object, "/status/numberReady"),
        all: wanted,
    }
}

fn job(object: &Value) -> (String, String) {
    let active = number(object, "/status/active");
    let failed = list(object, "/status/conditions")
        .iter()
        .any(|condition| condition["type"] == "Failed" && condition["status"] == "True");
    let rollout = match active {
        _ if failed => "failed".to_owned(),
        0 => String::new(),
        active => format!("{active} running"),
    };
    let wanted = number_or(object, "/spec/completions", 1);
    (format!("{}/{wanted}", number(object, "/status/succeeded")), rollout)
}

fn cron_job(object: &Value) -> (String, String) {
    let rollout = match list(object, "/status/active").len() {
        0 => String::new(),
        active => format!("{active} running"),
    };
    (String::new(), rollout)
}

fn number(object: &Value, pointer: &str) -> i64 {
    number_or(object, pointer, 0)
}

fn number_or(object: &Value, pointer: &str, absent: i64) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(absent)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_is_told_in_its_own_numbers() {
        let pods = json!({"spec": {"containers": [{"image": "web:1"}]}});
        let table = [
            (
                "Deployment",
                json!({"replicas": 3, "template": pods}),
                json!({"updatedReplicas": 3, "readyReplicas": 2, "replicas": 4}),
                "shop/web: 2 of 3 ready (web:1)",
            ),
            (
                "DaemonSet",
                json!({"template": pods}),
                json!({"desiredNumberScheduled": 2, "updatedNumberScheduled": 1, "numberReady": 2}),
                "shop/web (DaemonSet): 1 of 2 updated (web:1)",
            ),
            (
                "Job",
                json!({"completions": 2, "template": pods}),
                json!({"succeeded": 1, "active": 1}),
                "shop/web (Job): 1 running (web:1)",
            ),
            (
                "Job",
                json!({"completions": 2, "template": pods}),
                json!({"succeeded": 2}),
                "shop/web (Job): 2/2 done (web:1)",
            ),
            (
                "Job",
                json!({"template": pods}),
                json!({"conditions": [{"type": "Failed", "status": "True"}]}),
                "shop/web (Job): failed (web:1)",
            ),
            (
                "CronJob",
                json!({"jobTemplate": {"spec": {"template": pods}}}),
                json!({"active": [{}]}),
                "shop/web (CronJob): 1 running (web:1)",
            ),
            (
                "CronJob",
                json!({"jobTemplate": {"spec": {"template": pods}}}),
                json!({}),
                "shop/web (CronJob): waits (web:1)",
            ),
        ];
        for (kind, spec, status, wanted) in table {
            let metadata = json!({"namespace": "shop", "name": "web"});
            let object = json!(
                {"kind": kind, "metadata": metadata, "spec": spec, "status": status}
            );
            assert_eq!(Workload::of(&object).line(), wanted);
        }
    }
}
