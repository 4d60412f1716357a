use super::*;

#[test]
fn a_rollout_goes_on_back_and_on_again() {
    let Some(space) = Space::begin("rollout") else { return };
    space.deployed(3);
    let image = "get deployment web -o jsonpath={.spec.template.spec.containers[0].image}";
    assert_eq!(
        space.ok("set image deployment/web web=web:2"),
        "deployment.apps/web image updated\n"
    );
    let told = space.ok("rollout status deployment/web --timeout=60s");
    has_all(&told, &["deployment \"web\" successfully rolled out"]);
    let history = table(&space.ok("rollout history deployment/web"));
    assert_eq!(history[1..], [["REVISION", "CHANGE-CAUSE"], ["1", "<none>"], ["2", "<none>"]]);
    let second = space.ok("rollout history deployment/web --revision=2");
    has_all(&second, &["with revision #2", "Image:\tweb:2"]);
    assert_eq!(space.ok("rollout undo deployment/web"), "deployment.apps/web rolled back\n");
    space.ok("rollout status deployment/web --timeout=60s");
    assert_eq!(space.ok(image), "web:1");
    let history = table(&space.ok("rollout history deployment/web"));
    assert_eq!(history[2..], [["2", "<none>"], ["3", "<none>"]]);
    space.ok("rollout undo deployment/web --to-revision=2");
    space.ok("rollout status deployment/web --timeout=60s");
    assert_eq!(space.ok(image), "web:2");
    has_all(
        &space.fails("rollout undo deployment/web --to-revision=9"),
        &["unable to find specified revision 9"],
    );
    // All pods are of the last template.
    let pods = space.ok("get pods -l app=web -o jsonpath={.items[*].spec.containers[0].image}");
    assert!(pods.split_whitespace().filter(|image| *image == "web:2").count() >= 3, "{pods}");
    let before = space.ok("get pods -l app=web -o name");
    assert_eq!(space.ok("rollout restart deployment/web"), "deployment.apps/web restarted\n");
    space.ok("rollout status deployment/web --timeout=60s");
    let after = space.ok("get pods -l app=web --field-selector=status.phase=Running -o name");
    assert!(after.lines().any(|pod| !before.contains(pod)), "{before} {after}");
}

#[test]
fn a_paused_rollout_waits() {
    let Some(space) = Space::begin("pause") else { return };
    space.deployed(1);
    assert_eq!(space.ok("rollout pause deployment/web"), "deployment.apps/web paused\n");
    has_all(&space.fails("rollout pause deployment/web"), &["is already paused"]);
    space.ok("set image deployment/web web=web:2");
    let waiting = space.fails("rollout status deployment/web --timeout=2s");
    has_all(&waiting, &["timed out waiting for the condition"]);
    assert_eq!(space.json("get replicasets")["items"].as_array().map(Vec::len), Some(1));
    space.ok("rollout resume deployment/web");
    space.ok("rollout status deployment/web --timeout=60s");
    assert_eq!(space.json("get replicasets")["items"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_broken_image_stops_a_rollout_and_undo_ends_it() {
    let Some(space) = Space::begin("broken") else { return };
    space.deployed(2);
    space.ok("set image deployment/web web=web:3-broken");
    eventually_blocking(LIMIT, "a pod without its image", || {
        space.ok("get pods").contains("ImagePullBackOff").then_some(())
    });
    has_all(&space.fails("rollout status deployment/web --timeout=1s"), &["timed out"]);
    let rows = table(&space.ok("get deployment web"));
    assert_eq!(rows[1][1], "2/2", "the old pods stay: {rows:?}");
    has_all(&space.ok("events"), &["Failed to pull image \"web:3-broken\"", "BackOff"]);
    space.ok("rollout undo deployment/web");
    space.ok("rollout status deployment/web --timeout=60s");
    space.ok("run crash --image=web:crash");
    eventually_blocking(LIMIT, "a crash", || {
        space.ok("get pod crash").contains("CrashLoopBackOff").then_some(())
    });
}

#[test]
fn sets_of_both_kinds_roll_out() {
    let Some(space) = Space::begin("sets") else { return };
    for kind in ["StatefulSet", "DaemonSet"] {
        let mut set = web(2, "web:1").replace("kind: Deployment", &format!("kind: {kind}"));
        if kind == "DaemonSet" {
            set = set.replace("  replicas: 2\n", "").replace("app: web", "app: daemon");
        }
        space.feed("apply -f -", &set);
        let name = format!("{}/web", kind.to_lowercase());
        space.ok(&format!("rollout status {name} --timeout=60s"));
        space.ok(&format!("set image {name} web=web:2"));
        space.ok(&format!("rollout status {name} --timeout=60s"));
        let history = table(&space.ok(&format!("rollout history {name}")));
        assert_eq!(history.len(), 4, "{history:?}");
        space.ok(&format!("rollout undo {name}"));
        space.ok(&format!("rollout status {name} --timeout=60s"));
        let image = "-o jsonpath={.spec.template.spec.containers[0].image}";
        assert_eq!(space.ok(&format!("get {name} {image}")), "web:1");
    }
    let pods = space.ok("get pods -o name");
    has_all(&pods, &["pod/web-0\n", "pod/web-1\n"]);
}
