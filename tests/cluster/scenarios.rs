//! The scenarios, which run on a real control plane and on the embedded one.

pub(crate) mod common;
pub(crate) mod settled;
pub(crate) mod told;

mod arrival;
mod attempts;
mod bad_input;
mod chaos;
mod command_line;
mod deletion;
mod deploy;
mod drift;
mod examples;
pub(crate) mod install;
mod malformed;
mod operations;
mod ownership;
mod probes;
mod projects;
mod prune;
mod replicas;
mod repositories;
mod shared;
mod status_api;
mod yields;
