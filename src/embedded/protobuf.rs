//! Objects as Go's typed clients send them: Protocol Buffers in the envelope of Kubernetes.
//!
//! kubectl sends its own kinds so when it creates something without a file. Answers are JSON:
//! these clients take both. Only bodies of requests are read here, and not those of definitions.

use base64::prelude::{BASE64_STANDARD, Engine};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use self::{
    types::{Field, Many, message},
    wire::{Fault, Reader, Wire},
};

#[cfg(test)]
mod tests;
mod types;
mod wire;

/// What stands before every message.
const MAGIC: &[u8] = b"k8s\0";

/// Reads the body of a request. What a Go type leaves out of its JSON is left out.
///
/// # Errors
///
/// What is no such message, in words.
pub(crate) fn decode(body: &[u8]) -> Result<Value, String> {
    let envelope = body.strip_prefix(MAGIC).ok_or(
        "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]",
    )?;
    let [type_meta, raw] = parts(envelope, [1, 2])?;
    let [api_version, kind] = parts(type_meta, [1, 2])?;
    let [api_version, kind] = [string(api_version)?, string(kind)?];
    let name = type_name(api_version, kind);
    let fields = message(&name)
        .ok_or_else(|| format!("no kind {kind:?} is registered for version {api_version:?}"))?;
    let mut object = fields_of(fields, raw)?;
    object.insert("apiVersion".to_owned(), Value::from(api_version));
    object.insert("kind".to_owned(), Value::from(kind));
    Ok(Value::from(object))
}

/// The name of a kind in the table: `apps.v1.Deployment`.
fn type_name(api_version: &str, kind: &str) -> String {
    if kind == "DeleteOptions" {
        // They are sent in the version of whatever is deleted.
        return "meta.v1.DeleteOptions".to_owned();
    }
    let (group, version) = api_version.split_once('/').unwrap_or(("core", api_version));
    let group = group.split('.').next().unwrap_or_default();
    format!("{group}.{version}.{kind}")
}

/// The fields of these numbers in a message whose fields are all bytes.
fn parts<const N: usize>(message: &[u8], numbers: [u32; N]) -> Result<[&[u8]; N], Fault> {
    let mut found: [&[u8]; N] = [&[]; N];
    let mut reader = Reader::new(message);
    while let Some((number, wire)) = reader.next()? {
        if let Some(place) = numbers.iter().position(|wanted| *wanted == number) {
            found[place] = wire.bytes()?;
        }
    }
    Ok(found)
}

fn fields_of(fields: &'static [Field], bytes: &[u8]) -> Result<Map<String, Value>, Fault> {
    let mut object = Map::new();
    let mut reader = Reader::new(bytes);
    while let Some((number, wire)) = reader.next()? {
        // A newer client may know more than we do.
        let Some(field) = fields.iter().find(|field| field.number == number) else { continue };
        match field.many {
            Many::One => {
                let value = value(field.of, wire)?;
                if !(value.is_null() || field.omits_zero && is_zero(&value)) {
                    object.insert(field.name.to_owned(), value);
                }
            }
            // What Go embeds has no name in JSON.
            Many::Inline => {
                if let Value::Object(inner) = value(field.of, wire)? {
                    object.extend(inner);
                }
            }
            Many::List => {
                let list = object.entry(field.name).or_insert_with(|| json!([]));
                if let Some(list) = list.as_array_mut() {
                    list.push(value(field.of, wire)?);
                }
            }
            Many::Map => {
                let (key, value) = entry(field.of, wire.bytes()?)?;
                let map = object.entry(field.name).or_insert_with(|| json!({}));
                if let Some(map) = map.as_object_mut() {
                    map.insert(key, value);
                }
            }
        }
    }
    Ok(object)
}

/// An entry of a map: the key is field 1, the value field 2, and what is zero may be absent.
fn entry(of: &'static str, bytes: &[u8]) -> Result<(String, Value), Fault> {
    let [key, content] = parts(bytes, [1, 2])?;
    Ok((string(key)?.to_owned(), value(of, Wire::Bytes(content))?))
}

fn value(of: &'static str, wire: Wire<'_>) -> Result<Value, Fault> {
    Ok(match of {
        "string" => Value::from(string(wire.bytes()?)?),
        "bytes" => Value::from(BASE64_STANDARD.encode(wire.bytes()?)),
        "bool" => Value::from(wire.number()? != 0),
        "int32" | "int64" => Value::from(wire.number()?),
        "meta.v1.Time" => time(wire.bytes()?, "%Y-%m-%dT%H:%M:%SZ")?,
        "meta.v1.MicroTime" => time(wire.bytes()?, "%Y-%m-%dT%H:%M:%S%.6fZ")?,
        "resource.Quantity" => {
            let [text] = parts(wire.bytes()?, [1])?;
            Value::from(string(text)?)
        }
        "meta.v1.FieldsV1" | "runtime.RawExtension" => {
            let [raw] = parts(wire.bytes()?, [1])?;
            serde_json::from_slice(raw).map_err(|_| Fault("an embedded value is no JSON"))?
        }
        "intstr.IntOrString" => int_or_string(wire.bytes()?)?,
        "authentication.v1.ExtraValue" | "authorization.v1.ExtraValue" => {
            let mut items = Vec::new();
            let mut reader = Reader::new(wire.bytes()?);
            while let Some((_, item)) = reader.next()? {
                items.push(Value::from(string(item.bytes()?)?));
            }
            Value::from(items)
        }
        of => {
            let fields = message(of).ok_or(Fault("a type is not in the table"))?;
            Value::from(fields_of(fields, wire.bytes()?)?)
        }
    })
}

/// A time; the zero time, which has no fields, is `null`.
fn time(bytes: &[u8], format: &str) -> Result<Value, Fault> {
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    let [seconds, nanos] = numbers(bytes, [1, 2])?;
    let nanos = i32::try_from(nanos).map_err(|_| Fault("a time has too many nanoseconds"))?;
    let time = Timestamp::new(seconds, nanos).map_err(|_| Fault("a time is out of range"))?;
    Ok(Value::from(time.strftime(format).to_string()))
}

fn int_or_string(bytes: &[u8]) -> Result<Value, Fault> {
    let mut text = "";
    let mut numbers = [0; 3];
    let mut reader = Reader::new(bytes);
    while let Some((number, wire)) = reader.next()? {
        match (number, wire) {
            (3, wire) => text = string(wire.bytes()?)?,
            (1 | 2, wire) => numbers[number as usize] = wire.number()?,
            _ => {}
        }
    }
    let [_, is_text, number] = numbers;
    Ok(if is_text == 1 { Value::from(text) } else { Value::from(number) })
}

fn numbers<const N: usize>(message: &[u8], wanted: [u32; N]) -> Result<[i64; N], Fault> {
    let mut found = [0; N];
    let mut reader = Reader::new(message);
    while let Some((number, wire)) = reader.next()? {
        if let Some(place) = wanted.iter().position(|wanted| *wanted == number) {
            found[place] = wire.number()?;
        }
    }
    Ok(found)
}

fn string(bytes: &[u8]) -> Result<&str, Fault> {
    str::from_utf8(bytes).map_err(|_| Fault("a text is no UTF-8"))
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}
