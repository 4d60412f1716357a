//! `steadfast demo` as a newcomer runs it: what it prints to try is tried, as it is printed.

#![allow(clippy::disallowed_methods, reason = "tests start programs and read the environment")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "support/mod.rs"]
mod support;

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::Value;
use support::{
    controller,
    process::{Guarded, Output, Process, scratch_dir},
    testbed::TestBed,
    wait::{LIMIT, eventually_blocking},
};

/// Time from Ctrl-C to the end, on a busy machine.
const END_LIMIT: Duration = Duration::from_secs(20);

/// A demo that runs in a directory of the test.
struct Demo {
    process: Process,
    dir: PathBuf,
}

impl Demo {
    fn start(args: &[&str]) -> Self {
        Self::start_in(&scratch_dir("demo"), "playground", args)
    }

    /// Starts it in `name` below `home`, where it finds what an earlier one left.
    fn start_in(home: &Path, name: &str, args: &[&str]) -> Self {
        let output = home.join(format!("output-{}", names(home).len()));
        let process = command(home, args).spawn(&output).expect("the program is executable");
        Self { process, dir: home.join(name) }
    }

    /// Waits until it has printed a line with all of `words`.
    #[track_caller]
    fn says(&self, words: &[&str]) -> String {
        let said = || {
            assert_eq!(self.process.status(), None, "{}", self.process.log());
            let log = self.process.log();
            log.lines().find(|line| words.iter().all(|word| line.contains(word))).map(str::to_owned)
        };
        eventually_blocking(LIMIT, &format!("{words:?}"), said)
    }

    /// What is to be tried: a heading, and a script for the shell.
    fn guide(&self) -> Vec<(String, String)> {
        let text = fs::read_to_string(self.dir.join("try.txt")).expect("it is written");
        let parts = text.split("# ").skip(1);
        parts
            .map(|part| part.split_once('\n').expect("commands follow"))
            .map(|(heading, script)| (heading.to_owned(), script.to_owned()))
            .collect()
    }

    /// The script below a heading with `words`.
    #[track_caller]
    fn script(&self, words: &str) -> String {
        let mut guide = self.guide().into_iter();
        guide.find(|(heading, _)| heading.contains(words)).expect(words).1
    }

    /// Runs a script as a person with this terminal would, after the `export`s of the first two.
    fn run(&self, script: &str) -> Output {
        let dir = scratch_dir("terminal");
        let shell = Guarded::new("sh")
            .args(["-ec", script])
            .current_dir(&dir)
            // No name and no settings of the machine: the sample has its own.
            .env("HOME", &dir)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("KUBECONFIG", self.dir.join("kubeconfig"))
            .env("STEADFAST_SERVER", format!("http://{}", self.address()))
            .env("REPOSITORY", self.dir.join("repository"))
            .env("PATH", TestBed::get().search_path());
        let output = shell.output(None).expect("there is a shell");
        assert!(output.status.success(), "{script}\n{}{}", output.stdout, output.stderr);
        output
    }

    /// The commit that the sample is at.
    fn head(&self) -> String {
        self.run("git -C \"$REPOSITORY\" rev-parse HEAD").stdout.trim().to_owned()
    }

    /// The image that the sample names for the cart.
    fn image(&self) -> String {
        let manifest = self.run("cat \"$REPOSITORY\"/pampam/cart.yaml").stdout;
        let image = manifest.lines().find_map(|line| line.trim().strip_prefix("image: "));
        image.expect("an image").to_owned()
    }

    /// Where the status API listens.
    fn address(&self) -> String {
        let line = self.says(&["status API", "http://"]);
        let (_, address) = line.split_once("http://").expect("a URL");
        address.split_once('/').expect("a path").0.to_owned()
    }

    /// What the status API says of an application.
    fn application(&self, name: &str) -> Value {
        let address = self.address();
        let path = format!("/api/v1/applications/{name}");
        let (code, body) =
            controller::get(address.parse().expect("an address"), &path).expect("it answers");
        assert_eq!(code, 200, "{body}");
        serde_json::from_str(&body).expect("it is JSON")
    }

    /// Waits until the status API says what it is waited for.
    #[track_caller]
    fn until(&self, name: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        eventually_blocking(LIMIT, what, || {
            let app = self.application(name);
            is_so(&app).then_some(app)
        })
    }

    /// Waits until an application is synced to `commit` and healthy.
    #[track_caller]
    fn healthy(&self, name: &str, commit: &str) {
        self.until(name, &format!("{name} to be healthy at {commit}"), |app| {
            let status = &app["status"];
            status["sync"]["revision"] == commit
                && status["sync"]["status"] == "Synced"
                && status["health"]["status"] == "Healthy"
        });
    }

    /// Ends it as Ctrl-C does.
    #[track_caller]
    fn interrupt(&self) -> i32 {
        self.process.signal(Signal::INT);
        let ended = || self.process.status();
        let status = eventually_blocking(END_LIMIT, "the end of the demo", ended);
        status.code().unwrap_or_else(|| panic!("{}", self.process.log()))
    }
}

/// `steadfast demo` in an environment of its own.
fn command(home: &Path, args: &[&str]) -> Guarded {
    let temporary = home.join("tmp");
    fs::create_dir_all(&temporary).expect("the directory of the run is writable");
    Guarded::new(env!("CARGO_BIN_EXE_steadfast"))
        .args(["demo"])
        .args(args)
        .current_dir(home)
        .env("HOME", home)
        .env("TMPDIR", temporary)
        .env_remove("KUBECONFIG")
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("it is a directory");
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn it_ends_healthy_and_what_it_says_to_try_works_as_printed() {
    let demo = Demo::start(&["--dir", "playground", "--listen", "127.0.0.1:0"]);
    demo.says(&["pampam is Synced Healthy"]);
    demo.says(&["order-config is Synced Healthy"]);
    let [look, ask, release, edit, note, broken, repair] =
        <[_; 7]>::try_from(demo.guide()).expect("six things, and the way back");
    let kubectl = TestBed::get().programs("steadfast demo with kubectl", ["kubectl"]).is_some();

    if kubectl {
        let table = demo.run(&look.1).stdout;
        assert!(table.lines().any(|line| line.starts_with("pampam ")), "{table}");
        assert!(table.contains("Synced") && table.contains("Healthy"), "{table}");
    }

    let said = demo.run(&ask.1).stdout;
    for words in [&["order-config", "Synced"][..], &["Deployment", "cart"], &["automated"]] {
        let found = |line: &str| words.iter().all(|word| line.contains(word));
        assert!(said.lines().any(found), "{words:?}: {said}");
    }

    for _ in 0..2 {
        demo.run(&release.1);
        let image = demo.image();
        demo.says(&[&format!("pampam/cart: 1 of 3 updated ({image})")]);
        demo.healthy("pampam", &demo.head());
        demo.says(&[&format!("pampam/cart: 3/3 ready ({image})")]);
        let images = demo.application("pampam")["status"]["summary"]["images"].to_string();
        assert!(images.contains(&image), "{images}");
    }

    if kubectl {
        demo.run(&edit.1);
        let line = demo.says(&["DriftCorrected", "pampam/cart", ".spec.replicas"]);
        assert!(line.contains("kubectl"), "{line}");
        let wanted = "kubectl get deployment cart -n pampam -o jsonpath='{.spec.replicas}'";
        assert_eq!(demo.run(wanted).stdout, "3");
        demo.run(&note.1);
        demo.healthy("pampam", &demo.head());
    }

    let good = demo.head();
    demo.run(&broken.1);
    let app = demo.until("pampam", "the broken image to be named", |app| {
        app["status"]["health"]["message"].as_str().is_some_and(|m| m.contains("ImagePullBackOff"))
    });
    let message = app["status"]["health"]["message"].to_string();
    let tag = demo.image();
    let (_, tag) = tag.rsplit_once(':').expect("a tag");
    assert!(tag.ends_with("-broken"), "{tag}");
    assert!(message.contains("pampam/cart") && message.contains(tag), "{message}");
    if kubectl {
        let ready = "kubectl get deployment cart -n pampam -o jsonpath='{.status.readyReplicas}'";
        assert_eq!(demo.run(ready).stdout, "3", "the old pods stay");
    }

    // Back to what ran, and a second pass plans nothing.
    demo.run(&repair.1);
    assert_ne!(demo.head(), good);
    demo.healthy("pampam", &demo.head());
    if kubectl {
        let mark = demo.process.log().len();
        let all = "kubectl get deployments,services,configmaps -n pampam \
                   -o jsonpath='{.items[*].metadata.generation} {.items[*].metadata.uid}'";
        let before = demo.run(all).stdout;
        demo.run(
            "kubectl annotate application pampam -n argocd argocd.argoproj.io/refresh=hard && \
             kubectl wait application/pampam -n argocd --timeout=60s \
             --for=jsonpath='{.status.sync.status}'=Synced",
        );
        demo.until("pampam", "the refresh to be done", |app| {
            app["metadata"]["annotations"]["argocd.argoproj.io/refresh"].is_null()
        });
        assert_eq!(demo.run(all).stdout, before);
        let log = demo.process.log();
        assert!(!log[mark..].contains("OperationStarted"), "{}", &log[mark..]);
        let note =
            "kubectl get deployment cart -n pampam -o jsonpath='{.metadata.annotations.note}'";
        assert_eq!(demo.run(note).stdout, "mine", "Git does not say it");
    }

    assert_eq!(demo.interrupt(), 0, "{}", demo.process.log());
    assert!(demo.process.log().contains("its directory stays"), "{}", demo.process.log());
    assert_eq!(names(&demo.dir), ["kubeconfig", "repository", "steadfast.log", "try.txt"]);
}

#[test]
fn the_verbs_of_app_work_against_it() {
    const STEADFAST: &str = env!("CARGO_BIN_EXE_steadfast");
    let demo = Demo::start(&["--dir", "playground", "--listen", "127.0.0.1:0"]);
    let app = |verb: &str| demo.run(&format!("'{STEADFAST}' app {verb}")).stdout;
    let old = demo.head();
    demo.healthy("pampam", &old);
    assert_eq!(app("diff pampam"), "");
    assert!(app("sync pampam").contains("Succeeded"));
    demo.run(&demo.script("a new version"));
    demo.healthy("pampam", &demo.head());
    assert_eq!(app("history pampam").lines().count(), 4);

    if TestBed::get().programs("steadfast app in a demo", ["kubectl"]).is_some() {
        demo.run(
            "kubectl patch application pampam -n argocd --type merge \
             -p '{\"spec\":{\"syncPolicy\":{\"automated\":{\"enabled\":false}}}}'",
        );
        let said = app("rollback pampam 0 --health");
        assert!(said.contains("deployment.apps/cart configured"), "{said}");
        demo.says(&["pampam is OutOfSync Healthy"]);
        let diff = app("diff pampam || test $? = 1");
        assert!(diff.contains(&format!("+        image: {}", demo.image())), "{diff}");
        app("sync pampam");
        demo.healthy("pampam", &demo.head());
    }

    app("delete pampam --yes");
    demo.says(&["pampam is gone"]);
    demo.says(&["pampam/cart is gone"]);
    assert!(!app("list").contains("pampam"));
    assert_eq!(demo.interrupt(), 0, "{}", demo.process.log());
}

#[test]
fn a_directory_is_used_again_and_a_temporary_one_goes() {
    const NAME: &str = r#"it's "mine", $HOME"#;
    let args = ["--dir", NAME, "--listen", "127.0.0.1:0"];
    let home = scratch_dir("demo");
    let first = Demo::start_in(&home, NAME, &args);
    first.says(&["Try, in another terminal"]);
    let second = command(&home, &args).output(None).expect("the program is executable");
    assert_eq!(second.status.code(), Some(2), "{}", second.stdout);
    assert!(second.stderr.contains("another demo runs in"), "{}", second.stderr);
    first.run(&first.script("a new version"));
    let released = Instant::now();
    let commit = first.head();
    assert_eq!(first.interrupt(), 0, "{}", first.process.log());

    // What was tried is there, and can be tried again.
    let again = Demo::start_in(&home, NAME, &args);
    again.says(&["pampam is Synced", &commit[..8]]);
    // The version is the time, to the second.
    let later = || (released.elapsed() >= Duration::from_secs(1)).then_some(());
    eventually_blocking(LIMIT, "the next second", later);
    again.run(&again.script("a new version"));
    assert_ne!(again.head(), commit);
    again.says(&["pampam is Synced", &again.head()[..8]]);
    assert_eq!(again.interrupt(), 0, "{}", again.process.log());

    for (args, left) in
        [(&["--listen", "127.0.0.1:0"][..], 0), (&["--keep", "--listen", "127.0.0.1:0"], 1)]
    {
        let demo = Demo::start(args);
        demo.says(&["Try, in another terminal"]);
        let temporary = demo.dir.parent().expect("it has one").join("tmp");
        assert_eq!(names(&temporary).len(), 1);
        assert_eq!(demo.interrupt(), 0, "{}", demo.process.log());
        assert_eq!(names(&temporary).len(), left, "{args:?}");
    }
}

#[test]
fn stopped_while_it_starts_it_ends_without_a_complaint() {
    for there in ["repository", "kubeconfig", "cache"] {
        let demo = Demo::start(&["--dir", "playground", "--listen", "127.0.0.1:0"]);
        let made = || demo.dir.join(there).exists().then_some(());
        eventually_blocking(LIMIT, &format!("the {there}"), made);
        assert_eq!(demo.interrupt(), 0, "{there}: {}", demo.process.log());
        assert!(!demo.process.log().contains("error"), "{there}: {}", demo.process.log());
    }
}

#[test]
fn what_it_cannot_use_it_says_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let taken = taken.local_addr().expect("it is bound").to_string();
    let occupied = scratch_dir("occupied");
    fs::write(occupied.join("mine"), "").expect("it is writable");
    let occupied = occupied.to_str().expect("it is UTF-8");
    let table: [(&[&str], &str, &str); 5] = [
        (&["--listen", "0.0.0.0:0"], "not a loopback address", "127.0.0.1:8080"),
        (&["--listen", &taken], "cannot listen on", "--listen 127.0.0.1:0"),
        (
            &["--listen", "127.0.0.1:0", "--dir", occupied],
            "neither empty nor of a demo",
            "name a directory that does not exist",
        ),
        (
            &["--listen", "127.0.0.1:0", "--dir", "two\nlines"],
            "can't be written into commands",
            "without line breaks",
        ),
        (&["--pod-start", "2m"], "at most 1m", "--help"),
    ];
    for (args, what, hint) in table {
        let home = scratch_dir("refused");
        let output = command(&home, args).output(None).expect("the program is executable");
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", output.stdout);
        assert!(output.stderr.contains(what), "{args:?}: {}", output.stderr);
        assert!(output.stderr.contains(hint), "{args:?}: {}", output.stderr);
        assert_eq!(names(&home.join("tmp")), Vec::<String>::new(), "{args:?}");
    }
    assert_eq!(names(Path::new(occupied)), ["mine"]);
}

#[test]
fn where_nobody_named_a_port_a_taken_one_is_no_obstacle() {
    // Taken by somebody else is as good.
    let taken = TcpListener::bind("127.0.0.1:8080");
    let demo = Demo::start(&["--dir", "playground"]);
    demo.says(&["status API", "(127.0.0.1:8080 is taken)"]);
    assert_ne!(demo.address(), "127.0.0.1:8080");
    assert!(demo.script("with steadfast").contains(&format!("http://{}\n", demo.address())));
    demo.application("pampam");
    assert_eq!(demo.interrupt(), 0, "{}", demo.process.log());
    drop(taken);
}
