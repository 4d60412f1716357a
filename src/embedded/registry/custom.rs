//! From a CustomResourceDefinition to the kinds that it defines.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Custom, FieldRule, Kind, Sub, kind::ALL_VERBS, priority};
use crate::{
    embedded::schema::Schema,
    object::{GroupKind, GroupVersionKind},
};

/// The finalizer under which the objects of a kind are deleted before its definition.
pub(crate) const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// A definition as it was written, and what follows from it.
pub(crate) struct Definition<'a> {
    object: &'a Value,
}

impl<'a> Definition<'a> {
    pub(crate) fn new(object: &'a Value) -> Self {
        Self { object }
    }

    fn spec(&self) -> &'a Value {
        &self.object["spec"]
    }

    /// The kind that it defines.
    pub(crate) fn group_kind(&self) -> GroupKind {
        GroupKind::new(self.text("group"), self.name("kind"))
    }

    fn text(&self, key: &str) -> &'a str {
        self.spec()[key].as_str().unwrap_or_default()
    }

    fn name(&self, key: &str) -> &'a str {
        self.spec()["names"][key].as_str().unwrap_or_default()
    }

    fn versions(&self) -> impl Iterator<Item = &'a Value> {
        self.spec()["versions"].as_array().into_iter().flatten()
    }

    /// The version in which objects are kept.
    pub(crate) fn stored_version(&self) -> &'a str {
        let stored = self.versions().find(|version| version["storage"] == true);
        stored.and_then(|version| version["name"].as_str()).unwrap_or_default()
    }

    /// The names of the versions that are served, the best first.
    fn served(&self) -> impl Iterator<Item = &'a str> {
        let mut served: Vec<&str> = self
            .versions()
            .filter(|version| version["served"] == true)
            .filter_map(|version| version["name"].as_str())
            .collect();
        served.sort_by_key(|name| std::cmp::Reverse(priority(name)));
        served.into_iter()
    }

    /// What is said of a version that is deprecated: its own words, or which to use instead.
    fn deprecation(&self, version: &Value) -> Option<String> {
        if version["deprecated"] != true {
            return None;
        }
        if let Some(words) = version["deprecationWarning"].as_str() {
            return Some(words.to_owned());
        }
        let (group, kind) = (self.text("group"), self.name("kind"));
        let name = version["name"].as_str().unwrap_or_default();
        let is_deprecated = |name: &str| {
            self.versions().any(|other| other["name"] == name && other["deprecated"] == true)
        };
        let said = format!("{group}/{name} {kind} is deprecated");
        let better =
            self.served().find(|other| !is_deprecated(other) && priority(other) > priority(name));
        Some(match better {
            Some(better) => format!("{said}; use {group}/{better} {kind}"),
            None => said,
        })
    }

    /// The name, plural and so on that another definition of the group took first.
    pub(crate) fn clash(&self, other: &Self) -> Option<String> {
        if self.text("group") != other.text("group") {
            return None;
        }
        for key in ["plural", "singular", "kind", "listKind"] {
            let name = self.name(key);
            if !name.is_empty() && name == other.name(key) {
                return Some(name.to_owned());
            }
        }
        None
    }

    /// The names with their defaults.
    pub(crate) fn names(&self) -> Value {
        let mut names = self.spec()["names"].clone();
        fill_names(&mut names);
        names
    }

    /// The served versions, or why a schema can't be used.
    pub(crate) fn kinds(&self) -> Result<Vec<Kind>, Vec<String>> {
        let mut served: Vec<&Value> = self.versions().filter(|v| v["served"] == true).collect();
        served.sort_by_key(|version| {
            std::cmp::Reverse(priority(version["name"].as_str().unwrap_or_default()))
        });
        served.into_iter().map(|version| self.kind(version)).collect()
    }

    fn kind(&self, version: &Value) -> Result<Kind, Vec<String>> {
        let (group, name) = (self.text("group"), version["name"].as_str().unwrap_or_default());
        let gvk = GroupVersionKind {
            group: group.to_owned(),
            version: name.to_owned(),
            kind: self.name("kind").to_owned(),
        };
        let schema = Schema::of_crd(&version["schema"]["openAPIV3Schema"], &gvk)?;
        let names = self.names();
        let text = |key: &str| names[key].as_str().unwrap_or_default().to_owned();
        let list = |key: &str| -> Vec<String> {
            let items = names[key].as_array().into_iter().flatten();
            items.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let custom = Custom {
            schema: Arc::new(schema),
            columns: version["additionalPrinterColumns"].clone(),
            stored: name == self.stored_version(),
            stored_as: format!("{group}/{}", self.stored_version()),
            served: self.served().map(|version| format!("{group}/{version}")).collect(),
            deprecation: self.deprecation(version),
        };
        Ok(Kind {
            gvk,
            list_kind: text("listKind"),
            plural: text("plural"),
            singular: text("singular"),
            short_names: list("shortNames"),
            categories: list("categories"),
            namespaced: self.text("scope") != "Cluster",
            verbs: ALL_VERBS,
            subs: subs(&version["subresources"]),
            fields: FieldRule::custom(&version["selectableFields"]),
            put_creates: false,
            put_needs_version: true,
            answers_deleted: false,
            custom: Some(custom),
        })
    }
}

fn subs(declared: &Value) -> Vec<Sub> {
    let mut subs = Vec::new();
    if declared["status"].is_object() {
        subs.push(Sub::Status);
    }
    let scale = &declared["scale"];
    if scale.is_object() {
        let pointer = |key: &str| scale[key].as_str().unwrap_or_default().replace('.', "/");
        subs.push(Sub::Scale {
            spec: pointer("specReplicasPath"),
            status: pointer("statusReplicasPath"),
            selector: pointer("labelSelectorPath"),
        });
    }
    subs
}

fn fill_names(names: &mut Value) {
    let kind = names["kind"].as_str().unwrap_or_default().to_owned();
    if kind.is_empty() {
        return;
    }
    if let Some(names) = names.as_object_mut() {
        names.entry("singular").or_insert_with(|| json!(kind.to_lowercase()));
        names.entry("listKind").or_insert_with(|| json!(format!("{kind}List")));
    }
}

/// Fills in what the server fills in, and the status of a definition that is new.
pub(crate) fn prepare(object: &mut Value) {
    fill_names(&mut object["spec"]["names"]);
    if let Some(spec) = object["spec"].as_object_mut() {
        spec.entry("conversion").or_insert_with(|| json!({"strategy": "None"}));
    }
    let stored = Definition::new(object).stored_version().to_owned();
    let Some(object) = object.as_object_mut() else { return };
    let status = object.entry("status").or_insert_with(|| {
        json!({"conditions": [], "acceptedNames": {"plural": "", "kind": ""}, "storedVersions": []})
    });
    let Some(status) = status.as_object_mut() else { return };
    let versions =
        status.entry("storedVersions").or_insert_with(|| Value::from(Vec::<Value>::new()));
    if let Some(versions) = versions.as_array_mut()
        && !stored.is_empty()
        && !versions.iter().any(|version| *version == stored.as_str())
    {
        versions.push(Value::from(stored));
    }
}

/// Sets a condition; the time moves only when its status does.
pub(crate) fn set_condition(status: &mut Map<String, Value>, condition: &Value, now: &str) {
    let slot = status.entry("conditions").or_insert_with(|| Value::from(Vec::<Value>::new()));
    if !slot.is_array() {
        *slot = Value::from(Vec::<Value>::new());
    }
    let Some(conditions) = slot.as_array_mut() else { return };
    let mut condition = condition.clone();
    condition["lastTransitionTime"] = Value::from(now);
    match conditions.iter_mut().find(|known| known["type"] == condition["type"]) {
        Some(known) => {
            if known["status"] == condition["status"] {
                condition["lastTransitionTime"] = known["lastTransitionTime"].clone();
            }
            *known = condition;
        }
        None => conditions.push(condition),
    }
}
