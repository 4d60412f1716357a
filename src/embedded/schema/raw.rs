//! JSON Schema as it is written, in the part that Kubernetes uses.

use std::{collections::BTreeMap, sync::OnceLock};

use regex::Regex;
use serde::Deserialize;
use serde_json::{Number, Value};

/// One schema. Descriptions and words without a meaning to us are passed over.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[allow(clippy::struct_excessive_bools, reason = "the words of JSON Schema")]
pub(super) struct Raw {
    #[serde(rename = "$ref")]
    pub(super) reference: Option<Box<str>>,
    #[serde(rename = "type")]
    pub(super) kind: Option<Box<str>>,
    pub(super) format: Option<Box<str>>,
    pub(super) nullable: bool,
    pub(super) properties: BTreeMap<Box<str>, Self>,
    pub(super) additional_properties: Option<Additional>,
    pub(super) required: Vec<Box<str>>,
    pub(super) items: Option<Box<Self>>,
    pub(super) default: Option<Value>,

    pub(super) all_of: Vec<Self>,
    pub(super) any_of: Vec<Self>,
    pub(super) one_of: Vec<Self>,
    pub(super) not: Option<Box<Self>>,

    #[serde(rename = "enum")]
    pub(super) choices: Option<Vec<Value>>,
    pub(super) minimum: Option<Number>,
    pub(super) exclusive_minimum: bool,
    pub(super) maximum: Option<Number>,
    pub(super) exclusive_maximum: bool,
    pub(super) multiple_of: Option<Number>,
    pub(super) min_length: Option<u64>,
    pub(super) max_length: Option<u64>,
    pub(super) pattern: Option<Pattern>,
    pub(super) min_items: Option<u64>,
    pub(super) max_items: Option<u64>,
    pub(super) unique_items: bool,
    pub(super) min_properties: Option<u64>,
    pub(super) max_properties: Option<u64>,

    #[serde(rename = "x-kubernetes-list-type")]
    pub(super) list_type: Option<Box<str>>,
    #[serde(rename = "x-kubernetes-list-map-keys")]
    pub(super) list_map_keys: Vec<Box<str>>,
    #[serde(rename = "x-kubernetes-map-type")]
    pub(super) map_type: Option<Box<str>>,
    #[serde(rename = "x-kubernetes-patch-strategy")]
    pub(super) patch_strategy: Option<Box<str>>,
    #[serde(rename = "x-kubernetes-patch-merge-key")]
    pub(super) patch_merge_key: Option<Box<str>>,
    #[serde(rename = "x-kubernetes-int-or-string")]
    pub(super) int_or_string: bool,
    #[serde(rename = "x-kubernetes-preserve-unknown-fields")]
    pub(super) preserve_unknown: Option<bool>,
    #[serde(rename = "x-kubernetes-embedded-resource")]
    pub(super) embedded: bool,
    #[serde(rename = "x-kubernetes-group-version-kind")]
    pub(super) kinds: Vec<Kind>,
}

/// `additionalProperties`: a schema for all values, or whether there may be any.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Additional {
    Allowed(bool),
    Schema(Box<Raw>),
}

/// An entry of `x-kubernetes-group-version-kind`.
#[derive(Debug, Deserialize)]
#[allow(clippy::struct_field_names, reason = "the word of Kubernetes")]
pub(super) struct Kind {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) kind: String,
}

impl Raw {
    /// Reads the schema of a CRD.
    ///
    /// # Errors
    ///
    /// What is no JSON Schema, in words.
    pub(super) fn parse(schema: &Value) -> Result<Self, String> {
        Self::deserialize(schema).map_err(|error| error.to_string())
    }

    /// The name of the type that this refers to, alone or as the only part of `allOf`.
    pub(super) fn target(&self) -> Option<&str> {
        let reference = match (&self.reference, self.all_of.as_slice()) {
            (Some(reference), _) => reference,
            (None, [only]) => only.reference.as_ref()?,
            _ => return None,
        };
        reference.strip_prefix("#/components/schemas/")
    }

    /// True where fields that the schema doesn't name are kept.
    pub(super) fn preserves(&self) -> bool {
        self.preserve_unknown == Some(true)
    }
}

/// A regular expression that a text must match somewhere. It is compiled at its first use.
#[derive(Debug, Deserialize)]
#[serde(from = "Box<str>")]
pub(super) struct Pattern {
    text: Box<str>,
    compiled: OnceLock<Option<Regex>>,
}

impl From<Box<str>> for Pattern {
    fn from(text: Box<str>) -> Self {
        Self { text, compiled: OnceLock::new() }
    }
}

impl Pattern {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn is_valid(&self) -> bool {
        self.compiled().is_some()
    }

    /// True also where the pattern is not valid: its CRD was refused.
    pub(super) fn matches(&self, text: &str) -> bool {
        self.compiled().is_none_or(|pattern| pattern.is_match(text))
    }

    fn compiled(&self) -> Option<&Regex> {
        // RE2 of Go and this crate share their syntax but for rarities.
        self.compiled.get_or_init(|| Regex::new(&self.text).ok()).as_ref()
    }
}
