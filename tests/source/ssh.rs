//! Repositories behind ssh: a small server of the test bed, the machine's own client.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use steadfast::{
    object::Turn,
    source::{RepoAccess, SourceError},
    worker::Secret,
};

use crate::{
    fixture::{Fixture, chain, eventually, processes_of, public},
    git::{Repo, SshServer},
    support::testbed::TestBed,
};

/// A repository behind ssh, with the keys to it.
struct Door {
    repo: Repo,
    server: SshServer,
    keys: tempfile::TempDir,
}

impl Door {
    /// `None`, after one line that says so, when the test bed has no ssh server.
    fn open() -> Option<Self> {
        let [sshd] = TestBed::get().programs("source/ssh", ["sshd"])?;
        let repo = Repo::new(&[("a", "one")]);
        let keys = tempfile::tempdir().expect("a temporary directory");
        for name in ["host", "user", "stranger"] {
            generate_key(&keys.path().join(name));
        }
        let (host, user) = (keys.path().join("host"), keys.path().join("user.pub"));
        let server = SshServer::start(sshd, &host, &user, repo.root());
        Some(Self { repo, server, keys })
    }

    fn key(&self, name: &str) -> String {
        fs::read_to_string(self.keys.path().join(name)).expect("it was made")
    }

    /// The right key, and the host's key among the known ones.
    fn access(&self) -> RepoAccess {
        RepoAccess {
            ssh_key: Some(Secret::new(self.key("user"))),
            known_hosts: self.known_host("host.pub"),
            ..public(self.server.url("repo.git"))
        }
    }

    fn known_host(&self, key: &str) -> String {
        format!("[127.0.0.1]:{} {}", self.server.port(), self.key(key))
    }
}

fn generate_key(path: &Path) {
    let path = path.to_str().expect("temporary paths are text");
    let args = ["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", path];
    let status = Command::new("ssh-keygen").args(args).status().expect("OpenSSH is installed");
    assert!(status.success());
}

#[tokio::test]
async fn a_repository_is_read_with_a_key() {
    let Some(door) = Door::open() else { return };
    let mirrors = Fixture::new();
    let old = mirrors.commit(&door.access(), "main").await;
    assert_eq!(old, door.repo.head());
    let new = door.repo.commit(&[("a", "two")]);
    assert_eq!(mirrors.commit(&door.access(), "main").await, new);
    assert_eq!(mirrors.read(&door.access(), &new, "a").await, "two");
    // A key whose last line break was lost on its way through a web form.
    let trimmed = door.key("user").trim_end().replace('\n', "\r\n");
    let access = RepoAccess { ssh_key: Some(Secret::new(trimmed)), ..door.access() };
    assert_eq!(mirrors.commit(&access, "main").await, new);
    eventually("the end of ssh", || processes_of(mirrors.dir.path()).is_empty()).await;
    assert_eq!(keys_below(mirrors.dir.path()), Vec::<PathBuf>::new(), "no key stays on disk");
}

/// Files that hold a private key.
fn keys_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).expect("it is ours").flatten() {
            let path = entry.path();
            if path.is_dir() {
                dirs.push(path);
            } else if String::from_utf8_lossy(&fs::read(&path).unwrap_or_default())
                .contains("PRIVATE")
            {
                found.push(path);
            }
        }
    }
    found
}

#[tokio::test]
async fn a_key_that_the_server_does_not_know_is_named() {
    let Some(door) = Door::open() else { return };
    let stranger = Some(Secret::new(door.key("stranger")));
    for ssh_key in [stranger, None] {
        let access = RepoAccess { ssh_key, ..door.access() };
        let error = Fixture::new().resolve(&access, "main").await.expect_err("it is a stranger");
        assert!(matches!(error, SourceError::Authentication { .. }), "{}", chain(&error));
        assert_eq!(error.turn(), Turn::Operator);
    }
    let garbage = Some(Secret::new("no key at all"));
    let access = RepoAccess { ssh_key: garbage, ..door.access() };
    let error = Fixture::new().resolve(&access, "main").await.expect_err("it is no key");
    assert_eq!(error.turn(), Turn::Operator, "{}", chain(&error));
    assert!(!chain(&error).contains("no key at all"), "{}", chain(&error));
}

#[tokio::test]
async fn a_server_with_an_unknown_key_is_not_talked_to() {
    let Some(door) = Door::open() else { return };
    for known_hosts in [String::new(), door.known_host("stranger.pub")] {
        let access = RepoAccess { known_hosts, ..door.access() };
        let error = Fixture::new().resolve(&access, "main").await.expect_err("it is a stranger");
        assert!(matches!(error, SourceError::HostKey { .. }), "{}", chain(&error));
        assert_eq!(error.turn(), Turn::Operator);
        assert!(error.to_string().contains("argocd-ssh-known-hosts-cm"), "{error}");
    }
    let insecure =
        RepoAccess { known_hosts: String::new(), insecure_host_key: true, ..door.access() };
    assert_eq!(Fixture::new().commit(&insecure, "main").await, door.repo.head());
}

#[tokio::test]
async fn what_is_not_behind_ssh_is_named() {
    let Some(door) = Door::open() else { return };
    let missing = RepoAccess { url: door.server.url("other.git"), ..door.access() };
    let error = Fixture::new().resolve(&missing, "main").await.expect_err("there is no such one");
    assert!(matches!(error, SourceError::NotFound { .. }), "{}", chain(&error));
    let closed = RepoAccess { url: "ssh://git@127.0.0.1:1/repo.git".to_owned(), ..door.access() };
    let error = Fixture::new().resolve(&closed, "main").await.expect_err("nobody listens");
    assert!(matches!(error, SourceError::Unreachable { .. }), "{}", chain(&error));
    assert_eq!(error.turn(), Turn::Cluster);
}
