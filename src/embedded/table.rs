//! stub
#![allow(dead_code, missing_docs)]
use crate::object::{GroupVersionKind, meta};
use jiff::Timestamp;
use serde_json::{Value, json};
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) format: String,
    pub(crate) description: String,
    pub(crate) priority: i64,
}
pub(crate) fn columns(_: &GroupVersionKind) -> Vec<Column> {
    vec![Column {
        name: "Name".into(),
        kind: "string".into(),
        format: "name".into(),
        description: String::new(),
        priority: 0,
    }]
}
pub(crate) fn row(_: &GroupVersionKind, object: &Value, _: Timestamp) -> Vec<Value> {
    vec![json!(meta::name(object))]
}
pub(crate) fn crd_columns(_: &Value) -> Vec<Column> {
    columns(&GroupVersionKind::parse("v1", "X"))
}
pub(crate) fn crd_row(_: &Value, object: &Value, _: Timestamp) -> Vec<Value> {
    vec![json!(meta::name(object))]
}
