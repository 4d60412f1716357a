//! The pipeline of a write: what all of them have in common.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    Core, TRIES_MAX, decode, metadata, refused, set_meta,
    violations::{self, refuse_nulls},
};
use crate::{
    embedded::{
        defaults,
        managed::{self, Writer},
        registry::{self, Kind, Sub},
        status::Status,
        store::{Key, Record, Refusal},
        validate::{self, Cause},
        warn,
    },
    object::{FieldPath, FieldSet, meta},
};

/// One object of a kind.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) kind: Arc<Kind>,
    /// Empty for kinds of the cluster.
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Target {
    pub(super) fn key(&self) -> Key {
        Key::new(&self.namespace, &self.name)
    }

    pub(super) fn not_found(&self) -> Status {
        Status::not_found(self.kind.resource(), &self.name)
    }
}

/// Which part of an object a write is about; the rest of what is sent is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Everything but the status.
    Main,
    Status,
    /// The finalizers in the `spec` of a namespace.
    Finalize,
    /// The replicas, by way of a Scale.
    Scale,
    /// All of it: what the server itself writes.
    Whole,
}

/// What is done about fields that the kind does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Validation {
    Ignore,
    Warn,
    Strict,
}

/// How to write.
#[derive(Debug, Clone)]
pub(crate) struct WriteOptions {
    /// The field manager.
    pub(crate) manager: String,
    pub(crate) dry_run: bool,
    pub(crate) validation: Validation,
    /// Take over fields that others applied.
    pub(crate) force: bool,
}

/// What became of a write.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) object: Value,
    pub(crate) created: bool,
    pub(crate) warnings: Vec<String>,
}

impl Answer {
    /// The same with these warnings before its own.
    pub(crate) fn warned(mut self, mut warnings: Vec<String>) -> Self {
        warnings.append(&mut self.warnings);
        Self { warnings, ..self }
    }
}

/// The next state of an object, as far as it was computed.
pub(super) struct Next {
    pub(super) object: Value,
    /// True when `managedFields` are as they should be.
    pub(super) recorded: bool,
    /// The object was sent whole, not as a patch.
    pub(super) replaces: bool,
    pub(super) warnings: Vec<String>,
}

impl Next {
    /// A state that the server itself computed, owners included.
    pub(super) fn recorded(object: Value) -> Self {
        Self { object, recorded: true, replaces: false, warnings: Vec::new() }
    }
}

impl Part {
    fn subresource(self) -> &'static str {
        match self {
            Self::Main | Self::Whole => "",
            Self::Status => "status",
            Self::Finalize => "finalize",
            Self::Scale => "scale",
        }
    }

    /// Puts the parts that this write is not about back to what they are.
    fn keep(self, kind: &Kind, live: &Value, next: &mut Value) {
        match self {
            Self::Main | Self::Scale => {
                if kind.has_status() {
                    copy(live, next, "status");
                }
            }
            // The rest of what only custom kinds keep is put back when it is recorded.
            Self::Status if kind.custom.is_none() => copy(live, next, "spec"),
            Self::Status => defaults::update::prepare_status(&kind.gvk, live, next),
            Self::Whole => {}
            Self::Finalize => {
                let finalizers = next.pointer("/spec/finalizers").cloned().unwrap_or(json!([]));
                copy(live, next, "status");
                copy(live, next, "spec");
                next["spec"]["finalizers"] = finalizers;
            }
        }
    }
}

fn copy(from: &Value, to: &mut Value, key: &str) {
    let Some(to) = to.as_object_mut() else { return };
    match from.get(key) {
        Some(value) => to.insert(key.to_owned(), value.clone()),
        None => to.remove(key),
    };
}

impl Core {
    /// The object of a record, in the version of `kind`.
    pub(crate) fn object(kind: &Kind, record: &Record) -> Value {
        let mut object = record.object();
        if kind.custom.is_some()
            && let Some(object) = object.as_object_mut()
        {
            object.insert("apiVersion".to_owned(), Value::from(kind.gvk.api_version()));
        }
        object
    }

    /// The same object as it is kept.
    pub(super) fn kept(kind: &Kind, mut object: Value) -> Value {
        if let (Some(custom), Some(object)) = (&kind.custom, object.as_object_mut()) {
            object.insert("apiVersion".to_owned(), Value::from(custom.stored_as.as_str()));
        }
        object
    }

    /// Changes an object to what `compute` makes of it, however often it changes meanwhile.
    pub(super) fn change(
        &self,
        target: &Target,
        part: Part,
        options: &WriteOptions,
        compute: impl Fn(&Value) -> Result<Next, Status>,
    ) -> Result<Answer, Status> {
        for _ in 0..TRIES_MAX {
            let record = self.store.get(&target.kind.group_kind(), &target.key());
            let record = record.ok_or_else(|| target.not_found())?;
            let live = Self::object(&target.kind, &record);
            let Next { object, recorded, replaces, warnings } = compute(&live)?;
            expect_uid(target, &live, &object, replaces)?;
            let next = self.next_state(target, part, options, &live, object, recorded);
            let next = next.map_err(|status| status.warned(&warnings))?;
            let mut warnings = warnings;
            warnings.extend(warn::of_changed(&target.kind.gvk, &live, &next));
            if metadata::is_same(&live, &next) {
                return Ok(Answer { object: live, created: false, warnings });
            }
            if let Some(object) = self.commit(target, options, &record, &live, next)? {
                return Ok(Answer { object, created: false, warnings });
            }
        }
        Err(refused(Refusal::Stale))
    }

    fn next_state(
        &self,
        target: &Target,
        part: Part,
        options: &WriteOptions,
        live: &Value,
        mut next: Value,
        recorded: bool,
    ) -> Result<Value, Status> {
        let kind = &*target.kind;
        expect_version(target, live, &next)?;
        part.keep(kind, live, &mut next);
        // An empty list of owners is a wish, not an absence.
        let cleared = next.pointer("/metadata/managedFields").filter(|list| *list == &json!([]));
        let cleared = cleared.cloned();
        if recorded {
            refuse_nulls(kind, &target.name, &next)?;
        }
        decode::normalize_sent(kind, &mut next);
        if cleared.is_some() {
            set_meta(&mut next, "managedFields", cleared);
        }
        metadata::carry(live, &mut next);
        if !recorded {
            self.record(kind, part, options, live, &mut next);
        }
        match part {
            Part::Main | Part::Scale => {
                defaults::update::prepare(&kind.gvk, live, &mut next, kind.has_status());
            }
            Part::Status => defaults::update::prepare_status(&kind.gvk, live, &mut next),
            Part::Finalize | Part::Whole => {}
        }
        if kind.is_core("Service") {
            self.allocate(&mut next)?;
        } else if kind.is_definition() {
            registry::prepare(&mut next);
        }
        decode::normalize(kind, &mut next);
        if part == Part::Whole {
            return Ok(next);
        }
        let mut causes = if part == Part::Status && kind.custom.is_none() {
            validate::check_status(&kind.gvk, live, &next)
        } else {
            validate::check_change(&kind.gvk, live, &next)
        };
        causes.extend(match part {
            Part::Status => violations::of_status(kind, &next),
            _ => violations::all(kind, &next),
        });
        if kind.is_definition() {
            // The name was right when it was created; what changed is named by itself.
            causes.retain(|cause| cause.field != "metadata.name");
        }
        match causes.as_slice() {
            [] => Ok(next),
            causes => Err(Status::invalid(&kind.group_kind(), &target.name, causes)),
        }
    }

    /// Stores the next state, or removes the object when its last finalizer went. `None`: somebody
    /// was quicker.
    fn commit(
        &self,
        target: &Target,
        options: &WriteOptions,
        record: &Record,
        live: &Value,
        next: Value,
    ) -> Result<Option<Value>, Status> {
        let over = metadata::is_over(live, &next);
        if options.dry_run {
            return Ok(Some(next));
        }
        let kind = &*target.kind;
        let (group_kind, key) = (kind.group_kind(), target.key());
        let written = if over {
            // Watches see the object as it was kept, the client what it sent.
            let (marks, kept) = (kind.marks(live), Self::kept(kind, live.clone()));
            self.store.remove(&group_kind, &key, record.revision, kept, marks)
        } else {
            let (marks, kept) = (kind.marks(&next), Self::kept(kind, next.clone()));
            self.store.replace(&group_kind, key, record.revision, kept, marks)
        };
        match written {
            Ok(record) => {
                self.written(kind, &record, over);
                Ok(Some(if over { next } else { Self::object(kind, &record) }))
            }
            Err(Refusal::Stale) => Ok(None),
            Err(Refusal::Missing) => Err(target.not_found()),
            Err(refusal) => Err(refused(refusal)),
        }
    }

    /// Notes in `managedFields` who changed what.
    pub(super) fn record(
        &self,
        kind: &Kind,
        part: Part,
        options: &WriteOptions,
        live: &Value,
        next: &mut Value,
    ) {
        let Some(node) = kind.node() else { return };
        let writer = self.writer(kind, part, options);
        let writer = writer.borrow();
        match kind.sub("scale") {
            Some(Sub::Scale { spec, .. }) if part == Part::Scale => {
                let steps: Vec<&str> = spec.split('/').skip(1).collect();
                managed::record_scale(&FieldPath::fields(&steps), live, next, &writer);
            }
            _ => managed::record(node, Some(live), next, &writer),
        }
    }

    pub(super) fn writer(&self, kind: &Kind, part: Part, options: &WriteOptions) -> OwnWriter {
        let subresource = part.subresource();
        let custom = kind.custom.as_ref().map(|_| kind.has_status());
        OwnWriter {
            manager: options.manager.clone(),
            api_version: kind.gvk.api_version(),
            served: kind.custom.as_ref().map(|custom| custom.served.clone()).unwrap_or_default(),
            subresource,
            reset: managed::reset_fields(&kind.gvk, subresource, custom),
            now: self.now(),
        }
    }
}

/// A [`Writer`] that owns its words.
pub(super) struct OwnWriter {
    manager: String,
    api_version: String,
    served: Arc<[String]>,
    subresource: &'static str,
    reset: FieldSet,
    now: jiff::Timestamp,
}

impl OwnWriter {
    pub(super) fn borrow(&self) -> Writer<'_> {
        Writer {
            manager: &self.manager,
            api_version: &self.api_version,
            served: &self.served,
            subresource: self.subresource,
            reset: &self.reset,
            now: self.now,
        }
    }
}

fn expect_uid(target: &Target, live: &Value, next: &Value, replaces: bool) -> Result<(), Status> {
    let (wanted, is) = (meta::uid(next), meta::uid(live));
    if wanted.is_empty() || wanted == is {
        return Ok(());
    }
    if !replaces {
        let cause = || Cause {
            reason: "FieldValueInvalid",
            field: "metadata.uid".to_owned(),
            message: format!("Invalid value: {wanted:?}: field is immutable"),
        };
        return Err(Status::invalid(&target.kind.group_kind(), &target.name, &[cause(), cause()]));
    }
    Err(other_uid(target, wanted, is))
}

/// The object is not the one that was meant.
pub(super) fn other_uid(target: &Target, wanted: &str, is: &str) -> Status {
    let resource = target.kind.resource();
    let place = match target.namespace.as_str() {
        "" => target.name.clone(),
        namespace => format!("{namespace}/{}", target.name),
    };
    let why = format!(
        "StorageError: invalid object, Code: 4, Key: /registry/{}/{place}, ResourceVersion: 0, \
         AdditionalErrorMsg: Precondition failed: UID in precondition: {wanted}, UID in object \
         meta: {is}",
        resource.plural
    );
    Status::conflict(resource, &target.name, &why)
}

fn expect_version(target: &Target, live: &Value, next: &Value) -> Result<(), Status> {
    let kind = &target.kind;
    match meta::resource_version(next) {
        "" | "0" if kind.put_needs_version => {
            let cause = Cause {
                reason: "FieldValueInvalid",
                field: "metadata.resourceVersion".to_owned(),
                message: "Invalid value: 0: must be specified for an update".to_owned(),
            };
            // The server itself names the resource where the kind belongs.
            let named = crate::object::GroupKind::new(&kind.gvk.group, &kind.plural);
            Err(Status::invalid(&named, &target.name, &[cause]))
        }
        "" | "0" => Ok(()),
        version if version == meta::resource_version(live) => Ok(()),
        version if version.parse::<u64>().is_err() => {
            let why = format!("strconv.ParseUint: parsing {version:?}: invalid syntax");
            Err(Status::new(500, "", why))
        }
        _ => Err(Status::modified(kind.resource(), &target.name)),
    }
}
