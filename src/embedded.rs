//! A Kubernetes-compatible API server in memory, with the controllers that make its workloads move:
//! for `demo`, and for tests that need no control plane.
//!
//! Clients that speak Kubernetes can't tell it from a real server in what they do. It says what it
//! is in its version and listens on loopback only. Nothing outlives the process.

mod managed;
mod openapi;
mod patch;
mod schema;
