//! The status API on a real cluster: who may see what, the shapes that Argo CD's clients read, the
//! streams, the probes, and its end.

use std::time::Duration;

use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    common::{Scene, by_hand, config_map, deployment, is_synced},
    support::{ControlPlane, Fault, LIMIT, Requests, eventually},
};

/// In a Secret of the application, and in no answer.
const SECRET: &str = "hunter2hunter2";

/// One request with or without a token.
async fn ask(scene: &Scene, method: Method, path: &str, token: Option<&str>) -> Response {
    let mut request = Client::new().request(method, format!("{}{path}", scene.controller.url()));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    request.send().await.expect("the status API answers")
}

/// The token in the kubeconfig of a user.
fn token_of(plane: &ControlPlane, user: &str) -> String {
    let text = std::fs::read_to_string(plane.kubeconfig_of(user)).expect("it is readable");
    let config: Value = serde_json::from_str(&text).expect("it is JSON");
    config["users"][0]["user"]["token"].as_str().expect("it has a token").to_owned()
}

#[tokio::test]
async fn kubernetes_says_who_may_see_and_who_may_act() {
    let Some(plane) = ControlPlane::shared() else { return };
    let scene = Scene::with(plane, "tokens", |options| options.insecure_local = false).await;
    scene.repo.write("shop/a.yaml", &config_map("a", &[]));
    let commit = scene.repo.commit("first");
    scene.application("shop", |_| {});
    scene.content("shop", &commit).await;
    let viewers = json!({
        "kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "viewers",
    });
    scene.home.grant("look", &viewers, "argoproj.io", "applications", &["get", "list"]);

    let [admin, viewer, nobody] =
        ["admin", "viewer", "nobody"].map(|user| token_of(&scene.plane, user));
    let list = "/api/v1/applications";
    // The verdict before the role was there may be remembered for a moment.
    let allowed = async || {
        let answer = ask(&scene, Method::GET, list, Some(&viewer)).await;
        (answer.status() == 200).then_some(())
    };
    eventually(LIMIT, "the viewer to be let in", allowed).await;
    let one = "/api/v1/applications/shop";
    let sync = "/api/v1/applications/shop/sync";
    let table = [
        (Method::GET, list, Some(&viewer), 200),
        (Method::GET, one, Some(&viewer), 200),
        (Method::GET, "/api/v1/applications/shop/resource-tree", Some(&viewer), 200),
        (Method::POST, sync, Some(&viewer), 403),
        (Method::DELETE, one, Some(&viewer), 403),
        (Method::GET, list, Some(&nobody), 403),
        (Method::GET, one, Some(&nobody), 403),
        (Method::GET, "/api/v1/stream/applications", Some(&nobody), 403),
        (Method::GET, list, None, 401),
        (Method::GET, one, None, 401),
        (Method::GET, "/api/v1/stream/applications", None, 401),
        (Method::GET, "/healthz", None, 200),
        (Method::GET, "/readyz", None, 200),
        (Method::GET, "/metrics", None, 200),
        (Method::GET, "/api/version", None, 200),
        (Method::POST, sync, Some(&admin), 200),
    ];
    for (method, path, token, wanted) in table {
        let answer = ask(&scene, method.clone(), path, token.map(String::as_str)).await;
        let code = answer.status().as_u16();
        let text = answer.text().await.unwrap_or_default();
        assert_eq!(code, wanted, "{method} {path}: {text}");
        assert!(token.is_none_or(|token| !text.contains(token)), "{text}");
    }
    let answer = ask(&scene, Method::GET, one, Some(&nobody)).await;
    let answer: Value = answer.json().await.expect("JSON");
    let told = answer["message"].as_str().unwrap_or_default();
    assert!(told.contains("nobody") && told.contains("RoleBinding"), "{answer}");
    let garbage = ask(&scene, Method::GET, one, Some("garbage")).await;
    assert_eq!(garbage.status().as_u16(), 401);
    for token in [&admin, &viewer, &nobody] {
        assert!(!scene.controller.log().contains(token.as_str()));
    }
}

fn write_shop(scene: &Scene) -> String {
    let secret = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: door}}\nstringData: {{key: {SECRET}}}\n"
    );
    scene.repo.write("shop/secret.yaml", &secret);
    scene.repo.write("shop/config.yaml", &config_map("settings", &[("colour", "green")]));
    scene.repo.write("shop/web.yaml", &deployment("web", "shop/web:1.0", 2, ""));
    scene.repo.commit("the shop")
}

#[tokio::test]
async fn the_pages_have_the_shapes_of_argo_cd_and_no_secrets() {
    let Some(scene) = Scene::begin("pages").await else { return };
    let commit = write_shop(&scene);
    scene.application("shop", |_| {});
    scene.healthy("shop", &commit).await;

    let (code, list) = scene.controller.request("GET", "/api/v1/applications", None);
    assert_eq!((code, list["items"].as_array().map(Vec::len)), (200, Some(1)), "{list:#}");
    assert!(list["metadata"].is_object(), "{list:#}");
    let app = scene.api("GET", "shop", "", None);
    assert_eq!(app["metadata"]["name"], "shop");
    assert_eq!(app["status"]["sync"]["revision"], *commit);

    let tree = scene.api("GET", "shop", "/resource-tree", None);
    let nodes = tree["nodes"].as_array().expect("a list");
    let of = |kind: &str| nodes.iter().filter(|node| node["kind"] == kind).collect::<Vec<_>>();
    assert_eq!((of("Deployment").len(), of("ReplicaSet").len(), of("Pod").len()), (1, 1, 2));
    let set = of("ReplicaSet")[0];
    assert_eq!(set["parentRefs"][0]["kind"], "Deployment", "{set:#}");
    for pod in of("Pod") {
        assert_eq!(pod["parentRefs"][0]["uid"], set["uid"], "{pod:#}");
        assert_eq!(pod["health"]["status"], "Healthy", "{pod:#}");
        assert_eq!(pod["images"], json!(["shop/web:1.0"]), "{pod:#}");
        assert_eq!(pod["namespace"], scene.target.name());
    }

    let managed = scene.api("GET", "shop", "/managed-resources", None);
    let items = managed["items"].as_array().expect("a list");
    assert_eq!(items.len(), 3, "{managed:#}");
    for item in items {
        for state in ["targetState", "liveState", "normalizedLiveState", "predictedLiveState"] {
            let text = item[state].as_str().unwrap_or_else(|| panic!("{state}: {item:#}"));
            let object: Value = serde_json::from_str(text).expect("JSON in a string");
            assert_eq!(object["metadata"]["name"], item["name"], "{item:#}");
        }
    }
    let manifests = scene.api("GET", "shop", "/manifests", None);
    let texts = manifests["manifests"].as_array().expect("a list");
    assert_eq!((texts.len(), &manifests["revision"]), (3, &json!(commit)), "{manifests:#}");
    assert!(texts.iter().all(Value::is_string));
    let secret = items.iter().find(|item| item["kind"] == "Secret").expect("it is managed");
    assert!(secret["liveState"].as_str().is_some_and(|text| text.contains("++++")), "{secret:#}");
    let events = async || {
        let events = scene.api("GET", "shop", "/events", None);
        events["items"].as_array().filter(|items| !items.is_empty()).cloned()
    };
    eventually(LIMIT, "events", events).await;
    let everything = scene.everything("shop").await;
    assert!(!everything.contains(SECRET), "{everything}");
    assert!(!everything.contains("aHVudGVyMmh1bnRlcjI="), "{everything}");
    metrics(&scene);
}

/// The metrics that dashboards for Argo CD look at.
fn metrics(scene: &Scene) {
    let (_, page) = scene.controller.get("/metrics").expect("the metrics page");
    let info = page.lines().find(|line| line.starts_with("argocd_app_info{")).expect("it is there");
    for label in ["name=\"shop\"", "sync_status=\"Synced\"", "health_status=\"Healthy\"", "} 1"] {
        assert!(info.contains(label), "{info}");
    }
    let synced = scene.metric("argocd_app_sync_total", &["phase=\"Succeeded\""]);
    assert!(synced >= 1.0, "{page}");
    for name in [
        "argocd_app_reconcile_count",
        "argocd_git_request_total",
        "steadfast_passes_total",
        "steadfast_render_cache_total",
    ] {
        assert!(scene.metric(name, &[]) >= 1.0, "{name} is not in\n{page}");
    }
}

/// Reads a stream until what was read satisfies `wanted`; true when the stream ended before.
async fn read(stream: &mut Response, text: &mut String, wanted: impl Fn(&str) -> bool) -> bool {
    let reading = async {
        while !wanted(text) {
            match stream.chunk().await {
                Ok(Some(chunk)) => text.push_str(&String::from_utf8_lossy(&chunk)),
                Ok(None) | Err(_) => return true,
            }
        }
        false
    };
    let waited = timeout(LIMIT, reading).await;
    waited.unwrap_or_else(|_| panic!("the stream did not say it:\n{text}"))
}

#[tokio::test]
async fn the_tree_shows_what_git_names_before_it_is_taken_over() {
    let Some(scene) = Scene::begin("adopt").await else { return };
    scene.repo.write("shop/web.yaml", &deployment("web", "shop/web:1.0", 1, ""));
    scene.repo.write("shop/missing.yaml", &config_map("missing", &[]));
    scene.repo.commit("Open the shop");
    scene.target.apply(&deployment("web", "shop/web:1.0", 1, ""));
    scene.application("shop", by_hand);
    let compared = |app: &Value| app["status"]["sync"]["status"] == "OutOfSync";
    scene.until("shop", "to be compared", compared).await;
    let web = scene.live("apps/v1", "deployments", "web").await.expect("it is there");
    let tree = scene.api("GET", "shop", "/resource-tree", None);
    let nodes = tree["nodes"].as_array().expect("a list");
    let of = |kind: &str| nodes.iter().find(|node| node["kind"] == kind);
    let shown = of("Deployment").unwrap_or_else(|| panic!("{tree:#}"));
    assert_eq!(shown["uid"], web["metadata"]["uid"]);
    assert_eq!(shown["images"], json!(["shop/web:1.0"]));
    assert!(of("ConfigMap").is_none(), "{tree:#}");

    scene.sync("shop", &json!({}));
    scene.healthy("shop", &scene.repo.head()).await;
    let tree = scene.api("GET", "shop", "/resource-tree", None);
    let nodes = tree["nodes"].as_array().expect("a list");
    let deployments = nodes.iter().filter(|node| node["kind"] == "Deployment");
    assert_eq!(deployments.count(), 1, "{tree:#}");
}

#[tokio::test]
async fn a_stream_shows_a_sync_and_ends_with_the_controller() {
    let Some(scene) = Scene::begin("stream").await else { return };
    let first = write_shop(&scene);
    scene.application("shop", |_| {});
    scene.healthy("shop", &first).await;
    let path = "/api/v1/stream/applications";
    let mut stream = ask(&scene, Method::GET, path, None).await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let mut text = String::new();
    read(&mut stream, &mut text, |text| text.contains("\"ADDED\"")).await;
    let mut tree =
        ask(&scene, Method::GET, "/api/v1/stream/applications/shop/resource-tree", None).await;
    let mut nodes = String::new();
    read(&mut tree, &mut nodes, |text| text.contains("\"Pod\"")).await;

    scene.repo.write("shop/config.yaml", &config_map("settings", &[("colour", "red")]));
    let second = scene.repo.commit("another colour");
    let synced = |text: &str| {
        text.lines().filter_map(|line| line.strip_prefix("data: ")).any(|line| {
            let event: Value = serde_json::from_str(line).unwrap_or_default();
            let app = &event["result"]["application"];
            event["result"]["type"] == "MODIFIED" && is_synced(app, &second)
        })
    };
    read(&mut stream, &mut text, synced).await;
    assert!(!text.contains(SECRET) && !nodes.contains(SECRET));

    let status = scene.controller.terminate();
    assert!(status.success(), "{status}\n{}", scene.tail());
    let ended = read(&mut stream, &mut text, |_| false);
    assert!(ended.await, "the stream ends in good order");
    assert!(read(&mut tree, &mut nodes, |_| false).await);
}

#[tokio::test]
async fn it_is_ready_only_while_applications_can_be_followed() {
    let Some(plane) = ControlPlane::shared() else { return };
    let scene = Scene::behind_proxy(plane, "ready", |_| ()).await;
    let proxy = scene.proxy();
    let probe = |path: &str| scene.controller.get(path).expect("it answers");
    assert_eq!(probe("/readyz").0, 200);
    proxy.set(Fault::Status { code: 503, share_pct: 100, requests: Requests::All });
    proxy.cut();
    // Whatever else is cut off, and is noticed first, the applications are named too.
    let away = async || {
        let (code, why) = probe("/readyz");
        (code == 503 && why.contains("/applications")).then_some(())
    };
    eventually(Duration::from_mins(2), "the probe to fail and to name applications", away).await;
    assert_eq!(probe("/healthz").0, 200, "a restart would not help");
    proxy.set(Fault::None);
    let back = async || (probe("/readyz").0 == 200).then_some(());
    eventually(Duration::from_mins(2), "the probe to succeed", back).await;
    scene.repo.write("shop/a.yaml", &config_map("a", &[]));
    let commit = scene.repo.commit("first");
    scene.application("shop", |_| {});
    scene.content("shop", &commit).await;
}
