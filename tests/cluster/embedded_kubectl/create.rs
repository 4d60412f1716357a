use serde_json::json;

use super::*;

#[test]
fn things_are_created_without_a_file() {
    let Some(space) = Space::begin("create") else { return };
    for (line, answer) in [
        (
            "create deployment web --image=web:1 --replicas=2 --port=8080",
            "deployment.apps/web created",
        ),
        ("create configmap settings --from-literal=color=red", "configmap/settings created"),
        ("create secret generic key --from-literal=password=pa55", "secret/key created"),
        ("create serviceaccount robot", "serviceaccount/robot created"),
        ("create job once --image=once:1", "job.batch/once created"),
        (
            "create cronjob often --image=often:1 --schedule='*/5 * * * *'",
            "cronjob.batch/often created",
        ),
        ("create job now --from=cronjob/often", "job.batch/now created"),
        (
            "create ingress front --rule=shop.example/cart=web:80",
            "ingress.networking.k8s.io/front created",
        ),
        ("create quota limit --hard=pods=9", "resourcequota/limit created"),
        (
            "create poddisruptionbudget some --selector=app=web --min-available=1",
            "poddisruptionbudget.policy/some created",
        ),
        ("create service clusterip inner --tcp=80:8080", "service/inner created"),
        ("expose deployment web --port=80 --target-port=8080", "service/web exposed"),
        ("run solo --image=solo:1", "pod/solo created"),
    ] {
        assert_eq!(space.ok(line), format!("{answer}\n"), "{line}");
    }
    // They come as protocol buffers, and nothing that Go sends as a zero is left in them.
    let web = space.json("get deployment web");
    assert_eq!(web["spec"]["replicas"], 2);
    assert_eq!(web["spec"]["strategy"]["type"], "RollingUpdate");
    assert!(web["spec"].get("minReadySeconds").is_none() && web["spec"].get("paused").is_none());
    let container = &web["spec"]["template"]["spec"]["containers"][0];
    let port = json!([{"containerPort": 8080, "protocol": "TCP"}]);
    assert_eq!((&container["image"], &container["ports"]), (&json!("web:1"), &port));
    assert!(container.get("stdin").is_none() && web["metadata"].get("generateName").is_none());
    assert_eq!(space.json("get configmap settings")["data"], json!({"color": "red"}));
    assert_eq!(space.json("get secret key")["data"], json!({"password": "cGE1NQ=="}));
    let service = space.json("get service inner");
    assert_eq!(service["spec"]["ports"][0]["targetPort"], 8080);
    assert!(
        service["spec"]["clusterIP"].as_str().is_some_and(|address| address.starts_with("10.96."))
    );
    assert_eq!(space.json("get cronjob often")["spec"]["schedule"], "*/5 * * * *");
    let rule = &space.json("get ingress front")["spec"]["rules"][0];
    assert_eq!(rule["http"]["paths"][0]["backend"]["service"]["port"]["number"], 80);

    space.ok("rollout status deployment/web --timeout=60s");
    space.ok("wait --for=condition=Complete job/once job/now --timeout=60s");
    space.ok("wait --for=condition=Ready pod/solo --timeout=60s");
    let refused = space.fails("create configmap settings");
    has_all(&refused, &["configmaps \"settings\" already exists"]);
    let refused = space.fails("create deployment Web --image=web:1");
    has_all(&refused, &["Deployment.apps \"Web\" is invalid", "RFC 1123"]);
    has_all(&space.fails("create token nobody"), &["serviceaccounts \"nobody\" not found"]);
}

#[test]
fn only_a_dry_run_changes_nothing() {
    let Some(space) = Space::begin("dry") else { return };
    let told = space.ok("create configmap a --from-literal=a=1 --dry-run=server");
    assert_eq!(told, "configmap/a created (server dry run)\n");
    let told = space.feed("apply --dry-run=server -f -", &web(1, "web:1"));
    has_all(&told, &["deployment.apps/web created (server dry run)"]);
    assert_eq!(space.ok("get configmap/a deployment/web --ignore-not-found"), "");
    let shown = space.ok("create deployment a --image=a:1 --dry-run=client -o yaml");
    has_all(&shown, &["kind: Deployment", "image: a:1"]);
    space.feed("create -f -", &shown);
    space.ok("get deployment a");
}
