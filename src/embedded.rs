//! A Kubernetes-compatible API server in memory, with the controllers that make its workloads move:
//! for `demo`, and for tests that need no control plane.
//!
//! Clients that speak Kubernetes can't tell it from a real server in what they do. It says what it
//! is in its version and listens on loopback only. Nothing outlives the process.

mod controllers;
mod defaults;
mod go;
mod http;
mod managed;
mod openapi;
mod patch;
mod protobuf;
#[cfg(test)]
mod recorded;
mod registry;
mod request;
mod schema;
mod server;
mod status;
mod store;
mod table;
mod validate;
mod warn;

pub use self::{
    controllers::{Pace, control},
    http::TlsError,
    request::DeleteOptions,
    server::{Changes, Clock, Next, Observer, Options, Rights, Seen, ServeError, Server, User},
    status::Status,
    store::Change,
};

/// This machine's architecture, as Go names it: what node selectors name.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    }
}
