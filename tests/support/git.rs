//! Git repositories and the servers in front of them, all on loopback, all gone with the test.
//!
//! Mount it as a module of its own (`#[path = "../support/git.rs"] mod git;`): it needs nothing else
//! of the test bed, only the machine's git.

#![allow(dead_code, unreachable_pub, unused_imports, reason = "each test binary uses a part of it")]
#![allow(clippy::disallowed_methods, reason = "tests start programs and servers")]

#[path = "git/daemon.rs"]
mod daemon;
#[path = "git/http.rs"]
mod http;
#[path = "git/proxy.rs"]
mod proxy;

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

pub use daemon::{Daemon, GitDaemon, SshServer};
pub use http::{Auth, Behaviour, Counts, GitHttpServer, Tls};
pub use proxy::ConnectProxy;

/// A repository with a working tree, made with the git command line.
///
/// The repository proper is `ROOT/repo.git`, so that `ROOT` can be served as it is.
#[derive(Debug)]
pub struct Repo {
    root: tempfile::TempDir,
}

impl Repo {
    /// A repository without a commit; its branch is `main`.
    pub fn empty() -> Self {
        Self::with_format("sha1")
    }

    /// A repository without a commit, with this object format.
    pub fn with_format(format: &str) -> Self {
        let root = tempfile::tempdir().expect("a temporary directory");
        let repo = Self { root };
        fs::create_dir(repo.work()).expect("the directory is new");
        let init = ["init", "--quiet", "--initial-branch=main", "--object-format", format];
        repo.git(&init);
        repo.git(&["config", "core.bare", "false"]);
        repo
    }

    /// A repository with one commit that holds these files.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let repo = Self::empty();
        repo.commit(files);
        repo
    }

    /// The directory above the repository.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// The repository itself.
    pub fn dir(&self) -> PathBuf {
        self.root().join("repo.git")
    }

    fn work(&self) -> PathBuf {
        self.root().join("work")
    }

    /// Its `file://` URL.
    pub fn file_url(&self) -> String {
        format!("file://{}", self.dir().display())
    }

    /// Runs git in it and gives what it prints, trimmed.
    pub fn git(&self, args: &[&str]) -> String {
        let output = git_command()
            .args(args)
            .env("GIT_DIR", self.dir())
            .env("GIT_WORK_TREE", self.work())
            .current_dir(self.root())
            .output()
            .expect("git is installed");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {args:?}: {stderr}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Writes files and commits everything; gives the commit's id.
    pub fn commit(&self, files: &[(&str, &str)]) -> String {
        for (path, content) in files {
            self.write(path, content.as_bytes());
        }
        self.commit_all("change")
    }

    /// Writes one file without committing it.
    pub fn write(&self, path: &str, content: &[u8]) {
        let path = self.work().join(path);
        fs::create_dir_all(path.parent().expect("it is below the root")).expect("a directory");
        fs::write(path, content).expect("the file can be written");
    }

    /// Makes a symbolic link without committing it.
    pub fn link(&self, path: &str, target: &str) {
        symlink(target, self.work().join(path)).expect("the link can be made");
    }

    /// Commits the working tree as it is; gives the commit's id.
    pub fn commit_all(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.head()
    }

    /// The id of the commit that is checked out.
    pub fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    /// A lightweight tag here.
    pub fn tag(&self, name: &str) {
        self.git(&["tag", name]);
    }

    /// An annotated tag here.
    pub fn annotated_tag(&self, name: &str) {
        self.git(&["tag", "--annotate", "--message", name, name]);
    }

    /// A branch here.
    pub fn branch(&self, name: &str) {
        self.git(&["branch", "--force", name]);
    }

    /// Deletes a branch.
    pub fn delete_branch(&self, name: &str) {
        self.git(&["branch", "--quiet", "-D", name]);
    }

    /// Replaces the last commit by one that its parents' other children don't know: what a forced
    /// push does to a branch.
    pub fn rewrite(&self, files: &[(&str, &str)]) -> String {
        for (path, content) in files {
            self.write(path, content.as_bytes());
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--amend", "--message", "rewritten"]);
        self.head()
    }
}

/// git, with none of the settings of this machine.
pub fn git_command() -> Command {
    let mut command = Command::new("git");
    command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_AUTHOR_NAME", "Ada")
        .env("GIT_AUTHOR_EMAIL", "ada@example.com")
        .env("GIT_AUTHOR_DATE", "2026-01-02T03:04:05Z")
        .env("GIT_COMMITTER_NAME", "Ada")
        .env("GIT_COMMITTER_EMAIL", "ada@example.com")
        .env("GIT_COMMITTER_DATE", "2026-01-02T03:04:05Z");
    command
}

/// A listener on a free port of loopback, for a runtime to take over.
fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has free ports");
    listener.set_nonblocking(true).expect("sockets can be");
    let address = listener.local_addr().expect("it is bound");
    (listener, address)
}
