//! The objects: revisions, a bounded history, and watches. Knows no kind and no rule.
//!
//! One counter numbers all writes, as in etcd. Each collection keeps its latest events; a watch is
//! a place in them and costs nothing while nothing happens. Who falls behind what is kept has to
//! list again, and so has a page of an old list.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;
use tokio::sync::broadcast;

mod collection;
mod record;
#[cfg(test)]
mod tests;
mod watch;

use self::collection::Collection;
pub(crate) use self::{
    record::{Event, Key, Marks, Record},
    watch::{Cursor, Progress},
};
use crate::object::{GroupKind, ObjectId};

/// Most objects of all kinds together.
const OBJECTS_MAX: usize = 200_000;
/// Changes that a reader inside the process may be behind.
const CHANGES_MAX: usize = 8192;

/// Why something was not written or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is an object of this name.
    Exists,
    /// There is none, or its kind is gone.
    Missing,
    /// It has another revision than expected: read it again.
    Stale,
    /// The history no longer reaches so far back. `oldest` is the first revision that it holds.
    Expired { oldest: u64 },
    /// The limit of objects is reached.
    Full,
}

/// A change of one object, as readers inside the process see it.
#[derive(Debug, Clone)]
pub struct Change {
    /// The object.
    pub id: ObjectId,
    /// What it was, as JSON; `None` when it is new.
    pub old: Option<Arc<[u8]>>,
    /// What it is, as JSON; `None` when it is gone.
    pub new: Option<Arc<[u8]>>,
}

/// All objects.
pub(crate) struct Store {
    state: Mutex<State>,
    changes: broadcast::Sender<Change>,
}

struct State {
    revision: u64,
    objects: usize,
    collections: HashMap<GroupKind, Collection>,
}

/// The objects of a list, and the revision that they stand for.
pub(crate) struct Listed {
    pub(crate) items: Vec<(Key, Arc<Record>)>,
    pub(crate) revision: u64,
}

impl Store {
    pub(crate) fn new() -> Self {
        let state = State { revision: 1, objects: 0, collections: HashMap::new() };
        Self { state: Mutex::new(state), changes: broadcast::Sender::new(CHANGES_MAX) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing below panics between two halves of a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to keep objects of a kind. Does nothing for one that is known.
    pub(crate) fn open(&self, kind: &GroupKind) {
        let mut state = self.lock();
        let revision = state.revision;
        state.collections.entry(kind.clone()).or_insert_with(|| Collection::new(revision));
    }

    /// Forgets a kind with all its objects. Its watches end.
    pub(crate) fn close(&self, kind: &GroupKind) {
        let mut state = self.lock();
        if let Some(gone) = state.collections.remove(kind) {
            state.objects -= gone.len();
        }
    }

    /// The revision of the last write.
    pub(crate) fn revision(&self) -> u64 {
        self.lock().revision
    }

    /// The number of objects of a kind.
    pub(crate) fn count(&self, kind: &GroupKind) -> usize {
        self.lock().collections.get(kind).map_or(0, Collection::len)
    }

    pub(crate) fn get(&self, kind: &GroupKind, key: &Key) -> Option<Arc<Record>> {
        self.lock().collections.get(kind)?.get(key)
    }

    /// Writes a new object and gives it its `resourceVersion`.
    pub(crate) fn create(
        &self,
        kind: &GroupKind,
        key: Key,
        object: Value,
        marks: Marks,
    ) -> Result<Arc<Record>, Refusal> {
        let mut state = self.lock();
        if state.objects >= OBJECTS_MAX {
            return Err(Refusal::Full);
        }
        let revision = state.revision + 1;
        let collection = state.collections.get_mut(kind).ok_or(Refusal::Missing)?;
        if collection.get(&key).is_some() {
            return Err(Refusal::Exists);
        }
        let record = Arc::new(Record::new(object, revision, marks));
        self.tell(kind, &key, None, Some(&record));
        collection.put(key, Arc::clone(&record));
        state.revision = revision;
        state.objects += 1;
        Ok(record)
    }

    /// Writes an object that has the revision `expected`.
    pub(crate) fn replace(
        &self,
        kind: &GroupKind,
        key: Key,
        expected: u64,
        object: Value,
        marks: Marks,
    ) -> Result<Arc<Record>, Refusal> {
        let mut state = self.lock();
        let revision = state.revision + 1;
        let collection = state.collections.get_mut(kind).ok_or(Refusal::Missing)?;
        let old = collection.expect(&key, expected)?;
        let record = Arc::new(Record::new(object, revision, marks));
        self.tell(kind, &key, Some(&old), Some(&record));
        collection.put(key, Arc::clone(&record));
        state.revision = revision;
        Ok(record)
    }

    /// Removes an object that has the revision `expected`. `last` is its state at the end, which
    /// watches get with the revision of the removal.
    pub(crate) fn remove(
        &self,
        kind: &GroupKind,
        key: &Key,
        expected: u64,
        last: Value,
        marks: Marks,
    ) -> Result<Arc<Record>, Refusal> {
        let mut state = self.lock();
        let revision = state.revision + 1;
        let collection = state.collections.get_mut(kind).ok_or(Refusal::Missing)?;
        let old = collection.expect(key, expected)?;
        let record = Arc::new(Record::new(last, revision, marks));
        self.tell(kind, key, Some(&old), None);
        collection.remove(key, Arc::clone(&record));
        state.revision = revision;
        state.objects -= 1;
        Ok(record)
    }

    fn tell(
        &self,
        kind: &GroupKind,
        key: &Key,
        old: Option<&Arc<Record>>,
        new: Option<&Arc<Record>>,
    ) {
        let id = ObjectId::new(&kind.group, &kind.kind, &key.namespace, &key.name);
        let bytes = |record: Option<&Arc<Record>>| record.map(|record| Arc::clone(&record.bytes));
        // An error means that nobody listens.
        let _ = self.changes.send(Change { id, old: bytes(old), new: bytes(new) });
    }

    /// All changes from now on.
    pub(crate) fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    /// The objects of a kind, sorted by namespace and name: those of one namespace, or all; behind
    /// `after`; as they are now, or as they were at the revision `at`.
    pub(crate) fn list(
        &self,
        kind: &GroupKind,
        namespace: Option<&str>,
        after: Option<&Key>,
        at: Option<u64>,
    ) -> Result<Listed, Refusal> {
        let state = self.lock();
        let collection = state.collections.get(kind).ok_or(Refusal::Missing)?;
        let at = at.filter(|at| *at < state.revision);
        let items = match at {
            None => collection.list(namespace, after),
            Some(at) => collection.list_at(namespace, after, at)?,
        };
        Ok(Listed { items, revision: at.unwrap_or(state.revision) })
    }

    /// The place in the history right behind the revision `from`.
    pub(crate) fn cursor(&self, kind: &GroupKind, from: u64) -> Result<Cursor, Refusal> {
        let state = self.lock();
        let collection = state.collections.get(kind).ok_or(Refusal::Missing)?;
        collection.reaches(from)?;
        Ok(Cursor::new(kind.clone(), from, collection.bell()))
    }

    /// What happened behind the cursor, at most `max` events, and moves it there.
    pub(crate) fn read(&self, cursor: &mut Cursor, max: usize) -> Result<Progress, Refusal> {
        let state = self.lock();
        let collection = state.collections.get(&cursor.kind).ok_or(Refusal::Missing)?;
        if !collection.rings(cursor) {
            // The kind went away and came back in between.
            return Err(Refusal::Missing);
        }
        collection.reaches(cursor.seen)?;
        let events = collection.events_after(cursor.seen, max);
        cursor.seen = match events.last() {
            Some(last) if events.len() == max => last.revision,
            _ => state.revision,
        };
        Ok(Progress { events, revision: cursor.seen })
    }
}
