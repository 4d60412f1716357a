//! Two applications that name one object: both are told, and neither fights.

use serde_json::{Value, json};

use crate::common::{PATH, Scene, condition, config_map, resource};

#[tokio::test]
async fn two_applications_that_claim_one_object_are_both_told_and_do_not_fight() {
    let Some(scene) = Scene::begin("shared").await else { return };
    let both = config_map("both", &[("colour", "green")]);
    scene.repo.write("shop/both.yaml", &both);
    scene.repo.write("shop/mine.yaml", &config_map("mine", &[("colour", "green")]));
    scene.repo.write("depot/both.yaml", &both.replace("green", "red"));
    scene.repo.write("depot/other.yaml", &config_map("other", &[("colour", "red")]));
    let commit = scene.repo.commit("Name an object twice");
    scene.application(PATH, |_| ());
    scene.healthy(PATH, &commit).await;

    let mark = scene.plane.audit_mark();
    scene.application("depot", |app| app["spec"]["source"]["path"] = json!("depot"));
    for (name, other) in [("depot", "shop"), ("shop", "depot")] {
        let message = scene.condition(name, "SharedResourceWarning").await;
        println!("a shared object as people of {name} see it: {message}");
        assert!(message.contains("both") && message.contains(other), "{message}");
        let texts = ["SharedResourceWarning", "both", other];
        scene.event(name, "ConditionRaised", &texts).await;
    }
    let other = ("v1", "configmaps", "other");
    scene.live_until(other, "the rest of it to be synced", |live| !live.is_null()).await;
    for name in ["shop", "depot"] {
        scene.refresh(name, "hard").await;
    }
    // The first who had it keeps it, and its application is in sync.
    assert_eq!(resource(&scene.app("shop").await, "ConfigMap", "both")["status"], "Synced");
    assert_eq!(resource(&scene.app("depot").await, "ConfigMap", "both")["status"], "OutOfSync");
    let writes = scene.writes_since(mark);
    assert!(writes.iter().all(|event| event.name == "other"), "{writes:#?}");
    let live = scene.live("v1", "configmaps", "both").await.expect("it is there");
    assert_eq!(live["data"]["colour"], "green");
    scene.assert_settled("shop").await;

    scene.repo.remove("depot/both.yaml");
    let commit = scene.repo.commit("Name it once");
    for name in ["depot", "shop"] {
        let app = scene.healthy(name, &commit).await;
        let over = |app: &Value| condition(app, "SharedResourceWarning").is_none();
        scene.until(name, "the condition to be over", over).await;
        assert_eq!(condition(&app, "SyncError"), None);
        scene.assert_settled(name).await;
    }
    let live = scene.live("v1", "configmaps", "both").await.expect("it is there");
    assert_eq!(live["data"]["colour"], "green");
}
