//! What a render read, so that it can be told whether a new commit changes anything.

use std::{collections::BTreeMap, sync::Arc};

use sha2::{Digest, Sha256};

use crate::object::{EntryKind, Tree, TreeEntry, TreeError};

/// What was seen at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    /// The entry had this id, or there was none. The id of a directory covers all below it.
    Entry(Option<Arc<str>>),
    /// A directory, on the way to something else.
    Directory,
    /// The directory held these names, or these names and contents.
    Listing(Listing, [u8; 32]),
}

/// How much of a directory's entries a render depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listing {
    /// The names of what is no directory: files are recorded one by one, sub-directories do not
    /// matter.
    Names,
    /// Everything below.
    Contents,
}

/// The set of paths that a render read, absent ones included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadSet {
    seen: BTreeMap<String, Vec<Seen>>,
    /// Set when the tree failed to answer: such a render must not be used again.
    broken: bool,
}

impl ReadSet {
    /// Looks a path up and records the answer; of a directory only that it is one.
    pub(super) fn entry(
        &mut self,
        tree: &dyn Tree,
        path: &str,
    ) -> Result<Option<TreeEntry>, TreeError> {
        let entry = self.guard(tree.entry(path))?;
        self.record(
            path,
            match &entry {
                Some(entry) if entry.kind == EntryKind::Directory => Seen::Directory,
                entry => Seen::Entry(entry.as_ref().map(|entry| Arc::clone(&entry.id))),
            },
        );
        Ok(entry)
    }

    /// Lists a directory and records what the render will depend on.
    pub(super) fn list(
        &mut self,
        tree: &dyn Tree,
        path: &str,
        listing: Listing,
    ) -> Result<Vec<TreeEntry>, TreeError> {
        let entries = self.guard(tree.list(path))?;
        self.record(path, Seen::Listing(listing, digest(&entries, listing)));
        Ok(entries)
    }

    /// Records an entry with its id; that of a directory covers all below it.
    pub(super) fn add(&mut self, path: &str, entry: &TreeEntry) {
        self.record(path, Seen::Entry(Some(Arc::clone(&entry.id))));
    }

    /// Keeps the result from being used again when the tree failed to answer.
    pub(super) fn guard<T>(&mut self, answer: Result<T, TreeError>) -> Result<T, TreeError> {
        if let Err(TreeError::Io { .. }) = &answer {
            self.broken = true;
        }
        answer
    }

    fn record(&mut self, path: &str, seen: Seen) {
        let all = self.seen.entry(path.to_owned()).or_default();
        if !all.contains(&seen) {
            all.push(seen);
        }
    }

    /// True when every path holds in this tree what it held in the one that was rendered. A tree
    /// that can't be read holds nothing.
    pub fn holds(&self, tree: &dyn Tree) -> bool {
        !self.broken
            && self.seen.iter().all(|(path, all)| all.iter().all(|seen| seen.holds(tree, path)))
    }

    /// Adds what another step of the same render read.
    pub(super) fn extend(&mut self, other: Self) {
        self.broken |= other.broken;
        for (path, all) in other.seen {
            for seen in all {
                self.record(&path, seen);
            }
        }
    }

    /// False when the tree failed to answer in the middle of the render.
    pub(super) fn is_usable(&self) -> bool {
        !self.broken
    }

    /// The paths, with the id of what was there; `None` for an absent path and for a directory that
    /// is not covered as a whole.
    pub fn entries(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.seen.iter().flat_map(|(path, all)| {
            all.iter().map(move |seen| match seen {
                Seen::Entry(id) => (path.as_str(), id.as_deref()),
                Seen::Listing(..) | Seen::Directory => (path.as_str(), None),
            })
        })
    }

    /// Rough size in memory, in bytes.
    pub(super) fn weight_bytes(&self) -> u64 {
        self.seen.keys().map(|path| path.len() as u64 + 160).sum()
    }
}

impl Seen {
    fn holds(&self, tree: &dyn Tree, path: &str) -> bool {
        match self {
            Self::Entry(id) => tree
                .entry(path)
                .is_ok_and(|entry| entry.map(|entry| entry.id).as_deref() == id.as_deref()),
            Self::Directory => tree
                .entry(path)
                .is_ok_and(|entry| entry.is_some_and(|entry| entry.kind == EntryKind::Directory)),
            Self::Listing(listing, seen) => {
                tree.list(path).is_ok_and(|entries| digest(&entries, *listing) == *seen)
            }
        }
    }
}

fn digest(entries: &[TreeEntry], listing: Listing) -> [u8; 32] {
    let mut hash = Sha256::new();
    for entry in entries {
        if listing == Listing::Names && entry.kind == EntryKind::Directory {
            continue;
        }
        hash.update(entry.name.as_bytes());
        // No name holds a slash, and the kind is one byte: the parts can't run into each other.
        hash.update([b'/', entry.kind as u8]);
        if listing == Listing::Contents {
            hash.update(entry.id.as_bytes());
            hash.update(b"/");
        }
    }
    hash.finalize().into()
}
