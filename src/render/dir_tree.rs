//! A directory on disk as a tree.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use sha2::{Digest, Sha256};

use super::links;
use crate::object::{EntryKind, Tree, TreeEntry, TreeError};

/// Deepest directory that gets a digest.
const DEPTH_MAX: usize = 128;

/// A directory on disk, for `steadfast render PATH` and for tests.
///
/// Nothing outside the directory can be read: symbolic links are entries of their own and never
/// followed here, on no part of a path. Ids are SHA-256 digests of the content, so an answer costs
/// reading what it covers. `.git` is left out, as in a commit; so are sockets and other special
/// files.
#[derive(Debug, Clone)]
pub struct DirTree {
    root: PathBuf,
}

impl DirTree {
    /// Opens a directory.
    pub fn new(root: impl AsRef<Path>) -> io::Result<Self> {
        let root = fs::canonicalize(root)?;
        if !root.is_dir() {
            return Err(io::Error::from(io::ErrorKind::NotADirectory));
        }
        Ok(Self { root })
    }

    /// The place on disk, once every parent is known to be a directory inside the root; `None` when
    /// one of them is absent, a file or a link.
    fn place(&self, path: &str) -> Result<Option<PathBuf>, TreeError> {
        if links::normal(path).as_deref() != Some(path) {
            return Err(TreeError::Outside { path: path.to_owned() });
        }
        let mut place = self.root.clone();
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        for (index, part) in parts.iter().enumerate() {
            if *part == ".git" || (index > 0 && !is_directory(&place, path)?) {
                return Ok(None);
            }
            place.push(part);
        }
        Ok(Some(place))
    }
}

fn failed(path: &str) -> impl Fn(io::Error) -> TreeError + '_ {
    move |cause| TreeError::Io { path: path.to_owned(), cause: Box::new(cause) }
}

/// What is at a place, links not followed.
fn look(place: &Path, path: &str) -> Result<Option<Metadata>, TreeError> {
    match fs::symlink_metadata(place) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            Ok(None)
        }
        Err(error) => Err(failed(path)(error)),
    }
}

fn is_directory(place: &Path, path: &str) -> Result<bool, TreeError> {
    Ok(look(place, path)?.is_some_and(|metadata| metadata.is_dir()))
}

fn kind(metadata: &Metadata) -> Option<EntryKind> {
    if metadata.is_symlink() {
        Some(EntryKind::Symlink)
    } else if metadata.is_dir() {
        Some(EntryKind::Directory)
    } else if metadata.is_file() {
        Some(EntryKind::File)
    } else {
        None
    }
}

fn target(place: &Path, path: &str) -> Result<Vec<u8>, TreeError> {
    let target = fs::read_link(place).map_err(failed(path))?;
    Ok(target.into_os_string().into_encoded_bytes())
}

/// The entries of a directory, by name. Names that are no UTF-8 can't be asked for, so they are
/// left out.
fn entries(place: &Path, path: &str, depth: usize) -> Result<Vec<TreeEntry>, TreeError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(place).map_err(failed(path))? {
        let name = entry.map_err(failed(path))?.file_name();
        names.extend(name.into_string().ok().filter(|name| name != ".git"));
    }
    names.sort_unstable();
    let mut entries = Vec::with_capacity(names.len());
    for name in names {
        entries.extend(entry(&place.join(&name), &links::join(path, &name), name, depth)?);
    }
    Ok(entries)
}

fn entry(
    place: &Path,
    path: &str,
    name: String,
    depth: usize,
) -> Result<Option<TreeEntry>, TreeError> {
    let Some(kind) = look(place, path)?.as_ref().and_then(kind) else { return Ok(None) };
    let mut hash = Sha256::new();
    match kind {
        EntryKind::File => {
            // A piece at a time: the file may be larger than memory.
            let mut file = File::open(place).map_err(failed(path))?;
            let mut piece = vec![0; 64 << 10];
            loop {
                match file.read(&mut piece).map_err(failed(path))? {
                    0 => break,
                    read => hash.update(&piece[..read]),
                }
            }
        }
        EntryKind::Directory if depth >= DEPTH_MAX => {
            let cause = Box::from(format!("more than {DEPTH_MAX} directories deep"));
            return Err(TreeError::Io { path: path.to_owned(), cause });
        }
        EntryKind::Directory => {
            for entry in entries(place, path, depth + 1)? {
                hash.update(format!("{}/{}/{}/", entry.name, entry.kind as u8, entry.id));
            }
        }
        EntryKind::Symlink | EntryKind::Submodule => hash.update(target(place, path)?),
    }
    Ok(Some(TreeEntry { name, kind, id: hex(&hash.finalize()) }))
}

fn hex(digest: &[u8]) -> Arc<str> {
    let nibble = |value: u8| char::from(b"0123456789abcdef"[usize::from(value & 15)]);
    let text: String = digest.iter().flat_map(|byte| [nibble(byte >> 4), nibble(*byte)]).collect();
    Arc::from(text)
}

impl Tree for DirTree {
    fn entry(&self, path: &str) -> Result<Option<TreeEntry>, TreeError> {
        let Some(place) = self.place(path)? else { return Ok(None) };
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        entry(&place, path, name, 0)
    }

    fn list(&self, path: &str) -> Result<Vec<TreeEntry>, TreeError> {
        match self.place(path)? {
            Some(place) if is_directory(&place, path)? => entries(&place, path, 0),
            _ => Ok(Vec::new()),
        }
    }

    fn read(&self, path: &str, bytes_max: u64) -> Result<Vec<u8>, TreeError> {
        let absent = || failed(path)(io::Error::from(io::ErrorKind::NotFound));
        let place = self.place(path)?.ok_or_else(absent)?;
        let metadata = look(&place, path)?.ok_or_else(absent)?;
        let too_large = |bytes| TreeError::TooLarge { path: path.to_owned(), bytes, bytes_max };
        if metadata.len() > bytes_max {
            return Err(too_large(metadata.len()));
        }
        match kind(&metadata) {
            Some(EntryKind::Symlink) => target(&place, path),
            Some(EntryKind::File) => {
                // The file may grow while it is read.
                let mut bytes = Vec::new();
                let file = File::open(&place).map_err(failed(path))?;
                file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(failed(path))?;
                if bytes.len() as u64 > bytes_max {
                    return Err(too_large(bytes.len() as u64));
                }
                Ok(bytes)
            }
            _ => Err(failed(path)(io::Error::from(io::ErrorKind::IsADirectory))),
        }
    }
}
