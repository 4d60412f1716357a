//! The API server goes away and comes back.

use std::sync::Arc;

use serde_json::json;

use super::rig::{LIMIT, Maps, Scene, maps};
use crate::support::{ControlPlane, PlaneOptions, eventually};

const OBJECTS: usize = 40;

type Harm = fn(&ControlPlane);

fn wanted(round: usize) -> Maps {
    let mut all = maps("kept", OBJECTS / 2, &format!("round {round}"));
    all.extend(maps(&format!("renamed-{round}"), OBJECTS / 2, &format!("round {round}")));
    all
}

#[tokio::test]
async fn a_stopped_a_killed_and_a_restarted_api_server_are_outlived_without_a_write_storm() {
    let options = PlaneOptions { workloads: false, ..Default::default() };
    let Some(plane) = ControlPlane::own(options) else { return };
    let plane = Arc::new(plane);
    // Straight to the server, as in production: HTTP/2, and nobody between.
    let direct = plane.kubeconfig();
    let first = wanted(0);
    let scene = Scene::start_with(plane, "gone", &first, |mut options| {
        options.kubeconfig = Some(direct);
        options
    });
    let Some(scene) = scene.await else { return };
    // Foreground deletion needs a garbage collector, which needs minutes to recover itself.
    let options = json!({"syncOptions": ["PrunePropagationPolicy=background"]});
    scene.app.patch(&json!({"spec": {"syncPolicy": options}}));
    let Scene { plane, controller, app, .. } = &scene;
    let table: [(&str, Harm); 2] =
        [("stopped", ControlPlane::stop_api_server), ("killed", ControlPlane::kill_api_server)];
    for (number, (how, harm)) in table.into_iter().enumerate() {
        let round = number * 2 + 1;
        let (mark, lines) = (plane.audit_mark(), controller.log().lines().count());
        harm(plane);
        let commit = app.repo.commit(&wanted(round));
        eventually(LIMIT, "readiness to end", async || {
            controller.get("/readyz").is_some_and(|(code, _)| code != 200).then_some(())
        })
        .await;
        assert_eq!(controller.get("/healthz").map(|(code, _)| code), Some(200));
        plane.start_api_server();
        app.synced(controller, &commit).await;
        // Somebody is faster than our watches.
        app.namespace.kubectl(&["delete", "configmap", "kept-003"], None);
        app.until(controller, "the object to be back", |_| app.live() == wanted(round)).await;
        let writes = app.writes(mark).into_iter().filter(|e| e.resource != "events").count();
        let requests = plane.audit(mark, "steadfast").len();
        let lines = controller.log().lines().count() - lines;
        println!("{how}: {writes} writes, {requests} requests, {lines} log lines");
        assert!(writes <= OBJECTS / 2 * 3 + 20, "{writes} writes");
        assert!(requests <= 300, "{requests} requests");
        assert!(lines <= 100, "{lines} log lines");
        scene.assert_settled(&wanted(round)).await;
        eventually(LIMIT, "readiness", async || {
            controller.get("/readyz").is_some_and(|(code, _)| code == 200).then_some(())
        })
        .await;

        // Between two commits, and with drift as soon as the server is back.
        plane.restart_api_server();
        app.namespace.kubectl(&["delete", "configmap", "kept-000", "kept-001"], None);
        let drift = json!({"data": {"v": "drift"}}).to_string();
        app.namespace
            .kubectl(&["patch", "configmap", "kept-002", "--type=merge", "-p", &drift], None);
        app.until(controller, "the drift to be put back", |_| app.live() == wanted(round)).await;
        scene.sync(&wanted(round + 1)).await;
        scene.assert_settled(&wanted(round + 1)).await;
    }
}
