//! A tree of files, wherever it lives: a Git commit or a directory on disk.

use std::sync::Arc;

/// What a [`TreeEntry`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link; its target is the content.
    Symlink,
    /// A Git submodule: its content is not in this tree.
    Submodule,
}

/// One name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEntry {
    /// Name within its directory, without a slash.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
    /// Identity of the content: equal ids mean equal bytes (a Git object id, or a digest). For a
    /// directory it covers everything below.
    pub id: Arc<str>,
}

/// Why a tree could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The path is not UTF-8, holds `..`, or is absolute.
    #[error("{path}: not a path inside the repository")]
    Outside {
        /// The path as it was asked for.
        path: String,
    },
    /// A file is larger than the reader accepts.
    #[error("{path}: {bytes} bytes, the limit is {bytes_max}; split the file or keep it elsewhere")]
    TooLarge {
        /// The file.
        path: String,
        /// Its size.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// The object store or the disk failed.
    #[error("{path}: cannot be read")]
    Io {
        /// The path.
        path: String,
        /// What the store said.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Read access to one immutable tree of files. Paths are relative, separated by `/`, without `.`
/// or `..`; the root is the empty string.
pub trait Tree: Send + Sync {
    /// Looks one path up. `Ok(None)` when nothing is there. Symbolic links are not followed.
    fn entry(&self, path: &str) -> Result<Option<TreeEntry>, TreeError>;

    /// Lists a directory in byte order of the names; empty when the path is no directory.
    fn list(&self, path: &str) -> Result<Vec<TreeEntry>, TreeError>;

    /// Reads a file, or the target of a symbolic link, refusing more than `bytes_max` before
    /// anything is loaded.
    fn read(&self, path: &str, bytes_max: u64) -> Result<Vec<u8>, TreeError>;
}
