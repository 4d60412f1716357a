//! How often repositories are asked, and who is woken by what.

use std::{fmt::Write as _, time::Instant};

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{
    common::{Scene, config_map},
    git::GitHttpServer,
    support::{ControlPlane, LIMIT, eventually},
};

const APPLICATIONS: usize = 20;

#[tokio::test]
async fn applications_of_one_repository_share_its_polls_and_render_only_what_concerns_them() {
    let Some(scene) = Scene::begin("polls").await else { return };
    let repo = &scene.repo;
    let server = GitHttpServer::http(repo.root());
    let names: Vec<String> = (0..APPLICATIONS).map(|number| format!("app-{number}")).collect();
    for name in &names {
        let text = config_map(&format!("{name}-web"), &[("key", "one")]);
        repo.write(&format!("{name}/web.yaml"), &text);
    }
    let first = repo.commit("first");
    for (number, name) in names.iter().enumerate() {
        // However it is spelled, it is one repository.
        let spelling = ["git", "git/"][number % 2];
        scene.application(name, |app| {
            app["spec"]["source"]["repoURL"] = json!(server.url(spelling));
            app["spec"]["source"]["path"] = json!(name);
        });
    }
    for name in &names {
        scene.content(name, &first).await;
    }

    let (begin, counts) = (Instant::now(), server.counts());
    let enough = async || (server.counts().listings >= counts.listings + 5).then_some(());
    eventually(LIMIT, "five polls", enough).await;
    let asked = server.counts();
    let seconds = begin.elapsed().as_secs();
    println!(
        "{} polls of {APPLICATIONS} applications in {seconds} s",
        asked.listings - counts.listings
    );
    // The interval is a second, shortened by a tenth at most.
    let most = usize::try_from(seconds * 10 / 9).unwrap() + 2;
    assert!(asked.listings - counts.listings <= most, "{counts:?} {asked:?} in {seconds} s");
    assert_eq!(asked.fetches, counts.fetches, "nothing is fetched while nothing moves");

    let renders = scene.metric("steadfast_render_cache_total", &["miss"]);
    let text = config_map("app-7-web", &[("key", "two")]);
    let second = repo.write("app-7/web.yaml", &text).commit("second");
    scene.content("app-7", &second).await;
    assert_eq!(scene.config("app-7-web", "key").await.as_deref(), Some("two"));
    for name in &names {
        scene.content(name, &second).await;
    }
    let rendered = scene.metric("steadfast_render_cache_total", &["miss"]) - renders;
    assert!((rendered - 1.0).abs() < 0.5, "{rendered} renders for a commit to one application");
    assert_eq!(server.counts().fetches, counts.fetches + 1);
}

/// What GitHub sends when somebody pushed.
async fn deliver(scene: &Scene, url: &str, secret: Option<&str>) -> (u16, Value) {
    let body = json!({"ref": "refs/heads/main", "repository": {"clone_url": url}}).to_string();
    let mut request = reqwest::Client::new()
        .post(format!("{}/api/webhook", scene.controller.url()))
        .header("x-github-event", "push")
        .header("content-type", "application/json");
    if let Some(secret) = secret {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length will do");
        mac.update(body.as_bytes());
        let mut signature = "sha256=".to_owned();
        for byte in mac.finalize().into_bytes() {
            write!(signature, "{byte:02x}").expect("a text takes everything");
        }
        request = request.header("x-hub-signature-256", signature);
    }
    let answer = request.body(body).send().await.expect("it answers");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

#[tokio::test]
async fn a_signed_push_is_synced_at_once_and_others_are_refused() {
    let Some(plane) = ControlPlane::shared() else { return };
    let scene = Scene::with(plane, "webhook", |options| options.poll_interval = "1h".into()).await;
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "argocd-secret"},
        "stringData": {"webhook.github.secret": "hunter2hunter2"},
    });
    scene.home.apply(&secret.to_string());
    scene.repo.write("shop/a.yaml", &config_map("pushed", &[("key", "one")]));
    let first = scene.repo.commit("first");
    let server = GitHttpServer::http(scene.repo.root());
    let url = server.url("git");
    scene.application("shop", |app| app["spec"]["source"]["repoURL"] = json!(url));
    scene.content("shop", &first).await;

    scene.repo.write("shop/a.yaml", &config_map("pushed", &[("key", "two")]));
    let second = scene.repo.commit("second");
    // The secret may not have been seen yet: until then every delivery is taken.
    let refused =
        async || (deliver(&scene, "https://git.example/other", None).await.0 == 401).then_some(());
    eventually(LIMIT, "the secret to be used", refused).await;
    let (code, answer) = deliver(&scene, &url, None).await;
    assert_eq!(code, 401, "{answer}");
    let (code, answer) = deliver(&scene, &url, Some("another secret")).await;
    assert_eq!(code, 401, "{answer}");
    assert!(!answer.to_string().contains("hunter2"), "{answer}");
    let app = scene.app("shop").await;
    assert_eq!(app["status"]["sync"]["revision"], *first, "a refused delivery polls nothing");

    let begin = Instant::now();
    let (code, answer) = deliver(&scene, &url, Some("hunter2hunter2")).await;
    assert_eq!((code, &answer["applications"]), (200, &json!(["shop"])), "{answer}");
    scene.content("shop", &second).await;
    println!("from the push to the status: {:?}", begin.elapsed());
    assert_eq!(scene.config("pushed", "key").await.as_deref(), Some("two"));
}
