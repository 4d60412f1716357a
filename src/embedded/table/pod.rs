//! Pods: the one word for all that their containers do.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Kind,
    cells::{self, NONE, condition, list, number, text, text_or},
    duration,
};
use crate::object::meta;

pub(super) const POD: Kind = Kind {
    columns: &[
        ("Name", "string", false),
        ("Ready", "string", false),
        ("Status", "string", false),
        ("Restarts", "string", false),
        ("Age", "string", false),
        ("IP", "string", true),
        ("Node", "string", true),
        ("Nominated Node", "string", true),
        ("Readiness Gates", "string", true),
    ],
    row,
};

/// What the containers' statuses amount to.
struct Summary {
    reason: String,
    ready: usize,
    total: usize,
    restarts: i64,
    /// When the last container ended, as the API writes times; empty when none did.
    restarted_at: String,
}

fn row(pod: &Value, now: Timestamp) -> Vec<Value> {
    let summary = summary(pod);
    let restarts = match summary.restarted_at.as_str() {
        at if summary.restarts > 0 && !at.is_empty() => {
            format!("{} ({} ago)", summary.restarts, duration::between(at, now))
        }
        _ => summary.restarts.to_string(),
    };
    vec![
        cells::name(pod),
        json!(format!("{}/{}", summary.ready, summary.total)),
        json!(reason(pod, summary.reason)),
        json!(restarts),
        cells::age(pod, now),
        json!(text_or(pod, "/status/podIPs/0/ip", NONE)),
        json!(text_or(pod, "/spec/nodeName", NONE)),
        json!(text_or(pod, "/status/nominatedNodeName", NONE)),
        gates(pod),
    ]
}

/// A pod that is about to go says so, whatever its containers say.
fn reason(pod: &Value, of_containers: String) -> String {
    let phase = text(pod, "/status/phase");
    if !meta::is_terminating(pod) {
        return of_containers;
    }
    if text(pod, "/status/reason") == "NodeLost" {
        return "Unknown".to_owned();
    }
    if matches!(phase, "Succeeded" | "Failed") { of_containers } else { "Terminating".to_owned() }
}

fn summary(pod: &Value) -> Summary {
    let phase = text(pod, "/status/phase");
    let gated = list(pod, "/status/conditions").iter().any(|condition| {
        text(condition, "/type") == "PodScheduled"
            && text(condition, "/reason") == "SchedulingGated"
    });
    let reason = if gated { "SchedulingGated" } else { text_or(pod, "/status/reason", phase) };
    let init = list(pod, "/spec/initContainers");
    let sidecars = init.iter().filter(|container| is_sidecar(container)).count();
    let mut summary = Summary {
        reason: reason.to_owned(),
        ready: 0,
        total: list(pod, "/spec/containers").len() + sidecars,
        restarts: 0,
        restarted_at: String::new(),
    };
    let (initializing, of_sidecars) = initialize(pod, &mut summary);
    if !initializing || condition(pod, "Initialized") == Some("True") {
        (summary.restarts, summary.restarted_at) = of_sidecars;
        run(pod, &mut summary);
    }
    summary
}

fn is_sidecar(container: &Value) -> bool {
    text(container, "/restartPolicy") == "Always"
}

/// Reads the init containers; answers whether one still has to finish, and the restarts of those
/// that run beside the main ones.
fn initialize(pod: &Value, summary: &mut Summary) -> (bool, (i64, String)) {
    let specs = list(pod, "/spec/initContainers");
    let mut sidecars = (0, String::new());
    for (index, status) in list(pod, "/status/initContainerStatuses").iter().enumerate() {
        let name = text(status, "/name");
        let sidecar = specs.iter().any(|spec| text(spec, "/name") == name && is_sidecar(spec));
        count(status, &mut summary.restarts, &mut summary.restarted_at);
        if sidecar {
            count(status, &mut sidecars.0, &mut sidecars.1);
        }
        let ended = status.pointer("/state/terminated");
        if ended.is_some_and(|ended| number(ended, "/exitCode") == 0) {
            continue;
        }
        if sidecar && status.get("started") == Some(&Value::Bool(true)) {
            summary.ready += usize::from(status.get("ready") == Some(&Value::Bool(true)));
            continue;
        }
        let waits = text(status, "/state/waiting/reason");
        summary.reason = match ended {
            Some(ended) => format!("Init:{}", end(ended)),
            None if !waits.is_empty() && waits != "PodInitializing" => format!("Init:{waits}"),
            None => format!("Init:{index}/{}", specs.len()),
        };
        return (true, sidecars);
    }
    (false, sidecars)
}

/// Reads the main containers, the last first: the first one's state is what is said.
fn run(pod: &Value, summary: &mut Summary) {
    let (mut running, mut failure) = (false, String::new());
    for status in list(pod, "/status/containerStatuses").iter().rev() {
        count(status, &mut summary.restarts, &mut summary.restarted_at);
        let waits = text(status, "/state/waiting/reason");
        if !waits.is_empty() {
            waits.clone_into(&mut summary.reason);
        } else if let Some(ended) = status.pointer("/state/terminated") {
            summary.reason = end(ended);
            if number(ended, "/exitCode") != 0 {
                failure.clone_from(&summary.reason);
            }
        } else if status.get("ready") == Some(&Value::Bool(true))
            && status.pointer("/state/running").is_some()
        {
            running = true;
            summary.ready += 1;
        }
    }
    if summary.reason != "Completed" {
        return;
    }
    if running && condition(pod, "Ready") == Some("True") {
        "Running".clone_into(&mut summary.reason);
    } else if !failure.is_empty() {
        summary.reason = failure;
    } else if running {
        "NotReady".clone_into(&mut summary.reason);
    }
}

fn count(status: &Value, restarts: &mut i64, restarted_at: &mut String) {
    *restarts += number(status, "/restartCount");
    let ended_at = text(status, "/lastState/terminated/finishedAt");
    if ended_at > restarted_at.as_str() {
        ended_at.clone_into(restarted_at);
    }
}

/// How a container ended: its reason, else the signal, else the exit code.
fn end(ended: &Value) -> String {
    match (text(ended, "/reason"), number(ended, "/signal")) {
        ("", 0) => format!("ExitCode:{}", number(ended, "/exitCode")),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

fn gates(pod: &Value) -> Value {
    let gates = list(pod, "/spec/readinessGates");
    if gates.is_empty() {
        return json!(NONE);
    }
    let open =
        gates.iter().filter(|gate| condition(pod, text(gate, "/conditionType")) == Some("True"));
    json!(format!("{}/{}", open.count(), gates.len()))
}
