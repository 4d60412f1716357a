use super::*;

#[test]
fn an_object_is_patched_in_all_ways() {
    let Some(space) = Space::begin("patch") else { return };
    space.deployed(1);
    let spec = |space: &Space| space.json("get deployment web")["spec"].clone();
    let image = r#"{"spec":{"template":{"spec":{"containers":[{"name":"web","image":"web:3"}]}}}}"#;
    assert_eq!(
        space.ok(&format!("patch deployment web -p {image}")),
        "deployment.apps/web patched\n"
    );
    let container = spec(&space)["template"]["spec"]["containers"][0].clone();
    assert_eq!(container["image"], "web:3");
    assert_eq!(container["env"].as_array().map(Vec::len), Some(2), "merged by name: {container}");
    space.ok(r#"patch deployment web --type=merge -p {"spec":{"replicas":2}}"#);
    assert_eq!(spec(&space)["replicas"], 2);
    space.ok(r#"patch deployment web --type=json -p [{"op":"replace","path":"/spec/replicas","value":3}]"#);
    assert_eq!(spec(&space)["replicas"], 3);
    let told = space
        .ok(r#"patch deployment web --subresource=scale --type=merge -p {"spec":{"replicas":1}}"#);
    assert_eq!(told, "scale.autoscaling/web patched\n");
    assert_eq!(spec(&space)["replicas"], 1);
    let told = space.ok(r#"patch deployment web --type=merge -p {"spec":{"replicas":1}}"#);
    assert_eq!(told, "deployment.apps/web patched (no change)\n");
    let test = r#"[{"op":"test","path":"/spec/replicas","value":9}]"#;
    space.fails(&format!("patch deployment web --type=json -p {test}"));
}

#[test]
fn an_object_is_labelled_edited_and_replaced() {
    let Some(space) = Space::begin("edit") else { return };
    space.deployed(1);
    assert_eq!(space.ok("label deployment web a=b"), "deployment.apps/web labeled\n");
    has_all(&space.fails("label deployment web a=c"), &["already has a value (b)"]);
    space.ok("label deployment web a=c --overwrite");
    assert_eq!(space.ok("get deployments -l a=c -o name"), "deployment.apps/web\n");
    assert_eq!(space.ok("label deployment web a-"), "deployment.apps/web unlabeled\n");
    space.ok("annotate deployment web why=because");
    assert_eq!(space.json("get deployment web")["metadata"]["annotations"]["why"], "because");

    let edit = |script: &str| {
        let command = space.command("edit deployment web").env("KUBE_EDITOR", script);
        succeeded("edit", command.output(None))
    };
    assert_eq!(edit("sed -i s/replicas:.1/replicas:\\ 2/"), "deployment.apps/web edited\n");
    assert_eq!(space.json("get deployment web")["spec"]["replicas"], 2);
    assert_eq!(edit("true"), "");
    space.ok("set env deployment/web C=3");
    has_all(&space.ok("set env deployment/web --list"), &["A=1", "C=3"]);
    has_all(&space.feed("replace -f -", &web(1, "web:2")), &["deployment.apps/web replaced"]);
    assert_eq!(space.json("get deployment web")["spec"]["replicas"], 1);
    let uid = space.ok("get deployment web -o jsonpath={.metadata.uid}");
    space.feed("replace --force -f -", &web(1, "web:2"));
    assert_ne!(space.ok("get deployment web -o jsonpath={.metadata.uid}"), uid);
}

#[test]
fn a_workload_is_scaled_and_waited_for() {
    let Some(space) = Space::begin("scale") else { return };
    space.deployed(1);
    assert_eq!(space.ok("scale deployment web --replicas=3"), "deployment.apps/web scaled\n");
    let told =
        space.ok("wait --for=jsonpath={.status.readyReplicas}=3 deployment/web --timeout=60s");
    assert_eq!(told, "deployment.apps/web condition met\n");
    let refused = space.fails("scale deployment web --replicas=1 --current-replicas=7");
    has_all(&refused, &["Expected replicas to be 7, was 3"]);
    space.ok("wait --for=condition=Available deployment/web --timeout=60s");
    let refused = space.fails("wait --for=condition=Nonsense deployment/web --timeout=1s");
    has_all(&refused, &["timed out waiting for the condition on deployments/web"]);
    space.ok("autoscale deployment web --min=1 --max=5 --cpu=80%");
    // There are no metrics: an annotation says how many there shall be.
    space.ok("annotate hpa web embedded.steadfast.dev/replicas=5");
    space.ok("wait --for=jsonpath={.status.readyReplicas}=5 deployment/web --timeout=60s");
    let rows = table(&space.ok("get hpa"));
    assert_eq!(rows[0][..3], ["NAME", "REFERENCE", "TARGETS"]);
    has_all(&space.ok("describe hpa web"), &["AbleToScale", "SuccessfulRescale"]);
}

#[test]
fn dependants_go_with_their_owner_or_stay() {
    let Some(space) = Space::begin("delete") else { return };
    space.deployed(2);
    let gone = "wait --for=delete pod -l app=web --timeout=60s";
    let waiting = space.spawn(gone);
    assert!(space.ok("delete deployment web").starts_with("deployment.apps \"web\" deleted"));
    assert!(waiting.wait().success(), "{}", waiting.log());
    assert_eq!(space.ok("get pods,replicasets -o name"), "");

    space.deployed(2);
    space.ok("delete deployment web --cascade=foreground");
    assert_eq!(space.ok("get pods,replicasets -o name"), "", "the owner is the last to go");

    space.deployed(2);
    space.ok("delete deployment web --cascade=orphan");
    assert_eq!(space.ok("get pods -l app=web -o name").lines().count(), 2);
    let set = space.json("get replicasets");
    assert!(set["items"][0]["metadata"].get("ownerReferences").is_none(), "{set}");
    // A Deployment with this selector takes it back.
    space.deployed(2);
    assert_eq!(space.json("get replicasets")["items"].as_array().map(Vec::len), Some(1));
    space.ok("delete deployment,service,configmap --all");
    has_all(&space.fails("delete pod nope"), &["pods \"nope\" not found"]);
    space.ok("delete pod nope --ignore-not-found");
}

#[test]
fn a_namespace_goes_with_everything_in_it() {
    let Some(space) = Space::begin("gone") else { return };
    space.deployed(1);
    let name = &space.name;
    assert_eq!(
        space.ok(&format!("delete namespace {name}")),
        format!("namespace \"{name}\" deleted\n")
    );
    has_all(&space.fails(&format!("get namespace {name}")), &["(NotFound)"]);
    assert_eq!(space.ok("get all,configmaps,secrets -o name"), "");
    has_all(&space.fails("create configmap a"), &["not found"]);
}

#[test]
fn pods_are_evicted_within_their_budget() {
    let Some(space) = Space::begin("drain") else { return };
    space.deployed(2);
    space.ok("create poddisruptionbudget web --selector=app=web --min-available=2");
    space.ok("wait --for=jsonpath={.status.currentHealthy}=2 pdb/web --timeout=60s");
    let pod = space.ok("get pods -l app=web -o jsonpath={.items[0].metadata.name}");
    let path = format!("/api/v1/namespaces/{}/pods/{pod}/eviction", space.name);
    let eviction =
        format!(r#"{{"apiVersion":"policy/v1","kind":"Eviction","metadata":{{"name":"{pod}"}}}}"#);
    let evict = format!("create --raw {path} -f -");
    let refused = space.fails_fed(&evict, &eviction);
    has_all(&refused, &["Cannot evict pod as it would violate the pod's disruption budget."]);
    space.ok("scale deployment web --replicas=3");
    space.ok("wait --for=jsonpath={.status.disruptionsAllowed}=1 pdb/web --timeout=60s");
    has_all(&space.feed(&evict, &eviction), &["\"status\":\"Success\""]);
    space.ok(&format!("wait --for=delete pod/{pod} --timeout=60s"));
}
