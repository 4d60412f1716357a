use serde_json::json;

use super::*;

const CONTAINER: &str = "{.spec.template.spec.containers[0]";

#[test]
fn a_client_side_apply_changes_what_changed_and_removes_what_is_gone() {
    let Some(space) = Space::begin("client") else { return };
    let one = web(1, "web:1");
    assert_eq!(
        space.feed("apply -f -", &one),
        "deployment.apps/web created\nservice/web created\n"
    );
    let told = space.feed("apply -f -", &one);
    assert_eq!(told, "deployment.apps/web unchanged\nservice/web unchanged\n");
    let two = one.replace("web:1", "web:2").replace(", tier: front", "").replace("'2'", "'3'");
    let difference = space.command("diff -f -").output(Some(&two)).expect("kubectl is executable");
    assert_eq!(difference.status.code(), Some(1), "{}", difference.stderr);
    has_all(
        &difference.stdout,
        &["-    tier: front", "+        image: web:2", "+          value: \"3\""],
    );
    assert!(!difference.stdout.contains("clusterIP"), "{}", difference.stdout);
    has_all(&space.feed("apply -f -", &two), &["deployment.apps/web configured"]);
    let live = space.json("get deployment web");
    assert_eq!(live["metadata"]["labels"], json!({"app": "web"}));
    let env = &live["spec"]["template"]["spec"]["containers"][0]["env"];
    assert_eq!(env, &json!([{"name": "A", "value": "1"}, {"name": "B", "value": "3"}]));
    let bare: String =
        two.lines().filter(|line| !line.contains("env:")).collect::<Vec<_>>().join("\n");
    space.feed("apply -f -", &bare);
    assert_eq!(space.ok(&format!("get deployment web -o jsonpath={CONTAINER}.env}}")), "");
    has_all(&space.ok("apply view-last-applied deployment/web"), &["image: web:2"]);
    // What others changed and the file does not name stays.
    space.ok("label deployment web mine=yes");
    has_all(&space.feed("apply -f -", &bare), &["deployment.apps/web unchanged"]);
    assert_eq!(space.json("get deployment web")["metadata"]["labels"]["mine"], "yes");
}

#[test]
fn a_server_side_apply_finds_conflicts_and_forces_them() {
    let Some(space) = Space::begin("server") else { return };
    let one = web(1, "web:1");
    let told = space.feed("apply --server-side -f -", &one);
    assert_eq!(told, "deployment.apps/web serverside-applied\nservice/web serverside-applied\n");
    space.feed("apply --server-side --field-manager=other -f -", &one);
    let two = web(1, "web:2");
    let refused = space.fails_fed("apply --server-side --field-manager=other -f -", &two);
    has_all(
        &refused,
        &[
            "Apply failed with 1 conflict: conflict with \"kubectl\"",
            ".spec.template.spec.containers[name=\"web\"].image",
            "--force-conflicts",
        ],
    );
    space.feed("apply --server-side --field-manager=other --force-conflicts -f -", &two);
    let image = format!("get deployment web -o jsonpath={CONTAINER}.image}}");
    assert_eq!(space.ok(&image), "web:2");
    let refused = space.fails_fed("apply --server-side -f -", &one);
    has_all(&refused, &["conflict with \"other\""]);
    // A field that both leave out is gone, one that the other still names is not.
    let without = |text: &str| text.replace(", tier: front", "");
    space.feed("apply --server-side --force-conflicts -f -", &without(&one));
    assert_eq!(space.json("get deployment web")["metadata"]["labels"]["tier"], "front");
    space.feed("apply --server-side --field-manager=other --force-conflicts -f -", &without(&one));
    assert_eq!(space.json("get deployment web")["metadata"]["labels"], json!({"app": "web"}));
}

#[test]
fn a_server_side_apply_takes_over_from_a_client_side_one() {
    let Some(space) = Space::begin("migrate") else { return };
    space.feed("apply -f -", &web(1, "web:1"));
    let told = space.feed("apply --server-side -f -", &web(1, "web:2"));
    has_all(&told, &["deployment.apps/web serverside-applied"]);
    let managers = |space: &Space| -> Vec<String> {
        let live: Value =
            serde_json::from_str(&space.ok("get deployment web -o json --show-managed-fields"))
                .expect("it is JSON");
        let entries = live["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
        let names = entries.iter().map(|entry| entry["manager"].as_str().unwrap_or_default());
        names.map(str::to_owned).collect()
    };
    assert!(!managers(&space).contains(&"kubectl-client-side-apply".to_owned()));
    // A field that only the client-side apply had can be removed.
    let without = web(1, "web:2").replace(", tier: front", "");
    space.feed("apply --server-side -f -", &without);
    assert_eq!(space.json("get deployment web")["metadata"]["labels"], json!({"app": "web"}));
}

#[test]
fn what_is_no_longer_in_the_files_is_pruned() {
    let Some(space) = Space::begin("prune") else { return };
    let map = |name: &str| {
        let metadata = json!({"name": name, "labels": {"set": "one"}});
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}).to_string()
    };
    space.feed("apply -f -", &format!("{}\n---\n{}\n", map("a"), map("b")));
    let told =
        space.feed("apply --prune -l set=one --prune-allowlist=core/v1/ConfigMap -f -", &map("a"));
    has_all(&told, &["configmap/a unchanged", "configmap/b pruned"]);
    assert_eq!(space.ok("get configmaps -l set=one -o name"), "configmap/a\n");
}

#[test]
fn mistakes_are_told_as_kubectl_tells_them() {
    let Some(space) = Space::begin("mistakes") else { return };
    let wrong = web(1, "web:1").replace("image:", "imag:");
    let refused = space.fails_fed("apply -f -", &wrong);
    has_all(
        &refused,
        &[
            "BadRequest",
            "strict decoding error: unknown field \"spec.template.spec.containers[0].imag\"",
        ],
    );
    let output = space.command("apply --validate=warn -f -").output(Some(&wrong)).expect("it runs");
    has_all(
        &output.stderr,
        &[
            "unknown field \"spec.template.spec.containers[0].imag\"",
            "spec.template.spec.containers[0].image: Required value",
        ],
    );
    let refused =
        space.fails_fed("apply -f -", &web(1, "web:1").replace("replicas: 1", "replicas: one"));
    has_all(
        &refused,
        &[
            "Deployment in version \"v1\" cannot be handled as a Deployment",
            "DeploymentSpec.spec.replicas of type int32",
        ],
    );
    let refused = space
        .fails_fed("apply -f -", &web(1, "web:1").replace("kind: Deployment", "kind: Deploymint"));
    has_all(&refused, &["no matches for kind \"Deploymint\" in version \"apps/v1\""]);
    space.feed("apply -f -", &web(1, "web:1"));
    // A patch is shown without what its merge takes out of it.
    let refused = space.fails_fed("apply -f -", &wrong);
    has_all(
        &refused,
        &["The request is invalid: patch: Invalid value: \"map[metadata:map[annotations:map["],
    );
    has_all(&refused, &["spec:map[template:map[spec:map[]]]", "unknown field"]);
    let refused = space.fails_fed(
        "apply -f -",
        &web(1, "web:1").replace("matchLabels: {app: web}", "matchLabels: {app: other}"),
    );
    has_all(&refused, &["The Deployment \"web\" is invalid", "selector"]);
}
