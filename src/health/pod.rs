//! Health of a Pod.

use serde_json::Value;

use super::{Health, HealthStatus, read, trouble};
use crate::object::{is_hook, meta};

/// Says that a pod which does not restart for ever is a part of the application all the same.
const IGNORE_RESTART_POLICY: &str = "argocd.argoproj.io/ignore-restart-policy";

/// True for a pod that should run until it is deleted. A policy that is left out is `Always`, as
/// the server fills it in.
pub(super) fn runs_for_ever(pod: &Value) -> bool {
    let policy = read::text(pod, "/spec/restartPolicy");
    let ignored = meta::annotation(pod, IGNORE_RESTART_POLICY) == Some("true") && !is_hook(pod);
    matches!(policy, "" | "Always") || ignored
}

pub(super) fn is_ready(pod: &Value) -> bool {
    read::condition(pod, "Ready").is_some_and(|condition| condition.is_true())
}

/// Argo CD says the same about the status. It has no message for a pod that is pending because of
/// an init container or the scheduler; here those reasons are given, too.
pub(super) fn pod(pod: &Value) -> Health {
    let troubles = trouble::of_pod(pod);
    let words: Vec<String> = troubles.iter().map(ToString::to_string).collect();
    let said = read::text(pod, "/status/message");
    let message = if words.is_empty() { trouble::clipped(said) } else { words.join("; ") };
    let statuses = read::list(pod, "/status/containerStatuses");
    let for_ever = runs_for_ever(pod);
    let stuck = |status: &Value| trouble::is_failure(read::text(status, "/state/waiting/reason"));
    if for_ever && statuses.iter().any(stuck) {
        return Health::degraded(message);
    }
    match read::text(pod, "/status/phase") {
        "Pending" => Health::progressing(message),
        "Succeeded" => Health::new(HealthStatus::Healthy, trouble::clipped(said)),
        "Failed" => Health::degraded(failure(pod)),
        "Running" if !for_ever => Health::progressing(message),
        "Running" if is_ready(pod) => Health::new(HealthStatus::Healthy, trouble::clipped(said)),
        "Running" => {
            let restarted = |status: &Value| {
                status.pointer("/lastState/terminated").is_some_and(Value::is_object)
            };
            if statuses.iter().any(restarted) {
                let otherwise = "a container ended and the pod is not ready again";
                Health::degraded(if message.is_empty() { otherwise.to_owned() } else { message })
            } else {
                let otherwise = "the pod is not ready yet";
                Health::progressing(if message.is_empty() { otherwise.to_owned() } else { message })
            }
        }
        phase => {
            let phase = if phase.is_empty() { "the pod has no phase yet" } else { phase };
            Health::new(HealthStatus::Unknown, trouble::clipped(phase))
        }
    }
}

/// Why a pod failed: its own message, else its reason, else the first container that failed.
pub(super) fn failure(pod: &Value) -> String {
    let message = read::text(pod, "/status/message");
    if !message.is_empty() {
        return trouble::clipped(message);
    }
    let container = ["/status/initContainerStatuses", "/status/containerStatuses"]
        .iter()
        .flat_map(|pointer| read::list(pod, pointer))
        .find_map(|status| {
            let ended = status.pointer("/state/terminated")?;
            let code = read::count(ended, "/exitCode");
            let name = read::text(status, "/name");
            match (read::text(ended, "/message"), read::text(ended, "/reason")) {
                ("", "OOMKilled") => Some(format!("container {name} was killed: out of memory")),
                ("", _) if code == 0 => None,
                ("", _) => Some(format!("container {name} failed with exit code {code}")),
                (message, _) => Some(format!("container {name}: {message}")),
            }
        });
    trouble::clipped(container.as_deref().unwrap_or(read::text(pod, "/status/reason")))
}
