//! Revisions of StatefulSets and DaemonSets, kept as `ControllerRevision` objects.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    Action,
    read::{at, controller_reference, controller_uid, count, number, set_label},
    template::{self, REVISION_LABEL},
};
use crate::object::meta;

/// The revisions of one workload.
pub(super) struct History {
    /// All that are kept, oldest first; the present one is among them.
    revisions: Vec<Value>,
    /// The name of the one that has the present template.
    pub(super) present: String,
    /// What makes it so.
    pub(super) action: Option<Action>,
}

impl History {
    /// Finds the revision of the present template among those in the namespace, or makes it.
    pub(super) fn of(owner: &Value, found: &[Value]) -> Self {
        let own = found.iter().filter(|revision| controller_uid(revision) == meta::uid(owner));
        let mut revisions: Vec<Value> = own.cloned().collect();
        revisions.sort_by_key(|revision| (number_of(revision), meta::name(revision).to_owned()));
        let next = revisions.last().map_or(0, number_of) + 1;
        let wanted = template::of(owner);
        let same = revisions.iter().rposition(|revision| template::is_same(&of(revision), wanted));
        let action = match same {
            Some(place) if place + 1 == revisions.len() => None,
            Some(place) => {
                // Rolled back to: it becomes the newest again.
                let mut revision = revisions.remove(place);
                revision["revision"] = json!(next);
                revisions.push(revision.clone());
                Some(Action::Update(revision))
            }
            None => {
                let revision = made(owner, next);
                revisions.push(revision.clone());
                Some(Action::create(revision))
            }
        };
        let present = revisions.last().map(|last| meta::name(last).to_owned()).unwrap_or_default();
        Self { revisions, present, action }
    }

    /// The template of a revision; the present one when there is none of this name.
    pub(super) fn template(&self, owner: &Value, name: &str) -> Value {
        let known = self.revisions.iter().find(|revision| meta::name(revision) == name);
        match known {
            Some(revision) if name != self.present => of(revision),
            _ => template::of(owner).clone(),
        }
    }

    pub(super) fn knows(&self, name: &str) -> bool {
        self.revisions.iter().any(|revision| meta::name(revision) == name)
    }

    /// The hash of the present revision, as pods of a DaemonSet carry it.
    pub(super) fn present_hash(&self) -> &str {
        let present = self.revisions.last();
        present.and_then(|last| meta::label(last, REVISION_LABEL)).unwrap_or_default()
    }

    /// Deletes the oldest revisions beyond the limit that no pod and no status names.
    pub(super) fn trim(&self, owner: &Value, live: &BTreeSet<&str>) -> Vec<Action> {
        let limit = number(owner, "/spec/revisionHistoryLimit").unwrap_or(10);
        let limit = usize::try_from(limit).unwrap_or_default();
        let is_live = |revision: &&Value| {
            let name = meta::name(revision);
            name == self.present
                || live.contains(name)
                || live.contains(meta::label(revision, REVISION_LABEL).unwrap_or_default())
        };
        let idle: Vec<&Value> = self.revisions.iter().filter(|one| !is_live(one)).collect();
        let surplus = idle.len().saturating_sub(limit);
        idle[..surplus].iter().filter_map(|revision| Action::delete(revision)).collect()
    }
}

fn number_of(revision: &Value) -> i64 {
    count(revision, "/revision")
}

/// The template that a revision holds.
fn of(revision: &Value) -> Value {
    let mut template = at(revision, "/data/spec/template").clone();
    if let Some(template) = template.as_object_mut() {
        template.remove("$patch");
    }
    template
}

fn made(owner: &Value, revision: i64) -> Value {
    let mut template = template::of(owner).clone();
    let hash = template::hash(&template, count(owner, "/status/collisionCount"));
    template["$patch"] = json!("replace");
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": "ControllerRevision",
        "metadata": {
            "name": format!("{}-{hash}", meta::name(owner)),
            "namespace": meta::namespace(owner),
            "labels": at(template::of(owner), "/metadata/labels"),
            "ownerReferences": [controller_reference(owner)],
        },
        "data": {"spec": {"template": template}},
        "revision": revision,
    });
    if let Some(annotations) = owner.pointer("/metadata/annotations") {
        object["metadata"]["annotations"] = annotations.clone();
    }
    set_label(&mut object, REVISION_LABEL, &hash);
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(image: &str) -> Value {
        let template = json!({"metadata": {"labels": {"app": "db"}}, "spec": {"image": image}});
        json!({
            "apiVersion": "apps/v1", "kind": "StatefulSet",
            "metadata": {"name": "db", "namespace": "shop", "uid": "s"},
            "spec": {"template": template, "revisionHistoryLimit": 1},
        })
    }

    #[test]
    fn a_template_is_kept_once_and_comes_back_as_the_newest() {
        let mut kept: Vec<Value> = Vec::new();
        for (image, revision) in [("1", 1), ("1", 1), ("2", 2), ("1", 3)] {
            let history = History::of(&owner(image), &kept);
            match history.action.clone() {
                Some(Action::Create { object, .. }) => kept.push(object),
                Some(Action::Update(object)) => {
                    let place = kept.iter().position(|old| meta::name(old) == meta::name(&object));
                    kept[place.unwrap()] = object;
                }
                _ => {}
            }
            let present = kept.iter().find(|one| meta::name(one) == history.present).unwrap();
            assert_eq!(number_of(present), revision, "{image}");
            assert_eq!(of(present)["spec"]["image"], image);
        }
        assert_eq!(kept.len(), 2);
    }

    #[test]
    fn old_revisions_go_but_not_those_in_use() {
        let kept: Vec<Value> = (1..=4).map(|n| made(&owner(&n.to_string()), n)).collect();
        let history = History::of(&owner("4"), &kept);
        let names = |live: &[&str]| -> Vec<String> {
            let live: BTreeSet<&str> = live.iter().copied().collect();
            let actions = history.trim(&owner("4"), &live);
            let name = |action: Action| match action {
                Action::Delete { id, .. } => id.name,
                other => panic!("{other:?}"),
            };
            actions.into_iter().map(name).collect()
        };
        let name = |n: usize| meta::name(&kept[n]).to_owned();
        assert_eq!(names(&[]), [name(0), name(1)]);
        assert_eq!(names(&[&name(0)]), [name(1)]);
    }
}
