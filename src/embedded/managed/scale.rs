//! Owners of the number of replicas, when it is written by the scale subresource.

use serde_json::Value;

use super::{
    Conflict, Writer, conflict,
    entries::{self, Id, Managers, Operation, Owned},
};
use crate::object::{FieldPath, FieldSet};

/// The version of the scale subresource.
const SCALE: &str = "autoscaling/v1";

/// The conflicts of an apply to the scale subresource that sets the replicas at `path` to what
/// `new` has: with everybody else who owns them, when they change.
pub(crate) fn conflicts(
    path: &FieldPath,
    old: &Value,
    new: &Value,
    writer: &Writer<'_>,
) -> Vec<Conflict> {
    let Ok(parent) = entries::decode(old) else { return Vec::new() };
    if path.get(old) == path.get(new) {
        return Vec::new();
    }
    let own = Id::new(writer.manager, Operation::Apply, SCALE, "scale");
    let replicas = FieldSet::of(std::slice::from_ref(path));
    let others = parent.iter().filter(|(id, owned)| **id != own && owned.fields.has(path));
    conflict::all(others.map(|(id, owned)| (id, &owned.fields)), &replicas)
}

/// The same as [`record`] for an apply: who applies the same number shares it.
pub(crate) fn record_apply(path: &FieldPath, old: &Value, new: &mut Value, writer: &Writer<'_>) {
    let Ok(parent) = entries::decode(old) else { return };
    let replicas = FieldSet::of(std::slice::from_ref(path));
    let own = Id::new(writer.manager, Operation::Apply, SCALE, "scale");
    let changes = path.get(old) != path.get(new);
    let mut managers = Managers::default();
    for (id, mut owned) in parent {
        if changes && id != own {
            owned.fields = owned.fields.difference(&replicas);
        }
        if !owned.fields.is_empty() {
            managers.insert(id, owned);
        }
    }
    // As on a real server, without a time.
    let owned = managers.entry(own).or_default();
    owned.fields = replicas;
    owned.version = writer.api_version.into();
    entries::encode(new, &managers);
}

/// Records that the scale subresource wrote the replicas at `path` (`spec.replicas` in built-in
/// kinds); `new` has the new number already, `writer.api_version` is the one of the object.
///
/// As on a real server, the entry that results has no time.
pub(crate) fn record(path: &FieldPath, old: &Value, new: &mut Value, writer: &Writer<'_>) {
    let Ok(parent) = entries::decode(old) else { return };
    let replicas = FieldSet::of(std::slice::from_ref(path));
    let owns = |owned: &Owned| owned.fields.has(path);
    // How the owners look from the subresource: updates are made by its version there.
    let mut scale: Vec<Id> = parent
        .iter()
        .filter(|(_, owned)| &*owned.version == writer.api_version && owns(owned))
        .map(|(id, _)| Id::new(&id.manager, id.operation, SCALE, &id.subresource))
        .collect();
    // While nobody owns the replicas, nobody is tracked on the subresource.
    if !scale.is_empty() && path.get(old) != path.get(new) {
        scale = vec![Id::new(writer.manager, Operation::Update, SCALE, "scale")];
    }
    let mut managers = Managers::default();
    for (id, mut owned) in parent {
        if &*owned.version != writer.api_version {
            continue;
        }
        if owns(&owned) && !scale.contains(&id) {
            owned.fields = owned.fields.difference(&replicas);
        }
        scale.retain(|known| *known != id);
        if !owned.fields.is_empty() {
            managers.insert(id, owned);
        }
    }
    for id in scale {
        let owned =
            Owned { fields: replicas.clone(), version: writer.api_version.into(), time: None };
        managers.insert(id, owned);
    }
    entries::encode(new, &managers);
}
