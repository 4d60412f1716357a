//! What one member knows of all members, and what it may do by that: values in, decisions out.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use super::rank;
use crate::cluster::Lease;

/// A member writes for this long after its last renewal began.
pub(crate) const HELD_FOR: Duration = Duration::from_secs(8);
/// A Lease that has not changed for this long may be closed by others. The difference to
/// [`HELD_FOR`] is for requests that are on their way and for clocks of different speed.
pub(crate) const EXPIRES_AFTER: Duration = Duration::from_secs(12);
/// A closed Lease is kept for this long, so that everybody sees how it ended.
const CLOSED_FOR: Duration = Duration::from_mins(1);

/// Another member.
#[derive(Debug)]
struct Other {
    /// Of its Lease.
    version: String,
    /// When this version was first seen.
    seen_at: Instant,
    /// Its Lease says that it knows us. That never ends.
    knows_us: bool,
    /// It may have been there before us, without having known us then.
    is_elder: bool,
    address: String,
}

/// All members as one of them knows them.
#[derive(Debug)]
pub(crate) struct Roll {
    own: String,
    /// A list of all Leases was read to its end.
    listed: bool,
    /// Our own Lease was seen among them.
    seen_own: bool,
    /// When the last renewal began that had a good answer; `None` once our Lease was closed, or is
    /// gone.
    renewed: Option<Instant>,
    /// There was somebody else at some time.
    accompanied: bool,
    others: BTreeMap<String, Other>,
    /// Those of whom nothing we sent is under way any more.
    settled: BTreeSet<String>,
    /// Members that are none any more, and when we learnt it. A name never comes back.
    closed: BTreeMap<String, Instant>,
}

impl Roll {
    /// The roll of a member that has just created its Lease; `began` is before that.
    pub(crate) fn new(own: &str, began: Instant) -> Self {
        Self {
            own: own.to_owned(),
            listed: false,
            seen_own: false,
            renewed: Some(began),
            accompanied: false,
            others: BTreeMap::new(),
            settled: BTreeSet::new(),
            closed: BTreeMap::new(),
        }
    }

    /// Takes over a Lease as a watch has it. True when somebody may have to act otherwise.
    pub(crate) fn saw(&mut self, lease: &Lease, now: Instant) -> bool {
        if lease.name == self.own {
            let lost = lease.closed && self.renewed.take().is_some();
            return !std::mem::replace(&mut self.seen_own, true) || lost;
        }
        if lease.closed {
            return self.closed(&lease.name, now);
        }
        if self.closed.contains_key(&lease.name) {
            return false;
        }
        self.accompanied = true;
        let is_elder = !self.is_complete();
        let mut news = false;
        let other = self.others.entry(lease.name.clone()).or_insert_with(|| {
            news = true;
            Other {
                version: lease.version.clone(),
                seen_at: now,
                knows_us: false,
                is_elder,
                address: String::new(),
            }
        });
        if other.version != lease.version {
            other.version.clone_from(&lease.version);
            other.seen_at = now;
        }
        other.address.clone_from(&lease.address);
        let knows_us = lease.knows.contains(&self.own);
        news | (knows_us && !std::mem::replace(&mut other.knows_us, true))
    }

    /// The list was read to its end. True when somebody may have to act otherwise.
    pub(crate) fn listed(&mut self) -> bool {
        !std::mem::replace(&mut self.listed, true)
    }

    /// Everybody who was there when we came is known. A list may be older than our own Lease, and
    /// then there may be others that it lacks.
    pub(crate) fn is_complete(&self) -> bool {
        self.listed && self.seen_own
    }

    /// This member is none any more: its Lease was closed. True when it was one until now.
    pub(crate) fn closed(&mut self, name: &str, now: Instant) -> bool {
        self.closed.entry(name.to_owned()).or_insert(now);
        self.settled.remove(name);
        self.others.remove(name).is_some()
    }

    /// A closed Lease was deleted.
    pub(crate) fn deleted(&mut self, name: &str) {
        self.closed.remove(name);
    }

    /// There was somebody else at some time, who may have written what we have not read yet.
    pub(crate) fn was_accompanied(&self) -> bool {
        self.accompanied
    }

    /// Our Lease was renewed by a request that began then.
    pub(crate) fn renewed(&mut self, began: Instant) {
        self.renewed = self.renewed.map(|last| last.max(began));
    }

    /// We are no member any more, for good.
    pub(crate) fn lose(&mut self) {
        self.renewed = None;
    }

    /// We are no member any more.
    pub(crate) fn is_lost(&self) -> bool {
        self.renewed.is_none()
    }

    /// Others can't have closed our Lease by now.
    pub(crate) fn holds(&self, now: Instant) -> bool {
        self.renewed.is_some_and(|began| now < began + HELD_FOR)
    }

    /// The time since the last renewal began.
    pub(crate) fn age(&self, now: Instant) -> Duration {
        self.renewed.map_or(Duration::MAX, |began| now.saturating_duration_since(began))
    }

    /// An application belongs to us, and nobody else may write for it.
    pub(crate) fn acts(&self, app: &str) -> bool {
        let all_know_us = self.strangers().next().is_none();
        self.is_complete() && !self.is_lost() && all_know_us && self.owner(app) == self.own
    }

    /// Members that may have been there before us and have not said that they know us.
    pub(crate) fn strangers(&self) -> impl Iterator<Item = &str> {
        let strange = self.others.iter().filter(|(_, other)| other.is_elder && !other.knows_us);
        strange.map(|(name, _)| name.as_str())
    }

    /// The member that an application belongs to, as far as we know.
    pub(crate) fn owner(&self, app: &str) -> &str {
        rank::owner(self.names(), app).unwrap_or(&self.own)
    }

    /// Our own name.
    pub(crate) fn own(&self) -> &str {
        &self.own
    }

    /// All members, us included.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.own()).chain(self.others.keys().map(String::as_str))
    }

    /// The address of another member.
    pub(crate) fn address(&self, name: &str) -> Option<&str> {
        self.others.get(name).map(|other| other.address.as_str())
    }

    /// The addresses of all other members.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.others.values().map(|other| other.address.clone()).collect()
    }

    /// The others who are known and of whom [`Self::settle`] was not told yet.
    pub(crate) fn unsettled(&self) -> BTreeSet<String> {
        self.others.keys().filter(|name| !self.settled.contains(*name)).cloned().collect()
    }

    /// Everything that was sent before these were known has been answered.
    pub(crate) fn settle(&mut self, names: BTreeSet<String>) {
        self.settled.extend(names.into_iter().filter(|name| self.others.contains_key(name)));
    }

    /// Whom our Lease may say that we know.
    pub(crate) fn knows(&self) -> &BTreeSet<String> {
        &self.settled
    }

    /// The Leases of others, with their versions, that have not changed for too long. Nobody who
    /// can't keep its own Lease judges others.
    pub(crate) fn overdue(&self, now: Instant) -> Vec<(String, String)> {
        let is_late = |other: &Other| now >= other.seen_at + EXPIRES_AFTER;
        let late = self.others.iter().filter(|(_, other)| self.holds(now) && is_late(other));
        late.map(|(name, other)| (name.clone(), other.version.clone())).collect()
    }

    /// When the first of them will be, should nothing change.
    pub(crate) fn next_overdue(&self) -> Option<Instant> {
        self.others.values().map(|other| other.seen_at + EXPIRES_AFTER).min()
    }

    /// Begins to watch everybody anew: for a while we could not have seen a renewal.
    pub(crate) fn begin_anew(&mut self, now: Instant) {
        self.others.values_mut().for_each(|other| other.seen_at = now);
    }

    /// Closed Leases that everybody has seen by now.
    pub(crate) fn litter(&self, now: Instant) -> Vec<String> {
        let old = self.closed.iter().filter(|(_, since)| now >= **since + CLOSED_FOR);
        old.map(|(name, _)| name.clone()).collect()
    }
}
