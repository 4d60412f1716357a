//! All interleavings of members that come, go, stand still and see things late: at no moment may two
//! of them write for one application, and when everything is quiet each application has its writer.
//!
//! The API server is a list of all states that Leases ever had. A member has read a part of it. Time
//! passes only where the model says so, and everything happens between two of its steps.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use proptest::prelude::*;

use super::roll::{EXPIRES_AFTER, HELD_FOR, Roll};
use crate::cluster::Lease;

/// Applications that are fought over.
const APPS: [&str; 5] = ["ant", "bee", "cat", "dog", "eel"];
/// How long a request may be on its way.
const ON_ITS_WAY: Duration = EXPIRES_AFTER.saturating_sub(HELD_FOR);

/// One step. The first number chooses a member.
#[derive(Debug, Clone)]
enum Step {
    /// A new member, whose first list is by so many states too old.
    Join(usize),
    /// Reads so many states.
    Read(usize, usize),
    /// Sends a renewal.
    Renew(usize),
    /// The renewal arrives, and is answered or not.
    Renewed(usize, bool),
    /// Begins to wait for writes to settle.
    Settle(usize),
    /// Closes what is overdue.
    Close(usize),
    /// Writes for an application, if it may.
    Write(usize, usize),
    /// Its oldest write is answered.
    Written(usize),
    /// Goes in good order, if nothing of it is on its way.
    Leave(usize),
    /// Time passes.
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let one = 0..8_usize;
    prop_oneof![
        2 => (0..6_usize).prop_map(Step::Join),
        6 => (one.clone(), 1..5_usize).prop_map(|(who, count)| Step::Read(who, count)),
        4 => one.clone().prop_map(Step::Renew),
        4 => (one.clone(), any::<bool>()).prop_map(|(who, told)| Step::Renewed(who, told)),
        4 => one.clone().prop_map(Step::Settle),
        3 => one.clone().prop_map(Step::Close),
        8 => (one.clone(), 0..APPS.len()).prop_map(|(who, app)| Step::Write(who, app)),
        5 => one.clone().prop_map(Step::Written),
        1 => one.prop_map(Step::Leave),
        4 => (1..7_u64).prop_map(Step::Wait),
    ]
}

/// A write on its way.
#[derive(Debug, Clone, Copy)]
struct Write {
    app: usize,
    sent: Instant,
    number: usize,
}

#[derive(Debug)]
struct Member {
    roll: Roll,
    /// States that it has read.
    read: usize,
    /// The version that it thinks its Lease has.
    version: String,
    /// A renewal on its way: when it was sent, with what.
    renewal: Option<(Instant, BTreeSet<String>)>,
    /// Waits for the writes before this one to end, to have settled with these.
    settling: Option<(usize, BTreeSet<String>)>,
    writes: Vec<Write>,
    left: bool,
}

impl Member {
    fn may_write(&self, app: usize, now: Instant) -> bool {
        !self.left && self.roll.holds(now) && self.roll.acts(APPS[app])
    }
}

struct World {
    now: Instant,
    /// Every state that a Lease ever had, in order.
    states: Vec<Lease>,
    members: Vec<Member>,
    writes: usize,
}

impl World {
    fn new() -> Self {
        Self { now: Instant::now(), states: Vec::new(), members: Vec::new(), writes: 0 }
    }

    fn live(&self, name: &str) -> Option<&Lease> {
        self.states.iter().rfind(|lease| lease.name == name)
    }

    /// Changes a Lease that is of this version still.
    fn change(&mut self, name: &str, version: &str, change: impl FnOnce(&mut Lease)) -> bool {
        let Some(live) = self.live(name).filter(|live| live.version == version) else {
            return false;
        };
        let mut next = Lease { version: self.states.len().to_string(), ..live.clone() };
        change(&mut next);
        self.states.push(next);
        true
    }

    fn join(&mut self, late: usize) {
        if self.members.len() == 8 {
            return;
        }
        let name = format!("m{}", self.members.len());
        let version = self.states.len().to_string();
        let lease = Lease { name: name.clone(), version: version.clone(), ..Lease::default() };
        self.states.push(lease);
        let mut roll = Roll::new(&name, self.now);
        let read = self.states.len().saturating_sub(late);
        let mut names = BTreeSet::new();
        for lease in self.states[..read].iter().rev() {
            if names.insert(lease.name.clone()) {
                roll.saw(lease, self.now);
            }
        }
        roll.listed();
        self.members.push(Member {
            roll,
            read,
            version,
            renewal: None,
            settling: None,
            writes: Vec::new(),
            left: false,
        });
    }

    fn read(&mut self, who: usize, count: usize) {
        let end = (self.members[who].read + count).min(self.states.len());
        let member = &mut self.members[who];
        for lease in &self.states[member.read..end] {
            member.roll.saw(lease, self.now);
        }
        member.read = end;
    }

    fn renew(&mut self, who: usize) {
        let (now, member) = (self.now, &mut self.members[who]);
        if !member.left && !member.roll.is_lost() {
            member.renewal = Some((now, member.roll.knows().clone()));
        }
    }

    fn renewed(&mut self, who: usize, told: bool) {
        let Some((began, knows)) = self.members[who].renewal.take() else { return };
        let (name, version) = (format!("m{who}"), self.members[who].version.clone());
        let done = self.change(&name, &version, |lease| lease.knows = knows);
        let live = self.live(&name).expect("it joined").clone();
        let member = &mut self.members[who];
        match done {
            true if told => {
                member.version = live.version;
                member.roll.renewed(began);
            }
            // Nobody told it.
            true => {}
            // It reads what there is, and has lost it or tries again.
            false if live.closed => member.roll.lose(),
            false => member.version = live.version,
        }
    }

    fn settle(&mut self, who: usize) {
        let member = &mut self.members[who];
        match member.settling.take() {
            None => member.settling = Some((self.writes, member.roll.unsettled())),
            Some((end, names)) if member.writes.iter().all(|write| write.number >= end) => {
                member.roll.settle(names);
            }
            waiting => member.settling = waiting,
        }
    }

    fn close(&mut self, who: usize) {
        for (name, version) in self.members[who].roll.overdue(self.now) {
            if self.change(&name, &version, |lease| lease.closed = true) {
                self.members[who].roll.closed(&name, self.now);
            }
        }
    }

    fn write(&mut self, who: usize, app: usize) {
        if self.members[who].may_write(app, self.now) {
            let others = self.members.iter().enumerate().filter(|(other, _)| *other != who);
            for (other, member) in others {
                let under_way = member.writes.iter().any(|write| write.app == app);
                assert!(!under_way, "m{who} writes {} while m{other} does", APPS[app]);
            }
            let write = Write { app, sent: self.now, number: self.writes };
            self.writes += 1;
            self.members[who].writes.push(write);
        }
    }

    fn leave(&mut self, who: usize) {
        if !self.members[who].writes.is_empty() {
            return;
        }
        self.members[who].left = true;
        let version = self.live(&format!("m{who}")).expect("it joined").version.clone();
        self.change(&format!("m{who}"), &version, |lease| lease.closed = true);
    }

    fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        let now = self.now;
        for member in &mut self.members {
            // By now it has arrived, or never will.
            member.writes.retain(|write| now < write.sent + ON_ITS_WAY);
            let late = |(sent, _): &mut (Instant, _)| now < *sent + ON_ITS_WAY;
            member.renewal.take_if(|renewal| !late(renewal));
        }
    }

    fn take(&mut self, step: &Step) {
        let count = self.members.len();
        let who = |who: usize| who % count.max(1);
        match *step {
            Step::Join(late) => self.join(late),
            Step::Wait(seconds) => self.wait(seconds),
            _ if count == 0 => {}
            Step::Read(one, states) => self.read(who(one), states),
            Step::Renew(one) => self.renew(who(one)),
            Step::Renewed(one, told) => self.renewed(who(one), told),
            Step::Settle(one) => self.settle(who(one)),
            Step::Close(one) => self.close(who(one)),
            Step::Write(one, app) => self.write(who(one), app),
            Step::Written(one) if self.members[who(one)].writes.is_empty() => {}
            Step::Written(one) => drop(self.members[who(one)].writes.remove(0)),
            Step::Leave(one) => self.leave(who(one)),
        }
        for (app, name) in APPS.iter().enumerate() {
            let writers = self.writers(app);
            assert!(writers.len() < 2, "{name} has the writers {writers:?}");
        }
    }

    fn writers(&self, app: usize) -> Vec<usize> {
        let may = |who: &usize| self.members[*who].may_write(app, self.now);
        (0..self.members.len()).filter(may).collect()
    }

    /// Everybody who runs does its work, until nothing changes any more.
    fn calm_down(&mut self) {
        let second = Duration::from_secs(1);
        for _ in 0..2 * EXPIRES_AFTER.as_secs() {
            self.now += second;
            for who in 0..self.members.len() {
                self.members[who].writes.clear();
                self.read(who, usize::MAX / 2);
                if self.members[who].left || self.members[who].roll.is_lost() {
                    continue;
                }
                for step in [Step::Settle(who), Step::Settle(who), Step::Renew(who)] {
                    self.take(&step);
                }
                // The second try, where the version was another.
                self.take(&Step::Renewed(who, true));
                self.take(&Step::Renew(who));
                self.take(&Step::Renewed(who, true));
                self.take(&Step::Close(who));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_application_never_has_two_writers_and_in_quiet_times_has_one(
        steps in prop::collection::vec(step(), 1..150),
    ) {
        let mut world = World::new();
        world.take(&Step::Join(0));
        for step in &steps {
            world.take(step);
        }
        world.calm_down();
        let there = world.members.iter().any(|m| !m.left && !m.roll.is_lost());
        for (app, name) in APPS.iter().enumerate() {
            prop_assert_eq!(world.writers(app).len(), usize::from(there), "{}", name);
        }
    }
}
