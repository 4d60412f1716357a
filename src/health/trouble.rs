//! Why a pod can't start, in few words.

use std::fmt;

use serde_json::Value;

use super::{Child, pod, read};
use crate::object::mask;

/// Characters of one reason: what is longer is cut.
const REASON_CHARS_MAX: usize = 240;
/// Reasons that are kept of one pod.
const PER_POD_MAX: usize = 4;
/// Different reasons (or names) that one message lists.
pub(super) const NAMED_MAX: usize = 2;

/// One reason why a pod can't start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The container; empty when it is the only one, or when the pod as a whole is meant.
    pub container: Box<str>,
    /// `ImagePullBackOff`, `CrashLoopBackOff`, `Unschedulable`, ...
    pub reason: Box<str>,
    /// What the kubelet or the scheduler says, cut to 240 characters, credentials masked; for a
    /// crash what the container said last.
    pub message: Box<str>,
    /// How the container ended last, when it crashed.
    pub exit_code: Option<i64>,
    /// How often the container was started again.
    pub restarts: u32,
}

impl fmt::Display for Trouble {
    /// `ImagePullBackOff: Back-off pulling image "web:v2"`,
    /// `container app: CrashLoopBackOff: exit code 1, 4 restarts`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.container.is_empty() {
            write!(f, "container {}: ", self.container)?;
        }
        f.write_str(&self.reason)?;
        let mut separator = ": ";
        if !self.message.is_empty() {
            write!(f, "{separator}{}", self.message)?;
            separator = ", ";
        }
        if let Some(code) = self.exit_code {
            write!(f, "{separator}exit code {code}")?;
            separator = ", ";
        }
        if self.restarts > 0 && self.exit_code.is_some() {
            write!(f, "{separator}{}", read::counted(i64::from(self.restarts), "restart"))?;
        }
        Ok(())
    }
}

/// True for a waiting reason that means failure rather than work. Rule: that of Argo CD.
pub(super) fn is_failure(reason: &str) -> bool {
    reason.starts_with("Err") || reason.ends_with("Error") || reason.ends_with("BackOff")
}

/// True for a waiting reason that a pod does not get over without something changing: those of
/// [`is_failure`] and the two that the kubelet spells otherwise.
fn is_trouble(reason: &str) -> bool {
    is_failure(reason) || matches!(reason, "InvalidImageName" | "RegistryUnavailable")
}

/// Cuts a text to what fits into a status, on one line, credentials masked.
pub(super) fn clipped(text: &str) -> String {
    let masked = mask::text(text.trim());
    let line: Vec<&str> = masked.split_whitespace().collect();
    let line = line.join(" ");
    match line.char_indices().nth(REASON_CHARS_MAX) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

/// Everything that keeps this pod from starting, init containers first; empty for a pod that
/// starts, runs or has ended.
pub(super) fn of_pod(pod: &Value) -> Vec<Trouble> {
    if matches!(read::text(pod, "/status/phase"), "Succeeded" | "Failed") {
        return Vec::new();
    }
    let scheduled = read::condition(pod, "PodScheduled");
    if let Some(refused) = scheduled.filter(|c| c.is_false() && c.reason == "Unschedulable") {
        return vec![Trouble {
            container: "".into(),
            reason: "Unschedulable".into(),
            message: clipped(refused.message).into(),
            exit_code: None,
            restarts: 0,
        }];
    }
    let init = read::list(pod, "/status/initContainerStatuses");
    let main = read::list(pod, "/status/containerStatuses");
    let several = init.len() + main.len() > 1;
    let restarts = pod::runs_for_ever(pod);
    let found = init.iter().chain(main).filter_map(|status| of_container(status, restarts));
    found
        .take(PER_POD_MAX)
        .map(|(status, mut trouble)| {
            if several {
                trouble.container = read::text(status, "/name").into();
            }
            trouble
        })
        .collect()
}

fn of_container(status: &Value, pod_restarts: bool) -> Option<(&Value, Trouble)> {
    let waiting = read::text(status, "/state/waiting/reason");
    let ended = status.pointer("/state/terminated");
    // Between a crash and its back-off the container is just "terminated".
    let crashed = ended.filter(|ended| pod_restarts && read::count(ended, "/exitCode") != 0);
    let last = crashed.or_else(|| status.pointer("/lastState/terminated"));
    let reason = match crashed {
        Some(_) => "crashed",
        None if is_trouble(waiting) => waiting,
        None => return None,
    };
    let crash =
        last.filter(|_| matches!(reason, "crashed" | "CrashLoopBackOff" | "RunContainerError"));
    let message = match crash {
        // The kubelet's own words about a crash are the back-off, the pod and its uid.
        Some(crash) => match (read::text(crash, "/message"), read::text(crash, "/reason")) {
            ("", "Error" | "Completed") => "",
            ("", reason) => reason,
            (message, _) => message,
        },
        None => read::text(status, "/state/waiting/message"),
    };
    let restarts = u32::try_from(read::count(status, "/restartCount")).unwrap_or_default();
    let trouble = Trouble {
        container: "".into(),
        reason: clipped(reason).into(),
        message: clipped(message).into(),
        exit_code: crash.and_then(|crash| read::number(crash, "/exitCode")),
        restarts,
    };
    Some((status, trouble))
}

/// The pods that can't start and why: `pod web-x: ImagePullBackOff: ...`. Pods with the same
/// reason are named together, at most two reasons are listed; `None` when every pod may start.
pub(super) fn named(pods: &[&Child]) -> Option<String> {
    let mut groups: Vec<(String, &Child, i64)> = Vec::new();
    let mut stuck: Vec<(&Child, &Trouble)> = pods
        .iter()
        .filter(|child| !child.terminating)
        .filter_map(|child| Some((*child, child.pod.as_ref()?.troubles.first()?)))
        .collect();
    stuck.sort_by(|(a, _), (b, _)| a.id.name.cmp(&b.id.name));
    for (child, trouble) in stuck {
        // Crashes of the same kind are one reason, whatever their number.
        let mut key = trouble.clone();
        key.restarts = 0;
        let key = key.to_string();
        match groups.iter_mut().find(|(known, ..)| *known == key) {
            Some((.., number)) => *number += 1,
            None => groups.push((key, child, 1)),
        }
    }
    groups.sort_by_key(|(.., number)| -number);
    let rest: i64 = groups.iter().skip(NAMED_MAX).map(|(.., number)| number).sum();
    let mut parts: Vec<String> = groups
        .iter()
        .take(NAMED_MAX)
        .map(|(_, child, number)| {
            let trouble = child.pod.as_ref().and_then(|pod| pod.troubles.first());
            let trouble = trouble.map(ToString::to_string).unwrap_or_default();
            match number {
                1 => format!("pod {}: {trouble}", child.id.name),
                more => format!("pod {} and {} more: {trouble}", child.id.name, more - 1),
            }
        })
        .collect();
    if rest > 0 {
        parts.push(format!("{} with other reasons", read::counted(rest, "pod")));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}
