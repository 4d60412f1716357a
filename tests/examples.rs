//! The examples hold what their description says.
//!
//! Whether a real API server takes them and whether they get healthy is shown where they are synced.

use std::{collections::BTreeSet, fs, path::Path};

use serde::Deserialize;
use serde_json::Value;
use steadfast::api::Application;

const BACK_ENDS: [&str; 7] =
    ["accounts", "cart", "catalog", "inventory", "orders", "payments", "shipping"];

#[test]
fn every_application_can_be_read_and_names_its_manifests() {
    for example in ["pampam", "order-config"] {
        let application = documents(&format!("examples/{example}/application.yaml")).remove(0);
        let application = Application::parse(application).expect(example);
        assert_eq!(application.metadata.name.as_deref(), Some(example));
        let [source] = application.spec.sources() else { panic!("one source") };
        assert!(!manifests(&format!("examples/{example}/{}", source.path)).is_empty());
        assert!(application.spec.automated().is_some_and(|a| a.prune && a.self_heal));
    }
}

#[test]
fn pampam_has_seven_back_ends_that_are_updated_without_downtime() {
    let objects = manifests("examples/pampam/manifests");
    let names: BTreeSet<_> = of_kind(&objects, "Deployment").map(name).collect();
    let expected: BTreeSet<_> = BACK_ENDS.into_iter().chain(["storefront"]).collect();
    assert_eq!(names, expected);
    for deployment in of_kind(&objects, "Deployment") {
        let name = name(deployment);
        let spec = &deployment["spec"];
        assert!(spec["replicas"].as_i64() > Some(1), "{name}");
        assert_eq!(spec["strategy"]["rollingUpdate"]["maxUnavailable"], 0, "{name}");
        assert_eq!(spec["strategy"]["rollingUpdate"]["maxSurge"], 1, "{name}");
        let container = &spec["template"]["spec"]["containers"][0];
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
            assert!(container[probe].is_object(), "{name} has no {probe}");
        }
        let labels = &spec["template"]["metadata"]["labels"];
        for (kind, selector) in
            [("Service", "/spec/selector"), ("PodDisruptionBudget", "/spec/selector/matchLabels")]
        {
            let object = find(&objects, kind, name);
            let selector = object.pointer(selector).and_then(Value::as_object).expect(kind);
            assert!(!selector.is_empty(), "{kind} {name} selects everything");
            assert!(selector.iter().all(|(key, value)| labels[key] == *value), "{kind} {name}");
        }
    }
}

#[test]
fn the_front_end_of_pampam_leads_to_every_back_end() {
    let objects = manifests("examples/pampam/manifests");
    let configuration = find(&objects, "ConfigMap", "storefront");
    let text = configuration["data"]["default.conf"].as_str().expect("a configuration");
    for service in BACK_ENDS {
        assert!(text.contains(&format!("proxy_pass http://{service}/;")), "{service}");
    }
}

#[test]
fn order_config_uses_each_of_its_objects() {
    let objects = manifests("examples/order-config/manifests");
    let deployment = find(&objects, "Deployment", "order-store").to_string();
    let claim = find(&objects, "PersistentVolumeClaim", "order-data");
    let volume = find(&objects, "PersistentVolume", "order-config-data");
    assert_eq!(claim["spec"]["volumeName"], volume["metadata"]["name"]);
    assert_eq!(claim["spec"]["storageClassName"], volume["spec"]["storageClassName"]);
    for used in [
        r#""claimName":"order-data""#,
        r#""configMapKeyRef":{"key":"log-level","name":"order-store"}"#,
        r#""secretKeyRef":{"key":"password","name":"order-store"}"#,
    ] {
        assert!(deployment.contains(used), "{used}");
    }
}

#[test]
fn every_image_has_a_tag_that_a_commit_can_change() {
    for example in ["pampam", "order-config"] {
        for object in manifests(&format!("examples/{example}/manifests")) {
            let containers = object.pointer("/spec/template/spec/containers");
            for container in containers.and_then(Value::as_array).into_iter().flatten() {
                let image = container["image"].as_str().expect("an image");
                let tag = image.rsplit_once(':').map(|(_, tag)| tag).unwrap_or_default();
                assert!(tag.contains('.') && tag != "latest", "{image}");
            }
        }
    }
}

fn manifests(dir: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(dir);
    let mut files: Vec<_> = fs::read_dir(path)
        .expect(dir)
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    files.sort();
    files.iter().flat_map(|file| documents(&format!("{dir}/{file}"))).collect()
}

fn documents(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = fs::read_to_string(path).expect(file);
    serde_yaml::Deserializer::from_str(&text)
        .map(|document| Value::deserialize(document).expect(file))
        .collect()
}

fn of_kind<'a>(objects: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    objects.iter().filter(move |object| object["kind"] == kind)
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().expect("a name")
}

fn find<'a>(objects: &'a [Value], kind: &'a str, name: &str) -> &'a Value {
    of_kind(objects, kind).find(|object| object["metadata"]["name"] == name).expect(name)
}
