//! The launcher of children, with programs in the place of ours that misbehave.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use steadfast::{
    object::Turn,
    source::RepoAccess,
    worker::{
        Launcher, Limits, WorkerError,
        git_fetch::{GitFetch, Request},
    },
};
use tokio_util::sync::CancellationToken;

use crate::fixture::{chain, eventually, processes_of};

const LIMITS: Limits = Limits {
    deadline: Duration::from_secs(20),
    memory_bytes_max: 1 << 30,
    output_bytes_max: 100_000,
    file_bytes_max: 1 << 20,
};

/// Launches a shell script as the child and gives the error.
async fn run(dir: &Path, script: &str, limits: Limits, cancel: &CancellationToken) -> WorkerError {
    let program = dir.join("program");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("it is ours");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it is ours");
    launch(program, dir, limits, cancel).await
}

async fn launch(
    program: PathBuf,
    dir: &Path,
    limits: Limits,
    cancel: &CancellationToken,
) -> WorkerError {
    let request = Request {
        remote: RepoAccess::default(),
        mirror: dir.join("mirror"),
        scratch: dir.canonicalize().expect("it exists"),
        targets: Vec::new(),
        commits: Vec::new(),
        connect_s_max: 1,
        silence_s_max: 1,
    };
    let launched = Launcher::new(program).launch::<GitFetch>(request, limits, cancel).await;
    launched.expect_err("the program gives no answer")
}

#[tokio::test]
async fn children_that_misbehave_are_told_apart() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let never = CancellationToken::new();

    let error = run(dir.path(), "echo oops >&2; exit 7", LIMITS, &never).await;
    assert_eq!(
        chain(&error),
        "worker git-fetch ended without an answer: exit code 7: oops",
        "{error:?}"
    );
    assert_eq!(error.turn(), Turn::Us);
    let error = run(dir.path(), "read -r line; kill -11 $$", LIMITS, &never).await;
    assert!(chain(&error).contains("signal 11"), "{}", chain(&error));
    let error = run(dir.path(), "read -r line; echo hello", LIMITS, &never).await;
    assert!(matches!(error, WorkerError::Garbled { .. }), "{error:?}");
    let error = run(dir.path(), "read -r line; yes", LIMITS, &never).await;
    assert!(matches!(error, WorkerError::Garbled { .. }), "{error:?}");
    let error = run(dir.path(), "read -r line; cat /dev/zero", LIMITS, &never).await;
    assert!(matches!(error, WorkerError::OutputTooLarge { bytes_max: 100_000, .. }), "{error:?}");
    let error = launch(dir.path().join("missing"), dir.path(), LIMITS, &never).await;
    assert!(matches!(error, WorkerError::Spawn { .. }), "{error:?}");
    assert_eq!(error.turn(), Turn::Operator);
    eventually("the end of all", || processes_of(dir.path()).is_empty()).await;
}

#[tokio::test]
async fn a_deadline_and_a_cancellation_kill_the_whole_group() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let family = "sleep 600 & (trap '' TERM INT; sleep 600) & echo '{\"progress\":\"deep in thought\"}'; wait";
    let limits = Limits { deadline: Duration::from_millis(500), ..LIMITS };
    let error = run(dir.path(), family, limits, &CancellationToken::new()).await;
    assert_eq!(
        chain(&error),
        "worker git-fetch gave no answer within 0.5 s (last step: deep in thought)"
    );
    assert_eq!(error.turn(), Turn::Cluster);
    eventually("the end of all", || processes_of(dir.path()).is_empty()).await;

    let cancel = CancellationToken::new();
    let soon = async {
        eventually("the family", || processes_of(dir.path()).len() >= 3).await;
        cancel.cancel();
    };
    let (error, ()) = tokio::join!(run(dir.path(), family, LIMITS, &cancel), soon);
    assert!(matches!(error, WorkerError::Cancelled { .. }), "{error:?}");
    eventually("the end of all", || processes_of(dir.path()).is_empty()).await;
}

#[tokio::test]
async fn a_child_gets_none_of_our_environment_but_what_it_needs() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let never = CancellationToken::new();
    run(dir.path(), "env > \"$HOME/env\"; exit 1", LIMITS, &never).await;
    let env = fs::read_to_string(dir.path().join("env")).expect("it was written");
    let expected = [
        "PATH",
        "HOME",
        "LC_ALL",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_NOSYSTEM",
        "GIT_TERMINAL_PROMPT",
        // What the shell itself sets.
        "PWD",
        "OLDPWD",
        "SHLVL",
        "_",
    ];
    let reach = ["_PROXY", "_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"];
    for line in env.lines() {
        let name = line.split('=').next().unwrap_or_default();
        let known = expected.contains(&name) || reach.iter().any(|end| name.ends_with(end));
        assert!(known, "{name} was handed down");
    }
    assert!(env.contains("GIT_TERMINAL_PROMPT=0"), "{env}");
}
