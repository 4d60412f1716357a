//! A server that knows just enough for the driver, and a clock that moves when nothing is left to do.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    super::{
        Action, Actor, Cluster, Fault, Propagation, Settings, Told,
        driver::Driver,
        read::{list, map_mut, set, stamp, text},
    },
    at_second,
};
use crate::object::{GroupKind, ObjectId, meta};

/// Looks after which a test gives up: two controllers must be fighting.
const LOOKS_MAX: usize = 200_000;

struct State {
    objects: BTreeMap<ObjectId, Value>,
    changes: VecDeque<Told>,
    now: Timestamp,
    number: u64,
    writes: usize,
    /// Refuses to make objects of this kind.
    refuses: Option<&'static str>,
}

/// The objects. Clones are the same world.
#[derive(Clone)]
pub(in super::super) struct Objects(Arc<Mutex<State>>);

/// Looks on after each look.
type Watch = Box<dyn FnMut(&Objects)>;

/// A whole cluster: objects, controllers, time.
pub(in super::super) struct World {
    pub(in super::super) objects: Objects,
    driver: Driver<Objects>,
    /// Called after each look.
    watch: Option<Watch>,
}

impl World {
    /// A cluster with the namespace `shop`.
    pub(in super::super) fn new() -> Self {
        let state = State {
            objects: BTreeMap::new(),
            changes: VecDeque::new(),
            now: at_second(0),
            number: 0,
            writes: 0,
            refuses: None,
        };
        let objects = Objects(Arc::new(Mutex::new(state)));
        let settings =
            Settings { root_ca: "PEM".to_owned(), version: "v1".to_owned(), ..Settings::default() };
        let mut driver = Driver::new(objects.clone(), settings);
        driver.begin();
        let mut world = Self { objects, driver, watch: None };
        world.create(json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"},
            "spec": {"finalizers": ["kubernetes"]},
        }));
        world.settle();
        world
    }

    /// Calls `watch` after each look from now on.
    pub(in super::super) fn watch(&mut self, watch: impl FnMut(&Objects) + 'static) {
        self.watch = Some(Box::new(watch));
    }

    pub(in super::super) fn create(&mut self, object: Value) -> Value {
        self.objects.perform(Actor::Controllers, Action::create(object)).expect("it is accepted")
    }

    /// Changes an object as a user does.
    pub(in super::super) fn edit(&mut self, id: &ObjectId, change: impl FnOnce(&mut Value)) {
        let mut object = self.objects.get(id).expect("it is there");
        change(&mut object);
        self.objects.perform(Actor::Controllers, Action::Update(object)).expect("it is accepted");
    }

    pub(in super::super) fn delete(&mut self, id: &ObjectId, finalizer: Option<&str>) {
        let object = self.objects.get(id).expect("it is there");
        if let Some(finalizer) = finalizer {
            self.edit(id, |object| {
                let mut finalizers = list(object, "/metadata/finalizers").to_vec();
                finalizers.push(json!(finalizer));
                set(object, "metadata", "finalizers", json!(finalizers));
            });
        }
        let uid = meta::uid(&object).to_owned();
        let propagation = Propagation::Background;
        let delete = Action::Delete { id: id.clone(), uid, propagation, at_once: false };
        self.objects.perform(Actor::Controllers, delete).expect("it is accepted");
    }

    /// Forgets what changed, and tells so.
    pub(in super::super) fn lose_changes(&mut self) {
        let mut state = self.objects.lock();
        state.changes = VecDeque::from([Told::Lagged]);
    }

    pub(in super::super) fn refuse(&mut self, kind: Option<&'static str>) {
        self.objects.lock().refuses = kind;
    }

    pub(in super::super) fn get(&self, id: &ObjectId) -> Value {
        self.objects.get(id).unwrap_or_default()
    }

    /// All objects of a kind in `shop`, or of the cluster.
    pub(in super::super) fn all(&self, kind: &str) -> Vec<Value> {
        let state = self.objects.lock();
        state.objects.iter().filter(|(id, _)| id.kind == kind).map(|(_, one)| one.clone()).collect()
    }

    pub(in super::super) fn now(&self) -> Timestamp {
        self.objects.now()
    }

    /// How many writes there were so far.
    pub(in super::super) fn writes(&self) -> usize {
        self.objects.lock().writes
    }

    /// Looks until nothing is left to do but wait.
    pub(in super::super) fn calm(&mut self) {
        for _ in 0..LOOKS_MAX {
            loop {
                let told = self.objects.lock().changes.pop_front();
                let Some(told) = told else { break };
                self.driver.note(told);
            }
            if !self.driver.step() {
                return;
            }
            if let Some(watch) = &mut self.watch {
                watch(&self.objects);
            }
        }
        panic!("the controllers do not come to rest");
    }

    /// The same, and moves the clock on to whatever is waited for, for at most ten minutes.
    pub(in super::super) fn settle(&mut self) {
        self.pass(600);
    }

    /// Lets so many seconds pass.
    pub(in super::super) fn pass(&mut self, seconds: i64) {
        let end = self.now() + SignedDuration::from_secs(seconds);
        loop {
            self.calm();
            let wait = self.driver.wait().and_then(|wait| SignedDuration::try_from(wait).ok());
            let next = wait.map(|wait| self.now() + wait);
            let mut state = self.objects.lock();
            let Some(next) = next.filter(|next| *next <= end) else {
                state.now = end;
                return;
            };
            state.now = next;
        }
    }

    /// Waits until something holds, and fails after ten minutes.
    pub(in super::super) fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        for _ in 0..6000 {
            self.calm();
            if holds(self) {
                return;
            }
            self.objects.lock().now += SignedDuration::from_millis(100);
        }
        panic!("{what} did not come: {:#?}", self.objects.lock().objects.keys());
    }
}

impl Objects {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics while it holds this")
    }

    /// All objects of a kind.
    pub(in super::super) fn all(&self, kind: &str) -> Vec<Value> {
        let state = self.lock();
        state.objects.iter().filter(|(id, _)| id.kind == kind).map(|(_, one)| one.clone()).collect()
    }
}

impl State {
    fn put(&mut self, id: ObjectId, mut object: Value) -> Value {
        self.number += 1;
        self.writes += 1;
        object["metadata"]["resourceVersion"] = json!(self.number.to_string());
        let new = Some(object.to_string().into_bytes().into());
        self.changes.push_back(Told::Changed { id: id.clone(), new });
        self.objects.insert(id, object.clone());
        object
    }

    fn remove(&mut self, id: ObjectId) {
        self.writes += 1;
        self.objects.remove(&id);
        self.changes.push_back(Told::Changed { id, new: None });
    }

    fn create(&mut self, mut object: Value) -> Result<Value, Fault> {
        self.number += 1;
        if self.refuses == object["kind"].as_str() {
            return Err(Fault::Refused("forbidden: exceeded quota".to_owned()));
        }
        if meta::name(&object).is_empty() {
            let base = meta::text(&object, "generateName").to_owned();
            object["metadata"]["name"] = json!(format!("{base}{:05}", self.number));
        }
        let id = meta::id(&object).expect("a kind and a name");
        if self.objects.contains_key(&id) {
            return Err(Fault::Refused(format!("{id} already exists")));
        }
        if !id.namespace.is_empty() && id.kind != "Event" {
            let namespace = ObjectId::new("", "Namespace", "", &id.namespace);
            if self.objects.get(&namespace).is_none_or(meta::is_terminating) {
                return Err(Fault::Refused("the namespace goes away".to_owned()));
            }
        }
        object["metadata"]["uid"] = json!(format!("uid-{}", self.number));
        object["metadata"]["creationTimestamp"] = json!(stamp(self.now));
        object["metadata"]["generation"] = json!(1);
        match id.kind.as_str() {
            "Pod" | "PersistentVolumeClaim" => object["status"] = json!({"phase": "Pending"}),
            "Job" => {
                let uid = meta::uid(&object).to_owned();
                let labels = json!({"controller-uid": uid});
                object["spec"]["template"]["metadata"]["labels"] = labels;
                let standard = [("parallelism", 1), ("completions", 1), ("backoffLimit", 6)];
                for (key, number) in standard {
                    if let Some(spec) = map_mut(&mut object, "spec") {
                        spec.entry(key).or_insert(json!(number));
                    }
                }
            }
            _ => {}
        }
        Ok(self.put(id, object))
    }

    fn update(&mut self, mut object: Value, status: bool) -> Result<(), Fault> {
        let id = meta::id(&object).expect("a kind and a name");
        let live = self.objects.get(&id).ok_or(Fault::Stale)?.clone();
        if meta::resource_version(&live) != meta::resource_version(&object) {
            return Err(Fault::Stale);
        }
        if status {
            object["spec"] = live["spec"].clone();
        } else {
            object["status"] = live["status"].clone();
            if object["spec"] != live["spec"] {
                object["metadata"]["generation"] = json!(meta::generation(&live) + 1);
            }
        }
        if object == live {
            return Ok(());
        }
        self.end_or_put(id, object);
        Ok(())
    }

    fn end_or_put(&mut self, id: ObjectId, object: Value) {
        let held = !list(&object, "/metadata/finalizers").is_empty()
            || !list(&object, "/spec/finalizers").is_empty();
        let grace = super::super::read::count(&object, "/metadata/deletionGracePeriodSeconds");
        if meta::is_terminating(&object) && !held && grace == 0 {
            self.remove(id);
        } else {
            self.put(id, object);
        }
    }

    fn delete(&mut self, id: ObjectId, uid: &str, at_once: bool) -> Result<(), Fault> {
        let object = self.objects.get(&id).filter(|object| meta::uid(object) == uid);
        let mut object = object.ok_or(Fault::Stale)?.clone();
        let bound = id.kind == "Pod" && !text(&object, "/spec/nodeName").is_empty();
        let grace =
            if bound && !at_once && !super::super::pods::is_finished(&object) { 30 } else { 0 };
        if !meta::is_terminating(&object) {
            object["metadata"]["deletionTimestamp"] = json!(stamp(self.now));
        } else if !at_once {
            return Ok(());
        }
        object["metadata"]["deletionGracePeriodSeconds"] = json!(grace);
        self.end_or_put(id, object);
        Ok(())
    }
}

impl Cluster for Objects {
    fn now(&self) -> Timestamp {
        self.lock().now
    }

    fn kinds(&self) -> Vec<GroupKind> {
        let state = self.lock();
        let mut kinds: Vec<GroupKind> = state.objects.keys().map(ObjectId::group_kind).collect();
        kinds.extend(
            ["Deployment", "ReplicaSet", "StatefulSet"].map(|kind| GroupKind::new("apps", kind)),
        );
        kinds.extend(["ConfigMap", "Pod", "Service"].map(|kind| GroupKind::new("", kind)));
        kinds.push(GroupKind::new("batch", "Job"));
        kinds.sort();
        kinds.dedup();
        kinds
    }

    fn get(&self, id: &ObjectId) -> Option<Value> {
        self.lock().objects.get(id).cloned()
    }

    fn list(&self, kind: &GroupKind, namespace: Option<&str>) -> Vec<Value> {
        let state = self.lock();
        let wanted = |id: &ObjectId| {
            id.group_kind() == *kind && namespace.is_none_or(|namespace| id.namespace == namespace)
        };
        state.objects.iter().filter(|(id, _)| wanted(id)).map(|(_, one)| one.clone()).collect()
    }

    fn perform(&self, _: Actor, action: Action) -> Result<Value, Fault> {
        let mut state = self.lock();
        match action {
            Action::Create { object, .. } => return state.create(object),
            Action::Update(object) | Action::Finalize(object) => state.update(object, false)?,
            Action::UpdateStatus(object) => state.update(object, true)?,
            Action::Scale { id, replicas } => {
                let mut object = state.objects.get(&id).ok_or(Fault::Stale)?.clone();
                object["spec"]["replicas"] = json!(replicas);
                state.update(object, false)?;
            }
            Action::Bind { pod, node } => {
                let mut object = state.objects.get(&pod).ok_or(Fault::Stale)?.clone();
                object["spec"]["nodeName"] = json!(node);
                state.update(object, false)?;
            }
            Action::Delete { id, uid, at_once, .. } => state.delete(id, &uid, at_once)?,
            Action::Tell(_) | Action::WakeAt(_) => {}
        }
        Ok(Value::Null)
    }
}
