//! The types of fields: what a list is keyed by, what is replaced as a whole, what is defaulted.
//!
//! In goes JSON Schema as Kubernetes writes it: the committed table for built-in kinds, and the
//! `openAPIV3Schema` of a CRD for others. Out come cursors ([`Node`]) that follow a value from its
//! root, which server-side apply, patches, pruning, defaulting and validation walk along.

mod check;
mod decode;
mod fill;
mod form;
mod raw;
mod read;
mod restore;
mod structural;

use std::sync::OnceLock;

use serde_json::Value;

use crate::object::GroupVersionKind;
pub(crate) use check::Violation;
pub(crate) use decode::{type_error, unknown_fields};
pub(crate) use fill::{fill_defaults, prune};
use form::{Form, ListKind, Position, Type};
pub(crate) use form::{Merge, Scalar, Shape};
use raw::Raw;
pub(crate) use restore::conversion_error;

/// The table of built-in kinds: one type a line, made by `tests/cluster/schema_table.rs`.
pub(crate) const TABLE: &str = include_str!("schema/table.json");

/// The types of some kinds.
#[derive(Debug, Default)]
pub(crate) struct Schema {
    types: Vec<Type>,
    /// Sorted. Which of the types is the root of a kind.
    roots: Vec<(GroupVersionKind, usize)>,
    /// What a CRD demands of its objects. Built-in kinds are validated by hand.
    demands: Option<Box<Raw>>,
    /// The schema of a CRD as it was written.
    published: Option<Box<Value>>,
}

impl Schema {
    /// The kinds that every cluster has. The first call reads the table.
    pub(crate) fn builtin() -> &'static Self {
        static BUILTIN: OnceLock<Schema> = OnceLock::new();
        BUILTIN.get_or_init(|| read::table(TABLE).expect("a test reads the committed table"))
    }

    /// The kind that a CRD defines in one of its versions.
    ///
    /// # Errors
    ///
    /// Why the schema is not structural, one message a fault, as the condition `NonStructuralSchema`
    /// lists them.
    pub(crate) fn of_crd(
        openapi_v3_schema: &Value,
        gvk: &GroupVersionKind,
    ) -> Result<Self, Vec<String>> {
        let raw = Raw::parse(openapi_v3_schema).map_err(|fault| vec![fault])?;
        let faults = structural::faults(&raw);
        if !faults.is_empty() {
            let line = |fault: Violation| format!("{}: {}", fault.field, fault.message);
            return Err(faults.into_iter().map(line).collect());
        }
        let published = Some(Box::new(openapi_v3_schema.clone()));
        let at = read::crd(&raw).map_err(|fault| vec![fault])?;
        let types = vec![Type { name: gvk.kind.as_str().into(), at }];
        Ok(Self { types, roots: vec![(gvk.clone(), 0)], demands: Some(Box::new(raw)), published })
    }

    /// The same faults with reason and field, which is named from the root of the schema
    /// (`properties[spec].type`); empty for what is no JSON Schema at all.
    pub(crate) fn faults_of_crd(openapi_v3_schema: &Value) -> Vec<Violation> {
        Raw::parse(openapi_v3_schema).map_or_else(|_| Vec::new(), |raw| structural::faults(&raw))
    }

    /// Where an object of this kind begins.
    pub(crate) fn root(&self, gvk: &GroupVersionKind) -> Option<Node<'_>> {
        let place = self.roots.binary_search_by(|(known, _)| known.cmp(gvk)).ok()?;
        Some(self.at(self.roots[place].1))
    }

    /// What a custom object has that its CRD forbids, in the words of the real server. Rules in CEL
    /// (`x-kubernetes-validations`) are not evaluated.
    pub(crate) fn violations(&self, object: &Value) -> Vec<Violation> {
        self.demands.as_ref().map_or_else(Vec::new, |demands| check::object(demands, object))
    }

    /// The schema of a CRD as it was written; `None` for built-in kinds.
    pub(crate) fn published(&self) -> Option<&Value> {
        self.published.as_deref()
    }

    fn at(&self, index: usize) -> Node<'_> {
        let Type { name, at } = &self.types[index];
        Node { schema: self, at, holder: name, target: at }
    }

    /// The type with this name in the documents, `io.k8s.api.core.v1.PodSpec`.
    pub(crate) fn named(&self, name: &str) -> Option<Node<'_>> {
        let place = self.types.binary_search_by(|known| (*known.name).cmp(name)).ok()?;
        Some(self.at(place))
    }

    /// The metadata of any object.
    pub(crate) fn object_meta() -> Node<'static> {
        let name = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
        Self::builtin().named(name).expect("a test finds it in the committed table")
    }
}

/// The type of a value: a cursor into a schema. Types may be recursive, so it is followed, not
/// walked to its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node<'s> {
    schema: &'s Schema,
    /// What the field says: its default, how it is patched.
    at: &'s Position,
    /// The name of the type that was entered last.
    holder: &'s str,
    /// What the type that the field names says; the same as `at` for types without a name.
    target: &'s Position,
}

impl<'s> Node<'s> {
    fn enter(self, at: &'s Position) -> Self {
        match at.form {
            Form::Named(index) => {
                let Type { name, at: target } = &self.schema.types[index];
                Node { at, target, holder: name, ..self }
            }
            Form::ObjectMeta => {
                let meta = Schema::object_meta();
                Node { at, ..meta }
            }
            _ => Node { at, target: at, ..self },
        }
    }

    /// How a value here is merged.
    pub(crate) fn shape(self) -> Shape {
        let atomic = self.at.atomic.or(self.target.atomic).unwrap_or(false);
        match (&self.target.form, atomic) {
            (Form::Scalar(_), _) => Shape::Scalar,
            (Form::Struct(_), false) => Shape::Struct,
            (Form::Struct(_), true) => Shape::AtomicStruct,
            (Form::Map(_), false) => Shape::Map,
            (Form::Map(_), true) => Shape::AtomicMap,
            (Form::List(list), _) => match list.kind {
                ListKind::Atomic => Shape::AtomicList,
                ListKind::Set => Shape::SetList,
                ListKind::Map => Shape::MapList,
            },
            (Form::Any | Form::Named(_) | Form::ObjectMeta, _) => Shape::Any,
        }
    }

    /// A struct's field, or a map's value type; `None` for an unknown field of a closed struct.
    pub(crate) fn field(self, name: &str) -> Option<Self> {
        match &self.target.form {
            Form::Struct(of) => match of.place(name) {
                Some(place) => Some(self.enter(&of.fields[place].1)),
                None => of.preserve.then_some(Node { at: &form::ANY, target: &form::ANY, ..self }),
            },
            Form::Map(values) => Some(self.enter(values)),
            Form::Any => Some(self),
            _ => None,
        }
    }

    /// The named fields of a struct, sorted; none for everything else.
    pub(crate) fn fields(self) -> impl Iterator<Item = (&'s str, Self)> {
        let fields = match &self.target.form {
            Form::Struct(of) => of.fields.as_slice(),
            _ => &[],
        };
        fields.iter().map(move |(name, at)| (&**name, self.enter(at)))
    }

    /// The type of a list's items.
    pub(crate) fn items(self) -> Option<Self> {
        match &self.target.form {
            Form::List(list) => list.items.as_ref().map(|items| self.enter(items)),
            _ => None,
        }
    }

    /// The fields by which the items of a `MapList` are told apart; empty otherwise.
    pub(crate) fn keys(self) -> &'s [Box<str>] {
        match &self.target.form {
            Form::List(list) => &list.keys,
            _ => &[],
        }
    }

    /// What an item of a `MapList` that leaves out this key has, for example protocol `TCP`.
    pub(crate) fn key_default(self, key: &str) -> Option<&'s Value> {
        self.items()?.field(key)?.default()
    }

    /// How a strategic merge patch treats the value; `None`: as a JSON merge patch does.
    pub(crate) fn merge(self) -> Option<Merge<'s>> {
        self.at.merge.as_ref().map(|merge| Merge {
            key: merge.key.as_deref(),
            merge: merge.merge,
            retain_keys: merge.retain_keys,
        })
    }

    /// True where fields that the schema doesn't name are kept.
    pub(crate) fn preserves_unknown(self) -> bool {
        match &self.target.form {
            Form::Struct(of) => of.preserve,
            Form::Any => true,
            _ => false,
        }
    }

    /// The value of the field when it is left out. In built-in types that is often the zero value
    /// of a field that Go always writes, such as `""`.
    pub(crate) fn default(self) -> Option<&'s Value> {
        self.at.default.as_ref().or(self.target.default.as_ref())
    }

    /// The fields that a struct must have.
    pub(crate) fn required(self) -> &'s [Box<str>] {
        match &self.target.form {
            Form::Struct(of) => &of.required,
            _ => &[],
        }
    }

    /// True where fields have names of their own, even where they are replaced together.
    pub(crate) fn is_struct(self) -> bool {
        matches!(self.target.form, Form::Struct(_))
    }

    /// What kind of scalar stands here; `String` where no scalar does.
    pub(crate) fn scalar(self) -> Scalar {
        match self.target.form {
            Form::Scalar(scalar) => scalar,
            _ => Scalar::String,
        }
    }

    /// True where `null` is a value of its own.
    pub(crate) fn nullable(self) -> bool {
        self.at.nullable
    }

    /// The Go name of the innermost named type, as decode errors print it: `DeploymentSpec`.
    pub(crate) fn type_name(self) -> &'s str {
        self.holder.rsplit_once('.').map_or(self.holder, |(_, name)| name)
    }

    /// The name of the innermost named type: `io.k8s.api.apps.v1.DeploymentSpec`.
    pub(crate) fn full_name(self) -> &'s str {
        self.holder
    }

    /// True for a built-in type, which Go decodes into a struct; false inside a CRD's.
    pub(crate) fn is_builtin(self) -> bool {
        std::ptr::eq(self.schema, Schema::builtin())
    }
}

#[cfg(test)]
mod tests;
