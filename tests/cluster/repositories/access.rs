//! Ways to get in: https, ssh and git, with Argo CD's Secrets and ConfigMaps.

use std::fs;

use serde_json::{Value, json};

use crate::{
    common::{Scene, config_map},
    git::{Auth, GitDaemon, GitHttpServer, SshServer, Tls},
    support::{
        LIMIT, Repo, eventually,
        process::{self, Guarded},
        testbed::TestBed,
    },
};

const PASSWORD: &str = "hunter2hunter2";

/// Writes one ConfigMap and commits; returns the commit.
fn commit(repo: &Repo, name: &str, value: &str) -> String {
    repo.write("shop/a.yaml", &config_map(name, &[("key", value)])).commit(value)
}

/// A repository with one ConfigMap.
fn files(name: &str) -> Repo {
    let repo = Repo::init(name);
    commit(&repo, name, "one");
    repo
}

/// A Secret of Argo CD about repositories.
fn secret(scene: &Scene, name: &str, kind: &str, data: &Value) {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": name, "labels": {"argocd.argoproj.io/secret-type": kind}},
        "stringData": data,
    });
    scene.home.apply(&secret.to_string());
}

fn config(scene: &Scene, name: &str, key: &str, value: &str) {
    scene.home.apply(&config_map(name, &[(key, value)]));
}

fn add(scene: &Scene, name: &str, url: &str) {
    scene.application(name, |app| app["spec"]["source"]["repoURL"] = json!(url));
}

#[tokio::test]
async fn passwords_come_from_secrets_and_a_corrected_one_is_used_at_once() {
    let Some(scene) = Scene::begin("https").await else { return };
    let (own, shared) = (files("own"), files("shared"));
    let tls = Tls::generate();
    let server = GitHttpServer::https(own.root(), &tls);
    server.require(Auth::Basic("ada", PASSWORD));
    let other = GitHttpServer::https(shared.root(), &tls);
    other.require(Auth::Basic("ada", PASSWORD));
    let (url, template) = (server.url("git"), other.url(""));

    add(&scene, "own", &url);
    let text = scene.condition("own", "ComparisonError").await;
    assert!(text.contains("no trusted TLS connection"), "{text}");
    config(&scene, "argocd-tls-certs-cm", "127.0.0.1", &tls.ca_pem);
    let refused = |text: &str| text.contains("refused the credentials");
    scene
        .until("own", "the credentials to be refused", |app| refused(&app["status"].to_string()))
        .await;
    let wrong = json!({"type": "git", "url": url, "username": "ada", "password": "wrong-password"});
    secret(&scene, "own", "repository", &wrong);
    let counts = server.counts().refused;
    let again = async || (server.counts().refused > counts).then_some(());
    eventually(LIMIT, "another try", again).await;
    assert!(scene.config("own", "key").await.is_none());

    let right = json!({"type": "git", "url": url, "username": "ada", "password": PASSWORD});
    secret(&scene, "own", "repository", &right);
    scene.content("own", &own.head()).await;
    assert_eq!(scene.config("own", "key").await.as_deref(), Some("one"));
    let creds = json!({"url": template, "username": "ada", "password": PASSWORD});
    secret(&scene, "shared", "repo-creds", &creds);
    add(&scene, "shared", &other.url("git"));
    scene.content("shared", &shared.head()).await;

    let second = commit(&own, "own", "two");
    scene.content("own", &second).await;
    scene.assert_settled("own").await;
    for name in ["own", "shared"] {
        let everything = scene.everything(name).await;
        assert!(!everything.contains(PASSWORD) && !everything.contains("wrong-password"));
    }
}

#[tokio::test]
async fn ssh_needs_the_key_and_a_known_host() {
    let Some([sshd]) = TestBed::get().programs("cluster/repositories", ["sshd"]) else { return };
    let Some(scene) = Scene::begin("ssh").await else { return };
    let repo = files("far");
    let keys = process::scratch_dir("keys");
    for name in ["host", "user", "stranger"] {
        let path = keys.join(name).display().to_string();
        let args = ["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", &path];
        let made = Guarded::new("ssh-keygen").args(args).output(None).expect("OpenSSH is there");
        assert!(made.status.success(), "{}", made.stderr);
    }
    let key = |name: &str| fs::read_to_string(keys.join(name)).expect("it was made");
    let server = SshServer::start(sshd, &keys.join("host"), &keys.join("user.pub"), repo.root());
    let url = server.url("git");
    add(&scene, "far", &url);
    let opened = |key: String| json!({"type": "git", "url": url, "sshPrivateKey": key});
    secret(&scene, "far", "repository", &opened(key("user")));
    let text = scene.condition("far", "ComparisonError").await;
    assert!(text.contains("argocd-ssh-known-hosts-cm"), "{text}");

    let line = |name: &str| format!("[127.0.0.1]:{} {}", server.port(), key(name));
    config(&scene, "argocd-ssh-known-hosts-cm", "ssh_known_hosts", &line("host.pub"));
    scene.content("far", &repo.head()).await;
    let second = commit(&repo, "far", "two");
    scene.content("far", &second).await;
    assert_eq!(scene.config("far", "key").await.as_deref(), Some("two"));

    secret(&scene, "far", "repository", &opened(key("stranger")));
    let text = scene.condition("far", "ComparisonError").await;
    assert!(text.contains("refused the credentials"), "{text}");
    assert_eq!(scene.config("far", "key").await.as_deref(), Some("two"));
    secret(&scene, "far", "repository", &opened(key("user")));
    scene.content("far", &second).await;
    let everything = scene.everything("far").await;
    for line in key("user").lines().filter(|line| line.len() > 40 && !line.starts_with('-')) {
        assert!(!everything.contains(line), "{everything}");
    }
}

#[tokio::test]
async fn a_git_daemon_is_read_without_credentials() {
    let Some(scene) = Scene::begin("daemon").await else { return };
    let repo = files("plain");
    let daemon = GitDaemon::start(repo.root());
    add(&scene, "plain", &daemon.url("git"));
    scene.content("plain", &repo.head()).await;
    let second = commit(&repo, "plain", "two");
    scene.content("plain", &second).await;
    assert_eq!(scene.config("plain", "key").await.as_deref(), Some("two"));
    scene.assert_settled("plain").await;
}
