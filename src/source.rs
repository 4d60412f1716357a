//! Stage 1: where desired state comes from.
//!
//! In goes a repository's URL with the credentials for it, and a target revision; out come a
//! [`Revision`] (a commit) and a [`Snapshot`] (its tree, read straight from the object store).
//!
//! One bare mirror per URL and credentials is shared by all applications that use it. A poll is one
//! ref advertisement; whoever asks while a poll runs or shortly after it shares its result, so any
//! number of applications cost one poll. The polls themselves run in sandboxed children
//! ([`crate::worker::git_fetch`]); this process only reads files. A mirror is a cache: one that is
//! damaged, too big or in too many pieces is made anew beside the old one.
//!
//! This module never writes to a remote repository and never runs its content.

/// Credentials and trust from Argo CD's Secrets and ConfigMaps. Pure.
pub mod credentials;
mod error;
mod generation;
mod mirror;
mod mirrors;
/// A new repository, for the demo.
pub mod sample;
mod snapshot;
/// Comparing the URLs of repositories. Pure.
pub mod url;

pub use crate::worker::git_fetch::{RepoAccess, Target};
pub use error::{Detail, SourceError};
pub use mirrors::{Freshness, MirrorOptions, Mirrors, Observer, Polled, Revision};
pub use snapshot::{CommitInfo, Snapshot};
