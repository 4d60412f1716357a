//! SIGKILL, at any point of a sync.

use std::time::{Duration, Instant};

use super::rig::{App, Maps, Random, is_synced, maps};
use crate::support::{ControlPlane, Controller, ControllerOptions, Proxy};

/// Kills in the middle of a sync.
const KILLS: u64 = 20;
/// Objects that keep their name in every commit, and as many that are renamed by half of them.
const HALF: usize = 100;

/// What commit number `round` wants: every second one renames half of the objects.
fn wanted(round: u64) -> Maps {
    let mut all = maps("kept", HALF, &format!("round {round}"));
    all.extend(maps(&format!("renamed-{}", round / 2), HALF, &format!("round {round}")));
    all
}

/// Kills the controller once it has sent `requests` more, or has done all that `commit` wants.
async fn kill_after(
    controller: &Controller,
    app: &App,
    proxy: &Proxy,
    requests: u64,
    commit: &str,
) {
    let (from, mut looked) = (proxy.seen(), Instant::now());
    while proxy.seen() < from + requests {
        if looked.elapsed() > Duration::from_secs(1) {
            if is_synced(&app.get(), commit) {
                println!("it was done after {} requests already", proxy.seen() - from);
                break;
            }
            looked = Instant::now();
        }
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    controller.kill9();
}

#[tokio::test]
async fn twenty_kills_in_the_middle_of_a_sync_leave_nothing_behind() {
    let Some(plane) = ControlPlane::shared() else { return };
    let namespace = plane.namespace("kills").await;
    let proxy = Proxy::start(&plane);
    let mut random = Random::new();
    let mut options = ControllerOptions::new(namespace.name()).arg("--install-crds");
    options.kubeconfig = Some(proxy.kubeconfig().into());
    let mut controller = Controller::start(&plane, options);
    let app = App::create(&namespace, "shop");
    app.synced(&controller, &app.repo.commit(&wanted(0))).await;

    // How many requests a sync takes that nobody disturbs.
    let from = proxy.seen();
    app.synced(&controller, &app.repo.commit(&wanted(2))).await;
    let whole = proxy.seen() - from;
    println!("an undisturbed sync takes {whole} requests");

    for kill in 0..KILLS {
        let mut round = 3 + kill;
        let mut commit = app.repo.commit(&wanted(round));
        // One point in each twentieth of the way.
        let requests = (whole * kill + random.below(whole)) / KILLS + 1;
        let mark = plane.audit_mark();
        kill_after(&controller, &app, &proxy, requests, &commit).await;
        let writes = app.writes(mark).len();
        println!("kill {kill} after {requests} requests, {writes} writes were answered");
        if kill % 3 == 2 {
            // What was made before the kill is not wanted any more.
            round += KILLS;
            commit = app.repo.commit(&wanted(round));
        }
        controller = Controller::start(&plane, controller.options());
        app.synced(&controller, &commit).await;
        app.assert_settled(&controller, &wanted(round)).await;
    }
}
