//! Polls: how many there are, and how they end.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures::future::join_all;
use steadfast::{
    object::Turn,
    source::{Freshness, Observer, SourceError},
};

use crate::{
    fixture::{Fixture, eventually, processes_of, public},
    git::{Behaviour, GitHttpServer, Repo},
};

#[tokio::test]
async fn fifty_callers_cost_one_poll() {
    let repo = Repo::new(&[("a", "one")]);
    repo.branch("release");
    repo.tag("v1.0.0");
    let http = GitHttpServer::http(repo.root());
    let (mirrors, access) = (Fixture::new(), public(http.url("repo.git")));
    let callers = (0..50).map(|number| {
        let target = ["main", "HEAD", "release", "1.x", "v1.0.0"][number % 5];
        mirrors.resolve(&access, target)
    });
    for answer in join_all(callers).await {
        assert_eq!(answer.expect("it is there").commit, repo.head());
    }
    let counts = http.counts();
    assert_eq!((counts.handshakes, counts.listings, counts.fetches), (1, 1, 1));
}

#[tokio::test]
async fn spellings_of_one_url_share_a_mirror_and_each_is_told_its_own() {
    let repo = Repo::new(&[("a", "one")]);
    let http = GitHttpServer::http(repo.root());
    let plain = http.url("repo.git");
    let mirrors = Fixture::new();
    let spellings = [plain.clone(), format!("{plain}/")];
    let callers = spellings.iter().map(async |url| mirrors.commit(&public(url), "main").await);
    assert_eq!(join_all(callers).await, vec![repo.head(); 2]);
    assert_eq!((http.counts().handshakes, http.counts().fetches), (1, 1));
    assert!(mirrors.home().is_dir(), "there is one mirror");
    for url in spellings {
        let error = mirrors.resolve(&public(&url), "gone").await.expect_err("no such branch");
        assert!(error.to_string().contains(&format!("repository {url}:")), "{url}: {error}");
    }
}

#[tokio::test]
async fn polls_are_told_with_the_part_that_fetched() {
    let repo = Repo::new(&[("a", "one")]);
    let http = GitHttpServer::http(repo.root());
    let told: Arc<Mutex<Vec<(bool, bool)>>> = Arc::default();
    let teller = Arc::clone(&told);
    let mirrors = Fixture::with(|options| {
        options.observer = Some(Observer::new(move |polled| {
            assert!(polled.repository.ends_with("repo.git"), "{}", polled.repository);
            assert!(polled.took >= polled.fetching);
            teller.lock().unwrap().push((polled.ok, !polled.fetching.is_zero()));
        }));
    });
    let access = public(http.url("repo.git"));
    mirrors.commit(&access, "main").await;
    mirrors.commit(&access, "main").await;
    http.behave(Behaviour::Status(500));
    mirrors.resolve(&access, "main").await.expect_err("the server is broken");
    assert_eq!(*told.lock().unwrap(), [(true, true), (true, false), (false, false)]);
}

#[tokio::test]
async fn an_answer_that_is_new_enough_is_used_again() {
    let repo = Repo::new(&[("a", "one")]);
    let http = GitHttpServer::http(repo.root());
    let (mirrors, access) = (Fixture::new(), public(http.url("repo.git")));
    let first = mirrors.commit(&access, "main").await;
    let second = repo.commit(&[("a", "two")]);
    let recent = Freshness::AtMost(Duration::from_secs(600));
    let known = mirrors.mirrors.resolve(&access, "main", recent).await.expect("it is known");
    assert_eq!(known.commit, first);
    assert_eq!(http.counts().listings, 1);
    // A target that was not asked for before is: and all are looked up together.
    let head = mirrors.mirrors.resolve(&access, "HEAD", recent).await.expect("it is there");
    assert_eq!(head.commit, second);
    let known = mirrors.mirrors.resolve(&access, "main", recent).await.expect("it is known");
    assert_eq!(known.commit, second);
    assert_eq!(http.counts().listings, 2);
}

#[tokio::test]
async fn nothing_is_fetched_while_nothing_has_moved() {
    let repo = Repo::new(&[("a", "one")]);
    let http = GitHttpServer::http(repo.root());
    let (mirrors, access) = (Fixture::new(), public(http.url("repo.git")));
    let commit = mirrors.commit(&access, "main").await;
    http.reset_counts();
    for _ in 0..3 {
        assert_eq!(mirrors.commit(&access, "main").await, commit);
        assert_eq!(mirrors.read(&access, &commit, "a").await, "one");
    }
    let counts = http.counts();
    assert_eq!((counts.handshakes, counts.listings, counts.fetches), (3, 3, 0));

    // Also after a restart: the objects are on disk.
    let mirrors = mirrors.restart();
    assert_eq!(mirrors.read(&access, &commit, "a").await, "one");
    assert_eq!(
        mirrors.commit(&access, commit.as_str()).await,
        commit,
        "a commit id needs no server"
    );
    assert_eq!(http.counts().handshakes, 3);
    assert_eq!(mirrors.commit(&access, "main").await, commit);
    assert_eq!(http.counts().fetches, 0);
}

#[tokio::test]
async fn a_repository_that_goes_away_is_named_and_found_again() {
    let repo = Repo::new(&[("a", "one")]);
    let http = GitHttpServer::http(repo.root());
    let (mirrors, access) = (Fixture::new(), public(http.url("repo.git")));
    let first = mirrors.commit(&access, "main").await;
    for (behaviour, expected) in
        [(Behaviour::Gone, "cannot be reached"), (Behaviour::Status(503), "cannot be reached")]
    {
        http.behave(behaviour);
        let error = mirrors.resolve(&access, "main").await.expect_err("it is away");
        assert!(matches!(error, SourceError::Unreachable { .. }), "{error:?}");
        assert_eq!(error.turn(), Turn::Cluster);
        assert_eq!(error.to_string(), format!("repository {} {expected}", access.url));
        assert_eq!(mirrors.read(&access, &first, "a").await, "one", "what was fetched is there");
    }
    http.behave(Behaviour::Serve);
    let second = repo.commit(&[("a", "two")]);
    assert_eq!(mirrors.commit(&access, "main").await, second);

    let away = repo.root().join("away.git");
    std::fs::rename(repo.dir(), &away).expect("it can be moved");
    let error = mirrors.resolve(&access, "main").await.expect_err("it is away");
    assert!(matches!(error, SourceError::NotFound { .. }), "{error:?}");
    assert_eq!(error.turn(), Turn::Operator);
    std::fs::rename(&away, repo.dir()).expect("it can be moved");
    assert_eq!(mirrors.commit(&access, "main").await, second);
}

#[tokio::test]
async fn a_failure_answers_for_a_moment_and_no_longer() {
    let repo = Repo::new(&[("a", "one")]);
    let http = GitHttpServer::http(repo.root());
    let moment = Duration::from_millis(300);
    let mirrors = Fixture::with(|options| options.failure_age_max = moment);
    let access = public(http.url("repo.git"));
    let old = Freshness::AtMost(Duration::from_secs(600));
    http.behave(Behaviour::Status(500));
    for _ in 0..5 {
        mirrors.mirrors.resolve(&access, "main", old).await.expect_err("the server fails");
    }
    http.behave(Behaviour::Serve);
    let deadline = Instant::now() + Duration::from_secs(10);
    while mirrors.mirrors.resolve(&access, "main", old).await.is_err() {
        assert!(Instant::now() < deadline, "the failure is remembered for ever");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up_and_nothing_is_left_running() {
    let repo = Repo::new(&[("a", "one")]);
    let http = GitHttpServer::http(repo.root());
    let access = public(http.url("repo.git"));
    let mirrors = Fixture::with(|options| options.deadline = Duration::from_millis(700));
    http.behave(Behaviour::Hang);
    let error = mirrors.resolve(&access, "main").await.expect_err("nobody answers");
    assert!(matches!(error, SourceError::Timeout { .. }), "{error:?}");
    assert_eq!(error.turn(), Turn::Cluster);
    eventually("the end of the poll", || processes_of(mirrors.dir.path()).is_empty()).await;

    // The server's silence alone, without the deadline of the whole.
    let mirrors = Fixture::with(|options| options.silence_max = Duration::from_secs(1));
    let error = mirrors.resolve(&access, "main").await.expect_err("nobody answers");
    assert!(matches!(error, SourceError::Timeout { .. }), "{error:?}");
    http.behave(Behaviour::Serve);
    assert_eq!(mirrors.commit(&access, "main").await, repo.head());
}

#[tokio::test]
async fn a_poll_that_nobody_waits_for_is_killed() {
    let repo = Repo::new(&[("a", "one")]);
    let http = GitHttpServer::http(repo.root());
    let access = public(http.url("repo.git"));
    let mirrors = Fixture::new();
    http.behave(Behaviour::Hang);
    let patience = Duration::from_millis(500);
    let both = futures::future::join(
        tokio::time::timeout(patience, mirrors.resolve(&access, "main")),
        tokio::time::timeout(patience, mirrors.resolve(&access, "HEAD")),
    );
    let (first, second) = both.await;
    assert!(first.is_err() && second.is_err(), "both gave up");
    eventually("the end of the poll", || processes_of(mirrors.dir.path()).is_empty()).await;
    http.behave(Behaviour::Serve);
    assert_eq!(mirrors.commit(&access, "main").await, repo.head());
}

#[tokio::test]
async fn slow_servers_do_not_hold_up_others() {
    let (slow, quick) = (Repo::new(&[("a", "slow")]), Repo::new(&[("a", "quick")]));
    let http = GitHttpServer::http(slow.root());
    http.behave(Behaviour::Slow(Duration::from_secs(5)));
    let mirrors = Arc::new(Fixture::new());
    let waiting = tokio::spawn({
        let (mirrors, access) = (Arc::clone(&mirrors), public(http.url("repo.git")));
        async move { mirrors.commit(&access, "main").await }
    });
    eventually("the slow poll", || !processes_of(mirrors.dir.path()).is_empty()).await;
    assert_eq!(mirrors.commit(&public(quick.file_url()), "main").await, quick.head());
    assert!(!waiting.is_finished());
    waiting.abort();
}

#[tokio::test]
async fn servers_that_do_not_answer_do_not_use_up_the_polls() {
    let (dead, live) = (Repo::new(&[("a", "dead")]), Repo::new(&[("a", "live")]));
    let http = GitHttpServer::http(dead.root());
    http.behave(Behaviour::Hang);
    let mirrors = Arc::new(Fixture::with(|options| {
        options.polls_max = 1;
        options.silence_max = Duration::from_secs(1);
    }));
    let access = public(http.url("repo.git"));
    mirrors.resolve(&access, "main").await.expect_err("nobody answers");
    let waiting = tokio::spawn({
        let mirrors = Arc::clone(&mirrors);
        async move { mirrors.resolve(&access, "main").await }
    });
    eventually("the second poll", || !processes_of(mirrors.dir.path()).is_empty()).await;
    assert_eq!(mirrors.commit(&public(live.file_url()), "main").await, live.head());
    assert!(!waiting.is_finished(), "the only slot was free all the time");
    waiting.abort();
}

#[tokio::test]
async fn a_mirror_that_grows_in_pieces_is_made_anew_while_it_is_read() {
    let repo = Repo::new(&[("a", "0")]);
    let mirrors = Fixture::with(|options| options.packs_max = 2);
    let access = public(repo.file_url());
    let first = mirrors.commit(&access, "main").await;
    let old = mirrors.mirrors.snapshot(&access, &first).await.expect("it is there");
    let generation = mirrors.generation();
    for number in 1..5 {
        repo.commit(&[("a", &number.to_string())]);
        mirrors.commit(&access, "main").await;
    }
    let renewed = mirrors.generation();
    assert_ne!(renewed, generation);
    let packs = std::fs::read_dir(renewed.join("objects/pack")).expect("it is a repository");
    assert!(packs.count() <= 2 * 3, "three packs with their indices at most");
    let read = steadfast::object::Tree::read(&*old, "a", 10).expect("it is still readable");
    assert_eq!(read, b"0");
    drop(old);
    assert!(!generation.exists(), "the old one went with its last reader");
    assert_eq!(mirrors.read(&access, &first, "a").await, "0", "history is fetched again");
}
