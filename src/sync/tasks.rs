//! Supervised tasks: a task that dies takes the process with it, instead of vanishing.

use std::{
    future::Future,
    sync::{Arc, OnceLock},
};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Starts and awaits the long-lived tasks of the process.
#[derive(Debug, Clone)]
pub struct Tasks {
    tracker: TaskTracker,
    /// Cancelled when the process is to stop; every task ends soon after.
    pub stop: CancellationToken,
    /// The first death that nobody asked for.
    death: Arc<OnceLock<String>>,
}

impl Tasks {
    /// No tasks yet; `stop` ends them all.
    pub fn new(stop: CancellationToken) -> Self {
        Self { tracker: TaskTracker::new(), stop, death: Arc::default() }
    }

    /// Why the process has to stop although nobody asked for it.
    pub fn verdict(&self) -> Option<String> {
        self.death.get().cloned()
    }

    /// Stops the process: a task can't go on. `how` is what people are told.
    pub(crate) fn fail(&self, how: String) {
        self.died(how);
    }

    /// Notes the death of a task and stops the process.
    fn died(&self, how: String) {
        tracing::error!("{how}; the process stops");
        // Only the first death counts: the others follow from it.
        let _ = self.death.set(how);
        self.stop.cancel();
    }

    /// Starts a task. When it ends before `stop` is cancelled, or panics, the process is told to
    /// stop: half a controller is worse than none.
    #[expect(clippy::disallowed_methods, reason = "this is the supervised spawn")]
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let running = tokio::spawn(task);
        let tasks = self.clone();
        self.tracker.spawn(async move {
            match running.await {
                _ if tasks.stop.is_cancelled() => {}
                Ok(()) => tasks.died(format!("the task {name} ended")),
                Err(cause) => tasks.died(format!("the task {name} died: {cause}")),
            }
        });
    }

    /// Starts a task that follows something without end and may be dropped wherever it waits.
    pub fn follow(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.spawn(name, async move {
            tokio::select! {
                () = task => {}
                () = stop.cancelled() => {}
            }
        });
    }

    /// Starts a task that ends when its work is done. A panic in it still stops the process.
    #[expect(clippy::disallowed_methods, reason = "this is the supervised spawn")]
    pub fn spawn_transient(&self, task: impl Future<Output = ()> + Send + 'static) {
        let running = tokio::spawn(task);
        let tasks = self.clone();
        self.tracker.spawn(async move {
            if let Err(cause) = running.await
                && cause.is_panic()
            {
                tasks.died(format!("a task died: {cause}"));
            }
        });
    }

    /// Asks every task to end and waits for them.
    pub async fn shut_down(&self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_follows_without_end_is_no_reason_not_to_stop() {
        let tasks = Tasks::new(CancellationToken::new());
        tasks.follow("a watch", std::future::pending());
        tasks.shut_down().await;
        assert_eq!(tasks.verdict(), None);
    }

    #[tokio::test]
    async fn a_task_that_ends_by_itself_stops_the_process() {
        let tasks = Tasks::new(CancellationToken::new());
        tasks.follow("a watch", std::future::ready(()));
        tasks.stop.cancelled().await;
        assert_eq!(tasks.verdict().as_deref(), Some("the task a watch ended"));
        tasks.shut_down().await;
    }
}
