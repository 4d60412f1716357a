//! Supervised tasks: a task that dies takes the process with it, instead of vanishing.

use std::future::Future;

use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Starts and awaits the long-lived tasks of the process.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    /// Cancelled when the process is to stop; every task ends soon after.
    pub stop: CancellationToken,
}

impl Tasks {
    /// Starts a task. When it ends before `stop` is cancelled, or panics, the process is told to
    /// stop: half a controller is worse than none.
    #[expect(clippy::disallowed_methods, reason = "this is the supervised spawn")]
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        let guard = stop.clone().drop_guard();
        let running = tokio::spawn(task);
        self.tracker.spawn(async move {
            let ended = running.await;
            if stop.is_cancelled() {
                return;
            }
            match ended {
                Ok(()) => tracing::error!(task = name, "task ended, stopping the process"),
                Err(cause) => {
                    tracing::error!(task = name, %cause, "task died, stopping the process")
                }
            }
            drop(guard);
        });
    }

    /// Asks every task to end and waits for them.
    pub async fn shut_down(&self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}
