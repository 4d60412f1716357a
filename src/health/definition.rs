//! Health of what adds kinds to the API: `APIService`, `CustomResourceDefinition`.

use serde_json::Value;

use super::{
    Health,
    read::{condition, text},
    trouble,
};

/// Argo CD says the same.
pub(super) fn api_service(object: &Value) -> Health {
    match condition(object, "Available") {
        Some(available) if available.is_true() => {
            Health { message: trouble::clipped(&available.words()), ..Health::healthy() }
        }
        Some(available) => Health::progressing(trouble::clipped(&available.words())),
        None => Health::progressing("waiting for the API service to be available"),
    }
}

/// True when the server serves the kinds of this `CustomResourceDefinition`: only then does it
/// count as applied. A definition has no health check, as in Argo CD.
pub fn is_established(definition: &Value) -> bool {
    let holds = |kind| condition(definition, kind).is_some_and(|condition| condition.is_true());
    text(definition, "/kind") == "CustomResourceDefinition" && holds("Established")
}
