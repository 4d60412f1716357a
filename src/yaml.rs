//! YAML as Kubernetes reads it.
//!
//! kubectl, Argo CD and Flux read manifests through `sigs.k8s.io/yaml`, that is Go's yaml v2 and
//! then JSON: YAML 1.1 scalars (`yes` is true, `0644` is 420), the last of two equal keys wins,
//! `<<` merges, keys become strings. This module reads exactly that, with a limit on everything and
//! a line number on every problem. `tests/yaml_oracle.rs` holds it to what the Go libraries answer.
//!
//! In go bytes, out come values, warnings about what a person would not expect, and errors. It
//! never touches a file and imports nothing of ours.

mod build;
mod json;
mod load;
mod locate;
mod number;
mod print;
mod resolve;
mod split;

pub use load::{Document, Documents, Limits, Problem, load, load_json};
pub use print::print;
pub use resolve::{Scalar, resolve};

#[cfg(test)]
mod tests;
