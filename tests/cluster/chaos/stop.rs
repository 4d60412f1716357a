//! Orderly ends, and the ends of workers.

use std::{
    io::Read,
    net::TcpListener,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::rig::{Maps, half_renamed};
use crate::{
    common::{PATH, Scene},
    git::GitDaemon,
    support::{Controller, Fault, LIMIT, eventually, process},
};

fn wanted(round: usize) -> Maps {
    half_renamed(60, round, round)
}

/// The processes that a process has started.
fn children(pid: u32) -> Vec<u32> {
    let output = Command::new("ps").args(["-o", "pid=", "--ppid", &pid.to_string()]).output();
    let text = String::from_utf8(output.expect("there is a ps").stdout).expect("it is text");
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

fn kill(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process number");
    // It may have ended by itself.
    let _ = kill_process(pid, Signal::KILL);
}

#[tokio::test]
async fn sigterm_in_the_middle_of_a_sync_ends_it_soon_and_the_next_start_finishes() {
    let Some(mut scene) = Scene::synced("term", &wanted(0)).await else { return };
    for round in 1..4 {
        // The writes of one round take seconds.
        scene.proxy().set(Fault::Delay(Duration::from_millis(200)));
        let mark = scene.plane.audit_mark();
        let commit = scene.commit(&wanted(round));
        eventually(LIMIT, "the first writes", async || {
            let writes = scene.all_writes_since(mark);
            writes.iter().any(|event| event.resource == "configmaps").then_some(())
        })
        .await;
        let begin = Instant::now();
        let status = scene.controller.terminate();
        let took = begin.elapsed();
        println!("ended after {took:.1?}, {} writes", scene.all_writes_since(mark).len());
        let log = scene.controller.log();
        assert_eq!(status.code(), Some(0), "{}: {log}", process::describe(status));
        assert!(took < Duration::from_secs(10), "{took:?}: {log}");
        scene.proxy().set(Fault::None);
        scene.start_again();
        scene.deployed(PATH, &commit).await;
        scene.assert_deployed(&wanted(round)).await;
    }
}

/// A server that takes connections and says nothing, until it is dropped.
struct Mute(Arc<AtomicBool>, Option<std::thread::JoinHandle<()>>);

impl Mute {
    /// Begins to listen; returns on which port.
    fn listen() -> (Self, u16) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let port = listener.local_addr().expect("it listens").port();
        listener.set_nonblocking(true).expect("it is open");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut open = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                open.extend(listener.accept().ok());
                std::thread::sleep(Duration::from_millis(5));
            }
            // What was asked is read first: a reset would be another fault.
            for (mut connection, _) in open {
                let _ = connection.set_nonblocking(true);
                let _ = connection.read(&mut [0; 4096]);
            }
        });
        (Self(stop, Some(thread)), port)
    }
}

impl Drop for Mute {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        if let Some(thread) = self.1.take() {
            let _ = thread.join();
        }
    }
}

#[tokio::test]
async fn a_killed_worker_is_told_and_a_killed_controller_leaves_no_worker() {
    let Some(mut scene) = Scene::synced("worker", &wanted(0)).await else { return };
    let (mute, port) = Mute::listen();
    let url = format!("git://127.0.0.1:{port}/git");
    scene.patch(PATH, &json!({"spec": {"source": {"repoURL": url}}}));
    let worker = |controller: &Controller| {
        let pid = controller.pid();
        eventually(LIMIT, "a worker", async move || children(pid).first().copied())
    };
    kill(worker(&scene.controller).await);
    let told = |app: &Value| {
        let told = app["status"]["conditions"].to_string();
        told.contains("signal 9") && told.contains("ComparisonError")
    };
    scene.until(PATH, "the death of the worker to be told", told).await;
    let live = scene.tracked().await;
    assert_eq!(live, Some(wanted(0)), "nothing is pruned without a word from Git");

    // The controller dies while a worker waits.
    let left = worker(&scene.controller).await;
    scene.controller.kill9();
    eventually(LIMIT, "the worker to follow its controller", async || {
        (!process::runs(left)).then_some(())
    })
    .await;

    // And when it is asked to stop, it takes its workers with it.
    scene.start_again();
    let left = worker(&scene.controller).await;
    let begin = Instant::now();
    let status = scene.controller.terminate();
    assert_eq!(status.code(), Some(0), "{}", scene.controller.log());
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    assert!(!process::runs(left), "worker {left} is left");

    // The server speaks again.
    scene.start_again();
    let _ = worker(&scene.controller).await;
    drop(mute);
    let commit = scene.commit(&wanted(1));
    let _daemon = GitDaemon::start_on(port, scene.repo.root());
    scene.deployed(PATH, &commit).await;
    scene.assert_deployed(&wanted(1)).await;
}

#[tokio::test]
async fn workers_that_are_killed_again_and_again_do_no_lasting_harm() {
    let Some(scene) = Scene::synced("workers", &wanted(0)).await else { return };
    let (mut commit, mut killed) = (String::new(), 0);
    for round in 1..6 {
        commit = scene.commit(&wanted(round));
        let begin = Instant::now();
        while killed < 4 * round {
            for worker in children(scene.controller.pid()) {
                kill(worker);
                killed += 1;
            }
            assert!(begin.elapsed() < LIMIT, "{killed} workers killed");
            tokio::time::sleep(Duration::from_millis(u64::try_from(round).unwrap() * 3)).await;
        }
    }
    println!("{killed} workers killed");
    scene.deployed(PATH, &commit).await;
    scene.assert_deployed(&wanted(5)).await;
}
