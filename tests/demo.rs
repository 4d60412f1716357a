//! `steadfast demo` as a newcomer runs it: what it prints to try is tried, as it is printed.

#![allow(clippy::disallowed_methods, reason = "tests start programs and read the environment")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "support/mod.rs"]
mod support;

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    time::Duration,
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
        let home = scratch_dir("demo");
        let dir = home.join("playground");
        let command = command(&home, args);
        let process = command.spawn(&home.join("output")).expect("the program is executable");
        Self { process, dir }
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

    /// Runs a script as a person with this terminal would, after the `export` of the first one.
    fn run(&self, script: &str) -> Output {
        let dir = scratch_dir("terminal");
        let shell = Guarded::new("sh")
            .args(["-ec", script])
            .current_dir(&dir)
            // No name and no settings of the machine: the sample has its own.
            .env("HOME", &dir)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("KUBECONFIG", self.dir.join("kubeconfig"))
            .env("PATH", TestBed::get().search_path());
        let output = shell.output(None).expect("there is a shell");
        assert!(output.status.success(), "{script}\n{}{}", output.stdout, output.stderr);
        output
    }

    /// The commit that the sample is at.
    fn head(&self) -> String {
        let repository = self.dir.join("repository");
        let output = self.run(&format!("git -C {} rev-parse HEAD", repository.display()));
        output.stdout.trim().to_owned()
    }

    /// What the status API says of an application.
    fn application(&self, name: &str) -> Value {
        let line = self.says(&["status API", "http://"]);
        let (_, address) = line.split_once("http://").expect("a URL");
        let (address, _) = address.split_once('/').expect("a path");
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
    let [look, release, edit, broken, repair] =
        <[_; 5]>::try_from(demo.guide()).expect("four things, and the way back");
    let kubectl = TestBed::get().programs("steadfast demo with kubectl", ["kubectl"]).is_some();

    if kubectl {
        let table = demo.run(&look.1).stdout;
        assert!(table.lines().any(|line| line.starts_with("pampam ")), "{table}");
        assert!(table.contains("Synced") && table.contains("Healthy"), "{table}");
    }

    demo.run(&release.1);
    demo.healthy("pampam", &demo.head());
    let images = demo.application("pampam")["status"]["summary"]["images"].to_string();
    assert!(images.contains("whoami:v1.11.0"), "{images}");

    if kubectl {
        demo.run(&edit.1);
        let line = demo.says(&["DriftCorrected", "pampam/cart", ".spec.replicas"]);
        assert!(line.contains("kubectl"), "{line}");
        let wanted = "kubectl get deployment cart -n pampam -o jsonpath='{.spec.replicas}'";
        assert_eq!(demo.run(wanted).stdout, "3");
        demo.healthy("pampam", &demo.head());
    }

    let good = demo.head();
    demo.run(&broken.1);
    let app = demo.until("pampam", "the broken image to be named", |app| {
        app["status"]["health"]["message"].as_str().is_some_and(|m| m.contains("ImagePullBackOff"))
    });
    let message = app["status"]["health"]["message"].to_string();
    assert!(message.contains("pampam/cart") && message.contains("v1.12.0-broken"), "{message}");
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
    }

    assert_eq!(demo.interrupt(), 0, "{}", demo.process.log());
    assert!(demo.process.log().contains("its directory stays"), "{}", demo.process.log());
    assert_eq!(names(&demo.dir), ["kubeconfig", "repository", "steadfast.log", "try.txt"]);
}

#[test]
fn a_directory_is_used_again_and_a_temporary_one_goes() {
    let first = Demo::start(&["--dir", "playground", "--listen", "127.0.0.1:0"]);
    first.says(&["Try, in another terminal"]);
    let home = first.dir.parent().expect("it has one").to_owned();
    let second = command(&home, &["--dir", "playground", "--listen", "127.0.0.1:0"]);
    let second = second.output(None).expect("the program is executable");
    assert_eq!(second.status.code(), Some(2), "{}", second.stdout);
    assert!(second.stderr.contains("another demo runs in"), "{}", second.stderr);
    first.run(&first.guide()[1].1);
    let commit = first.head();
    assert_eq!(first.interrupt(), 0, "{}", first.process.log());

    let again = command(&home, &["--dir", "playground", "--listen", "127.0.0.1:0"]);
    let process = again.spawn(&home.join("again")).expect("the program is executable");
    let again = Demo { process, dir: first.dir.clone() };
    again.says(&["pampam is Synced", &commit[..8]]);
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
fn what_it_cannot_use_it_says_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let taken = taken.local_addr().expect("it is bound").to_string();
    let occupied = scratch_dir("occupied");
    fs::write(occupied.join("mine"), "").expect("it is writable");
    let occupied = occupied.to_str().expect("it is UTF-8");
    let table: [(&[&str], &str, &str); 3] = [
        (&["--listen", "0.0.0.0:0"], "not a loopback address", "127.0.0.1:8080"),
        (&["--listen", &taken], "cannot listen on", "--listen 127.0.0.1:0"),
        (
            &["--listen", "127.0.0.1:0", "--dir", occupied],
            "neither empty nor of a demo",
            "name a directory that does not exist",
        ),
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
