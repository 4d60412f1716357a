//! Two controllers by mistake: until one is elected, they must at least do no harm.

use super::rig::{Maps, half_renamed};
use crate::{
    common::{PATH, Scene},
    support::Controller,
};

fn wanted(round: usize) -> Maps {
    half_renamed(30, round, round)
}

#[tokio::test]
async fn two_controllers_by_mistake_come_to_agree() {
    let Some(scene) = Scene::synced("twins", &wanted(0)).await else { return };
    let mut options = scene.controller.options();
    options.data_dir = None;
    let twin = Controller::start(&scene.plane, options);
    let mark = scene.plane.audit_mark();
    for round in 1..5 {
        scene.commit(&wanted(round));
        scene.hold(&wanted(round)).await;
        scene.target.delete("configmap", "kept-000");
        scene.hold(&wanted(round)).await;
    }
    let mut writes = scene.all_writes_since(mark);
    writes.retain(|event| event.resource != "events");
    println!("{} writes of two controllers for 4 commits", writes.len());
    twin.terminate();
    scene.deploy(&wanted(5)).await;
    assert_eq!(scene.tracked().await, Some(wanted(5)));
    scene.assert_quiet(PATH).await;
}
