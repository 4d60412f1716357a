//! A Git repository that a test commits to, made with the git command.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::support::process::{self, Guarded};

/// A working tree with its repository, on branch `main`.
pub(crate) struct Repository {
    dir: PathBuf,
}

impl Repository {
    /// A repository without a commit.
    pub(crate) fn empty(name: &str) -> Self {
        let repository = Self { dir: process::scratch_dir(name) };
        repository.git(&["init", "--quiet", "--initial-branch=main", "."]);
        repository
    }

    /// A repository with one commit of these files.
    pub(crate) fn of(name: &str, files: &[(&str, &str)]) -> Self {
        let repository = Self::empty(name);
        for (path, text) in files {
            repository.write(path, text);
        }
        repository.commit("first");
        repository
    }

    /// Its directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Its URL for an application.
    pub(crate) fn url(&self) -> String {
        format!("file://{}", self.dir.display())
    }

    /// Writes a file of the working tree.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let file = self.dir.join(path);
        fs::create_dir_all(file.parent().expect("it is below the root")).expect("it is writable");
        fs::write(file, text).expect("it is writable");
    }

    /// Removes a file or a directory of the working tree.
    pub(crate) fn remove(&self, path: &str) {
        self.git(&["rm", "-r", "-q", "--cached", path]);
        let file = self.dir.join(path);
        let is_dir = fs::symlink_metadata(&file).is_ok_and(|file| file.is_dir());
        let removed = if is_dir { fs::remove_dir_all(file) } else { fs::remove_file(file) };
        removed.expect("it is there");
    }

    /// Commits everything; gives the commit's id.
    pub(crate) fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all", "."]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", message]);
        self.head()
    }

    /// The id of the commit that is checked out.
    pub(crate) fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    /// Runs git in the working tree; gives what it printed.
    #[track_caller]
    pub(crate) fn git(&self, args: &[&str]) -> String {
        let output = Guarded::new("git")
            .args(["-c", "user.name=Test", "-c", "user.email=test@localhost"])
            .args(["-c", "commit.gpgsign=false", "-c", "core.compression=1"])
            .args(args)
            .current_dir(&self.dir)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .output(None)
            .expect("git is installed");
        assert!(output.status.success(), "git {}: {}", args.join(" "), output.stderr);
        output.stdout.trim().to_owned()
    }
}
