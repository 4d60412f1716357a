//! The `steadfast` program: everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("nothing installs a TLS provider before main");
    steadfast::cli::main()
}
