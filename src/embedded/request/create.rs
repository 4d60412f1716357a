//! POST: a new object.

use serde_json::Value;

use super::{
    Answer, Core, Part, Target, WriteOptions, allocate, change::check, decode, metadata, namespace,
    random, refused, set_meta,
};
use crate::{
    embedded::{
        managed,
        registry::{self, Generation, Kind},
        status::Status,
        store::Refusal,
        validate::Cause,
    },
    object::meta,
};

/// How often a generated name is made anew when it is taken.
const NAMES_MAX: usize = 8;

impl Core {
    /// Creates an object. Its name is in it, or `generateName` is.
    pub(crate) fn create(
        &self,
        target: &Target,
        mut object: Value,
        options: &WriteOptions,
    ) -> Result<Answer, Status> {
        let kind = &*target.kind;
        decode::expect_kind(&kind.gvk, &mut object)?;
        let warnings = decode::check_fields(kind, &object, options.validation)?;
        decode::expect_namespace(kind, &target.namespace, &mut object)?;
        let base = meta::text(&object, "generateName").to_owned();
        if !meta::name(&object).is_empty() || base.is_empty() {
            let object = self.create_named(target, object, options, false)?;
            return Ok(Answer { object, created: true, warnings });
        }
        let mut tries = 0;
        loop {
            tries += 1;
            let name = random::name(&base);
            let mut object = object.clone();
            set_meta(&mut object, "name", Some(Value::from(name.as_str())));
            match self.create_named(target, object, options, false) {
                Ok(object) => return Ok(Answer { object, created: true, warnings }),
                Err(status) if status.reason != "AlreadyExists" => return Err(status),
                Err(_) if tries < NAMES_MAX => {}
                Err(_) => return Err(Status::no_free_name(kind.resource(), &name)),
            }
        }
    }

    /// The same for an object that has its name, its kind and its namespace. `recorded`:
    /// `managedFields` are as they should be.
    pub(super) fn create_named(
        &self,
        target: &Target,
        mut object: Value,
        options: &WriteOptions,
        recorded: bool,
    ) -> Result<Value, Status> {
        let kind = &*target.kind;
        let name = meta::name(&object).to_owned();
        self.expect_namespace_open(kind, &target.namespace, &name)?;
        self.expect_not_terminating(kind)?;
        if !matches!(meta::resource_version(&object), "" | "0") {
            return Err(Status::new(
                500,
                "",
                "resourceVersion should not be set on objects to be created",
            ));
        }
        set_meta(&mut object, "resourceVersion", None);
        metadata::begin(&mut object, &self.now_text());
        if kind.has_status()
            && !kind.is_core("Node")
            && let Some(object) = object.as_object_mut()
        {
            object.remove("status");
        }
        if kind.is_core("Namespace") {
            namespace::label(&mut object);
        }
        decode::normalize(kind, &mut object);
        if !recorded && let Some(node) = kind.node() {
            let writer = self.writer(kind, Part::Main, options);
            managed::record(node, None, &mut object, &writer.borrow());
        }
        self.prepare(kind, &mut object);
        refuse_invalid(kind, &name, &object)?;
        if options.dry_run {
            return self.rehearse(target, &name, object);
        }
        let target = Target { name: name.clone(), ..target.clone() };
        let marks = kind.marks(&object);
        let kept = Self::kept(kind, object);
        let written = self.store.create(&kind.group_kind(), target.key(), kept, marks);
        let record = written.map_err(|refusal| match refusal {
            Refusal::Exists => self.exists(&target),
            refusal => refused(refusal),
        })?;
        self.written(kind, &record, false);
        Ok(Self::object(kind, &record))
    }

    /// What the server decides about a new object.
    fn prepare(&self, kind: &Kind, object: &mut Value) {
        if kind.generation != Generation::Never {
            set_meta(object, "generation", Some(Value::from(1)));
        }
        if kind.is_core("Namespace") {
            namespace::begin(object);
        } else if kind.is_core("Service") {
            allocate::addresses(self, object);
        } else if kind.is_definition() {
            registry::prepare(object);
        }
    }

    fn rehearse(&self, target: &Target, name: &str, object: Value) -> Result<Value, Status> {
        let target = Target { name: name.to_owned(), ..target.clone() };
        match self.store.get(&target.kind.group_kind(), &target.key()) {
            Some(_) => Err(self.exists(&target)),
            None => Ok(object),
        }
    }

    fn exists(&self, target: &Target) -> Status {
        let mut status = Status::already_exists(target.kind.resource(), &target.name);
        let record = self.store.get(&target.kind.group_kind(), &target.key());
        if record.is_some_and(|record| meta::is_terminating(&record.object())) {
            status.message = format!("object is being deleted: {}", status.message);
        }
        status
    }
}

fn refuse_invalid(kind: &Kind, name: &str, object: &Value) -> Result<(), Status> {
    let mut causes = check(kind, object);
    if name.is_empty() && !causes.iter().any(|cause| cause.field == "metadata.name") {
        causes.push(Cause {
            reason: "FieldValueRequired",
            field: "metadata.name".to_owned(),
            message: "Required value: name or generateName is required".to_owned(),
        });
    }
    match causes.as_slice() {
        [] => Ok(()),
        causes => Err(Status::invalid(&kind.group_kind(), name, causes)),
    }
}
