//! The API server goes away and comes back.

use std::sync::Arc;

use serde_json::json;

use super::rig::{Maps, half_renamed};
use crate::{
    common::{PATH, Scene},
    support::{ControlPlane, LIMIT, PlaneOptions, eventually},
};

const OBJECTS: usize = 40;

type Harm = fn(&ControlPlane);

fn wanted(round: usize) -> Maps {
    half_renamed(OBJECTS / 2, round, round)
}

#[tokio::test]
async fn a_stopped_a_killed_and_a_restarted_api_server_are_outlived_without_a_write_storm() {
    let options = PlaneOptions { workloads: false, ..Default::default() };
    let Some(plane) = ControlPlane::own(options) else { return };
    // Straight to the server, as in production: HTTP/2, and nobody between.
    let scene = Scene::with(Arc::new(plane), "gone", |_| ()).await;
    scene.open(&wanted(0)).await;
    // Foreground deletion needs a garbage collector, which needs minutes to recover itself.
    let options = json!({"syncOptions": ["PrunePropagationPolicy=background"]});
    scene.patch(PATH, &json!({"spec": {"syncPolicy": options}}));
    let Scene { plane, controller, target, .. } = &scene;
    let table: [(&str, Harm); 2] =
        [("stopped", ControlPlane::stop_api_server), ("killed", ControlPlane::kill_api_server)];
    for (number, (how, harm)) in table.into_iter().enumerate() {
        let round = number * 2 + 1;
        let (mark, lines) = (plane.audit_mark(), controller.log().lines().count());
        harm(plane);
        let commit = scene.commit(&wanted(round));
        eventually(LIMIT, "readiness to end", async || {
            controller.get("/readyz").is_some_and(|(code, _)| code != 200).then_some(())
        })
        .await;
        assert_eq!(controller.get("/healthz").map(|(code, _)| code), Some(200));
        plane.start_api_server();
        scene.deployed(PATH, &commit).await;
        // Somebody is faster than our watches.
        target.delete("configmap", "kept-003");
        scene.hold(&wanted(round)).await;
        let writes = scene.all_writes_since(mark).into_iter();
        let writes = writes.filter(|event| event.resource != "events").count();
        let requests = plane.audit(mark, "steadfast").len();
        let lines = controller.log().lines().count() - lines;
        println!("{how}: {writes} writes, {requests} requests, {lines} log lines");
        assert!(writes <= OBJECTS / 2 * 3 + 20, "{writes} writes");
        assert!(requests <= 300, "{requests} requests");
        assert!(lines <= 100, "{lines} log lines");
        scene.assert_deployed(&wanted(round)).await;
        eventually(LIMIT, "readiness", async || {
            controller.get("/readyz").is_some_and(|(code, _)| code == 200).then_some(())
        })
        .await;

        // Between two commits, and with drift as soon as the server is back.
        plane.restart_api_server();
        target.delete("configmap", "kept-000");
        target.delete("configmap", "kept-001");
        target.patch("configmap", "kept-002", &json!({"data": {"v": "drift"}}));
        scene.hold(&wanted(round)).await;
        scene.deploy(&wanted(round + 1)).await;
        scene.assert_deployed(&wanted(round + 1)).await;
    }
}
