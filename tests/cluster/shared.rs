//! Two applications that name one object: both are told, and neither fights.

use serde_json::{Value, json};

use crate::{
    common::{PATH, Scene, condition, config_map, resource},
    support::{LIMIT, eventually},
};

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

#[tokio::test]
async fn a_sync_that_fails_again_as_it_did_before_writes_no_status() {
    let Some(scene) = Scene::begin("repeats").await else { return };
    let both = config_map("both", &[("colour", "green")]);
    let commit = scene.repo.write("shop/both.yaml", &both).commit("Open the shop");
    scene.application(PATH, |_| ());
    scene.healthy(PATH, &commit).await;

    // One object is another application's, one is refused each time, one is fine.
    scene.repo.write("depot/both.yaml", &both);
    scene.repo.write("depot/other.yaml", &config_map("other", &[("colour", "red")]));
    let bad =
        "apiVersion: v1\nkind: Service\nmetadata: {name: bad}\nspec: {ports: [{port: 99999}]}\n";
    scene.repo.write("depot/bad.yaml", bad);
    scene.repo.commit("Open a depot");
    scene.application("depot", |app| {
        app["spec"]["source"]["path"] = json!("depot");
        app["spec"]["syncPolicy"]["retry"] =
            json!({"backoff": {"duration": "1s", "factor": 1, "maxDuration": "1s"}});
    });
    // The first try has applied what is fine, so the second says something else, once.
    let second = |app: &Value| app["status"]["operationState"]["retryCount"] == 1;
    scene.until("depot", "the second try", second).await;
    let mark = scene.plane.audit_mark();
    let tries = async || {
        let tried = scene.writes_since(mark).into_iter().filter(|event| event.name == "bad");
        (tried.count() >= 4).then_some(())
    };
    eventually(LIMIT, "four more tries", tries).await;
    let mut told = scene.all_writes_since(mark);
    told.retain(|event| event.resource == "applications");
    assert_eq!(told, [], "{}", scene.tail());
    let message = scene.condition("depot", "SyncError").await;
    assert!(message.contains("spec.ports[0].port"), "{message}");

    scene.repo.remove("depot/bad.yaml");
    scene.repo.commit("Mend it");
    let mended = |app: &Value| condition(app, "SyncError").is_none();
    scene.until("depot", "the failure to be over", mended).await;
    assert!(condition(&scene.app("depot").await, "SharedResourceWarning").is_some());
}
