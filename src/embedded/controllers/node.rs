//! The one node there is. It runs nothing.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Action,
    condition::{self, Condition},
    read::{at, stamp},
    replica_set::changed,
};
use crate::{embedded::architecture, object::ObjectId};

/// Its name says that the cluster is not a real one.
pub(super) const NAME: &str = "embedded";
/// Its address.
pub(super) const ADDRESS: &str = "10.63.0.1";

pub(super) fn id() -> ObjectId {
    ObjectId::new("", "Node", "", NAME)
}

/// Makes the node, and says that it is ready.
pub(super) fn reconcile(node: Option<&Value>, version: &str, now: Timestamp) -> Vec<Action> {
    let Some(node) = node else {
        let labels = json!({
            "kubernetes.io/hostname": NAME, "kubernetes.io/os": "linux",
            "kubernetes.io/arch": architecture(),
        });
        let metadata = json!({"name": NAME, "labels": labels});
        return vec![Action::create(
            json!({"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": {}}),
        )];
    };
    let resources = json!({
        "cpu": "1000", "memory": "1000Gi", "ephemeral-storage": "1000Gi", "pods": "100000",
    });
    let mut status = at(node, "/status").clone();
    if !status.is_object() {
        status = json!({});
    }
    status["capacity"] = resources.clone();
    status["allocatable"] = resources;
    status["addresses"] = json!([
        {"type": "InternalIP", "address": ADDRESS}, {"type": "Hostname", "address": NAME},
    ]);
    status["nodeInfo"] = json!({
        "architecture": architecture(), "bootID": "",
        "containerRuntimeVersion": "none://embedded",
        "kernelVersion": "none", "kubeProxyVersion": version, "kubeletVersion": version,
        "machineID": "", "operatingSystem": "linux", "osImage": "none (embedded)", "systemUUID": "",
    });
    for (kind, value, reason, message) in [
        (
            "MemoryPressure",
            "False",
            "KubeletHasSufficientMemory",
            "kubelet has sufficient memory available",
        ),
        ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
    ] {
        condition::set(&mut status, Condition { kind, status: value, reason, message }, now);
    }
    for condition in status["conditions"].as_array_mut().into_iter().flatten() {
        // It never beats again: nothing here happens without a cause.
        if condition.get("lastHeartbeatTime").is_none() {
            condition["lastHeartbeatTime"] = json!(stamp(now));
        }
    }
    changed(node, status).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::controllers::testing::at_second;

    #[test]
    fn the_node_is_made_and_becomes_ready_once() {
        let actions = reconcile(None, "v1", at_second(1));
        let [Action::Create { object, .. }] = actions.as_slice() else { panic!("{actions:?}") };
        let actions = reconcile(Some(object), "v1", at_second(1));
        let [Action::UpdateStatus(object)] = actions.as_slice() else { panic!("{actions:?}") };
        assert!(condition::holds(&object["status"], "Ready"));
        assert_eq!(reconcile(Some(object), "v1", at_second(60)), []);
    }
}
