//! One mirror: who waits for which revision, the poll that is under way, the commits that are open.

use std::{
    collections::{BTreeSet, HashMap},
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    RepoAccess, Revision, Snapshot, SourceError, Target,
    error::{Detail, Subject},
    generation::{Draft, Generation},
    mirrors,
    snapshot::OpenError,
};
use crate::worker::git_fetch::{Answer, GitFetch, Missing, Request, is_full_id};

/// A target that nobody asked for this long is not part of polls any more.
const INTEREST_MAX: Duration = Duration::from_secs(15 * 60);
/// Targets that one mirror follows at most; the least recently asked go first.
const TARGETS_MAX: usize = 10_000;

/// How long a poll waits for others who want to be part of it: one event wakes many.
const GATHER: Duration = Duration::from_millis(2);

/// One poll, shared by all who wait for it. It runs as long as one of them does.
type Poll = BoxFuture<'static, ()>;

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

struct State {
    /// As the last caller gave it: certificates and proxies may change.
    access: RepoAccess,
    last_used: Instant,
    /// What is followed, and when it was last asked for.
    targets: HashMap<Target, Instant>,
    /// Commits that somebody waits for.
    commits: BTreeSet<String>,
    /// What polls have said about targets and commits.
    found: HashMap<Target, Seen<Revision>>,
    brought: HashMap<String, Seen<()>>,
    running: Option<WeakShared<Poll>>,
    current: Option<Arc<Generation>>,
    open: HashMap<String, Weak<Snapshot>>,
}

/// The answer of a poll that started at `at`.
#[derive(Clone)]
struct Seen<T> {
    at: Instant,
    answer: Result<T, SourceError>,
}

impl<T: Clone> Seen<T> {
    /// The answer, when it is new enough; failures age faster.
    fn since(&self, since: Instant, failures_since: Instant) -> Option<Result<T, SourceError>> {
        let since = if self.answer.is_ok() { since } else { since.max(failures_since) };
        (self.at >= since).then(|| self.answer.clone())
    }
}

impl Mirror {
    /// Takes over what is on disk.
    pub(super) fn open(home: PathBuf, about: Subject, access: &RepoAccess) -> io::Result<Self> {
        let current = Generation::newest(&home)?.map(Arc::new);
        let state = State {
            access: access.clone(),
            last_used: Instant::now(),
            targets: HashMap::new(),
            commits: BTreeSet::new(),
            found: HashMap::new(),
            brought: HashMap::new(),
            running: None,
            current,
            open: HashMap::new(),
        };
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
        let permit = shared.polls.acquire().await;
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
                finished.outcome.map_err(|failure| {
                    SourceError::from_failure(&self.about, failure, &finished.stderr)
                })
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

/// What one poll is to find and bring.
struct Wanted {
    access: RepoAccess,
    targets: Vec<Target>,
    commits: Vec<String>,
}

impl State {
    /// Opens a commit from the current generation; one that is open already is shared.
    fn open(&mut self, commit: &str) -> Result<Arc<Snapshot>, OpenError> {
        if let Some(open) = self.open.get(commit).and_then(Weak::upgrade) {
            return Ok(open);
        }
        let current = self.current.as_ref().ok_or(OpenError::Absent)?;
        let opened = Snapshot::open(current, commit);
        if let Err(OpenError::Damaged(_)) = &opened {
            current.wear_out();
        }
        let opened = Arc::new(opened?);
        self.open.retain(|_, open| open.strong_count() > 0);
        self.open.insert(commit.to_owned(), Arc::downgrade(&opened));
        Ok(opened)
    }

    /// Drops what nobody has asked for in a long time.
    fn forget(&mut self) {
        self.targets.retain(|_, asked| asked.elapsed() <= INTEREST_MAX);
        if self.targets.len() > TARGETS_MAX {
            let mut asked: Vec<Instant> = self.targets.values().copied().collect();
            asked.sort_unstable_by(|a, b| b.cmp(a));
            let oldest = asked[TARGETS_MAX - 1];
            self.targets.retain(|_, asked| *asked >= oldest);
        }
        self.found.retain(|target, _| self.targets.contains_key(target));
        self.brought.retain(|_, seen| seen.at.elapsed() <= INTEREST_MAX);
    }

    fn wanted(&self) -> Wanted {
        let mut targets: Vec<Target> = self.targets.keys().cloned().collect();
        targets.sort_unstable();
        let commits = self.commits.iter().cloned().collect();
        Wanted { access: self.access.clone(), targets, commits }
    }

    /// Takes over what a poll has said.
    fn note(
        &mut self,
        about: &Subject,
        at: Instant,
        wanted: Wanted,
        outcome: Result<Answer, SourceError>,
    ) {
        for commit in &wanted.commits {
            self.commits.remove(commit);
        }
        let answer = match outcome {
            Ok(answer) => answer,
            Err(error) => {
                for target in wanted.targets {
                    self.found.insert(target, Seen { at, answer: Err(error.clone()) });
                }
                for commit in wanted.commits {
                    self.brought.insert(commit, Seen { at, answer: Err(error.clone()) });
                }
                return;
            }
        };
        for (target, found) in wanted.targets.into_iter().zip(answer.targets) {
            let answer = found
                .map(|found| Revision { commit: found.commit, reference: found.reference })
                .map_err(|missing| SourceError::missing(about, &target, missing));
            self.found.insert(target, Seen { at, answer });
        }
        for commit in wanted.commits {
            let answer = match answer.missing_commits.get(&commit) {
                None => Ok(()),
                Some(missing) => {
                    Err(SourceError::missing(about, &Target::from(commit.as_str()), *missing))
                }
            };
            self.brought.insert(commit, Seen { at, answer });
        }
    }
}
