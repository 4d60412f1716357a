//! All applications: one entry and one task for each, born and ended by the watch on the resource.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::Value;
use tokio::sync::{Semaphore, watch};

use super::{context::Context, entry::Entry, pass, tasks::Tasks};
use crate::object::meta;

/// Passes that run side by side. A pass waits for the API server most of its time; more than this
/// would queue there.
const PASSES_AT_ONCE_MAX: usize = 32;

/// Time that a pass has to end when the process stops.
const PASS_GRACE: Duration = Duration::from_secs(5);

/// The applications by name.
#[derive(Debug)]
pub(crate) struct Fleet {
    entries: Mutex<HashMap<String, Arc<Entry>>>,
    slots: Semaphore,
    tasks: Tasks,
    /// Whether the list of applications is complete. Before it is, nobody can tell an object of an
    /// application that was deleted from one whose application comes further down the list.
    complete: watch::Sender<bool>,
}

impl Fleet {
    /// No applications yet.
    pub(crate) fn new(tasks: Tasks) -> Self {
        let slots = Semaphore::new(PASSES_AT_ONCE_MAX);
        Self { entries: Mutex::default(), slots, tasks, complete: watch::Sender::new(false) }
    }

    /// All applications that there are have been seen: passes may begin.
    pub(crate) fn listed(&self) {
        self.complete.send_if_modified(|complete| !std::mem::replace(complete, true));
    }

    /// One application by name.
    pub(crate) fn get(&self, name: &str) -> Option<Arc<Entry>> {
        self.lock().get(name).cloned()
    }

    /// All applications.
    pub(crate) fn all(&self) -> Vec<Arc<Entry>> {
        self.lock().values().cloned().collect()
    }

    /// Asks for a pass over one application.
    pub(crate) fn wake(&self, name: &str) {
        if let Some(entry) = self.get(name) {
            entry.wake();
        }
    }

    /// Asks for a pass over every application: something that all share has changed.
    pub(crate) fn wake_all(&self) {
        self.all().iter().for_each(|entry| entry.wake());
    }

    /// Asks for passes over the applications that wait for a kind, whenever kinds come or go.
    pub(crate) async fn follow_kinds(self: Arc<Self>, ctx: Arc<Context>) {
        let mut changes = ctx.cluster.discovery().changes();
        while changes.changed().await.is_ok() {
            self.all().iter().filter(|entry| entry.waits_for_kinds()).for_each(|e| e.wake());
        }
    }

    /// Takes over a resource as the watch has it.
    pub(crate) fn seen(self: &Arc<Self>, ctx: &Arc<Context>, resource: Value) {
        let name = meta::name(&resource).to_owned();
        let resource = ctx.publish(&name, resource);
        let mut entries = self.lock();
        if let Some(entry) = entries.get(&name) {
            if entry.update(resource) {
                entry.wake();
            }
            return;
        }
        let entry = Arc::new(Entry::new(&name, resource, &self.tasks.stop));
        entries.insert(name, Arc::clone(&entry));
        let run = Arc::clone(self).run(Arc::clone(ctx), entry);
        self.tasks.spawn_transient(run);
    }

    /// The resource is gone: nothing of the application is touched any more.
    pub(crate) fn gone(&self, ctx: &Context, name: &str) {
        let Some(entry) = self.lock().remove(name) else { return };
        entry.gone.cancel();
        entry.wait_for_kinds(None);
        ctx.board.remove(name);
        ctx.forget(name);
    }

    /// The task of one application: one pass at a time, whenever somebody asks for one.
    async fn run(self: Arc<Self>, ctx: Arc<Context>, entry: Arc<Entry>) {
        entry.wake();
        let mut complete = self.complete.subscribe();
        tokio::select! {
            listed = complete.wait_for(|complete| *complete) => drop(listed),
            () = entry.gone.cancelled() => return,
        }
        let mut next: Option<Duration> = None;
        loop {
            let timer = async {
                match next {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = entry.asked() => {}
                () = timer => {}
                () = entry.gone.cancelled() => return,
            }
            // A Git server that says nothing must not hold a slot that others need. Whatever is
            // asked meanwhile, the pass that follows answers.
            loop {
                tokio::select! {
                    () = pass::sources_known(&ctx, &entry) => break,
                    () = entry.asked() => {}
                    () = entry.gone.cancelled() => return,
                }
            }
            // The memory first: the status API may hold it for a moment, and a slot is for work.
            let mut memory = entry.memory.lock().await;
            let Ok(_slot) = self.slots.acquire().await else { return };
            let end = tokio::select! {
                end = pass::pass(&ctx, &entry, &mut memory) => end,
                () = patience(&entry) => return,
            };
            next = end.next;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Entry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a little after the application is gone or the process is to stop: a pass that is writing
/// may finish what it writes.
async fn patience(entry: &Entry) {
    entry.gone.cancelled().await;
    tokio::time::sleep(PASS_GRACE).await;
}
