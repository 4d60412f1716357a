//! What services are given: addresses of the cluster and ports of the nodes.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Core, random};
use crate::{
    embedded::{
        defaults::allocate::{Taken, allocate},
        status::Status,
        validate::Cause,
    },
    object::{GroupKind, meta},
};

/// As much of a service as says what it holds.
#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
struct Held {
    spec: HeldSpec,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
struct HeldSpec {
    #[serde(rename = "clusterIPs")]
    cluster_ips: Vec<String>,
    ports: Vec<Value>,
    health_check_node_port: Option<i64>,
}

impl Core {
    /// Gives a service what its type has and it does not name. Two services that are created in
    /// the same instant may both get what they ask for by name.
    pub(super) fn allocate(&self, service: &mut Value) -> Result<(), Status> {
        let (namespace, name) = (meta::namespace(service), meta::name(service));
        let kind = GroupKind::new("", "Service");
        let listed = self.store.list(&kind, None, None, None);
        let mut taken = Taken::default();
        for (key, record) in listed.map(|listed| listed.items).unwrap_or_default() {
            let own = *key.namespace == *namespace && *key.name == *name;
            if let (false, Ok(held)) = (own, serde_json::from_slice::<Held>(&record.bytes)) {
                taken.add(&json!(held));
            }
        }
        let name = name.to_owned();
        allocate(service, &taken, random::number()).map_err(|(field, value, why)| {
            let cause = Cause {
                reason: "FieldValueInvalid",
                field,
                message: format!("Invalid value: {value}: {why}"),
            };
            Status::invalid(&kind, &name, &[cause])
        })
    }
}
