//! A Git repository that a test writes to with the git program.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::process::{self, Guarded};

/// A repository with a work tree, on branch `main`.
///
/// The repository proper is `ROOT/git`, so that `ROOT` can be served as it is.
#[derive(Debug)]
pub struct Repo {
    root: PathBuf,
    dir: PathBuf,
}

impl Repo {
    /// Makes a repository without commits.
    #[track_caller]
    pub fn init(name: &str) -> Self {
        let root = process::scratch_dir(name);
        let repo = Self { dir: root.join("work"), root };
        fs::create_dir(&repo.dir).expect("the directory of the run is writable");
        let place = format!("--separate-git-dir={}/git", repo.root.display());
        repo.git(&["init", "--quiet", "--initial-branch=main", &place]);
        // It would go on after the command that began it.
        repo.git(&["config", "gc.auto", "0"]);
        repo
    }

    /// The URL to read it by.
    pub fn url(&self) -> String {
        format!("file://{}/git", self.root.display())
    }

    /// The directory above the repository.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Its work tree.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes a file of the work tree.
    #[track_caller]
    pub fn write(&self, path: &str, text: &str) -> &Self {
        let path = self.dir.join(path);
        let parent = path.parent().expect("it is below the work tree");
        fs::create_dir_all(parent).expect("the directory of the run is writable");
        fs::write(path, text).expect("the directory of the run is writable");
        self
    }

    /// Reads a file of the work tree.
    #[track_caller]
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.dir.join(path)).expect("the file is there")
    }

    /// Replaces a text that stands in a file.
    #[track_caller]
    pub fn replace(&self, path: &str, old: &str, new: &str) -> &Self {
        let text = self.read(path);
        assert!(text.contains(old), "{path} does not contain {old:?}");
        self.write(path, &text.replace(old, new))
    }

    /// Removes a file or a directory of the work tree.
    #[track_caller]
    pub fn remove(&self, path: &str) -> &Self {
        self.git(&["rm", "-r", "--quiet", "--force", path]);
        self
    }

    /// Copies a directory with all that is in it into the work tree, as `to`.
    #[track_caller]
    pub fn copy(&self, from: &Path, to: &str) -> &Self {
        for entry in fs::read_dir(from).expect("the directory is readable") {
            let entry = entry.expect("the directory is readable").path();
            let name = entry.file_name().expect("it has a name").to_string_lossy();
            let to = format!("{to}/{name}");
            if entry.is_dir() {
                self.copy(&entry, &to);
            } else {
                self.write(&to, &fs::read_to_string(&entry).expect("it is a text"));
            }
        }
        self
    }

    /// Commits the work tree as it is, also without a change; returns the commit.
    #[track_caller]
    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", message]);
        self.head()
    }

    /// Commits the opposite of the last commit; returns the new commit.
    #[track_caller]
    pub fn revert(&self) -> String {
        self.git(&["revert", "--no-edit", "HEAD"]);
        self.head()
    }

    /// The commit that is checked out.
    #[track_caller]
    pub fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    /// Checks out a new branch.
    #[track_caller]
    pub fn branch(&self, name: &str) -> &Self {
        self.git(&["checkout", "--quiet", "-b", name]);
        self
    }

    /// Tags the commit that is checked out.
    #[track_caller]
    pub fn tag(&self, name: &str) -> &Self {
        self.git(&["tag", name]);
        self
    }

    /// `git ARGS`; panics with its standard error if it fails.
    #[track_caller]
    pub fn git(&self, args: &[&str]) -> String {
        let output = Guarded::new("git")
            .args(args)
            .current_dir(&self.dir)
            .env("HOME", &self.dir)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_NAME", "Ada")
            .env("GIT_AUTHOR_EMAIL", "ada@shop.example")
            .env("GIT_COMMITTER_NAME", "Ada")
            .env("GIT_COMMITTER_EMAIL", "ada@shop.example")
            .output(None)
            .expect("git is installed");
        assert!(output.status.success(), "git {args:?}: {}", output.stderr);
        output.stdout.trim().to_owned()
    }
}
