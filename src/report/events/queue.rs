//! What waits to be written: bounded, equal entries counted together, the oldest dropped first.

use std::{
    collections::VecDeque,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use jiff::Timestamp;

use super::Occurrence;

/// Entries that wait at most: some seconds of writing at full pace, a few hundred KiB.
pub(super) const QUEUED_MAX: usize = 512;

/// An occurrence that waits, with how often it happened.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) key: u64,
    pub(super) occurrence: Occurrence,
    pub(super) count: u32,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<Pending>,
}

impl Queue {
    /// Adds an occurrence; true when the oldest entry had to go for it.
    pub(super) fn push(&mut self, occurrence: Occurrence, at: Timestamp) -> bool {
        let key = key(&occurrence);
        // The newest entries are looked at first: what repeats, repeats soon.
        let same = |p: &&mut Pending| p.key == key && p.occurrence == occurrence;
        if let Some(known) = self.waiting.iter_mut().rev().find(same) {
            known.count = known.count.saturating_add(1);
            known.last = known.last.max(at);
            return false;
        }
        let full = self.waiting.len() >= QUEUED_MAX;
        if full {
            self.waiting.pop_front();
        }
        self.waiting.push_back(Pending { key, occurrence, count: 1, first: at, last: at });
        full
    }

    pub(super) fn pop(&mut self) -> Option<Pending> {
        self.waiting.pop_front()
    }
}

/// Equal occurrences have equal keys within one process.
fn key(occurrence: &Occurrence) -> u64 {
    let mut hasher = DefaultHasher::new();
    occurrence.hash(&mut hasher);
    hasher.finish()
}
