//! The state of the store and how updates change it. No I/O: updates in, names of applications
//! that have to look again out.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use serde_json::Value;
use tokio::time::Instant;

use crate::object::{GroupKind, LiveObject, ObjectId, meta, tracking};

use super::{
    Presence, Reduce, Survey, WatchState,
    children::Children,
    reduce::{AUTOSCALER, is_parent, live, scale_target, version},
    shapes::Shapes,
};

/// Namespace and name of an object, joined by `/`: one allocation, and kinds can be huge.
type Key = Box<str>;
/// Names of applications that something changed for.
pub(super) type Touched = BTreeSet<String>;

fn key(namespace: &str, name: &str) -> Key {
    format!("{namespace}/{name}").into_boxed_str()
}

/// Everything that the store knows.
pub(super) struct Index<C> {
    kinds: HashMap<GroupKind, Kind>,
    /// Tracked objects of each application.
    apps: HashMap<String, BTreeSet<ObjectId>>,
    /// Tracked objects that may have children, by uid.
    roots: HashMap<Box<str>, ObjectId>,
    pub(super) children: Children<C>,
    shapes: Shapes,
}

/// Everything that is known of one kind.
struct Kind {
    state: WatchState,
    /// The first list is complete.
    listed: bool,
    /// Everything up to this resource version was told by the watch.
    progress: u64,
    /// When the server last said something about the kind; at first, when it was first needed.
    heard: Instant,
    tracked: HashMap<Key, Entry>,
    untracked: HashSet<Key>,
    /// Uids of children of this kind.
    children: HashMap<Key, Box<str>>,
    /// What autoscalers scale.
    autoscalers: HashMap<Key, ObjectId>,
    /// What a running list has named so far.
    list: Option<HashSet<Key>>,
}

impl Default for Kind {
    fn default() -> Self {
        Self {
            state: WatchState::Listing,
            listed: false,
            progress: 0,
            heard: Instant::now(),
            tracked: HashMap::new(),
            untracked: HashSet::new(),
            children: HashMap::new(),
            autoscalers: HashMap::new(),
            list: None,
        }
    }
}

/// A tracked object and two hashes that tell which changes matter.
struct Entry {
    live: Arc<LiveObject>,
    version: u64,
    /// Of everything but `managedFields` and `resourceVersion`.
    content: u64,
    /// Of the values at the fields that we own.
    owned: u64,
}

/// Where news of an object come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A list.
    List,
    /// A watch event.
    Watch,
    /// The answer to a write of ours.
    Write,
}

impl<C> Default for Index<C> {
    fn default() -> Self {
        Self {
            kinds: HashMap::new(),
            apps: HashMap::new(),
            roots: HashMap::new(),
            children: Children::default(),
            shapes: Shapes::default(),
        }
    }
}

impl<C: PartialEq> Index<C> {
    /// Makes room for a kind.
    pub(super) fn expect(&mut self, kind: &GroupKind) {
        if !self.kinds.contains_key(kind) {
            self.kinds.insert(kind.clone(), Kind::default());
        }
    }

    /// Forgets a kind and all its objects.
    pub(super) fn drop_kind(&mut self, kind: &GroupKind) {
        self.clear_kind(kind);
        self.kinds.remove(kind);
    }

    /// The kind is not served: its objects are gone.
    pub(super) fn clear_kind(&mut self, kind: &GroupKind) -> Touched {
        let mut touched = Touched::new();
        let Some(of_kind) = self.kinds.get_mut(kind) else { return touched };
        let gone = std::mem::take(of_kind);
        for entry in gone.tracked.into_values() {
            self.unlink(&entry.live, &mut touched);
        }
        for uid in gone.children.values() {
            self.touch_above(uid, &mut touched);
            self.children.remove(uid);
        }
        touched
    }

    pub(super) fn watch_state(&self, kind: &GroupKind) -> WatchState {
        self.kinds.get(kind).map_or(WatchState::Listing, |kind| kind.state.clone())
    }

    /// Sets how far a kind can be relied on; true when that is new.
    pub(super) fn set_watch_state(&mut self, kind: &GroupKind, state: WatchState) -> bool {
        let Some(kind) = self.kinds.get_mut(kind) else { return false };
        let changed = kind.state != state;
        kind.state = state;
        changed
    }

    /// The server has said something about the kind.
    pub(super) fn heard(&mut self, kind: &GroupKind, now: Instant) {
        if let Some(kind) = self.kinds.get_mut(kind) {
            kind.heard = now;
        }
    }

    /// The size and the state of everything.
    pub(super) fn survey(&self, now: Instant) -> Survey {
        let watched = self.kinds.values().filter(|kind| kind.state != WatchState::NotServed);
        let quiet = watched.map(|kind| now.duration_since(kind.heard)).max();
        let has = |state: fn(&WatchState) -> bool| {
            self.kinds.values().filter(|kind| state(&kind.state)).count()
        };
        Survey {
            objects: self.kinds.values().map(|k| k.tracked.len() + k.untracked.len()).sum(),
            watches: has(|state| *state == WatchState::Complete),
            sound: has(|state| matches!(state, WatchState::Failed { .. })) == 0,
            quiet: quiet.unwrap_or_default(),
        }
    }

    /// True once the first list of the kind was complete.
    pub(super) fn is_listed(&self, kind: &GroupKind) -> bool {
        self.kinds.get(kind).is_some_and(|kind| kind.listed)
    }

    pub(super) fn get(&self, id: &ObjectId) -> Presence {
        let Some(kind) = self.kinds.get(&id.group_kind()) else { return Presence::Unknown };
        let key = key(&id.namespace, &id.name);
        if let Some(entry) = kind.tracked.get(&key) {
            Presence::Tracked(Arc::clone(&entry.live))
        } else if kind.untracked.contains(&key) {
            Presence::Untracked
        } else if kind.listed || kind.state == WatchState::NotServed {
            Presence::Absent
        } else {
            Presence::Unknown
        }
    }

    pub(super) fn tracked(&self, app: &str) -> Vec<Arc<LiveObject>> {
        let ids = self.apps.get(app).into_iter().flatten();
        ids.filter_map(|id| {
            let entry =
                self.kinds.get(&id.group_kind())?.tracked.get(&key(&id.namespace, &id.name))?;
            Some(Arc::clone(&entry.live))
        })
        .collect()
    }

    pub(super) fn apps(&self) -> Vec<String> {
        self.apps.keys().cloned().collect()
    }

    pub(super) fn autoscaler_of(&self, id: &ObjectId) -> Option<String> {
        let kind = self.kinds.get(&GroupKind::new(AUTOSCALER.0, AUTOSCALER.1))?;
        let (key, _) = kind.autoscalers.iter().find(|(_, target)| *target == id)?;
        key.split_once('/').map(|(_, name)| name.to_owned())
    }

    /// A full list begins.
    pub(super) fn begin_list(&mut self, kind: &GroupKind) {
        if let Some(kind) = self.kinds.get_mut(kind) {
            kind.list = Some(HashSet::new());
        }
    }

    /// The list is complete: what it left out is gone, except what we wrote after it was made.
    pub(super) fn end_list(&mut self, kind: &GroupKind, at: u64) -> Touched {
        let mut touched = Touched::new();
        let Some(of_kind) = self.kinds.get_mut(kind) else { return touched };
        let list = of_kind.list.take().unwrap_or_default();
        of_kind.listed = true;
        of_kind.progress = of_kind.progress.max(at);
        of_kind.untracked.retain(|key| list.contains(key));
        of_kind.untracked.shrink_to_fit();
        let missing = |key: &&Key| !list.contains(*key);
        let gone: Vec<Key> = of_kind
            .tracked
            .iter()
            .filter(|(key, entry)| missing(key) && entry.version <= at)
            .map(|(key, _)| key.clone())
            .collect();
        let children: Vec<Key> = of_kind.children.keys().filter(missing).cloned().collect();
        let autoscalers: Vec<Key> = of_kind.autoscalers.keys().filter(missing).cloned().collect();
        for key in gone {
            let entry = self.kinds.get_mut(kind).and_then(|kind| kind.tracked.remove(&key));
            self.unlink_entry(entry, &mut touched);
        }
        for key in children {
            self.remove_child(kind, &key, at, &mut touched);
        }
        for key in autoscalers {
            self.set_autoscaler(kind, &key, None, &mut touched);
        }
        touched
    }

    /// Everything up to this resource version was told.
    pub(super) fn progress(&mut self, kind: &GroupKind, at: u64) {
        if let Some(kind) = self.kinds.get_mut(kind) {
            kind.progress = kind.progress.max(at);
        }
    }

    /// Takes in the answer to a write of ours.
    pub(super) fn observe(&mut self, object: &Value, reduce: &Reduce<C>) {
        if let Some(gvk) = meta::gvk(object) {
            self.apply(&gvk.group_kind(), object.clone(), Origin::Write, reduce);
        }
    }

    /// Takes in an object as it now is.
    pub(super) fn apply(
        &mut self,
        kind: &GroupKind,
        object: Value,
        origin: Origin,
        reduce: &Reduce<C>,
    ) -> Touched {
        let mut touched = Touched::new();
        let Some(of_kind) = self.kinds.get_mut(kind) else { return touched };
        let Some(id) = meta::id(&object) else { return touched };
        let key = key(&id.namespace, &id.name);
        let at = version(&object);
        match origin {
            Origin::List => {
                if let Some(list) = &mut of_kind.list {
                    list.insert(key.clone());
                }
            }
            Origin::Watch => of_kind.progress = of_kind.progress.max(at),
            Origin::Write => {}
        }
        let known = of_kind.tracked.get(&key).map(|entry| entry.version);
        let old = match known {
            // Equal versions are equal objects: most often our own write, told once more.
            Some(known) => at != 0 && at <= known,
            // The watch was past our write already, and yet the object is not there as ours: it
            // was deleted, or changed hands, since.
            None => origin == Origin::Write && at != 0 && at <= of_kind.progress,
        };
        if old {
            return touched;
        }
        let target = (kind.group == AUTOSCALER.0 && kind.kind == AUTOSCALER.1)
            .then(|| scale_target(&object));
        if let Some(target) = target {
            self.set_autoscaler(kind, &key, target, &mut touched);
        }
        self.take_child(kind, &key, &object, at, reduce, &mut touched);
        if tracking::owner(&object, &id).is_some() {
            self.insert_entry(kind, key, object, at, origin, &mut touched);
        } else if let Some(of_kind) = self.kinds.get_mut(kind) {
            of_kind.untracked.insert(key.clone());
            let entry = of_kind.tracked.remove(&key);
            self.unlink_entry(entry, &mut touched);
        }
        touched
    }

    /// Takes in that an object was deleted; `object` is its last state.
    pub(super) fn delete(&mut self, kind: &GroupKind, object: &Value) -> Touched {
        let mut touched = Touched::new();
        let Some(of_kind) = self.kinds.get_mut(kind) else { return touched };
        let key = key(meta::namespace(object), meta::name(object));
        let at = version(object);
        of_kind.progress = of_kind.progress.max(at);
        if let Some(list) = &mut of_kind.list {
            list.remove(&key);
        }
        of_kind.untracked.remove(&key);
        // A delayed event of an object that we have already created anew.
        let renewed = of_kind.tracked.get(&key).is_some_and(|entry| at != 0 && entry.version > at);
        if !renewed {
            let entry = of_kind.tracked.remove(&key);
            self.unlink_entry(entry, &mut touched);
        }
        self.set_autoscaler(kind, &key, None, &mut touched);
        self.remove_child(kind, &key, u64::MAX, &mut touched);
        touched
    }

    /// Drops what other managers own.
    pub(super) fn settle(&mut self, id: &ObjectId) {
        let entry = self
            .kinds
            .get_mut(&id.group_kind())
            .and_then(|kind| kind.tracked.get_mut(&key(&id.namespace, &id.name)));
        if let Some(entry) = entry.filter(|entry| entry.live.others.is_some()) {
            Arc::make_mut(&mut entry.live).others = None;
        }
    }

    fn insert_entry(
        &mut self,
        kind: &GroupKind,
        key: Key,
        object: Value,
        at: u64,
        origin: Origin,
        touched: &mut Touched,
    ) {
        let Some(of_kind) = self.kinds.get_mut(kind) else { return };
        let before = of_kind.tracked.get(&key);
        let content = content_hash(&object);
        let Some(mut live) = live(object, true) else { return };
        let owned = live.digests().map_or(0, |(_, values)| values);
        live.own = live.own.map(|own| self.shapes.share(own));
        let same_fields = before.is_some_and(|before| before.live.own == live.own);
        // Who took our fields can be asked only of an object in which they were taken: one that
        // differs from what it was before, and has not been settled since.
        let asked = match before {
            None => false,
            Some(before) => before.live.others.is_some() || !same_fields || before.owned != owned,
        };
        if !asked || origin == Origin::Write {
            live.others = None;
        }
        let changed = before.is_none_or(|before| before.content != content || !same_fields);
        if let Some(before) =
            before.filter(|before| before.live.app != live.app || before.live.uid != live.uid)
        {
            let before = Arc::clone(&before.live);
            self.unlink(&before, touched);
        }
        let app = live.app.clone().unwrap_or_default();
        if changed {
            touched.insert(app.clone());
        }
        self.apps.entry(app).or_default().insert(live.id.clone());
        if is_parent(kind) {
            self.roots.insert(live.uid.as_str().into(), live.id.clone());
        }
        if let Some(of_kind) = self.kinds.get_mut(kind) {
            of_kind.untracked.remove(&key);
            let entry = Entry { live: Arc::new(live), version: at, content, owned };
            of_kind.tracked.insert(key, entry);
        }
    }

    /// Takes an entry that is already out of its kind out of everything else.
    fn unlink_entry(&mut self, entry: Option<Entry>, touched: &mut Touched) {
        if let Some(entry) = entry {
            self.unlink(&entry.live, touched);
        }
    }

    fn unlink(&mut self, live: &LiveObject, touched: &mut Touched) {
        self.roots.remove(live.uid.as_str());
        let Some(app) = &live.app else { return };
        touched.insert(app.clone());
        if let Some(ids) = self.apps.get_mut(app) {
            ids.remove(&live.id);
            if ids.is_empty() {
                self.apps.remove(app);
            }
        }
    }

    fn take_child(
        &mut self,
        kind: &GroupKind,
        key: &Key,
        object: &Value,
        at: u64,
        reduce: &Reduce<C>,
        touched: &mut Touched,
    ) {
        let owners: Vec<Box<str>> =
            meta::owners(object).into_iter().map(|owner| owner.uid.into_boxed_str()).collect();
        let facts = if owners.is_empty() { None } else { reduce(object) };
        let Some(facts) = facts else {
            return self.remove_child(kind, key, u64::MAX, touched);
        };
        let uid = meta::uid(object);
        // The same name with another uid: the old one is gone.
        let replaced = self.kinds.get(kind).and_then(|kind| kind.children.get(key));
        if replaced.is_some_and(|known| **known != *uid) {
            self.remove_child(kind, key, u64::MAX, touched);
        }
        if self.children.insert(uid, owners, at, facts) {
            self.touch_above(uid, touched);
        }
        if let Some(of_kind) = self.kinds.get_mut(kind) {
            of_kind.children.insert(key.clone(), uid.into());
        }
    }

    /// Takes a child out, unless it is newer than `at`.
    fn remove_child(&mut self, kind: &GroupKind, key: &Key, at: u64, touched: &mut Touched) {
        let Some(of_kind) = self.kinds.get_mut(kind) else { return };
        let Some(uid) = of_kind.children.get(key).cloned() else { return };
        if self.children.version(&uid).is_some_and(|version| version > at) {
            return;
        }
        of_kind.children.remove(key);
        self.touch_above(&uid, touched);
        self.children.remove(&uid);
    }

    /// Touches the applications of the roots above a child.
    fn touch_above(&self, uid: &str, touched: &mut Touched) {
        for owner in self.children.above(uid) {
            if let Some(id) = self.roots.get(&owner) {
                self.touch_object(id, touched);
            }
        }
    }

    fn touch_object(&self, id: &ObjectId, touched: &mut Touched) {
        if let Presence::Tracked(live) = self.get(id)
            && let Some(app) = &live.app
        {
            touched.insert(app.clone());
        }
    }

    fn set_autoscaler(
        &mut self,
        kind: &GroupKind,
        key: &Key,
        target: Option<ObjectId>,
        touched: &mut Touched,
    ) {
        let Some(of_kind) = self.kinds.get_mut(kind) else { return };
        let before = of_kind.autoscalers.get(key).cloned();
        if before == target {
            return;
        }
        match &target {
            Some(target) => of_kind.autoscalers.insert(key.clone(), target.clone()),
            None => of_kind.autoscalers.remove(key),
        };
        for id in [before, target].into_iter().flatten() {
            self.touch_object(&id, touched);
        }
    }
}

/// A hash of what an object says, apart from the bookkeeping that changes with every write.
fn content_hash(object: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    let Some(object) = object.as_object() else { return 0 };
    for (name, value) in object {
        name.hash(&mut hasher);
        match value.as_object().filter(|_| name == "metadata") {
            Some(metadata) => {
                let kept: BTreeMap<_, _> = metadata
                    .iter()
                    .filter(|(name, _)| {
                        !matches!(name.as_str(), "managedFields" | "resourceVersion")
                    })
                    .collect();
                kept.hash(&mut hasher);
            }
            None => value.hash(&mut hasher),
        }
    }
    hasher.finish()
}

#[cfg(test)]
mod tests;
