use serde_json::{Value, json};

use crate::{
    embedded::controllers::{
        pods,
        read::{count, text},
        template::revision_of,
        testing::World,
    },
    object::{ObjectId, meta},
};

fn id() -> ObjectId {
    ObjectId::new("apps", "StatefulSet", "shop", "db")
}

fn db(replicas: i64, policy: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {"name": "db", "namespace": "shop"},
        "spec": {
            "replicas": replicas, "podManagementPolicy": policy, "serviceName": "db",
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
            "selector": {"matchLabels": {"app": "db"}},
            "template": {
                "metadata": {"labels": {"app": "db"}},
                "spec": {"containers": [{"name": "db", "image": "db:1"}]},
            },
            "volumeClaimTemplates": [{
                "metadata": {"name": "data"},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": "1Gi"}},
                },
            }],
        },
    })
}

fn ready(world: &World) -> i64 {
    count(&world.get(&id()), "/status/readyReplicas")
}

fn names(world: &World, kind: &str) -> Vec<String> {
    world.all(kind).iter().map(|object| meta::name(object).to_owned()).collect()
}

fn images(world: &World) -> Vec<String> {
    let pods = world.all("Pod");
    pods.iter().map(|pod| text(pod, "/spec/containers/0/image").to_owned()).collect()
}

#[test]
fn pods_start_in_order_and_each_has_its_volume() {
    let mut world = World::new();
    world.watch(|objects| {
        let pods = objects.all("Pod");
        let unready = pods.iter().filter(|pod| !pods::is_ready(pod)).count();
        assert!(unready <= 1, "one at a time");
    });
    world.create(db(3, "OrderedReady"));
    world.until("three ready pods", |world| ready(world) == 3);
    world.settle();
    assert_eq!(names(&world, "Pod"), ["db-0", "db-1", "db-2"]);
    let claims = world.all("PersistentVolumeClaim");
    assert_eq!(claims.len(), 3);
    assert!(claims.iter().all(|claim| claim["status"]["phase"] == "Bound"), "{claims:#?}");
    assert_eq!(names(&world, "PersistentVolumeClaim")[0], "data-db-0");
    let pod = &world.all("Pod")[1];
    assert_eq!(pod["spec"]["hostname"], "db-1");
    assert_eq!(pod["spec"]["subdomain"], "db");
    assert_eq!(pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"], "data-db-1");
    assert_eq!(meta::label(pod, "apps.kubernetes.io/pod-index"), Some("1"));
    let status = &world.get(&id())["status"];
    assert_eq!(status["currentRevision"], status["updateRevision"]);
    assert_eq!(status["currentReplicas"], 3);
    assert_eq!(revision_of(pod), status["updateRevision"]);
}

#[test]
fn pods_may_start_all_at_once() {
    let mut world = World::new();
    world.create(db(3, "Parallel"));
    world.until("three pods", |world| world.all("Pod").len() == 3);
    assert_eq!(ready(&world), 0);
    world.until("three ready pods", |world| ready(world) == 3);
}

#[test]
fn an_update_goes_from_the_last_to_the_partition() {
    let mut world = World::new();
    world.create(db(4, "OrderedReady"));
    world.until("four ready pods", |world| ready(world) == 4);
    world.settle();
    world.edit(&id(), |db| {
        db["spec"]["updateStrategy"]["rollingUpdate"]["partition"] = json!(2);
        db["spec"]["template"]["spec"]["containers"][0]["image"] = json!("db:2");
    });
    world.settle();
    assert_eq!(images(&world), ["db:1", "db:1", "db:2", "db:2"]);
    let status = world.get(&id())["status"].clone();
    assert_eq!(status["updatedReplicas"], 2);
    assert_ne!(status["currentRevision"], status["updateRevision"]);
    // A pod below the partition comes back as it was.
    world.delete(&ObjectId::new("", "Pod", "shop", "db-0"), None);
    world.settle();
    assert_eq!(images(&world)[0], "db:1");
    world.edit(&id(), |db| {
        db["spec"]["updateStrategy"]["rollingUpdate"]["partition"] = json!(0);
    });
    world.settle();
    assert_eq!(images(&world), ["db:2"; 4]);
    let status = world.get(&id())["status"].clone();
    assert_eq!(status["currentRevision"], status["updateRevision"]);
    assert_eq!(names(&world, "ControllerRevision").len(), 2);
}

#[test]
fn the_last_pods_go_first_and_their_volumes_stay() {
    let mut world = World::new();
    world.create(db(3, "OrderedReady"));
    world.until("three ready pods", |world| ready(world) == 3);
    world.edit(&id(), |db| db["spec"]["replicas"] = json!(1));
    world.settle();
    assert_eq!(names(&world, "Pod"), ["db-0"]);
    assert_eq!(world.all("PersistentVolumeClaim").len(), 3);
    assert_eq!(count(&world.get(&id()), "/status/replicas"), 1);
}

#[test]
fn volumes_go_with_the_set_when_they_are_meant_to() {
    let mut world = World::new();
    let mut db = db(2, "OrderedReady");
    db["spec"]["persistentVolumeClaimRetentionPolicy"] =
        json!({"whenDeleted": "Delete", "whenScaled": "Retain"});
    world.create(db);
    world.until("two ready pods", |world| ready(world) == 2);
    world.settle();
    world.delete(&id(), None);
    world.settle();
    assert_eq!(names(&world, "Pod"), [""; 0]);
    assert_eq!(names(&world, "PersistentVolumeClaim"), [""; 0]);
    assert_eq!(names(&world, "PersistentVolume"), [""; 0]);
}

#[test]
fn a_second_look_writes_nothing() {
    let mut world = World::new();
    world.create(db(2, "OrderedReady"));
    world.until("two ready pods", |world| ready(world) == 2);
    world.settle();
    let writes = world.writes();
    world.edit(&id(), |db| meta::set_annotation(db, "seen", "again"));
    world.settle();
    assert_eq!(world.writes() - writes, 1);
}
