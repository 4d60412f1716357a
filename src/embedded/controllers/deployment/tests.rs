use std::{cell::RefCell, rc::Rc};

use proptest::prelude::*;

use super::*;
use crate::{
    embedded::controllers::{
        condition,
        read::list,
        testing::{World, at_second},
    },
    object::ObjectId,
};

fn id() -> ObjectId {
    ObjectId::new("apps", "Deployment", "shop", "web")
}

fn web(replicas: i64, image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "annotations": {"team": "a"}},
        "spec": {
            "replicas": replicas, "progressDeadlineSeconds": 600, "revisionHistoryLimit": 10,
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
            },
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": image}]},
            },
        },
    })
}

fn set_image(world: &mut World, image: &str) {
    world.edit(&id(), |web| {
        web["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
    });
}

fn progress(world: &World) -> String {
    condition::reason(&world.get(&id())["status"], "Progressing").to_owned()
}

fn is_rolled_out(world: &World) -> bool {
    let web = world.get(&id());
    let wanted = count(&web, "/spec/replicas");
    let status = |key: &str| count(&web, &format!("/status/{key}"));
    status("observedGeneration") == meta::generation(&web)
        && [status("updatedReplicas"), status("replicas"), status("availableReplicas")]
            == [wanted; 3]
}

fn events(world: &World) -> Vec<String> {
    let mut events = world.all("Event");
    events.retain(|event| event["reason"] == "ScalingReplicaSet");
    events.sort_by_key(|event| text(event, "/metadata/name").to_owned());
    events.iter().map(|event| text(event, "/message").to_owned()).collect()
}

#[test]
fn a_deployment_rolls_out_with_the_conditions_that_kubectl_reads() {
    let mut world = World::new();
    let reasons = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&reasons);
    world.watch(move |objects| {
        for web in objects.all("Deployment") {
            let reason = condition::reason(at(&web, "/status"), "Progressing").to_owned();
            if seen.borrow().last() != Some(&reason) {
                seen.borrow_mut().push(reason);
            }
        }
    });
    world.create(web(3, "web:1"));
    world.settle();
    assert!(is_rolled_out(&world));
    let web = world.get(&id());
    assert_eq!(
        *reasons.borrow(),
        ["NewReplicaSetCreated", "ReplicaSetUpdated", "NewReplicaSetAvailable"]
    );
    let available = condition::find(&web["status"], "Available").unwrap();
    assert_eq!(available["reason"], "MinimumReplicasAvailable");
    assert_eq!(meta::annotation(&web, "deployment.kubernetes.io/revision"), Some("1"));
    assert_eq!(web["status"]["unavailableReplicas"], Value::Null);
    let sets = world.all("ReplicaSet");
    let [set] = sets.as_slice() else { panic!("{sets:?}") };
    let hash = meta::label(set, "pod-template-hash").unwrap();
    assert_eq!(meta::name(set), format!("web-{hash}"));
    assert_eq!(set["spec"]["selector"]["matchLabels"]["pod-template-hash"], hash);
    assert_eq!(meta::annotation(set, "team"), Some("a"));
    assert_eq!(meta::annotation(set, limits::DESIRED), Some("3"));
    assert_eq!(meta::annotation(set, limits::MAXIMUM), Some("4"));
    assert!(world.all("Pod").iter().all(|pod| meta::label(pod, "pod-template-hash") == Some(hash)));
}

#[test]
fn a_rollout_that_went_back_has_the_highest_number_and_remembers_its_first() {
    let mut world = World::new();
    world.create(web(2, "web:1"));
    for image in ["web:2", "web:1"] {
        world.until("the rollout", is_rolled_out);
        set_image(&mut world, image);
    }
    world.settle();
    let mut revisions: Vec<(String, String)> = world
        .all("ReplicaSet")
        .iter()
        .map(|set| {
            let note = |key| meta::annotation(set, key).unwrap_or_default().to_owned();
            (note(revision::REVISION), note("deployment.kubernetes.io/revision-history"))
        })
        .collect();
    revisions.sort();
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(revisions, [pair("2", ""), pair("3", "1")]);
    let web = world.get(&id());
    assert_eq!(meta::annotation(&web, revision::REVISION), Some("3"));
}

#[test]
fn old_replica_sets_beyond_the_limit_go() {
    let mut world = World::new();
    let mut web = web(1, "web:0");
    web["spec"]["revisionHistoryLimit"] = json!(2);
    world.create(web);
    for number in 1..6 {
        world.until("the rollout", is_rolled_out);
        set_image(&mut world, &format!("web:{number}"));
    }
    world.settle();
    assert_eq!(world.all("ReplicaSet").len(), 3);
    assert_eq!(world.all("Pod").len(), 1);
}

#[test]
fn a_broken_image_stops_the_rollout_and_runs_into_the_deadline() {
    let mut world = World::new();
    let mut web = web(4, "web:1");
    web["spec"]["progressDeadlineSeconds"] = json!(30);
    world.create(web);
    world.settle();
    set_image(&mut world, "web:2-broken");
    world.pass(20);
    assert_eq!(progress(&world), "ReplicaSetUpdated");
    world.pass(30);
    assert_eq!(progress(&world), "ProgressDeadlineExceeded");
    let web = world.get(&id());
    assert_eq!(web["status"]["updatedReplicas"], 2);
    assert_eq!(web["status"]["availableReplicas"], 3);
    assert!(condition::holds(&web["status"], "Available"));
    set_image(&mut world, "web:1");
    world.settle();
    assert!(is_rolled_out(&world));
    assert_eq!(progress(&world), "NewReplicaSetAvailable");
}

#[test]
fn recreate_never_runs_both() {
    let mut world = World::new();
    let mut web = web(3, "web:1");
    web["spec"]["strategy"] = json!({"type": "Recreate"});
    world.create(web);
    world.settle();
    world.watch(|objects| {
        let pods = objects.all("Pod");
        let images: std::collections::BTreeSet<&str> =
            pods.iter().map(|pod| text(pod, "/spec/containers/0/image")).collect();
        assert!(images.len() <= 1, "{images:?}");
    });
    set_image(&mut world, "web:2");
    world.settle();
    assert!(is_rolled_out(&world));
}

#[test]
fn a_paused_deployment_scales_and_does_not_roll() {
    let mut world = World::new();
    world.create(web(2, "web:1"));
    world.settle();
    world.edit(&id(), |web| web["spec"]["paused"] = json!(true));
    set_image(&mut world, "web:2");
    world.edit(&id(), |web| web["spec"]["replicas"] = json!(4));
    world.settle();
    assert_eq!(progress(&world), "DeploymentPaused");
    assert_eq!(world.all("ReplicaSet").len(), 1);
    assert_eq!(world.all("Pod").len(), 4);
    world.edit(&id(), |web| web["spec"]["paused"] = json!(false));
    world.settle();
    assert!(is_rolled_out(&world));
}

#[test]
fn scaling_in_the_middle_of_a_rollout_is_proportional() {
    // The example of the documentation: 10 replicas, surge 3, unavailable 2, stuck at 8 and 5,
    // scaled to 15.
    let mut deployment = web(15, "web:2");
    deployment["spec"]["strategy"]["rollingUpdate"] = json!({"maxSurge": 3, "maxUnavailable": 2});
    deployment["metadata"]["uid"] = json!("d");
    let set = |name: &str, image: &str, size: i64, available: i64, second: i64| {
        let mut pods = template::of(&web(1, image)).clone();
        super::super::read::set_label(&mut pods, "pod-template-hash", name);
        json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {
                "name": name, "namespace": "shop", "uid": name,
                "labels": pods["metadata"]["labels"],
                "creationTimestamp": at_second(second).to_string(),
                "annotations": {limits::DESIRED: "10", limits::MAXIMUM: "13"},
                "ownerReferences": [{"uid": "d", "controller": true}],
            },
            "spec": {"replicas": size, "template": pods},
            "status": {"replicas": size, "availableReplicas": available},
        })
    };
    let sets = [set("old", "web:1", 8, 8, 0), set("new", "web:2", 5, 0, 9)];
    let sizes: Vec<(String, i64)> = reconcile(&deployment, &sets, &[], at_second(20))
        .into_iter()
        .filter_map(|action| match action {
            Action::Update(set) => {
                Some((meta::name(&set).to_owned(), count(&set, "/spec/replicas")))
            }
            _ => None,
        })
        .collect();
    assert_eq!(sizes, [("old".to_owned(), 11), ("new".to_owned(), 7)]);
}

#[test]
fn what_is_scaled_is_told() {
    let mut world = World::new();
    world.create(web(2, "web:1"));
    world.settle();
    world.edit(&id(), |web| web["spec"]["replicas"] = json!(3));
    world.settle();
    let told = events(&world);
    assert!(told[0].starts_with("Scaled up replica set web-") && told[0].ends_with("from 0 to 2"));
    assert!(told[1].ends_with("from 2 to 3"), "{told:?}");
    assert_eq!(told.len(), 2);
}

#[test]
fn pods_that_can_not_be_made_are_a_failure_of_the_deployment() {
    let mut world = World::new();
    world.refuse(Some("Pod"));
    world.create(web(1, "web:1"));
    world.pass(5);
    let web = world.get(&id());
    let failure = condition::find(&web["status"], "ReplicaFailure").unwrap();
    assert_eq!(failure["reason"], "FailedCreate");
    assert_eq!(failure["message"], "forbidden: exceeded quota");
    world.refuse(None);
    world.settle();
    assert!(is_rolled_out(&world));
    assert!(condition::find(&world.get(&id())["status"], "ReplicaFailure").is_none());
}

#[test]
fn orphaned_replica_sets_are_adopted() {
    let mut world = World::new();
    world.create(web(2, "web:1"));
    world.settle();
    world.delete(&id(), Some("orphan"));
    world.settle();
    let sets = world.all("ReplicaSet");
    assert_eq!(sets.len(), 1);
    assert_eq!(list(&sets[0], "/metadata/ownerReferences"), [] as [Value; 0]);
    world.create(web(2, "web:1"));
    world.settle();
    assert_eq!(world.all("ReplicaSet").len(), 1);
    assert!(is_rolled_out(&world));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_rollout_keeps_within_its_limits_and_ends(
        replicas in 1_i64..9,
        surge in prop_oneof![(0_i64..4).prop_map(|n| json!(n)), (0..=100).prop_map(|n| json!(format!("{n}%")))],
        unavailable in prop_oneof![(0_i64..4).prop_map(|n| json!(n)), (0..=100).prop_map(|n| json!(format!("{n}%")))],
        ready_s in 0_i64..3,
        images in prop::collection::vec(0..4, 1..4),
        pauses_s in prop::collection::vec(0_i64..3, 4),
    ) {
        let mut world = World::new();
        let mut deployment = web(replicas, "web:start");
        deployment["spec"]["strategy"]["rollingUpdate"] =
            json!({"maxSurge": surge, "maxUnavailable": unavailable});
        deployment["spec"]["minReadySeconds"] = json!(ready_s);
        let limits = Limits::of(&deployment);
        world.create(deployment);
        world.until("the first rollout", is_rolled_out);
        world.settle();
        let worst = Rc::new(RefCell::new((i64::MAX, 0_i64)));
        let seen = Rc::clone(&worst);
        world.watch(move |objects| {
            let sets = objects.all("ReplicaSet");
            let wanted: i64 = sets.iter().map(|set| count(set, "/spec/replicas")).sum();
            let pods = objects.all("Pod");
            let alive = pods.iter().filter(|pod| pods::is_active(pod) && pods::is_ready(pod));
            let alive = i64::try_from(alive.count()).unwrap();
            let mut worst = seen.borrow_mut();
            *worst = (worst.0.min(alive), worst.1.max(wanted));
        });
        for (image, pause_s) in images.iter().zip(&pauses_s) {
            set_image(&mut world, &format!("web:{image}"));
            world.pass(*pause_s);
        }
        world.until("the last rollout", is_rolled_out);
        world.settle();
        let (fewest, most) = *worst.borrow();
        prop_assert!(fewest >= limits.minimum(), "{fewest} were ready, {} must be", limits.minimum());
        prop_assert!(most <= limits.maximum(), "{most} were wanted, {} may be", limits.maximum());
        prop_assert_eq!(world.all("Pod").len(), usize::try_from(replicas).unwrap());
        let writes = world.writes();
        world.edit(&id(), |web| meta::set_annotation(web, "seen", "again"));
        world.settle();
        // The edit, and its copy on the ReplicaSet.
        prop_assert!(world.writes() - writes <= 2, "{} writes", world.writes() - writes);
    }
}
