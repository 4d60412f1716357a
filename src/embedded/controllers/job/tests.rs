use proptest::prelude::*;
use serde_json::{Value, json};

use super::{TRACKED, is_finished};
use crate::{
    embedded::controllers::{
        condition, pods,
        read::{count, has_finalizer, list, text},
        testing::World,
    },
    object::{ObjectId, meta},
};

fn id() -> ObjectId {
    ObjectId::new("batch", "Job", "shop", "task")
}

fn job(spec: &Value, behaviour: &str) -> Value {
    let mut job = json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": "task", "namespace": "shop"},
        "spec": {"template": {
            "metadata": {"annotations": {}},
            "spec": {"restartPolicy": "Never", "containers": [{"name": "task", "image": "task:1"}]},
        }},
    });
    for (key, value) in spec.as_object().unwrap() {
        job["spec"][key] = value.clone();
    }
    if !behaviour.is_empty() {
        job["spec"]["template"]["metadata"]["annotations"] =
            json!({"test.steadfast.dev/pod": behaviour});
    }
    job
}

fn kinds(world: &World) -> Vec<String> {
    let job = world.get(&id());
    let conditions = list(&job, "/status/conditions").iter();
    conditions.map(|one| format!("{} {}", text(one, "/type"), text(one, "/status"))).collect()
}

#[test]
fn a_job_is_complete_when_its_pods_succeeded() {
    let mut world = World::new();
    world.create(job(&json!({"completions": 5, "parallelism": 2}), ""));
    world.watch(|objects| {
        let pods = objects.all("Pod");
        assert!(pods.iter().filter(|pod| pods::is_active(pod)).count() <= 2);
    });
    world.until("the end", |world| is_finished(&world.get(&id())));
    world.settle();
    assert_eq!(kinds(&world), ["SuccessCriteriaMet True", "Complete True"]);
    let job = world.get(&id());
    assert_eq!(job["status"]["succeeded"], 5);
    assert_eq!(count(&job, "/status/active"), 0);
    assert!(!text(&job, "/status/startTime").is_empty());
    assert!(!text(&job, "/status/completionTime").is_empty());
    assert_eq!(condition::reason(&job["status"], "Complete"), "CompletionsReached");
    assert!(world.all("Pod").iter().all(|pod| !has_finalizer(pod, TRACKED)));
    assert_eq!(world.all("Pod").len(), 5);
}

#[test]
fn a_job_fails_when_too_many_pods_failed() {
    for (limit, pods) in [(0, 1), (2, 3)] {
        let mut world = World::new();
        world.create(job(&json!({"backoffLimit": limit}), "fail"));
        world.until("the end", |world| is_finished(&world.get(&id())));
        world.settle();
        assert_eq!(kinds(&world), ["FailureTarget True", "Failed True"]);
        let job = world.get(&id());
        assert_eq!(condition::reason(&job["status"], "Failed"), "BackoffLimitExceeded");
        assert_eq!(job["status"]["failed"], pods);
        assert_eq!(world.all("Pod").len(), pods);
    }
}

#[test]
fn a_failed_pod_is_replaced_after_a_while_and_then_later() {
    let mut world = World::new();
    world.create(job(&json!({"backoffLimit": 6}), "fail"));
    let pods = |world: &World| world.all("Pod").len();
    world.pass(5);
    assert_eq!(pods(&world), 1);
    world.pass(10);
    assert_eq!(pods(&world), 2);
    world.pass(10);
    assert_eq!(pods(&world), 2);
    world.pass(15);
    assert_eq!(pods(&world), 3);
}

#[test]
fn a_job_that_runs_for_too_long_is_stopped() {
    let mut world = World::new();
    world.create(job(&json!({"activeDeadlineSeconds": 20}), "run"));
    world.pass(10);
    assert_eq!(world.get(&id())["status"]["active"], 1);
    assert_eq!(world.get(&id())["status"]["ready"], 1);
    world.pass(15);
    assert_eq!(condition::reason(&world.get(&id())["status"], "Failed"), "DeadlineExceeded");
    assert_eq!(world.all("Pod").len(), 0);
}

#[test]
fn a_suspended_job_has_no_pods_until_it_is_resumed() {
    let mut world = World::new();
    world.create(job(&json!({"suspend": true}), ""));
    world.settle();
    assert_eq!(kinds(&world), ["Suspended True"]);
    assert_eq!(world.all("Pod").len(), 0);
    world.edit(&id(), |job| job["spec"]["suspend"] = json!(false));
    world.settle();
    assert_eq!(kinds(&world), ["Suspended False", "SuccessCriteriaMet True", "Complete True"]);
}

#[test]
fn each_index_succeeds_once() {
    let mut world = World::new();
    let spec = json!({"completionMode": "Indexed", "completions": 4, "parallelism": 3});
    world.create(job(&spec, ""));
    world.until("the end", |world| is_finished(&world.get(&id())));
    world.settle();
    let job = world.get(&id());
    assert_eq!(job["status"]["completedIndexes"], "0-3");
    assert_eq!(job["status"]["succeeded"], 4);
    let mut hosts: Vec<String> =
        world.all("Pod").iter().map(|pod| text(pod, "/spec/hostname").to_owned()).collect();
    hosts.sort();
    assert_eq!(hosts, ["task-0", "task-1", "task-2", "task-3"]);
}

#[test]
fn a_finished_job_goes_when_its_time_is_over() {
    let mut world = World::new();
    world.create(job(&json!({"ttlSecondsAfterFinished": 30}), ""));
    world.pass(20);
    assert!(is_finished(&world.get(&id())));
    world.pass(20);
    assert_eq!(world.get(&id()), Value::Null);
    assert_eq!(world.all("Pod").len(), 0);
}

#[test]
fn a_deleted_job_takes_its_pods_along() {
    let mut world = World::new();
    world.create(job(&json!({"parallelism": 2, "completions": 2}), "run"));
    world.pass(5);
    assert_eq!(world.all("Pod").len(), 2);
    world.delete(&id(), None);
    world.settle();
    assert_eq!(world.all("Pod").len(), 0);
}

#[test]
fn restarts_in_place_count_as_failures() {
    let mut world = World::new();
    let mut crashing = job(&json!({"backoffLimit": 2}), "crash");
    crashing["spec"]["template"]["spec"]["restartPolicy"] = json!("OnFailure");
    world.create(crashing);
    world.settle();
    assert_eq!(condition::reason(&world.get(&id())["status"], "Failed"), "BackoffLimitExceeded");
    assert_eq!(world.all("Pod").len(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn no_pod_is_counted_twice_or_forgotten(
        completions in 1_i64..9, parallelism in 1_i64..5, deleted in 0_usize..3,
    ) {
        let mut world = World::new();
        world.create(job(&json!({"completions": completions, "parallelism": parallelism, "backoffLimit": 9}), ""));
        for _ in 0..deleted {
            world.until("a pod", |world| {
                world.all("Pod").iter().any(pods::is_active) || is_finished(&world.get(&id()))
            });
            let victim = world.all("Pod").into_iter().find(pods::is_active);
            if let Some(victim) = victim.as_ref().and_then(meta::id) {
                world.delete(&victim, None);
            }
        }
        world.until("the end", |world| is_finished(&world.get(&id())));
        world.settle();
        let job = world.get(&id());
        prop_assert_eq!(count(&job, "/status/succeeded"), completions);
        prop_assert!(count(&job, "/status/failed") <= i64::try_from(deleted).unwrap());
        prop_assert_eq!(kinds(&world), vec!["SuccessCriteriaMet True", "Complete True"]);
    }
}
