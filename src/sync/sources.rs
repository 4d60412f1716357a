//! Repositories, who reads which revision of them, and the polls that all readers share.
//!
//! A pass never polls: it asks what the last poll said. A poll that finds a moved reference wakes
//! the applications that read it, and no others.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};

use futures::future::join_all;
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{later::Later, readers::Readers, tasks::Tasks};
use crate::{
    object::{Tree, Turn},
    render::Rendered,
    source::{
        Freshness, Mirrors, RepoAccess, Revision, Snapshot, SourceError, Target,
        credentials::{CredentialBook, CredentialError},
        url::{canonical, url_matches},
    },
};

/// Called with the name of an application whose sources moved.
pub(crate) type Wake = Arc<dyn Fn(&str) + Send + Sync>;

/// The first pause after a poll that failed; doubles up to the poll interval.
const FAILED_PAUSE: Duration = Duration::from_secs(1);
/// Share of the poll interval by which polls of different repositories are spread.
const JITTER_PCT: u32 = 20;

/// Why a repository can't be read.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Trouble {
    /// Its Secret can't be used.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// The repository, the network or the revision.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Its settings changed while it was read; it is read again.
    #[error("the settings of repository {0} have changed, it is read again")]
    Changed(String),
}

impl Trouble {
    /// The same trouble, with the URL as `place` spells it.
    fn spelled(&self, place: &Place) -> Arc<Self> {
        Arc::new(match self {
            Self::Credentials(cause) => Self::Credentials(cause.clone()),
            Self::Source(cause) => Self::Source(cause.clone().spelled(&place.url)),
            Self::Changed(_) => Self::Changed(place.url.clone()),
        })
    }

    /// Says who has to act.
    pub(crate) fn turn(&self) -> Turn {
        match self {
            Self::Credentials(_) => Turn::Operator,
            Self::Source(cause) => cause.turn(),
            Self::Changed(_) => Turn::Cluster,
        }
    }
}

/// A repository as an application of a project reaches it: credentials depend on both.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Project of the application.
    pub(crate) project: String,
    /// URL as the application writes it.
    pub(crate) url: String,
}

/// What makes two places one: the project, and the URL however it is spelled.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    project: String,
    url: String,
}

impl Place {
    fn key(&self) -> Key {
        Key { project: self.project.clone(), url: canonical(&self.url) }
    }
}

/// What the polls know about one revision of one repository.
#[derive(Debug, Clone, Default)]
struct Known {
    /// The last commit that was found.
    good: Option<Revision>,
    /// Why the last poll did not find one.
    trouble: Option<Arc<Trouble>>,
}

/// How many polls have begun and how many of them have ended.
#[derive(Debug, Clone, Copy, Default)]
struct Polls {
    begun: u64,
    ended: u64,
}

/// One repository that somebody reads.
#[derive(Debug)]
struct Repository {
    /// As its first reader spells it.
    place: Place,
    access: Result<RepoAccess, CredentialError>,
    readers: Mutex<Readers>,
    known: Mutex<HashMap<Target, Known>>,
    bell: Notify,
    /// Number of polls that have begun and ended.
    polls: watch::Sender<Polls>,
    /// Cancelled when nobody reads it any more.
    abandoned: CancellationToken,
}

/// All repositories that somebody reads.
pub(crate) struct Sources {
    mirrors: Mirrors,
    credentials: RwLock<Arc<CredentialBook>>,
    repositories: Mutex<HashMap<Key, Arc<Repository>>>,
    tasks: Tasks,
    wake: Wake,
    interval: Duration,
}

/// The readers of what a poll found moved, and the commits that they will look at.
#[derive(Debug, Default)]
struct Moved {
    concerned: BTreeSet<String>,
    others: BTreeSet<String>,
    open: Vec<Arc<Snapshot>>,
}

/// A commit, and what is wrong with the repository although the commit is known.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// The commit.
    pub(crate) commit: String,
    /// Why the last poll failed; the commit is the one before.
    pub(crate) trouble: Option<Arc<Trouble>>,
}

impl Sources {
    /// No repositories yet.
    pub(crate) fn new(mirrors: Mirrors, tasks: Tasks, wake: Wake, interval: Duration) -> Self {
        Self {
            mirrors,
            credentials: RwLock::default(),
            repositories: Mutex::default(),
            tasks,
            wake,
            interval,
        }
    }

    /// Takes over credentials; readers of repositories whose access changed are polled anew.
    pub(crate) fn set_credentials(&self, credentials: CredentialBook) {
        *self.credentials.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(credentials);
        let mut stale = BTreeSet::new();
        self.lock().retain(|_, repository| {
            let same = repository.access == self.access(&repository.place);
            if !same {
                stale.extend(repository.abandon());
            }
            same
        });
        for app in &stale {
            (self.wake)(app);
        }
    }

    fn access(&self, place: &Place) -> Result<RepoAccess, CredentialError> {
        let credentials = self.credentials.read().unwrap_or_else(PoisonError::into_inner);
        credentials.access(&place.url, &place.project)
    }

    /// Makes `app` a reader of exactly these revisions.
    pub(crate) fn read_by(self: &Arc<Self>, app: &str, wanted: &[(Place, Target)]) {
        let mut repositories = self.lock();
        let wanted: Vec<(Key, &Place, &Target)> =
            wanted.iter().map(|(place, target)| (place.key(), place, target)).collect();
        repositories.retain(|key, repository| {
            let mine = wanted.iter().filter(|(wanted, ..)| wanted == key);
            let targets: Vec<&Target> = mine.map(|(.., target)| *target).collect();
            repository.keep_readers(app, &targets)
        });
        for (key, place, target) in wanted {
            let repository = repositories.entry(key).or_insert_with(|| {
                let repository = Repository::new(place.clone(), self.access(place));
                let repository = Arc::new(repository);
                let polls = Arc::clone(self).poll(Arc::clone(&repository));
                self.tasks.spawn_transient(polls);
                repository
            });
            if repository.add_reader(app, target) {
                repository.bell.notify_one();
            }
        }
    }

    /// The commit that a revision means. The first question about one that is read waits for its
    /// first poll; one that nobody reads is asked for once.
    pub(crate) async fn resolve(
        &self,
        place: &Place,
        target: &Target,
    ) -> Result<Found, Arc<Trouble>> {
        let repository = self.lock().get(&place.key()).cloned();
        let Some(repository) = repository.filter(|repository| repository.is_read(target)) else {
            let found = self.ask(&self.access(place), target).await.map_err(Arc::new)?;
            return Ok(Found { commit: found.commit, trouble: None });
        };
        let mut polls = repository.polls.subscribe();
        loop {
            let known = repository.known(target).unwrap_or_default();
            match (known.good, known.trouble) {
                (Some(good), trouble) => {
                    let trouble = trouble.map(|trouble| trouble.spelled(place));
                    return Ok(Found { commit: good.commit, trouble });
                }
                (None, Some(trouble)) => return Err(trouble.spelled(place)),
                (None, None) => {}
            }
            tokio::select! {
                _ = polls.changed() => {}
                () = repository.abandoned.cancelled() => {
                    return Err(Arc::new(Trouble::Changed(place.url.clone())));
                }
            }
        }
    }

    async fn ask(
        &self,
        access: &Result<RepoAccess, CredentialError>,
        target: &Target,
    ) -> Result<Revision, Trouble> {
        let access = access.as_ref().map_err(Clone::clone)?;
        Ok(self.mirrors.resolve(access, target.clone(), Freshness::Now).await?)
    }

    /// The files of a commit.
    pub(crate) async fn snapshot(
        &self,
        place: &Place,
        commit: &str,
    ) -> Result<Arc<Snapshot>, Arc<Trouble>> {
        let access = self.access(place).map_err(|cause| Arc::new(cause.into()))?;
        self.mirrors.snapshot(&access, commit).await.map_err(|cause| Arc::new(cause.into()))
    }

    /// Polls the repositories of one application now and waits for the answers.
    pub(crate) async fn poll_now(&self, app: &str) {
        let mine: Vec<Arc<Repository>> =
            self.lock().values().filter(|repository| repository.has_reader(app)).cloned().collect();
        join_all(mine.iter().map(|repository| async {
            let mut polls = repository.polls.subscribe();
            // A poll that is under way may have begun before the push that is asked about: only
            // one that begins from here on counts.
            let wanted = polls.borrow_and_update().begun + 1;
            repository.bell.notify_one();
            let ended = polls.wait_for(|polls| polls.ended >= wanted);
            drop(ended.await);
        }))
        .await;
    }

    /// Somebody pushed to a repository: polls it now. Returns its readers.
    pub(crate) fn pushed(&self, url: &str) -> Vec<String> {
        let repositories = self.lock();
        let mut readers = BTreeSet::new();
        for (key, repository) in repositories.iter() {
            if url_matches(&key.url, url) {
                readers.extend(repository.all_readers());
                repository.bell.notify_one();
            }
        }
        readers.into_iter().collect()
    }

    /// Nobody of this name reads anything any more.
    pub(crate) fn read_by_nobody(self: &Arc<Self>, app: &str) {
        self.read_by(app, &[]);
    }

    /// Polls one repository until nobody reads it.
    async fn poll(self: Arc<Self>, repository: Arc<Repository>) {
        let (mut failures, mut later) = (0_u32, Later::default());
        loop {
            // A server that says nothing must not hold up a stop: the worker ends with the look.
            let moved = tokio::select! {
                moved = self.look(&repository) => moved,
                () = repository.abandoned.cancelled() => return,
                () = self.tasks.stop.cancelled() => return,
            };
            let failed = repository.in_trouble();
            let url = &repository.place.url;
            failures = if failed { failures.saturating_add(1) } else { 0 };
            repository.polls.send_modify(|polls| polls.ended += 1);
            for app in &moved.concerned {
                (self.wake)(app);
            }
            if !moved.open.is_empty() {
                later.add(&moved.concerned, &moved.others, moved.open, Instant::now());
            }
            let due = Instant::now() + pause(self.interval, failures, url);
            loop {
                tokio::select! {
                    () = tokio::time::sleep_until(due) => break,
                    () = repository.bell.notified() => break,
                    app = later.next() => (self.wake)(&app),
                    () = repository.abandoned.cancelled() => return,
                    () = self.tasks.stop.cancelled() => return,
                }
            }
        }
    }

    /// One poll of everything that is read; returns the readers of what moved.
    async fn look(&self, repository: &Repository) -> Moved {
        repository.polls.send_modify(|polls| polls.begun += 1);
        let wanted = repository.lock_readers().targets();
        let answers =
            join_all(wanted.iter().map(|target| self.ask(&repository.access, target))).await;
        let mut moved = Moved::default();
        for (target, answer) in wanted.into_iter().zip(answers) {
            if !repository.learn(&target, answer) {
                continue;
            }
            let files = self.files(repository, &target).await;
            let tree = files.as_deref().map(|files| files as &dyn Tree);
            let concern = repository.lock_readers().judge(&target, tree);
            moved.concerned.extend(concern.concerned);
            moved.others.extend(concern.others);
            moved.open.extend(files);
        }
        let Moved { concerned, others, .. } = &mut moved;
        others.retain(|app| !concerned.contains(app));
        moved
    }

    /// The files of the commit that a target has come to; `None` while it is in trouble.
    async fn files(&self, repository: &Repository, target: &Target) -> Option<Arc<Snapshot>> {
        let known = repository.known(target)?;
        let commit = known.good.filter(|_| known.trouble.is_none())?.commit;
        let access = repository.access.as_ref().ok()?;
        self.mirrors.snapshot(access, &commit).await.ok()
    }

    /// Keeps what `app` rendered of the revisions that it reads, one result for each source, or
    /// that it is not known: a commit that changes nothing of it wakes the application later.
    pub(crate) fn rendered(
        &self,
        app: &str,
        read: &[(Place, Target)],
        renders: Option<&[Arc<Rendered>]>,
    ) {
        for (place, target) in read {
            let Some(repository) = self.lock().get(&place.key()).cloned() else { continue };
            let of_target = renders.map(|renders| {
                let same = |(place_too, target_too): &&(Place, Target)| {
                    place_too.key() == place.key() && target_too == target
                };
                let pairs = read.iter().zip(renders);
                pairs.filter(|(read, _)| same(read)).map(|(_, r)| Arc::clone(r)).collect()
            });
            repository.lock_readers().rendered(app, target, of_target);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Arc<Repository>>> {
        self.repositories.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The pause before the next poll: the interval, spread so that repositories are not polled in
/// step; less after a failure, growing back to the interval.
fn pause(interval: Duration, failures: u32, url: &str) -> Duration {
    if let Some(doublings) = failures.checked_sub(1) {
        let factor = 2_u32.checked_pow(doublings).unwrap_or(u32::MAX);
        return FAILED_PAUSE.checked_mul(factor).map_or(interval, |pause| pause.min(interval));
    }
    let spread: u32 = url.bytes().fold(0, |sum: u32, byte| sum.wrapping_mul(31) + u32::from(byte));
    interval * (100 - JITTER_PCT / 2 + spread % (JITTER_PCT + 1)) / 100
}

impl Repository {
    fn new(place: Place, access: Result<RepoAccess, CredentialError>) -> Self {
        Self {
            place,
            access,
            readers: Mutex::default(),
            known: Mutex::default(),
            bell: Notify::new(),
            polls: watch::Sender::new(Polls::default()),
            abandoned: CancellationToken::new(),
        }
    }

    fn lock_readers(&self) -> MutexGuard<'_, Readers> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_known(&self) -> MutexGuard<'_, HashMap<Target, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes `app` off every target but `targets`; false (and the polls end) when nobody is left.
    fn keep_readers(&self, app: &str, targets: &[&Target]) -> bool {
        let mut readers = self.lock_readers();
        let somebody = readers.keep(app, targets);
        self.lock_known().retain(|target, _| readers.reads(target));
        let abandoned = !somebody && targets.is_empty();
        if abandoned {
            self.abandoned.cancel();
        }
        !abandoned
    }

    /// Adds a reader; true when the target was not read before.
    fn add_reader(&self, app: &str, target: &Target) -> bool {
        self.lock_readers().add(app, target)
    }

    fn has_reader(&self, app: &str) -> bool {
        self.lock_readers().has(app)
    }

    fn is_read(&self, target: &Target) -> bool {
        self.lock_readers().reads(target)
    }

    fn all_readers(&self) -> BTreeSet<String> {
        self.lock_readers().all()
    }

    /// Ends the polls and returns who read the repository.
    fn abandon(&self) -> BTreeSet<String> {
        self.abandoned.cancel();
        self.all_readers()
    }

    fn known(&self, target: &Target) -> Option<Known> {
        self.lock_known().get(target).cloned()
    }

    fn in_trouble(&self) -> bool {
        self.lock_known().values().any(|known| known.trouble.is_some())
    }

    /// Takes over the answer of a poll; true when its readers have something new to look at.
    fn learn(&self, target: &Target, answer: Result<Revision, Trouble>) -> bool {
        let mut known = self.lock_known();
        let known = known.entry(target.clone()).or_default();
        match answer {
            Ok(found) => {
                let recovered = known.trouble.take().is_some();
                let moved = known.good.as_ref().is_none_or(|good| good.commit != found.commit);
                known.good = Some(found);
                recovered || moved
            }
            Err(trouble) => {
                let told = known.trouble.as_ref().map(ToString::to_string);
                let news = told.as_deref() != Some(trouble.to_string().as_str());
                known.trouble = Some(Arc::new(trouble));
                news
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polls_are_spread_and_failures_slow_down_to_the_interval() {
        let interval = Duration::from_secs(30);
        for url in ["https://a.example/x", "https://b.example/y", "https://c.example/z"] {
            let pause = pause(interval, 0, url);
            assert!(pause >= interval * 90 / 100 && pause <= interval * 110 / 100, "{pause:?}");
        }
        let seconds: Vec<u64> = (1..8).map(|n| pause(interval, n, "x").as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 30, 30]);
    }
}
