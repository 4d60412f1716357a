//! Custom kinds come and go with their definitions.

use serde_json::{Value, json};

use super::{Core, DeleteOptions, Part, Target, Validation, WriteOptions, time_text};
use crate::{
    embedded::{
        registry::{CLEANUP, Definition, Kind, set_condition},
        status::Status,
        store::{Key, Record},
    },
    object::{GroupKind, meta},
};

/// How often the status of a definition is written anew because somebody else was quicker.
const TRIES_MAX: usize = 20;

fn definitions() -> GroupKind {
    GroupKind::new("apiextensions.k8s.io", "CustomResourceDefinition")
}

/// Says in a definition that its objects are being deleted.
pub(super) fn terminate(object: &mut Value, now: &str) {
    let condition = json!({
        "type": "Terminating", "status": "True", "reason": "InstanceDeletionPending",
        "message": "CustomResourceDefinition marked for deletion; CustomResource deletion will \
                    begin soon",
    });
    if let Some(status) = object.get_mut("status").and_then(Value::as_object_mut) {
        set_condition(status, &condition, now);
    }
}

impl Core {
    /// What follows from a write: definitions are served or withdrawn, and end when the last of
    /// their objects is gone.
    pub(super) fn written(&self, kind: &Kind, record: &Record, gone: bool) {
        if kind.is_definition() {
            let object = record.object();
            if gone {
                let kind = Definition::new(&object).group_kind();
                self.registry.withdraw(&kind);
                self.store.close(&kind);
            } else if meta::is_terminating(&object) {
                self.clean_up(&object);
            } else {
                self.establish(&object);
            }
        } else if kind.custom.is_some() && gone {
            self.end_definition(kind);
        }
    }

    /// Nothing new is created of a kind that goes away.
    pub(super) fn expect_not_terminating(&self, kind: &Kind, object: &str) -> Result<(), Status> {
        if kind.custom.is_none() {
            return Ok(());
        }
        let name = format!("{}.{}", kind.plural, kind.gvk.group);
        let record = self.store.get(&definitions(), &Key::new("", &name));
        if record.is_some_and(|record| meta::is_terminating(&record.object())) {
            let why = "create not allowed while custom resource definition is terminating";
            return Err(Status::forbidden(kind.resource(), object, why));
        }
        Ok(())
    }

    /// Accepts the names of a definition and serves its versions.
    fn establish(&self, object: &Value) {
        let definition = Definition::new(object);
        let clash = self.clash(object, &definition);
        let verdict = match clash {
            Some(name) => Err(("ListKindConflict", format!("{name:?} is already in use"))),
            None => definition.kinds().map_err(|errors| ("SchemaInvalid", errors.join("; "))),
        };
        let accepted = verdict.as_ref().err().map(|(reason, why)| (*reason, why.clone()));
        if let Ok(kinds) = verdict {
            self.store.open(&definition.group_kind());
            self.registry.serve(kinds);
        }
        let names = definition.names();
        self.note(meta::name(object), |status, now| {
            let (accepted, established) = conditions(accepted.as_ref());
            if accepted["status"] == "True" {
                status.insert("acceptedNames".to_owned(), names.clone());
            }
            set_condition(status, &accepted, now);
            set_condition(status, &established, now);
        });
    }

    fn clash(&self, object: &Value, definition: &Definition<'_>) -> Option<String> {
        let listed = self.store.list(&definitions(), None, None, None).ok()?;
        listed.items.iter().find_map(|(key, record)| {
            let other = record.object();
            let accepted = other.pointer("/status/acceptedNames/kind").and_then(Value::as_str);
            let took = accepted.is_some_and(|kind| !kind.is_empty());
            if *key.name == *meta::name(object) || !took {
                return None;
            }
            definition.clash(&Definition::new(&other))
        })
    }

    /// Writes the status of a definition.
    fn note(&self, name: &str, change: impl Fn(&mut serde_json::Map<String, Value>, &str)) {
        let key = Key::new("", name);
        let Some(kind) = self.registry.table().stored(&definitions()) else { return };
        for _ in 0..TRIES_MAX {
            let Some(record) = self.store.get(&definitions(), &key) else { return };
            let mut object = record.object();
            if !object["status"].is_object() {
                object["status"] = json!({});
            }
            let before = object.clone();
            if let Some(status) = object["status"].as_object_mut() {
                change(status, &time_text(self.now()));
            }
            let same = before == object;
            if !same {
                let options = WriteOptions {
                    manager: "kube-apiserver".to_owned(),
                    dry_run: false,
                    validation: Validation::Ignore,
                    force: false,
                };
                self.record(&kind, Part::Status, &options, &before, &mut object);
            }
            let marks = kind.marks(&object);
            if same
                || self
                    .store
                    .replace(&definitions(), key.clone(), record.revision, object, marks)
                    .is_ok()
            {
                return;
            }
        }
    }

    /// Deletes all objects of a kind whose definition is being deleted.
    fn clean_up(&self, object: &Value) {
        let definition = Definition::new(object);
        let group_kind = definition.group_kind();
        let Some(kind) = self.registry.table().stored(&group_kind) else {
            self.finish(meta::name(object));
            return;
        };
        self.note(meta::name(object), |status, now| {
            let condition = json!({
                "type": "Terminating", "status": "True", "reason": "InstanceDeletionInProgress",
                "message": "CustomResource deletion is in progress",
            });
            set_condition(status, &condition, now);
        });
        let listed = self.store.list(&group_kind, None, None, None);
        for (key, _) in listed.map(|listed| listed.items).unwrap_or_default() {
            let target = Target {
                kind: kind.clone(),
                namespace: key.namespace.to_string(),
                name: key.name.to_string(),
            };
            // What holds on by a finalizer is asked again when that is gone.
            let _ = self.delete(&target, &DeleteOptions::default());
        }
        self.end_definition(&kind);
    }

    /// Removes a definition that is being deleted when none of its objects is left.
    fn end_definition(&self, kind: &Kind) {
        let name = format!("{}.{}", kind.plural, kind.gvk.group);
        let record = self.store.get(&definitions(), &Key::new("", &name));
        let Some(record) = record.filter(|record| meta::is_terminating(&record.object())) else {
            return;
        };
        if super::metadata::finalizers(&record.object()).contains(&CLEANUP)
            && self.store.count(&kind.group_kind()) == 0
        {
            self.finish(&name);
        }
    }

    /// Takes the finalizer of the clean-up from a definition, and the definition with it when that
    /// was the last.
    fn finish(&self, name: &str) {
        let key = Key::new("", name);
        let Some(kind) = self.registry.table().stored(&definitions()) else { return };
        for _ in 0..TRIES_MAX {
            let Some(record) = self.store.get(&definitions(), &key) else { return };
            let mut object = record.object();
            let left = super::metadata::finalizers(&object);
            let left: Vec<String> =
                left.into_iter().filter(|name| *name != CLEANUP).map(str::to_owned).collect();
            let left: Vec<&str> = left.iter().map(String::as_str).collect();
            super::metadata::set_finalizers(&mut object, &left);
            let marks = kind.marks(&object);
            let written = if left.is_empty() {
                self.store.remove(&definitions(), &key, record.revision, object, marks)
            } else {
                self.store.replace(&definitions(), key.clone(), record.revision, object, marks)
            };
            if let Ok(record) = written {
                if left.is_empty() {
                    self.written(&kind, &record, true);
                }
                return;
            }
        }
    }
}

/// The conditions `NamesAccepted` and `Established`, by why the names were refused.
fn conditions(refusal: Option<&(&'static str, String)>) -> (Value, Value) {
    match refusal {
        None => (
            json!({"type": "NamesAccepted", "status": "True", "reason": "NoConflicts",
                "message": "no conflicts found"}),
            json!({"type": "Established", "status": "True", "reason": "InitialNamesAccepted",
                "message": "the initial names have been accepted"}),
        ),
        Some((reason, why)) => (
            json!({"type": "NamesAccepted", "status": "False", "reason": reason, "message": why}),
            json!({"type": "Established", "status": "False", "reason": "NotAccepted",
                "message": "not all names are accepted"}),
        ),
    }
}
