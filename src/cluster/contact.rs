//! Whether the API server is there, concluded from what is asked and told anyway.
//!
//! While nothing changes no request is sent, and none is needed to know that the server is there:
//! each watch gets a bookmark every minute, and a connection that died is found by its pings and
//! ends its watches. Only a request without an answer, a watch that broke off, or a silence that no
//! healthy server keeps, is a reason to ask.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::Cluster;

/// An API server bookmarks each watch every minute. A longer silence is a reason to ask.
const SILENCE_MAX: Duration = Duration::from_secs(75);

/// When the server was last heard, and whether there is a reason to doubt that it is still there.
pub(super) struct Contact {
    heard: Mutex<Instant>,
    missed: Notify,
}

impl Default for Contact {
    fn default() -> Self {
        Self { heard: Mutex::new(Instant::now()), missed: Notify::new() }
    }
}

impl Contact {
    /// The server said something.
    pub(super) fn heard(&self) {
        *self.last() = Instant::now();
    }

    /// Something that the server should have said did not come.
    pub(super) fn missed(&self) {
        self.missed.notify_one();
    }

    /// Returns when there is a reason to ask whether the server is there.
    async fn doubted(&self) {
        loop {
            let limit = *self.last() + SILENCE_MAX;
            tokio::select! {
                () = self.missed.notified() => return,
                () = sleep_until(limit) => {
                    if Instant::now() >= *self.last() + SILENCE_MAX {
                        return;
                    }
                }
            }
        }
    }

    fn last(&self) -> MutexGuard<'_, Instant> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cluster {
    /// When the server was last heard: an answer, or an event of a watch.
    pub fn heard(&self) -> Instant {
        *self.contact().last()
    }

    /// Returns when there is a reason to ask the server whether it is there; may be dropped at any
    /// time. Sends nothing.
    pub async fn doubted(&self) {
        self.contact().doubted().await;
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_server_is_doubted_after_a_miss_or_a_long_silence_and_not_while_it_speaks() {
        let contact = Contact::default();
        contact.missed();
        assert!(contact.doubted().now_or_never().is_some());
        assert!(contact.doubted().now_or_never().is_none());

        let begin = Instant::now();
        let speaking = async {
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_mins(1)).await;
                contact.heard();
            }
        };
        tokio::join!(speaking, contact.doubted());
        assert_eq!(begin.elapsed(), Duration::from_mins(10) + SILENCE_MAX);
    }
}
