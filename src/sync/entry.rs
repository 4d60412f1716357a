//! One application in the loop: its newest resource, its memory, and the bell that wakes its task.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use serde_json::Value;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::memory::Memory;
use crate::{
    cluster::Waiting,
    object::{LiveObject, Packed, meta},
};

/// The annotation that asks for a refresh.
pub(crate) const REFRESH: &str = "argocd.argoproj.io/refresh";

/// One application.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Name of the resource.
    pub(crate) name: String,
    latest: Mutex<Resource>,
    bell: Notify,
    rung: Mutex<Option<Instant>>,
    unmanaged: Mutex<Vec<Arc<LiveObject>>>,
    /// There while Git names a kind that the cluster does not serve.
    kinds: Mutex<Option<Waiting>>,
    /// What passes remember; held for the length of a pass.
    pub(crate) memory: tokio::sync::Mutex<Memory>,
    /// Cancelled when the resource is gone.
    pub(crate) gone: CancellationToken,
}

impl Entry {
    /// An application that was just seen.
    pub(crate) fn new(name: &str, resource: Resource, stop: &CancellationToken) -> Self {
        Self {
            name: name.to_owned(),
            latest: Mutex::new(resource),
            bell: Notify::new(),
            rung: Mutex::new(None),
            unmanaged: Mutex::default(),
            kinds: Mutex::default(),
            memory: tokio::sync::Mutex::default(),
            gone: stop.child_token(),
        }
    }

    /// The newest resource that was seen or written.
    pub(crate) fn latest(&self) -> Packed {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).body.clone()
    }

    /// Takes a resource that was seen or written, unless a newer one is known. Returns whether
    /// there is something in it that asks for a pass.
    pub(crate) fn update(&self, resource: Resource) -> bool {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if resource.version < latest.version {
            return false;
        }
        let asks = resource.question != latest.question;
        *latest = resource;
        asks
    }

    /// Asks for a pass. Any number of calls before it starts are one.
    pub(crate) fn wake(&self) {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(Instant::now);
        self.bell.notify_one();
    }

    /// Waits until somebody asks for a pass.
    pub(crate) async fn asked(&self) {
        self.bell.notified().await;
    }

    /// Keeps what Git names and the cluster holds without our tracking id: the store knows no more
    /// of it than that it is there.
    pub(crate) fn set_unmanaged(&self, objects: Vec<Arc<LiveObject>>) {
        *self.unmanaged.lock().unwrap_or_else(PoisonError::into_inner) = objects;
    }

    /// The same, as the last pass saw it.
    pub(crate) fn unmanaged(&self) -> Vec<Arc<LiveObject>> {
        self.unmanaged.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for kinds that the cluster does not serve, or no longer.
    pub(crate) fn wait_for_kinds(&self, waiting: Option<Waiting>) {
        *self.kinds.lock().unwrap_or_else(PoisonError::into_inner) = waiting;
    }

    /// True while it waits for kinds.
    pub(crate) fn waits_for_kinds(&self) -> bool {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// When the first of the calls since the last pass came.
    pub(crate) fn take_rung(&self) -> Option<Instant> {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// An Application resource as it was seen or written.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    body: Packed,
    /// Resource versions of one object are numbers that grow (Kubernetes 1.35 says so officially).
    version: u64,
    question: u64,
}

impl Resource {
    /// `body` is `resource`, which is there as a tree now and not later.
    pub(crate) fn new(resource: &Value, body: Packed) -> Self {
        let version = meta::resource_version(resource).parse().unwrap_or_default();
        Self { body, version, question: question(resource) }
    }
}

/// Digest of the part of a resource that other people write: what a pass has to react to. Our own
/// status writes leave it as it is.
fn question(resource: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (field, value) in resource.get("metadata").and_then(Value::as_object).into_iter().flatten()
    {
        match field.as_str() {
            "managedFields" | "resourceVersion" | "generation" => {}
            // Our own removal of the annotation asks for nothing.
            "annotations" => {
                let annotations = value.as_object().into_iter().flatten();
                let asking = annotations.filter(|(key, value)| *key != REFRESH || !value.is_null());
                asking.for_each(|annotation| annotation.hash(&mut hasher));
            }
            _ => (field, value).hash(&mut hasher),
        }
    }
    resource.get("spec").hash(&mut hasher);
    resource.get("operation").hash(&mut hasher);
    let phase = resource.pointer("/status/operationState/phase");
    phase.is_some_and(|phase| phase == "Terminating").hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn our_own_status_writes_do_not_wake_us() {
        let resource = |value: &Value| Resource::new(value, Packed::of(value));
        let first = json!({"metadata": {"name": "a", "resourceVersion": "1"}, "spec": {"x": 1}});
        let entry = Entry::new("a", resource(&first), &CancellationToken::new());
        let mut written = first.clone();
        written["metadata"]["resourceVersion"] = json!("2");
        written["status"] = json!({"operationState": {"phase": "Running"}});
        assert!(!entry.update(resource(&written)));
        written["metadata"]["resourceVersion"] = json!("3");
        written["spec"] = json!({"x": 2});
        assert!(entry.update(resource(&written)));
        assert!(!entry.update(resource(&first)), "an older version must not roll the entry back");
        assert_eq!(entry.latest().tree()["spec"]["x"], 2);
    }
}
