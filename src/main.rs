//! The program: one binary for the controller, its command line and its sandboxed children.

use std::process::ExitCode;

use steadfast::worker;

fn main() -> ExitCode {
    // Before anything else opens a connection: one TLS stack, rustls with ring.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut args = std::env::args().skip(1);
    match (args.next().as_deref(), args.next()) {
        (Some(worker::VERB), Some(job)) => worker::main(&job),
        _ => ExitCode::from(2),
    }
}
