//! What a schema is made of once it is read.

use serde_json::Value;

/// A type with a name.
#[derive(Debug)]
pub(super) struct Type {
    /// As in the documents: `io.k8s.api.core.v1.PodSpec`; the kind for a CRD's.
    pub(super) name: Box<str>,
    pub(super) at: Position,
}

/// A place where a value may stand.
#[derive(Debug)]
pub(super) struct Position {
    pub(super) form: Form,
    /// `x-kubernetes-map-type` where it is given; a field's overrides its type's.
    pub(super) atomic: Option<bool>,
    pub(super) nullable: bool,
    pub(super) merge: Option<Box<Patching>>,
    pub(super) default: Option<Value>,
}

/// A place where anything may stand.
pub(super) static ANY: Position =
    Position { form: Form::Any, atomic: None, nullable: true, merge: None, default: None };

#[derive(Debug)]
pub(super) enum Form {
    Scalar(Scalar),
    Struct(Box<Struct>),
    Map(Box<Position>),
    List(Box<List>),
    /// A type of the same schema, by its place there.
    Named(usize),
    /// The built-in `ObjectMeta`, in a CRD.
    ObjectMeta,
    Any,
}

#[derive(Debug, Default)]
pub(super) struct Struct {
    /// Sorted by name.
    pub(super) fields: Vec<(Box<str>, Position)>,
    pub(super) required: Vec<Box<str>>,
    /// Whether unknown fields are kept.
    pub(super) preserve: bool,
}

impl Struct {
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.fields.binary_search_by(|(known, _)| (**known).cmp(name)).ok()
    }
}

#[derive(Debug)]
pub(super) struct List {
    pub(super) kind: ListKind,
    pub(super) keys: Vec<Box<str>>,
    pub(super) items: Option<Position>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ListKind {
    Atomic,
    Set,
    Map,
}

/// `x-kubernetes-patch-strategy` and `x-kubernetes-patch-merge-key`.
#[derive(Debug)]
pub(super) struct Patching {
    pub(super) key: Option<Box<str>>,
    pub(super) merge: bool,
    pub(super) retain_keys: bool,
}

/// How a strategic merge patch treats a list or a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_field_names, reason = "the word of Kubernetes")]
pub(crate) struct Merge<'s> {
    /// The field by which list items are told apart; none for lists of scalars and for maps.
    pub(crate) key: Option<&'s str>,
    /// Whether items are merged; otherwise the value is replaced as a whole.
    pub(crate) merge: bool,
    /// Whether fields that the patch leaves out are cleared (`retainKeys`).
    pub(crate) retain_keys: bool,
}

/// How two values at one place become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One value, replaced.
    Scalar,
    /// Known fields, each merged.
    Struct,
    /// Any keys with values of one type, each merged.
    Map,
    /// Known fields, replaced together.
    AtomicStruct,
    /// Any keys, replaced together.
    AtomicMap,
    /// Replaced as a whole.
    AtomicList,
    /// A list of distinct scalars.
    SetList,
    /// A list of structs that some of their fields tell apart.
    MapList,
    /// Whatever the value is: maps are merged, lists and scalars are replaced.
    Any,
}

/// The kinds of scalars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scalar {
    /// Text.
    String,
    /// Base64 of bytes.
    Bytes,
    /// RFC 3339 in whole seconds.
    Time,
    /// RFC 3339 with microseconds.
    MicroTime,
    /// A 32-bit integer.
    Int32,
    /// A 64-bit integer.
    Int64,
    /// A floating-point number.
    Number,
    /// A boolean.
    Boolean,
    /// A 32-bit integer or text, such as a port or a percentage.
    IntOrString,
    /// An amount with a suffix; a number is accepted and becomes text.
    Quantity,
}
