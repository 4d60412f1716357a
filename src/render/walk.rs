//! Finds the files of a directory source.

use std::{collections::HashSet, error::Error, fmt::Write};

use super::{
    Limits,
    directory::Rendered,
    glob::Glob,
    links::{self, Astray},
    reads::Listing,
};
use crate::object::{EntryKind, Tree, TreeEntry};

/// What to look for.
pub(super) struct Walk<'a> {
    pub(super) tree: &'a dyn Tree,
    /// The source's path, as people know it.
    pub(super) shown: &'a str,
    pub(super) recurse: bool,
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

/// A directory that is still to be listed.
struct Open {
    /// Path below the source's path.
    below: String,
    real: String,
    /// The real paths of this directory and those above it, to recognise circles.
    chain: Vec<String>,
}

/// Lists the files to render, sorted by their path. Each real file is found once, by whichever path
/// comes first.
pub(super) fn files(walk: &Walk<'_>, start: &str, rendered: &mut Rendered) -> Vec<Found> {
    let mut search = Search { walk, rendered, found: Vec::new(), seen: HashSet::new(), entries: 0 };
    let mut open =
        vec![Open { below: String::new(), real: start.to_owned(), chain: vec![start.to_owned()] }];
    while let Some(directory) = open.pop() {
        if !search.directory(&directory, &mut open) {
            break;
        }
    }
    let mut found = search.found;
    found.sort_by(|a, b| a.shown.cmp(&b.shown));
    found
}

struct Search<'w, 'r> {
    walk: &'w Walk<'w>,
    rendered: &'r mut Rendered,
    found: Vec<Found>,
    seen: HashSet<String>,
    entries: usize,
}

impl Search<'_, '_> {
    /// Looks at one directory; false when the search has to end.
    fn directory(&mut self, directory: &Open, open: &mut Vec<Open>) -> bool {
        let listing = if self.walk.recurse { Listing::Contents } else { Listing::Names };
        let answer = self.rendered.reads.list(self.walk.tree, &directory.real, listing);
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
                EntryKind::File => self.file(&below, real, entry),
                EntryKind::Directory if self.walk.recurse => {
                    self.descend(below, real, directory, open);
                }
                EntryKind::Symlink => self.link(below, &real, directory, open),
                EntryKind::Submodule if self.walk.recurse => {
                    let message = "a submodule; its files are not part of the repository and are \
                                   not read";
                    self.rendered.warning(&self.shown(&below), 0, message.to_owned());
                }
                EntryKind::Directory | EntryKind::Submodule => {}
            }
        }
        true
    }

    fn file(&mut self, below: &str, real: String, entry: &TreeEntry) {
        if !self.wanted(below) {
            return;
        }
        if !self.walk.recurse {
            self.rendered.reads.add(&real, entry);
        }
        self.take(below, real);
    }

    fn take(&mut self, below: &str, real: String) {
        let shown = self.shown(below);
        if extension(below) == Some("jsonnet") {
            let message = "Jsonnet is not available in this version; exclude the file or commit \
                           what it generates";
            self.rendered.error(&shown, 0, message.to_owned());
        } else if self.seen.insert(real.clone()) {
            self.found.push(Found { shown, real });
        }
    }

    fn descend(&mut self, below: String, real: String, parent: &Open, open: &mut Vec<Open>) {
        if parent.chain.contains(&real) {
            let message = format!("leads back to /{real}, which contains it; not followed");
            self.rendered.warning(&self.shown(&below), 0, message);
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
        open.push(Open { below, real, chain });
    }

    /// Follows a symbolic link. Without `recurse` only links that are named like manifests count.
    fn link(&mut self, below: String, real: &str, parent: &Open, open: &mut Vec<Open>) {
        let named = self.wanted(&below);
        if !named && !self.walk.recurse {
            return;
        }
        let (tree, limits) = (self.walk.tree, self.walk.limits);
        match links::follow(tree, real, limits, &mut self.rendered.reads) {
            Ok(place) => match place.entry.map(|entry| entry.kind) {
                Some(EntryKind::File) if named => self.take(&below, place.path),
                Some(EntryKind::Directory) | None if self.walk.recurse => {
                    self.descend(below, place.path, parent, open);
                }
                Some(EntryKind::Directory) | None => {
                    let message = "a link to a directory, not used".to_owned();
                    self.rendered.warning(&self.shown(&below), 0, message);
                }
                Some(_) => {}
            },
            Err(Astray::Absent) if named => {
                let message = "the target of this link does not exist; not used".to_owned();
                self.rendered.warning(&self.shown(&below), 0, message);
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
        extension(below).is_some()
            && !self.walk.exclude.as_ref().is_some_and(|glob| glob.matches(below))
            && self.walk.include.as_ref().is_none_or(|glob| glob.matches(below))
    }

    fn shown(&self, below: &str) -> String {
        links::join(self.walk.shown, below)
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
