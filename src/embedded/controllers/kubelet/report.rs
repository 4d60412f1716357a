//! What the kubelet writes into the status of a pod, and tells about it.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{SOURCE, Stage, container_id, crash_words};
use crate::{
    embedded::controllers::{
        Action, Event,
        condition::{self, Condition},
        node,
        read::{at, list, stamp, text, truth},
        replica_set::changed,
    },
    object::meta,
};

/// How the containers of a pod are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Containers {
    Creating,
    PullFailed,
    PullWaits,
    Running { ready: bool, restarts: i64 },
    Crashed { restarts: i64 },
    Ended { code: i64 },
}

/// Says that a pod can't be given a node; nothing when it is said already.
pub(super) fn unschedulable(
    pod: &Value,
    reason: &str,
    message: &str,
    now: Timestamp,
) -> Vec<Action> {
    let mut status = at(pod, "/status").clone();
    if !status.is_object() {
        status = json!({"phase": "Pending"});
    }
    let new = Condition { kind: "PodScheduled", status: "False", reason, message };
    condition::set(&mut status, new, now);
    changed(pod, status).into_iter().collect()
}

/// A report about one pod.
pub(super) struct Report<'a> {
    pub(super) pod: &'a Value,
    pub(super) address: &'a str,
    pub(super) now: Timestamp,
}

impl Report<'_> {
    /// Writes the status and tells what is new in it.
    pub(super) fn write(&self, containers: &Containers) -> Vec<Action> {
        let events = self.events(containers);
        let status = self.status(containers);
        let mut actions: Vec<Action> = changed(self.pod, status).into_iter().collect();
        actions.extend(events.into_iter().map(Action::Tell));
        actions
    }

    fn status(&self, containers: &Containers) -> Value {
        let mut status = Map::new();
        for key in ["conditions", "qosClass", "observedGeneration"] {
            if let Some(value) = self.pod.pointer(&format!("/status/{key}")) {
                status.insert(key.to_owned(), value.clone());
            }
        }
        let mut status = Value::Object(status);
        let phase = match containers {
            Containers::Creating | Containers::PullFailed | Containers::PullWaits => "Pending",
            Containers::Running { .. } | Containers::Crashed { .. } => "Running",
            Containers::Ended { code: 0 } => "Succeeded",
            Containers::Ended { .. } => "Failed",
        };
        status["phase"] = json!(phase);
        status["startTime"] = match text(self.pod, "/status/startTime") {
            "" => json!(stamp(self.now)),
            start => json!(start),
        };
        status["hostIP"] = json!(node::ADDRESS);
        status["hostIPs"] = json!([{"ip": node::ADDRESS}]);
        let shares = truth(self.pod, "/spec/hostNetwork");
        if *containers != Containers::Creating || shares {
            let address = if shares { node::ADDRESS } else { self.address };
            status["podIP"] = json!(address);
            status["podIPs"] = json!([{"ip": address}]);
        }
        self.set_conditions(&mut status, containers);
        let specs = list(self.pod, "/spec/containers").iter();
        status["containerStatuses"] =
            specs.map(|container| self.container(container, containers)).collect();
        let first = list(self.pod, "/spec/initContainers");
        if !first.is_empty() {
            let first = first.iter().map(|container| self.first(container, containers));
            status["initContainerStatuses"] = first.collect();
        }
        status
    }

    fn set_conditions(&self, status: &mut Value, containers: &Containers) {
        let ready = matches!(containers, Containers::Running { ready: true, .. });
        let creating = *containers == Containers::Creating;
        let has_first = !list(self.pod, "/spec/initContainers").is_empty();
        let names: Vec<&str> =
            list(self.pod, "/spec/containers").iter().map(|one| text(one, "/name")).collect();
        let unready = format!("containers with unready status: [{}]", names.join(" "));
        let (reason, message) = match containers {
            Containers::Ended { code: 0 } => ("PodCompleted", ""),
            Containers::Ended { .. } => ("PodFailed", ""),
            _ if ready => ("", ""),
            _ => ("ContainersNotReady", unready.as_str()),
        };
        let word = |truth: bool| if truth { "True" } else { "False" };
        let mut set = |kind, truth: bool, reason, message| {
            let new = Condition { kind, status: word(truth), reason, message };
            condition::set(status, new, self.now);
        };
        let over = matches!(containers, Containers::Ended { .. });
        set("PodReadyToStartContainers", !creating && !over, "", "");
        set("Initialized", !(creating && has_first), "", "");
        set("Ready", ready, reason, message);
        set("ContainersReady", ready, reason, message);
        set("PodScheduled", true, "", "");
        for gate in list(self.pod, "/spec/readinessGates").iter().filter(|_| ready) {
            set(text(gate, "/conditionType"), true, "", "");
        }
    }

    /// The status that a container has now.
    fn before(&self, name: &str) -> &Value {
        let statuses = list(self.pod, "/status/containerStatuses");
        statuses.iter().find(|status| text(status, "/name") == name).unwrap_or(&Value::Null)
    }

    fn container(&self, container: &Value, containers: &Containers) -> Value {
        let name = text(container, "/name");
        let before = self.before(name);
        let now = stamp(self.now);
        let started = match text(before, "/state/running/startedAt") {
            "" => now.clone(),
            started => started.to_owned(),
        };
        let restarts = match containers {
            Containers::Running { restarts, .. } | Containers::Crashed { restarts } => *restarts,
            _ => super::count(before, "/restartCount"),
        };
        let ended = |code: i64, reason: &str| {
            json!({"terminated": {
                "exitCode": code, "reason": reason, "startedAt": started, "finishedAt": now,
                "containerID": container_id(self.pod, name, restarts),
            }})
        };
        let waiting = |reason: &str, message: String| {
            let mut waiting = json!({"reason": reason});
            if !message.is_empty() {
                waiting["message"] = json!(message);
            }
            json!({"waiting": waiting})
        };
        let image = text(container, "/image");
        let absent = format!(
            "rpc error: code = NotFound desc = failed to pull and unpack image {image:?}: not found"
        );
        let mut last = at(before, "/lastState").clone();
        let state = match containers {
            Containers::Creating => waiting("ContainerCreating", String::new()),
            Containers::PullFailed => waiting("ErrImagePull", absent),
            Containers::PullWaits => {
                let words = format!("Back-off pulling image {image:?}: ErrImagePull: {absent}");
                waiting("ImagePullBackOff", words)
            }
            Containers::Running { .. } => {
                let same = super::count(before, "/restartCount") == restarts;
                json!({"running": {"startedAt": if same { started } else { now }}})
            }
            Containers::Crashed { restarts } => {
                last = ended(1, "Error");
                let doublings = u32::try_from((restarts - 1).clamp(0, 20)).unwrap_or_default();
                let seconds = (10_u64 << doublings).min(300);
                waiting("CrashLoopBackOff", crash_words(self.pod, name, seconds))
            }
            Containers::Ended { code: 0 } => ended(0, "Completed"),
            Containers::Ended { code } => ended(*code, "Error"),
        };
        if !last.is_object() {
            last = json!({});
        }
        let running = matches!(containers, Containers::Running { .. });
        let mut status = json!({
            "name": name, "image": image, "imageID": "", "restartCount": restarts, "state": state,
            "lastState": last, "started": running,
            "ready": matches!(containers, Containers::Running { ready: true, .. }),
        });
        if running || matches!(containers, Containers::Crashed { .. } | Containers::Ended { .. }) {
            status["containerID"] = container_id(self.pod, name, restarts);
            status["imageID"] = json!(format!("embedded://{image}"));
        }
        status
    }

    /// Containers that run before the others are done at once; those that run beside them run.
    fn first(&self, container: &Value, containers: &Containers) -> Value {
        let (name, image) = (text(container, "/name"), text(container, "/image"));
        let known = list(self.pod, "/status/initContainerStatuses");
        let known = known.iter().find(|status| text(status, "/name") == name);
        let waits = matches!(
            containers,
            Containers::Creating | Containers::PullFailed | Containers::PullWaits
        );
        let beside = text(container, "/restartPolicy") == "Always";
        if let Some(known) = known.filter(|known| truth(known, "/ready") && !waits) {
            return known.clone();
        }
        let now = stamp(self.now);
        let state = match (waits, beside) {
            (true, _) => json!({"waiting": {"reason": "PodInitializing"}}),
            (_, true) => json!({"running": {"startedAt": now}}),
            _ => json!({"terminated": {
                "exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now,
            }}),
        };
        json!({
            "name": name, "image": image, "imageID": "", "restartCount": 0, "lastState": {},
            "ready": !waits, "started": beside && !waits, "state": state,
        })
    }

    fn events(&self, containers: &Containers) -> Vec<Event> {
        let mut events = Vec::new();
        for container in list(self.pod, "/spec/containers") {
            let (name, image) = (text(container, "/name"), text(container, "/image"));
            let mut tell = |warning: bool, reason: &str, words: String| {
                let told = if warning { Event::warning } else { Event::normal };
                events.push(told(self.pod, SOURCE, reason, words).of_container(name));
            };
            let restarts = super::count(self.before(name), "/restartCount");
            match containers {
                Containers::Creating => tell(false, "Pulling", format!("Pulling image {image:?}")),
                Containers::Running { restarts: starts, .. } => {
                    let runs = matches!(Stage::of(self.pod), Stage::Running | Stage::Ready);
                    if runs && restarts == *starts {
                        continue;
                    }
                    let pulled = if *starts > restarts {
                        format!("Container image {image:?} already present on machine")
                    } else {
                        format!(
                            "Successfully pulled image {image:?} in 0s (0s including waiting). Image size: 0 bytes."
                        )
                    };
                    tell(false, "Pulled", pulled);
                    tell(false, "Created", "Container created".to_owned());
                    tell(false, "Started", "Container started".to_owned());
                }
                Containers::PullFailed => {
                    let words = format!(
                        "Failed to pull image {image:?}: rpc error: code = NotFound desc = failed to pull and unpack image {image:?}: not found"
                    );
                    tell(true, "Failed", words);
                    tell(true, "Failed", "Error: ErrImagePull".to_owned());
                }
                Containers::PullWaits => {
                    tell(false, "BackOff", format!("Back-off pulling image {image:?}"));
                    tell(true, "Failed", "Error: ImagePullBackOff".to_owned());
                }
                Containers::Crashed { .. } => {
                    let (pod, namespace) = (meta::name(self.pod), meta::namespace(self.pod));
                    let uid = meta::uid(self.pod);
                    tell(
                        true,
                        "BackOff",
                        format!(
                            "Back-off restarting failed container {name} in pod {pod}_{namespace}({uid})"
                        ),
                    );
                }
                Containers::Ended { .. } => {}
            }
        }
        events
    }
}
