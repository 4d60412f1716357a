//! Somebody changes in the cluster what Git says: it is put back, or reported, and told who did it.

mod autoscaler;
mod fight;

use std::time::{Duration, Instant};

use futures::{StreamExt, pin_mut};
use kube::{
    Api,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, WatchEvent, WatchParams},
};
use serde_json::{Value, json};

use crate::{
    common::{Scene, config_map, deployment, is_health, resource},
    support::LIMIT,
};

/// The field manager of whoever changes what he should not.
const INTRUDER: &str = "intruder";

const SECRET: &str = "apiVersion: v1
kind: Secret
metadata:
  name: password
stringData:
  word: from-git
";

/// An object of the target namespace, to be changed past Git.
fn victim(scene: &Scene, version: &str, kind: &str, plural: &str) -> Api<DynamicObject> {
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    let resource = ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: if group.is_empty() {
            version.to_owned()
        } else {
            format!("{group}/{version}")
        },
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    };
    Api::namespaced_with(scene.client(), scene.target.name(), &resource)
}

/// Changes `name` as the intruder does; `None` deletes it.
async fn meddle(api: &Api<DynamicObject>, name: &str, patch: Option<&Value>) {
    let params = PatchParams { field_manager: Some(INTRUDER.to_owned()), ..PatchParams::default() };
    match patch {
        Some(patch) => drop(api.patch(name, &params, &Patch::Strategic(patch)).await.unwrap()),
        None => drop(api.delete(name, &DeleteParams::background()).await.unwrap()),
    }
}

/// Changes an object and waits until `pointer` of it has its value of before again. Returns how long
/// that took, from the moment a watch showed the change to the one it showed the correction.
async fn put_back(
    scene: &Scene,
    api: &Api<DynamicObject>,
    name: &str,
    patch: Option<&Value>,
    pointer: &str,
) -> Duration {
    let read = |object: &DynamicObject| {
        let value = serde_json::to_value(object).expect("an object is JSON");
        value.pointer(pointer).cloned()
    };
    let before = api.get(name).await.unwrap();
    let version = before.metadata.resource_version.clone().expect("a stored object has one");
    let good = read(&before);
    let params = WatchParams::default().fields(&format!("metadata.name={name}"));
    let events = api.watch(&params, &version).await.unwrap();
    pin_mut!(events);
    meddle(api, name, patch).await;
    let mut changed = None;
    let looking = async {
        while let Some(event) = events.next().await {
            match event.unwrap() {
                WatchEvent::Deleted(_) => changed = Some(Instant::now()),
                WatchEvent::Added(now) | WatchEvent::Modified(now) if read(&now) == good => {
                    if let Some(changed) = changed {
                        return changed.elapsed();
                    }
                }
                WatchEvent::Added(_) | WatchEvent::Modified(_) => {
                    changed = changed.or(Some(Instant::now()));
                }
                other => panic!("{other:?}"),
            }
        }
        panic!("the watch ended")
    };
    let Ok(latency) = tokio::time::timeout(LIMIT, looking).await else {
        let now = api.get_opt(name).await.unwrap().map(|object| read(&object));
        panic!("{name} was not put back: {pointer} is {now:?}\n{}", scene.tail());
    };
    latency
}

/// The last drift record of an object's field.
fn record(scene: &Scene, kind: &str, field: &str) -> Value {
    let all = scene.drifts("shop");
    let found = all.iter().rfind(|record| record["kind"] == kind && record["field"] == field);
    found.unwrap_or_else(|| panic!("no record of {kind} {field} in {all:#?}")).clone()
}

#[tokio::test]
async fn what_somebody_changes_is_put_back_and_the_record_says_who() {
    let Some(scene) = Scene::begin("drift").await else { return };
    let settings = config_map("settings", &[("colour", "green"), ("size", "large")]);
    scene.repo.write("shop/config.yaml", &settings);
    scene.repo.write("shop/web.yaml", &deployment("web", "shop/web:1.0", 1, ""));
    let commit = scene.repo.commit("Open the shop");
    scene.application("shop", |_| ());
    scene.healthy("shop", &commit).await;

    let maps = victim(&scene, "v1", "ConfigMap", "configmaps");
    let webs = victim(&scene, "apps/v1", "Deployment", "deployments");
    let image = json!({"spec": {"template": {"spec": {"containers": [
        {"name": "web", "image": "shop/web:hacked"},
    ]}}}});
    let image_field = ".spec.template.spec.containers[name=\"web\"].image";
    // What is changed: object, patch, the place where it shows, the field, its old and new value.
    let table = [
        (
            ("ConfigMap", &maps, "settings"),
            Some(json!({"data": {"colour": "red"}})),
            "/data",
            (".data.colour", json!("green"), json!("red"), INTRUDER),
        ),
        (
            ("ConfigMap", &maps, "settings"),
            Some(json!({"data": {"size": null}})),
            "/data",
            // Nobody owns a field that is not there.
            (".data.size", json!("large"), Value::Null, ""),
        ),
        (
            ("Deployment", &webs, "web"),
            Some(json!({"metadata": {"labels": {"app": "other"}}})),
            "/metadata/labels",
            (".metadata.labels.app", json!("web"), json!("other"), INTRUDER),
        ),
        (
            ("Deployment", &webs, "web"),
            Some(image),
            "/spec/template/spec/containers/0/image",
            (image_field, json!("shop/web:1.0"), json!("shop/web:hacked"), INTRUDER),
        ),
        (("ConfigMap", &maps, "settings"), None, "/data", ("", Value::Null, Value::Null, "")),
    ];
    for ((kind, api, name), patch, pointer, (field, old, new, manager)) in table {
        let latency = put_back(&scene, api, name, patch.as_ref(), pointer).await;
        let shown = if field.is_empty() { "the whole object" } else { field };
        println!("latency of drift, {kind} {shown}: {} ms", latency.as_millis());
        let told = if field.is_empty() { "was deleted" } else { field };
        scene.event("shop", "DriftCorrected", &[kind, told, manager]).await;
        let record = record(&scene, kind, field);
        assert_eq!(record["name"], name, "{record:#}");
        assert_eq!(record["namespace"], scene.target.name(), "{record:#}");
        assert_eq!((&record["old"], &record["new"]), (&old, &new), "{record:#}");
        assert_eq!((&record["manager"], &record["corrected"]), (&json!(manager), &json!(true)));
        let at = record["at"].as_str().expect("a time");
        assert!(at.parse::<jiff::Timestamp>().is_ok(), "{at}");
    }
    scene.healthy("shop", &commit).await;
    scene.assert_settled("shop").await;
}

#[tokio::test]
async fn values_of_secrets_are_not_told() {
    let Some(scene) = Scene::begin("secret").await else { return };
    let commit = scene.repo.write("shop/secret.yaml", SECRET).commit("Keep a secret");
    scene.application("shop", |_| ());
    scene.healthy("shop", &commit).await;
    let secrets = victim(&scene, "v1", "Secret", "secrets");
    // "stolen", in base64.
    let patch = json!({"data": {"word": "c3RvbGVu"}});
    put_back(&scene, &secrets, "password", Some(&patch), "/data/word").await;

    let message = scene.event("shop", "DriftCorrected", &["password", INTRUDER]).await;
    let told = [
        message,
        Value::from(scene.drifts("shop")).to_string(),
        scene.api("GET", "shop", "/managed-resources", None).to_string(),
        scene.api("GET", "shop", "/manifests", None).to_string(),
        scene.app("shop").await.to_string(),
        scene.controller.log(),
    ];
    // As it is in Git, in base64 as the server keeps it, and what the intruder wrote.
    for secret in ["from-git", "ZnJvbS1naXQ=", "c3RvbGVu", "stolen"] {
        for text in &told {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    let drifts = scene.drifts("shop");
    let fields: Vec<_> = drifts.iter().filter_map(|record| record["field"].as_str()).collect();
    assert!(!fields.is_empty() && fields.iter().all(|field| field.contains("word")), "{fields:?}");
    scene.assert_settled("shop").await;
}

#[tokio::test]
async fn without_self_heal_drift_is_reported_and_left_alone() {
    let Some(scene) = Scene::begin("report").await else { return };
    scene.repo.write("shop/config.yaml", &config_map("settings", &[("colour", "green")]));
    scene.repo.write("shop/other.yaml", &config_map("other", &[("colour", "blue")]));
    let commit = scene.repo.commit("Open the shop");
    scene.application("shop", |app| {
        app["spec"]["syncPolicy"]["automated"]["selfHeal"] = json!(false);
    });
    scene.healthy("shop", &commit).await;
    scene.assert_settled("shop").await;

    let mark = scene.plane.audit_mark();
    let maps = victim(&scene, "v1", "ConfigMap", "configmaps");
    meddle(&maps, "settings", Some(&json!({"data": {"colour": "red"}}))).await;
    let out = |app: &Value| resource(app, "ConfigMap", "settings")["status"] == "OutOfSync";
    let app = scene.until("shop", "the drift to be reported", out).await;
    assert_eq!(app["status"]["sync"]["status"], "OutOfSync");
    scene.event("shop", "Drifted", &["settings", ".data.colour", "green", "red", INTRUDER]).await;
    let found = record(&scene, "ConfigMap", ".data.colour");
    assert_eq!((&found["corrected"], &found["manager"]), (&json!(false), &json!(INTRUDER)));

    meddle(&maps, "other", None).await;
    let gone = |app: &Value| {
        let entry = resource(app, "ConfigMap", "other");
        entry["status"] == "OutOfSync" && entry["health"]["status"] == "Missing"
    };
    let app = scene.until("shop", "the deletion to be reported", gone).await;
    assert!(is_health(&app, "Healthy") || is_health(&app, "Missing"), "{:#}", app["status"]);
    scene.event("shop", "Drifted", &["other", "was deleted"]).await;

    scene.refresh("shop", "hard").await;
    let writes = scene.writes_since(mark);
    assert!(writes.is_empty(), "{writes:#?}");
    let live = scene.live("v1", "configmaps", "settings").await.expect("it is there");
    assert_eq!(live["data"]["colour"], "red");

    // A person may still ask for it.
    scene.sync("shop", &json!({}));
    scene.healthy("shop", &commit).await;
    scene.assert_settled("shop").await;
}

#[tokio::test]
async fn fields_that_others_add_are_left_alone() {
    let Some(scene) = Scene::begin("others").await else { return };
    scene.repo.write("shop/config.yaml", &config_map("settings", &[("colour", "green")]));
    scene.repo.write("shop/web.yaml", &deployment("web", "shop/web:1.0", 1, ""));
    let commit = scene.repo.commit("Open the shop");
    scene.application("shop", |_| ());
    scene.healthy("shop", &commit).await;

    let mark = scene.plane.audit_mark();
    let maps = victim(&scene, "v1", "ConfigMap", "configmaps");
    let added = json!({"metadata": {"labels": {"team": "blue"}}, "data": {"extra": "1"}});
    meddle(&maps, "settings", Some(&added)).await;
    let webs = victim(&scene, "apps/v1", "Deployment", "deployments");
    let sidecar = json!({
        "metadata": {"annotations": {"note": "mine"}},
        "spec": {"template": {"spec": {"containers": [{"name": "sidecar", "image": "mesh:1"}]}}},
    });
    meddle(&webs, "web", Some(&sidecar)).await;
    scene.refresh("shop", "normal").await;
    scene.healthy("shop", &commit).await;
    assert_eq!(scene.drifts("shop"), Vec::<Value>::new());
    let writes = scene.writes_since(mark);
    assert!(writes.is_empty(), "{writes:#?}");

    // Nor are they touched when Git changes what is beside them.
    scene.repo.replace("shop/config.yaml", "green", "blue");
    scene.repo.replace("shop/web.yaml", "web:1.0", "web:2.0");
    let commit = scene.repo.commit("Paint it blue");
    scene.healthy("shop", &commit).await;
    let live = scene.live("v1", "configmaps", "settings").await.expect("it is there");
    assert_eq!(live["data"], json!({"colour": "blue", "extra": "1"}));
    assert_eq!(live["metadata"]["labels"]["team"], "blue");
    let live = scene.live("apps/v1", "deployments", "web").await.expect("it is there");
    let containers = live["spec"]["template"]["spec"]["containers"].as_array().expect("a list");
    let mut images: Vec<_> = containers.iter().filter_map(|one| one["image"].as_str()).collect();
    images.sort_unstable();
    assert_eq!(images, ["mesh:1", "shop/web:2.0"]);
    assert_eq!(live["metadata"]["annotations"]["note"], "mine");
    scene.assert_settled("shop").await;
}
