//! Verbs that follow an application: sync, rollback, wait.

use expect_test::expect;
use serde_json::{Value, json};

use crate::{
    fake::{Fake, Script, operating, web},
    program::{Run, run},
};

fn ask(fake: &Fake, args: &[&str]) -> Run {
    run(&[args, &["--server", &fake.url]].concat())
}

fn result(kind: &str, status: &str, message: &str) -> Value {
    json!({"kind": kind, "namespace": "shop", "name": "web", "status": status, "message": message})
}

/// A sync that goes well: applied, waited for, done, healthy a moment later.
fn good() -> Vec<Value> {
    let applied = [result("ConfigMap", "Synced", "configmap/web configured")];
    let both =
        [applied[0].clone(), result("Deployment", "Synced", "deployment.apps/web configured")];
    vec![
        web(10, "OutOfSync", "Healthy"),
        operating(web(11, "OutOfSync", "Healthy"), "Running", "applying", &json!(applied)),
        operating(
            web(12, "OutOfSync", "Progressing"),
            "Running",
            "waiting for apps/Deployment/web",
            &json!(both),
        ),
        operating(
            web(13, "Synced", "Progressing"),
            "Succeeded",
            "successfully synced (all tasks run)",
            &json!(both),
        ),
        operating(
            web(14, "Synced", "Healthy"),
            "Succeeded",
            "successfully synced (all tasks run)",
            &json!(both),
        ),
    ]
}

#[test]
fn a_sync_is_followed_to_its_end_one_line_per_event() {
    let fake = Fake::start(Script { states: good(), ..Script::default() });
    let run = ask(&fake, &["app", "sync", "web", "--health"]);
    expect![[r#"
        web: operation Running: applying
          ConfigMap shop/web: Synced: configmap/web configured
        web: operation Running: waiting for apps/Deployment/web
          Deployment shop/web: Synced: deployment.apps/web configured
          Deployment.apps shop/web: Progressing
        web: health Progressing
        web: operation Succeeded: successfully synced (all tasks run)
        web: sync Synced: 0123456789
        web: Synced at 0123456789, Progressing
          Deployment.apps shop/web: Healthy
        web: health Healthy
        web: Synced at 0123456789, Healthy
        --- exit code 0
    "#]]
    .assert_eq(&run.transcript());
}

#[test]
fn a_sync_asks_for_what_the_flags_say() {
    let fake = Fake::start(Script { states: good(), ..Script::default() });
    let args = [
        "app",
        "sync",
        "web",
        "--async",
        "--revision",
        "v2",
        "--prune",
        "--force",
        "--strategy",
        "apply",
        "--resource",
        "apps:Deployment:web",
        "--resource",
        ":Service:shop/web",
        "--retry-limit",
        "-1",
        "--retry-backoff-duration",
        "5s",
    ];
    let run = ask(&fake, &args);
    assert_eq!(run.out, "web: the operation was asked for\n");
    let actions = fake.actions();
    let body = actions[0].strip_prefix("POST /api/v1/applications/web/sync ").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        body,
        json!({
            "name": "web",
            "revision": "v2",
            "prune": true,
            "dryRun": false,
            "strategy": {"apply": {"force": true}},
            "resources": [
                {"group": "apps", "kind": "Deployment", "name": "web"},
                {"group": "", "kind": "Service", "namespace": "shop", "name": "web"},
            ],
            "retryStrategy": {"limit": -1, "backoff": {"duration": "5s", "factor": 2}},
        })
    );
}

#[test]
fn a_failed_sync_ends_with_1_and_says_why() {
    let results = json!([result("Deployment", "SyncFailed", "image: \u{1b}[31minvalid")]);
    let states = vec![
        web(10, "OutOfSync", "Healthy"),
        operating(
            web(11, "OutOfSync", "Healthy"),
            "Failed",
            "one or more objects failed to apply",
            &results,
        ),
    ];
    let fake = Fake::start(Script { states, ..Script::default() });
    expect![[r#"
        web: operation Failed: one or more objects failed to apply
          Deployment shop/web: SyncFailed: image: \x1b[31minvalid
        web: OutOfSync at 0123456789, Healthy
        --- exit code 1
    "#]]
    .assert_eq(&ask(&fake, &["app", "sync", "web"]).transcript());
}

/// Runs a verb whose request is refused.
fn refused(answer: Value, args: &[&str]) -> Run {
    let states = vec![web(10, "Synced", "Healthy")];
    let answers = [("refuse", answer)].into();
    ask(&Fake::start(Script { states, answers, ..Script::default() }), args)
}

#[test]
fn a_refused_sync_ends_with_2() {
    let refusal = json!({"message": "cannot sync to v2: auto-sync is enabled and follows HEAD",
        "reason": "AutoSyncEnabled"});
    expect![[r#"
        --- standard error
        error: cannot sync to v2: auto-sync is enabled and follows HEAD
        --- exit code 2
    "#]]
    .assert_eq(&refused(refusal, &["app", "sync", "web", "--revision", "v2"]).transcript());
}

#[test]
fn a_sync_while_another_operation_runs_ends_with_1_and_says_what_to_do() {
    let busy = json!({"reason": "OperationInProgress",
        "message": "another operation is already in progress: a sync by eva, about to begin"});
    expect![[r#"
        --- standard error
        error: another operation is already in progress: a sync by eva, about to begin
        hint: wait for its end and try again: steadfast app wait web --operation
        hint: or end it: steadfast app terminate-op web
        --- exit code 1
    "#]]
    .assert_eq(&refused(busy.clone(), &["app", "sync", "web"]).transcript());
    let back = refused(busy, &["app", "rollback", "web"]);
    assert_eq!(back.code, 1, "{}", back.transcript());
    assert!(back.err.contains("terminate-op web"), "{}", back.err);
}

#[test]
fn without_a_stream_it_looks_again_and_again() {
    let fake = Fake::start(Script { states: good(), no_stream: true, ..Script::default() });
    let run = ask(&fake, &["app", "sync", "web"]);
    assert_eq!(run.code, 0, "{}", run.transcript());
    assert!(run.out.contains("operation Succeeded"), "{}", run.out);
}

#[test]
fn a_sync_that_takes_too_long_is_left_alone() {
    let states = vec![
        web(10, "OutOfSync", "Healthy"),
        operating(web(11, "OutOfSync", "Healthy"), "Running", "waiting", &json!([])),
    ];
    let fake = Fake::start(Script { states, ..Script::default() });
    let run = ask(&fake, &["app", "sync", "web", "--timeout", "500ms"]);
    expect![[r#"
        web: operation Running: waiting
        web: not done after 500ms; it goes on
        --- exit code 1
    "#]]
    .assert_eq(&run.transcript());
}

#[test]
fn a_rollback_goes_to_the_entry_before_or_to_the_named_one() {
    for (args, id) in [(&["app", "rollback", "web"][..], 0), (&["app", "rollback", "web", "1"], 1)]
    {
        let fake = Fake::start(Script { states: good(), ..Script::default() });
        let run = ask(&fake, args);
        assert_eq!(run.code, 0, "{}", run.transcript());
        assert!(run.out.starts_with(&format!("web: back to {id} (")), "{}", run.out);
        let body = format!(r#""id":{id},"#);
        assert!(fake.actions()[0].contains(&body), "{:?}", fake.actions());
    }
    let fake = Fake::start(Script { states: good(), ..Script::default() });
    let run = ask(&fake, &["app", "rollback", "web", "7"]);
    assert_eq!((run.code, fake.actions().len()), (2, 0));
    assert!(
        run.err.contains("has no entry 7") && run.err.contains("app history web"),
        "{}",
        run.err
    );
}

#[test]
fn a_wait_says_what_it_waits_for() {
    let mut progressing = web(11, "Synced", "Progressing");
    progressing["status"]["health"]["message"] = json!("1 of 2 replicas updated");
    let states = vec![web(10, "OutOfSync", "Healthy"), progressing, web(12, "Synced", "Healthy")];
    let fake = Fake::start(Script { states, runs: true, ..Script::default() });
    expect![[r#"
        web: waits for sync (OutOfSync)
          Deployment.apps shop/web: Progressing
        web: sync Synced: 0123456789
        web: health Progressing: 1 of 2 replicas updated
        web: waits for health (Progressing: 1 of 2 replicas updated)
          Deployment.apps shop/web: Healthy
        web: health Healthy
        web: Synced at 0123456789, Healthy
        --- exit code 0
    "#]]
    .assert_eq(&ask(&fake, &["app", "wait", "web"]).transcript());
}

#[test]
fn a_wait_ends_with_1_when_it_is_in_vain() {
    let failed = operating(web(10, "OutOfSync", "Healthy"), "Failed", "refused", &json!([]));
    let fake = Fake::start(Script { states: vec![failed], ..Script::default() });
    expect![[r#"
        web: operation Failed: refused
        web: OutOfSync at 0123456789, Healthy
        --- exit code 1
    "#]]
    .assert_eq(&ask(&fake, &["app", "wait", "web"]).transcript());

    let states = vec![web(10, "Synced", "Degraded")];
    let fake = Fake::start(Script { states, ..Script::default() });
    let run = ask(&fake, &["app", "wait", "web", "--health", "--timeout", "1"]);
    expect![[r#"
        web: waits for health (Degraded: no reason known)
        web: after 1s still waits for health (Degraded: no reason known)
        --- exit code 1
    "#]]
    .assert_eq(&run.transcript());
    assert_eq!(ask(&fake, &["app", "wait", "web", "--health", "--degraded"]).code, 0);

    let fake = Fake::start(Script {
        states: vec![web(10, "OutOfSync", "Healthy")],
        runs: true,
        ends_deleted: true,
        ..Script::default()
    });
    let run = ask(&fake, &["app", "wait", "web"]);
    assert_eq!((run.code, run.out.lines().last()), (1, Some("web: was deleted")));
}
