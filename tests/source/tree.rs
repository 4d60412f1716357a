//! Reading the tree of a commit.

use steadfast::object::{EntryKind, Tree, TreeError};

use crate::{
    fixture::{Fixture, public},
    git::Repo,
};

#[tokio::test]
async fn files_directories_links_and_submodules_are_told_apart() {
    let repo = Repo::new(&[("deploy/a.yaml", "a"), ("deploy/b/c.yaml", "c"), ("deploy.yaml", "d")]);
    repo.link("link.yaml", "../../etc/passwd");
    let inner = repo.head();
    repo.git(&["add", "--all"]);
    repo.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{inner},vendor")]);
    repo.git(&["commit", "--quiet", "--message", "link and submodule"]);
    let commit = repo.head();
    let (mirrors, access) = (Fixture::new(), public(repo.file_url()));
    let tree = mirrors.mirrors.snapshot(&access, &commit).await.expect("it is there");

    let names = |path: &str| -> Vec<(String, EntryKind)> {
        let list = tree.list(path).expect("it is readable");
        list.into_iter().map(|entry| (entry.name, entry.kind)).collect()
    };
    // Byte order: Git itself would put `deploy.yaml` before `deploy`.
    assert_eq!(
        names(""),
        [
            ("deploy".to_owned(), EntryKind::Directory),
            ("deploy.yaml".to_owned(), EntryKind::File),
            ("link.yaml".to_owned(), EntryKind::Symlink),
            ("vendor".to_owned(), EntryKind::Submodule),
        ]
    );
    assert_eq!(names("deploy/b"), [("c.yaml".to_owned(), EntryKind::File)]);
    assert_eq!(names("deploy.yaml"), [], "a file holds nothing");
    assert_eq!(names("nowhere"), []);

    assert_eq!(tree.read("deploy/b/c.yaml", 1).expect("it is small"), b"c");
    assert_eq!(tree.read("link.yaml", 100).expect("its target"), b"../../etc/passwd");
    let error = tree.read("vendor", 100).expect_err("it is elsewhere");
    assert!(matches!(error, TreeError::Io { .. }), "{error}");
    tree.read("deploy", 100).expect_err("it is a directory");
    tree.read("nowhere", 100).expect_err("it is not there");

    let entry = |path: &str| tree.entry(path).expect("the path is fine");
    let id = repo.git(&["rev-parse", "HEAD:deploy/b/c.yaml"]);
    assert_eq!(&*entry("deploy/b/c.yaml").expect("it is there").id, id);
    let directory = repo.git(&["rev-parse", "HEAD:deploy"]);
    assert_eq!(&*entry("deploy").expect("it is there").id, directory);
    assert_eq!(&*entry("").expect("the root").id, repo.git(&["rev-parse", "HEAD^{tree}"]));
    assert_eq!(entry("deploy/nowhere"), None);
    assert_eq!(entry("deploy.yaml/x"), None, "nothing is below a file");
    assert_eq!(entry("link.yaml/x"), None, "links are not followed");
    for path in ["..", "deploy/../deploy.yaml", "/deploy", "deploy/", "./deploy", "deploy//b"] {
        let error = tree.entry(path).expect_err(path);
        assert!(matches!(error, TreeError::Outside { .. }), "{path}: {error}");
    }
}

#[tokio::test]
async fn a_file_above_the_limit_is_refused_before_it_is_unpacked() {
    let repo = Repo::empty();
    repo.write("zeros", &vec![0; 100 * 1024 * 1024]);
    let commit = repo.commit_all("large and well compressed");
    let (mirrors, access) = (Fixture::new(), public(repo.file_url()));
    let tree = mirrors.mirrors.snapshot(&access, &commit).await.expect("the rest is readable");
    match tree.read("zeros", 1024 * 1024) {
        Err(TreeError::TooLarge { path, bytes, bytes_max }) => {
            assert_eq!((path.as_str(), bytes, bytes_max), ("zeros", 104_857_600, 1_048_576));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn names_that_are_not_text_are_an_error_with_a_path() {
    let repo = Repo::new(&[("good/a", "a")]);
    let blob = repo.git(&["rev-parse", "HEAD:good/a"]);
    let bytes = std::os::unix::ffi::OsStrExt::from_bytes(b"bad/\xff");
    let path: &std::ffi::OsStr = bytes;
    let output = crate::git::git_command()
        .args(["update-index", "--add", "--cacheinfo", "100644", &blob])
        .arg(path)
        .env("GIT_DIR", repo.dir())
        .output()
        .expect("git is installed");
    assert!(output.status.success(), "{output:?}");
    repo.git(&["commit", "--quiet", "--message", "a strange name"]);
    let (mirrors, access) = (Fixture::new(), public(repo.file_url()));
    let tree = mirrors.mirrors.snapshot(&access, &repo.head()).await.expect("it is there");
    assert_eq!(tree.read("good/a", 10).expect("the rest is readable"), b"a");
    let error = tree.list("bad").expect_err("a name is not UTF-8");
    assert!(matches!(&error, TreeError::Outside { path } if path.starts_with("bad/")), "{error}");
}
