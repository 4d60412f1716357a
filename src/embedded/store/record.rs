//! What is kept of one object.

use std::sync::Arc;

use serde_json::{Map, Value};

/// The place of an object within its kind. The namespace of a cluster-scoped object is empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) namespace: Box<str>,
    pub(crate) name: Box<str>,
}

impl Key {
    pub(crate) fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

/// What selectors look at, so that a watch need not parse the object: labels, and the selectable
/// fields in the order in which the kind lists them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    labels: Box<[(Box<str>, Box<str>)]>,
    fields: Box<[Box<str>]>,
}

impl Marks {
    pub(crate) fn new(object: &Value, fields: Vec<Box<str>>) -> Self {
        let labels = object.pointer("/metadata/labels").and_then(Value::as_object);
        let text = |value: &Value| Box::<str>::from(value.as_str().unwrap_or_default());
        let labels = labels.into_iter().flatten();
        let labels = labels.map(|(key, value)| (key.as_str().into(), text(value))).collect();
        Self { labels, fields: fields.into() }
    }

    pub(crate) fn label(&self, key: &str) -> Option<&str> {
        let (_, value) = self.labels.iter().find(|(known, _)| **known == *key)?;
        Some(value)
    }

    pub(crate) fn field(&self, place: usize) -> &str {
        self.fields.get(place).map(AsRef::as_ref).unwrap_or_default()
    }
}

/// One state of an object. Kept as text: a parsed tree takes several times the memory.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) revision: u64,
    /// JSON with sorted keys, `metadata.resourceVersion` included.
    pub(crate) bytes: Arc<[u8]>,
    pub(crate) marks: Marks,
}

impl Record {
    pub(super) fn new(mut object: Value, revision: u64, marks: Marks) -> Self {
        if let Some(object) = object.as_object_mut() {
            let metadata = object.entry("metadata").or_insert_with(|| Value::from(Map::new()));
            if let Some(metadata) = metadata.as_object_mut() {
                metadata.insert("resourceVersion".to_owned(), Value::from(revision.to_string()));
            }
        }
        Self { revision, bytes: object.to_string().into_bytes().into(), marks }
    }

    /// The same state, told with another revision.
    pub(crate) fn at(&self, revision: u64) -> Self {
        Self::new(self.object(), revision, self.marks.clone())
    }

    /// The object as a tree.
    pub(crate) fn object(&self) -> Value {
        serde_json::from_slice(&self.bytes).expect("it was printed from a tree")
    }
}

/// One event in the history of a kind.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) revision: u64,
    pub(crate) key: Key,
    /// What was there before.
    pub(crate) old: Option<Arc<Record>>,
    /// What is there now; of a removal the last state, with the revision of the removal.
    pub(crate) new: Arc<Record>,
    pub(crate) removed: bool,
}

impl Event {
    pub(super) fn weight_bytes(&self) -> usize {
        self.new.bytes.len()
    }
}
