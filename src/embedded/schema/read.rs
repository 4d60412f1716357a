//! From JSON Schema as it is written to the types that the rest walks along.

use std::collections::BTreeMap;

use crate::object::GroupVersionKind;

use super::{
    Schema,
    form::{Form, List, ListKind, Patching, Position, Scalar, Struct, Type},
    raw::{Additional, Raw},
};

/// Reads the committed table: one JSON object of types by name.
///
/// # Errors
///
/// Where the text is no such table, in words.
pub(super) fn table(text: &str) -> Result<Schema, String> {
    let types: BTreeMap<Box<str>, Raw> =
        serde_json::from_str(text).map_err(|error| error.to_string())?;
    let names: Vec<&str> = types.keys().map(|name| &**name).collect();
    let reader = Reader { names: &names, of_crd: false };
    let mut schema = Schema::default();
    for (index, (name, raw)) in types.iter().enumerate() {
        schema.types.push(Type { name: name.clone(), at: reader.named(name, raw)? });
        for of in &raw.kinds {
            let (group, version, kind) = (of.group.clone(), of.version.clone(), of.kind.clone());
            schema.roots.push((GroupVersionKind { group, version, kind }, index));
        }
    }
    schema.roots.sort_unstable();
    Ok(schema)
}

/// Reads the root of a CRD's schema, which is structural.
///
/// # Errors
///
/// None for a schema that `structural` let pass.
pub(super) fn crd(raw: &Raw) -> Result<Position, String> {
    Reader { names: &[], of_crd: true }.root(raw)
}

struct Reader<'a> {
    /// The names of the table's types, sorted.
    names: &'a [&'a str],
    of_crd: bool,
}

impl Reader<'_> {
    /// A type of the table. Some of Go's types have JSON of their own, which the schema doesn't say.
    fn named(&self, name: &str, raw: &Raw) -> Result<Position, String> {
        let form = match name.rsplit_once('.').map_or(name, |(_, last)| last) {
            "Quantity" => Form::Scalar(Scalar::Quantity),
            "IntOrString" => Form::Scalar(Scalar::IntOrString),
            "Time" => Form::Scalar(Scalar::Time),
            "MicroTime" => Form::Scalar(Scalar::MicroTime),
            "RawExtension" => {
                return Ok(Position { atomic: Some(true), ..position(any()) });
            }
            _ => return self.position(raw),
        };
        Ok(position(form))
    }

    fn position(&self, raw: &Raw) -> Result<Position, String> {
        let form = match raw.target() {
            Some(name) if !self.of_crd => match self.names.binary_search(&name) {
                Ok(index) => Form::Named(index),
                Err(_) => return Err(format!("{name} is not in the table")),
            },
            _ => self.form(raw)?,
        };
        Ok(Position {
            form,
            atomic: raw.map_type.as_ref().map(|kind| &**kind == "atomic"),
            nullable: raw.nullable,
            merge: patching(raw),
            default: raw.default.clone(),
        })
    }

    fn form(&self, raw: &Raw) -> Result<Form, String> {
        if raw.int_or_string {
            return Ok(Form::Scalar(Scalar::IntOrString));
        }
        Ok(match raw.kind.as_deref() {
            Some("object") => self.object(raw, raw.embedded)?,
            Some("array") => self.list(raw)?,
            Some("string") => Form::Scalar(match raw.format.as_deref() {
                // What a CRD calls a time or bytes is text to the server.
                Some("byte") if !self.of_crd => Scalar::Bytes,
                _ => Scalar::String,
            }),
            Some("integer") => Form::Scalar(match raw.format.as_deref() {
                Some("int32") => Scalar::Int32,
                _ => Scalar::Int64,
            }),
            Some("number") => Form::Scalar(Scalar::Number),
            Some("boolean") => Form::Scalar(Scalar::Boolean),
            Some(other) => return Err(format!("{other} is no type")),
            None if !raw.properties.is_empty() => self.object(raw, raw.embedded)?,
            None => Form::Any,
        })
    }

    fn root(&self, raw: &Raw) -> Result<Position, String> {
        let atomic = raw.map_type.as_ref().map(|kind| &**kind == "atomic");
        Ok(Position { atomic, ..position(self.object(raw, true)?) })
    }

    /// `embedded`: the value is an object of its own, with the fields that each has.
    fn object(&self, raw: &Raw, embedded: bool) -> Result<Form, String> {
        match &raw.additional_properties {
            Some(Additional::Schema(values)) => {
                return Ok(Form::Map(Box::new(self.position(values)?)));
            }
            Some(Additional::Allowed(true)) => return Ok(any()),
            _ => {}
        }
        if raw.properties.is_empty() && !self.of_crd {
            return Ok(any());
        }
        let mut fields = BTreeMap::new();
        for (name, field) in &raw.properties {
            fields.insert(name.clone(), self.position(field)?);
        }
        if embedded {
            for name in ["apiVersion", "kind"] {
                fields.insert(name.into(), position(Form::Scalar(Scalar::String)));
            }
            fields.insert("metadata".into(), position(Form::ObjectMeta));
        }
        Ok(Form::Struct(Box::new(Struct {
            fields: fields.into_iter().collect(),
            required: raw.required.clone(),
            preserve: raw.preserves(),
        })))
    }

    fn list(&self, raw: &Raw) -> Result<Form, String> {
        let kind = match raw.list_type.as_deref() {
            Some("set") => ListKind::Set,
            Some("map") => ListKind::Map,
            _ => ListKind::Atomic,
        };
        let items = raw.items.as_ref().map(|items| self.position(items)).transpose()?;
        Ok(Form::List(Box::new(List { kind, keys: raw.list_map_keys.clone(), items })))
    }
}

/// Values of any type, by any names.
fn any() -> Form {
    Form::Map(Box::new(position(Form::Any)))
}

fn position(form: Form) -> Position {
    Position { form, atomic: None, nullable: false, merge: None, default: None }
}

fn patching(raw: &Raw) -> Option<Box<Patching>> {
    let strategy = raw.patch_strategy.as_ref()?;
    let says = |word: &str| strategy.split(',').any(|part| part == word);
    Some(Box::new(Patching {
        key: raw.patch_merge_key.clone(),
        merge: says("merge"),
        retain_keys: says("retainKeys"),
    }))
}
