//! The board: the last published state of every application, and a stream of its changes.
//!
//! `sync` writes it after each pass, `server` reads it. Nothing here is asked of the cluster.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use serde_json::Value;
use tokio::sync::broadcast::{self, error::RecvError};

use crate::object::Packed;

/// Changes that a slow reader may lag behind before it has to list again: a thousand applications
/// that all change twice.
const CHANGES_BUFFERED_MAX: usize = 2048;

/// What happened to an application, in the words of a Kubernetes watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// First seen.
    Added,
    /// Spec, status or metadata differ.
    Modified,
    /// Gone.
    Deleted,
}

/// One change on the board.
#[derive(Debug, Clone)]
pub struct Change {
    /// What happened.
    pub kind: ChangeKind,
    /// The name of the application.
    pub name: Arc<str>,
    /// The whole Application resource, `managedFields` left out.
    pub app: Packed,
}

/// The last published state of every application, by name.
#[derive(Debug)]
pub struct Board {
    apps: RwLock<BTreeMap<Arc<str>, Packed>>,
    changes: broadcast::Sender<Change>,
}

impl Default for Board {
    fn default() -> Self {
        Self { apps: RwLock::default(), changes: broadcast::channel(CHANGES_BUFFERED_MAX).0 }
    }
}

impl Board {
    /// Publishes the resource as it now is; readers see a change only when it differs. Returns what
    /// is on the board then.
    pub fn publish(&self, name: &str, app: &Value) -> Packed {
        let app = Packed::of(app);
        let mut apps = self.apps.write().unwrap_or_else(PoisonError::into_inner);
        let (kind, name) = match apps.get_key_value(name) {
            Some((_, known)) if *known == app => return known.clone(),
            Some((name, _)) => (ChangeKind::Modified, Arc::clone(name)),
            None => (ChangeKind::Added, name.into()),
        };
        apps.insert(Arc::clone(&name), app.clone());
        drop(apps);
        // Nobody listening is no error.
        let _ = self.changes.send(Change { kind, name, app: app.clone() });
        app
    }

    /// Takes an application off the board.
    pub fn remove(&self, name: &str) {
        let mut apps = self.apps.write().unwrap_or_else(PoisonError::into_inner);
        let Some((name, app)) = apps.remove_entry(name) else { return };
        drop(apps);
        let _ = self.changes.send(Change { kind: ChangeKind::Deleted, name, app });
    }

    /// One application.
    pub fn get(&self, name: &str) -> Option<Packed> {
        self.apps.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// True when the application is on the board.
    pub fn has(&self, name: &str) -> bool {
        self.apps.read().unwrap_or_else(PoisonError::into_inner).contains_key(name)
    }

    /// All applications in order of name.
    pub fn list(&self) -> Vec<(Arc<str>, Packed)> {
        let apps = self.apps.read().unwrap_or_else(PoisonError::into_inner);
        apps.iter().map(|(name, app)| (Arc::clone(name), app.clone())).collect()
    }

    /// What `look` finds on the board, as soon as it finds something: it is asked now and after each
    /// change. `None` when there is nobody left who could change anything.
    pub async fn until<T>(&self, look: impl Fn(&Self) -> Option<T>) -> Option<T> {
        let mut changes = self.subscribe();
        loop {
            if let Some(found) = look(self) {
                return Some(found);
            }
            if let Err(RecvError::Closed) = changes.recv().await {
                return None;
            }
        }
    }

    /// The changes from now on. A reader that lags gets `RecvError::Lagged` and lists again.
    pub fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }
}
