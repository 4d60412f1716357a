//! Tests against a real control plane. They share one, or have their own where they break things.

// Clippy allows it in test functions by itself, but not in the functions that they share.
#![allow(clippy::disallowed_methods, reason = "tests start tasks and read the clock")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/git.rs"]
mod git;

mod common;
mod settled;
mod told;

mod arrival;
mod attempts;
mod bad_input;
mod bed;
mod chaos;
mod command_line;
mod deletion;
mod deploy;
mod drift;
mod embedded_answers;
mod embedded_kubectl;
mod examples;
mod install;
mod malformed;
mod operations;
mod ownership;
mod probes;
mod projects;
mod protobuf_table;
mod prune;
mod repositories;
mod schema_table;
mod shared;
mod status_api;
mod yields;
