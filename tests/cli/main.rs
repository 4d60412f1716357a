//! The real program against a small status API in the test's own process: what it prints, and the
//! exit code with which it ends.

#![allow(clippy::disallowed_methods, reason = "tests start the program and tasks of their own")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

mod api;
mod diff;
mod fake;
mod follow;
mod offline;
mod program;
mod reference;
