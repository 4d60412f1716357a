//! All applications: one entry and one task for each, born and ended by the watch on the resource.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::Value;
use tokio::sync::{Semaphore, watch};

use super::{context::Context, entry::Entry, memory::Memory, pass, tasks::Tasks};
use crate::object::meta;

/// Passes that run side by side. A pass waits for the API server most of its time; more than this
/// would queue there.
const PASSES_AT_ONCE_MAX: usize = 32;

/// Time that a pass has to end when the process stops, or another replica takes over. Nothing is
/// written in it any more but what was on its way.
const PASS_GRACE: Duration = Duration::from_secs(5);

/// Pause before an application is read again that could not be read.
const READ_AGAIN: Duration = Duration::from_secs(1);

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

    /// How many applications this process acts for.
    pub(crate) fn acting(&self, ctx: &Context) -> usize {
        self.lock().keys().filter(|name| ctx.members.acts(name)).count()
    }

    /// The task of one application: passes while it is ours.
    async fn run(self: Arc<Self>, ctx: Arc<Context>, entry: Arc<Entry>) {
        let mut complete = self.complete.subscribe();
        tokio::select! {
            listed = complete.wait_for(|complete| *complete) => drop(listed),
            () = entry.gone.cancelled() => return,
        }
        loop {
            tokio::select! {
                () = ctx.members.acting(&entry.name) => {}
                () = entry.gone.cancelled() => return,
            }
            tokio::select! {
                () = Box::pin(begin(&ctx, &entry)) => self.serve(&ctx, &entry).await,
                () = over(&ctx, &entry) => {}
            }
            if entry.gone.is_cancelled() {
                return;
            }
            give_up(&ctx, &entry).await;
        }
    }

    /// One pass at a time, whenever somebody asks for one, as long as the application is ours.
    async fn serve(&self, ctx: &Context, entry: &Entry) {
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
                () = over(ctx, entry) => return,
            }
            // A Git server that says nothing must not hold a slot that others need. Whatever is
            // asked meanwhile, the pass that follows answers.
            loop {
                tokio::select! {
                    () = Box::pin(pass::sources_known(ctx, entry)) => break,
                    () = entry.asked() => {}
                    () = over(ctx, entry) => return,
                }
            }
            // The memory first: the status API may hold it for a moment, and a slot is for work.
            let mut memory = entry.memory.lock().await;
            let Ok(_slot) = self.slots.acquire().await else { return };
            // What a pass takes is there while it runs: there may be thousands of applications.
            let end = tokio::select! {
                end = Box::pin(pass::pass(ctx, entry, &mut memory)) => end,
                () = patience(ctx, entry) => return,
            };
            next = end.next;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Entry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes an application ready for its first pass here. Somebody else may have written what the
/// watch has not told yet, such as which kinds there are objects of.
async fn begin(ctx: &Context, entry: &Entry) {
    while ctx.members.were_accompanied() {
        match ctx.read_application(&entry.name).await {
            Ok(Some(resource)) => {
                entry.update(ctx.publish(&entry.name, resource));
                break;
            }
            // The watch will tell that it is gone.
            Ok(None) => {}
            Err(cause) => tracing::debug!(app = entry.name, %cause, "it was not read"),
        }
        tokio::time::sleep(READ_AGAIN).await;
    }
    // Nobody has waited for this replica before.
    let _ = entry.take_rung();
    entry.wake();
}

/// Forgets what only the one has to know who acts for an application.
async fn give_up(ctx: &Context, entry: &Entry) {
    *entry.memory.lock().await = Memory::default();
    entry.wait_for_kinds(None);
    entry.set_unmanaged(Vec::new());
    ctx.forget(&entry.name);
}

/// Ends when the application is gone, the process is to stop, or another replica takes over.
async fn over(ctx: &Context, entry: &Entry) {
    tokio::select! {
        () = entry.gone.cancelled() => {}
        () = ctx.members.over(&entry.name) => {}
    }
}

/// Ends a little after that: a pass that is writing may finish what it writes.
async fn patience(ctx: &Context, entry: &Entry) {
    over(ctx, entry).await;
    tokio::time::sleep(PASS_GRACE).await;
}
