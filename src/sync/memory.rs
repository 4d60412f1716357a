//! What the loop remembers of an application between passes. All of it may be lost: a restart
//! costs a dry run here and there, never correctness.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Instant,
};

use jiff::{SignedDuration, Timestamp};

use super::{handle::DriftRecord, operation::Resolved, unwritten::Unwritten};
use crate::{
    api::{Destination, OperationState},
    cluster::KindTable,
    object::{ObjectId, Turn},
    plan::{Desired, Fingerprint, gate},
    render::Rendered,
};

/// Drift records kept of one application.
pub(crate) const DRIFTS_MAX: usize = 100;

/// A dry run's question (digest of the target, resource version of the live object).
pub(crate) type Question = (u64, String);

/// The memory of one application.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// How objects looked when they were last as Git says.
    pub(crate) fingerprints: HashMap<ObjectId, Fingerprint>,
    /// What dry runs answered: whether the object is as Git says.
    pub(crate) dry_runs: HashMap<ObjectId, (Question, bool)>,
    /// The last drifts, the newest last.
    pub(crate) drifts: VecDeque<DriftRecord>,
    /// The present revision and source were synced, or found in sync, before.
    pub(crate) synced: bool,
    /// The sources with their commits, and the destination, that were last found in sync.
    pub(crate) synced_at: Option<(Resolved, Destination)>,
    /// Who has to act after the last failure.
    pub(crate) turn: Option<Turn>,
    /// An apply was refused because an object that is to be pruned stands in its way.
    pub(crate) prune_first: bool,
    /// Uids of objects that we deleted and whether they were gone at once; the watch may not have
    /// said so yet.
    pub(crate) pruned: HashMap<String, bool>,
    /// What Git wanted when it was last asked.
    pub(crate) desired: Option<Wanted>,
    /// The last failure of an automated sync that was not worth a write, beside the one in the
    /// status that it repeats.
    pub(crate) repeated: Option<Box<Repeated>>,
    /// How the last sync ended, while its status waits to be written.
    pub(crate) unwritten: Option<Box<Unwritten>>,
    /// When the status was last written.
    pub(crate) written_at: Option<Instant>,
    heals: HashMap<ObjectId, Row>,
}

/// A failure that says what the status says already.
#[derive(Debug)]
pub(crate) struct Repeated {
    /// As the status has it.
    pub(crate) told: OperationState,
    /// As it last was: from this the next try is counted.
    pub(crate) last: OperationState,
}

/// What Git wants, and everything that this depends on.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) resolved: Resolved,
    pub(crate) destination: Destination,
    pub(crate) kinds: Arc<KindTable>,
    pub(crate) rendered: Vec<Arc<Rendered>>,
    pub(crate) desired: Arc<Desired>,
}

/// Corrections of one object in a row.
#[derive(Debug, Clone, Copy)]
struct Row {
    corrections: u32,
    last: Timestamp,
}

impl Memory {
    /// Forgets objects that are gone from Git and cluster.
    pub(crate) fn retain(&mut self, keep: impl Fn(&ObjectId) -> bool) {
        self.fingerprints.retain(|id, _| keep(id));
        self.dry_runs.retain(|id, _| keep(id));
        self.heals.retain(|id, _| keep(id));
    }

    /// How long a correction of this object has to wait; zero at first, more in a fight.
    pub(crate) fn heal_wait(&self, id: &ObjectId, now: Timestamp) -> SignedDuration {
        let Some(row) = self.heals.get(id) else { return SignedDuration::ZERO };
        let delay = SignedDuration::try_from(gate::heal_delay(row.corrections))
            .unwrap_or(SignedDuration::MAX);
        delay.saturating_sub(now.duration_since(row.last)).max(SignedDuration::ZERO)
    }

    /// Counts a correction; true when it is one too many to be a coincidence.
    pub(crate) fn healed(&mut self, id: &ObjectId, now: Timestamp) -> bool {
        let row = self.heals.entry(id.clone()).or_insert(Row { corrections: 0, last: now });
        let pause = now.duration_since(row.last).as_secs();
        let wait_s = gate::heal_delay(row.corrections).as_secs() + gate::HEAL_ROW_S;
        if pause > i64::try_from(wait_s).unwrap_or(i64::MAX) {
            row.corrections = 0;
        }
        row.corrections += 1;
        row.last = now;
        row.corrections == gate::HEALS_AT_ONCE_MAX
    }

    /// Keeps a drift record; false when the same drift was the last one of that field.
    pub(crate) fn drifted(&mut self, record: DriftRecord) -> bool {
        let same_field = |known: &&DriftRecord| {
            known.field == record.field
                && known.name == record.name
                && known.kind == record.kind
                && known.group == record.group
                && known.namespace == record.namespace
        };
        let repeated = self.drifts.iter().rev().find(same_field).is_some_and(|known| {
            known.new == record.new && !known.corrected && known.corrected == record.corrected
        });
        if repeated {
            return false;
        }
        if self.drifts.len() == DRIFTS_MAX {
            self.drifts.pop_front();
        }
        self.drifts.push_back(record);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fight_slows_down_and_a_pause_ends_it() {
        let mut memory = Memory::default();
        let id = ObjectId::new("", "ConfigMap", "prod", "a");
        let at = |second| Timestamp::from_second(second).unwrap();
        let shouted: Vec<bool> = (0..6).map(|second| memory.healed(&id, at(second))).collect();
        assert_eq!(shouted, [false, false, false, false, true, false]);
        assert_eq!(memory.heal_wait(&id, at(5)).as_secs(), 6);
        assert_eq!(memory.heal_wait(&id, at(20)).as_secs(), 0);
        memory.healed(&id, at(1000));
        assert_eq!(memory.heal_wait(&id, at(1000)).as_secs(), 0);
    }
}
