//! What target revisions mean, and what happens when they move.

use steadfast::{
    object::Turn,
    source::{SourceError, Target},
};

use crate::{
    fixture::{Fixture, public},
    git::{GitDaemon, GitHttpServer, Repo},
};

#[tokio::test]
async fn branches_tags_commits_and_head_are_found_over_files() {
    let repo = Repo::new(&[("a.yaml", "one")]);
    let first = repo.head();
    repo.annotated_tag("v1.0.0");
    repo.tag("light");
    repo.branch("release");
    let second = repo.commit(&[("a.yaml", "two")]);
    let (mirrors, access) = (Fixture::new(), public(repo.file_url()));

    for (target, commit, reference) in [
        ("", &second, "refs/heads/main"),
        ("HEAD", &second, "refs/heads/main"),
        ("main", &second, "refs/heads/main"),
        ("release", &first, "refs/heads/release"),
        ("v1.0.0", &first, "refs/tags/v1.0.0"),
        ("light", &first, "refs/tags/light"),
        ("refs/heads/release", &first, "refs/heads/release"),
        (second.as_str(), &second, ""),
        (first.as_str(), &first, ""),
    ] {
        let found = mirrors.resolve(&access, target).await.expect(target);
        assert_eq!((&found.commit, found.reference.as_str()), (commit, reference), "{target}");
    }
    assert_eq!(mirrors.read(&access, &first, "a.yaml").await, "one");
    assert_eq!(mirrors.read(&access, &second, "a.yaml").await, "two");
}

#[tokio::test]
async fn every_protocol_serves_the_same() {
    let repo = Repo::new(&[("dir/a.yaml", "one")]);
    let old = repo.head();
    let new = repo.commit(&[("dir/a.yaml", "two")]);
    let http = GitHttpServer::http(repo.root());
    let daemon = GitDaemon::start(repo.root());
    let urls = [
        http.url("repo.git"),
        daemon.url("repo.git"),
        repo.file_url(),
        format!("{}", repo.dir().display()),
    ];
    for url in urls {
        let (mirrors, access) = (Fixture::new(), public(&url));
        assert_eq!(mirrors.commit(&access, "main").await, new, "{url}");
        assert_eq!(mirrors.read(&access, &new, "dir/a.yaml").await, "two", "{url}");
        // An older commit, as a rollback wants it, is not in the mirror and is brought by its id.
        assert_eq!(mirrors.read(&access, &old, "dir/a.yaml").await, "one", "{url}");
    }
}

#[tokio::test]
async fn ranges_of_versions_take_the_highest_tag() {
    let repo = Repo::new(&[("a", "0")]);
    for version in ["v1.0.0", "v1.2.0", "v1.10.0", "v2.0.0-rc.1", "api/3.0.0", "not-a-version"] {
        repo.commit(&[("a", version)]);
        repo.annotated_tag(version);
    }
    let (mirrors, access) = (Fixture::new(), public(repo.file_url()));
    for (range, tag) in [
        ("1.x", "v1.10.0"),
        ("^1.0", "v1.10.0"),
        (">=1.0 <1.5", "v1.2.0"),
        ("*", "v1.10.0"),
        (">=2.0.0-0", "v2.0.0-rc.1"),
    ] {
        let found = mirrors.resolve(&access, range).await.expect(range);
        assert_eq!(found.reference, format!("refs/tags/{tag}"), "{range}");
        assert_eq!(found.commit, repo.git(&["rev-parse", &format!("{tag}^{{commit}}")]), "{range}");
        assert_eq!(mirrors.read(&access, &found.commit, "a").await, tag);
    }
    let prefixed = Target { revision: "*".to_owned(), tag_prefix: "api/".to_owned() };
    let found = mirrors.resolve(&access, prefixed).await.expect("there is one");
    assert_eq!(found.reference, "refs/tags/api/3.0.0");

    let error = mirrors.resolve(&access, "4.x").await.expect_err("no tag is in it");
    assert!(error.to_string().contains("\"4.x\""), "{error}");
    assert!(error.to_string().ends_with("no tag is a version in this range"), "{error}");
}

#[tokio::test]
async fn an_abbreviated_commit_is_found_in_the_history() {
    let repo = Repo::new(&[("a", "old")]);
    let old = repo.head();
    for number in 0..5 {
        repo.commit(&[("a", &number.to_string())]);
    }
    let http = GitHttpServer::http(repo.root());
    for url in [http.url("repo.git"), repo.file_url()] {
        let (mirrors, access) = (Fixture::new(), public(url));
        // The mirror is shallow when it is asked.
        mirrors.commit(&access, "main").await;
        assert_eq!(mirrors.commit(&access, &old[..9]).await, old);
        assert_eq!(mirrors.read(&access, &old, "a").await, "old");
        // And goes on from there.
        let next = repo.commit(&[("a", "next")]);
        assert_eq!(mirrors.commit(&access, "main").await, next);
        let error = mirrors.resolve(&access, "0000000").await.expect_err("no commit begins so");
        assert!(matches!(error, SourceError::RevisionNotFound { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_forced_push_is_followed() {
    let repo = Repo::new(&[("a", "base")]);
    repo.commit(&[("a", "one")]);
    let (mirrors, access) = (Fixture::new(), public(repo.file_url()));
    let before = mirrors.commit(&access, "main").await;
    let after = repo.rewrite(&[("a", "rewritten")]);
    // The server forgets what it had.
    repo.git(&["reflog", "expire", "--expire=now", "--all"]);
    repo.git(&["gc", "--quiet", "--prune=now"]);
    assert_ne!(before, after);
    assert_eq!(mirrors.commit(&access, "main").await, after);
    assert_eq!(mirrors.read(&access, &after, "a").await, "rewritten");
    assert_eq!(mirrors.read(&access, &before, "a").await, "one", "what was fetched stays");
}

#[tokio::test]
async fn a_deleted_branch_is_named_and_found_again() {
    let repo = Repo::new(&[("a", "one")]);
    repo.branch("feature");
    let (mirrors, access) = (Fixture::new(), public(repo.file_url()));
    let commit = mirrors.commit(&access, "feature").await;
    repo.delete_branch("feature");
    let error = mirrors.resolve(&access, "feature").await.expect_err("it is gone");
    assert_eq!(error.turn(), Turn::Author);
    let expected = format!(
        "revision \"feature\" was not found in repository {}: there is no such branch, tag or ref",
        access.url
    );
    assert_eq!(error.to_string(), expected);
    assert_eq!(mirrors.commit(&access, "main").await, commit, "the others are not affected");
    repo.branch("feature");
    assert_eq!(mirrors.commit(&access, "feature").await, commit);
}

#[tokio::test]
async fn a_name_that_begins_like_another_is_not_mistaken_for_it() {
    let repo = Repo::new(&[("a", "one")]);
    repo.branch("main-2");
    repo.tag("main-3");
    let (mirrors, access) = (Fixture::new(), public(repo.file_url()));
    for target in ["mai", "main-", "ma", "refs/heads/mai"] {
        let error = mirrors.resolve(&access, target).await.expect_err("it is only a beginning");
        assert!(matches!(error, SourceError::RevisionNotFound { .. }), "{target}: {error}");
    }
}

#[tokio::test]
async fn an_empty_repository_is_named_until_it_has_a_commit() {
    let repo = Repo::empty();
    let http = GitHttpServer::http(repo.root());
    for url in [http.url("repo.git"), repo.file_url()] {
        let (mirrors, access) = (Fixture::new(), public(&url));
        for target in ["HEAD", "main", "1.x"] {
            let error = mirrors.resolve(&access, target).await.expect_err("it is empty");
            assert!(matches!(error, SourceError::Empty { .. }), "{target}: {error}");
            assert_eq!(error.turn(), Turn::Author);
            assert_eq!(error.to_string(), format!("repository {url} is empty: push a commit"));
        }
    }
    let (mirrors, access) = (Fixture::new(), public(repo.file_url()));
    mirrors.resolve(&access, "main").await.expect_err("it is empty");
    let commit = repo.commit(&[("a", "one")]);
    assert_eq!(mirrors.commit(&access, "main").await, commit);
}

#[tokio::test]
async fn a_commit_that_does_not_exist_is_named_at_once() {
    let repo = Repo::new(&[("a", "one")]);
    let http = GitHttpServer::http(repo.root());
    let missing = "0123456789012345678901234567890123456789";
    for url in [http.url("repo.git"), repo.file_url()] {
        let (mirrors, access) = (Fixture::new(), public(url));
        let error = mirrors.resolve(&access, missing).await.expect_err("there is no such commit");
        assert!(error.to_string().ends_with("there is no such commit"), "{error}");
        assert_eq!(mirrors.commit(&access, "main").await, repo.head(), "others are not affected");
    }
}

#[tokio::test]
async fn a_server_with_an_old_protocol_serves_older_commits_through_their_history() {
    let repo = Repo::new(&[("a", "old")]);
    let old = repo.head();
    repo.commit(&[("a", "middle")]);
    let new = repo.commit(&[("a", "new")]);
    let http = GitHttpServer::http(repo.root());
    // Version 0 gives out the tips of refs only.
    http.env("GIT_CONFIG_COUNT", "1");
    http.env("GIT_CONFIG_KEY_0", "protocol.version");
    http.env("GIT_CONFIG_VALUE_0", "0");
    http.env("GIT_PROTOCOL", "version=0");
    let (mirrors, access) = (Fixture::new(), public(http.url("repo.git")));
    assert_eq!(mirrors.commit(&access, "main").await, new);
    assert_eq!(http.counts().listings, 0, "the server spoke version 0");
    assert_eq!(mirrors.read(&access, &new, "a").await, "new");
    assert_eq!(mirrors.read(&access, &old, "a").await, "old");
    let next = repo.commit(&[("a", "next")]);
    assert_eq!(mirrors.commit(&access, "main").await, next);
}

#[tokio::test]
async fn repositories_with_sha256_ids_are_mirrored() {
    let repo = Repo::with_format("sha256");
    let commit = repo.commit(&[("a", "one")]);
    assert_eq!(commit.len(), 64);
    let (mirrors, access) = (Fixture::new(), public(repo.file_url()));
    assert_eq!(mirrors.commit(&access, "main").await, commit);
    assert_eq!(mirrors.read(&access, &commit, "a").await, "one");
}

#[tokio::test]
async fn a_tag_of_something_that_is_no_commit_is_named() {
    let repo = Repo::new(&[("a", "one")]);
    repo.git(&["tag", "blob", "HEAD:a"]);
    let (mirrors, access) = (Fixture::new(), public(repo.file_url()));
    let error = mirrors.resolve(&access, "blob").await.expect_err("it is a file");
    assert!(error.to_string().ends_with("it names something that is not a commit"), "{error}");
    mirrors.commit(&access, "main").await;
}

#[tokio::test]
async fn a_commit_tells_its_author_date_and_message() {
    let repo = Repo::new(&[("a", "one")]);
    let parent = repo.head();
    repo.write("a", b"two");
    let commit = repo.commit_all("Say two\n\nBecause one is not enough.");
    let (mirrors, access) = (Fixture::new(), public(repo.file_url()));
    let info = mirrors.mirrors.commit_info(&access, &commit).await.expect("it is there");
    assert_eq!(info.commit, commit);
    assert_eq!(info.author, "Ada <ada@example.com>");
    assert_eq!(info.date.to_string(), "2026-01-02T03:04:05Z");
    assert_eq!(info.message.trim(), "Say two\n\nBecause one is not enough.");
    assert_eq!(info.parents, [parent]);
}
