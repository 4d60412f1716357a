//! What one mirror knows: what is followed, what polls have said, which commits are open.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Weak},
    time::Duration,
};

use futures::future::{BoxFuture, WeakShared};
use tokio::time::Instant;

use crate::{
    source::{
        RepoAccess, Revision, Snapshot, SourceError, Target, error::Subject,
        generation::Generation, snapshot::OpenError,
    },
    worker::git_fetch::Answer,
};

/// A target that nobody asked for this long is not part of polls any more.
const INTEREST_MAX: Duration = Duration::from_secs(15 * 60);
/// Targets that one mirror follows at most; the least recently asked go first.
const TARGETS_MAX: usize = 10_000;

/// One poll, shared by all who wait for it. It runs as long as one of them does.
pub(super) type Poll = BoxFuture<'static, ()>;

/// The state of one mirror, behind its lock.
pub(super) struct State {
    /// As the last caller gave it: certificates and proxies may change.
    pub(super) access: RepoAccess,
    pub(super) last_used: Instant,
    /// What is followed, and when it was last asked for.
    pub(super) targets: HashMap<Target, Instant>,
    /// Commits that somebody waits for.
    pub(super) commits: BTreeSet<String>,
    /// What polls have said about targets and commits.
    pub(super) found: HashMap<Target, Seen<Revision>>,
    pub(super) brought: HashMap<String, Seen<()>>,
    pub(super) running: Option<WeakShared<Poll>>,
    /// The last poll got no answer.
    pub(super) doubtful: bool,
    pub(super) current: Option<Arc<Generation>>,
    pub(super) open: HashMap<String, Weak<Snapshot>>,
}

/// The answer of a poll that started at `at`.
#[derive(Clone)]
pub(super) struct Seen<T> {
    pub(super) at: Instant,
    pub(super) answer: Result<T, SourceError>,
}

impl<T: Clone> Seen<T> {
    /// The answer, when it is new enough; failures age faster.
    pub(super) fn since(
        &self,
        since: Instant,
        failures_since: Instant,
    ) -> Option<Result<T, SourceError>> {
        let since = if self.answer.is_ok() { since } else { since.max(failures_since) };
        (self.at >= since).then(|| self.answer.clone())
    }
}

/// What one poll is to find and bring.
pub(super) struct Wanted {
    pub(super) access: RepoAccess,
    pub(super) targets: Vec<Target>,
    pub(super) commits: Vec<String>,
}

impl State {
    /// Nothing is followed yet.
    pub(super) fn new(access: RepoAccess, current: Option<Arc<Generation>>) -> Self {
        Self {
            access,
            last_used: Instant::now(),
            targets: HashMap::new(),
            commits: BTreeSet::new(),
            found: HashMap::new(),
            brought: HashMap::new(),
            running: None,
            doubtful: false,
            current,
            open: HashMap::new(),
        }
    }

    /// Opens a commit from the current generation; one that is open already is shared.
    pub(super) fn open(&mut self, commit: &str) -> Result<Arc<Snapshot>, OpenError> {
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
    pub(super) fn forget(&mut self) {
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

    pub(super) fn wanted(&self) -> Wanted {
        let mut targets: Vec<Target> = self.targets.keys().cloned().collect();
        targets.sort_unstable();
        let commits = self.commits.iter().cloned().collect();
        Wanted { access: self.access.clone(), targets, commits }
    }

    /// Takes over what a poll has said.
    pub(super) fn note(
        &mut self,
        about: &Subject,
        at: Instant,
        wanted: Wanted,
        outcome: Result<Answer, SourceError>,
    ) {
        for commit in &wanted.commits {
            self.commits.remove(commit);
        }
        let silent = |error: &SourceError| {
            matches!(error, SourceError::Timeout { .. } | SourceError::Unreachable { .. })
        };
        self.doubtful = outcome.as_ref().is_err_and(silent);
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
