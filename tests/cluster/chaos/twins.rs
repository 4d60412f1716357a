//! Two controllers by mistake: until one is elected, they must at least do no harm.

use serde_json::Value;

use super::rig::{Maps, Scene, maps};
use crate::support::Controller;

fn wanted(round: usize) -> Maps {
    let mut all = maps("kept", 30, &format!("round {round}"));
    all.extend(maps(&format!("renamed-{round}"), 30, &format!("round {round}")));
    all
}

#[tokio::test]
async fn two_controllers_by_mistake_come_to_agree() {
    let Some(scene) = Scene::start("twins", &wanted(0)).await else { return };
    let mut options = scene.controller.options();
    options.data_dir = None;
    let twin = Controller::start(&scene.plane, options);
    let mark = scene.plane.audit_mark();
    for round in 1..5 {
        scene.app.repo.commit(&wanted(round));
        let as_git_says = |_: &Value| scene.app.live() == wanted(round);
        scene.app.until(&scene.controller, "both to agree", as_git_says).await;
        scene.app.namespace.kubectl(&["delete", "configmap", "kept-000"], None);
        scene.app.until(&scene.controller, "the object to be back", as_git_says).await;
    }
    let mut writes = scene.app.writes(mark);
    writes.retain(|event| event.resource != "events");
    println!("{} writes of two controllers for 4 commits", writes.len());
    twin.terminate();
    scene.sync(&wanted(5)).await;
    assert_eq!(scene.app.live(), wanted(5));
    scene.app.assert_quiet(&scene.controller).await;
}
