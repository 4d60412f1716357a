//! (see lib.rs)

pub mod install;
