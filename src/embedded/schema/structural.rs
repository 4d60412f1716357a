//! What makes the schema of a CRD structural: each value has one known type, whatever the
//! conditions on it say.

use serde_json::Value;

use super::{
    check::Violation,
    raw::{Additional, Raw},
};

/// Everything for which the real server refuses the schema. Fields are named from its root:
/// `properties[spec].type`.
pub(super) fn faults(root: &Raw) -> Vec<Violation> {
    let mut found = Faults::default();
    found.schema(root, Level::Root, "");
    found.0.sort_by(|one, other| (&one.field, &one.message).cmp(&(&other.field, &other.message)));
    found.0
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Root,
    Item,
    Field,
}

#[derive(Default)]
struct Faults(Vec<Violation>);

impl Faults {
    fn add(&mut self, reason: &'static str, path: &str, word: &str, message: String) {
        let field = below(path, word);
        self.0.push(Violation { reason, field, message });
    }

    fn required(&mut self, path: &str, word: &str, why: &str) {
        self.add("FieldValueRequired", path, word, format!("Required value: {why}"));
    }

    fn forbidden(&mut self, path: &str, word: &str, why: &str) {
        self.add("FieldValueForbidden", path, word, format!("Forbidden: {why}"));
    }

    fn invalid(&mut self, path: &str, word: &str, value: &Value, why: &str) {
        self.add("FieldValueInvalid", path, word, format!("Invalid value: {value}: {why}"));
    }

    fn schema(&mut self, raw: &Raw, level: Level, path: &str) {
        self.kind(raw, level, path);
        self.object(raw, level, path);
        self.list(raw, path);
        self.conditions(raw, path, raw.int_or_string);
        if let Some(items) = &raw.items {
            self.schema(items, Level::Item, &below(path, "items"));
        }
        for (name, property) in &raw.properties {
            self.schema(property, Level::Field, &below(path, &format!("properties[{name}]")));
        }
        if let Some(Additional::Schema(values)) = &raw.additional_properties {
            self.schema(values, Level::Field, &below(path, "additionalProperties"));
        }
    }

    fn kind(&mut self, raw: &Raw, level: Level, path: &str) {
        const KINDS: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];
        match raw.kind.as_deref() {
            None if raw.int_or_string || raw.preserves() => {}
            None => self.required(
                path,
                "type",
                match level {
                    Level::Root => "must not be empty at the root",
                    Level::Item => "must not be empty for specified array items",
                    Level::Field => "must not be empty for specified object fields",
                },
            ),
            Some(kind) if !KINDS.contains(&kind) => {
                let supported = KINDS.map(|kind| format!("{kind:?}")).join(", ");
                let message = format!("Unsupported value: {kind:?}: supported values: {supported}");
                self.add("FieldValueNotSupported", path, "type", message);
            }
            Some(kind) if level == Level::Root && kind != "object" => {
                self.invalid(path, "type", &Value::from(kind), "must be object at the root");
            }
            Some(_) => {}
        }
        if raw.embedded && raw.kind.as_deref().is_some_and(|kind| kind != "object") {
            let why = "must be object if x-kubernetes-embedded-resource is true";
            self.invalid(path, "type", &Value::from(raw.kind.as_deref()), why);
        }
        if raw.reference.is_some() {
            self.forbidden(path, "$ref", "$ref is not supported");
        }
        if level == Level::Root && raw.nullable {
            self.forbidden(path, "nullable", "nullable cannot be true at the root");
        }
        if raw.preserve_unknown == Some(false) {
            let why = "must be true or undefined";
            self.invalid(path, "x-kubernetes-preserve-unknown-fields", &false.into(), why);
        }
    }

    fn object(&mut self, raw: &Raw, level: Level, path: &str) {
        let word = "additionalProperties";
        if let Some(additional) = &raw.additional_properties {
            if level == Level::Root {
                self.forbidden(path, word, "must not be used at the root");
            }
            if matches!(additional, Additional::Allowed(false)) {
                self.forbidden(path, word, "additionalProperties cannot be set to false");
            } else if !raw.properties.is_empty() {
                self.forbidden(
                    path,
                    word,
                    "additionalProperties and properties are mutual exclusive",
                );
            }
        }
        if raw.embedded && !raw.preserves() && raw.properties.is_empty() {
            let why = "must not be empty if x-kubernetes-embedded-resource is true without \
                       x-kubernetes-preserve-unknown-fields";
            self.required(path, "properties", why);
        }
        let metadata = raw.properties.get("metadata").filter(|_| level == Level::Root);
        if let Some(metadata) = metadata {
            let mut names = metadata.properties.keys();
            if !names.all(|name| matches!(&**name, "name" | "generateName")) {
                let why = "must not specify anything other than name and generateName, but \
                           metadata is implicitly specified";
                self.forbidden(path, "properties[metadata]", why);
            }
        }
        if let Some(kind) = raw.map_type.as_deref().filter(|kind| !MAP_TYPES.contains(kind)) {
            let message =
                format!("Unsupported value: {kind:?}: supported values: \"atomic\", \"granular\"");
            self.add("FieldValueNotSupported", path, "x-kubernetes-map-type", message);
        }
    }

    fn list(&mut self, raw: &Raw, path: &str) {
        let is_list = raw.kind.as_deref() == Some("array");
        if is_list && raw.items.is_none() {
            self.required(path, "items", "must be specified");
        }
        if raw.unique_items {
            let why = "uniqueItems cannot be set to true since the runtime complexity becomes \
                       quadratic";
            self.forbidden(path, "uniqueItems", why);
        }
        match raw.list_type.as_deref() {
            None | Some("atomic" | "set") if !raw.list_map_keys.is_empty() => {
                let why = "must be map if x-kubernetes-list-map-keys is non-empty";
                self.required(path, "x-kubernetes-list-type", why);
            }
            None | Some("atomic" | "set") => {}
            Some("map") => {
                if raw.list_map_keys.is_empty() {
                    let why = "must not be empty if x-kubernetes-list-type is map";
                    self.required(path, "x-kubernetes-list-map-keys", why);
                }
                self.keys(raw, path);
            }
            Some(other) => {
                let message = format!(
                    "Unsupported value: {other:?}: supported values: \"atomic\", \"set\", \"map\""
                );
                self.add("FieldValueNotSupported", path, "x-kubernetes-list-type", message);
            }
        }
    }

    /// The keys of a list map are fields that every item has.
    fn keys(&mut self, raw: &Raw, path: &str) {
        let Some(items) = &raw.items else { return };
        if let Some(kind) = items.kind.as_deref().filter(|kind| *kind != "object") {
            let why = "must be object if parent array's x-kubernetes-list-type is map";
            self.invalid(path, "items.type", &Value::from(kind), why);
        }
        for key in &raw.list_map_keys {
            let property = format!("items.properties[{key}]");
            match items.properties.get(key) {
                None => self.invalid(
                    path,
                    "x-kubernetes-list-map-keys",
                    &raw.list_map_keys.iter().map(|key| Value::from(&**key)).collect(),
                    "entries must all be names of item properties",
                ),
                Some(of) if of.default.is_none() && !items.required.contains(key) => self.required(
                    path,
                    &format!("{property}.default"),
                    "this property is in x-kubernetes-list-map-keys, so it must have a default or \
                     be a required property",
                ),
                Some(_) => {}
            }
        }
    }

    /// What stands in `anyOf` and the like may restrict values, not give types.
    fn conditions(&mut self, raw: &Raw, path: &str, may_be_int_or_string: bool) {
        if let Some(pattern) = raw.pattern.as_ref().filter(|pattern| !pattern.is_valid()) {
            let why = "must be a valid regular expression";
            self.invalid(path, "pattern", &Value::from(pattern.text()), why);
        }
        let exempt = may_be_int_or_string && is_int_or_string(&raw.any_of);
        for (word, schemas) in
            [("anyOf", &raw.any_of), ("allOf", &raw.all_of), ("oneOf", &raw.one_of)]
        {
            for (index, schema) in schemas.iter().enumerate() {
                let inner_exempt = word == "allOf" && index == 0 && may_be_int_or_string;
                if !(exempt && word == "anyOf") {
                    self.nested(schema, &below(path, &format!("{word}[{index}]")), inner_exempt);
                }
            }
        }
        if let Some(not) = &raw.not {
            self.nested(not, &below(path, "not"), false);
        }
    }

    fn nested(&mut self, raw: &Raw, path: &str, may_be_int_or_string: bool) {
        for (word, is_there, why) in [
            ("type", raw.kind.is_some(), "must be empty to be structural"),
            ("default", raw.default.is_some(), "must be undefined to be structural"),
            ("nullable", raw.nullable, "must be false to be structural"),
            (
                "additionalProperties",
                raw.additional_properties.is_some(),
                "must be undefined to be structural",
            ),
            (
                "properties[metadata]",
                raw.properties.contains_key("metadata"),
                "must not be specified in a nested context",
            ),
            ("x-kubernetes-int-or-string", raw.int_or_string, "must be false to be structural"),
            ("x-kubernetes-embedded-resource", raw.embedded, "must be false to be structural"),
            (
                "x-kubernetes-preserve-unknown-fields",
                raw.preserves(),
                "must be false to be structural",
            ),
            (
                "x-kubernetes-list-type",
                raw.list_type.is_some(),
                "must be undefined to be structural",
            ),
        ] {
            if is_there {
                self.forbidden(path, word, why);
            }
        }
        self.conditions(raw, path, may_be_int_or_string);
        if let Some(items) = &raw.items {
            self.nested(items, &below(path, "items"), false);
        }
        for (name, property) in &raw.properties {
            self.nested(property, &below(path, &format!("properties[{name}]")), false);
        }
    }
}

const MAP_TYPES: [&str; 2] = ["atomic", "granular"];

fn below(path: &str, word: &str) -> String {
    if path.is_empty() { word.to_owned() } else { format!("{path}.{word}") }
}

/// `anyOf: [{type: integer}, {type: string}]`, which controller-gen writes for such fields.
fn is_int_or_string(any_of: &[Raw]) -> bool {
    let kinds: Vec<_> = any_of.iter().map(|schema| schema.kind.as_deref()).collect();
    kinds == [Some("integer"), Some("string")]
}
