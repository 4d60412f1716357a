//! Paths inside the tree, and where symbolic links lead.

use super::{Limits, reads::ReadSet};
use crate::object::{EntryKind, Tree, TreeEntry, TreeError};

/// Longest target of a symbolic link, in bytes (Linux's `PATH_MAX`).
const TARGET_BYTES_MAX: u64 = 4096;

/// Where a path leads after all links.
#[derive(Debug)]
pub(super) struct Place {
    /// The path without links.
    pub(super) path: String,
    /// What is there; `None` for the root of the tree.
    pub(super) entry: Option<TreeEntry>,
}

/// Why a path leads nowhere.
#[derive(Debug)]
pub(super) enum Astray {
    /// Nothing is there, or a part of the path is a file.
    Absent,
    /// It leaves the tree.
    Outside {
        /// The target of the link, or the path itself.
        target: String,
    },
    /// Too many links, or links in a circle.
    Circle,
    /// The path leads into a submodule.
    Submodule {
        /// Path of the submodule.
        path: String,
    },
    /// The tree failed to answer.
    Tree(TreeError),
}

/// Resolves `.` and `..` by name alone; `None` when the path is absolute or leaves the root.
pub(super) fn normal(path: &str) -> Option<String> {
    if path.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

pub(super) fn join(directory: &str, name: &str) -> String {
    match (directory, name) {
        ("", name) => name.to_owned(),
        (directory, "") => directory.to_owned(),
        (directory, name) => format!("{directory}/{name}"),
    }
}

/// Follows a path through the tree, links included, and records all that was looked at.
pub(super) fn follow(
    tree: &dyn Tree,
    path: &str,
    limits: &Limits,
    reads: &mut ReadSet,
) -> Result<Place, Astray> {
    let mut here = String::new();
    let mut last = None;
    // For people: the link that leads astray, or the path itself.
    let mut leading = path.to_owned();
    let mut todo: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
    let mut hops = 0;
    while let Some(part) = todo.pop() {
        match part.as_str() {
            "" | "." => continue,
            ".." => {
                if here.is_empty() {
                    return Err(Astray::Outside { target: leading });
                }
                here.truncate(here.rfind('/').unwrap_or(0));
                last = None;
                continue;
            }
            _ => {}
        }
        let next = join(&here, &part);
        let entry = reads.entry(tree, &next).map_err(Astray::Tree)?.ok_or(Astray::Absent)?;
        match entry.kind {
            EntryKind::Symlink => {
                hops += 1;
                if hops > limits.link_hops_max {
                    return Err(Astray::Circle);
                }
                let target = reads.guard(tree.read(&next, TARGET_BYTES_MAX));
                let target = String::from_utf8(target.map_err(Astray::Tree)?)
                    .map_err(|error| Astray::Outside { target: error.to_string() })?;
                if target.starts_with('/') {
                    return Err(Astray::Outside { target });
                }
                todo.extend(target.split('/').rev().map(str::to_owned));
                leading = target;
                last = None;
            }
            EntryKind::Submodule => return Err(Astray::Submodule { path: next }),
            EntryKind::File if !todo.is_empty() => return Err(Astray::Absent),
            EntryKind::File | EntryKind::Directory => {
                here = next;
                last = Some(entry);
            }
        }
    }
    // After `..` or a link to the directory itself, the entry is the one of `here`.
    if last.is_none() && !here.is_empty() {
        last = reads.entry(tree, &here).map_err(Astray::Tree)?;
    }
    Ok(Place { path: here, entry: last })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_resolved_without_leaving_the_root() {
        for (path, wanted) in [
            ("apps/web", Some("apps/web")),
            ("./apps//web/", Some("apps/web")),
            ("apps/../web", Some("web")),
            (".", Some("")),
            ("", Some("")),
            ("..", None),
            ("a/../..", None),
            ("/apps", None),
        ] {
            assert_eq!(normal(path).as_deref(), wanted, "{path}");
        }
    }
}
