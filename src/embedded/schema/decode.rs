//! What decoding an object would say about it: unknown fields and values of the wrong type.
//!
//! Built-in types are Go structs, so their errors are those of Go's JSON decoder. Go's names of text
//! types (`v1.PullPolicy`) are not in the schema: a few are known here, others are called `string`.

use base64::{DecodeError, Engine, engine::general_purpose::STANDARD};
use serde_json::{Number, Value};

use super::{
    Node,
    form::{Form, Scalar},
};
use crate::{embedded::go::json_kind, object::quantity::Quantity};

/// The paths of fields that the schema doesn't name: `spec.template.spec.containers[0].imag`.
pub(crate) fn unknown_fields(node: Node<'_>, object: &Value) -> Vec<String> {
    let mut unknown = Vec::new();
    collect(node, object, &mut String::new(), &mut unknown);
    unknown
}

fn collect(node: Node<'_>, value: &Value, path: &mut String, unknown: &mut Vec<String>) {
    let length = path.len();
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if length > 0 {
                    path.push('.');
                }
                path.push_str(name);
                match node.field(name) {
                    Some(field) => collect(field, value, path, unknown),
                    None if node.is_struct() => unknown.push(path.clone()),
                    // A scalar or a list should stand here: an error of another kind.
                    None => {}
                }
                path.truncate(length);
            }
        }
        Value::Array(items) => {
            let Some(node) = node.items() else { return };
            for (index, item) in items.iter().enumerate() {
                path.push_str(&format!("[{index}]"));
                collect(node, item, path, unknown);
                path.truncate(length);
            }
        }
        _ => {}
    }
}

/// The first value of the wrong type in an object of a built-in kind, as Go's decoder words it:
/// `json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32`.
/// `None`: the object can be decoded.
///
/// The answer of a server begins with `KIND in version "v1" cannot be handled as a KIND: `.
pub(crate) fn type_error(node: Node<'_>, object: &Value) -> Option<String> {
    let mut place = Place { holder: None, fields: Vec::new(), converts: false };
    wrong(node, object, &mut place)
}

/// What is wrong with one value that converts itself, where nobody knows its place.
pub(super) fn converted(scalar: Scalar, value: &Value) -> Option<String> {
    wrong_scalar(scalar, value, &Place { holder: None, fields: Vec::new(), converts: true })
}

/// Where the decoder is: the innermost struct and the names of all fields on the way.
struct Place<'s> {
    holder: Option<&'s str>,
    fields: Vec<&'s str>,
    /// Values are converted one by one, so that nobody knows the place.
    converts: bool,
}

impl Place<'_> {
    /// The Go type of the text field that was entered last: the named ones where mistakes are
    /// likely, `string` for all others.
    fn text_type(&self) -> &'static str {
        match (self.holder.unwrap_or_default(), self.fields.last().copied().unwrap_or_default()) {
            ("Container", "imagePullPolicy") => "v1.PullPolicy",
            ("Container", "terminationMessagePolicy") => "v1.TerminationMessagePolicy",
            ("PodSpec", "restartPolicy") => "v1.RestartPolicy",
            ("PodSpec", "dnsPolicy") => "v1.DNSPolicy",
            ("ContainerPort" | "ServicePort", "protocol") => "v1.Protocol",
            ("ServiceSpec", "type") => "v1.ServiceType",
            ("DeploymentStrategy", "type") => "v1.DeploymentStrategyType",
            ("HTTPGetAction", "scheme") => "v1.URIScheme",
            ("EmptyDirVolumeSource", "medium") => "v1.StorageMedium",
            _ => "string",
        }
    }

    fn mismatch(&self, value: &str, wanted: &str) -> String {
        match self.holder.filter(|_| !self.converts) {
            Some(holder) => {
                let path = self.fields.join(".");
                format!(
                    "json: cannot unmarshal {value} into Go struct field {holder}.{path} of type \
                     {wanted}"
                )
            }
            None => format!("json: cannot unmarshal {value} into Go value of type {wanted}"),
        }
    }
}

fn wrong<'s>(node: Node<'s>, value: &'s Value, place: &mut Place<'s>) -> Option<String> {
    match (&node.target.form, value) {
        // Null means absent to Go.
        (_, Value::Null) | (Form::Any, _) => None,
        (Form::Scalar(scalar), value) => wrong_scalar(*scalar, value, place),
        (Form::Struct(_), Value::Object(fields)) => {
            let outer = place.holder;
            let depth = place.fields.len();
            for (name, value) in fields {
                let Some(field) = node.field(name) else { continue };
                place.holder = Some(node.type_name());
                place.fields.extend(inlined(node.type_name(), name));
                place.fields.push(name);
                let found = wrong(field, value, place);
                place.fields.truncate(depth);
                if found.is_some() {
                    return found;
                }
            }
            place.holder = outer;
            None
        }
        (Form::Map(_), Value::Object(fields)) => {
            fields.iter().find_map(|(name, value)| wrong(node.field(name)?, value, place))
        }
        (Form::List(_), Value::Array(items)) => {
            items.iter().find_map(|item| wrong(node.items()?, item, place))
        }
        (_, value) => Some(place.mismatch(json_kind(value), &go_type(node))),
    }
}

/// The embedded Go struct that has the field, for the structs where mistakes are likely.
fn inlined(holder: &str, field: &str) -> Option<&'static str> {
    match (holder, field) {
        ("Volume", "name") => None,
        ("Volume", _) => Some("VolumeSource"),
        ("Probe", "exec" | "httpGet" | "tcpSocket" | "grpc") => Some("ProbeHandler"),
        (
            "ConfigMapKeySelector"
            | "SecretKeySelector"
            | "ConfigMapEnvSource"
            | "SecretEnvSource"
            | "ConfigMapVolumeSource"
            | "ConfigMapProjection"
            | "SecretProjection",
            "name",
        ) => Some("LocalObjectReference"),
        _ => None,
    }
}

fn wrong_scalar(scalar: Scalar, value: &Value, place: &Place<'_>) -> Option<String> {
    let kind = json_kind(value);
    match (scalar, value) {
        (Scalar::Bytes, Value::String(text)) if place.converts => {
            wrong_base64(text).map(|why| format!("error decoding from json: {why}"))
        }
        (Scalar::Bytes, Value::String(text)) => wrong_base64(text),
        (Scalar::String | Scalar::IntOrString, Value::String(_))
        | (Scalar::Boolean, Value::Bool(_))
        | (Scalar::Number, Value::Number(_)) => None,
        (Scalar::Int32 | Scalar::Int64, Value::Number(number)) => {
            let wanted = go_scalar(scalar);
            let is_too_large = !fits(scalar, number);
            is_too_large.then(|| place.mismatch(&format!("number {number}"), wanted))
        }
        (Scalar::IntOrString, Value::Number(number)) => {
            let is_too_large = !fits(Scalar::Int32, number);
            is_too_large.then(|| place.mismatch(&format!("number {number}"), "int32"))
        }
        (Scalar::IntOrString, _) => Some(place.mismatch(kind, "int32")),
        (Scalar::Quantity, value) => Quantity::of(value).is_none().then(|| QUANTITY.to_owned()),
        (Scalar::Time, Value::String(text)) => wrong_time(text, "2006-01-02T15:04:05Z07:00"),
        (Scalar::MicroTime, Value::String(text)) => {
            wrong_time(text, "2006-01-02T15:04:05.000000Z07:00")
        }
        (Scalar::Time | Scalar::MicroTime, _) => Some(place.mismatch(kind, "string")),
        (Scalar::String, _) => Some(place.mismatch(kind, place.text_type())),
        _ => Some(place.mismatch(kind, go_scalar(scalar))),
    }
}

const QUANTITY: &str = "quantities must match the regular expression \
                        '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

fn wrong_base64(text: &str) -> Option<String> {
    let place = match STANDARD.decode(text).err()? {
        DecodeError::InvalidByte(place, _) | DecodeError::InvalidLastSymbol(place, _) => place,
        DecodeError::InvalidLength(_) | DecodeError::InvalidPadding => text.len(),
    };
    Some(format!("illegal base64 data at input byte {place}"))
}

fn fits(scalar: Scalar, number: &Number) -> bool {
    number.as_i64().is_some_and(|number| scalar != Scalar::Int32 || i32::try_from(number).is_ok())
}

fn wrong_time(text: &str, layout: &str) -> Option<String> {
    if text.parse::<jiff::Timestamp>().is_ok() {
        return None;
    }
    Some(format!("parsing time {text:?} as {layout:?}: cannot parse {text:?} as \"2006\""))
}

pub(super) fn go_scalar(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::String => "string",
        Scalar::Bytes => "[]uint8",
        Scalar::Time => "v1.Time",
        Scalar::MicroTime => "v1.MicroTime",
        Scalar::Int32 => "int32",
        Scalar::Int64 => "int64",
        Scalar::Number => "float64",
        Scalar::Boolean => "bool",
        Scalar::IntOrString => "intstr.IntOrString",
        Scalar::Quantity => "resource.Quantity",
    }
}

/// The Go type of a place: `[]v1.Container`, `map[string]string`.
fn go_type(node: Node<'_>) -> String {
    match &node.target.form {
        Form::Scalar(scalar) => go_scalar(*scalar).to_owned(),
        Form::Struct(_) => {
            let mut parts = node.holder.rsplit('.');
            let name = parts.next().unwrap_or_default();
            format!("{}.{name}", parts.next().unwrap_or("v1"))
        }
        Form::List(_) => format!("[]{}", node.items().map_or_else(String::new, go_type)),
        Form::Map(_) => {
            format!("map[string]{}", node.field("").map_or_else(String::new, go_type))
        }
        _ => "interface {}".to_owned(),
    }
}
