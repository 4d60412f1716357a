//! The sandboxed child: this same binary, started again as `steadfast worker JOB`, one job a
//! process.
//!
//! What talks to a stranger's server or runs a stranger's code runs here: it can be killed at any
//! time, as a group, by a deadline; it has an empty environment, a memory limit, an output limit
//! and, where the kernel can enforce it, no access to files but its own. The request goes in as one
//! line of JSON on standard input, messages come out as lines of JSON on standard output.
//! Standard input stays open: its end tells the child that its parent is gone.
//!
//! A new job is a type that implements [`Job`] and one line in [`main`].

mod child;
/// Job: reads a remote repository's refs and brings missing commits into a mirror.
pub mod git_fetch;
mod launch;
mod sandbox;
mod secret;

use std::{ffi::OsString, process::ExitCode, time::Duration};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub use launch::{Finished, Launcher, WorkerError};
pub use sandbox::{Enforcement, Sandbox};
pub use secret::Secret;

/// The hidden verb of the command line that starts a worker.
pub const VERB: &str = "worker";

/// One kind of work that a child does.
pub trait Job {
    /// The word after `steadfast worker`.
    const NAME: &'static str;
    /// What the child is asked.
    type Request: Serialize + DeserializeOwned + Send + Sync;
    /// What it answers.
    type Answer: Serialize + DeserializeOwned + Send;
    /// Why it could not: found out by the job itself. What the parent finds out (a deadline, a
    /// crash) is a [`WorkerError`].
    type Failure: Serialize + DeserializeOwned + Send;

    /// Variables that the child gets besides those that every child inherits.
    fn env(_request: &Self::Request) -> Vec<(&'static str, OsString)> {
        Vec::new()
    }

    /// What the child may touch for this request.
    fn sandbox(request: &Self::Request) -> Sandbox;

    /// Does the work, in the child, under all limits. Everything it wants to clean up is cleaned
    /// up before it returns: the parent kills what is left of the group once it has the answer.
    fn run(request: Self::Request, progress: &Progress) -> Result<Self::Answer, Self::Failure>;
}

/// What a child may use. Each limit ends the job with an error that names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Wall-clock time from the start to the answer.
    pub deadline: Duration,
    /// Private memory of each process of the group, in bytes (`RLIMIT_DATA`: files that are mapped
    /// read-only do not count).
    pub memory_bytes_max: u64,
    /// Standard output, in bytes, answer included.
    pub output_bytes_max: u64,
    /// Size that a single file may grow to, in bytes (`RLIMIT_FSIZE`).
    pub file_bytes_max: u64,
}

/// One line of a child's standard output.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Message<A, F> {
    /// Limits are set; says how far the kernel enforces them.
    Sandboxed(Enforcement),
    /// A step has begun; for logs, and to say where a job hung.
    Progress(String),
    /// The last line: the work is done.
    Answer(A),
    /// The last line: the work could not be done.
    Failure(F),
}

/// The first line of a child's standard input.
#[derive(Serialize, Deserialize)]
struct Envelope<R> {
    limits: Limits,
    request: R,
}

/// Tells the parent what the job is doing.
#[derive(Debug, Default)]
pub struct Progress;

impl Progress {
    /// Reports that a step begins, in a few words without secrets.
    pub fn step(&self, what: &str) {
        // When the parent is gone the watch on standard input ends this process.
        let _ = child::print::<(), ()>(&Message::Progress(what.to_owned()));
    }
}

/// Runs one job; what `steadfast worker JOB` does.
pub fn main(job: &str) -> ExitCode {
    match job {
        git_fetch::GitFetch::NAME => child::run::<git_fetch::GitFetch>(),
        _ => child::refuse(job),
    }
}
