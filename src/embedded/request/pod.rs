//! What only pods have: a grace period, a binding to a node, eviction.

use serde_json::{Value, json};

use super::{Core, DeleteOptions, Part, Target, WriteOptions, change::Next, time_text};
use crate::{
    embedded::{
        registry::Kind,
        status::{Resource, Status},
    },
    object::meta,
};

/// Seconds that an object is given to end: none but for a running pod.
pub(super) fn grace_s(kind: &Kind, live: &Value, asked_s: Option<i64>) -> i64 {
    if !kind.is_core("Pod") {
        return 0;
    }
    let text = |pointer: &str| live.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let over = matches!(text("/status/phase"), "Succeeded" | "Failed");
    if over || text("/spec/nodeName").is_empty() {
        return 0;
    }
    let own_s = live.pointer("/spec/terminationGracePeriodSeconds").and_then(Value::as_i64);
    let seconds = asked_s.or(own_s).unwrap_or(30);
    if seconds < 0 { 1 } else { seconds }
}

fn success() -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201,
    })
}

impl Core {
    /// Puts a pod on a node, once.
    pub(crate) fn bind(
        &self,
        target: &Target,
        binding: &Value,
        options: &WriteOptions,
    ) -> Result<Value, Status> {
        let node = binding.pointer("/target/name").and_then(Value::as_str).unwrap_or_default();
        if node.is_empty() {
            return Err(Status::bad_request("the binding names no node"));
        }
        let now = time_text(self.now());
        self.change(target, Part::Whole, options, |live| {
            let bound = live.pointer("/spec/nodeName").and_then(Value::as_str).unwrap_or_default();
            if !bound.is_empty() {
                let why = format!("pod {} is already assigned to node {bound:?}", meta::name(live));
                let binding = Resource { group: "", plural: "pods/binding" };
                return Err(Status::conflict(binding, &target.name, &why));
            }
            let mut object = live.clone();
            object["spec"]["nodeName"] = Value::from(node);
            schedule(&mut object, &now);
            Ok(Next { object, recorded: true, replaces: false, warnings: Vec::new() })
        })?;
        Ok(success())
    }

    /// Deletes a pod as a drain does. Disruption budgets are not asked: the embedded server counts
    /// no disruptions.
    pub(crate) fn evict(&self, target: &Target, eviction: &Value) -> Result<Value, Status> {
        let options = DeleteOptions::read(&eviction["deleteOptions"])?;
        self.delete(target, &options)?;
        Ok(success())
    }

    /// Reads what has the name and namespace of the path, or none.
    pub(crate) fn named(target: &Target, object: &Value) -> Result<(), Status> {
        let name = meta::name(object);
        if name.is_empty() || name == target.name {
            return Ok(());
        }
        Err(Status::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            target.name
        )))
    }
}

fn schedule(pod: &mut Value, now: &str) {
    if !pod["status"].is_object() {
        pod["status"] = json!({});
    }
    let condition = json!({
        "type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": now,
    });
    let Some(status) = pod["status"].as_object_mut() else { return };
    let conditions = status.entry("conditions").or_insert_with(|| json!([]));
    if let Some(conditions) = conditions.as_array_mut() {
        conditions.retain(|known| known["type"] != "PodScheduled");
        conditions.push(condition);
    }
}
