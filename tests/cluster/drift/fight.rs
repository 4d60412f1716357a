//! Another writer that does not give up: it is named, and the corrections become fewer.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use serde_json::{Value, json};

use super::{INTRUDER, meddle, victim};
use crate::{
    common::{Scene, config_map},
    support::{LIMIT, eventually},
};

/// Writes of the other writer that are waited for.
const ROUNDS: u32 = 60;
/// Corrections that may come meanwhile: some at once, the others after growing pauses.
const CORRECTIONS_MAX: usize = 10;

#[tokio::test]
async fn a_fight_with_another_writer_slows_down_and_names_him() {
    let Some(scene) = Scene::begin("fight").await else { return };
    scene.repo.write("shop/config.yaml", &config_map("settings", &[("colour", "green")]));
    scene.repo.write("shop/other.yaml", &config_map("other", &[("colour", "blue")]));
    let commit = scene.repo.commit("Open the shop");
    scene.application("shop", |_| ());
    scene.healthy("shop", &commit).await;

    let mark = scene.plane.audit_mark();
    let stop = Arc::new(AtomicBool::new(false));
    let rounds = Arc::new(AtomicU32::new(0));
    let writer = {
        let (stop, rounds) = (Arc::clone(&stop), Arc::clone(&rounds));
        let maps = victim(&scene, "v1", "ConfigMap", "configmaps");
        tokio::spawn(async move {
            let mut number = 0;
            while !stop.load(Ordering::Relaxed) {
                number += 1;
                // A value of its own each time: every write is a change.
                let patch = json!({"data": {"colour": format!("red-{number}")}});
                meddle(&maps, "settings", Some(&patch)).await;
                rounds.store(number, Ordering::Relaxed);
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        })
    };
    let message = scene.condition("shop", "SyncError").await;
    println!("a fight as people see it: {message}");
    for text in ["settings", INTRUDER, ".data.colour", "ignoreDifferences"] {
        assert!(message.contains(text), "{message}");
    }
    let look = async || (rounds.load(Ordering::Relaxed) >= ROUNDS).then_some(());
    eventually(LIMIT, "the other writer to have written enough", look).await;
    let writes = scene.writes_since(mark);
    assert!(writes.len() <= CORRECTIONS_MAX, "{} corrections: {writes:#?}", writes.len());
    assert!(writes.iter().all(|event| event.name == "settings"), "{writes:#?}");

    // Meanwhile everything else is put back at once.
    let maps = victim(&scene, "v1", "ConfigMap", "configmaps");
    meddle(&maps, "other", Some(&json!({"data": {"colour": "red"}}))).await;
    let other = ("v1", "configmaps", "other");
    scene.live_until(other, "it to be put back", |live| live["data"]["colour"] == "blue").await;

    stop.store(true, Ordering::Relaxed);
    writer.await.expect("the other writer does not panic");
    let settings = ("v1", "configmaps", "settings");
    scene.live_until(settings, "peace to return", |live| live["data"]["colour"] == "green").await;
    let quiet = |app: &Value| app["status"]["conditions"].is_null();
    scene.until("shop", "the condition to be over", quiet).await;
    scene.healthy("shop", &commit).await;
    scene.assert_settled("shop").await;
}
