//! One object as written by its author, and what there is to say about a file.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Packed;

/// Where a manifest stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Origin {
    /// Path of the file, relative to the repository (or as given on the command line).
    pub file: String,
    /// First line of the document, counted from 1; 0 when unknown.
    pub line: u32,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}", self.file),
        }
    }
}

/// One object as its author wrote it: an object with `apiVersion`, `kind` and a name (or
/// `generateName`), the namespace possibly absent.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The object.
    pub body: Packed,
    /// Where it stands.
    pub origin: Origin,
}

impl Manifest {
    /// The object as a JSON tree.
    pub fn value(&self) -> Value {
        self.body.tree()
    }
}

/// How much a [`Finding`] weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Severity {
    /// The input is used; the author should know (a duplicate, a surprising scalar).
    Warning,
    /// The input can't be used: the render is incomplete and nothing may be pruned.
    Error,
}

/// What a [`Finding`] is about, where that decides how it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Topic {
    /// A manifest or its text.
    Manifest,
    /// One object that is defined more than once.
    Repeated,
    /// Something that is left out although it lies among the manifests: a hook, a submodule, a file
    /// that holds no manifest.
    Excluded,
}

/// Something to tell the author about one place of the input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How much it weighs.
    pub severity: Severity,
    /// What it is about.
    pub topic: Topic,
    /// Where.
    pub origin: Origin,
    /// What is wrong and what to do, lower case, no full stop.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.message)
    }
}
