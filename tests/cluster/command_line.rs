//! `steadfast app` and `steadfast diff` against the running controller, as people type them.

use serde_json::{Value, json};

use crate::{
    common::{Scene, annotated, by_hand, config_map, deployment},
    support::process::Guarded,
};

/// Columns of a terminal whose width is not known.
const WIDTH: usize = 80;

/// What a run gave.
struct Run {
    code: i32,
    out: String,
    err: String,
}

/// Runs the program against a controller at `server`, its output into pipes.
fn run_at(server: &str, args: &[&str]) -> Run {
    let output = Guarded::new(env!("CARGO_BIN_EXE_steadfast"))
        .args(args)
        .env("STEADFAST_SERVER", server)
        .env("KUBECONFIG", "/nonexistent")
        .env("HOME", "/nonexistent")
        .env_remove("COLUMNS")
        .output(None)
        .expect("the program runs");
    let code = output.status.code().expect("it was not killed");
    let run = Run { code, out: output.stdout, err: output.stderr };
    assert!(!run.out.contains('\u{1b}') && !run.err.contains('\u{1b}'), "plain: {}", run.text());
    run
}

impl Run {
    fn text(&self) -> String {
        format!("{}{}exit code {}", self.out, self.err, self.code)
    }

    /// Has this exit code; gives the output.
    #[track_caller]
    fn ends(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}", self.text());
        self.out
    }

    /// Has this exit code and no line that is wider than a terminal; gives the output.
    #[track_caller]
    fn fits(self, code: i32) -> String {
        let wide = self.out.lines().find(|line| line.chars().count() > WIDTH);
        assert_eq!(wide, None, "{}", self.text());
        self.ends(code)
    }
}

fn contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

/// A shop of a Deployment and a ConfigMap, synced by hand.
fn write(scene: &Scene, image: &str, colour: &str) -> String {
    scene.repo.write("shop/web.yaml", &deployment("web", image, 2, ""));
    scene.repo.write("shop/config.yaml", &config_map("settings", &[("colour", colour)]));
    scene.repo.commit(colour)
}

#[tokio::test]
async fn an_application_is_looked_at_synced_rolled_back_and_deleted_from_a_shell() {
    let Some(scene) = Scene::begin("shell").await else { return };
    let url = scene.controller.url();
    let run = |args: &[&str]| run_at(&url, args);
    let first = write(&scene, "shop/web:1.0", "green");
    scene.application("shop", by_hand);
    let seen = |app: &Value| app["status"]["sync"]["status"] == "OutOfSync";
    scene.until("shop", "to be compared", seen).await;

    contains(&run(&["app", "list"]).fits(0), &["shop", "OutOfSync", "Missing"]);
    assert_eq!(run(&["app", "list", "-o", "name"]).ends(0), "shop\n");
    contains(&run(&["app", "get", "shop"]).fits(0), &["shop", "OutOfSync", "Deployment", "web"]);
    contains(&run(&["app", "diff", "shop"]).ends(1), &["Deployment", "+", "green"]);
    let waited = run(&["app", "wait", "shop", "--sync", "--timeout", "2s"]);
    assert_eq!(waited.code, 1, "{}", waited.text());

    let dry = run(&["app", "sync", "shop", "--dry-run"]).ends(0);
    contains(&dry, &["dry run"]);
    assert!(scene.config("settings", "colour").await.is_none(), "nothing was changed");
    contains(&run(&["app", "sync", "shop", "--health"]).ends(0), &["web", "Succeeded"]);
    scene.healthy("shop", &first).await;
    run(&["app", "wait", "shop", "--sync", "--health", "--operation"]).ends(0);
    run(&["app", "diff", "shop"]).ends(0);
    run(&["diff", "shop"]).ends(0);
    contains(&run(&["app", "resources", "shop"]).fits(0), &["Deployment", "web", "Healthy"]);
    let tree = run(&["app", "resources", "shop", "-o", "tree"]).fits(0);
    contains(&tree, &["Deployment", "ReplicaSet", "Pod"]);
    contains(&run(&["app", "manifests", "shop"]).ends(0), &["kind: Deployment", "shop/web:1.0"]);

    let second = write(&scene, "shop/web:2.0", "red");
    run(&["app", "refresh", "shop"]).ends(0);
    contains(&run(&["app", "diff", "shop"]).ends(1), &["-  colour: green", "+  colour: red"]);
    run(&["app", "sync", "shop", "--health"]).ends(0);
    scene.healthy("shop", &second).await;
    contains(&run(&["app", "history", "shop"]).fits(0), &[&first[..7], &second[..7]]);
    run(&["app", "rollback", "shop", "--health"]).ends(0);
    assert_eq!(scene.config("settings", "colour").await.as_deref(), Some("green"));
    let json = run(&["app", "get", "shop", "-o", "json"]).ends(0);
    let app: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(app["status"]["operationState"]["syncResult"]["revision"], *first, "{app:#}");

    run(&["app", "delete", "shop", "--yes"]).ends(0);
    scene.until("shop", "to be gone", Value::is_null).await;
    assert!(scene.config("settings", "colour").await.is_none(), "its objects go with it");
    let gone = run(&["app", "get", "shop"]);
    contains(&gone.err, &["shop"]);
    assert_ne!(gone.code, 0, "{}", gone.text());
}

#[tokio::test]
async fn a_sync_that_fails_ends_with_its_reason_and_one_that_lasts_can_be_stopped() {
    let Some(scene) = Scene::begin("fails").await else { return };
    let url = scene.controller.url();
    let run = |args: &[&str]| run_at(&url, args);
    let bad = "apiVersion: v1\nkind: Service\nmetadata: {name: bad}\nspec: {ports: [{port: 0}]}\n";
    scene.repo.write("bad/a.yaml", bad);
    let slow = deployment("slow", "shop/web:1.0", 1, "never-ready");
    let late = annotated(&config_map("late", &[]), "argocd.argoproj.io/sync-wave", "1");
    scene.repo.write("slow/a.yaml", &slow).write("slow/b.yaml", &late);
    scene.repo.commit("trouble");
    for name in ["bad", "slow"] {
        scene.application(name, |app| {
            by_hand(app);
            app["spec"]["source"]["path"] = json!(name);
        });
        let seen = |app: &Value| app["status"]["sync"]["status"] == "OutOfSync";
        scene.until(name, "to be compared", seen).await;
    }
    let failed = run(&["app", "sync", "bad"]);
    assert_eq!(failed.code, 1, "{}", failed.text());
    contains(&failed.text(), &["bad", "spec.ports[0].port"]);

    run(&["app", "sync", "slow", "--async"]).ends(0);
    let runs = |app: &Value| app["status"]["operationState"]["phase"] == "Running";
    scene.until("slow", "to wait for the first wave", runs).await;
    let waited = run(&["app", "wait", "slow", "--operation", "--timeout", "2s"]);
    assert_eq!(waited.code, 1, "{}", waited.text());
    let again = run(&["app", "sync", "slow"]);
    assert_eq!(again.code, 1, "{}", again.text());
    let said = ["another operation is already in progress", "Running since", "terminate-op slow"];
    contains(&again.err, &said);
    run(&["app", "terminate-op", "slow"]).ends(0);
    let ended = |app: &Value| app["status"]["operationState"]["phase"] == "Failed";
    let app = scene.until("slow", "to be stopped", ended).await;
    contains(&app["status"]["operationState"]["message"].to_string(), &["terminated"]);
    assert!(scene.live("v1", "configmaps", "late").await.is_none());
}

#[tokio::test]
async fn a_pull_request_is_compared_before_it_is_merged() {
    let Some(scene) = Scene::begin("pull").await else { return };
    let url = scene.controller.url();
    let first = write(&scene, "shop/web:1.0", "green");
    scene.application("shop", |_| {});
    scene.healthy("shop", &first).await;
    scene.repo.branch("change");
    write(&scene, "shop/web:1.0", "blue");
    let local = scene.repo.dir().join("shop").display().to_string();
    let by_revision = run_at(&url, &["diff", "shop", "--revision", "change"]).ends(1);
    let changed = ["-  colour: green", "+  colour: blue", "1 to update"];
    contains(&by_revision, &changed);
    let by_directory = run_at(&url, &["diff", "shop", "--local", &local]).ends(1);
    contains(&by_directory, &changed);
    assert!(!by_directory.contains("Deployment"), "nothing else differs: {by_directory}");
    let comment = run_at(&url, &["diff", "shop", "--local", &local, "-o", "markdown"]).ends(1);
    contains(&comment, &["```diff", "colour: blue"]);
    assert_eq!(scene.config("settings", "colour").await.as_deref(), Some("green"));
    let wrong = run_at(&url, &["diff", "shop", "--revision", "nope"]);
    assert_eq!(wrong.code, 2, "{}", wrong.text());
    contains(&wrong.err, &["nope"]);
}

#[test]
fn nobody_at_the_address_is_told_with_what_to_do() {
    let run = run_at("http://127.0.0.1:1", &["app", "list"]);
    assert_eq!(run.code, 3, "{}", run.text());
    contains(&run.err, &["http://127.0.0.1:1", "refused", "hint:", "port-forward"]);
}
