//! Mirrors that break, processes that are killed, disks and limits that are reached.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::{
        fs::PermissionsExt,
        process::{CommandExt, ExitStatusExt},
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use steadfast::{
    object::{Tree, Turn},
    source::SourceError,
    worker::Enforcement,
};

use crate::{
    fixture::{Fixture, chain, eventually, processes_of, public},
    git::{Behaviour, GitHttpServer, Repo},
};

/// Bytes that do not compress, always the same.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    std::iter::repeat_with(step).take(bytes).collect()
}

fn packs(generation: &Path, end: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(generation.join("objects/pack")).expect("it is a repository");
    let paths = files.map(|file| file.expect("it is there").path());
    paths.filter(|path| path.extension().is_some_and(|found| found == end)).collect()
}

#[tokio::test]
async fn a_damaged_mirror_is_made_anew() {
    let repo = Repo::new(&[("a", "one"), ("b", "two")]);
    let access = public(repo.file_url());
    let truncate = |generation: &Path| {
        for pack in packs(generation, "pack") {
            fs::set_permissions(&pack, fs::Permissions::from_mode(0o644)).expect("it is ours");
            let file = OpenOptions::new().write(true).open(pack).expect("it is ours");
            file.set_len(20).expect("it can be cut");
        }
    };
    let scramble_index = |generation: &Path| {
        for index in packs(generation, "idx") {
            fs::remove_file(&index).expect("it is ours");
            fs::write(&index, "no index").expect("it is ours");
        }
    };
    let remove_head = |generation: &Path| {
        fs::remove_file(generation.join("HEAD")).expect("it is ours");
    };
    let garbage_config = |generation: &Path| {
        fs::write(generation.join("config"), "[core\nbroken").expect("it is ours");
    };
    let lose_objects = |generation: &Path| {
        fs::remove_dir_all(generation.join("objects")).expect("it is ours");
    };
    let breaks: [&dyn Fn(&Path); 5] =
        [&truncate, &scramble_index, &remove_head, &garbage_config, &lose_objects];
    for (number, damage) in breaks.into_iter().enumerate() {
        let mirrors = Fixture::new();
        let commit = mirrors.commit(&access, "main").await;
        damage(&mirrors.generation());
        println!("damage {number}");
        let mirrors = mirrors.restart();
        assert_eq!(mirrors.read(&access, &commit, "a").await, "one", "damage {number}");
        assert_eq!(mirrors.commit(&access, "main").await, commit, "damage {number}");
    }
}

#[tokio::test]
async fn locks_and_halves_that_a_killed_process_left_are_cleared() {
    let repo = Repo::new(&[("a", "one")]);
    let access = public(repo.file_url());
    let mirrors = Fixture::new();
    mirrors.commit(&access, "main").await;
    let generation = mirrors.generation();
    let stale = [
        "shallow.lock",
        "HEAD.lock",
        "packed-refs.lock",
        "refs/steadfast/x.lock",
        "objects/pack/.tmpHalf",
        "objects/pack/pack-1234.pack",
    ];
    for name in stale {
        fs::write(generation.join(name), "left over").expect("it is ours");
    }
    let next = repo.commit(&[("a", "two")]);
    assert_eq!(mirrors.commit(&access, "main").await, next);
    assert_eq!(mirrors.read(&access, &next, "a").await, "two");
    for name in stale {
        assert!(!generation.join(name).exists(), "{name}");
    }
    assert_eq!(mirrors.generation(), generation, "it was not made anew");
}

#[tokio::test]
async fn a_fetch_that_is_killed_in_the_middle_leaves_a_mirror_that_works() {
    let repo = Repo::new(&[("a", "one")]);
    let http = GitHttpServer::http(repo.root());
    let access = public(http.url("repo.git"));
    let mirrors = Fixture::new();
    let first = mirrors.commit(&access, "main").await;
    // Many files: one that is not complete is not written at all.
    let large = noise(3_000_000);
    for (number, part) in large.chunks(100_000).enumerate() {
        repo.write(&format!("large/{number}"), part);
    }
    let second = repo.commit_all("large");
    http.behave(Behaviour::StallPack(1_000_000));
    let waiting = mirrors.resolve(&access, "main");
    let kill = async {
        let pack = mirrors.generation().join("objects/pack");
        eventually("half a pack", || {
            let files = fs::read_dir(&pack).into_iter().flatten().flatten();
            files.filter_map(|file| file.metadata().ok()).any(|data| data.len() > 500_000)
        })
        .await;
        let workers = workers_of(mirrors.dir.path());
        assert!(!workers.is_empty());
        for worker in workers {
            let killed = Command::new("kill").args(["-9", &worker]).stderr(Stdio::null()).status();
            killed.expect("there is kill");
        }
    };
    let (outcome, ()) = tokio::join!(waiting, kill);
    let error = outcome.expect_err("its child was killed");
    assert!(matches!(error, SourceError::Poll { .. }), "{}", chain(&error));
    assert!(chain(&error).contains("signal 9"), "{}", chain(&error));
    assert_eq!(mirrors.read(&access, &first, "a").await, "one");

    http.behave(Behaviour::Serve);
    assert_eq!(mirrors.commit(&access, "main").await, second);
    let snapshot = mirrors.mirrors.snapshot(&access, &second).await.expect("it is there");
    for (number, part) in large.chunks(100_000).enumerate() {
        let read = snapshot.read(&format!("large/{number}"), 100_000);
        assert_eq!(read.expect("it is complete"), part);
    }
}

/// The process numbers behind [`processes_of`].
fn workers_of(dir: &Path) -> Vec<String> {
    let wanted = format!("HOME={}", dir.canonicalize().expect("it exists").display());
    let entries = fs::read_dir("/proc").expect("this is Linux").flatten();
    let ours = entries.filter(|entry| {
        let environ = fs::read(entry.path().join("environ")).unwrap_or_default();
        environ.split(|byte| *byte == 0).any(|entry| entry.starts_with(wanted.as_bytes()))
    });
    ours.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[tokio::test]
async fn a_child_ends_with_its_parent() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let home = dir.path().canonicalize().expect("it exists");
    let repo = Repo::new(&[("a", "one")]);
    let http = GitHttpServer::http(repo.root());
    http.behave(Behaviour::Hang);
    let request = serde_json::json!({
        "limits": {
            "deadline": {"secs": 600, "nanos": 0},
            "memory_bytes_max": 1 << 30,
            "output_bytes_max": 1 << 20,
            "file_bytes_max": 1 << 30,
        },
        "request": {
            "remote": {"url": http.url("repo.git")},
            "mirror": home.join("1"),
            "scratch": home,
            "targets": [{"revision": "main", "tag_prefix": ""}],
            "commits": [],
            "connect_s_max": 600,
            "silence_s_max": 600,
        },
    });
    let mut child = Command::new(env!("CARGO_BIN_EXE_steadfast"))
        .args(["worker", "git-fetch"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("it is a pipe");
    stdin.write_all(format!("{request}\n").as_bytes()).expect("it reads");
    eventually("the request", || http.counts().requests > 0).await;
    assert!(child.try_wait().expect("it is ours").is_none(), "it waits for the server");
    // What happens to its input when its parent is killed.
    drop(stdin);
    let status = tokio::task::spawn_blocking(move || child.wait()).await.expect("no panic");
    assert_eq!(status.expect("it is ours").signal(), Some(9));
}

#[tokio::test]
async fn a_repository_above_the_limit_is_refused_and_frees_the_disk() {
    let repo = Repo::new(&[("small", "one")]);
    repo.write("large", &noise(3_000_000));
    repo.commit_all("large");
    let access = public(repo.file_url());
    let limit = 1_000_000;
    let mirrors = Fixture::with(|options| options.mirror_bytes_max = limit);
    let error = mirrors.resolve(&access, "main").await.expect_err("it is too large");
    match &error {
        SourceError::TooLarge { bytes_max, .. } => assert_eq!(*bytes_max, limit),
        other => panic!("{}", chain(other)),
    }
    assert_eq!(error.turn(), Turn::Operator);
    let left = fs::read_dir(mirrors.home()).expect("it was made");
    let left: Vec<_> = left.map(|entry| entry.expect("it is there").file_name()).collect();
    assert!(left.iter().all(|name| name.to_string_lossy().ends_with(".lock")), "{left:?}");
    eventually("the end of the poll", || processes_of(mirrors.dir.path()).is_empty()).await;
}

#[tokio::test]
async fn a_poll_without_enough_memory_fails_and_says_so() {
    let repo = Repo::new(&[("a", "one")]);
    let access = public(repo.file_url());
    let mirrors = Fixture::with(|options| options.memory_bytes_max = 1_000_000);
    let error = mirrors.resolve(&access, "main").await.expect_err("it cannot even start");
    assert!(matches!(error, SourceError::Poll { .. }), "{}", chain(&error));
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_is_named() {
    let repo = Repo::new(&[("a", "one")]);
    let access = public(repo.file_url());
    let mirrors = Fixture::new();
    // A file stands where the mirror would be.
    fs::remove_dir(mirrors.dir.path().join("git")).expect("it is empty");
    fs::write(mirrors.dir.path().join("git"), "").expect("it is ours");
    let error = mirrors.resolve(&access, "main").await.expect_err("there is no place for it");
    assert!(matches!(error, SourceError::Disk { .. }), "{}", chain(&error));
    assert_eq!(error.turn(), Turn::Operator);
    let dir = mirrors.dir.path().canonicalize().expect("it exists");
    assert!(error.to_string().contains(&dir.display().to_string()), "{error}");
}

#[tokio::test]
async fn a_mirror_that_was_not_used_for_weeks_is_removed_at_the_start() {
    let (old, new) = (Repo::new(&[("a", "old")]), Repo::new(&[("a", "new")]));
    let mirrors = Fixture::new();
    mirrors.commit(&public(old.file_url()), "main").await;
    let home = mirrors.home();
    mirrors.commit(&public(new.file_url()), "main").await;
    let touched = Command::new("touch").args(["-d", "8 days ago"]).arg(&home).status();
    assert!(touched.expect("there is touch").success());
    let mirrors = mirrors.restart();
    assert!(!home.exists());
    assert!(mirrors.home().exists(), "the other one stays");
}

#[tokio::test]
async fn a_poll_reads_nothing_outside_its_own_repository() {
    let repo = Repo::new(&[("a", "one")]);
    // A repository that borrows all its objects from another one beside it.
    let borrower = tempfile::tempdir().expect("a temporary directory");
    let path = borrower.path().join("repo.git");
    let path = path.to_str().expect("temporary paths are text");
    let source = repo.dir();
    let source = source.to_str().expect("temporary paths are text");
    repo.git(&["clone", "--quiet", "--bare", "--shared", source, path]);
    let mirrors = Fixture::new();
    let outcome = mirrors.resolve(&public(format!("file://{path}")), "main").await;
    mirrors.commit(&public(repo.file_url()), "main").await;
    let level = mirrors.mirrors.enforcement().expect("a poll has run");
    if level == Enforcement::None {
        println!("skipped: source/landlock: this kernel does not enforce it");
        outcome.expect("nothing keeps it from the other repository");
    } else {
        outcome.expect_err("the other repository is out of reach");
    }
}
