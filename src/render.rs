//! Stage 2: files to objects.
//!
//! In goes a tree of files and where to look in it; out come the manifests, what there is to say
//! about them, and the exact set of files that were read, so that a later commit which touches none
//! of them needs no rendering. Nothing here knows Git, the cluster or the clock.
//!
//! A file that can't be used never stops the others: it becomes a finding of severity
//! [`Error`](crate::object::Severity::Error), and whoever plans must then take the result for
//! incomplete and prune nothing.

mod cache;
mod detect;
mod dir_tree;
mod directory;
mod duplicates;
mod file;
mod glob;
mod limits;
mod links;
mod reads;
mod validate;
mod walk;

pub use cache::{CacheStats, RenderCache, RenderKey};
pub use detect::{Tool, detect, render};
pub use dir_tree::DirTree;
pub use directory::{DirectorySource, Rendered, directory, file};
pub use glob::{Glob, GlobError};
pub use limits::Limits;
pub use reads::ReadSet;

#[cfg(test)]
mod tests;
