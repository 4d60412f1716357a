//! The test bed for tests against a control plane, real or embedded: programs, processes, and what
//! tests need around them. A test binary takes it in with
//! `#[path = "../support/mod.rs"] mod support;` at its root.

// Every test binary uses a part of it.
#![allow(dead_code, unreachable_pub, unused_imports)]
#![allow(clippy::disallowed_methods, reason = "tests start programs and read the environment")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a panic is how a test fails")]

pub mod audit;
pub mod authority;
pub mod controller;
pub mod plane;
pub mod process;
pub mod proxy;
pub mod random;
pub mod repo;
pub mod testbed;
pub mod usage;
pub mod wait;

pub use audit::{AuditEvent, AuditMark, RequestCount, writes};
pub use controller::{Controller, ControllerOptions};
pub use plane::{Component, ControlPlane, Namespace, PlaneOptions};
pub use proxy::{Fault, Proxy, Requests};
pub use repo::Repo;
pub use wait::{LIMIT, eventually, waited_for};
