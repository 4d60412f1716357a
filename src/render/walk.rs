//! Finds the files of a directory source.

use std::{
    collections::{HashMap, hash_map::Entry},
    error::Error,
    fmt::Write,
};

use super::{
    Limits,
    directory::Rendered,
    glob::Glob,
    links::{self, Astray, Place},
    reads::Listing,
};
use crate::object::{EntryKind, Tree, TreeEntry};

/// What to look for.
pub(super) struct Walk<'a> {
    pub(super) tree: &'a dyn Tree,
    /// The source's path, as people know it.
    pub(super) shown: &'a str,
    pub(super) recurse: bool,
    pub(super) any_name: bool,
    pub(super) include: Option<Glob>,
    pub(super) exclude: Option<Glob>,
    pub(super) limits: &'a Limits,
}

/// A file to render.
pub(super) struct Found {
    /// Path from the root of the tree, as people know it.
    pub(super) shown: String,
    /// The same without symbolic links.
    pub(super) real: String,
}

/// A file that was found, by its real path.
struct Seen {
    shown: String,
    /// True when no link leads there.
    direct: bool,
}

/// A directory that is still to be listed.
struct Open {
    /// Path below the source's path.
    below: String,
    real: String,
    /// The real paths of this directory and those above it, to recognise circles.
    chain: Vec<String>,
    /// True when no link leads there.
    direct: bool,
}

/// Lists the files to render, in the order of Go's `filepath.Walk`: by name, directory by
/// directory. Each real file is found once, by its own path where the source covers that.
pub(super) fn files(walk: &Walk<'_>, start: &Place, rendered: &mut Rendered) -> Vec<Found> {
    let mut search = Search { walk, rendered, found: HashMap::new(), entries: 0 };
    search.cover(start);
    let mut open = vec![Open {
        below: String::new(),
        real: start.path.clone(),
        chain: vec![start.path.clone()],
        direct: true,
    }];
    while let Some(directory) = open.pop() {
        if !search.directory(&directory, &mut open) {
            break;
        }
    }
    let found = search.found.into_iter();
    let mut found: Vec<_> = found.map(|(real, seen)| Found { shown: seen.shown, real }).collect();
    found.sort_by(|a, b| a.shown.split('/').cmp(b.shown.split('/')));
    found
}

struct Search<'w, 'r> {
    walk: &'w Walk<'w>,
    rendered: &'r mut Rendered,
    /// By their real paths.
    found: HashMap<String, Seen>,
    entries: usize,
}

impl Search<'_, '_> {
    /// Looks at one directory; false when the search has to end.
    fn directory(&mut self, directory: &Open, open: &mut Vec<Open>) -> bool {
        let (tree, reads) = (self.walk.tree, &mut self.rendered.reads);
        let answer = match (self.walk.recurse, directory.real.as_str()) {
            (false, real) => reads.list(tree, real, Listing::Names),
            // The root of a tree has no entry, so its listing stands for all below it.
            (true, "") => reads.list(tree, "", Listing::Contents),
            // Covered by the entry of the directory where the search began.
            (true, real) => reads.guard(tree.list(real)),
        };
        let entries = match answer {
            Ok(entries) => entries,
            Err(error) => {
                let shown = self.shown(&directory.below);
                self.rendered.error(&shown, 0, chain(&error));
                return true;
            }
        };
        self.entries += entries.len();
        if self.entries > self.walk.limits.entries_max {
            let max = self.walk.limits.entries_max;
            let message =
                format!("more than {max} files; point the application at a smaller directory");
            self.rendered.error(&self.shown(&directory.below), 0, message);
            return false;
        }
        for entry in &entries {
            let below = links::join(&directory.below, &entry.name);
            let real = links::join(&directory.real, &entry.name);
            match entry.kind {
                EntryKind::File => self.file(&below, real, entry, directory.direct),
                EntryKind::Directory if self.walk.recurse => {
                    self.descend(below, real, directory, directory.direct, open);
                }
                EntryKind::Symlink => self.link(below, &real, directory, open),
                EntryKind::Submodule if self.walk.recurse => {
                    let message = "a submodule; its files are not part of the repository and are \
                                   not read";
                    self.rendered.left_out(&self.shown(&below), 0, message.to_owned());
                }
                EntryKind::Directory | EntryKind::Submodule => {}
            }
        }
        true
    }

    /// Records that the search depends on all below a place.
    fn cover(&mut self, place: &Place) {
        if let Some(entry) = place.entry.as_ref().filter(|_| self.walk.recurse) {
            self.rendered.reads.add(&place.path, entry);
        }
    }

    fn file(&mut self, below: &str, real: String, entry: &TreeEntry, direct: bool) {
        if !self.wanted(below) {
            return;
        }
        if !self.walk.recurse {
            self.rendered.reads.add(&real, entry);
        }
        self.take(below, real, direct);
    }

    fn take(&mut self, below: &str, real: String, direct: bool) {
        let shown = self.shown(below);
        if extension(below) == Some("jsonnet") {
            let message = "Jsonnet is not available in this version; exclude the file or commit \
                           what it generates";
            self.rendered.error(&shown, 0, message.to_owned());
        } else {
            let seen = Seen { shown, direct };
            match self.found.entry(real) {
                Entry::Vacant(slot) => {
                    slot.insert(seen);
                }
                Entry::Occupied(mut slot) if direct && !slot.get().direct => {
                    slot.insert(seen);
                }
                Entry::Occupied(_) => {}
            }
        }
    }

    fn descend(
        &mut self,
        below: String,
        real: String,
        parent: &Open,
        direct: bool,
        open: &mut Vec<Open>,
    ) {
        if parent.chain.iter().any(|above| holds(&real, above)) {
            let message = format!("leads back to /{real}, which contains it; not followed");
            self.rendered.left_out(&self.shown(&below), 0, message);
            return;
        }
        if parent.chain.len() > self.walk.limits.directory_depth_max {
            let max = self.walk.limits.directory_depth_max;
            let message = format!("more than {max} directories deep");
            self.rendered.error(&self.shown(&below), 0, message);
            return;
        }
        let mut chain = parent.chain.clone();
        chain.push(real.clone());
        open.push(Open { below, real, chain, direct });
    }

    /// Follows a symbolic link. Without `recurse` only links that are named like manifests count.
    fn link(&mut self, below: String, real: &str, parent: &Open, open: &mut Vec<Open>) {
        let named = self.wanted(&below);
        if !named && !self.walk.recurse {
            return;
        }
        let (tree, limits) = (self.walk.tree, self.walk.limits);
        match links::follow(tree, real, limits, &mut self.rendered.reads) {
            Ok(place) => match place.entry.as_ref().map(|entry| entry.kind) {
                Some(EntryKind::File) if named => self.take(&below, place.path, false),
                Some(EntryKind::Directory) | None if self.walk.recurse => {
                    self.cover(&place);
                    self.descend(below, place.path, parent, false, open);
                }
                Some(EntryKind::Directory) | None => {
                    let message = "a link to a directory, not used".to_owned();
                    self.rendered.left_out(&self.shown(&below), 0, message);
                }
                Some(_) => {}
            },
            Err(Astray::Absent) if named => {
                let message = "the target of this link does not exist; not used".to_owned();
                self.rendered.left_out(&self.shown(&below), 0, message);
            }
            Err(Astray::Absent) => {}
            Err(astray) => {
                let message = format!("this link {}", explain(&astray));
                self.rendered.error(&self.shown(&below), 0, message);
            }
        }
    }

    /// True for the files that the source's settings ask for.
    fn wanted(&self, below: &str) -> bool {
        (self.walk.any_name || extension(below).is_some())
            && !self.walk.exclude.as_ref().is_some_and(|glob| glob.matches(below))
            && self.walk.include.as_ref().is_none_or(|glob| glob.matches(below))
    }

    fn shown(&self, below: &str) -> String {
        links::join(self.walk.shown, below)
    }
}

/// True when `directory` is `path` or above it.
fn holds(directory: &str, path: &str) -> bool {
    match path.strip_prefix(directory) {
        Some(rest) => directory.is_empty() || rest.is_empty() || rest.starts_with('/'),
        None => false,
    }
}

/// The extension when it is one of a manifest: Argo CD's `^.*\.(yaml|yml|json|jsonnet)$`.
fn extension(name: &str) -> Option<&str> {
    let (_, extension) = name.rsplit_once('.')?;
    matches!(extension, "yaml" | "yml" | "json" | "jsonnet").then_some(extension)
}

/// The rest of the sentence "this link ...".
pub(super) fn explain(astray: &Astray) -> String {
    match astray {
        Astray::Absent => "leads to nothing".to_owned(),
        Astray::Outside { target } => {
            format!(
                "leads out of the repository (to {target}), which is not allowed; copy the file"
            )
        }
        Astray::Circle => "leads in a circle".to_owned(),
        Astray::Submodule { path } => format!(
            "leads into the submodule {path}; its files are not part of the repository, copy them"
        ),
        Astray::Tree(error) => format!("can't be followed: {}", chain(error)),
    }
}

/// An error with all its causes.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing into a string does not fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}
