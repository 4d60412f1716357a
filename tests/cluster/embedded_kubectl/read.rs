use super::*;

#[test]
fn objects_are_shown_in_every_form() {
    let Some(space) = Space::begin("read") else { return };
    space.deployed(2);
    let rows = table(&space.ok("get deployments"));
    assert_eq!(rows[0], ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]);
    assert_eq!(rows[1][..4], ["web", "2/2", "2", "2"]);
    let rows = table(&space.ok("get deploy web -o wide"));
    assert_eq!(rows[0][5..], ["CONTAINERS", "IMAGES", "SELECTOR"]);
    assert_eq!(rows[1][5..], ["web", "web:1", "app=web"]);
    let pods = table(&space.ok("get pods -o wide"));
    assert_eq!(pods[1][1..4], ["1/1", "Running", "0"]);
    assert!(pods[1].contains(&"embedded".to_owned()), "{pods:?}");

    has_all(&space.ok("get deploy web -o yaml"), &["kind: Deployment", "  replicas: 2", "status:"]);
    assert!(!space.ok("get deploy web -o yaml").contains("managedFields"));
    let shown = space.ok("get deploy web -o yaml --show-managed-fields");
    has_all(&shown, &["manager: kubectl-client-side-apply", "manager: kube-controller-manager"]);
    assert_eq!(space.json("get deploy web")["spec"]["replicas"], 2);
    assert_eq!(space.ok("get deploy web -o jsonpath={.status.readyReplicas}"), "2");
    let columns =
        "get deploy -o custom-columns=N:.metadata.name,I:.spec.template.spec.containers[0].image";
    assert_eq!(table(&space.ok(columns)), [["N", "I"], ["web", "web:1"]]);
    assert_eq!(space.ok("get deploy,svc -o name"), "deployment.apps/web\nservice/web\n");
    assert_eq!(space.ok("get pods --no-headers --sort-by=.metadata.name").lines().count(), 2);
    has_all(&space.ok("get pods --show-labels"), &["LABELS", "app=web,pod-template-hash="]);
    assert_eq!(table(&space.ok("get pods -L app"))[0].last().expect("a column"), "APP");
}

#[test]
fn lists_are_of_all_kinds_all_namespaces_or_what_is_selected() {
    let Some(space) = Space::begin("list") else { return };
    space.deployed(2);
    space.ok("run solo --image=solo:1 --labels=app=solo");
    space.ok("wait --for=condition=Ready pod/solo --timeout=60s");
    let all = space.ok("get all");
    has_all(
        &all,
        &["pod/web-", "pod/solo", "service/web", "deployment.apps/web", "replicaset.apps/web-"],
    );
    let everywhere = table(&space.ok("get pods -A"));
    assert_eq!(everywhere[0][0], "NAMESPACE");
    assert!(everywhere.iter().any(|row| row[0] == space.name && row[1] == "solo"));
    let names = |line: &str| space.ok(&format!("{line} -o name")).lines().count();
    assert_eq!(names("get pods -l app=web"), 2);
    assert_eq!(names("get pods -l 'app in (web,solo)'"), 3);
    assert_eq!(names("get pods -l app!=web"), 1);
    assert_eq!(names("get pods --field-selector=status.phase=Running"), 3);
    assert_eq!(names("get pods --field-selector=metadata.name=solo"), 1);
    assert_eq!(names("get pods --chunk-size=1"), 3);
    let refused = space.fails("get pods --field-selector=bogus=1");
    has_all(&refused, &["BadRequest", "field label not supported: bogus"]);
    let refused = space.fails("get deploy/nope");
    assert_eq!(refused, "Error from server (NotFound): deployments.apps \"nope\" not found\n");
    let refused = space.fails("get nope");
    assert_eq!(refused, "error: the server doesn't have a resource type \"nope\"\n");
    assert_eq!(space.ok("get deploy/nope --ignore-not-found"), "");
}

#[test]
fn what_is_described_has_its_events() {
    let Some(space) = Space::begin("describe") else { return };
    space.deployed(2);
    let web = space.ok("describe deployment web");
    has_all(
        &web,
        &[
            "2 desired | 2 updated | 2 total | 2 available | 0 unavailable",
            "RollingUpdateStrategy:  25% max unavailable, 25% max surge",
            "MinimumReplicasAvailable",
            "NewReplicaSetAvailable",
            "(2/2 replicas created)",
            "Scaled up replica set web-",
        ],
    );
    let pod = space.ok("get pods -o jsonpath={.items[0].metadata.name}");
    let pod = space.ok(&format!("describe pod {pod}"));
    has_all(&pod, &["embedded/10.63.0.1", "Controlled By:  ReplicaSet/web-", "QoS Class:"]);
    has_all(&pod, &["Scheduled", "Pulled", "Created", "Started", "default-scheduler"]);
    let service = space.ok("describe service web");
    let endpoints = service.lines().find(|line| line.starts_with("Endpoints:")).expect("a line");
    assert_eq!(endpoints.matches(":8080").count(), 2, "{endpoints}");
    has_all(&space.ok(&format!("describe namespace {}", space.name)), &["Status:       Active"]);
    let node = space.ok("describe node embedded");
    has_all(&node, &["none://embedded", "KubeletReady", "Non-terminated Pods:"]);
    let events = space.ok("get events");
    has_all(&events, &["LAST SEEN", "ScalingReplicaSet", "SuccessfulCreate", "Scheduled"]);
    has_all(&space.ok("events --for deployment/web"), &["Scaled up replica set"]);
}

#[test]
fn a_watch_tells_of_changes() {
    let Some(space) = Space::begin("watch") else { return };
    space.deployed(1);
    let watch = space.spawn("get deployments -w");
    let ready = |state: &'static str| {
        eventually_blocking(LIMIT, state, || {
            table(&watch.log()).iter().any(|row| row[1] == state).then_some(())
        });
    };
    ready("1/1");
    space.ok("scale deployment web --replicas=3");
    ready("3/3");
    assert_eq!(watch.log().matches("NAME").count(), 1, "one head for all lines: {}", watch.log());
    let events = space.spawn("get configmaps -w --output-watch-events");
    eventually_blocking(LIMIT, "the first", || events.log().contains("kube-root").then_some(()));
    space.ok("create configmap late --from-literal=a=1");
    space.ok("delete configmap late");
    eventually_blocking(LIMIT, "the end of it", || {
        let rows = table(&events.log());
        let told = rows.iter().filter(|row| row[1] == "late").map(|row| row[0].as_str());
        told.eq(["ADDED", "DELETED"]).then_some(())
    });
}

#[test]
fn fields_are_explained() {
    let Some(space) = Space::begin("explain") else { return };
    has_all(&space.ok("explain deployment"), &["GROUP:      apps", "spec\t<DeploymentSpec>"]);
    let nested = space.ok("explain deployment.spec.strategy.rollingUpdate");
    has_all(&nested, &["FIELD: rollingUpdate", "maxSurge\t<IntOrString>"]);
    let all = space.ok("explain pod.spec.containers --recursive");
    has_all(&all, &["livenessProbe\t<Probe>", "    containerPort\t<integer> -required-"]);
    assert_eq!(
        space.fails("explain deployment.spec.nope").lines().last(),
        Some("error: field \"nope\" does not exist")
    );
    has_all(&space.fails("explain nope"), &["the server doesn't have a resource type \"nope\""]);
}

#[test]
fn the_cluster_says_what_it_is_and_what_it_serves() {
    let Some(space) = Space::begin("about") else { return };
    has_all(&space.ok("version"), &["Server Version: v1.", "+steadfast-embedded"]);
    assert_eq!(space.ok("get node -o jsonpath={.items[*].metadata.name}"), "embedded");
    has_all(&space.ok("cluster-info"), &["https://127.0.0.1:"]);
    let versions = space.ok("api-versions");
    has_all(&versions, &["apps/v1\n", "batch/v1\n", "autoscaling/v2\n", "\nv1\n"]);
    let kinds = space.ok("api-resources");
    has_all(
        &kinds,
        &["deploy ", "apps/v1 ", "StatefulSet", "NetworkPolicy", "PodDisruptionBudget"],
    );
    let cluster = space.ok("api-resources --namespaced=false -o name");
    assert!(cluster.lines().any(|name| name == "nodes") && !cluster.contains("pods"));
    assert_eq!(space.ok("get --raw /readyz"), "ok");
}

#[test]
fn everybody_learns_what_they_may() {
    let Some(space) = Space::begin("rights") else { return };
    assert_eq!(space.ok("auth can-i create pods"), "yes\n");
    has_all(&space.ok("auth can-i --list"), &["*.*"]);
    has_all(&space.ok("auth whoami"), &["admin", "system:masters"]);
    space.ok("create serviceaccount robot");
    space.ok("create role reader --verb=get,list --resource=pods");
    space.ok(&format!(
        "create rolebinding robot --role=reader --serviceaccount={}:robot",
        space.name
    ));
    let robot = format!("--as=system:serviceaccount:{}:robot", space.name);
    assert_eq!(space.ok(&format!("auth can-i list pods {robot}")), "yes\n");
    space.fails(&format!("auth can-i delete pods {robot}"));
    let viewer = |line: &str| space.cluster.command("viewer").args(words(line)).output(None);
    let refused = failed("a write", viewer(&format!("create configmap a -n {}", space.name)));
    has_all(&refused, &["is forbidden", "User \"viewer\" cannot create resource \"configmaps\""]);
    let token = space.ok("create token robot");
    let who = succeeded("whoami", viewer(&format!("auth whoami --token={}", token.trim())));
    has_all(&who, &[&format!("system:serviceaccount:{}:robot", space.name)]);
}
