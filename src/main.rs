//! The program: one binary for the controller, its command line and its sandboxed children.

use std::process::ExitCode;

use steadfast::{cli, worker};

fn main() -> ExitCode {
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("nothing installs a TLS provider before main");
    // A child has no command line of its own: its job is in its arguments and standard input.
    let mut args = std::env::args().skip(1);
    match (args.next().as_deref(), args.next()) {
        (Some(worker::VERB), Some(job)) => worker::main(&job),
        _ => cli::main(),
    }
}
