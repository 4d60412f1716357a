//! Job `git-fetch`: one poll of one remote repository.
//!
//! A poll is one ref advertisement, narrowed by prefixes to what the wanted revisions can mean.
//! Over the same connection, and only when a wanted commit is not in the mirror yet, one pack is
//! fetched with exactly the missing commits and no history (`deepen 1`): protocol version 2 lets a
//! client ask for any commit by its id, so an older commit for a rollback is one more such fetch.
//! Where a server refuses that (protocol version 0 and 1, some version 2 servers) or a revision is
//! an abbreviated id, the whole history of branches and tags is fetched once instead.
//!
//! A mirror never holds half a commit: a pack counts from the moment its index is renamed into
//! place, which is after the last of its objects was verified.

mod failure;
mod mirror;
mod range;
mod receive;
mod remote;
mod revision;

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf, time::Instant};

use gix::{ObjectId, protocol::transport::Protocol};
use serde::{Deserialize, Serialize};

use super::{Job, Progress, Sandbox, Secret};
use mirror::Mirror;
use receive::History;
use remote::Connection;

pub use failure::{Failure, FailureKind};
pub use mirror::open as open_mirror;
pub use revision::{ABBREVIATED_CHARS_MIN, Missing, Target, is_full_id};

/// The job itself.
#[derive(Debug)]
pub struct GitFetch;

/// How to reach and to enter a remote repository.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RepoAccess {
    /// Where it is: `https://`, `http://`, `ssh://`, `git://`, `file://`, or `user@host:path`.
    /// Without a password.
    pub url: String,
    /// For https: user and password, or a token as password.
    pub basic: Option<(String, Secret)>,
    /// For https: a token sent as `Authorization: Bearer`.
    pub bearer: Option<Secret>,
    /// For ssh: the private key, in the form of OpenSSH.
    pub ssh_key: Option<Secret>,
    /// For ssh: the keys of known hosts, in the form of OpenSSH.
    pub known_hosts: String,
    /// For ssh: accept any host key.
    pub insecure_host_key: bool,
    /// For https: accept any server certificate.
    pub insecure_tls: bool,
    /// For https: the only authorities to trust, PEM; the system's when `None`.
    pub ca_pem: Option<String>,
    /// For https: our certificate and its key, PEM.
    pub client_identity: Option<(String, Secret)>,
    /// For https and http: the proxy to go through.
    pub proxy: Option<Secret>,
    /// Hosts that are reached without [`RepoAccess::proxy`], separated by commas.
    pub no_proxy: String,
}

/// What a poll is asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    /// The repository.
    pub remote: RepoAccess,
    /// Directory of the bare mirror; made when it does not exist.
    pub mirror: PathBuf,
    /// An existing directory for this run alone, for keys and settings.
    pub scratch: PathBuf,
    /// Revisions to resolve; their commits are fetched.
    pub targets: Vec<Target>,
    /// Further commits to have in the mirror, by full id.
    pub commits: Vec<String>,
    /// Time to connect, in seconds.
    pub connect_s_max: u64,
    /// Longest silence of the server, in seconds.
    pub silence_s_max: u64,
}

/// What a target means right now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    /// The commit, full id.
    pub commit: String,
    /// The full name of the ref it was found by; empty for a commit id.
    pub reference: String,
}

/// What a poll found.
#[derive(Debug, Serialize, Deserialize)]
pub struct Answer {
    /// One entry per [`Request::targets`], in their order.
    pub targets: Vec<Result<Resolved, Missing>>,
    /// Why a commit of [`Request::commits`] could not be had; no entry means that it is there.
    pub missing_commits: BTreeMap<String, Missing>,
    /// Packs in the mirror now.
    pub packs: usize,
    /// Size of those packs, in bytes.
    pub bytes: u64,
    /// Commits that this poll brought.
    pub fetched: usize,
    /// Time that bringing them took, in milliseconds, at least 1 when there were any.
    pub fetching_ms: u64,
}

impl Job for GitFetch {
    const NAME: &'static str = "git-fetch";
    type Request = Request;
    type Answer = Answer;
    type Failure = Failure;

    fn env(request: &Request) -> Vec<(&'static str, OsString)> {
        let scratch = &request.scratch;
        vec![
            ("HOME", scratch.into()),
            // Settings of this machine and its users don't count; ours are in this file.
            ("GIT_CONFIG_GLOBAL", scratch.join("gitconfig").into()),
            ("GIT_CONFIG_NOSYSTEM", "1".into()),
            ("GIT_TERMINAL_PROMPT", "0".into()),
        ]
    }

    fn sandbox(request: &Request) -> Sandbox {
        let parent = request.mirror.parent().unwrap_or(&request.mirror);
        Sandbox {
            read: remote::local_path(&request.remote.url).into_iter().collect(),
            write: vec![parent.to_owned(), request.scratch.clone()],
        }
    }

    fn run(request: Request, progress: &Progress) -> Result<Answer, Failure> {
        let mut poll = Poll::new(&request, progress)?;
        poll.run().map_err(|failure| remote::with_words_of_ssh(&request, failure))
    }
}

/// A poll in progress.
struct Poll<'a> {
    request: &'a Request,
    progress: &'a Progress,
    mirror: Mirror,
    remote: Connection<'a>,
    fetched: usize,
    fetching_ms: u64,
}

impl<'a> Poll<'a> {
    fn new(request: &'a Request, progress: &'a Progress) -> Result<Self, Failure> {
        progress.step("connecting");
        let remote = Connection::open(request)?;
        progress.step(match remote.protocol() {
            Protocol::V2 => "connected, protocol version 2",
            _ => "connected, the server speaks an old protocol version",
        });
        let mirror = Mirror::open(&request.mirror, remote.object_format()?)?;
        Ok(Self { request, progress, mirror, remote, fetched: 0, fetching_ms: 0 })
    }

    fn run(&mut self) -> Result<Answer, Failure> {
        self.progress.step("listing refs");
        let refs = self.remote.list_refs(&self.request.targets)?;
        let asked = &self.request.targets;
        let named: Vec<_> = asked.iter().map(|target| revision::resolve(target, &refs)).collect();
        let by_target = named.iter().flatten().map(|found| &found.commit);
        let ids = by_target.chain(&self.request.commits).filter_map(|id| id.parse().ok());
        let refused = self.bring(&ids.collect::<Vec<ObjectId>>())?;

        let settle = |mirror: &Mirror| -> Vec<_> {
            asked.iter().zip(&named).map(|(target, found)| settle(target, found, mirror)).collect()
        };
        let mut targets = settle(&self.mirror);
        if refused || targets.contains(&Err(Missing::Abbreviated)) {
            self.bring_history()?;
            targets = settle(&self.mirror);
        }
        if !targets.is_empty() && targets.iter().all(Result::is_err) && self.remote.is_empty()? {
            return Err(Failure::new(FailureKind::Empty, "the server advertises no ref"));
        }
        let missing_commits = self.request.commits.iter().filter_map(|id| {
            let missing = self.mirror.peel(id).err()?;
            Some((id.clone(), missing))
        });
        let (packs, bytes) = self.mirror.packs();
        Ok(Answer {
            missing_commits: missing_commits.collect(),
            targets,
            packs,
            bytes,
            fetched: self.fetched,
            fetching_ms: self.fetching_ms,
        })
    }

    /// Fetches those of `wanted` that are missing. True when the server wants us to find them in
    /// its history ourselves.
    fn bring(&mut self, wanted: &[ObjectId]) -> Result<bool, Failure> {
        let missing = self.mirror.missing(wanted);
        if missing.is_empty() {
            return Ok(false);
        }
        self.progress.step(&format!("fetching {} commits", missing.len()));
        match self.receive(&missing, History::Cut) {
            Err(failure) if failure.kind == FailureKind::Refused => {}
            outcome => return outcome.map(|()| false),
        }
        // One that does not exist makes the server refuse all: find out which.
        let mut whole = false;
        for id in missing {
            self.remote.reopen()?;
            match self.receive(&[id], History::Cut) {
                Err(failure) if failure.kind == FailureKind::Refused => {
                    whole |= !self.denies_existence(&failure);
                }
                outcome => outcome?,
            }
        }
        self.remote.reopen()?;
        Ok(whole)
    }

    /// True when a refusal means that there is no such object: with version 2 of the protocol git
    /// itself serves every object that it has, in these words it says that it has none.
    fn denies_existence(&self, failure: &Failure) -> bool {
        self.remote.protocol() == Protocol::V2 && failure.detail.contains("not our ref")
    }

    /// Fetches all branches and tags with their history.
    fn bring_history(&mut self) -> Result<(), Failure> {
        self.progress.step("fetching the whole history");
        let tips = self.remote.list_all()?;
        let tips: Vec<ObjectId> = tips.iter().filter_map(|tip| tip.id.parse().ok()).collect();
        if tips.is_empty() { Ok(()) } else { self.receive(&tips, History::Whole) }
    }

    fn receive(&mut self, wants: &[ObjectId], history: History) -> Result<(), Failure> {
        let started = Instant::now();
        receive::receive(&mut self.remote, &self.mirror, wants.to_vec(), history)?;
        let took = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.fetching_ms = self.fetching_ms.saturating_add(took.max(1));
        if !self.mirror.missing(wants).is_empty() {
            let detail = "commits that were just fetched cannot be read";
            return Err(Failure::new(FailureKind::Damaged, detail));
        }
        self.mirror.keep(wants)?;
        self.fetched += wants.len();
        Ok(())
    }
}

/// Turns what the refs say about a target into a commit that the mirror holds.
fn settle(
    target: &Target,
    named: &Result<Resolved, Missing>,
    mirror: &Mirror,
) -> Result<Resolved, Missing> {
    match named {
        Err(Missing::Abbreviated) => mirror.expand(&target.revision),
        Err(missing) => Err(*missing),
        Ok(found) => {
            let commit = mirror.peel(&found.commit)?;
            Ok(Resolved { commit, reference: found.reference.clone() })
        }
    }
}
