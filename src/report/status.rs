//! The status of an Application: pure functions from what was and what is to what has to be
//! written. Values in, values out; the clock is an argument, as RFC 3339 text in whole seconds.

mod lists;
mod patch;

pub use lists::{
    Condition, HISTORY_DEFAULT, RESOURCES_BYTES_MAX, Resources, bound_resources, conditions,
    health, history, summary,
};
pub use patch::merge_patch;

#[cfg(test)]
mod tests;
