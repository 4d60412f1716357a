//! The bare repository on our disk, as the child sees it: alone, under a lock.

use std::{
    collections::HashSet,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use gix::{ObjectId, Repository, hash::Kind, refs::transaction::PreviousValue};

use super::{Failure, FailureKind, Missing, Resolved};

/// Refs of the commits that were fetched, by commit id. They are what a server is told that we
/// have, and keep the commits alive under `git gc`.
const KEPT: &str = "refs/steadfast";
/// So many of them, the newest, are told to a server.
const HAVES_MAX: usize = 32;
/// So many are kept.
const KEPT_MAX: usize = 256;
/// The largest single object, in bytes.
pub(super) const OBJECT_BYTES_MAX: usize = 512 * 1024 * 1024;

/// Cache of unpacked objects that others are stored as differences to, in bytes, per opened mirror.
const DELTA_CACHE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// The mirror, locked until it is dropped.
pub(super) struct Mirror {
    pub(super) repo: Repository,
    dir: PathBuf,
    /// Excludes a child of another controller on the same directory.
    _lock: File,
}

impl Mirror {
    /// Opens the mirror after clearing what a killed predecessor left, or makes a new one.
    pub(super) fn open(dir: &Path, hash: Kind) -> Result<Self, Failure> {
        let lock = lock(dir).map_err(|cause| Failure::disk("locking the mirror", &cause))?;
        let repo = if dir.exists() {
            clear(dir).map_err(|cause| Failure::disk("clearing the mirror", &cause))?;
            options().open(dir)
        } else {
            let format = gix::create::Options { object_hash: Some(hash), ..Default::default() };
            gix::ThreadSafeRepository::init_opts(dir, gix::create::Kind::Bare, format, options())
        };
        let repo = repo.map_err(|cause| Failure::mirror(&cause))?.to_thread_local();
        if repo.object_hash() != hash {
            return Err(Failure::new(FailureKind::Damaged, "the object format has changed"));
        }
        Ok(Self { repo, dir: dir.to_owned(), _lock: lock })
    }

    /// Those of `wanted` that are not here, each once.
    pub(super) fn missing(&self, wanted: &[ObjectId]) -> Vec<ObjectId> {
        let mut seen = HashSet::new();
        let absent = wanted.iter().filter(|id| !self.repo.has_object(id));
        absent.filter(|id| seen.insert(**id)).copied().collect()
    }

    /// Commits to tell the server that we have.
    pub(super) fn haves(&self) -> Vec<ObjectId> {
        let newest = self.kept().into_iter().take(HAVES_MAX);
        newest.map(|(id, _)| id).filter(|id| self.repo.has_object(id)).collect()
    }

    /// Notes that these commits are here.
    pub(super) fn keep(&self, commits: &[ObjectId]) -> Result<(), Failure> {
        for id in commits {
            let name = format!("{KEPT}/{id}");
            self.repo
                .reference(name.as_str(), *id, PreviousValue::Any, "fetched")
                .map_err(|cause| Failure::mirror(&cause))?;
        }
        for (_, path) in self.kept().into_iter().skip(KEPT_MAX) {
            fs::remove_file(&path).map_err(|cause| Failure::disk("forgetting a ref", &cause))?;
        }
        Ok(())
    }

    /// The kept refs, newest first.
    fn kept(&self) -> Vec<(ObjectId, PathBuf)> {
        let entries = fs::read_dir(self.dir.join(KEPT)).into_iter().flatten().flatten();
        let mut found: Vec<(SystemTime, ObjectId, PathBuf)> = entries
            .filter_map(|entry| {
                let id = entry.file_name().to_str()?.parse().ok()?;
                Some((entry.metadata().and_then(|data| data.modified()).ok()?, id, entry.path()))
            })
            .collect();
        found.sort_unstable_by(|a, b| b.cmp(a));
        found.into_iter().map(|(_, id, path)| (id, path)).collect()
    }

    /// Peels what has this id to a commit.
    pub(super) fn peel(&self, id: &str) -> Result<String, Missing> {
        let id: ObjectId = id.parse().map_err(|_| Missing::NoCommit)?;
        let object = self.repo.find_object(id).map_err(|_| Missing::NoCommit)?;
        let commit = object.peel_to_kind(gix::objs::Kind::Commit);
        commit.map(|commit| commit.id.to_string()).map_err(|_| Missing::NotACommit)
    }

    /// Finds the one commit here that begins with these digits. [`Missing::Abbreviated`] when none
    /// does: more history may know it.
    pub(super) fn expand(&self, digits: &str) -> Result<Resolved, Missing> {
        let digits = digits.to_ascii_lowercase();
        let prefix = gix::hash::Prefix::from_hex(&digits).map_err(|_| Missing::NoCommit)?;
        let mut candidates = HashSet::new();
        let found = self.repo.objects.lookup_prefix(prefix, Some(&mut candidates));
        found.map_err(|_| Missing::Abbreviated)?;
        candidates.retain(|id| self.repo.find_commit(*id).is_ok());
        let mut commits = candidates.into_iter();
        match (commits.next(), commits.next()) {
            (Some(id), None) => Ok(Resolved { commit: id.to_string(), reference: String::new() }),
            (None, _) => Err(Missing::Abbreviated),
            (Some(_), Some(_)) => Err(Missing::Ambiguous),
        }
    }

    /// How many packs there are, and their size in bytes.
    pub(super) fn packs(&self) -> (usize, u64) {
        let files = fs::read_dir(self.packs_dir()).into_iter().flatten().flatten();
        files.fold((0, 0), |(packs, bytes), file| {
            let is_pack = file.path().extension().is_some_and(|end| end == "pack");
            let size = file.metadata().map_or(0, |data| data.len());
            (packs + usize::from(is_pack), bytes + size)
        })
    }

    /// Where packs live.
    pub(super) fn packs_dir(&self) -> PathBuf {
        self.dir.join("objects").join("pack")
    }

    /// True when some history is cut off.
    pub(super) fn is_shallow(&self) -> bool {
        self.dir.join("shallow").exists()
    }
}

/// Opens the mirror in `dir` for reading.
pub fn open(dir: &Path) -> gix::Result<Repository> {
    Ok(options().open(dir)?.to_thread_local())
}

/// How mirrors are opened: nothing from outside them counts, and caches are small.
fn options() -> gix::open::Options {
    gix::open::Options::isolated()
        .open_path_as_is(true)
        .with(gix::sec::Trust::Full)
        .config_overrides([
            format!("gitoxide.objects.allocLimit={OBJECT_BYTES_MAX}"),
            format!("core.deltaBaseCacheLimit={DELTA_CACHE_BYTES_MAX}"),
        ])
}

fn lock(dir: &Path) -> io::Result<File> {
    let file = File::create(dir.with_extension("lock"))?;
    file.lock()?;
    Ok(file)
}

/// Removes what a child that was killed may have left: locks, and packs that did not get their
/// index. Nothing else ever refers to those.
fn clear(dir: &Path) -> io::Result<()> {
    let mut dirs = vec![(dir.to_owned(), false), (dir.join("objects").join("pack"), true)];
    while let Some((dir, packs)) = dirs.pop() {
        for entry in fs::read_dir(&dir)? {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                // Objects are only ever written as packs.
                if !packs && entry.file_name() != "objects" {
                    dirs.push((path, false));
                }
                continue;
            }
            let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default();
            let stale = match end {
                "lock" => true,
                "idx" => !path.with_extension("pack").exists(),
                "pack" => !path.with_extension("idx").exists(),
                _ => packs,
            };
            if stale {
                fs::remove_file(&path)?;
            }
        }
    }
    Ok(())
}
