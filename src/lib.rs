//! Steadfast keeps Kubernetes clusters equal to what a Git repository says.
//!
//! The modules, in the order in which a commit travels through them; docs/ARCHITECTURE.md is the map.

// How connections are accepted, for the two servers.
mod accept;
// The Kubernetes resources that we read and write: Application and AppProject.
pub mod api;
// Stage 4: executes a plan.
pub mod apply;
// One file per verb of the command line.
pub mod cli;
// The Kubernetes edge: client, discovery, live store.
pub mod cluster;
// Settings as typed and settings as used.
pub mod config;
// A Kubernetes-compatible API server in memory, for the demo and for tests.
pub mod embedded;
// Stage 5: how well an object is doing. Pure.
pub mod health;
// Words without I/O: object ids, field sets, kind order, tracking ids, trees of files.
pub mod object;
// Stage 3: what has to be done, as a value. Pure.
pub mod plan;
// Stage 2: files to objects.
pub mod render;
// Stage 7: what people see: status, events, metrics.
pub mod report;
// The status API, the webhook receiver, authentication.
pub mod server;
// Stage 1: Git mirrors and snapshots.
pub mod source;
// The loop that joins the stages.
pub mod sync;
// The sandboxed child: the same binary, one job a process, limits set before it starts.
pub mod worker;
// YAML as Kubernetes reads it.
pub mod yaml;
