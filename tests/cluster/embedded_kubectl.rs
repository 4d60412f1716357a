//! Real kubectl against the embedded cluster: what people type first, and what they type next.
//!
//! One embedded cluster with its controllers runs in this process; each test has a namespace of its
//! own. What kubectl prints is held by what matters in it, not by whole screens.

use std::{
    path::PathBuf,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::Value;
use steadfast::embedded::{Options, Pace, Server, control};
use tokio_util::sync::CancellationToken;

use crate::support::{
    process::{self, Guarded, Output, Process},
    testbed::TestBed,
    wait::{LIMIT, eventually_blocking},
};

mod apply;
mod change;
mod create;
mod custom;
mod read;
mod refuse;
mod rollout;

/// Kubectl and a kubeconfig of the embedded cluster.
struct Cluster {
    kubectl: PathBuf,
    dir: PathBuf,
}

impl Cluster {
    /// The one of this process; `None` when there is no kubectl.
    fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        let [kubectl] = TestBed::get().programs("embedded_kubectl", ["kubectl"])?;
        Some(SHARED.get_or_init(|| Self::start(kubectl.to_owned())))
    }

    fn start(kubectl: PathBuf) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = process::scratch_dir("embedded");
        let server = Server::new(Options::default()).expect("certificates can be made");
        let (sender, receiver) = std::sync::mpsc::channel();
        let serving = server.clone();
        // The runtimes of the tests end with them; this one ends with the process.
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async move {
                let listener = serving.listen().await.expect("there is a free port");
                sender.send(()).expect("the test waits");
                let stop = CancellationToken::new();
                let controllers = control(serving.clone(), quick(), stop.clone());
                let (served, ()) = tokio::join!(serving.serve(listener, stop), controllers);
                served.expect("it serves");
            });
        });
        receiver.recv().expect("it listens");
        for user in ["admin", "viewer"] {
            let path = dir.join(format!("{user}.kubeconfig"));
            std::fs::write(path, server.kubeconfig(user)).expect("the directory is writable");
        }
        Self { kubectl, dir }
    }

    fn command(&self, user: &str) -> Guarded {
        Guarded::new(&self.kubectl)
            .arg(format!("--kubeconfig={}", self.dir.join(format!("{user}.kubeconfig")).display()))
            .arg(format!("--cache-dir={}", self.dir.join("kubectl-cache").display()))
            .env("HOME", &self.dir)
            .env_remove("KUBECONFIG")
    }
}

/// Nobody has to see the pods start.
fn quick() -> Pace {
    let short = Duration::from_millis(20);
    Pace { pod_start: short, pod_stop: short, pod_run: short, ..Pace::default() }
}

/// A namespace of one test.
struct Space {
    cluster: &'static Cluster,
    name: String,
}

impl Space {
    /// `None` when there is no kubectl.
    fn begin(prefix: &str) -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let cluster = Cluster::shared()?;
        let name = format!("{prefix}-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let space = Self { cluster, name };
        space.ok(&format!("create namespace {}", space.name));
        Some(space)
    }

    fn command(&self, line: &str) -> Guarded {
        self.cluster.command("admin").arg("-n").arg(&self.name).args(words(line))
    }

    /// What `kubectl LINE` prints; panics when it fails.
    #[track_caller]
    fn ok(&self, line: &str) -> String {
        succeeded(line, self.command(line).output(None))
    }

    /// The same with an input.
    #[track_caller]
    fn feed(&self, line: &str, input: &str) -> String {
        succeeded(line, self.command(line).output(Some(input)))
    }

    /// The same in JSON.
    #[track_caller]
    fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.ok(&format!("{line} -o json"))).expect("it is JSON")
    }

    /// What `kubectl LINE` complains of; panics when it succeeds.
    #[track_caller]
    fn fails(&self, line: &str) -> String {
        failed(line, self.command(line).output(None))
    }

    /// The same with an input.
    #[track_caller]
    fn fails_fed(&self, line: &str, input: &str) -> String {
        failed(line, self.command(line).output(Some(input)))
    }

    /// Starts `kubectl LINE`, which goes on until it is dropped.
    fn spawn(&self, line: &str) -> Process {
        let log = process::scratch_dir("kubectl").join("log");
        self.command(line).spawn(&log).expect("kubectl is executable")
    }

    /// A Deployment whose pods are ready.
    #[track_caller]
    fn deployed(&self, replicas: u32) {
        self.feed("apply -f -", &web(replicas, "web:1"));
        self.ok("rollout status deployment/web --timeout=60s");
    }
}

#[track_caller]
fn succeeded(line: &str, output: std::io::Result<Output>) -> String {
    let output = output.expect("kubectl is executable");
    assert!(output.status.success(), "kubectl {line}: {}{}", output.stdout, output.stderr);
    output.stdout
}

#[track_caller]
fn failed(line: &str, output: std::io::Result<Output>) -> String {
    let output = output.expect("kubectl is executable");
    assert!(!output.status.success(), "kubectl {line} succeeded: {}", output.stdout);
    output.stderr
}

/// Splits a line at blanks; what stands between single quotes stays together.
fn words(line: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    for (index, part) in line.split('\'').enumerate() {
        if index % 2 == 1 {
            found.last_mut().expect("there is one").push_str(part);
            continue;
        }
        for (blank, word) in part.split(' ').enumerate() {
            if blank > 0 {
                found.push(String::new());
            }
            found.last_mut().expect("there is one").push_str(word);
        }
    }
    found.retain(|word| !word.is_empty());
    found
}

/// A Deployment named `web` with a Service, as YAML.
fn web(replicas: u32, image: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {{app: web, tier: front}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers:
      - name: web
        image: {image}
        ports: [{{containerPort: 8080}}]
        env: [{{name: A, value: '1'}}, {{name: B, value: '2'}}]
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec:
  selector: {{app: web}}
  ports: [{{port: 80, targetPort: 8080}}]
"
    )
}

/// A table as lists of cells; columns are two blanks apart.
fn table(text: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| -> Vec<String> {
        line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
    };
    text.lines().filter(|line| !line.is_empty()).map(cells).collect()
}

/// Asserts that a text has all these parts.
#[track_caller]
fn has_all(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
}
