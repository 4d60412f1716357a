//! The tree of one commit, read from the object store of a mirror.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use gix::{ObjectId, Repository, objs::tree::EntryKind as GitKind};
use jiff::Timestamp;

use super::generation::Generation;
use crate::{
    object::{EntryKind, Tree, TreeEntry, TreeError},
    worker::git_fetch::open_mirror,
};

/// Directories that are kept in memory per snapshot, in entries of all of them together.
const CACHED_ENTRIES_MAX: usize = 20_000;
/// The largest directory or commit, in bytes.
const DIRECTORY_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Who committed what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitInfo {
    /// Full id.
    pub commit: String,
    /// `Name <address>`.
    pub author: String,
    /// When it was written.
    pub date: Timestamp,
    /// The whole message.
    pub message: String,
    /// Full ids of the parents.
    pub parents: Vec<String>,
}

/// All files of one commit; ids are Git's. Nothing is written to disk: a file is unpacked when it
/// is read. It stays readable while it is held, whatever becomes of the mirror.
pub struct Snapshot {
    commit: String,
    root: ObjectId,
    info: CommitInfo,
    /// One reader at a time: unpacking shares its small caches.
    repo: Mutex<Repository>,
    directories: Mutex<Directories>,
    /// Keeps the files on disk.
    generation: Arc<Generation>,
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("commit", &self.commit).finish_non_exhaustive()
    }
}

/// What was read of directories, by tree id.
#[derive(Default)]
struct Directories {
    by_id: HashMap<ObjectId, Arc<[TreeEntry]>>,
    entries: usize,
}

/// Why a commit could not be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    /// It is not in the mirror.
    #[error("the commit is not in the mirror")]
    Absent,
    /// The mirror cannot be read.
    #[error("{0}")]
    Damaged(String),
}

impl Snapshot {
    /// Opens a commit, given by its full id, and reads its root directory.
    pub(super) fn open(generation: &Arc<Generation>, commit: &str) -> Result<Self, OpenError> {
        let damaged = |cause: gix::Error| OpenError::Damaged(format!("{cause}"));
        let id: ObjectId = commit.parse().map_err(|_| OpenError::Absent)?;
        let repo = open_mirror(&generation.dir).map_err(damaged)?;
        if !repo.has_object(id) {
            return Err(OpenError::Absent);
        }
        let object = repo.find_commit(id).map_err(damaged)?;
        let info = commit_info(&object).map_err(damaged)?;
        let root = object.tree_id().map_err(damaged)?.detach();
        drop(object);
        let snapshot = Self {
            commit: commit.to_owned(),
            root,
            info,
            repo: Mutex::new(repo),
            directories: Mutex::default(),
            generation: Arc::clone(generation),
        };
        let readable = snapshot.directory(root, "");
        readable.map_err(|cause| OpenError::Damaged(super::error::chain(&cause)))?;
        Ok(snapshot)
    }

    /// Full id of the commit.
    pub fn commit(&self) -> &str {
        &self.commit
    }

    /// Author, date and message.
    pub fn info(&self) -> &CommitInfo {
        &self.info
    }

    /// Reads a directory by its id, through the cache.
    fn directory(&self, id: ObjectId, path: &str) -> Result<Arc<[TreeEntry]>, TreeError> {
        if let Some(known) = lock(&self.directories).by_id.get(&id) {
            return Ok(Arc::clone(known));
        }
        let bytes = self.object(id, path, DIRECTORY_BYTES_MAX)?;
        let entries: Arc<[TreeEntry]> = parse_directory(&bytes, id, path)?.into();
        let mut cache = lock(&self.directories);
        // Everything is forgotten at once when it is full: cheap, and it fills again as needed.
        if cache.entries + entries.len() > CACHED_ENTRIES_MAX {
            *cache = Directories::default();
        }
        cache.entries += entries.len();
        cache.by_id.insert(id, Arc::clone(&entries));
        Ok(entries)
    }

    /// Unpacks an object after looking at its size.
    fn object(&self, id: ObjectId, path: &str, bytes_max: u64) -> Result<Vec<u8>, TreeError> {
        let repo = lock(&self.repo);
        let bytes = repo.find_header(id).map_err(|cause| self.broken(path, cause))?.size();
        if bytes > bytes_max {
            return Err(TreeError::TooLarge { path: path.to_owned(), bytes, bytes_max });
        }
        let mut object = repo.find_object(id).map_err(|cause| self.broken(path, cause))?;
        Ok(std::mem::take(&mut object.data))
    }

    /// An object that the commit needs is not readable: the mirror is to be made anew.
    fn broken(&self, path: &str, cause: gix::Error) -> TreeError {
        self.generation.wear_out();
        TreeError::Io { path: path.to_owned(), cause: Box::new(cause) }
    }
}

impl Tree for Snapshot {
    fn entry(&self, path: &str) -> Result<Option<TreeEntry>, TreeError> {
        check(path)?;
        let mut found = TreeEntry {
            name: String::new(),
            kind: EntryKind::Directory,
            id: self.root.to_string().into(),
        };
        let mut walked = 0;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            if found.kind != EntryKind::Directory {
                return Ok(None);
            }
            let entries = self.directory(parse_id(&found), &path[..walked])?;
            let Ok(index) = entries.binary_search_by(|entry| entry.name.as_str().cmp(name)) else {
                return Ok(None);
            };
            found = entries[index].clone();
            walked = (walked + name.len() + 1).min(path.len());
        }
        Ok(Some(found))
    }

    fn list(&self, path: &str) -> Result<Vec<TreeEntry>, TreeError> {
        match self.entry(path)? {
            Some(found) if found.kind == EntryKind::Directory => {
                Ok(self.directory(parse_id(&found), path)?.to_vec())
            }
            _ => Ok(Vec::new()),
        }
    }

    fn read(&self, path: &str, bytes_max: u64) -> Result<Vec<u8>, TreeError> {
        let not_a_file = |what: &str| TreeError::Io {
            path: path.to_owned(),
            cause: format!("it is {what}").into(),
        };
        match self.entry(path)? {
            None => Err(not_a_file("not there")),
            Some(found) => match found.kind {
                EntryKind::File | EntryKind::Symlink => {
                    self.object(parse_id(&found), path, bytes_max)
                }
                EntryKind::Directory => Err(not_a_file("a directory")),
                EntryKind::Submodule => Err(not_a_file("a Git submodule, which is not fetched")),
            },
        }
    }
}

/// Refuses paths that mean something to a file system.
fn check(path: &str) -> Result<(), TreeError> {
    let strange = |name: &str| matches!(name, "" | "." | "..") || name.contains('\0');
    if !path.is_empty() && path.split('/').any(strange) {
        return Err(TreeError::Outside { path: path.to_owned() });
    }
    Ok(())
}

fn parse_id(entry: &TreeEntry) -> ObjectId {
    entry.id.parse().expect("ids of this tree were printed by Git's own type")
}

fn parse_directory(bytes: &[u8], id: ObjectId, path: &str) -> Result<Vec<TreeEntry>, TreeError> {
    let mut entries = Vec::new();
    for entry in gix::objs::TreeRefIter::from_bytes(bytes, id.kind()) {
        let entry = entry.map_err(|cause| TreeError::Io {
            path: path.to_owned(),
            cause: format!("a damaged directory: {cause}").into(),
        })?;
        let shown = || format!("{path}/{}", entry.filename).trim_start_matches('/').to_owned();
        let name = std::str::from_utf8(entry.filename)
            .ok()
            .filter(|name| !name.contains('/') && check(name).is_ok() && !name.is_empty())
            .ok_or_else(|| TreeError::Outside { path: shown() })?;
        let kind = match entry.mode.kind() {
            GitKind::Tree => EntryKind::Directory,
            GitKind::Blob | GitKind::BlobExecutable => EntryKind::File,
            GitKind::Link => EntryKind::Symlink,
            GitKind::Commit => EntryKind::Submodule,
        };
        let id = entry.oid.to_string().into();
        entries.push(TreeEntry { name: name.to_owned(), kind, id });
    }
    // Git sorts directories as if their names ended with a slash.
    entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

fn commit_info(commit: &gix::Commit<'_>) -> gix::Result<CommitInfo> {
    let author = commit.author()?;
    let seconds = author.seconds();
    Ok(CommitInfo {
        commit: commit.id.to_string(),
        author: format!("{} <{}>", author.name, author.email),
        // A date outside all calendars is shown as the earliest one.
        date: Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH),
        message: commit.message_raw_sloppy().to_string(),
        parents: commit.parent_ids().map(|id| id.to_string()).collect(),
    })
}

/// Locks; a reader that panicked has left nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
