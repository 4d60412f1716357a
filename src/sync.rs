//! The loop that joins the stages.
//!
//! One pass over an application reads everything, decides once, acts and reports. Events (a watch,
//! a webhook, a timer) only wake it up and carry nothing.

mod act;
mod claims;
mod clock;
mod consent;
mod context;
mod count;
mod delete;
mod entry;
mod fleet;
pub mod handle;
mod heal;
mod later;
mod members;
mod memory;
mod notes;
mod observe;
mod operation;
mod pass;
mod publish;
mod read;
mod readers;
mod readiness;
mod run;
mod secrets;
mod sources;
mod status;
pub mod tasks;
pub mod tree;
mod unwritten;

pub use run::{run, run_on};
