//! PATCH, in its four forms.

use serde_json::Value;

use super::{
    Answer, Core, Part, Target, Validation, WriteOptions,
    change::Next,
    decode::{self, complaints},
    set_meta,
};
use crate::{
    embedded::{
        managed::{self, Refusal},
        patch::{self, PatchError},
        registry::Kind,
        schema,
        status::Status,
        validate::Cause,
    },
    object::{GroupKind, meta},
};

/// The forms for custom kinds, as the server lists them in its refusal of another.
const CUSTOM_FORMS: &str =
    "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml";
/// Most operations of a JSON patch.
const OPERATIONS_MAX: usize = 10_000;

/// The form of a patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PatchKind {
    Json,
    Merge,
    Strategic,
    Apply,
}

/// A patch as it was sent.
#[derive(Debug, Clone)]
pub(crate) struct Patch {
    pub(crate) form: PatchKind,
    pub(crate) body: Value,
}

impl Patch {
    /// Reads a patch whose form the `Content-Type` says.
    pub(crate) fn read(kind: &Kind, content_type: &str, body: &[u8]) -> Result<Self, Status> {
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        let form = match media_type {
            "application/json-patch+json" => PatchKind::Json,
            "application/merge-patch+json" => PatchKind::Merge,
            "application/strategic-merge-patch+json" if kind.custom.is_none() => {
                PatchKind::Strategic
            }
            "application/apply-patch+yaml" => PatchKind::Apply,
            "application/strategic-merge-patch+json" => {
                return Err(Status::unsupported_media_type(CUSTOM_FORMS));
            }
            _ => return Err(Status::unsupported_patch()),
        };
        let body = match form {
            PatchKind::Apply => decode::configuration(body)?,
            _ => Self::parse(form, body)?,
        };
        let operations = body.as_array().map_or(0, Vec::len);
        if operations > OPERATIONS_MAX {
            return Err(Status::too_large(OPERATIONS_MAX));
        }
        Ok(Self { form, body })
    }

    /// A patch in JSON, of the type that its form has.
    fn parse(form: PatchKind, body: &[u8]) -> Result<Value, Status> {
        let said = if form == PatchKind::Strategic { "" } else { "error decoding patch: " };
        let body: Value = serde_json::from_slice(body).map_err(|error| {
            Status::bad_request(format!("{said}{}", decode::json_fault(&error)))
        })?;
        let found = match &body {
            Value::Object(_) => "object",
            Value::Array(_) => "array",
            Value::String(_) => "string",
            Value::Number(_) => "number",
            Value::Bool(_) => "bool",
            Value::Null => return Ok(body),
        };
        let (fits, wanted) = match form {
            PatchKind::Json => (found == "array", "[]handlers.jsonPatchOp"),
            _ => (found == "object", "map[string]interface {}"),
        };
        if fits {
            return Ok(body);
        }
        Err(Status::bad_request(format!(
            "{said}json: cannot unmarshal {found} into Go value of type {wanted}"
        )))
    }

    /// The object that this patch makes of `live`.
    pub(super) fn transform(&self, kind: &Kind, live: &Value) -> Result<Value, Status> {
        let patched = match self.form {
            PatchKind::Json => patch::json_patch(live, &self.body),
            PatchKind::Merge => patch::merge_patch(live, &self.body),
            PatchKind::Strategic | PatchKind::Apply => match kind.node() {
                Some(node) => patch::strategic_merge(node, live, &self.body),
                None => patch::merge_patch(live, &self.body),
            },
        };
        patched.map_err(unpatched)
    }

    /// The same for a Scale, whose one field needs no other form than a merge.
    pub(super) fn transform_scale(&self, scale: &Value) -> Result<Value, Status> {
        let patched = match self.form {
            PatchKind::Json => patch::json_patch(scale, &self.body),
            _ => patch::merge_patch(scale, &self.body),
        };
        patched.map_err(unpatched)
    }
}

fn unpatched(error: PatchError) -> Status {
    match error {
        PatchError::Invalid(message) => Status::bad_request(message),
        PatchError::Unprocessable(_) => Status::unprocessable(),
        PatchError::Failed(message) => Status::new(500, "", message),
    }
}

impl Core {
    /// Patches the object, or that part of it. An apply creates it when it is not there.
    pub(crate) fn patch(
        &self,
        target: &Target,
        part: Part,
        patch: &Patch,
        options: &WriteOptions,
    ) -> Result<Answer, Status> {
        if patch.form == PatchKind::Apply {
            return self.apply(target, part, &patch.body, options);
        }
        self.change(target, part, options, |live| {
            let kind = &target.kind;
            let mut object = patch.transform(kind, live)?;
            if meta::name(&object) != target.name {
                return Err(Status::bad_request(format!(
                    "the name of the object ({}) does not match the name on the URL ({})",
                    meta::name(&object),
                    target.name
                )));
            }
            if let Some(node) = kind.node().filter(|_| kind.custom.is_none())
                && let Some(why) = schema::type_error(node, &object)
            {
                return Err(unreadable(&object.to_string(), &why));
            }
            decode::expect_kind(&kind.gvk, &mut object)?;
            decode::expect_namespace(kind, &target.namespace, &mut object)?;
            let warnings = strict(patch, kind, &object, options.validation)?;
            Ok(Next { object, recorded: false, replaces: false, warnings })
        })
    }

    fn apply(
        &self,
        target: &Target,
        part: Part,
        applied: &Value,
        options: &WriteOptions,
    ) -> Result<Answer, Status> {
        let kind = &*target.kind;
        let sent = applied;
        let applied = applied_object(target, part, sent)?;
        let writer = self.writer(kind, part, options);
        let merge = |live: Option<&Value>| {
            let node = kind.node().ok_or_else(|| Status::internal("this kind has no schema"))?;
            let merged = managed::apply(node, live, &applied, &writer.borrow(), options.force);
            let merged = merged.map_err(unapplied)?;
            match schema::conversion_error(node, &merged).filter(|_| kind.custom.is_none()) {
                Some(why) => Err(unconvertible(sent, &why)),
                None => Ok(merged),
            }
        };
        let known = self.store.get(&kind.group_kind(), &target.key()).is_some();
        if !known && part == Part::Main {
            if !meta::uid(&applied).is_empty() {
                let why = format!(
                    "uid mismatch: the provided object specified uid {}, and no existing object \
                     was found",
                    meta::uid(&applied)
                );
                return Err(Status::conflict(kind.resource(), &target.name, &why));
            }
            let mut object = merge(None)?;
            set_meta(&mut object, "resourceVersion", None);
            decode::expect_namespace(kind, &target.namespace, &mut object)?;
            match self.create_named(target, object, options, true) {
                // Somebody was faster: what they made is applied to.
                Err(status) if status.reason == "AlreadyExists" => {}
                made => {
                    let answer = |object| Answer { object, created: true, warnings: Vec::new() };
                    return made.map(answer);
                }
            }
        }
        self.change(target, part, options, |live| {
            let object = merge(Some(live))?;
            Ok(Next { object, recorded: true, replaces: false, warnings: Vec::new() })
        })
    }
}

fn unapplied(refusal: Refusal) -> Status {
    match refusal {
        Refusal::Conflicts(conflicts) => Status::apply_conflict(&conflicts),
        Refusal::BadRequest(message) => Status::bad_request(message),
        Refusal::Untyped(message) => Status::new(500, "", message),
    }
}

/// What the real server says of a merged object that does not fit the types of its kind.
fn unconvertible(sent: &Value, why: &str) -> Status {
    let text = |key: &str| sent[key].as_str().unwrap_or_default();
    let (version, kind) = (text("apiVersion"), text("kind"));
    let version = if version.contains('/') { version.to_owned() } else { format!("/{version}") };
    let (namespace, name) = (meta::namespace(sent), meta::name(sent));
    let message = format!(
        "failed to convert new object ({namespace}/{name}; {version}, Kind={kind}) to proper \
         version: unable to convert unstructured object to {version}, Kind={kind}: {why}"
    );
    Status::new(500, "", message)
}

/// The configuration that is applied: of the right kind, name and namespace, without the parts
/// that this request is not about.
fn applied_object(target: &Target, part: Part, applied: &Value) -> Result<Value, Status> {
    let kind = &*target.kind;
    let mut applied = applied.clone();
    let text = |key: &str| applied.get(key).and_then(Value::as_str).unwrap_or_default();
    let (version, name) = (text("apiVersion"), text("kind"));
    if version != kind.gvk.api_version() || name != kind.gvk.kind {
        // The core group has no name.
        let slash = if version.contains('/') { "" } else { "/" };
        let message = format!("invalid object type: {slash}{version}, Kind={name}");
        return Err(Status::bad_request(message));
    }
    match meta::name(&applied) {
        "" => {
            return Err(Status::bad_request(format!(
                "the name of the object ({} based on URL) was undeterminable: name must be provided",
                target.name
            )));
        }
        name if name == target.name => {}
        name => {
            return Err(Status::bad_request(format!(
                "the name of the object ({name}) does not match the name on the URL ({})",
                target.name
            )));
        }
    }
    // What is said later names the namespace only where the client did.
    decode::expect_namespace(kind, &target.namespace, &mut applied.clone())?;
    if let Some(map) = applied.as_object_mut() {
        match part {
            Part::Status => map.retain(|key, _| {
                matches!(key.as_str(), "apiVersion" | "kind" | "metadata" | "status")
            }),
            _ if kind.has_status() => {
                map.remove("status");
            }
            _ => {}
        }
    }
    Ok(applied)
}

/// The fields of a patched object: warnings, or with [`Validation::Strict`] the refusal.
fn strict(
    patch: &Patch,
    kind: &Kind,
    object: &Value,
    validation: Validation,
) -> Result<Vec<String>, Status> {
    if validation == Validation::Ignore {
        return Ok(Vec::new());
    }
    let found = complaints(kind.node(), object);
    if found.is_empty() || validation == Validation::Warn {
        return Ok(found);
    }
    let shown = match patch.form {
        PatchKind::Strategic => patch::as_go_prints(&patch.body),
        _ => object.to_string(),
    };
    Err(unreadable(&shown, &format!("strict decoding error: {}", found.join(", "))))
}

/// A patched object that can't be read as one of its kind.
fn unreadable(shown: &str, why: &str) -> Status {
    let cause = Cause {
        reason: "FieldValueInvalid",
        field: "patch".to_owned(),
        message: format!("Invalid value: {shown:?}: {why}"),
    };
    Status::invalid(&GroupKind::new("", ""), "", &[cause])
}
