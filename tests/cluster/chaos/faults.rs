//! Faults on the way to the API server, by the proxy.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::rig::{Maps, half_renamed};
use crate::{
    common::{PATH, Scene},
    support::{AuditMark, Fault, Requests},
};

/// Objects of an application.
const OBJECTS: usize = 60;

/// What commit number `round` wants: half of the objects have a new name.
fn wanted(round: usize) -> Maps {
    half_renamed(OBJECTS / 2, round, round)
}

/// What a scene went through while a commit came.
struct Toll {
    /// Writes of Steadfast that were answered, without events.
    writes: usize,
    /// Requests that reached the proxy.
    requests: u64,
}

/// Commits while `fault` is in force, waits for `harm` faults, ends it and waits for the sync.
async fn suffer(scene: &Scene, round: usize, fault: Fault, harm: u64) -> Toll {
    let (mark, begin) = (scene.plane.audit_mark(), Instant::now());
    let (seen, faults) = (scene.proxy().seen(), scene.proxy().faults());
    scene.proxy().set(fault.clone());
    let commit = scene.commit(&wanted(round));
    scene.harmed(faults, harm).await;
    scene.proxy().set(Fault::None);
    let over = begin.elapsed();
    scene.deployed(PATH, &commit).await;
    let toll = Toll { writes: writes(scene, mark), requests: scene.proxy().seen() - seen };
    println!(
        "{fault:?}: {harm} faults in {over:.1?}, synced after {:.1?}, {} writes, {} requests",
        begin.elapsed(),
        toll.writes,
        toll.requests
    );
    scene.assert_deployed(&wanted(round)).await;
    toll
}

fn writes(scene: &Scene, mark: AuditMark) -> usize {
    let mut writes = scene.all_writes_since(mark);
    writes.retain(|event| event.resource != "events");
    let mut kinds = BTreeMap::<_, usize>::new();
    for event in &writes {
        *kinds.entry((&event.verb, &event.resource, event.code)).or_default() += 1;
    }
    println!("{kinds:?}");
    writes.len()
}

/// What somebody does whom no watch sees.
fn drift(scene: &Scene) {
    scene.target.delete("configmap", "kept-000");
    scene.target.delete("configmap", "kept-001");
    scene.target.patch("configmap", "kept-002", &json!({"data": {"v": "drift"}}));
}

/// An undisturbed sync of a round: kept objects, new ones, old ones, and the status in between.
const SYNC_WRITES: usize = OBJECTS / 2 * 3 + 10;

#[tokio::test]
async fn expired_watches_are_begun_anew_and_nothing_is_missed() {
    let Some(scene) = Scene::synced("expired", &wanted(0)).await else { return };
    let toll = suffer(&scene, 1, Fault::ExpiredWatches, 2).await;
    assert!(toll.writes <= SYNC_WRITES, "{}", toll.writes);
    // What happens while no watch is open is found by the list that follows.
    let faults = scene.proxy().faults();
    scene.proxy().set(Fault::ExpiredWatches);
    drift(&scene);
    scene.harmed(faults, 2).await;
    scene.proxy().set(Fault::None);
    scene.hold(&wanted(1)).await;
    scene.assert_deployed(&wanted(1)).await;
}

#[tokio::test]
async fn retry_after_is_honoured_by_everybody() {
    let Some(scene) = Scene::synced("retry", &wanted(0)).await else { return };
    for (round, requests) in [(1, Requests::Writes), (2, Requests::All)] {
        let (begin, mark) = (Instant::now(), scene.plane.audit_mark());
        let faults = scene.proxy().faults();
        scene.proxy().set(Fault::TooManyRequests { retry_after_s: 2, requests });
        let commit = scene.commit(&wanted(round));
        scene.harmed(faults, 1).await;
        tokio::time::sleep(Duration::from_secs(6)).await;
        let (took, faults) = (begin.elapsed(), scene.proxy().faults() - faults);
        scene.proxy().set(Fault::None);
        println!("{faults} refusals in {took:.1?}");
        // What is in flight together is refused together, and then nothing for two seconds.
        let bursts = took.as_secs() / 2 + 1;
        assert!(faults <= 32 * bursts, "{faults} refusals in {took:?}");
        scene.deployed(PATH, &commit).await;
        assert!(writes(&scene, mark) <= 2 * SYNC_WRITES, "{}", writes(&scene, mark));
        scene.assert_deployed(&wanted(round)).await;
    }
}

#[tokio::test]
async fn servers_that_fail_now_and_then_are_asked_again() {
    let Some(scene) = Scene::synced("failing", &wanted(0)).await else { return };
    let table = [
        (500, 30, Requests::All, 20),
        (503, 30, Requests::All, 20),
        (500, 100, Requests::Writes, 3),
        (503, 100, Requests::Writes, 3),
        (503, 100, Requests::All, 3),
    ];
    for (round, (code, share_pct, requests, harm)) in table.into_iter().enumerate() {
        let fault = Fault::Status { code, share_pct, requests };
        let toll = suffer(&scene, round + 1, fault, harm).await;
        assert!(toll.writes <= 2 * SYNC_WRITES, "{}", toll.writes);
        assert!(toll.requests <= 500, "{}", toll.requests);
    }
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_done_once() {
    let Some(scene) = Scene::synced("lost", &wanted(0)).await else { return };
    let toll = suffer(&scene, 1, Fault::LoseAnswers, 10).await;
    assert!(toll.writes <= 2 * SYNC_WRITES, "{}", toll.writes);
    assert!(toll.requests <= 600, "{}", toll.requests);
}

#[tokio::test]
async fn drift_made_while_no_connection_holds_is_put_back() {
    let Some(scene) = Scene::synced("cut", &wanted(0)).await else { return };
    let toll = suffer(&scene, 1, Fault::Cut, 5).await;
    assert!(toll.writes <= SYNC_WRITES, "{}", toll.writes);
    let (faults, seen) = (scene.proxy().faults(), scene.proxy().seen());
    scene.proxy().set(Fault::Cut);
    scene.harmed(faults, 1).await;
    drift(&scene);
    scene.harmed(faults, 5).await;
    scene.proxy().set(Fault::None);
    scene.hold(&wanted(1)).await;
    let requests = scene.proxy().seen() - seen;
    assert!(requests <= 100, "{requests}");
    scene.assert_deployed(&wanted(1)).await;
    // One cut in the middle of a sync.
    let commit = scene.commit(&wanted(2));
    let seen = scene.proxy().seen();
    while scene.proxy().seen() < seen + 40 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    scene.proxy().cut();
    scene.deployed(PATH, &commit).await;
    scene.assert_deployed(&wanted(2)).await;
}

#[tokio::test]
async fn a_silent_server_is_given_up_by_the_deadline() {
    let Some(scene) = Scene::synced("silent", &wanted(0)).await else { return };
    let mark = scene.plane.audit_mark();
    scene.proxy().set(Fault::Blackhole);
    let commit = scene.commit(&wanted(1));
    let given_up = |_: &Value| scene.controller.log().contains("no answer within");
    scene.until(PATH, "a deadline to pass", given_up).await;
    let healthy = scene.controller.get("/healthz").map(|(code, _)| code);
    assert_eq!(healthy, Some(200), "the process itself is well");
    scene.proxy().set(Fault::None);
    scene.deployed(PATH, &commit).await;
    assert!(writes(&scene, mark) <= SYNC_WRITES, "{}", writes(&scene, mark));
    scene.assert_deployed(&wanted(1)).await;
}

#[tokio::test]
async fn a_slow_server_gets_no_more_requests_than_a_fast_one() {
    let Some(scene) = Scene::synced("slow", &wanted(0)).await else { return };
    let (mark, seen) = (scene.plane.audit_mark(), scene.proxy().seen());
    scene.proxy().set(Fault::Delay(Duration::from_millis(300)));
    scene.deploy(&wanted(1)).await;
    scene.proxy().set(Fault::None);
    scene.assert_deployed(&wanted(1)).await;
    let (writes, requests) = (writes(&scene, mark), scene.proxy().seen() - seen);
    println!("{writes} writes, {requests} requests");
    assert!(writes <= SYNC_WRITES, "{writes}");
    assert!(requests <= 300, "{requests}");
}
