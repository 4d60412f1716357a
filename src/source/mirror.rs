//! One mirror: who waits for which revision, and the poll that is under way.

mod state;

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::{
    FutureExt,
    future::{Shared, WeakShared},
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    RepoAccess, Revision, Snapshot, SourceError, Target,
    error::{Detail, Subject},
    generation::{Draft, Generation},
    mirrors,
};
use crate::worker::git_fetch::{Answer, GitFetch, Missing, Request, is_full_id};
use state::{Poll, State, Wanted};

/// How long a poll waits for others who want to be part of it: one event wakes many.
const GATHER: Duration = Duration::from_millis(2);

/// One mirror.
pub(super) struct Mirror {
    home: PathBuf,
    about: Subject,
    state: Mutex<State>,
    scratches: AtomicU64,
}

impl std::fmt::Debug for Mirror {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mirror").field("about", &self.about).finish_non_exhaustive()
    }
}

impl Mirror {
    /// Takes over what is on disk.
    pub(super) fn open(home: PathBuf, about: Subject, access: &RepoAccess) -> io::Result<Self> {
        let current = Generation::newest(&home)?.map(Arc::new);
        let state = State::new(access.clone(), current);
        Ok(Self { home, about, state: Mutex::new(state), scratches: AtomicU64::new(0) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that somebody uses it, with these settings.
    pub(super) fn used(&self, access: &RepoAccess) {
        let mut state = self.state();
        state.last_used = Instant::now();
        if state.access != *access {
            state.access = access.clone();
        }
    }

    /// True when nobody has used it for so long and nobody reads from it.
    pub(super) fn is_unused(&self, unused_max: Duration) -> bool {
        let state = self.state();
        let read = state.open.values().any(|open| open.strong_count() > 0);
        state.last_used.elapsed() > unused_max && !read
    }

    /// Removes its directory; false when that fails.
    pub(super) fn remove(&self) -> bool {
        fs::remove_dir_all(&self.home).is_ok()
    }

    /// See [`mirrors::Mirrors::resolve`]; answers of polls that started before `since` don't count.
    pub(super) async fn resolve(
        self: &Arc<Self>,
        shared: &Arc<mirrors::Shared>,
        target: &Target,
        since: Instant,
    ) -> Result<Revision, SourceError> {
        if is_full_id(&target.revision) {
            let commit = target.revision.to_ascii_lowercase();
            let commit = self.snapshot(shared, &commit).await?.info().commit.clone();
            return Ok(Revision { commit, reference: String::new() });
        }
        let failures_since = Instant::now().checked_sub(shared.options.failure_age_max);
        let failures_since = failures_since.unwrap_or(since);
        self.state().targets.insert(target.clone(), Instant::now());
        loop {
            let poll = {
                let mut state = self.state();
                let seen = state.found.get(target);
                if let Some(answer) = seen.and_then(|seen| seen.since(since, failures_since)) {
                    return answer;
                }
                self.join(shared, &mut state)
            };
            poll.await;
        }
    }

    /// See [`mirrors::Mirrors::snapshot`].
    pub(super) async fn snapshot(
        self: &Arc<Self>,
        shared: &Arc<mirrors::Shared>,
        commit: &str,
    ) -> Result<Arc<Snapshot>, SourceError> {
        if !is_full_id(commit) {
            let target = Target::from(commit);
            return Err(SourceError::missing(&self.about, &target, Missing::NoCommit));
        }
        let since = Instant::now();
        let failures_since = since.checked_sub(shared.options.failure_age_max).unwrap_or(since);
        loop {
            let (poll, unreadable) = {
                let mut state = self.state();
                let unreadable = match state.open(commit) {
                    Ok(snapshot) => return Ok(snapshot),
                    Err(cause) => cause,
                };
                let seen = state.brought.get(commit);
                match seen.and_then(|seen| seen.since(since, failures_since)) {
                    Some(Err(error)) => return Err(error),
                    // A poll has just brought it, and yet it cannot be read.
                    Some(Ok(())) => (None, unreadable),
                    None => {
                        state.commits.insert(commit.to_owned());
                        (Some(self.join(shared, &mut state)), unreadable)
                    }
                }
            };
            let Some(poll) = poll else { return Err(self.damaged(&unreadable.to_string())) };
            poll.await;
        }
    }

    fn damaged(&self, cause: &str) -> SourceError {
        SourceError::MirrorDamaged {
            repository: self.about.repository.clone(),
            directory: self.about.directory.clone(),
            cause: Detail(cause.into()),
        }
    }

    /// The poll that is under way, or a new one. A poll reads what is wanted when it starts, which
    /// may be after it has waited for its turn.
    fn join(self: &Arc<Self>, shared: &Arc<mirrors::Shared>, state: &mut State) -> Shared<Poll> {
        if let Some(running) = state.running.as_ref().and_then(WeakShared::upgrade) {
            return running;
        }
        let (mirror, shared) = (Arc::clone(self), Arc::clone(shared));
        let poll = async move { mirror.poll(&shared).await }.boxed().shared();
        state.running = poll.downgrade();
        poll
    }

    async fn poll(self: Arc<Self>, shared: &mirrors::Shared) {
        tokio::time::sleep(GATHER).await;
        let doubtful = self.state().doubtful;
        let lane = if doubtful { &shared.doubtful_polls } else { &shared.polls };
        let permit = lane.acquire().await;
        debug_assert!(permit.is_ok(), "the semaphore is never closed");
        let (started, wanted) = {
            let mut state = self.state();
            state.forget();
            (Instant::now(), state.wanted())
        };
        let outcome = self.run(shared, &wanted).await;
        let mut state = self.state();
        state.running = None;
        state.note(&self.about, started, wanted, outcome);
    }

    /// Polls into the current generation, or into a new one when there is none that will do.
    async fn run(&self, shared: &mirrors::Shared, wanted: &Wanted) -> Result<Answer, SourceError> {
        let current = self.state().current.clone().filter(|current| !current.is_worn());
        if let Some(current) = current {
            match self.launch(shared, wanted, current.dir.clone()).await {
                // It is a cache: make a new one.
                Err(SourceError::MirrorDamaged { cause, .. }) => {
                    tracing::warn!(repository = self.about.repository, %cause, "mirror is damaged");
                    current.wear_out();
                }
                outcome => {
                    let answer = outcome?;
                    let options = &shared.options;
                    if answer.packs > options.packs_max || answer.bytes > options.mirror_bytes_max {
                        current.wear_out();
                    }
                    return Ok(answer);
                }
            }
        }
        let previous = self.state().current.clone();
        let draft = Generation::prepare(&self.home, previous.as_deref());
        let draft = draft.map_err(|cause| self.disk(&cause))?;
        let answer = self.launch(shared, wanted, draft.dir.clone()).await?;
        if answer.bytes > shared.options.mirror_bytes_max {
            return Err(SourceError::TooLarge {
                repository: self.about.repository.clone(),
                bytes_max: self.about.bytes_max,
                cause: Detail(format!("what is followed has {} bytes", answer.bytes).into()),
            });
        }
        self.publish(draft)?;
        Ok(answer)
    }

    fn publish(&self, draft: Draft) -> Result<(), SourceError> {
        let generation = draft.publish().map_err(|cause| self.disk(&cause))?;
        let previous = self.state().current.replace(Arc::new(generation));
        if let Some(previous) = previous {
            previous.retire();
        }
        Ok(())
    }

    fn disk(&self, cause: &io::Error) -> SourceError {
        SourceError::Disk {
            repository: self.about.repository.clone(),
            directory: self.about.directory.clone(),
            cause: Detail(cause.to_string().into()),
        }
    }

    async fn launch(
        &self,
        shared: &mirrors::Shared,
        wanted: &Wanted,
        dir: PathBuf,
    ) -> Result<Answer, SourceError> {
        let scratch = self.scratch().map_err(|cause| self.disk(&cause))?;
        let options = &shared.options;
        let request = Request {
            remote: wanted.access.clone(),
            mirror: dir,
            scratch: scratch.0.clone(),
            targets: wanted.targets.clone(),
            commits: wanted.commits.clone(),
            connect_s_max: options.connect_max.as_secs().max(1),
            silence_s_max: options.silence_max.as_secs().max(1),
        };
        // Nothing cancels a poll but its being dropped, which kills it just as well.
        let cancel = CancellationToken::new();
        let launched = options.launcher.launch::<GitFetch>(request, options.limits(), &cancel);
        let started = Instant::now();
        let finished = launched.await;
        let outcome = match finished {
            Err(error) => Err(SourceError::from_worker(&self.about, &error)),
            Ok(finished) => {
                shared.set_enforcement(finished.enforcement);
                finished.outcome.map_err(|failure| SourceError::from_failure(&self.about, failure))
            }
        };
        if let Some(observer) = &options.observer {
            let fetching = outcome.as_ref().map_or(0, |answer| answer.fetching_ms);
            observer.tell(mirrors::Polled {
                repository: &self.about.repository,
                took: started.elapsed(),
                fetching: Duration::from_millis(fetching),
                ok: outcome.is_ok(),
            });
        }
        outcome
    }

    /// A directory for one run: it holds keys, so nobody else may enter, and it goes with the run.
    fn scratch(&self) -> io::Result<Scratch> {
        let number = self.scratches.fetch_add(1, Ordering::Relaxed);
        let scratch = Scratch(self.home.join(format!("run-{number}")));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&scratch.0)?;
        Ok(scratch)
    }
}

/// Removed when it is dropped.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
