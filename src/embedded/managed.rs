//! stub
#![allow(dead_code, missing_docs)]
use super::{patch, schema::Node};
use jiff::Timestamp;
use serde_json::Value;
pub(crate) struct Writer<'a> {
    pub(crate) manager: &'a str,
    pub(crate) api_version: &'a str,
    pub(crate) subresource: &'a str,
    pub(crate) now: Timestamp,
}
pub(crate) struct Conflict {
    pub(crate) path: String,
    pub(crate) message: String,
}
pub(crate) fn apply(
    _: Node<'_>,
    live: Option<&Value>,
    applied: &Value,
    _: &Writer<'_>,
    _: bool,
) -> Result<Value, Vec<Conflict>> {
    Ok(live.map_or_else(|| applied.clone(), |live| patch::merge_patch(live, applied)))
}
pub(crate) fn record(_: Node<'_>, _: Option<&Value>, _: &mut Value, _: &Writer<'_>) {}
