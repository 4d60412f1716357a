//! Health of what brings traffic in: Service, Ingress.

use serde_json::Value;

use super::{Health, read};

fn has_address(object: &Value) -> bool {
    !read::list(object, "/status/loadBalancer/ingress").is_empty()
}

/// Argo CD says the same.
pub(super) fn service(object: &Value) -> Health {
    if read::text(object, "/spec/type") == "LoadBalancer" && !has_address(object) {
        return Health::progressing("waiting for the load balancer to get an address");
    }
    Health::healthy()
}

/// Argo CD says the same.
pub(super) fn ingress(object: &Value) -> Health {
    if has_address(object) {
        return Health::healthy();
    }
    Health::progressing("waiting for an ingress controller to give it an address")
}
