//! Tests against a real control plane. They share one, or have their own where they break things.

// Clippy allows it in test functions by itself, but not in the functions that they share.
#![allow(clippy::disallowed_methods, reason = "tests start tasks and read the clock")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/git.rs"]
mod git;

// Its files name each other from the root.
#[path = "scenarios.rs"]
mod scenarios;
use scenarios::{common, install};

mod bed;
mod conformance;
mod embedded_answers;
mod embedded_kubectl;
mod protobuf_table;
mod schema_table;
