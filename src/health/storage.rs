//! Health of a `PersistentVolumeClaim`.

use serde_json::Value;

use super::{Health, HealthStatus, read::text};

/// Argo CD says the same: a claim that waits for its first consumer is Progressing, too.
pub(super) fn claim(object: &Value) -> Health {
    match text(object, "/status/phase") {
        "Bound" => Health::healthy(),
        "Pending" => {
            let class = text(object, "/spec/storageClassName");
            let class = if class.is_empty() { String::new() } else { format!(" of class {class}") };
            Health::progressing(format!("waiting for a volume{class} to be bound"))
        }
        "Lost" => {
            let volume = text(object, "/spec/volumeName");
            Health::degraded(format!("the bound volume {volume} is gone"))
        }
        _ => Health::new(HealthStatus::Unknown, "the claim has no known phase"),
    }
}
