//! PATCH, in its four forms.

use serde_json::Value;

use super::{
    Answer, Core, Part, Target, Validation, WriteOptions,
    change::Next,
    decode::{self, complaints},
    duplicates, set_meta,
};
use crate::{
    embedded::{
        go::json_kind,
        managed::{self, Refusal},
        patch::{self, PatchError},
        registry::Kind,
        schema::{self, Node},
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
    /// What the body of an apply has twice, in words.
    twice: Vec<String>,
}

impl Patch {
    /// An apply of an object that is a tree already.
    pub(crate) fn apply(object: Value) -> Self {
        Self { form: PatchKind::Apply, body: object, twice: Vec::new() }
    }

    /// Reads a patch whose form the `Content-Type` says.
    pub(crate) fn read(kind: &Kind, content_type: &str, sent: &[u8]) -> Result<Self, Status> {
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
            PatchKind::Apply => decode::configuration(sent)?,
            _ => Self::parse(form, sent)?,
        };
        let operations = body.as_array().map_or(0, Vec::len);
        if operations > OPERATIONS_MAX {
            return Err(Status::too_large(OPERATIONS_MAX));
        }
        let twice = match form {
            PatchKind::Apply => duplicates::in_yaml(sent),
            _ => Vec::new(),
        };
        Ok(Self { form, body, twice })
    }

    /// A patch in JSON, of the type that its form has.
    fn parse(form: PatchKind, body: &[u8]) -> Result<Value, Status> {
        let said = if form == PatchKind::Strategic { "" } else { "error decoding patch: " };
        let body: Value = serde_json::from_slice(body).map_err(|error| {
            Status::bad_request(format!("{said}{}", decode::json_fault(&error)))
        })?;
        if body.is_null() {
            return Ok(body);
        }
        let found = json_kind(&body);
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

    /// What is wrong with the types of what this patch made of an object of a built-in kind. A
    /// strategic one goes by another reader.
    fn type_error(&self, node: Node<'_>, object: &Value) -> Option<String> {
        match self.form {
            PatchKind::Strategic => schema::conversion_error(node, object),
            _ => schema::type_error(node, object),
        }
    }

    /// What a refusal of the patched object shows.
    fn shown(&self, object: &Value) -> String {
        match self.form {
            PatchKind::Strategic => patch::as_go_prints(&self.body),
            _ => object.to_string(),
        }
    }

    /// The same for a Scale, whose one field needs no other form than a merge.
    pub(super) fn transform_scale(&self, scale: &Value) -> Result<Value, Status> {
        let patched = match self.form {
            PatchKind::Json => patch::json_patch(scale, &self.body),
            _ => patch::merge_patch(scale, &self.body),
        };
        let patched = patched.map_err(unpatched)?;
        let kind = match patched.pointer("/spec/replicas") {
            None | Some(Value::Null | Value::Number(_)) => return Ok(patched),
            Some(other) => json_kind(other),
        };
        let why = format!(
            "json: cannot unmarshal {kind} into Go struct field ScaleSpec.spec.replicas of type \
             int32"
        );
        Err(unreadable(&patched.to_string(), &why))
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
            let twice = match options.validation {
                Validation::Ignore => &[][..],
                Validation::Strict if !patch.twice.is_empty() => {
                    return Err(repeated(&patch.twice));
                }
                _ => &patch.twice,
            };
            let answer = self.apply(target, part, &patch.body, options);
            let answer = answer.map_err(|status| status.warned(twice))?;
            return Ok(answer.warned(twice.to_vec()));
        }
        self.change(target, part, options, |live| {
            let kind = &target.kind;
            let mut object = patch.transform(kind, live)?;
            expect_name(target, &object)?;
            if kind.custom.is_none() && object.get("kind").is_none() {
                // What is of no kind has no name either.
                return Err(nameless(target));
            }
            if let Some(node) = kind.node().filter(|_| kind.custom.is_none())
                && let Some(why) = patch.type_error(node, &object)
            {
                return Err(unreadable(&patch.shown(&object), &why));
            }
            expect_version(kind, &target.name, &object)?;
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
            let version = meta::resource_version(&object).to_owned();
            if !version.is_empty() && version.parse::<u64>().is_err() {
                let why = format!("strconv.ParseUint: parsing {version:?}: invalid syntax");
                return Err(Status::new(500, "", why));
            }
            set_meta(&mut object, "resourceVersion", None);
            decode::expect_namespace(kind, &target.namespace, &mut object)?;
            let made = self.create_absent(target, object, options, true).transpose();
            if let Some(mut made) = made {
                // What is not stored keeps the version that was sent.
                if let (Ok(made), true) = (&mut made, options.dry_run && !version.is_empty()) {
                    set_meta(made, "resourceVersion", Some(Value::from(version)));
                }
                return Answer::made(target, made, Vec::new());
            }
        }
        self.change(target, part, options, |live| {
            let object = merge(Some(live))?;
            Ok(Next { object, recorded: true, replaces: false, warnings: Vec::new() })
        })
    }
}

/// A name can't be changed or taken away.
fn expect_name(target: &Target, object: &Value) -> Result<(), Status> {
    let message = match meta::name(object) {
        name if name == target.name => return Ok(()),
        "" => return Err(nameless(target)),
        name => format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            target.name
        ),
    };
    Err(Status::bad_request(message))
}

fn nameless(target: &Target) -> Status {
    Status::bad_request(format!(
        "the name of the object ({} based on URL) was undeterminable: name must be provided",
        target.name
    ))
}

/// What a strict reader of YAML says of keys that stand twice.
fn repeated(twice: &[String]) -> Status {
    Status::bad_request(format!(
        "error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  {}",
        twice.join("\n  ")
    ))
}

/// The version of a custom object is that of the path.
fn expect_version(kind: &Kind, name: &str, object: &Value) -> Result<(), Status> {
    let (version, wanted) = (object["apiVersion"].as_str(), kind.gvk.api_version());
    let Some(version) = version.filter(|version| kind.custom.is_some() && **version != wanted)
    else {
        return Ok(());
    };
    let cause = Cause {
        reason: "FieldValueInvalid",
        field: "apiVersion".to_owned(),
        message: format!("Invalid value: {version:?}: must be {wanted}"),
    };
    Err(Status::invalid(&kind.group_kind(), name, &[cause]))
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
    expect_name(target, &applied)?;
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
    Err(unreadable(&patch.shown(object), &format!("strict decoding error: {}", found.join(", "))))
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
