//! Applications that a new commit does not concern: they learn its name one after the other.
//!
//! In a repository of a thousand applications a commit changes one. If all of them wrote the name
//! of the commit into their status at once, the one that changed would wait for the others.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use crate::source::Snapshot;

/// All have learned it after this long, where each did not have to wait.
const TOLD_WITHIN: Duration = Duration::from_secs(30);
/// The longest pause between two of them.
const PAUSE_MAX: Duration = Duration::from_millis(100);
/// How long the files of a commit are held open after it was found: whoever looks at them opens
/// nothing. Opening reads the index of every pack.
const OPEN: Duration = Duration::from_secs(30);

/// Who waits to be woken.
#[derive(Debug, Default)]
pub(super) struct Later {
    waiting: VecDeque<String>,
    pause: Duration,
    /// When the next one is woken; `None` while nobody waits.
    next: Option<Instant>,
    /// The commits that all will look at, and until when they are held open.
    open: Vec<Arc<Snapshot>>,
    open_until: Option<Instant>,
}

impl Later {
    /// Takes over a new commit: those whom it concerns do not wait, the others do. Who waits
    /// already keeps the place.
    pub(super) fn add(
        &mut self,
        concerned: &BTreeSet<String>,
        others: &BTreeSet<String>,
        open: Vec<Arc<Snapshot>>,
        now: Instant,
    ) {
        self.waiting.retain(|app| !concerned.contains(app));
        let known: BTreeSet<String> = self.waiting.iter().cloned().collect();
        self.waiting.extend(others.iter().filter(|app| !known.contains(*app)).cloned());
        let count = u32::try_from(self.waiting.len()).unwrap_or(u32::MAX).max(1);
        self.pause = (TOLD_WITHIN / count).min(PAUSE_MAX);
        self.open = open;
        self.open_until = Some(now + OPEN);
        self.next = self.next.or(Some(now + self.pause)).filter(|_| !self.waiting.is_empty());
    }

    /// The next one to wake, when it is time; never returns while nobody waits.
    pub(super) async fn next(&mut self) -> String {
        loop {
            match [self.next, self.open_until].into_iter().flatten().min() {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
            let now = Instant::now();
            if self.open_until.is_some_and(|at| at <= now) {
                self.open.clear();
                self.open_until = None;
            }
            let Some(at) = self.next.filter(|at| *at <= now) else { continue };
            let app = self.waiting.pop_front();
            // A pause that was too long, on a busy machine, is made up for.
            self.next = Some(at + self.pause).filter(|_| !self.waiting.is_empty());
            if let Some(app) = app {
                return app;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(apps: std::ops::Range<usize>) -> BTreeSet<String> {
        apps.map(|app| format!("{app:04}")).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn all_are_woken_in_time_one_by_one_and_nobody_twice() {
        let (mut later, begin) = (Later::default(), Instant::now());
        later.add(&names(0..1), &names(1..1000), Vec::new(), begin);
        let mut woken = Vec::new();
        for _ in 0..400 {
            woken.push(later.next().await);
        }
        // The next commit concerns one who waits, and one who has been woken.
        later.add(&names(999..1000), &names(0..999), Vec::new(), Instant::now());
        for _ in 0..999 {
            woken.push(later.next().await);
        }
        assert!(begin.elapsed() <= TOLD_WITHIN * 2, "{:?}", begin.elapsed());
        assert!(begin.elapsed() >= TOLD_WITHIN, "{:?}", begin.elapsed());
        let all: BTreeSet<String> = woken.iter().cloned().collect();
        assert_eq!(all, names(0..999));
        assert_eq!(woken.len(), 400 + 999);
        let nobody = tokio::time::timeout(TOLD_WITHIN + OPEN, later.next()).await;
        assert!(nobody.is_err() && later.open_until.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_do_not_wait_for_long() {
        let (mut later, begin) = (Later::default(), Instant::now());
        later.add(&names(0..0), &names(0..3), Vec::new(), begin);
        for _ in 0..3 {
            later.next().await;
        }
        assert_eq!(begin.elapsed(), PAUSE_MAX * 3);
    }
}
