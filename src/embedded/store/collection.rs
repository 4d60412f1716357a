//! The objects of one kind, and what became of them lately.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Bound,
    sync::Arc,
};

use tokio::sync::watch;

use super::{Cursor, Event, Key, Record, Refusal};

/// Events that are kept of one kind.
const EVENTS_MAX: usize = 4096;
/// Bytes that they hold. The latest state of an object is shared with the object itself.
const EVENTS_BYTES_MAX: usize = 16 << 20;

pub(super) struct Collection {
    objects: BTreeMap<Key, Arc<Record>>,
    history: VecDeque<Event>,
    history_bytes: usize,
    /// Everything behind this revision is in the history.
    forgotten: u64,
    bell: watch::Sender<()>,
}

impl Collection {
    pub(super) fn new(revision: u64) -> Self {
        Self {
            objects: BTreeMap::new(),
            history: VecDeque::new(),
            history_bytes: 0,
            forgotten: revision,
            bell: watch::Sender::new(()),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.objects.len()
    }

    pub(super) fn get(&self, key: &Key) -> Option<Arc<Record>> {
        self.objects.get(key).map(Arc::clone)
    }

    /// The object, when it has this revision.
    pub(super) fn expect(&self, key: &Key, revision: u64) -> Result<Arc<Record>, Refusal> {
        let record = self.get(key).ok_or(Refusal::Missing)?;
        if record.revision == revision { Ok(record) } else { Err(Refusal::Stale) }
    }

    pub(super) fn put(&mut self, key: Key, record: Arc<Record>) {
        let old = self.objects.insert(key.clone(), Arc::clone(&record));
        let revision = record.revision;
        self.remember(Event { revision, key, old, new: record, removed: false });
    }

    pub(super) fn remove(&mut self, key: &Key, last: Arc<Record>) {
        let old = self.objects.remove(key);
        let revision = last.revision;
        self.remember(Event { revision, key: key.clone(), old, new: last, removed: true });
    }

    fn remember(&mut self, event: Event) {
        self.history_bytes += event.weight_bytes();
        self.history.push_back(event);
        while self.history.len() > EVENTS_MAX || self.history_bytes > EVENTS_BYTES_MAX {
            let Some(gone) = self.history.pop_front() else { break };
            self.history_bytes -= gone.weight_bytes();
            self.forgotten = gone.revision;
        }
        self.bell.send_replace(());
    }

    pub(super) fn bell(&self) -> watch::Receiver<()> {
        self.bell.subscribe()
    }

    /// True when this cursor waits for the bell of this collection.
    pub(super) fn rings(&self, cursor: &Cursor) -> bool {
        cursor.listens_to(&self.bell)
    }

    /// Refuses a revision whose successors are forgotten.
    pub(super) fn reaches(&self, revision: u64) -> Result<(), Refusal> {
        if revision >= self.forgotten {
            return Ok(());
        }
        Err(Refusal::Expired { oldest: self.forgotten })
    }

    pub(super) fn events_after(&self, revision: u64, max: usize) -> Vec<Event> {
        let start = self.history.partition_point(|event| event.revision <= revision);
        self.history.range(start..).take(max).cloned().collect()
    }

    pub(super) fn list(
        &self,
        namespace: Option<&str>,
        after: Option<&Key>,
    ) -> Vec<(Key, Arc<Record>)> {
        let first = Key::new(namespace.unwrap_or_default(), "");
        let start = after.map_or(Bound::Included(&first), Bound::Excluded);
        let inside = |key: &Key| namespace.is_none_or(|namespace| *key.namespace == *namespace);
        let range = self.objects.range((start, Bound::Unbounded));
        let range = range.take_while(|(key, _)| inside(key));
        range.map(|(key, record)| (key.clone(), Arc::clone(record))).collect()
    }

    /// The same as it was at an older revision: what happened since is undone.
    pub(super) fn list_at(
        &self,
        namespace: Option<&str>,
        after: Option<&Key>,
        revision: u64,
    ) -> Result<Vec<(Key, Arc<Record>)>, Refusal> {
        self.reaches(revision)?;
        let mut objects = self.objects.clone();
        for event in self.history.iter().rev().take_while(|event| event.revision > revision) {
            match &event.old {
                Some(old) => objects.insert(event.key.clone(), Arc::clone(old)),
                None => objects.remove(&event.key),
            };
        }
        let inside = |key: &Key| {
            namespace.is_none_or(|namespace| *key.namespace == *namespace)
                && after.is_none_or(|after| key > after)
        };
        Ok(objects.into_iter().filter(|(key, _)| inside(key)).collect())
    }
}
