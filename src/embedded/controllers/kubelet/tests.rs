use super::*;
use crate::{
    embedded::controllers::{
        condition,
        testing::{World, at_second},
    },
    object::ObjectId,
};

fn id() -> ObjectId {
    ObjectId::new("", "Pod", "shop", "web")
}

fn pod(behaviour: &str, image: &str, policy: &str) -> Value {
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"restartPolicy": policy, "containers": [{"name": "web", "image": image}]},
    });
    if !behaviour.is_empty() {
        meta::set_annotation(&mut pod, BEHAVIOUR, behaviour);
    }
    pod
}

fn world(behaviour: &str, image: &str, policy: &str) -> World {
    let mut world = World::new();
    world.create(pod(behaviour, image, policy));
    world
}

fn waits_for(world: &World) -> String {
    let pod = world.get(&id());
    text(&pod, "/status/containerStatuses/0/state/waiting/reason").to_owned()
}

fn reasons(world: &World) -> Vec<String> {
    let mut events = world.all("Event");
    events.sort_by_key(|event| meta::name(event).to_owned());
    events.iter().map(|event| text(event, "/reason").to_owned()).collect()
}

#[test]
fn a_pod_gets_a_node_and_an_address_and_becomes_ready() {
    let mut world = world("", "web:1", "Always");
    world.calm();
    assert_eq!(waits_for(&world), "ContainerCreating");
    world.settle();
    let pod = world.get(&id());
    assert_eq!(pod["spec"]["nodeName"], "embedded");
    assert_eq!(pod["status"]["phase"], "Running");
    assert_eq!(pod["status"]["podIP"], "10.64.0.1");
    assert_eq!(pod["status"]["hostIP"], node::ADDRESS);
    assert!(is_ready(&pod));
    let status = &pod["status"]["containerStatuses"][0];
    assert_eq!((&status["ready"], &status["restartCount"]), (&json!(true), &json!(0)));
    assert_eq!(reasons(&world), ["Scheduled", "Pulling", "Pulled", "Created", "Started"]);
}

#[test]
fn a_pod_behaves_as_its_annotation_or_its_image_says() {
    let table = [
        ("", "web:1", "Running", "True", ""),
        ("image-pull", "web:1", "Pending", "False", "ImagePullBackOff"),
        ("", "registry:5000/web:2-broken", "Pending", "False", "ImagePullBackOff"),
        ("ready", "web:broken", "Running", "True", ""),
        // A part of the repository's name is no tag.
        ("", "broken:5000/web", "Running", "True", ""),
        ("", "crash/web", "Running", "True", ""),
        ("crash", "web:1", "Running", "False", "CrashLoopBackOff"),
        ("", "web:1-crash", "Running", "False", "CrashLoopBackOff"),
        ("never-ready", "web:1", "Running", "False", ""),
        ("fail", "web:1", "Failed", "False", ""),
        ("slow", "web:1", "Running", "True", ""),
    ];
    for (behaviour, image, phase, ready, waiting) in table {
        let mut world = world(behaviour, image, "Always");
        world.pass(8);
        let pod = world.get(&id());
        let is = condition::find(&pod["status"], "Ready").map(|ready| text(ready, "/status"));
        assert_eq!(
            (text(&pod, "/status/phase"), is, waits_for(&world).as_str()),
            (phase, Some(ready), waiting),
            "{behaviour:?} {image}"
        );
    }
}

#[test]
fn an_image_that_can_not_be_had_fails_first_and_is_waited_for_then() {
    let mut world = world("image-pull", "web:1", "Always");
    world.until("the failure", |world| waits_for(world) == "ErrImagePull");
    world.until("the wait", |world| waits_for(world) == "ImagePullBackOff");
    let told = reasons(&world);
    assert!(
        told.contains(&"BackOff".to_owned()) && told.contains(&"Failed".to_owned()),
        "{told:?}"
    );
}

#[test]
fn a_container_that_crashes_is_started_again_later_and_later() {
    let mut world = world("crash", "web:1", "Always");
    let restarts =
        |world: &World| count(&world.get(&id()), "/status/containerStatuses/0/restartCount");
    world.until("the first crash", |world| waits_for(world) == "CrashLoopBackOff");
    assert_eq!(restarts(&world), 1);
    let pod = world.get(&id());
    let last = &pod["status"]["containerStatuses"][0]["lastState"]["terminated"];
    assert_eq!((&last["exitCode"], &last["reason"]), (&json!(1), &json!("Error")));
    world.pass(8);
    assert_eq!(restarts(&world), 1);
    world.pass(4);
    assert_eq!(restarts(&world), 2);
    world.pass(120);
    assert!((3..=5).contains(&restarts(&world)), "{}", restarts(&world));
}

#[test]
fn a_slow_pod_is_ready_after_three_seconds_and_a_probed_one_after_its_delay() {
    let mut world = world("slow", "web:1", "Always");
    world.until("it runs", |world| phase(&world.get(&id())) == "Running");
    world.pass(2);
    assert!(!is_ready(&world.get(&id())));
    world.pass(2);
    assert!(is_ready(&world.get(&id())));

    for (delay_s, ready) in [(2, true), (4, false), (3600, false)] {
        let mut world = World::new();
        let mut probed = pod("", "web:1", "Always");
        probed["spec"]["containers"][0]["readinessProbe"] = json!({"initialDelaySeconds": delay_s});
        world.create(probed);
        world.pass(3);
        assert_eq!(is_ready(&world.get(&id())), ready, "{delay_s} s");
        world.pass(4);
        assert!(is_ready(&world.get(&id())), "the delay is bounded");
    }
}

#[test]
fn a_pod_that_is_not_to_be_started_again_ends_unless_it_shall_run() {
    for (behaviour, wanted) in
        [("", "Succeeded"), ("slow", "Succeeded"), ("run", "Running"), ("fail", "Failed")]
    {
        let mut world = world(behaviour, "web:1", "OnFailure");
        world.settle();
        assert_eq!(phase(&world.get(&id())), wanted, "{behaviour:?}");
    }
    let mut world = world("", "web:crash", "Never");
    world.settle();
    assert_eq!(phase(&world.get(&id())), "Failed");
}

#[test]
fn a_pod_follows_a_change_of_its_annotation() {
    let mut world = world("", "web:1", "Always");
    world.settle();
    for (behaviour, waiting, ready) in [
        ("crash", "CrashLoopBackOff", false),
        ("image-pull", "ImagePullBackOff", false),
        ("ready", "", true),
        ("never-ready", "", false),
        ("run", "", true),
    ] {
        world.edit(&id(), |pod| meta::set_annotation(pod, BEHAVIOUR, behaviour));
        world.pass(2);
        assert_eq!(
            (waits_for(&world).as_str(), is_ready(&world.get(&id()))),
            (waiting, ready),
            "{behaviour}"
        );
    }
}

#[test]
fn a_deleted_pod_is_gone_after_a_moment() {
    let mut world = world("", "web:1", "Always");
    world.settle();
    world.delete(&id(), None);
    world.calm();
    assert!(meta::is_terminating(&world.get(&id())));
    world.pass(1);
    assert_eq!(world.get(&id()), Value::Null);
    assert!(reasons(&world).contains(&"Killing".to_owned()));
}

#[test]
fn a_pod_without_a_fitting_node_or_its_volume_waits() {
    let mut world = World::new();
    let mut picky = pod("", "web:1", "Always");
    picky["spec"]["nodeSelector"] = json!({"disk": "fast"});
    picky["spec"]["volumes"] =
        json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]);
    world.create(picky);
    world.settle();
    let scheduled = |world: &World| {
        let pod = world.get(&id());
        let condition = condition::find(at(&pod, "/status"), "PodScheduled").cloned();
        condition.map(|one| text(&one, "/reason").to_owned()).unwrap_or_default()
    };
    assert_eq!(scheduled(&world), "Unschedulable");
    let node = node::id();
    world.edit(&node, |node| node["metadata"]["labels"]["disk"] = json!("fast"));
    world.settle();
    assert_eq!(scheduled(&world), "Unschedulable");
    world.create(json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": "shop"},
        "spec": {
            "storageClassName": "embedded", "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }));
    world.settle();
    assert!(is_ready(&world.get(&id())));
}

#[test]
fn containers_that_begin_the_pod_are_done_and_those_beside_it_run() {
    let mut world = World::new();
    let mut pod = pod("", "web:1", "Always");
    pod["spec"]["initContainers"] = json!([
        {"name": "setup", "image": "setup:1"},
        {"name": "proxy", "image": "proxy:1", "restartPolicy": "Always"},
    ]);
    pod["spec"]["readinessGates"] = json!([{"conditionType": "example.com/gate"}]);
    world.create(pod);
    world.settle();
    let pod = world.get(&id());
    let first = list(&pod, "/status/initContainerStatuses");
    assert_eq!(first[0]["state"]["terminated"]["reason"], "Completed");
    assert!(first[1]["state"]["running"].is_object());
    assert!(condition::holds(&pod["status"], "example.com/gate"));
}

#[test]
fn a_stage_is_read_from_what_the_report_of_it_says() {
    let mut object = pod("", "web:1", "Always");
    object["metadata"]["uid"] = json!("u");
    assert_eq!(Stage::of(&object), Stage::Unbound);
    object["spec"]["nodeName"] = json!(node::NAME);
    assert_eq!(Stage::of(&object), Stage::Bound);
    let report = Report { pod: &object, address: "10.64.0.1", now: at_second(1) };
    for (containers, stage) in [
        (Containers::Creating, Stage::Creating),
        (Containers::PullFailed, Stage::PullFailed),
        (Containers::PullWaits, Stage::PullWaits),
        (Containers::Running { ready: false, restarts: 2 }, Stage::Running),
        (Containers::Running { ready: true, restarts: 0 }, Stage::Ready),
        (Containers::Crashed { restarts: 3 }, Stage::Crashed(3)),
        (Containers::Ended { code: 0 }, Stage::Ended),
        (Containers::Ended { code: 1 }, Stage::Ended),
    ] {
        let actions = report.write(&containers);
        let Some(Action::UpdateStatus(written)) = actions.first() else { panic!("{actions:?}") };
        assert_eq!(Stage::of(written), stage);
    }
}
