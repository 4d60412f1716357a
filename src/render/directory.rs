//! A directory of manifests, as Argo CD's directory source.

use serde::{Deserialize, Serialize};

use super::{
    Limits, duplicates, file as one_file,
    glob::Glob,
    links::{self, Astray, Place},
    reads::ReadSet,
    walk::{self, Walk},
};
use crate::object::{EntryKind, Finding, Manifest, Severity, Tree, TreeError};

/// Which files of a tree are manifests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DirectorySource {
    /// Directory, relative to the root of the tree.
    pub path: String,
    /// True to look into sub-directories.
    pub recurse: bool,
    /// Only files whose path below `path` matches this pattern.
    pub include: Option<String>,
    /// No files whose path below `path` matches this pattern; stronger than `include`.
    pub exclude: Option<String>,
    /// True to take files of any name for manifests, not only `.yaml`, `.yml` and `.json`.
    pub any_name: bool,
}

/// The result of a render.
#[derive(Debug, Clone, Default)]
pub struct Rendered {
    /// The objects, in the order of the files.
    pub manifests: Vec<Manifest>,
    /// What there is to say about the files.
    pub findings: Vec<Finding>,
    /// What was read.
    pub reads: ReadSet,
    /// Rough size in memory, in bytes.
    pub weight_bytes: u64,
    /// Size of all files that were read, in bytes.
    pub input_bytes: u64,
}

impl Rendered {
    /// True when no file was left out because of an error: only then may objects that are missing
    /// from `manifests` be pruned.
    pub fn is_complete(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity != Severity::Error)
    }
}

/// Renders a directory.
pub fn directory(tree: &dyn Tree, source: &DirectorySource, limits: &Limits) -> Rendered {
    let mut rendered = Rendered::default();
    let Some(path) = links::normal(&source.path) else {
        let message = format!(
            "path {} leads out of the repository; give a path relative to its root",
            source.path
        );
        rendered.error(&source.path, 0, message);
        return rendered;
    };
    let (Ok(include), Ok(exclude)) = (
        pattern("include", source.include.as_deref(), &path, &mut rendered),
        pattern("exclude", source.exclude.as_deref(), &path, &mut rendered),
    ) else {
        return rendered;
    };
    let Some(place) = start(tree, &path, limits, &mut rendered) else { return rendered };
    if matches!(&place.entry, Some(entry) if entry.kind != EntryKind::Directory) {
        let message = format!("path {path} is a file; give the directory that holds it");
        rendered.error(&path, 0, message);
        return finish(rendered);
    }
    let DirectorySource { recurse, any_name, .. } = *source;
    let walk = Walk { tree, shown: &path, recurse, any_name, include, exclude, limits };
    for found in walk::files(&walk, &place, &mut rendered) {
        if !read(tree, &found.shown, &found.real, limits, &mut rendered) {
            break;
        }
    }
    finish(rendered)
}

/// Renders one file.
pub fn file(tree: &dyn Tree, path: &str, limits: &Limits) -> Rendered {
    let mut rendered = Rendered::default();
    if let Some(place) = start(tree, path, limits, &mut rendered) {
        if place.entry.is_none_or(|entry| entry.kind != EntryKind::File) {
            rendered.error(path, 0, format!("path {path} is no file"));
        } else {
            read(tree, path, &place.path, limits, &mut rendered);
        }
    }
    finish(rendered)
}

fn finish(mut rendered: Rendered) -> Rendered {
    duplicates::remove(&mut rendered);
    rendered.weight_bytes += rendered.reads.weight_bytes();
    rendered
}

fn pattern(
    name: &str,
    text: Option<&str>,
    path: &str,
    rendered: &mut Rendered,
) -> Result<Option<Glob>, ()> {
    match text.filter(|text| !text.is_empty()).map(Glob::new).transpose() {
        Ok(glob) => Ok(glob),
        Err(error) => {
            let message = format!("directory.{name}: the pattern can't be used: {error}");
            rendered.error(path, 0, message);
            Err(())
        }
    }
}

/// Finds where the source's path leads, or says why it leads nowhere.
fn start(tree: &dyn Tree, path: &str, limits: &Limits, rendered: &mut Rendered) -> Option<Place> {
    match links::follow(tree, path, limits, &mut rendered.reads) {
        Ok(place) => Some(place),
        Err(astray) => {
            let message = match astray {
                Astray::Absent => {
                    format!("path {path} does not exist in the repository at this revision")
                }
                astray => format!("path {path} {}", walk::explain(&astray)),
            };
            rendered.error(path, 0, message);
            None
        }
    }
}

/// Reads and renders one file; false when no more files may be read.
fn read(
    tree: &dyn Tree,
    shown: &str,
    real: &str,
    limits: &Limits,
    rendered: &mut Rendered,
) -> bool {
    let left = limits.combined_bytes_max.saturating_sub(rendered.input_bytes);
    let bytes_max = limits.file_bytes_max.min(left);
    let answer = tree.read(real, bytes_max);
    match rendered.reads.guard(answer) {
        Ok(bytes) => {
            rendered.input_bytes += bytes.len() as u64;
            one_file::render(shown, &bytes, limits, rendered);
            true
        }
        Err(TreeError::TooLarge { bytes, .. }) if bytes <= limits.file_bytes_max => {
            let max = limits.combined_bytes_max;
            let message = format!(
                "the manifests of this application are together larger than {max} bytes, the \
                 limit; this file and the ones after it were not read"
            );
            rendered.error(shown, 0, message);
            false
        }
        Err(TreeError::TooLarge { bytes, .. }) => {
            let max = limits.file_bytes_max;
            let message = format!(
                "{bytes} bytes, the limit of a manifest file is {max}; split the file or keep it \
                 elsewhere"
            );
            rendered.error(shown, 0, message);
            true
        }
        Err(error) => {
            rendered.error(shown, 0, walk::chain(&error));
            true
        }
    }
}
