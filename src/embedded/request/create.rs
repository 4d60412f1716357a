//! POST: a new object.

use serde_json::Value;

use super::{
    Answer, Core, Part, Target, WriteOptions, decode, metadata, namespace, random, refused,
    sent::Sent,
    set_meta,
    violations::{check, refuse_nulls},
};
use crate::{
    embedded::{
        defaults::{self, create::Admission},
        managed,
        registry::{self, Kind},
        status::Status,
        store::{Key, Refusal},
        validate::Cause,
    },
    object::{GroupKind, meta},
};

/// How often a generated name is made anew when it is taken.
const NAMES_MAX: usize = 8;

impl Core {
    /// Creates an object. Its name is in it, or `generateName` is.
    pub(crate) fn create(
        &self,
        target: &Target,
        object: Value,
        options: &WriteOptions,
    ) -> Result<Answer, Status> {
        let Sent { object, warnings } = Sent::read(target, object, options)?;
        let base = meta::text(&object, "generateName").to_owned();
        if !meta::name(&object).is_empty() || base.is_empty() {
            let made = self.create_named(target, object, options, false);
            return Answer::made(target, made, warnings);
        }
        let mut tries = 0;
        loop {
            tries += 1;
            let name = random::name(&base);
            let mut object = object.clone();
            set_meta(&mut object, "name", Some(Value::from(name.as_str())));
            let made = self.create_absent(target, object, options, false).transpose();
            if let Some(made) = made {
                return Answer::made(target, made, warnings);
            }
            if tries >= NAMES_MAX {
                return Err(Status::no_free_name(target.kind.resource(), &name));
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
        self.expect_not_terminating(kind, &name)?;
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
        if recorded {
            refuse_nulls(kind, &name, &object)?;
        }
        decode::normalize_sent(kind, &mut object);
        if !recorded && kind.gvk.kind == "DaemonSet" && kind.gvk.group == "apps" {
            // The annotation stands for a field that clients own.
            defaults::update::template_generation(&mut object, 0);
        }
        if !recorded && let Some(node) = kind.node() {
            let writer = self.writer(kind, Part::Main, options);
            managed::record(node, None, &mut object, &writer.borrow());
        }
        self.prepare(kind, &target.namespace, &mut object)?;
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
    fn prepare(&self, kind: &Kind, namespace: &str, object: &mut Value) -> Result<(), Status> {
        if kind.custom.is_none() {
            self.admit_new(kind, namespace, object);
        }
        let has_status = kind.has_status() && kind.custom.is_some();
        defaults::create::prepare(&kind.gvk, object, self.now());
        if has_status && let Some(object) = object.as_object_mut() {
            object.remove("status");
        }
        if kind.is_core("Namespace") {
            namespace::begin(object);
        } else if kind.is_core("Service") {
            self.allocate(object)?;
        } else if kind.is_definition() {
            registry::prepare(object);
        }
        decode::normalize(kind, object);
        Ok(())
    }

    /// What the standard admission plugins add to a new object.
    fn admit_new(&self, kind: &Kind, namespace: &str, object: &mut Value) {
        let group = "storage.k8s.io";
        let storage = "storageclass.kubernetes.io/is-default-class";
        let ingress = "ingressclass.kubernetes.io/is-default-class";
        let mut facts = Admission {
            suffix: &random::name(""),
            mounts_token: true,
            storage_class: None,
            ingress_class: None,
        };
        let class;
        if kind.is_core("Pod") {
            facts.mounts_token = self.mounts_token(namespace, object);
        } else if kind.is_core("PersistentVolumeClaim") {
            class = self.default_class(&GroupKind::new(group, "StorageClass"), storage);
            facts.storage_class = class.as_deref();
        } else if kind.gvk.kind == "Ingress" {
            let group = "networking.k8s.io";
            class = self.default_class(&GroupKind::new(group, "IngressClass"), ingress);
            facts.ingress_class = class.as_deref();
        }
        defaults::create::admit(&kind.gvk, object, &facts);
    }

    /// Whether the service account of a pod wants its token mounted.
    fn mounts_token(&self, namespace: &str, pod: &Value) -> bool {
        let name = pod.pointer("/spec/serviceAccountName").and_then(Value::as_str);
        let key = Key::new(namespace, name.unwrap_or("default"));
        let account = self.store.get(&GroupKind::new("", "ServiceAccount"), &key);
        account.is_none_or(|account| account.object()["automountServiceAccountToken"] != false)
    }

    /// The name of the class that an annotation marks as the default.
    fn default_class(&self, kind: &GroupKind, annotation: &str) -> Option<String> {
        let listed = self.store.list(kind, None, None, None).ok()?;
        let classes = listed.items.iter().map(|(_, record)| record.object());
        let default = |class: &Value| meta::annotation(class, annotation) == Some("true");
        classes.into_iter().find(default).map(|class| meta::name(&class).to_owned())
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
