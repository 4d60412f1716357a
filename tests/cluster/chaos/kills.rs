//! SIGKILL, at any point of a sync.

use std::time::{Duration, Instant};

use super::rig::{Maps, half_renamed};
use crate::{
    common::{PATH, Scene, is_deployed},
    support::random::Random,
};

/// Kills in the middle of a sync.
const KILLS: usize = 20;
/// Objects that keep their name in every commit, and as many that are renamed by half of them.
const HALF: usize = 100;

/// What commit number `round` wants: each renames half of the objects.
fn wanted(round: usize) -> Maps {
    half_renamed(HALF, round, round)
}

/// Kills the controller once it has sent `requests` more, or has done all that `commit` wants.
async fn kill_after(scene: &Scene, requests: u64, commit: &str) {
    let (from, mut looked) = (scene.proxy().seen(), Instant::now());
    while scene.proxy().seen() < from + requests {
        if looked.elapsed() > Duration::from_secs(1) {
            if is_deployed(&scene.app(PATH).await, commit) {
                println!("it was done after {} requests already", scene.proxy().seen() - from);
                break;
            }
            looked = Instant::now();
        }
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    scene.controller.kill9();
}

#[tokio::test]
async fn twenty_kills_in_the_middle_of_a_sync_leave_nothing_behind() {
    let Some(mut scene) = Scene::synced("kills", &wanted(0)).await else { return };
    let mut random = Random::new();

    // How many requests a sync takes that nobody disturbs.
    let from = scene.proxy().seen();
    scene.deploy(&wanted(1)).await;
    let whole = scene.proxy().seen() - from;
    println!("an undisturbed sync takes {whole} requests");
    // Those that keep their name, those that are new, those that go.
    let all = 3 * HALF;
    let mut in_the_middle = 0;

    for kill in 0..KILLS {
        let mut round = 3 + kill;
        let mut commit = scene.commit(&wanted(round));
        // One point in each twentieth of the way.
        let (number, kills) = (kill as u64, KILLS as u64);
        let requests = (whole * number + random.below(whole)) / kills + 1;
        let mark = scene.plane.audit_mark();
        kill_after(&scene, requests, &commit).await;
        let writes = scene.writes_since(mark).len();
        println!("kill {kill} after {requests} requests, {writes} objects were written");
        in_the_middle += usize::from((1..all).contains(&writes));
        if kill % 3 == 2 {
            // What was made before the kill is not wanted any more.
            round += KILLS;
            commit = scene.commit(&wanted(round));
        }
        scene.start_again();
        scene.deployed(PATH, &commit).await;
        scene.assert_deployed(&wanted(round)).await;
    }
    println!("{in_the_middle} of {KILLS} kills came in the middle of the objects");
    assert!(in_the_middle >= KILLS / 2, "{in_the_middle} of {KILLS}");
}
