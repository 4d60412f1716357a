//! The live store: what the cluster holds, as far as some application cares.
//!
//! One watch for each kind that an application needs, started with the first need, stopped some
//! time after the last. Tracked objects are kept whole, as compact JSON; of the others only their
//! names, so that "not there" and "there, but not ours" can be told apart. Children are kept as the
//! facts that the caller's reducer takes from them.
//!
//! The store never blocks and never fails: it serves what was seen last, and says of each kind
//! whether that can be relied on.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    sync::Notify,
    task::{AbortHandle, JoinSet},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{Cluster, ClusterError, arrivals};
use crate::object::{GroupKind, LiveObject, ObjectId, Turn};

mod children;
mod follow;
mod index;
mod needs;
mod reduce;
mod shapes;

use index::Index;
use needs::Needs;
pub use reduce::{child_kinds, own_fields};

/// A watch that nobody needs any more is kept this long: applications are often re-created.
const GRACE: Duration = Duration::from_secs(30);

/// What is known of one object.
#[derive(Debug, Clone)]
pub enum Presence {
    /// It is there and carries a tracking id that names it.
    Tracked(Arc<LiveObject>),
    /// It is there, but no application tracks it.
    Untracked,
    /// It is not there.
    Absent,
    /// The kind is not watched yet, or its first list is not complete.
    Unknown,
}

/// How far what is known of a kind can be relied on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchState {
    /// The first list is under way.
    Listing,
    /// Everything is known, up to some milliseconds.
    Complete,
    /// No contact for a while, or no permission. What was seen last is still served, but nothing
    /// may be pruned on it.
    Failed {
        /// Why, in words.
        message: String,
        /// Who has to act.
        turn: Turn,
    },
    /// The cluster does not serve the kind, so there is no object of it.
    NotServed,
}

/// The size and the state of the store at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Survey {
    /// Objects that are known, whether tracked or only by name.
    pub objects: usize,
    /// Kinds whose watch runs and whose list is complete.
    pub watches: usize,
    /// True while no kind has lost contact or lacks a permission.
    pub sound: bool,
    /// The longest that a watched kind has heard nothing from the server.
    pub quiet: Duration,
}

/// What the store takes from the objects that it does not keep.
type Reduce<C> = Box<dyn Fn(&Value) -> Option<C> + Send + Sync>;
/// Told the name of an application when something changed that its pass would see. Must be cheap.
type Changed = Box<dyn Fn(&str) + Send + Sync>;

/// The live store. Clones share everything; `C` is what is kept of a child.
pub struct Store<C> {
    inner: Arc<Inner<C>>,
}

impl<C> Clone for Store<C> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

struct Inner<C> {
    cluster: Cluster,
    reduce: Reduce<C>,
    changed: Changed,
    state: RwLock<State<C>>,
    /// The set of needed kinds changed.
    wake: Notify,
}

struct State<C> {
    index: Index<C>,
    /// Kinds that each application needs, child kinds included.
    needs: Needs,
}

impl<C: PartialEq + Send + Sync + 'static> Store<C> {
    /// An empty store. `reduce` takes the facts from a child (`None`: not of interest); `changed`
    /// is called with the name of each application that something changed for, never under a lock.
    pub fn new(
        cluster: Cluster,
        reduce: impl Fn(&Value) -> Option<C> + Send + Sync + 'static,
        changed: impl Fn(&str) + Send + Sync + 'static,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                cluster,
                reduce: Box::new(reduce),
                changed: Box::new(changed),
                state: RwLock::new(State { index: Index::default(), needs: Needs::default() }),
                wake: Notify::new(),
            }),
        }
    }

    /// Sets which kinds an application needs, in place of what it needed before. The kinds of
    /// children and of autoscalers are added.
    pub fn need(&self, app: &str, mut kinds: BTreeSet<GroupKind>) {
        let below: Vec<GroupKind> = kinds.iter().flat_map(child_kinds).collect();
        kinds.extend(below);
        let mut state = self.inner.write();
        for kind in &kinds {
            // From now on our own writes of this kind are kept.
            state.index.expect(kind);
        }
        let changed = state.needs.set(app, kinds);
        drop(state);
        if changed {
            self.inner.wake.notify_one();
        }
    }

    /// The application is gone: it needs nothing any more.
    pub fn forget(&self, app: &str) {
        if self.inner.write().needs.set(app, BTreeSet::new()) {
            self.inner.wake.notify_one();
        }
    }

    /// The kinds that an application needs, those of children included.
    pub fn list_kinds(&self, app: &str) -> BTreeSet<GroupKind> {
        self.inner.read().needs.of(app)
    }

    /// What is known of one object.
    pub fn get(&self, id: &ObjectId) -> Presence {
        self.inner.read().index.get(id)
    }

    /// All objects that an application tracks, in order of id.
    pub fn tracked(&self, app: &str) -> Vec<Arc<LiveObject>> {
        self.inner.read().index.tracked(app)
    }

    /// The applications that track at least one object.
    pub fn apps(&self) -> Vec<String> {
        self.inner.read().index.apps()
    }

    /// The facts of everything below an object, by its uid: of a Deployment the ReplicaSet objects,
    /// their Pods and so on.
    pub fn children(&self, uid: &str) -> Vec<Arc<C>> {
        self.inner.read().index.children.below(uid)
    }

    /// Name of the `HorizontalPodAutoscaler` that scales an object.
    pub fn autoscaler_of(&self, id: &ObjectId) -> Option<String> {
        self.inner.read().index.autoscaler_of(id)
    }

    /// How far what is known of each kind can be relied on.
    pub fn readiness(&self, kinds: &BTreeSet<GroupKind>) -> Vec<(GroupKind, WatchState)> {
        let state = self.inner.read();
        let of = |kind: &GroupKind| (kind.clone(), state.index.watch_state(kind));
        kinds.iter().map(of).collect()
    }

    /// The size and the state of everything.
    pub fn survey(&self) -> Survey {
        self.inner.read().index.survey(Instant::now())
    }

    /// Takes in the server's answer to a write of ours, before the watch tells it. Calls nobody:
    /// who wrote knows.
    pub fn observe(&self, object: &Value) {
        let mut state = self.inner.write();
        state.index.observe(object, &self.inner.reduce);
    }

    /// The object was found clean: what other managers own is not kept any longer.
    pub fn settle(&self, id: &ObjectId) {
        self.inner.write().index.settle(id);
    }

    /// Reads one object directly, whether tracked or not, with the entries of all managers. `None`
    /// when it is not there.
    pub async fn fetch(
        &self,
        id: &ObjectId,
        deadline: Instant,
    ) -> Result<Option<LiveObject>, ClusterError> {
        let cluster = &self.inner.cluster;
        let info = cluster.discovery().find_preferred(cluster, &id.group_kind()).await?;
        let found = cluster.get(&info.gvk, id, deadline).await?;
        Ok(found.and_then(|object| reduce::live(object, true)))
    }

    /// Follows the cluster until `stop`. Ends early only when a part of it died, which is a bug.
    pub async fn run(&self, stop: CancellationToken) {
        let mut tasks = JoinSet::new();
        let mut running: HashMap<GroupKind, Running> = HashMap::new();
        tasks.spawn(arrivals::follow(self.inner.cluster.clone()));
        loop {
            let next_end = self.adjust(&mut running, &mut tasks);
            let end = async {
                match next_end {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.inner.wake.notified() => {}
                () = end => {}
                Some(ended) = tasks.join_next() => {
                    if let Err(cause) = ended && cause.is_panic() {
                        tracing::error!(%cause, "a watch died");
                        return;
                    }
                }
            }
        }
    }

    /// Starts and stops watches; returns when the next one runs out of grace.
    fn adjust(
        &self,
        running: &mut HashMap<GroupKind, Running>,
        tasks: &mut JoinSet<()>,
    ) -> Option<Instant> {
        let mut state = self.inner.write();
        let needed = state.needs.kinds();
        for kind in &needed {
            let running = running.entry(kind.clone()).or_insert_with(|| {
                let task = follow::follow(Arc::clone(&self.inner), kind.clone());
                Running { task: tasks.spawn(task), unneeded_since: None }
            });
            running.unneeded_since = None;
        }
        let now = Instant::now();
        let mut next_end: Option<Instant> = None;
        running.retain(|kind, running| {
            if needed.contains(kind) {
                return true;
            }
            let end = *running.unneeded_since.get_or_insert(now) + GRACE;
            if end <= now {
                running.task.abort();
                state.index.drop_kind(kind);
                return false;
            }
            next_end = Some(next_end.map_or(end, |next| next.min(end)));
            true
        });
        next_end
    }
}

struct Running {
    task: AbortHandle,
    unneeded_since: Option<Instant>,
}

impl<C> Inner<C> {
    // A panic elsewhere while the lock was held leaves an index that is at worst incomplete by one
    // event; the panic itself ends the process.
    fn read(&self) -> RwLockReadGuard<'_, State<C>> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State<C>> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, apps: &BTreeSet<String>) {
        for app in apps {
            (self.changed)(app);
        }
    }
}

#[cfg(test)]
mod tests;
