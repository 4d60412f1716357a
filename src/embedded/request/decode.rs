//! From the body of a request to an object of the kind that the path names.

use serde_json::Value;

use super::{Validation, duplicates, set_meta};
use crate::{
    embedded::{
        defaults,
        go::json_kind,
        protobuf,
        registry::Kind,
        schema::{self, Node},
        status::Status,
    },
    object::{GroupVersionKind, meta},
    yaml,
};

/// Media types that a body may have, as the server lists them in its refusal.
const BODY_TYPES: &str = "application/json, application/yaml, application/vnd.kubernetes.protobuf";

/// Reads a body as its `Content-Type` says; as JSON when that says nothing.
pub(crate) fn tree(body: &[u8], content_type: &str) -> Result<Value, Status> {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    match media_type {
        "" | "application/json" => json(body),
        "application/yaml" => yaml(body),
        "application/vnd.kubernetes.protobuf" => {
            protobuf::decode(body).map_err(Status::bad_request)
        }
        _ => Err(Status::unsupported_media_type(BODY_TYPES)),
    }
}

pub(super) fn json(body: &[u8]) -> Result<Value, Status> {
    serde_json::from_slice(body).map_err(|error| {
        let why = json_fault(&error);
        Status::bad_request(format!("couldn't get version/kind; json parse error: {why}"))
    })
}

/// Reads the object of a create or an update. Answers it with warnings of fields that it has twice.
///
/// # Errors
///
/// When it can't be read, or with [`Validation::Strict`] when there are such fields.
pub(crate) fn sent(
    body: &[u8],
    content_type: &str,
    kind: &Kind,
    validation: Validation,
) -> Result<(Value, Vec<String>), Status> {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !matches!(media_type, "" | "application/json") {
        return tree(body, content_type).map(|object| (object, Vec::new()));
    }
    let unrecognized = |why: &str| {
        Status::bad_request(format!(
            "the object provided is unrecognized (must be of type {}): couldn't get version/kind; \
             json parse error: {why} ({})",
            kind.gvk.kind,
            shown(body)
        ))
    };
    let object: Value =
        serde_json::from_slice(body).map_err(|error| unrecognized(&json_fault(&error)))?;
    for key in ["apiVersion", "kind"] {
        if let Some(found @ (Value::Number(_) | Value::Bool(_))) = object.get(key) {
            let found = json_kind(found);
            return Err(unrecognized(&format!(
                "json: cannot unmarshal {found} into Go struct field .{key} of type string"
            )));
        }
    }
    if object.is_null() {
        return Ok((Value::from(serde_json::Map::new()), Vec::new()));
    }
    if !object.is_object() {
        let found = json_kind(&object);
        return Err(unrecognized(&format!(
            "json: cannot unmarshal {found} into Go value of type struct {{ APIVersion string \
             \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \
             \"json:\\\"kind,omitempty\\\"\" }}"
        )));
    }
    let twice = match validation {
        Validation::Ignore => Vec::new(),
        _ => duplicates::find(body),
    };
    let twice: Vec<String> =
        twice.iter().map(|path| format!("duplicate field \"{path}\"")).collect();
    if validation == Validation::Strict && !twice.is_empty() {
        let twice: Vec<String> =
            twice.into_iter().chain(complaints(kind.node(), &object)).collect();
        return Err(unfit(kind, &format!("strict decoding error: {}", twice.join(", "))));
    }
    Ok((object, twice))
}

/// The beginning of a body, as the real server shows it.
fn shown(body: &[u8]) -> String {
    const BYTES_MAX: usize = 24;
    let more = if body.len() > BYTES_MAX { " ..." } else { "" };
    let start = &body[..body.len().min(BYTES_MAX)];
    match body.first() {
        None => "<empty>".to_owned(),
        Some(b'{') => format!("{}{more}", String::from_utf8_lossy(start)),
        Some(_) => {
            let hex: Vec<String> = start.iter().map(|byte| format!("{byte:02x}")).collect();
            hex.concat() + more
        }
    }
}

/// What is wrong with JSON, where the real server's words are known.
pub(super) fn json_fault(error: &serde_json::Error) -> String {
    if error.is_eof() { "unexpected end of JSON input".to_owned() } else { error.to_string() }
}

/// One document of YAML, read as Kubernetes reads it; JSON is YAML too.
pub(super) fn yaml(body: &[u8]) -> Result<Value, Status> {
    let loaded = yaml::load(body, &yaml::Limits::default());
    if let Some(problem) = loaded.errors.first() {
        let message = format!("error decoding YAML: line {}: {}", problem.line, problem.message);
        return Err(Status::bad_request(message));
    }
    let mut documents = loaded.documents.into_iter();
    match (documents.next(), documents.next()) {
        (Some(document), None) => Ok(document.value),
        (None, _) => Err(Status::bad_request("the body of the request is empty")),
        _ => Err(Status::bad_request("the body of the request holds more than one document")),
    }
}

/// The body of an apply; an empty one is an empty object.
pub(super) fn configuration(body: &[u8]) -> Result<Value, Status> {
    let found = match body.trim_ascii() {
        b"" | b"null" => return Ok(Value::from(serde_json::Map::new())),
        body => yaml(body)?,
    };
    if found.is_object() || found.is_null() {
        return Ok(found);
    }
    let what = json_kind(&found);
    Err(Status::bad_request(format!(
        "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal \
         {what} into Go value of type map[string]interface {{}}"
    )))
}

/// Checks that `object` is of this kind, and fills in `apiVersion` and `kind` where they are left
/// out.
pub(super) fn expect_kind(gvk: &GroupVersionKind, object: &mut Value) -> Result<(), Status> {
    let Some(map) = object.as_object_mut() else {
        return Err(Status::bad_request("the body of the request is not an object"));
    };
    let expected = gvk.api_version();
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let (version, kind) = (text(map.get("apiVersion")), text(map.get("kind")));
    if !kind.is_empty() && kind != gvk.kind {
        let own = version.rsplit('/').next().unwrap_or_default();
        let own = if own.is_empty() { gvk.version.as_str() } else { own };
        let package = gvk.group.split('.').next().filter(|name| !name.is_empty());
        let message = format!(
            "{kind} in version \"{own}\" cannot be handled as a {}: converting ({own}.{kind}) to \
             ({}.{}): unknown conversion",
            gvk.kind,
            package.unwrap_or("core"),
            gvk.kind
        );
        return Err(Status::bad_request(message));
    }
    if !version.is_empty() && version != expected {
        let message = format!(
            "the API version in the data ({version}) does not match the expected API version \
             ({expected})"
        );
        return Err(Status::bad_request(message));
    }
    map.insert("apiVersion".to_owned(), Value::from(expected));
    map.insert("kind".to_owned(), Value::from(gvk.kind.as_str()));
    if map.get("metadata").is_some_and(Value::is_null) {
        map.remove("metadata");
    }
    Ok(())
}

/// Checks that the object names the namespace of the path, or none, and sets it.
pub(super) fn expect_namespace(
    kind: &Kind,
    namespace: &str,
    object: &mut Value,
) -> Result<(), Status> {
    if !kind.namespaced {
        set_meta(object, "namespace", None);
        return Ok(());
    }
    let named = meta::namespace(object);
    if !named.is_empty() && named != namespace {
        return Err(Status::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    set_meta(object, "namespace", Some(Value::from(namespace)));
    Ok(())
}

/// What is wrong with the fields of an object as it was sent, one line each: `unknown field "x"`.
pub(super) fn complaints(node: Option<Node<'_>>, object: &Value) -> Vec<String> {
    let unknown = node.map(|node| schema::unknown_fields(node, object)).unwrap_or_default();
    unknown.into_iter().map(|path| format!("unknown field \"{path}\"")).collect()
}

/// Checks the fields of an object as it was sent. Answers the warnings.
///
/// # Errors
///
/// With [`Validation::Strict`], what would be a warning otherwise.
pub(super) fn check_fields(
    kind: &Kind,
    object: &Value,
    validation: Validation,
) -> Result<Vec<String>, Status> {
    if let Some(node) = kind.node().filter(|_| kind.custom.is_none())
        && let Some(why) = schema::type_error(node, object)
    {
        return Err(unfit(kind, &why));
    }
    if validation == Validation::Ignore {
        return Ok(Vec::new());
    }
    let complaints = complaints(kind.node(), object);
    if validation == Validation::Warn || complaints.is_empty() {
        return Ok(complaints);
    }
    let why = format!("strict decoding error: {}", complaints.join(", "));
    Err(unfit(kind, &why))
}

/// What the decoder of the real server says.
pub(super) fn unfit(kind: &Kind, why: &str) -> Status {
    let gvk = &kind.gvk;
    Status::bad_request(format!(
        "{} in version \"{}\" cannot be handled as a {}: {why}",
        gvk.kind, gvk.version, gvk.kind
    ))
}

/// Drops what the kind does not know and fills in what it defaults.
pub(super) fn normalize(kind: &Kind, object: &mut Value) {
    prune(kind, object);
    defaults::fill(&kind.gvk, object);
}

/// The same for an object that was just sent, before it is known who owns what of it.
pub(super) fn normalize_sent(kind: &Kind, object: &mut Value) {
    if kind.custom.is_some() {
        whole_numbers(object);
    }
    prune(kind, object);
    defaults::fill_sent(&kind.gvk, object);
}

fn prune(kind: &Kind, object: &mut Value) {
    let Some(node) = kind.node() else { return };
    schema::prune(node, object);
    if kind.custom.is_some() {
        schema::fill_defaults(node, object);
    }
}

/// Numbers that are whole are written so, however they were sent: `1.0` and `1e0` are 1.
fn whole_numbers(value: &mut Value) {
    // Up to here every whole number is one in floating point too.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Object(map) => map.values_mut().for_each(whole_numbers),
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        Value::Number(number) if number.is_f64() => {
            let float = number.as_f64().unwrap_or_default();
            if float.fract() == 0.0
                && float.abs() <= EXACT_MAX
                && let Ok(whole) = format!("{float:.0}").parse::<i64>()
            {
                *value = Value::from(whole);
            }
        }
        _ => {}
    }
}
