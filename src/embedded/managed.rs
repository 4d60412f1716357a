//! Who owns which field: server-side apply and `metadata.managedFields`.
//!
//! The rules are those of structured-merge-diff and of the field managers around it: what a set of
//! fields holds, how a configuration is merged into an object, what is removed when it is no longer
//! applied, who is in conflict, and what a plain update records. All of it computes values from
//! values; `now` is an argument.

mod before;
mod check;
mod compare;
mod conflict;
mod empty;
mod entries;
mod extract;
mod identity;
mod last_applied;
mod merge;
mod prune;
mod reset;
mod scale;
mod transfer;

use jiff::Timestamp;
use serde_json::{Map, Value};

use self::{
    entries::{Id, Managers, Operation, Owned},
    transfer::Transfer,
};
use super::schema::Node;
use crate::object::FieldSet;
pub(crate) use check::go_value;
pub(crate) use conflict::{Conflict, message};
pub(crate) use reset::fields as reset_fields;
pub(crate) use scale::{
    conflicts as scale_conflicts, record as record_scale, record_apply as record_scale_apply,
};

/// Who writes, to what, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Writer<'a> {
    /// The field manager; `unknown` is written for an empty one.
    pub manager: &'a str,
    /// Group and version by which the object is written, as `apps/v1`.
    pub api_version: &'a str,
    /// All by which its kind is served: entries of others are dropped. Fields have the same names
    /// in all of them.
    pub served: &'a [String],
    /// Empty, `status` or `scale`.
    pub subresource: &'a str,
    /// The fields that this way of writing never changes, and so nobody can own by it; see
    /// [`reset_fields`].
    pub reset: &'a FieldSet,
    pub now: Timestamp,
}

impl Writer<'_> {
    fn id(&self, operation: Operation) -> Id {
        let manager = if self.manager.is_empty() { "unknown" } else { self.manager };
        Id::new(manager, operation, self.api_version, self.subresource)
    }
}

/// Why an apply is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// 409: others own fields that would change; see [`message`] for the whole sentence.
    Conflicts(Vec<Conflict>),
    /// 400: the configuration can't be applied by anybody.
    BadRequest(String),
    /// 500, as the real server answers it: the configuration doesn't fit the schema.
    Untyped(String),
}

/// Applies a configuration to the live object, or creates one of it when there is none.
///
/// Answers the merged object with its `managedFields`, before defaulting. Nothing that the
/// configuration leaves to others is touched; when nothing changes at all, the answer is `live`,
/// unless only owners changed.
///
/// # Errors
///
/// [`Refusal`]; conflicts only without `force`.
pub(crate) fn apply(
    node: Node<'_>,
    live: Option<&Value>,
    applied: &Value,
    writer: &Writer<'_>,
    force: bool,
) -> Result<Value, Refusal> {
    let managed = applied.pointer("/metadata/managedFields");
    if managed.is_some_and(Value::is_array) {
        return Err(Refusal::BadRequest("metadata.managedFields must be nil".to_owned()));
    }
    let mut managers = match live {
        Some(live) => entries::decode(live)
            .map_err(|why| Refusal::Untyped(format!("failed to decode managed fields: {why}")))?,
        None => Managers::default(),
    };
    if let Some(live) = live
        && managers.is_empty()
    {
        managers = before::first_apply(node, live, writer);
    }
    let nothing = bare(applied);
    let step = Apply { node, live: live.unwrap_or(&nothing), applied, writer };
    let (mut object, managers) = step.run_as_kubectl(&managers, force)?;
    if node.is_builtin() {
        empty::drop_nulls(node, &mut object);
    }
    if writer.manager == last_applied::MANAGER {
        last_applied::renew(&mut object, applied);
    }
    entries::encode(&mut object, &managers);
    Ok(object)
}

/// What an object that does not exist yet consists of, as far as an apply is concerned.
fn bare(applied: &Value) -> Value {
    let kept = ["apiVersion", "kind"].into_iter();
    let kept = kept.filter_map(|key| Some((key.to_owned(), applied.get(key)?.clone())));
    Value::Object(kept.collect::<Map<_, _>>())
}

/// One apply, to an object that may be bare.
struct Apply<'a> {
    node: Node<'a>,
    live: &'a Value,
    applied: &'a Value,
    writer: &'a Writer<'a>,
}

impl Apply<'_> {
    /// Applies; kubectl takes over, without conflict, what it once applied from its own side.
    fn run_as_kubectl(
        &self,
        managers: &Managers,
        force: bool,
    ) -> Result<(Value, Managers), Refusal> {
        let conflicts = match self.run(managers.clone(), force) {
            Err(Refusal::Conflicts(conflicts)) => conflicts,
            done => return done,
        };
        if self.writer.manager != last_applied::MANAGER {
            return Err(Refusal::Conflicts(conflicts));
        }
        let allowed = last_applied::owned(self.node, self.live, self.writer.api_version);
        let Some(allowed) = allowed else { return Err(Refusal::Conflicts(conflicts)) };
        let left: Vec<_> =
            conflicts.into_iter().filter(|conflict| !allowed.has(&conflict.steps)).collect();
        if left.is_empty() {
            self.run(managers.clone(), true)
        } else {
            Err(Refusal::Conflicts(left))
        }
    }

    fn run(&self, managers: Managers, force: bool) -> Result<(Value, Managers), Refusal> {
        check::check(self.node, self.applied)
            .map_err(|faults| Refusal::Untyped(check::untyped_patch(self.applied, &faults)))?;
        let version = self.writer.api_version;
        let mut managers = prune::reconciled(self.node, managers, self.writer);
        let merged = merge::merge(self.node, Some(self.live), Some(self.applied));
        let merged = merged.unwrap_or_default();

        let id = self.writer.id(Operation::Apply);
        let before = managers.remove(&id).unwrap_or_default();
        let fields = extract::fields(self.node, self.applied).without(self.writer.reset);
        managers.insert(id.clone(), Owned { fields, time: before.time, version: version.into() });
        let object = prune::prune(self.node, merged, &managers, &before.fields);

        let transfer = Transfer { node: self.node, reset: self.writer.reset, own: &id };
        transfer.run(self.live, &object, &mut managers, force).map_err(Refusal::Conflicts)?;
        let changed = !identity::same(self.live, &object);
        strip(&mut managers, &id);
        if changed && let Some(own) = managers.get_mut(&id) {
            own.time = Some(self.writer.now);
        }
        Ok((object, managers))
    }
}

/// Records a create, update or patch in `metadata.managedFields` of `new`, which is complete but
/// for what admission and storage add: its writer owns what it changed, others lose it.
///
/// An empty list of entries, or one empty entry, clears them all.
pub(crate) fn record(node: Node<'_>, old: Option<&Value>, new: &mut Value, writer: &Writer<'_>) {
    let mut managers = entries::of_request(old, new, !writer.subresource.is_empty());
    entries::clear(new);
    if managers.is_empty() && old.is_some() {
        // Nobody is tracked until the first apply: the object is older than the tracking, or
        // somebody cleared it.
        return;
    }
    let empty;
    let old = if let Some(old) = old {
        old
    } else {
        empty = empty::object(node, new);
        &empty
    };
    update(node, old, new, &mut managers, &writer.id(Operation::Update), writer);
    entries::encode(new, &managers);
}

/// What an update does to owners: the writer `id` gets what differs.
fn update(
    node: Node<'_>,
    old: &Value,
    new: &Value,
    managers: &mut Managers,
    id: &Id,
    writer: &Writer<'_>,
) {
    *managers = prune::reconciled(node, std::mem::take(managers), writer);
    // The operation is a manager of its own until it is known whether it changed anything, so that
    // the time of its manager stands for the last change.
    let own = Id::this_operation();
    let transfer = Transfer { node, reset: writer.reset, own: &own };
    let taken = transfer.force(old, new, managers);
    let taken = taken.difference(reset::stripped());
    if !taken.is_empty() {
        let entry = managers.entry(id.clone()).or_default();
        entry.fields.merge(&taken);
        entry.version = writer.api_version.into();
        entry.time = Some(writer.now);
    }
    entries::cap(managers);
}

/// Takes from the entry what nobody ever owns, and the entry when nothing is left.
fn strip(managers: &mut Managers, id: &Id) {
    let Some(entry) = managers.get_mut(id) else { return };
    entry.fields = entry.fields.difference(reset::stripped());
    if entry.fields.is_empty() {
        managers.remove(id);
    }
}

#[cfg(test)]
mod tests;
