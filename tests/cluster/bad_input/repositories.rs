//! Repositories that can't be read: the application is kept as it is.

use std::fs;

use futures::future::join_all;
use serde_json::json;

use super::{all_well, quiet};
use crate::{
    common::{Scene, config_map},
    git::{Auth, Behaviour, GitHttpServer, Tls},
    support::{Repo, process},
};

/// Part of what must be said nowhere.
const SECRET: &str = "hunter2hunter2";

/// Name, URL, revision, what the condition has to say.
type Row = (&'static str, String, &'static str, Vec<String>);

#[tokio::test]
async fn a_repository_that_cannot_be_read_changes_nothing_in_the_cluster() {
    let Some(scene) = Scene::begin("unread").await else { return };
    let tls = Tls::generate();
    let locked = GitHttpServer::https(scene.repo.root(), &tls);
    locked.require(Auth::Basic("ada", SECRET));
    let page = GitHttpServer::http(scene.repo.dir());
    page.behave(Behaviour::Page);
    let plain = process::scratch_dir("plain");
    fs::write(plain.join("a.yaml"), config_map("a", &[])).expect("it is writable");
    let empty = Repo::init("empty");
    let rows = rows(&scene, &locked, &page, &plain.display().to_string(), &empty);
    // The authority of the test's servers is trusted.
    scene.home.apply(&config_map("argocd-tls-certs-cm", &[("127.0.0.1", &tls.ca_pem)]));

    let mut names: Vec<&str> = rows.iter().map(|(name, ..)| *name).collect();
    names.push("well");
    for name in &names {
        let text = config_map(&format!("{name}-keep"), &[("key", "one")]);
        scene.repo.write(&format!("{name}/keep.yaml"), &text);
    }
    let first = scene.repo.commit("first");
    for name in &names {
        scene.application(name, |app| app["spec"]["source"]["path"] = json!(name));
    }
    for name in &names {
        scene.content(name, &first).await;
    }

    for (name, url, revision, _) in &rows {
        let source = json!({"repoURL": url, "targetRevision": revision});
        scene.patch(name, &json!({"spec": {"source": source}}));
    }
    let told = rows.iter().map(|(name, _, _, says)| scene.alone(name, "ComparisonError", says));
    all_well(join_all(told).await);
    scene.repo.write("well/keep.yaml", &config_map("well-keep", &[("key", "two")]));
    let second = scene.repo.commit("second");
    scene.content("well", &second).await;
    quiet(&scene).await;
    let told = rows.iter().map(|(name, _, _, says)| scene.told_once(name, says));
    all_well(join_all(told).await);
    for (name, ..) in &rows {
        let value = scene.config(&format!("{name}-keep"), "key").await;
        assert_eq!(value.as_deref(), Some("one"), "{name}");
    }
    nothing_secret(&scene, &rows).await;

    for (name, ..) in &rows {
        let source = json!({"repoURL": scene.repo.url(), "targetRevision": "main"});
        scene.patch(name, &json!({"spec": {"source": source}}));
    }
    for (name, ..) in &rows {
        scene.content(name, &second).await;
    }
}

/// Texts as owned ones.
fn texts(parts: &[&str]) -> Vec<String> {
    parts.iter().map(|part| (*part).to_owned()).collect()
}

fn rows(
    scene: &Scene,
    locked: &GitHttpServer,
    page: &GitHttpServer,
    plain: &str,
    empty: &Repo,
) -> Vec<Row> {
    let here = locked.url("git");
    let with_password = here.replace("https://", &format!("https://eve:{SECRET}wrong@"));
    vec![
        ("directory", format!("file://{plain}"), "main", texts(&["Git repository", plain])),
        ("nowhere", "file:///nowhere/at/all".into(), "main", texts(&["/nowhere/at/all"])),
        ("unreachable", "http://127.0.0.1:1/x.git".into(), "main", texts(&["cannot be reached"])),
        ("page", page.url("x.git"), "main", texts(&["is not a Git repository", "check the URL"])),
        ("scheme", "s3://bucket/x".into(), "main", texts(&["s3://bucket/x", "not supported"])),
        ("empty", empty.url(), "main", texts(&["is empty: push a commit"])),
        ("branch", scene.repo.url(), "nope", texts(&["revision \"nope\" was not found", "branch"])),
        ("locked", here.clone(), "main", texts(&["refused the credentials", "Secret", &here])),
        ("wrong", with_password, "main", texts(&["refused the credentials", "Secret"])),
    ]
}

/// A password in a URL stands in the specification, where its author wrote it, and nowhere else.
async fn nothing_secret(scene: &Scene, rows: &[Row]) {
    let (name, url, ..) = rows.iter().find(|(name, ..)| *name == "wrong").expect("it is there");
    let text = scene.everything(name).await;
    let elsewhere: Vec<&str> = text
        .lines()
        .filter(|line| line.contains(SECRET) && !line.contains(&format!("\"repoURL\": \"{url}\"")))
        .collect();
    assert!(elsewhere.is_empty(), "{elsewhere:#?}");
}
