//! Two controllers by mistake: until one is elected, they must at least do no harm.

use super::rig::{Maps, Scene, maps};
use crate::support::Controller;

fn wanted(round: usize) -> Maps {
    let mut all = maps("kept", 30, &format!("round {round}"));
    all.extend(maps(&format!("renamed-{round}"), 30, &format!("round {round}")));
    all
}

#[tokio::test]
async fn two_controllers_by_mistake_agree() {
    let Some(scene) = Scene::start("twins", &wanted(0)).await else { return };
    let mut options = scene.controller.options();
    options.data_dir = None;
    let twin = Controller::start(&scene.plane, options);
    let mark = scene.plane.audit_mark();
    for round in 1..5 {
        scene.sync(&wanted(round)).await;
        scene.app.namespace.kubectl(&["delete", "configmap", "kept-000"], None);
        let what = "the object to be back";
        scene.app.until(&scene.controller, what, |_| scene.app.live() == wanted(round)).await;
    }
    let mut writes = scene.app.writes(mark);
    writes.retain(|event| event.resource != "events");
    let mut kinds = std::collections::BTreeMap::<_, usize>::new();
    for event in &writes {
        *kinds.entry((&event.verb, &event.resource, event.code)).or_default() += 1;
    }
    let writes = writes.len();
    println!("{writes} writes of two controllers for 4 commits: {kinds:?}");
    // Each does what the other does, and no more.
    assert!(writes <= 2 * 4 * 110, "{writes}");
    twin.terminate();
    assert_eq!(scene.app.live(), wanted(4));
    scene.app.assert_quiet(&scene.controller).await;
}
