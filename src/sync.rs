//! The loop that joins the stages.

pub mod handle;
pub mod tasks;
