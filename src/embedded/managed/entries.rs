//! `metadata.managedFields` read and written.

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::Offset};
use serde_json::{Map, Value, json};

use crate::object::FieldSet;

/// How an entry came to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    Apply,
    #[default]
    Update,
}

impl Operation {
    const fn name(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        }
    }
}

/// What makes an entry the same one: an applier keeps its entry whatever version it applies by.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id {
    pub(super) manager: Box<str>,
    pub(super) operation: Operation,
    /// Empty for `Apply`.
    pub(super) version: Box<str>,
    pub(super) subresource: Box<str>,
}

impl Id {
    pub(super) fn new(
        manager: &str,
        operation: Operation,
        version: &str,
        subresource: &str,
    ) -> Self {
        let version = if operation == Operation::Apply { "" } else { version };
        Self {
            manager: manager.into(),
            operation,
            version: version.into(),
            subresource: subresource.into(),
        }
    }

    /// No entry that is ever written has this id.
    pub(super) fn this_operation() -> Self {
        Self::default()
    }

    /// The id as a server sorts by it.
    pub(super) fn text(&self) -> String {
        let mut text = String::from("{");
        let mut add = |name: &str, value: &str| {
            if !value.is_empty() {
                let comma = if text.len() > 1 { "," } else { "" };
                text.push_str(&format!("{comma}\"{name}\":{}", Value::from(value)));
            }
        };
        add("manager", &self.manager);
        add("operation", self.operation.name());
        add("apiVersion", &self.version);
        add("subresource", &self.subresource);
        text + "}"
    }
}

/// What a manager owns.
#[derive(Debug, Clone, Default)]
pub(super) struct Owned {
    pub(super) fields: FieldSet,
    /// Group and version in which the fields are named.
    pub(super) version: Box<str>,
    pub(super) time: Option<Timestamp>,
}

/// All entries of an object.
pub(super) type Managers = BTreeMap<Id, Owned>;

/// Reads the entries; none where there are none.
///
/// # Errors
///
/// What is wrong with the first bad entry, as the server words it.
pub(super) fn decode(object: &Value) -> Result<Managers, String> {
    let Some(list) = written(object) else { return Ok(Managers::default()) };
    list.iter().enumerate().map(|(index, entry)| decode_entry(index, entry)).collect()
}

/// The list as it stands in the object; `None` when it is absent or null.
fn written(object: &Value) -> Option<&Vec<Value>> {
    object.pointer("/metadata/managedFields")?.as_array()
}

fn decode_entry(index: usize, entry: &Value) -> Result<(Id, Owned), String> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
    let operation = match text("operation") {
        "Apply" => Operation::Apply,
        "Update" => Operation::Update,
        _ => return Err("operation must be `Apply` or `Update`".to_owned()),
    };
    let version = text("apiVersion");
    if version.is_empty() {
        return Err("apiVersion must not be empty".to_owned());
    }
    match text("fieldsType") {
        "FieldsV1" => {}
        "" => return Err(format!("missing fieldsType in managed fields entry {index}")),
        other => {
            return Err(format!("invalid fieldsType {other:?} in managed fields entry {index}"));
        }
    }
    let id = Id::new(text("manager"), operation, version, text("subresource"));
    let fields = entry.get("fieldsV1").map(FieldSet::parse).unwrap_or_default();
    let time = text("time").parse().ok();
    Ok((id, Owned { fields: fields.canonical(), version: version.into(), time }))
}

/// The entries that an update starts from: those of the request, as long as they are any good and
/// it is no subresource, else those of the object as it was.
pub(super) fn of_request(old: Option<&Value>, new: &Value, subresource: bool) -> Managers {
    let of_old = || old.and_then(|old| decode(old).ok()).unwrap_or_default();
    if subresource {
        return of_old();
    }
    if written(new)
        .is_some_and(|list| matches!(list.as_slice(), [] | [Value::Object(_)] if all_empty(list)))
    {
        return Managers::default();
    }
    decode(new).ok().filter(|managers| !managers.is_empty()).unwrap_or_else(of_old)
}

fn all_empty(list: &[Value]) -> bool {
    list.iter().all(|entry| entry.as_object().is_some_and(Map::is_empty))
}

/// Takes the entries out of the object.
pub(super) fn clear(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
}

/// Writes the entries into the object, in the order of the server: by operation, by the second, by
/// manager.
pub(super) fn encode(object: &mut Value, managers: &Managers) {
    clear(object);
    if managers.is_empty() {
        return;
    }
    let mut all: Vec<_> = managers.iter().collect();
    all.sort_by_key(|(id, owned)| {
        (id.operation, seconds(owned.time), &id.manager, &owned.version, &id.subresource)
    });
    let list: Vec<_> = all.into_iter().map(|(id, owned)| encode_entry(id, owned)).collect();
    if let Some(object) = object.as_object_mut() {
        let metadata = object.entry("metadata").or_insert_with(|| json!({}));
        if let Some(metadata) = metadata.as_object_mut() {
            metadata.insert("managedFields".to_owned(), Value::Array(list));
        }
    }
}

fn seconds(time: Option<Timestamp>) -> i64 {
    time.map_or(0, Timestamp::as_second)
}

fn encode_entry(id: &Id, owned: &Owned) -> Value {
    let mut entry = json!({
        "operation": id.operation.name(),
        "apiVersion": &*owned.version,
        "fieldsType": "FieldsV1",
        "fieldsV1": owned.fields.to_json(),
    });
    if !id.manager.is_empty() {
        entry["manager"] = Value::from(&*id.manager);
    }
    if !id.subresource.is_empty() {
        entry["subresource"] = Value::from(&*id.subresource);
    }
    if let Some(time) = owned.time {
        let time = Offset::UTC.to_datetime(time);
        entry["time"] = Value::from(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    }
    entry
}

/// How many entries of updates an object may have.
const UPDATERS_MAX: usize = 10;

/// Unites the oldest updaters of each version as `ancient-changes` while there are too many.
pub(super) fn cap(managers: &mut Managers) {
    let updaters = managers.keys().filter(|id| id.operation == Operation::Update);
    let mut updaters: Vec<_> = updaters.cloned().collect();
    let mut count = updaters.len();
    updaters.sort_by_key(|id| (seconds(managers[id].time), id.text()));
    let mut first_of: BTreeMap<Box<str>, Id> = BTreeMap::new();
    for id in updaters {
        if count <= UPDATERS_MAX {
            return;
        }
        let Some(owned) = managers.get(&id).cloned() else { continue };
        let Some(first) = first_of.get(&owned.version) else {
            first_of.insert(owned.version, id);
            continue;
        };
        let bucket = Id::new("ancient-changes", Operation::Update, &owned.version, "");
        if !managers.contains_key(&bucket)
            && let Some(first) = managers.remove(first)
        {
            managers.insert(bucket.clone(), first);
        }
        let united = managers.entry(bucket).or_default();
        united.fields.merge(&owned.fields);
        united.version = owned.version;
        // It is the younger of the two.
        united.time = owned.time;
        managers.remove(&id);
        count -= 1;
    }
}
