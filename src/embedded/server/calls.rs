//! What controllers and the demo call: the same pipeline as HTTP, without HTTP.

use serde_json::{Value, json};

use super::Server;
use crate::{
    embedded::{
        request::{Core, DeleteOptions, Part, Patch, Target, Validation, WriteOptions},
        status::Status,
    },
    object::{GroupKind, ObjectId, meta},
};

fn options(actor: &str) -> WriteOptions {
    WriteOptions {
        manager: actor.to_owned(),
        dry_run: false,
        validation: Validation::Ignore,
        force: true,
    }
}

impl Server {
    /// The place that an object names.
    fn target(&self, object: &Value) -> Result<Target, Status> {
        let gvk = meta::gvk(object).ok_or_else(|| Self::refuse_unknown(object))?;
        let kind = self.core().registry.table().named(&gvk);
        Ok(Target {
            kind: kind.ok_or_else(|| Self::refuse_unknown(object))?,
            namespace: meta::namespace(object).to_owned(),
            name: meta::name(object).to_owned(),
        })
    }

    fn place(&self, id: &ObjectId) -> Option<Target> {
        Some(Target {
            kind: self.core().registry.table().stored(&id.group_kind())?,
            namespace: id.namespace.clone(),
            name: id.name.clone(),
        })
    }

    /// Creates an object; kind, namespace and name are in it. `actor` is its field manager.
    pub fn create(&self, actor: &str, object: Value) -> Result<Value, Status> {
        let target = self.target(&object)?;
        Ok(self.core().create(&target, object, &options(actor))?.object)
    }

    /// Replaces an object; a conflict when its `resourceVersion` is old. The status is left as it
    /// is where it is a subresource.
    pub fn update(&self, actor: &str, object: Value) -> Result<Value, Status> {
        let target = self.target(&object)?;
        Ok(self.core().update(&target, Part::Main, object, &options(actor))?.object)
    }

    /// Replaces the status of an object; a conflict when its `resourceVersion` is old.
    pub fn update_status(&self, actor: &str, object: Value) -> Result<Value, Status> {
        let target = self.target(&object)?;
        Ok(self.core().update(&target, Part::Status, object, &options(actor))?.object)
    }

    /// Applies an object with force, creating it where it is not there.
    pub fn apply(&self, actor: &str, object: Value) -> Result<Value, Status> {
        let target = self.target(&object)?;
        let patch = Patch::apply(object);
        Ok(self.core().patch(&target, Part::Main, &patch, &options(actor))?.object)
    }

    /// Replaces the finalizers in the `spec` of a namespace.
    pub fn finalize(&self, actor: &str, object: Value) -> Result<Value, Status> {
        let target = self.target(&object)?;
        Ok(self.core().update(&target, Part::Finalize, object, &options(actor))?.object)
    }

    /// Sets the replicas of a workload, by its subresource `scale`.
    pub fn scale(&self, actor: &str, id: &ObjectId, replicas: i64) -> Result<Value, Status> {
        let target = self.place(id).ok_or_else(Status::no_such_path)?;
        let scale = json!({
            "apiVersion": "autoscaling/v1", "kind": "Scale",
            "metadata": {"name": id.name, "namespace": id.namespace},
            "spec": {"replicas": replicas},
        });
        Ok(self.core().put_scale(&target, scale, &options(actor))?.object)
    }

    /// Puts a pod on a node, by its subresource `binding`; a conflict when it is on one already.
    pub fn assign(&self, actor: &str, pod: &ObjectId, node: &str) -> Result<(), Status> {
        let target = self.place(pod).ok_or_else(Status::no_such_path)?;
        let binding = json!({"target": {"kind": "Node", "name": node}});
        self.core().bind(&target, &binding, &options(actor)).map(|_| ())
    }

    /// Deletes an object.
    pub fn delete(&self, _actor: &str, id: &ObjectId, how: &DeleteOptions) -> Result<(), Status> {
        let target = self.place(id).ok_or_else(Status::no_such_path)?;
        self.core().delete(&target, how).map(|_| ())
    }

    /// An object, in the version in which it is kept.
    pub fn get(&self, id: &ObjectId) -> Option<Value> {
        self.core().get(&self.place(id)?).ok()
    }

    /// All objects of a kind, or those of one namespace; none of a kind that is not served.
    pub fn list(&self, kind: &GroupKind, namespace: Option<&str>) -> Vec<Value> {
        let Some(served) = self.core().registry.table().stored(kind) else { return Vec::new() };
        let listed = self.core().store.list(kind, namespace, None, None);
        let items = listed.map(|listed| listed.items).unwrap_or_default();
        items.iter().map(|(_, record)| Core::object(&served, record)).collect()
    }

    /// The kinds whose objects are kept, in the order of their groups.
    pub fn kinds(&self) -> Vec<(GroupKind, bool)> {
        let table = self.core().registry.table();
        let kept = table.kinds().filter(|kind| !kind.is_review() && kind.is_stored());
        kept.map(|kind| (kind.group_kind(), kind.namespaced)).collect()
    }
}
