//! `diff`: against Git, a revision, a directory.

use std::{collections::HashMap, fs};

use expect_test::expect;
use serde_json::{Value, json};

use crate::{
    fake::{Fake, Script, web},
    program::{Run, run},
};

const MANAGED: &str = "/api/v1/applications/web/managed-resources";

fn config(replicas: u32, live: bool) -> Value {
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop",
            "annotations": {"argocd.argoproj.io/tracking-id": "web:apps/Deployment:shop/web"}},
        "spec": {"replicas": replicas},
    });
    if live {
        object["spec"]["revisionHistoryLimit"] = json!(10);
        object["status"] = json!({"replicas": replicas});
        object["metadata"]["resourceVersion"] = json!("1");
    }
    object
}

fn managed(target: &Value, live: &Value, predicted: &Value) -> Value {
    json!({"items": [{
        "group": "apps", "kind": "Deployment", "namespace": "shop", "name": "web",
        "targetState": target.to_string(), "liveState": live.to_string(),
        "predictedLiveState": predicted.to_string(),
    }]})
}

fn fake(answers: &[(&'static str, Value)]) -> Fake {
    let answers: HashMap<&'static str, Value> = answers.iter().cloned().collect();
    Fake::start(Script { states: vec![web(10, "Synced", "Healthy")], answers, ..Script::default() })
}

fn ask(fake: &Fake, args: &[&str]) -> Run {
    run(&[args, &["--server", &fake.url]].concat())
}

#[test]
fn no_difference_is_silence_and_0() {
    let same = managed(&config(2, false), &config(2, true), &config(2, true));
    let fake = fake(&[(MANAGED, same)]);
    for args in [["diff", "web"].as_slice(), &["app", "diff", "web"]] {
        assert_eq!(ask(&fake, args).transcript(), "--- exit code 0\n");
    }
}

#[test]
fn a_difference_is_shown_and_gives_1() {
    let fake = fake(&[(MANAGED, managed(&config(2, false), &config(5, true), &config(2, true)))]);
    expect![[r#"
        --- live Deployment.apps shop/web
        +++ git Deployment.apps shop/web
        @@ -6,5 +6,5 @@
           name: web
           namespace: shop
         spec:
        -  replicas: 5
        +  replicas: 2
           revisionHistoryLimit: 10

        web: 1 to update
        --- exit code 1
    "#]]
    .assert_eq(&ask(&fake, &["app", "diff", "web"]).transcript());
    let data = ask(&fake, &["diff", "web", "-o", "json"]);
    assert_eq!(data.code, 1);
    let data: Value = serde_json::from_str(&data.out).unwrap();
    assert_eq!(
        data["objects"][0]["fields"],
        json!([{"path": ".spec.replicas", "old": 5, "new": 2}])
    );
}

#[test]
fn a_revision_is_compared_with_the_cluster() {
    let same = managed(&config(2, false), &config(2, true), &config(2, true));
    let at = |replicas| json!({"manifests": [config(replicas, false).to_string()]});
    let fake = fake(&[
        (MANAGED, same),
        ("/api/v1/applications/web/manifests?revision=more", at(3)),
        ("/api/v1/applications/web/manifests?revision=same", at(2)),
    ]);
    assert_eq!(
        ask(&fake, &["diff", "web", "--revision", "same"]).transcript(),
        "--- exit code 0\n"
    );
    let run = ask(&fake, &["diff", "web", "--revision", "more", "-o", "markdown"]);
    expect![[r#"
        ### web with more: 1 to update

        <details><summary>update Deployment.apps shop/web</summary>

        ```diff
        --- live Deployment.apps shop/web
        +++ git Deployment.apps shop/web
        @@ -6,5 +6,5 @@
           name: web
           namespace: shop
         spec:
        -  replicas: 2
        +  replicas: 3
           revisionHistoryLimit: 10
        ```

        </details>
        --- exit code 1
    "#]]
    .assert_eq(&run.transcript());
}

#[test]
fn a_checked_out_pull_request_is_compared_with_the_cluster() {
    let same = managed(&config(2, false), &config(2, true), &config(2, true));
    let fake = fake(&[(MANAGED, same)]);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("web.yaml");
    let path = directory.path().to_str().unwrap();

    // As authors write it: no namespace, no tracking id.
    let text =
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 2}\n";
    fs::write(&file, text).unwrap();
    assert_eq!(ask(&fake, &["diff", "web", "--local", path]).transcript(), "--- exit code 0\n");

    fs::write(&file, text.replace('2', "4")).unwrap();
    let run = ask(&fake, &["diff", "web", "--local", path]);
    expect![[r#"
        --- live Deployment.apps shop/web
        +++ git Deployment.apps shop/web
        @@ -6,5 +6,5 @@
           name: web
           namespace: shop
         spec:
        -  replicas: 2
        +  replicas: 4
           revisionHistoryLimit: 10

        web with DIRECTORY: 1 to update
        --- exit code 1
    "#]]
    .assert_eq(&run.transcript().replace(path, "DIRECTORY"));

    fs::write(&file, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: [}\n").unwrap();
    let run = ask(&fake, &["diff", "web", "--local", path]);
    assert_eq!((run.code, run.out.as_str()), (2, ""));
    assert!(run.err.starts_with("error: "), "{}", run.err);
}

#[test]
fn a_comparison_that_failed_is_not_no_difference() {
    let mut app = web(10, "Unknown", "Healthy");
    app["status"]["conditions"] =
        json!([{"type": "ComparisonError", "message": "web.yaml:3: bad"}]);
    let answers = HashMap::from([(MANAGED, json!({"items": []}))]);
    let fake = Fake::start(Script { states: vec![app], answers, ..Script::default() });
    expect![[r#"
        --- standard error
        error: web can't be compared: web.yaml:3: bad
        --- exit code 2
    "#]]
    .assert_eq(&ask(&fake, &["diff", "web"]).transcript());
}
