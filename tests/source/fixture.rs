//! Mirrors in a directory of the test's own, and assertions about them.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use steadfast::{
    object::Tree,
    source::{Freshness, MirrorOptions, Mirrors, RepoAccess, Revision, SourceError, Target},
    worker::{Launcher, Secret},
};

/// Mirrors of one test.
pub struct Fixture {
    pub mirrors: Mirrors,
    pub dir: tempfile::TempDir,
}

/// The launcher of the program that is tested.
pub fn launcher() -> Launcher {
    Launcher::new(env!("CARGO_BIN_EXE_steadfast"))
}

impl Fixture {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// Mirrors with other settings than the usual ones.
    pub fn with(change: impl FnOnce(&mut MirrorOptions)) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mirrors = open(dir.path(), change);
        Self { mirrors, dir }
    }

    /// Forgets everything but what is on disk, as a restart does.
    pub fn restart(self) -> Self {
        let Self { mirrors, dir } = self;
        drop(mirrors);
        Self { mirrors: open(dir.path(), |_| {}), dir }
    }

    /// Asks the server.
    pub async fn resolve(
        &self,
        access: &RepoAccess,
        target: impl Into<Target>,
    ) -> Result<Revision, SourceError> {
        self.mirrors.resolve(access, target, Freshness::Now).await
    }

    /// The commit that a target means.
    pub async fn commit(&self, access: &RepoAccess, target: impl Into<Target>) -> String {
        let found = self.resolve(access, target).await;
        found.unwrap_or_else(|error| panic!("{}", chain(&error))).commit
    }

    /// A file of a commit.
    pub async fn read(&self, access: &RepoAccess, commit: &str, path: &str) -> String {
        let snapshot = self.mirrors.snapshot(access, commit).await;
        let snapshot = snapshot.unwrap_or_else(|error| panic!("{}", chain(&error)));
        let bytes = snapshot.read(path, 1024 * 1024);
        let bytes = bytes.unwrap_or_else(|error| panic!("{}", chain(&error)));
        String::from_utf8(bytes).expect("test files are text")
    }

    /// The home of the only mirror.
    pub fn home(&self) -> PathBuf {
        let entries = fs::read_dir(self.dir.path().join("git")).expect("it was made");
        let homes: Vec<PathBuf> = entries.map(|entry| entry.expect("it is there").path()).collect();
        let [home] = homes.as_slice() else { panic!("one mirror, not {homes:?}") };
        home.clone()
    }

    /// The generation of the only mirror that is in use.
    pub fn generation(&self) -> PathBuf {
        let entries = fs::read_dir(self.home()).expect("it was made");
        let names = entries.map(|entry| entry.expect("it is there").file_name());
        let numbers = names.filter_map(|name| name.to_str()?.parse::<u64>().ok());
        self.home().join(numbers.max().expect("there is a generation").to_string())
    }
}

fn open(dir: &Path, change: impl FnOnce(&mut MirrorOptions)) -> Mirrors {
    let mut options = MirrorOptions::new(launcher());
    options.failure_age_max = Duration::ZERO;
    change(&mut options);
    Mirrors::new(dir, options).expect("the directory can be written")
}

/// A repository that everybody may read.
pub fn public(url: impl Into<String>) -> RepoAccess {
    RepoAccess { url: url.into(), ..RepoAccess::default() }
}

/// The same with user and password.
pub fn with_password(url: impl Into<String>, user: &str, password: &str) -> RepoAccess {
    let basic = Some((user.to_owned(), Secret::new(password)));
    RepoAccess { basic, ..public(url) }
}

/// An error with all its causes.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

/// The command lines of living processes that work for the mirrors in `dir`: all children of a
/// poll have a HOME below it.
pub fn processes_of(dir: &Path) -> Vec<String> {
    let dir = dir.canonicalize().expect("it exists");
    let wanted = format!("HOME={}", dir.display());
    let entries = fs::read_dir("/proc").expect("this is Linux").flatten();
    let of_dir = entries.map(|entry| entry.path()).filter(|process| {
        let environ = fs::read(process.join("environ")).unwrap_or_default();
        environ.split(|byte| *byte == 0).any(|entry| entry.starts_with(wanted.as_bytes()))
    });
    of_dir.map(|process| fs::read_to_string(process.join("cmdline")).unwrap_or_default()).collect()
}

/// Waits until `condition` holds.
pub async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), wait).await;
    assert!(waited.is_ok(), "waited in vain for {what}");
}
