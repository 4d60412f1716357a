//! All mirrors of this process.

use std::{
    collections::HashMap,
    fmt::Write,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sha2::{Digest, Sha256};
use tokio::{sync::Semaphore, time::Instant};

use super::{
    CommitInfo, RepoAccess, Snapshot, SourceError, Target,
    error::{Detail, Subject},
    mirror::Mirror,
    url,
};
use crate::worker::{Enforcement, Launcher, Limits};

/// Bytes of a SHA-256 that name a mirror's directory.
const NAME_BYTES: usize = 16;
/// A mirror that nobody asked for this long is forgotten, and removed from disk.
const UNUSED_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// A mirror on disk that nobody polled for this long is removed at the start.
const STALE_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Polls at the same time of repositories that did not answer the last time.
const DOUBTFUL_POLLS_MAX: usize = 4;

/// Limits and settings of all mirrors.
#[derive(Debug, Clone)]
pub struct MirrorOptions {
    /// Starts the children that poll.
    pub launcher: Launcher,
    /// From the start of a poll to its end.
    pub deadline: Duration,
    /// To connect to a server.
    pub connect_max: Duration,
    /// Longest silence of a server.
    pub silence_max: Duration,
    /// Size of one mirror on disk, in bytes.
    pub mirror_bytes_max: u64,
    /// Memory of a polling child, in bytes.
    pub memory_bytes_max: u64,
    /// Packs in one mirror; each fetch adds one. Above it the mirror is made anew.
    pub packs_max: usize,
    /// Polls at the same time of repositories that are well.
    pub polls_max: usize,
    /// How long a failed poll answers for those who do not need a newer one.
    pub failure_age_max: Duration,
    /// Told of every poll, for metrics.
    pub observer: Option<Observer>,
}

/// One poll that ended.
#[derive(Debug, Clone, Copy)]
pub struct Polled<'a> {
    /// The repository, without credentials.
    pub repository: &'a str,
    /// From the start of the child to its end.
    pub took: Duration,
    /// The part of it in which commits were fetched; zero when there was nothing to fetch.
    pub fetching: Duration,
    /// False when it got no answer.
    pub ok: bool,
}

/// Told of polls; must be quick.
#[derive(Clone)]
pub struct Observer(Arc<dyn Fn(Polled<'_>) + Send + Sync>);

impl Observer {
    /// Calls `tell` for every poll.
    pub fn new(tell: impl Fn(Polled<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    pub(super) fn tell(&self, polled: Polled<'_>) {
        (self.0)(polled);
    }
}

impl std::fmt::Debug for Observer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Observer")
    }
}

impl MirrorOptions {
    /// The settings that fit a usual installation.
    pub fn new(launcher: Launcher) -> Self {
        Self {
            launcher,
            deadline: Duration::from_secs(120),
            connect_max: Duration::from_secs(15),
            silence_max: Duration::from_secs(30),
            mirror_bytes_max: 2 * 1024 * 1024 * 1024,
            memory_bytes_max: 2 * 1024 * 1024 * 1024,
            packs_max: 100,
            polls_max: 8,
            failure_age_max: Duration::from_secs(5),
            observer: None,
        }
    }

    pub(super) fn limits(&self) -> Limits {
        Limits {
            deadline: self.deadline,
            memory_bytes_max: self.memory_bytes_max,
            output_bytes_max: OUTPUT_BYTES_MAX,
            file_bytes_max: self.mirror_bytes_max,
        }
    }
}

/// The answer of a poll: one line per revision that is followed.
const OUTPUT_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// How new an answer has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// An answer that was asked for at most this long ago will do.
    AtMost(Duration),
    /// Only what the server says after this call.
    Now,
}

/// What a target revision means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// The commit, full id.
    pub commit: String,
    /// Full name of the ref it was found by, `refs/heads/main`; empty for a commit id.
    pub reference: String,
}

/// All mirrors below one directory. Cloning is cheap and shares them.
#[derive(Debug, Clone)]
pub struct Mirrors {
    shared: Arc<Shared>,
}

/// What all mirrors share.
#[derive(Debug)]
pub(super) struct Shared {
    home: PathBuf,
    pub(super) options: MirrorOptions,
    mirrors: Mutex<HashMap<String, Arc<Mirror>>>,
    /// Bounds the polls that run at the same time.
    pub(super) polls: Semaphore,
    /// Bounds the polls of repositories that did not answer the last time: they have a lane of
    /// their own, so that many dead servers do not hold up those that live.
    pub(super) doubtful_polls: Semaphore,
    /// How far the kernel confined the last child.
    enforcement: Mutex<Option<Enforcement>>,
}

impl Shared {
    pub(super) fn set_enforcement(&self, level: Enforcement) {
        *self.enforcement.lock().unwrap_or_else(PoisonError::into_inner) = Some(level);
    }
}

impl Mirrors {
    /// Keeps mirrors in `data_dir/git`. The directory is made; what is in it is used again.
    pub fn new(data_dir: &Path, options: MirrorOptions) -> io::Result<Self> {
        let home = data_dir.join("git");
        fs::create_dir_all(&home)?;
        // Children get their paths from here, and their working directory is not ours.
        let home = home.canonicalize()?;
        remove_stale(&home)?;
        let polls = Semaphore::new(options.polls_max.max(1));
        let (mirrors, enforcement) = (Mutex::default(), Mutex::default());
        let doubtful_polls = Semaphore::new(DOUBTFUL_POLLS_MAX);
        let shared = Shared { home, options, mirrors, polls, doubtful_polls, enforcement };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Finds the commit that `target` means, and brings it into the mirror.
    ///
    /// Calls for one mirror share polls: whoever comes while one waits to start or runs gets its
    /// answer. Dropping the future gives up this caller's interest only; the poll is killed when
    /// nobody waits for it.
    pub async fn resolve(
        &self,
        access: &RepoAccess,
        target: impl Into<Target>,
        freshness: Freshness,
    ) -> Result<Revision, SourceError> {
        let asked = Instant::now();
        let since = match freshness {
            Freshness::AtMost(age) => asked.checked_sub(age).unwrap_or(asked),
            Freshness::Now => asked,
        };
        let answer = self.mirror(access)?.resolve(&self.shared, &target.into(), since).await;
        // Who shares a mirror may spell its URL in another way.
        answer.map_err(|error| error.spelled(&access.url))
    }

    /// Opens a commit by its full id; fetches it when the mirror does not have it.
    pub async fn snapshot(
        &self,
        access: &RepoAccess,
        commit: &str,
    ) -> Result<Arc<Snapshot>, SourceError> {
        let answer = self.mirror(access)?.snapshot(&self.shared, commit).await;
        answer.map_err(|error| error.spelled(&access.url))
    }

    /// Author, date and message of a commit, given by its full id; fetches it when needed.
    pub async fn commit_info(
        &self,
        access: &RepoAccess,
        commit: &str,
    ) -> Result<CommitInfo, SourceError> {
        Ok(self.snapshot(access, commit).await?.info().clone())
    }

    /// How far the kernel confined the last poll; `None` before the first one.
    pub fn enforcement(&self) -> Option<Enforcement> {
        *self.shared.enforcement.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The mirror for a repository and its credentials.
    fn mirror(&self, access: &RepoAccess) -> Result<Arc<Mirror>, SourceError> {
        let id = identity(access);
        let home = self.shared.home.join(&id);
        let about = Subject {
            repository: url::redacted(&access.url),
            directory: home.display().to_string(),
            bytes_max: self.shared.options.mirror_bytes_max,
        };
        if url::canonical(&access.url).starts_with("http://") && has_credentials(access) {
            return Err(SourceError::PlainHttp { repository: about.repository });
        }
        let mut mirrors = self.shared.mirrors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mirror) = mirrors.get(&id) {
            mirror.used(access);
            return Ok(Arc::clone(mirror));
        }
        // Credentials that were replaced leave a mirror behind that nobody asks for.
        mirrors.retain(|_, mirror| !mirror.is_unused(UNUSED_MAX) || !mirror.remove());
        let mirror =
            Mirror::open(home, about.clone(), access).map_err(|cause| SourceError::Disk {
                repository: about.repository,
                directory: about.directory,
                cause: Detail(cause.to_string().into()),
            })?;
        let mirror = Arc::new(mirror);
        mirrors.insert(id, Arc::clone(&mirror));
        Ok(mirror)
    }
}

/// Removes mirrors that no process has polled into for a long time: their repositories or their
/// credentials are not in use any more.
fn remove_stale(home: &Path) -> io::Result<()> {
    for entry in fs::read_dir(home)? {
        let entry = entry?;
        // Every poll makes and removes a directory in it.
        let age = entry.metadata()?.modified()?.elapsed().unwrap_or_default();
        if age > STALE_MAX {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

fn has_credentials(access: &RepoAccess) -> bool {
    access.basic.is_some() || access.bearer.is_some()
}

/// The name of a mirror's directory: same repository, however its URL is spelled, and same
/// credentials, same mirror. Nobody
/// reads with other credentials what was fetched with these.
fn identity(access: &RepoAccess) -> String {
    let RepoAccess { basic, bearer, ssh_key, client_identity, .. } = access;
    let flags = (access.insecure_tls, access.insecure_host_key);
    let who = (url::canonical(&access.url), basic, bearer, ssh_key, client_identity, flags);
    let bytes = serde_json::to_vec(&who).expect("strings and flags have a JSON form");
    let digest = Sha256::digest(&bytes);
    digest.iter().take(NAME_BYTES).fold(String::new(), |mut name, byte| {
        let _ = write!(name, "{byte:02x}");
        name
    })
}
