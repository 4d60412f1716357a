//! The difference between two states of one object: as a text that people read and as data.
//!
//! In go the live object and the object as it would be after the sync. What no author writes
//! (status, and the metadata that the server keeps for itself) is left out of both, and Secrets are
//! masked in here, by type, so that no caller can forget it.

use std::collections::HashSet;

use serde_json::{Map, Value};
use similar::{ChangeTag, TextDiff};

use crate::object::{FieldPath, ObjectId, PathElement, mask};

/// Lines shown around a change.
const CONTEXT_LINES: usize = 3;
/// What stands for a missing object in the header of a diff.
const NOTHING: &str = "/dev/null";

/// Metadata that the server keeps for itself.
const NOISE: [&str; 6] =
    ["managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink"];

/// Lists of maps whose items are told apart by other fields than `name`, by the field that holds
/// the list. The first set of fields that all items have counts. Rule: the list map keys of the
/// Kubernetes API.
const KEYS: [(&str, &[&[&str]]); 8] = [
    ("conditions", &[&["type"]]),
    ("hostAliases", &[&["ip"]]),
    ("ownerReferences", &[&["uid"]]),
    ("podIPs", &[&["ip"]]),
    ("ports", &[&["containerPort", "protocol"], &["port", "protocol"]]),
    ("topologySpreadConstraints", &[&["topologyKey", "whenUnsatisfiable"]]),
    ("volumeDevices", &[&["devicePath"]]),
    ("volumeMounts", &[&["mountPath"]]),
];

/// One field that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldChange {
    /// Where, for example `.spec.template.spec.containers[name="web"].image`. The root when the
    /// whole object comes or goes, the list when only the order of its items differs.
    pub path: FieldPath,
    /// The live value; `None` when the field is not there.
    pub old: Option<Value>,
    /// The value after the sync; `None` when the field goes.
    pub new: Option<Value>,
}

/// Both states without noise, Secrets masked with common runs.
fn normalised(live: Option<&Value>, predicted: Option<&Value>) -> [Option<Value>; 2] {
    let mut live = live.map(stripped);
    let mut predicted = predicted.map(stripped);
    let (mut none_live, mut none_predicted) = (Value::Null, Value::Null);
    mask::secret_pair(
        live.as_mut().unwrap_or(&mut none_live),
        predicted.as_mut().unwrap_or(&mut none_predicted),
    );
    [live, predicted]
}

fn stripped(object: &Value) -> Value {
    let mut object = object.clone();
    let Some(fields) = object.as_object_mut() else { return object };
    fields.remove("status");
    if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
        for field in NOISE {
            metadata.remove(field);
        }
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            // kubectl's own copy of the object says nothing that the object does not.
            let copied = annotations.remove(mask::LAST_APPLIED).is_some();
            if copied && annotations.is_empty() {
                metadata.remove("annotations");
            }
        }
    }
    object
}

/// The difference as a unified diff of two texts; empty when nothing differs.
///
/// `print` writes a value as YAML. `None` stands for an object that is not there: the diff of a
/// creation adds every line, that of a prune removes every line. With `color` the lines carry ANSI
/// colours.
pub fn unified(
    id: &ObjectId,
    live: Option<&Value>,
    predicted: Option<&Value>,
    print: &dyn Fn(&Value) -> String,
    color: bool,
) -> String {
    let [live, predicted] = normalised(live, predicted);
    if live == predicted {
        return String::new();
    }
    let text = |state: &Option<Value>| state.as_ref().map(print).unwrap_or_default();
    let name = |state: &Option<Value>, side: &str| match state {
        Some(_) => format!("{side} {id}"),
        None => NOTHING.to_owned(),
    };
    let (old, new) = (text(&live), text(&predicted));
    let mut out = Lines { text: String::new(), color };
    out.push(BOLD, &format!("--- {}", name(&live, "live")));
    out.push(BOLD, &format!("+++ {}", name(&predicted, "git")));
    let diff = TextDiff::from_lines(&old, &new);
    for hunk in diff.unified_diff().context_radius(CONTEXT_LINES).iter_hunks() {
        out.push(CYAN, &hunk.header().to_string());
        for change in hunk.iter_changes() {
            let (code, sign) = match change.tag() {
                ChangeTag::Delete => (RED, '-'),
                ChangeTag::Insert => (GREEN, '+'),
                ChangeTag::Equal => ("", ' '),
            };
            out.push(code, &format!("{sign}{}", change.value().trim_end_matches('\n')));
        }
    }
    out.text
}

const BOLD: &str = "\u{1b}[1m";
const CYAN: &str = "\u{1b}[36m";
const RED: &str = "\u{1b}[31m";
const GREEN: &str = "\u{1b}[32m";
const RESET: &str = "\u{1b}[0m";

struct Lines {
    text: String,
    color: bool,
}

impl Lines {
    fn push(&mut self, code: &str, line: &str) {
        if self.color && !code.is_empty() {
            self.text.extend([code, line, RESET, "\n"]);
        } else {
            self.text.extend([line, "\n"]);
        }
    }
}

/// The fields that differ, in the order of their paths; empty exactly when [`unified`] is.
///
/// Items of a list are matched by what the API tells them apart by (`name`, `containerPort` and
/// `protocol`, ...), others by their place after what both lists have in common at their ends.
pub fn changes(live: Option<&Value>, predicted: Option<&Value>) -> Vec<FieldChange> {
    let [live, predicted] = normalised(live, predicted);
    let mut changes = Vec::new();
    compare(&FieldPath::default(), live.as_ref(), predicted.as_ref(), &mut changes);
    changes
}

fn compare(
    path: &FieldPath,
    old: Option<&Value>,
    new: Option<&Value>,
    changes: &mut Vec<FieldChange>,
) {
    match (old, new) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            compare_maps(path, old, new, changes);
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            compare_lists(path, old, new, changes);
        }
        (old, new) if old == new => {}
        (old, new) => {
            changes.push(FieldChange { path: path.clone(), old: old.cloned(), new: new.cloned() });
        }
    }
}

fn compare_maps(
    path: &FieldPath,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    changes: &mut Vec<FieldChange>,
) {
    let added = new.keys().filter(|key| !old.contains_key(*key));
    let mut keys: Vec<&String> = old.keys().chain(added).collect();
    keys.sort();
    for key in keys {
        let (old, new) = (old.get(key), new.get(key));
        if old != new {
            compare(&path.child(PathElement::Field(key.clone())), old, new, changes);
        }
    }
}

fn compare_lists(path: &FieldPath, old: &[Value], new: &[Value], changes: &mut Vec<FieldChange>) {
    if old == new {
        return;
    }
    if let Some((old_keys, new_keys)) = keys_of_both(path, old, new) {
        compare_keyed(path, (old, &old_keys), (new, &new_keys), changes);
        return;
    }
    let same_start = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old_rest, new_rest) = (&old[same_start..], &new[same_start..]);
    let same_end =
        old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(a, b)| a == b).count();
    let old_rest = &old_rest[..old_rest.len() - same_end];
    let new_rest = &new_rest[..new_rest.len() - same_end];
    for place in 0..old_rest.len().max(new_rest.len()) {
        let path = path.child(PathElement::Index(same_start + place));
        compare(&path, old_rest.get(place), new_rest.get(place), changes);
    }
}

/// The fields of an item that tell it apart from the others.
type Key = Map<String, Value>;

fn compare_keyed(
    path: &FieldPath,
    (old, old_keys): (&[Value], &[Key]),
    (new, new_keys): (&[Value], &[Key]),
    changes: &mut Vec<FieldChange>,
) {
    let before = changes.len();
    for (item, key) in old.iter().zip(old_keys) {
        let other = new_keys.iter().position(|other| other == key).map(|place| &new[place]);
        compare(&path.child(PathElement::Key(key.clone())), Some(item), other, changes);
    }
    for (item, key) in new.iter().zip(new_keys).filter(|(_, key)| !old_keys.contains(key)) {
        compare(&path.child(PathElement::Key(key.clone())), None, Some(item), changes);
    }
    if changes.len() == before {
        // The same items in another order, which counts for init containers and webhooks.
        changes.push(FieldChange {
            path: path.clone(),
            old: Some(Value::from(old)),
            new: Some(Value::from(new)),
        });
    }
}

fn keys_of_both(path: &FieldPath, old: &[Value], new: &[Value]) -> Option<(Vec<Key>, Vec<Key>)> {
    let field = match path.0.last() {
        Some(PathElement::Field(name)) => name.as_str(),
        _ => "",
    };
    shared_keys(field, [old, new]).map(<_>::from)
}

/// The keys by which the items of several states of one list are told apart, `field` being the name
/// of the list; `None` when they have none, or when a key stands twice in one list.
pub(crate) fn shared_keys<const N: usize>(
    field: &str,
    lists: [&[Value]; N],
) -> Option<[Vec<Key>; N]> {
    let special = KEYS.iter().find(|(name, _)| *name == field).map_or(&[][..], |(_, keys)| keys);
    special.iter().copied().chain([&["name"][..]]).find_map(|names| {
        let keys = |list: &[Value]| -> Option<Vec<Key>> {
            let keys: Option<Vec<Key>> = list.iter().map(|item| key_of(item, names)).collect();
            keys.filter(|keys| keys.iter().collect::<HashSet<_>>().len() == keys.len())
        };
        let all: Vec<Vec<Key>> = lists.iter().map(|list| keys(list)).collect::<Option<_>>()?;
        all.try_into().ok()
    })
}

fn key_of(item: &Value, names: &[&str]) -> Option<Key> {
    let mut key = Key::new();
    for name in names {
        match item.as_object()?.get(*name) {
            Some(value) if value.is_string() || value.is_number() => {
                key.insert((*name).to_owned(), value.clone());
            }
            // The server fills it in.
            None if *name == "protocol" => {
                key.insert((*name).to_owned(), Value::from("TCP"));
            }
            _ => return None,
        }
    }
    Some(key)
}

#[cfg(test)]
mod tests;
