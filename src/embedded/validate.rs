//! stub
#![allow(dead_code, missing_docs)]
use crate::object::GroupVersionKind;
use serde_json::Value;
pub(crate) struct Cause {
    pub(crate) reason: &'static str,
    pub(crate) field: String,
    pub(crate) message: String,
}
pub(crate) fn check_new(_: &GroupVersionKind, _: &Value) -> Vec<Cause> {
    Vec::new()
}
pub(crate) fn check_change(_: &GroupVersionKind, _: &Value, _: &Value) -> Vec<Cause> {
    Vec::new()
}
