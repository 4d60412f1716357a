//! DELETE: finalizers, grace periods, and who looks after the dependants.

use serde_json::{Map, Value, json};

use super::{
    Core, ListOptions, TRIES_MAX, Target, metadata, namespace, pod, refused, set_meta, time_text,
};
use crate::{
    embedded::{
        registry::{CLEANUP, Kind},
        status::Status,
        store::Refusal,
        validate::Cause,
    },
    object::{GroupKind, meta},
};

/// The finalizers by which the garbage collector is asked for something.
const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";

/// How to delete.
#[derive(Debug, Clone, Default)]
pub struct DeleteOptions {
    /// Time for pods to end, in seconds; the pod's own when absent, none at all when 0.
    pub grace_period_s: Option<i64>,
    /// `Background`, `Foreground` or `Orphan`; `Background` when absent, but for Jobs and
    /// `ReplicationController`s: `Orphan`.
    pub propagation: Option<String>,
    /// Only the object with this uid.
    pub uid: Option<String>,
    /// Only the object in this state.
    pub resource_version: Option<String>,
    /// Only find out whether it would be done.
    pub dry_run: bool,
}

impl DeleteOptions {
    /// Reads the body of a DELETE, which is optional.
    pub(crate) fn read(body: &Value) -> Result<Self, Status> {
        expect_options(body)?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let orphan = body.get("orphanDependents").and_then(Value::as_bool);
        let policy = orphan.map(|orphan| if orphan { "Orphan" } else { "Background" });
        let preconditions = &body["preconditions"];
        let refuse = |reason, field: &str, message: String| {
            let cause = Cause { reason, field: field.to_owned(), message };
            Err(Status::invalid_options("DeleteOptions", &[cause]))
        };
        if let (Some(_), Some(policy)) = (orphan, body["propagationPolicy"].as_str()) {
            let message = format!(
                "Invalid value: {policy:?}: orphanDependents and deletionPropagation cannot be both \
                 set"
            );
            return refuse("FieldValueInvalid", "propagationPolicy", message);
        }
        let runs = body["dryRun"].as_array().filter(|runs| runs.iter().any(|run| run != "All"));
        if let Some(runs) = runs {
            let all = Value::from(runs.clone());
            let message = format!("Unsupported value: {all}: supported values: \"All\"");
            return refuse("FieldValueNotSupported", "dryRun", message);
        }
        let options = Self {
            grace_period_s: body.get("gracePeriodSeconds").and_then(Value::as_i64),
            propagation: text(&body["propagationPolicy"]).or(policy.map(str::to_owned)),
            uid: text(&preconditions["uid"]),
            resource_version: text(&preconditions["resourceVersion"]),
            dry_run: body["dryRun"].as_array().is_some_and(|list| list.iter().any(|d| d == "All")),
        };
        options.check()?;
        Ok(options)
    }

    /// What a client is warned of when it deletes by these options.
    pub(crate) fn warnings(&self, kind: &Kind) -> Vec<String> {
        const PODS_STAY: &str = "child pods are preserved by default when jobs are deleted; set \
             propagationPolicy=Background to remove them or set propagationPolicy=Orphan to \
             suppress this warning";
        let surprises = self.propagation.is_none() && kind.gvk.group == "batch";
        let surprises = surprises && kind.gvk.kind == "Job";
        surprises.then(|| PODS_STAY.to_owned()).into_iter().collect()
    }

    /// Refuses words that the server does not know.
    pub(crate) fn check(&self) -> Result<(), Status> {
        let Some(policy) = &self.propagation else { return Ok(()) };
        if matches!(policy.as_str(), "Background" | "Foreground" | "Orphan") {
            return Ok(());
        }
        let cause = Cause {
            reason: "FieldValueNotSupported",
            field: "propagationPolicy".to_owned(),
            message: format!(
                "Unsupported value: {policy:?}: supported values: \"Foreground\", \"Background\", \
                 \"Orphan\", \"nil\""
            ),
        };
        let kind = GroupKind::new("meta.k8s.io", "DeleteOptions");
        Err(Status::invalid(&kind, "", &[cause]))
    }
}

/// Refuses what are no options of a deletion.
fn expect_options(body: &Value) -> Result<(), Status> {
    let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
    let message = match body {
        Value::Null => return Ok(()),
        Value::Array(_) => {
            "couldn't get version/kind; json parse error: json: cannot unmarshal array into Go \
             value of type struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind \
             string \"json:\\\"kind,omitempty\\\"\" }"
                .to_owned()
        }
        _ if !matches!(text("kind"), "" | "DeleteOptions") => {
            let version = match text("apiVersion") {
                "" => "meta.k8s.io/v1",
                version => version,
            };
            format!("no kind {:?} is registered for version {version:?}", text("kind"))
        }
        _ if body["gracePeriodSeconds"].is_string() => {
            "json: cannot unmarshal string into Go struct field DeleteOptions.gracePeriodSeconds \
             of type int64"
                .to_owned()
        }
        _ => return Ok(()),
    };
    Err(Status::bad_request(message))
}

/// True for the old kinds whose dependants stay when nothing is said about them.
fn orphans_by_default(kind: &Kind) -> bool {
    kind.is_core("ReplicationController") || (kind.gvk.group == "batch" && kind.gvk.kind == "Job")
}

/// What is to be done with one object.
enum Verdict {
    /// Nothing more: it is being deleted already.
    Pending,
    /// It stays, in this state, until its finalizers are gone or its pod has ended.
    Mark(Value),
    /// It goes at once; this is its last state.
    Remove(Value),
}

impl Core {
    /// Deletes an object. Answers with what the client is told: the object, or a `Status`.
    pub(crate) fn delete(&self, target: &Target, options: &DeleteOptions) -> Result<Value, Status> {
        let kind = &*target.kind;
        namespace::refuse_immortal(kind, &target.name)?;
        for _ in 0..TRIES_MAX {
            let record = self.store.get(&kind.group_kind(), &target.key());
            let record = record.ok_or_else(|| target.not_found())?;
            let live = Self::object(kind, &record);
            expect(kind, &live, options)?;
            let verdict = self.verdict(kind, &live, options);
            let marked = match verdict {
                Verdict::Pending => return Ok(live),
                Verdict::Mark(next) if options.dry_run => return Ok(next),
                Verdict::Remove(_) if options.dry_run => return Ok(deleted(kind, live)),
                Verdict::Mark(next) => (false, next),
                Verdict::Remove(last) => (true, last),
            };
            let (gone, next) = marked;
            let marks = kind.marks(&next);
            let (key, kept) = (target.key(), Self::kept(kind, next));
            if gone && kind.is_core("Pod") {
                // Watches see that its time is over before they see it go.
                let kind = kind.group_kind();
                let over = self.store.replace(&kind, key.clone(), record.revision, kept, marks);
                let Ok(record) = over else { continue };
                let last = record.object();
                let marks = target.kind.marks(&last);
                let gone = self.store.remove(&kind, &key, record.revision, last, marks);
                let Ok(record) = gone else { continue };
                self.written(&target.kind, &record, true);
                return Ok(deleted(&target.kind, record.object()));
            }
            let written = if gone {
                self.store.remove(&kind.group_kind(), &key, record.revision, kept, marks)
            } else {
                self.store.replace(&kind.group_kind(), key, record.revision, kept, marks)
            };
            match written {
                Ok(record) => {
                    self.written(kind, &record, gone);
                    let object = Self::object(kind, &record);
                    return Ok(if gone { deleted(kind, object) } else { object });
                }
                Err(Refusal::Stale) => {}
                Err(Refusal::Missing) => return Err(target.not_found()),
                Err(refusal) => return Err(refused(refusal)),
            }
        }
        Err(refused(Refusal::Stale))
    }

    fn verdict(&self, kind: &Kind, live: &Value, options: &DeleteOptions) -> Verdict {
        let mut next = live.clone();
        let grace_s = pod::grace_s(kind, live, options.grace_period_s);
        let dying = meta::is_terminating(live);
        let left_s = live.pointer("/metadata/deletionGracePeriodSeconds").and_then(Value::as_i64);
        let left_s = left_s.unwrap_or_default();
        if dying && left_s > 0 && options.grace_period_s.is_none_or(|asked| asked >= left_s) {
            // A grace period may only get shorter.
            return Verdict::Pending;
        }
        let names = finalizers(kind, live, options);
        metadata::set_finalizers(&mut next, &names);
        if kind.is_core("Namespace") {
            namespace::terminate(&mut next);
        }
        let holds = !names.is_empty() || namespace::holds(kind, &next);
        let graceful = grace_s > 0 && (!dying || left_s > 0);
        if !holds && !graceful {
            let mut last = live.clone();
            if kind.is_core("Pod") {
                self.end_pod(live, &mut last);
            }
            return Verdict::Remove(last);
        }
        let seconds = if graceful { grace_s } else { 0 };
        // Definitions have a deletion of their own.
        if !dying && !kind.is_definition() {
            let generation = meta::generation(live);
            if generation > 0 {
                set_meta(&mut next, "generation", Some(Value::from(generation + 1)));
            }
        }
        if !dying || (left_s > 0 && seconds < left_s) {
            let end = self.now() + jiff::SignedDuration::from_secs(seconds);
            set_meta(&mut next, "deletionTimestamp", Some(Value::from(time_text(end))));
            if !kind.is_definition() && !kind.is_core("Namespace") {
                set_meta(&mut next, "deletionGracePeriodSeconds", Some(Value::from(seconds)));
            }
        }
        if kind.is_definition() && !dying {
            super::define::terminate(&mut next, &self.now_text());
        }
        if next == *live { Verdict::Pending } else { Verdict::Mark(next) }
    }

    /// The last state of a pod that goes at once.
    fn end_pod(&self, live: &Value, last: &mut Value) {
        if !meta::is_terminating(live) {
            set_meta(last, "deletionTimestamp", Some(Value::from(self.now_text())));
            let generation = meta::generation(live);
            if generation > 0 {
                set_meta(last, "generation", Some(Value::from(generation + 1)));
            }
        }
        set_meta(last, "deletionGracePeriodSeconds", Some(Value::from(0)));
    }

    /// Deletes what a selector names. Answers with the list of it.
    pub(crate) fn delete_collection(
        &self,
        target: &Target,
        list: &ListOptions,
        options: &DeleteOptions,
    ) -> Result<Value, Status> {
        let kind = &target.kind;
        let listed = self.list(kind, &target.namespace, list)?;
        let mut items = Vec::new();
        for record in &listed.items {
            let mut object = Self::object(kind, record);
            let one = Target {
                kind: kind.clone(),
                namespace: meta::namespace(&object).to_owned(),
                name: meta::name(&object).to_owned(),
            };
            match self.delete(&one, options) {
                Err(status) if status.code != 404 => return Err(status),
                _ => {
                    // Lists of Kubernetes do not repeat the kind.
                    if let Some(fields) = object.as_object_mut().filter(|_| kind.custom.is_none()) {
                        fields.remove("kind");
                        fields.remove("apiVersion");
                    }
                    items.push(object);
                }
            }
        }
        let mut metadata = json!({"resourceVersion": listed.revision.to_string()});
        match listed.resume {
            Some(token) => metadata["continue"] = Value::from(token),
            None if kind.custom.is_some() => metadata["continue"] = Value::from(""),
            None => {}
        }
        if let Some(remaining) = listed.remaining {
            metadata["remainingItemCount"] = Value::from(remaining);
        }
        Ok(json!({
            "apiVersion": kind.gvk.api_version(), "kind": kind.list_kind,
            "metadata": metadata, "items": items,
        }))
    }
}

fn expect(kind: &Kind, live: &Value, options: &DeleteOptions) -> Result<(), Status> {
    // The server names the kind here where it names the resource otherwise.
    let resource =
        crate::embedded::status::Resource { group: &kind.gvk.group, plural: &kind.gvk.kind };
    let name = meta::name(live);
    let (uid, version) = (meta::uid(live), meta::resource_version(live));
    if let Some(wanted) = options.uid.as_ref().filter(|wanted| *wanted != uid) {
        let why = format!(
            "the UID in the precondition ({wanted}) does not match the UID in record ({uid}). The \
             object might have been deleted and then recreated"
        );
        return Err(Status::conflict(resource, name, &why));
    }
    if let Some(wanted) = options.resource_version.as_ref().filter(|wanted| *wanted != version) {
        let why = format!(
            "the ResourceVersion in the precondition ({wanted}) does not match the ResourceVersion \
             in record ({version}). The object might have been modified"
        );
        return Err(Status::conflict(resource, name, &why));
    }
    Ok(())
}

/// The finalizers of an object that is being deleted: its own, and what the policy adds.
fn finalizers<'a>(kind: &Kind, live: &'a Value, options: &DeleteOptions) -> Vec<&'a str> {
    let own = metadata::finalizers(live);
    let asked = match options.propagation.as_deref() {
        Some("Orphan") => Some(ORPHAN),
        Some("Foreground") => Some(FOREGROUND),
        Some(_) => None,
        None => own
            .iter()
            .copied()
            .find(|name| matches!(*name, ORPHAN | FOREGROUND))
            .or(orphans_by_default(kind).then_some(ORPHAN)),
    };
    let mut names: Vec<&str> =
        own.into_iter().filter(|name| !matches!(*name, ORPHAN | FOREGROUND)).collect();
    names.extend(asked);
    if kind.is_definition() && !meta::is_terminating(live) && !names.contains(&CLEANUP) {
        names.push(CLEANUP);
    }
    names
}

/// What a client gets for an object that is gone.
fn deleted(kind: &Kind, object: Value) -> Value {
    if kind.answers_deleted {
        return object;
    }
    let mut details = Map::new();
    let words = [
        ("name", meta::name(&object)),
        ("group", kind.gvk.group.as_str()),
        ("kind", kind.plural.as_str()),
        ("uid", meta::uid(&object)),
    ];
    for (key, value) in words.into_iter().filter(|(_, value)| !value.is_empty()) {
        details.insert(key.to_owned(), Value::from(value));
    }
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
        "details": details,
    })
}
