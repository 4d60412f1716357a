//! The types of a document, with all that they refer to.

use std::{
    collections::{BTreeMap, HashMap},
    sync::OnceLock,
};

use serde_json::Value;

use super::type_of;
use crate::{embedded::schema::TABLE, object::GroupVersionKind};

/// Types by name, each as the text of its schema.
#[derive(Default)]
pub(super) struct Types {
    builtin: BTreeMap<&'static str, &'static str>,
    custom: BTreeMap<String, String>,
}

impl Types {
    /// Adds the type of a built-in kind.
    pub(super) fn add_kind(&mut self, gvk: &GroupVersionKind) {
        self.add(&type_of(gvk, false));
    }

    /// Adds a type of the table with all that it refers to. One that is not there is left out.
    pub(super) fn add(&mut self, name: &str) {
        let mut todo = vec![name];
        while let Some(name) = todo.pop() {
            let Some((name, schema)) = lines().get_key_value(name) else { continue };
            if self.builtin.insert(name, schema).is_none() {
                todo.extend(references(schema));
            }
        }
    }

    /// Adds a type that is not in the table, and what it refers to there.
    pub(super) fn add_custom(&mut self, name: String, schema: &Value) {
        let schema = schema.to_string();
        for name in references(&schema) {
            self.add(name);
        }
        self.custom.insert(name, schema);
    }

    /// The entries of a JSON object, without its braces.
    pub(super) fn text(&self) -> String {
        let builtin = self.builtin.iter().map(|(name, schema)| (*name, *schema));
        let custom = self.custom.iter().map(|(name, schema)| (name.as_str(), schema.as_str()));
        let entry = |(name, schema): (&str, &str)| format!("{}:{schema}", Value::from(name));
        builtin.chain(custom).map(entry).collect::<Vec<_>>().join(",")
    }
}

/// The lines of the table, `"name":{schema},` each.
fn lines() -> &'static HashMap<&'static str, &'static str> {
    static LINES: OnceLock<HashMap<&'static str, &'static str>> = OnceLock::new();
    LINES.get_or_init(|| {
        let entry = |line: &'static str| {
            let (name, schema) = line.strip_prefix('"')?.split_once("\":")?;
            Some((name, schema.strip_suffix(',').unwrap_or(schema)))
        };
        TABLE.lines().filter_map(entry).collect()
    })
}

fn references(schema: &str) -> impl Iterator<Item = &str> {
    const BEGIN: &str = "\"$ref\":\"#/components/schemas/";
    let rest = schema.split(BEGIN).skip(1);
    rest.filter_map(|rest| rest.split('"').next())
}
