//! Verbs that print what the status API says.

use std::collections::HashMap;

use expect_test::expect;
use serde_json::{Value, json};

use crate::{
    fake::{Fake, Script, operating, web},
    program::{Run, command, end_of, run},
};

fn ask(fake: &Fake, args: &[&str]) -> Run {
    run(&[args, &["--server", &fake.url]].concat())
}

fn quiet() -> Script {
    Script { states: vec![web(10, "Synced", "Healthy")], ..Script::default() }
}

#[test]
fn applications_are_listed_as_a_table_as_names_and_as_data() {
    let mut odd = web(11, "OutOfSync", "Degraded");
    odd["metadata"]["name"] = json!("odd\u{1b}[2J");
    odd["spec"]["source"]["repoURL"] =
        json!("https://git.example.com/a/very/long/path/to/a/repository");
    let items = json!({"items": [web(10, "Synced", "Healthy"), odd]});
    let script = Script { answers: HashMap::from([("list", items)]), ..quiet() };
    let fake = Fake::start(script);
    expect![[r#"
        NAME        PROJECT  SYNC       HEALTH    REVISION    REPO                  PATH
        web         default  Synced     Healthy   0123456789  ….com/shop/manifests  web
        odd\x1b[2J  default  OutOfSync  Degraded  0123456789  …ath/to/a/repository  web
        --- exit code 0
    "#]]
    .assert_eq(&ask(&fake, &["app", "list"]).transcript());
    expect![[r#"
        NAME        PROJECT  SYNC       HEALTH    REVISION                                  REPO                                                      PATH  TARGET  NAMESPACE  CLUSTER                         POLICY  CONDITIONS
        web         default  Synced     Healthy   0123456789abcdef0123456789abcdef01234567  https://git.example.com/shop/manifests                    web   HEAD    shop       https://kubernetes.default.svc  manual
        odd\x1b[2J  default  OutOfSync  Degraded  0123456789abcdef0123456789abcdef01234567  https://git.example.com/a/very/long/path/to/a/repository  web   HEAD    shop       https://kubernetes.default.svc  manual
        --- exit code 0
    "#]].assert_eq(&ask(&fake, &["app", "list", "-o", "wide"]).transcript());
    expect![[r#"
        web
        odd\x1b[2J
        --- exit code 0
    "#]]
    .assert_eq(&ask(&fake, &["app", "list", "-o", "name"]).transcript());
    let json: Value =
        serde_json::from_str(&ask(&fake, &["app", "list", "-o", "json"]).out).unwrap();
    assert_eq!(json[0]["metadata"]["name"], "web");
    let yaml = ask(&fake, &["app", "list", "-o", "yaml"]).out;
    assert!(yaml.starts_with("- apiVersion: argoproj.io/v1alpha1\n"), "{yaml}");
    assert!(!yaml.contains('\x1b'), "{yaml}");
}

#[test]
fn a_controller_that_has_just_started_is_waited_for() {
    let fake = Fake::start(Script { unread: 2, ..quiet() });
    let run = ask(&fake, &["app", "get", "web", "-o", "name"]);
    assert_eq!((run.code, run.out.as_str()), (0, "web\n"), "{}", run.transcript());
}

#[test]
fn one_application_is_described_with_its_drift() {
    let drift = json!({"items": [{
        "group": "apps", "kind": "Deployment", "namespace": "shop", "name": "web",
        "field": ".spec.replicas", "old": 2, "new": 7, "manager": "kubectl-edit",
        "at": "2026-11-21T11:30:00Z", "corrected": false,
    }]});
    let state =
        operating(web(10, "OutOfSync", "Healthy"), "Failed", "one object was refused", &json!([]));
    let script = Script {
        states: vec![state],
        answers: HashMap::from([("/api/v1/applications/web/drift", drift)]),
        ..Script::default()
    };
    let fake = Fake::start(script);
    expect![[r#"
        Name:        web
        Project:     default
        Source:      https://git.example.com/shop/manifests  path web  at HEAD
        Destination: shop on https://kubernetes.default.svc
        Sync policy: manual
        Sync:        OutOfSync at 0123456789
        Health:      Healthy
        Operation:   Failed  one object was refused
                     started 2026-11-21T11:00:00Z, finished 2026-11-21T11:00:05Z, revision 0123456789

        KIND        NAMESPACE  NAME  SYNC       HEALTH   MESSAGE
        Deployment  shop       web   OutOfSync  Healthy
        ConfigMap   shop       web   Synced

        DRIFT
          2026-11-21T11:30:00Z  Deployment.apps shop/web  by kubectl-edit, not put back
            .spec.replicas: 2 -> 7
        --- exit code 0
    "#]].assert_eq(&ask(&fake, &["app", "get", "web"]).transcript());
    let json: Value =
        serde_json::from_str(&ask(&fake, &["app", "get", "web", "-o", "json"]).out).unwrap();
    assert_eq!(json["spec"]["project"], "default");
}

#[test]
fn an_older_server_without_drift_is_no_error() {
    let run = ask(&Fake::start(quiet()), &["app", "get", "web"]);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
}

#[test]
fn history_and_resources_are_tables() {
    let tree = json!({"nodes": [
        {"group": "apps", "kind": "Deployment", "namespace": "shop", "name": "web", "uid": "1",
            "health": {"status": "Progressing", "message": "1 of 2 replicas"}},
        {"group": "apps", "kind": "ReplicaSet", "namespace": "shop", "name": "web-1", "uid": "2",
            "parentRefs": [{"uid": "1"}]},
        {"kind": "Pod", "namespace": "shop", "name": "web-1-a", "uid": "3", "parentRefs": [{"uid": "2"}]},
        {"kind": "Pod", "namespace": "shop", "name": "web-1-b", "uid": "4", "parentRefs": [{"uid": "2"}]},
        {"kind": "ConfigMap", "namespace": "shop", "name": "web", "uid": "5"},
    ]});
    let path = "/api/v1/applications/web/resource-tree";
    let fake = Fake::start(Script { answers: HashMap::from([(path, tree)]), ..quiet() });
    expect![[r#"
        ID  DEPLOYED              REVISION    BY         REPO                       PATH
        0   2026-11-20T10:00:00Z  aaaaaaaaaa  eva        …ample.com/shop/manifests  web
        1   2026-11-21T10:00:00Z  0123456789  automated  …ample.com/shop/manifests  web
        --- exit code 0
    "#]]
    .assert_eq(&ask(&fake, &["app", "history", "web"]).transcript());
    expect![[r#"
        KIND        NAMESPACE  NAME  SYNC    HEALTH   MESSAGE
        Deployment  shop       web   Synced  Healthy
        ConfigMap   shop       web   Synced
        --- exit code 0
    "#]]
    .assert_eq(&ask(&fake, &["app", "resources", "web"]).transcript());
    expect![[r#"
        Deployment.apps shop/web  Progressing  1 of 2 replicas
        └─ ReplicaSet.apps shop/web-1
           ├─ Pod shop/web-1-a
           └─ Pod shop/web-1-b
        ConfigMap shop/web
        --- exit code 0
    "#]]
    .assert_eq(&ask(&fake, &["app", "resources", "web", "-o", "tree"]).transcript());
}

#[test]
fn manifests_come_from_git_or_from_the_cluster() {
    let object = |from: &str| {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}, "data": {"from": from}})
            .to_string()
    };
    let fake = Fake::start(Script {
        answers: HashMap::from([
            ("/api/v1/applications/web/manifests", json!({"manifests": [object("git")]})),
            (
                "/api/v1/applications/web/manifests?revision=v1",
                json!({"manifests": [object("v1")]}),
            ),
            (
                "/api/v1/applications/web/managed-resources",
                json!({"items": [{"liveState": object("live")}, {"liveState": "null"}]}),
            ),
        ]),
        ..quiet()
    });
    expect![[r#"
        ---
        apiVersion: v1
        data:
          from: git
        kind: ConfigMap
        metadata:
          name: web
        --- exit code 0
    "#]]
    .assert_eq(&ask(&fake, &["app", "manifests", "web"]).transcript());
    for (args, from) in [
        (&["app", "manifests", "web", "--revision", "v1"][..], "from: v1"),
        (&["app", "manifests", "web", "--source", "live"], "from: live"),
        (&["render", "web"], "from: git"),
        (&["render", "web", "--revision", "v1"], "from: v1"),
    ] {
        let run = ask(&fake, args);
        assert!(run.code == 0 && run.out.contains(from), "{args:?}: {}", run.transcript());
    }
    let run = ask(&fake, &["app", "manifests", "web", "-o", "name"]);
    assert_eq!(run.out, "ConfigMap web\n");
}

#[test]
fn a_refresh_and_a_termination_are_asked_for() {
    let fake = Fake::start(quiet());
    let refreshed = ask(&fake, &["app", "refresh", "web", "--hard"]);
    assert_eq!(refreshed.out, "web: Synced at 0123456789, Healthy\n");
    let terminated = ask(&fake, &["app", "terminate-op", "web"]);
    assert_eq!(terminated.out, "web: the operation was asked to stop\n");
    assert_eq!(fake.actions(), ["refresh hard", "DELETE /api/v1/applications/web/operation"]);
}

#[test]
fn nothing_is_deleted_unless_somebody_said_yes() {
    let mut fewer = web(11, "OutOfSync", "Missing");
    fewer["status"]["resources"].as_array_mut().unwrap().pop();
    let states = vec![web(10, "Synced", "Healthy"), fewer];
    let fake = Fake::start(Script { states, ends_deleted: true, ..Script::default() });
    let unasked = ask(&fake, &["app", "delete", "web"]);
    assert_eq!(unasked.code, 2);
    assert!(unasked.err.contains("--yes") && fake.actions().is_empty(), "{}", unasked.err);

    let run = ask(&fake, &["app", "delete", "web", "--no-cascade", "--yes", "--wait"]);
    expect![[r#"
        web: deleting, objects left: 1
        web: deleted
        --- exit code 0
    "#]]
    .assert_eq(&run.transcript());
    let wanted = "DELETE /api/v1/applications/web?cascade=false&propagationPolicy=foreground";
    assert_eq!(fake.actions(), [wanted]);
}

#[test]
fn every_failure_says_what_to_do() {
    let fake = Fake::start(Script { token: Some("right"), ..quiet() });
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let closed = format!("127.0.0.1:{port}");
    let mut transcripts = String::new();
    for (what, args) in [
        ("nobody listens", vec!["app", "get", "web", "--server", &closed]),
        ("no token", vec!["app", "get", "web", "--server", &fake.url]),
        ("wrong token", vec!["app", "get", "web", "--server", &fake.url, "--token", "wrong"]),
        (
            "no such application",
            vec!["app", "get", "wep", "--server", &fake.url, "--token", "right"],
        ),
        ("not a server", vec!["app", "get", "web", "--server", "ftp://x"]),
        ("diff", vec!["diff", "web", "--server", &closed]),
    ] {
        let text = run(&args).transcript().replace(&port.to_string(), "PORT");
        transcripts.extend(["# ", what, "\n", &text.replace(&fake.url, "URL"), "\n"]);
    }
    expect![[r##"
        # nobody listens
        --- standard error
        error: cannot reach the status API at http://127.0.0.1:PORT/
          because: Connection refused (os error 111)
        hint: is the controller running? port-forward: kubectl -n argocd port-forward svc/steadfast 8080
        --- exit code 3

        # no token
        --- standard error
        error: who are you?
        hint: no token was sent: use --token or STEADFAST_TOKEN, for example $(kubectl -n argocd create token NAME)
        --- exit code 2

        # wrong token
        --- standard error
        error: who are you?
        hint: the token may have expired, or be for another cluster
        --- exit code 2

        # no such application
        --- standard error
        error: application "wep" not found
        hint: see "steadfast app list"
        --- exit code 2

        # not a server
        --- standard error
        error: --server "ftp://x": only http and https are spoken
        hint: write a URL such as https://steadfast.example.com
        --- exit code 2

        # diff
        --- standard error
        error: cannot reach the status API at http://127.0.0.1:PORT/
          because: Connection refused (os error 111)
        hint: is the controller running? port-forward: kubectl -n argocd port-forward svc/steadfast 8080
        --- exit code 2

    "##]].assert_eq(&transcripts);
}

#[test]
fn the_token_comes_from_the_environment_or_the_kubeconfig() {
    let fake = Fake::start(Script { token: Some("right"), ..quiet() });
    let mut with_variable = command(&["app", "list", "-o", "name"]);
    with_variable.env("STEADFAST_TOKEN", "right").env("STEADFAST_SERVER", &fake.url);
    assert_eq!(end_of(with_variable, "").out, "web\n");

    let kubeconfig = tempfile::NamedTempFile::new().unwrap();
    let text = "\
current-context: here
contexts: [{name: here, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]
users: [{name: u, user: {token: right}}]
";
    std::fs::write(kubeconfig.path(), text).unwrap();
    let mut with_file = command(&["app", "list", "-o", "name", "--server", &fake.url]);
    with_file.env("KUBECONFIG", kubeconfig.path());
    assert_eq!(end_of(with_file, "").transcript(), "web\n--- exit code 0\n");
}

#[test]
fn the_kubeconfigs_token_does_not_travel_in_the_open() {
    // A name that is no loopback address and leads to one would need a resolver; the machine's own
    // name service is not asked for this: the address of the documentation range is never reached.
    let kubeconfig = tempfile::NamedTempFile::new().unwrap();
    let text = "current-context: h\ncontexts: [{name: h, context: {cluster: c, user: u}}]\n\
                users: [{name: u, user: {token: secret-token}}]\n";
    std::fs::write(kubeconfig.path(), text).unwrap();
    let proxy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = proxy.local_addr().unwrap();
    let reader = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = proxy.accept().unwrap();
        let mut request = vec![0; 4096];
        let read = stream.read(&mut request).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n{\"items\":[]}").unwrap();
        String::from_utf8_lossy(&request[..read]).into_owned()
    });
    let mut program = command(&["app", "list", "--server", "http://192.0.2.1"]);
    program.env("KUBECONFIG", kubeconfig.path()).env("http_proxy", format!("http://{address}"));
    let run = end_of(program, "");
    let request = reader.join().unwrap();
    assert_eq!(run.out, "no applications\n", "{}", run.err);
    assert!(request.starts_with("GET http://192.0.2.1/api/v1/applications"), "{request}");
    assert!(!request.contains("secret-token"), "{request}");
}
