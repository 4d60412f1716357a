//! A new repository with one commit, for people who want to try things out.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use gix::objs::{Tree, tree};

/// Commits in it need neither a name nor a key of the person.
const SETTINGS: &str = "[user]\n\tname = Demo\n\temail = demo@steadfast.invalid\n\
                        [commit]\n\tgpgSign = false\n";

/// The branch of the commit.
pub const BRANCH: &str = "main";

/// Why there is no repository.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// A file or directory.
    #[error("cannot write {}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// Git's own part of it.
    #[error("cannot make a Git repository in {}", dir.display())]
    Git {
        /// Where.
        dir: PathBuf,
        /// What Git said.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Makes a repository in `dir` with `files` (paths with slashes, and contents) in its working tree
/// and in one commit on [`BRANCH`]; `now_s` is its date in seconds since 1970. `git` takes it from
/// there. Needs no `git` itself.
pub fn create(
    dir: &Path,
    files: &BTreeMap<String, Vec<u8>>,
    message: &str,
    now_s: i64,
) -> Result<(), SampleError> {
    let write = |path: PathBuf, bytes: &[u8]| {
        let parent = path.parent().unwrap_or(dir);
        let written = fs::create_dir_all(parent).and_then(|()| fs::write(&path, bytes));
        written.map_err(|cause| SampleError::Write { path, cause })
    };
    for (path, bytes) in files {
        write(dir.join(path), bytes)?;
    }
    let git = |cause| SampleError::Git { dir: dir.to_owned(), cause };
    let repository = gix::init(dir).map_err(|cause| git(cause.into()))?;
    // Whatever the user's settings call the first branch, the applications name this one.
    write(repository.git_dir().join("HEAD"), format!("ref: refs/heads/{BRANCH}\n").as_bytes())?;
    let settings = repository.git_dir().join("config");
    let mut text = fs::read(&settings)
        .map_err(|cause| SampleError::Write { path: settings.clone(), cause })?;
    text.extend(SETTINGS.bytes());
    write(settings, &text)?;
    let repository = gix::open(dir).map_err(|cause| git(cause.into()))?;
    commit(&repository, files, message, now_s).map_err(git)
}

fn commit(
    repository: &gix::Repository,
    files: &BTreeMap<String, Vec<u8>>,
    message: &str,
    now_s: i64,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let files: Vec<_> = files.iter().map(|(path, bytes)| (&**path, &**bytes)).collect();
    let tree = write_tree(repository, &files)?;
    let author = gix::actor::Signature {
        name: "Steadfast".into(),
        email: "demo@steadfast.invalid".into(),
        time: gix::date::Time::new(now_s, 0),
    };
    let mut time = gix::date::parse::TimeBuf::default();
    let author = author.to_ref(&mut time);
    let parents: [gix::ObjectId; 0] = [];
    repository.commit_as(author, author, "HEAD", message, tree, parents)?;
    // Without an index, git would take every file for deleted.
    let mut index = repository.index_from_tree(&tree)?;
    index.write(gix::index::write::Options::default())?;
    Ok(())
}

/// Writes the tree of these files, which are sorted by path, and of all below it.
fn write_tree(
    repository: &gix::Repository,
    files: &[(&str, &[u8])],
) -> Result<gix::ObjectId, Box<dyn std::error::Error + Send + Sync>> {
    let mut entries = Vec::new();
    let mut rest = files;
    while let [(path, bytes), ..] = rest {
        let (mode, name, oid, used) = match path.split_once('/') {
            None => {
                let blob = repository.write_blob(bytes)?.detach();
                (tree::EntryKind::Blob, *path, blob, 1)
            }
            Some((directory, _)) => {
                let inside =
                    |path: &str| path.strip_prefix(directory)?.strip_prefix('/').map(str::len);
                let count = rest.iter().take_while(|(path, _)| inside(path).is_some()).count();
                let below: Vec<_> = rest[..count]
                    .iter()
                    .map(|(path, bytes)| (&path[directory.len() + 1..], *bytes))
                    .collect();
                (tree::EntryKind::Tree, directory, write_tree(repository, &below)?, count)
            }
        };
        entries.push(tree::Entry { mode: mode.into(), filename: name.into(), oid });
        rest = &rest[used..];
    }
    entries.sort();
    Ok(repository.write_object(&Tree { entries })?.detach())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_its_files_in_the_commit_the_index_and_the_working_tree() {
        let dir = tempfile::tempdir().unwrap();
        let files = [("README.md", "hello"), ("shop/a.yaml", "a: 1"), ("shop/deep/b.yaml", "b: 2")];
        let files: BTreeMap<_, _> =
            files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())).into();
        create(dir.path(), &files, "Begin", 1_700_000_000).unwrap();

        let repository = gix::open(dir.path()).unwrap();
        let config = repository.config_snapshot();
        assert_eq!(config.string("user.name").unwrap(), "Demo");
        assert_eq!(config.boolean("commit.gpgsign"), Some(false));
        let head = repository.head_commit().unwrap();
        assert_eq!(repository.head_name().unwrap().unwrap().shorten(), BRANCH);
        assert_eq!(head.message_raw().unwrap(), "Begin");
        let tree = head.tree().unwrap();
        for (path, bytes) in &files {
            let entry = tree.lookup_entry_by_path(path).unwrap().unwrap();
            assert_eq!(entry.object().unwrap().data, *bytes, "{path}");
            assert_eq!(fs::read(dir.path().join(path)).unwrap(), *bytes, "{path}");
        }
        let index = repository.open_index().unwrap();
        let indexed: Vec<_> =
            index.entries().iter().map(|entry| entry.path(&index).to_string()).collect();
        assert_eq!(indexed, files.keys().cloned().collect::<Vec<_>>());
    }
}
