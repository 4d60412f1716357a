//! Asks the controllers and does what they say.
//!
//! A change puts what it concerns into a queue, once; a look takes one thing out, reads everything it
//! needs, and performs the answer up to the first failure. What failed is looked at again, later and
//! later. Nothing is asked without a cause: no polling.

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::{Action, Actor, Cluster, Event, Fault, Feed, Pace, Told, claims, kubelet::Stage};

mod events;
mod heads;
mod index;
mod look;
mod routes;
#[cfg(test)]
mod tests;

use self::{events::Recorder, index::Index, routes::Key};

/// The first wait after a failure; doubled with each further one.
const RETRY_FIRST: Duration = Duration::from_millis(20);
const RETRY_MAX: Duration = Duration::from_secs(30);

/// How the pretended control plane is set up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    /// How fast it is.
    pub(crate) pace: Pace,
    /// The certificate of the API server's authority, PEM.
    pub(crate) root_ca: String,
    /// The version that the node gives as its own.
    pub(crate) version: String,
}

/// The state between two looks.
pub(super) struct Driver<C> {
    cluster: C,
    settings: Settings,
    index: Index,
    queue: VecDeque<Key>,
    queued: HashSet<Key>,
    timers: BTreeSet<(Timestamp, Key)>,
    due: HashMap<Key, Timestamp>,
    failures: HashMap<Key, Failure>,
    recorder: Recorder,
    /// By uid of the pod: its stage, and since when.
    stages: HashMap<String, (Stage, Timestamp)>,
    addresses: HashMap<String, u32>,
    next_address: u32,
}

/// What went wrong with one key, and how often in a row.
#[derive(Debug, Default)]
struct Failure {
    times: u32,
    /// What the server said about an object that could not be made.
    creation: Option<String>,
}

/// Drives the controllers until `stop`, or until the feed ends.
pub(crate) async fn run(
    cluster: impl Cluster,
    settings: Settings,
    mut feed: impl Feed,
    stop: CancellationToken,
) {
    let mut driver = Driver::new(cluster, settings);
    driver.begin();
    loop {
        let idle = driver.queue.is_empty();
        let wait = driver.wait();
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            told = feed.next() => match told {
                Some(told) => driver.note(told),
                None => return,
            },
            () = std::future::ready(()), if !idle => {
                driver.step();
                // A look is short; others on this thread have their turn after each.
                tokio::task::yield_now().await;
            }
            () = tokio::time::sleep(wait.unwrap_or(RETRY_MAX)), if idle && wait.is_some() => {
                driver.step();
            }
        }
    }
}

impl<C: Cluster> Driver<C> {
    pub(super) fn new(cluster: C, settings: Settings) -> Self {
        Self {
            cluster,
            settings,
            index: Index::default(),
            queue: VecDeque::new(),
            queued: HashSet::new(),
            timers: BTreeSet::new(),
            due: HashMap::new(),
            failures: HashMap::new(),
            recorder: Recorder::default(),
            stages: HashMap::new(),
            addresses: HashMap::new(),
            next_address: 1,
        }
    }

    /// Makes what a cluster has from its beginning, and looks at everything.
    pub(super) fn begin(&mut self) {
        // It is there already when the driver was started before.
        let _ = self.cluster.perform(Actor::Controllers, Action::create(claims::class()));
        self.scan();
    }

    /// Forgets what was known and reads everything anew.
    fn scan(&mut self) {
        self.index = Index::default();
        self.push(Key::Node);
        for kind in self.cluster.kinds() {
            for object in self.cluster.list(&kind, None) {
                self.enter(&object);
            }
        }
        // The owner of an object may have been read after it.
        let all: Vec<Key> = self.index.owned().map(Key::Garbage).collect();
        for key in all {
            self.push(key);
        }
    }

    /// Takes a change into account.
    pub(super) fn note(&mut self, told: Told) {
        match told {
            Told::Lagged => self.scan(),
            Told::Changed { id, new } => {
                let after = new.and_then(|bytes| heads::Head::parse(&bytes));
                self.route(&id, after);
            }
        }
    }

    fn enter(&mut self, object: &serde_json::Value) {
        let Some(id) = crate::object::meta::id(object) else { return };
        let after = heads::Head::parse(object.to_string().as_bytes());
        self.route(&id, after);
    }

    fn route(&mut self, id: &crate::object::ObjectId, after: Option<heads::Head>) {
        let before = self.index.put(id, after);
        let gone = before.as_ref().filter(|_| id.kind == "Pod" && !self.index.knows(id));
        if let Some(gone) = gone {
            self.stages.remove(&gone.uid);
            self.addresses.remove(&gone.uid);
        }
        for key in routes::keys(&self.index, id, before.as_ref()) {
            self.push(key);
        }
    }

    fn push(&mut self, key: Key) {
        if self.queued.insert(key.clone()) {
            self.queue.push_back(key);
        }
    }

    /// How long nothing is to be done but wait; `None` when nothing is waited for.
    pub(super) fn wait(&self) -> Option<Duration> {
        let (at, _) = self.timers.first()?;
        let left = at.duration_since(self.cluster.now());
        Some(Duration::try_from(left).unwrap_or(Duration::ZERO))
    }

    /// Takes one look, if there is one to take. Answers whether there was.
    pub(super) fn step(&mut self) -> bool {
        let now = self.cluster.now();
        while let Some((at, key)) = self.timers.first().cloned().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, key.clone()));
            self.due.remove(&key);
            self.push(key);
        }
        let Some(key) = self.queue.pop_front() else { return false };
        self.queued.remove(&key);
        self.set_timer(&key, None);
        let answers = self.look(&key, now);
        self.perform(&key, answers, now);
        true
    }

    /// One timer per key: the next look says anew what it waits for.
    fn set_timer(&mut self, key: &Key, at: Option<Timestamp>) {
        if let Some(old) = self.due.remove(key) {
            self.timers.remove(&(old, key.clone()));
        }
        if let Some(at) = at {
            self.due.insert(key.clone(), at);
            self.timers.insert((at, key.clone()));
        }
    }

    fn perform(&mut self, key: &Key, answers: Vec<(Actor, Vec<Action>)>, now: Timestamp) {
        let mut wake: Option<Timestamp> = None;
        let mut fault = None;
        'all: for (actor, actions) in answers {
            for action in actions {
                match action {
                    Action::WakeAt(at) => wake = wake.into_iter().chain([at]).min(),
                    Action::Tell(event) => self.tell(&event, now),
                    action => {
                        if let Err(error) = self.act(actor, action, now) {
                            fault = Some(error);
                            break 'all;
                        }
                    }
                }
            }
        }
        match fault {
            None => {
                self.failures.remove(key);
            }
            Some(failed) => {
                let (fault, created) = *failed;
                let retry = self.failed(key, &fault, created, now);
                wake = wake.into_iter().chain([retry]).min();
            }
        }
        self.set_timer(key, wake);
    }

    /// Writes, and announces what was made. A failure says whether something was to be made.
    fn act(
        &mut self,
        actor: Actor,
        action: Action,
        now: Timestamp,
    ) -> Result<(), Box<(Fault, Option<Event>)>> {
        let announce = match &action {
            Action::Create { announce, .. } => announce.clone(),
            _ => None,
        };
        match self.cluster.perform(actor, action) {
            Ok(made) => {
                if let Some(mut event) = announce {
                    event.message = event.message.replace("{}", crate::object::meta::name(&made));
                    self.tell(&event, now);
                }
                Ok(())
            }
            Err(fault) => Err(Box::new((fault, announce))),
        }
    }

    /// Notes a failure, tells of it, and says when to look again.
    fn failed(
        &mut self,
        key: &Key,
        fault: &Fault,
        created: Option<Event>,
        now: Timestamp,
    ) -> Timestamp {
        let failure = self.failures.entry(key.clone()).or_default();
        failure.times = failure.times.saturating_add(1);
        let doublings = (failure.times - 1).min(12);
        let delay = RETRY_FIRST.saturating_mul(1 << doublings).min(RETRY_MAX);
        if let Fault::Refused(words) = fault {
            tracing::debug!(?key, words, "an embedded controller was refused");
            failure.creation = created.as_ref().map(|_| words.clone());
            if let Some(mut event) = created {
                event.is_warning = true;
                "FailedCreate".clone_into(&mut event.reason);
                event.message = format!("Error creating: {words}");
                self.tell(&event, now);
            }
        }
        let delay = SignedDuration::try_from(delay).unwrap_or(SignedDuration::MAX);
        now.checked_add(delay).unwrap_or(Timestamp::MAX)
    }

    /// An event that can't be written is no reason to stop: its namespace may be going away.
    fn tell(&mut self, event: &Event, now: Timestamp) {
        for (actor, action) in self.recorder.record(&self.cluster, event, now) {
            let _ = self.cluster.perform(actor, action);
        }
    }

    /// The address that a pod has or gets.
    fn address(&mut self, uid: &str) -> String {
        let next = &mut self.next_address;
        let number = *self.addresses.entry(uid.to_owned()).or_insert_with(|| {
            let number = *next;
            // 10.64.0.0/14 without its first address.
            *next = (*next + 1) % 0x4_0000;
            number.max(1)
        });
        let [_, high, middle, low] = number.to_be_bytes();
        format!("10.{}.{middle}.{low}", 64 + high)
    }
}
