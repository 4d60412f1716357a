//! The life of namespaces: what may be created in them, and how they end.

use serde_json::{Value, json};

use super::{Core, Target, Validation, WriteOptions, set_meta};
use crate::{
    embedded::{
        registry::Kind,
        status::{Resource, Status},
        store::Key,
    },
    object::{GroupKind, meta},
};

/// Namespaces that can't be deleted.
const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];
const RESOURCE: Resource<'static> = Resource { group: "", plural: "namespaces" };

/// The state of a new namespace.
pub(super) fn begin(object: &mut Value) {
    object["status"] = json!({"phase": "Active"});
}

/// The state of a namespace that is being deleted.
pub(super) fn terminate(object: &mut Value) {
    if !object["status"].is_object() {
        object["status"] = json!({});
    }
    object["status"]["phase"] = Value::from("Terminating");
}

/// True while a namespace has finalizers in its `spec`.
pub(super) fn holds(kind: &Kind, object: &Value) -> bool {
    let finalizers = object.pointer("/spec/finalizers").and_then(Value::as_array);
    kind.is_core("Namespace") && finalizers.is_some_and(|list| !list.is_empty())
}

/// Refuses to delete what every cluster has.
pub(super) fn refuse_immortal(kind: &Kind, name: &str) -> Result<(), Status> {
    if kind.is_core("Namespace") && IMMORTAL.contains(&name) {
        return Err(Status::forbidden(RESOURCE, name, "this namespace may not be deleted"));
    }
    Ok(())
}

impl Core {
    /// Refuses to create something where there is no namespace, or one that goes away.
    pub(super) fn expect_namespace_open(
        &self,
        kind: &Kind,
        namespace: &str,
        name: &str,
    ) -> Result<(), Status> {
        if !kind.namespaced {
            return Ok(());
        }
        if namespace.is_empty() {
            return Err(Status::method_not_allowed(kind.resource(), "create"));
        }
        let record = self.store.get(&GroupKind::new("", "Namespace"), &Key::new("", namespace));
        let record = record.ok_or_else(|| Status::not_found(RESOURCE, namespace))?;
        if meta::is_terminating(&record.object()) {
            return Err(Status::namespace_terminating(kind.resource(), name, namespace));
        }
        Ok(())
    }

    /// Creates what every cluster has: four namespaces and the service of the server itself.
    pub(crate) fn furnish(&self) -> Result<(), Status> {
        for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
            self.furnish_one("Namespace", "", name, &json!({}))?;
        }
        let spec = json!({
            "clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1"],
            "ports": [{"name": "https", "port": 443, "targetPort": 6443}],
        });
        self.furnish_one("Service", "default", "kubernetes", &spec)
    }

    fn furnish_one(
        &self,
        kind: &str,
        namespace: &str,
        name: &str,
        spec: &Value,
    ) -> Result<(), Status> {
        let table = self.registry.table();
        let kind = table.stored(&GroupKind::new("", kind)).ok_or_else(Status::no_such_path)?;
        let options = WriteOptions {
            manager: "kube-apiserver".to_owned(),
            dry_run: false,
            validation: Validation::Ignore,
            force: false,
        };
        let mut object = json!({"spec": spec});
        set_meta(&mut object, "name", Some(Value::from(name)));
        if kind.is_core("Service") {
            let labels = json!({"component": "apiserver", "provider": "kubernetes"});
            set_meta(&mut object, "labels", Some(labels));
        }
        let target = Target { kind, namespace: namespace.to_owned(), name: name.to_owned() };
        self.create(&target, object, &options).map(|_| ())
    }
}
