//! What differs from run to run is replaced by what it is.
//!
//! A resource version becomes its number in the order of appearance, so that it shows whether an
//! object was written. Times, uids, addresses, tokens and made-up names become their kind.

use std::{collections::BTreeMap, sync::LazyLock};

use regex::Regex;
use serde_json::{Map, Value, json};

use super::deliberate::ABSENT;

static UID: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").expect("valid")
});
static TIME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)").expect("valid")
});
/// How Go prints a whole object, and a comparison of two: nothing that a client reads.
static DUMP: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?s)"\{\\"apiVersion.*\}": |"map\[.*\]": |\{"(labels|metadata)":.*"[Ss]pec":.*\}: "#,
    )
    .expect("valid")
});
/// How far a server has come.
static CURRENT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(resource version: \d+, current: )\d+").expect("valid"));
static ADDRESS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^10\.\d+\.\d+\.\d+$").expect("valid"));

/// Masks the answers that one case gets from one server.
#[derive(Default)]
pub(super) struct Masks {
    versions: BTreeMap<String, usize>,
    /// Prefixes of names that servers complete.
    bases: Vec<String>,
}

impl Masks {
    /// From here on, names that begin with this are made up.
    pub(super) fn made_up(&mut self, base: &str) {
        self.bases.push(base.to_owned());
    }

    /// The value with everything masked.
    pub(super) fn mask(&mut self, value: &Value) -> Value {
        match value {
            Value::Object(map) => self.object(map),
            Value::Array(items) => items.iter().map(|item| self.mask(item)).collect(),
            Value::String(text) => Value::String(self.text(text)),
            other => other.clone(),
        }
    }

    fn object(&mut self, map: &Map<String, Value>) -> Value {
        let list = map.contains_key("items") || map.contains_key("rows");
        let bookmark = map.get("type").is_some_and(|kind| kind == "BOOKMARK");
        let mut masked = Map::new();
        let sorted = sorted_causes(map);
        for (key, value) in map {
            let value = match (key.as_str(), value) {
                ("managedFields", Value::Array(entries)) => self.owners(entries),
                ("message", _) if sorted.is_some() => {
                    json!(self.text(sorted.as_ref().expect("checked")))
                }
                ("causes", Value::Array(causes)) => self.causes(causes),
                ("metadata", Value::Object(metadata)) if list => list_metadata(metadata),
                ("object", Value::Object(object)) if bookmark => bookmarked(object),
                ("resourceVersion", Value::String(text)) if !text.is_empty() => {
                    let next = self.versions.len() + 1;
                    let number = *self.versions.entry(text.clone()).or_insert(next);
                    json!(format!("<version {number}>"))
                }
                ("nodePort" | "healthCheckNodePort", Value::Number(_)) => json!("<port>"),
                ("token", Value::String(_)) => json!("<token>"),
                ("serverAddressByClientCIDRs", _) => json!("<addresses>"),
                ("columnDefinitions", Value::Array(columns)) => {
                    columns.iter().map(column).collect()
                }
                ("resources", Value::Array(kinds)) if map.contains_key("groupVersion") => {
                    self.kinds(&served(kinds, "name"))
                }
                ("cells", Value::Array(cells)) => cells.iter().map(|c| self.cell(c)).collect(),
                ("resources", Value::Array(kinds)) if map.contains_key("freshness") => {
                    self.kinds(&served(kinds, "resource"))
                }
                ("resourceRules" | "nonResourceRules", Value::Array(rules)) => self.rules(rules),
                (_, value) => self.mask(value),
            };
            masked.insert(key.clone(), value);
        }
        Value::Object(masked)
    }

    /// Entries in an order that does not depend on when a second ended.
    fn owners(&mut self, entries: &[Value]) -> Value {
        let mut entries: Vec<Value> = entries.iter().map(|entry| self.mask(entry)).collect();
        let key = |entry: &Value| {
            ["operation", "manager", "apiVersion", "subresource"]
                .map(|key| entry[key].as_str().unwrap_or_default().to_owned())
        };
        entries.sort_by_key(key);
        Value::Array(entries)
    }

    /// The real server's order is that of a map, and how often a cause stands says only how often it
    /// looked.
    fn causes(&mut self, causes: &[Value]) -> Value {
        let mut causes: Vec<Value> = causes.iter().map(|cause| self.mask(cause)).collect();
        causes.sort_by_key(Value::to_string);
        causes.dedup();
        Value::Array(causes)
    }

    /// The real server lists custom kinds in no order.
    fn kinds(&mut self, kinds: &[Value]) -> Value {
        let mut kinds: Vec<Value> = kinds.iter().map(|kind| self.mask(kind)).collect();
        kinds.sort_by_key(|kind| (kind["name"].to_string(), kind["resource"].to_string()));
        Value::Array(kinds)
    }

    /// Rules in the order of nobody's bindings.
    fn rules(&mut self, rules: &[Value]) -> Value {
        let mut rules: Vec<Value> = rules.iter().map(|rule| self.mask(rule)).collect();
        rules.sort_by_key(Value::to_string);
        Value::Array(rules)
    }

    /// A cell of a table; ages differ by a second.
    fn cell(&mut self, cell: &Value) -> Value {
        match cell.as_str() {
            Some(text) if is_age(text) => json!("<age>"),
            _ => self.mask(cell),
        }
    }

    fn text(&self, text: &str) -> String {
        let text = UID.replace_all(text, "<uid>");
        let text = TIME.replace_all(&text, "<time>");
        let text = CURRENT.replace_all(&text, "${1}<version>");
        let mut text = DUMP.replace_all(&text, "<object>: ").into_owned();
        if let Some(at) = text.find("\n@@ ") {
            text.truncate(at + 1);
        }
        if ADDRESS.is_match(&text) {
            "<address>".clone_into(&mut text);
        }
        for (version, number) in &self.versions {
            for around in [("(", ")"), (": ", ",")] {
                let found = format!("{}{version}{}", around.0, around.1);
                text = text.replace(&found, &format!("{}<version {number}>{}", around.0, around.1));
            }
        }
        for base in &self.bases {
            let mut from = 0;
            while let Some(at) = text[from..].find(base.as_str()).map(|at| at + from) {
                from = at + base.len();
                let rest = &text[from..];
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
                if end > 0 {
                    text = format!("{}<made up>{}", &text[..at], &rest[end..]);
                    from = at;
                }
            }
        }
        text
    }
}

/// Kinds without those that only the real server has, on purpose; `key` is their name.
fn served(kinds: &[Value], key: &str) -> Vec<Value> {
    let absent = |kind: &Value, key: &str| ABSENT.iter().any(|name| kind[key] == *name);
    let mut served: Vec<Value> = kinds.iter().filter(|kind| !absent(kind, key)).cloned().collect();
    for kind in &mut served {
        let parent = kind["resource"].as_str().unwrap_or_default().to_owned();
        if let Some(subs) = kind["subresources"].as_array_mut() {
            let name = |sub: &Value| {
                format!("{parent}/{}", sub["subresource"].as_str().unwrap_or_default())
            };
            subs.retain(|sub| !ABSENT.contains(&name(sub).as_str()));
            subs.sort_by_key(name);
        }
    }
    served
}

/// The message of a refusal with its causes in one order: that of the real server is a map's.
/// `None` where the message doesn't list just these.
fn sorted_causes(status: &Map<String, Value>) -> Option<String> {
    let causes = status.get("details")?.get("causes")?.as_array()?;
    let (head, list) = status.get("message")?.as_str()?.split_once(" is invalid: [")?;
    let text = |cause: &Value, key: &str| cause[key].as_str().map(str::to_owned);
    let said = |cause| Some(format!("{}: {}", text(cause, "field")?, text(cause, "message")?));
    let mut said: Vec<String> = causes.iter().filter_map(said).collect();
    said.sort();
    said.dedup();
    let length = said.iter().map(|one| one.len() + ", ".len()).sum::<usize>();
    let complete = said.iter().all(|one| list.contains(one.as_str()));
    // The last one has a bracket for its comma.
    (complete && list.len() + 1 == length)
        .then(|| format!("{head} is invalid: [{}]", said.join(", ")))
}

/// Columns without what they say of themselves: the embedded server has words of its own.
fn column(column: &Value) -> Value {
    let mut column = column.clone();
    column["description"] = json!("<description>");
    column
}

fn bookmarked(object: &Map<String, Value>) -> Value {
    let mut masked = Value::Object(object.clone());
    masked["metadata"]["resourceVersion"] = json!("<version>");
    masked
}

fn is_age(text: &str) -> bool {
    let digits = text.trim_end_matches(['s', 'm']);
    digits.len() < text.len() && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

/// The version of a list grows with every write to the cluster.
fn list_metadata(metadata: &Map<String, Value>) -> Value {
    let mut masked = metadata.clone();
    for key in ["resourceVersion", "continue"] {
        if metadata.get(key).and_then(Value::as_str).is_some_and(|text| !text.is_empty()) {
            masked.insert(key.to_owned(), json!(format!("<{key}>")));
        }
    }
    Value::Object(masked)
}
