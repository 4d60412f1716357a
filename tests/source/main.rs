//! Mirrors against real git servers on loopback: files, http, https, git and ssh.

#![allow(unreachable_pub, reason = "modules of a test binary")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(clippy::disallowed_methods, reason = "tests start programs and servers")]

mod damage;
mod fixture;
#[path = "../support/git.rs"]
mod git;
mod polls;
mod revisions;
mod ssh;
#[path = "../support/mod.rs"]
mod support;
mod tree;
mod trust;
mod worker;
