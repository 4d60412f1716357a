//! The functions that every event and every pass go through, one by one:
//! `cargo bench --bench micro`.

// A benchmark ends where a test would.
#![allow(clippy::unwrap_used, reason = "a panic is how it fails")]

use std::{hint::black_box, path::Path, sync::Arc};

use divan::{
    Bencher,
    counter::{BytesCount, ItemsCount},
};
use kube::core::WatchEvent;
use serde_json::{Value, json};
use steadfast::{
    object::{FieldSet, GroupVersionKind, LiveObject, ObjectId},
    plan::{
        Destination, Kinds, ScopeOf, Target,
        compare::{Fingerprint, compare},
        decide::{Extent, Mode, PruneOrder, State, Subject, decide},
        desired::resolve,
        difference::changes,
    },
    render::{DirTree, DirectorySource, Limits, directory},
    yaml,
};

/// A Deployment as a team writes it.
const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop
  labels: {app: shop, app.kubernetes.io/part-of: shop}
spec:
  replicas: 3
  selector:
    matchLabels: {app: shop}
  template:
    metadata:
      labels: {app: shop}
    spec:
      containers:
        - name: main
          image: registry.example/shop:1.2.3
          ports:
            - {name: http, containerPort: 8080, protocol: TCP}
          env:
            - {name: LOG_LEVEL, value: info}
            - {name: MODE, value: \"yes\"}
          resources:
            requests: {cpu: 25m, memory: 32Mi}
          readinessProbe:
            httpGet: {path: /health, port: http}
";

/// Applications of a large repository, in decisions.
const OBJECTS: usize = 1000;

fn main() {
    divan::main();
}

struct Everything;

impl Kinds for Everything {
    fn scope(&self, _: &GroupVersionKind) -> Option<ScopeOf> {
        Some(ScopeOf::Namespaced)
    }
}

fn examples() -> DirTree {
    DirTree::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")).unwrap()
}

fn source() -> DirectorySource {
    DirectorySource { path: "pampam/manifests".to_owned(), ..DirectorySource::default() }
}

/// The targets of an example.
fn targets() -> Vec<Arc<Target>> {
    let rendered = directory(&examples(), &source(), &Limits::default());
    let to = Destination { instance: "shop", installation: "argocd", namespace: "shop" };
    resolve(&rendered.manifests, &Everything, to).targets
}

fn deployment() -> Arc<Target> {
    targets().into_iter().find(|target| target.id.kind == "Deployment").unwrap()
}

/// What an apply owns of an object: every leaf that it names.
fn owned(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            map.iter().map(|(name, value)| (format!("f:{name}"), owned(value))).collect()
        }
        _ => json!({}),
    }
}

/// The object as the server has it.
fn live(target: &Target) -> LiveObject {
    let mut fields = owned(&target.body.tree());
    for name in ["f:apiVersion", "f:kind"] {
        fields.as_object_mut().unwrap().remove(name);
    }
    for name in ["f:name", "f:namespace"] {
        fields["f:metadata"].as_object_mut().unwrap().remove(name);
    }
    LiveObject {
        id: target.id.clone(),
        gvk: GroupVersionKind::parse("apps/v1", "Deployment"),
        uid: "5f0a".to_owned(),
        resource_version: "100".to_owned(),
        app: Some("shop".to_owned()),
        body: target.body.clone(),
        own: Some(Arc::new(FieldSet::parse(&fields))),
        others: None,
        has_owner: false,
        terminating: false,
        digests: std::sync::OnceLock::new(),
    }
}

#[divan::bench]
fn yaml_load(bencher: Bencher<'_, '_>) {
    bencher
        .counter(BytesCount::of_str(DEPLOYMENT))
        .bench(|| yaml::load(black_box(DEPLOYMENT.as_bytes()), &yaml::Limits::default()));
}

#[divan::bench]
fn watch_event_decode(bencher: Bencher<'_, '_>) {
    let target = deployment();
    let live = live(&target);
    let mut object = target.body.tree();
    let entry = json!({"manager": "steadfast", "operation": "Apply", "apiVersion": "apps/v1",
        "time": "2026-01-01T00:00:00Z", "fieldsType": "FieldsV1",
        "fieldsV1": live.own.unwrap().to_json()});
    object["metadata"]["managedFields"] = json!([entry.clone(), entry]);
    let line = json!({"type": "MODIFIED", "object": object}).to_string();
    bencher
        .counter(BytesCount::of_str(&line))
        .bench(|| serde_json::from_str::<WatchEvent<Value>>(black_box(&line)).unwrap());
}

#[divan::bench]
fn field_set_parse(bencher: Bencher<'_, '_>) {
    let fields = live(&deployment()).own.unwrap().to_json();
    bencher.bench(|| FieldSet::parse(black_box(&fields)));
}

#[divan::bench]
fn field_set_digests(bencher: Bencher<'_, '_>) {
    let live = live(&deployment());
    let (own, value) = (live.own.clone().unwrap(), live.value());
    bencher.bench(|| (own.digest(), own.digest_values(black_box(&value))));
}

#[divan::bench]
fn compare_what_is_clean(bencher: Bencher<'_, '_>) {
    let target = deployment();
    let live = live(&target);
    let known = Fingerprint::of(&target, live.own.as_ref().unwrap(), &live.value());
    bencher.bench(|| compare(black_box(&target), &live, Some(&known)));
}

#[divan::bench]
fn diff_of_one_field(bencher: Bencher<'_, '_>) {
    let target = deployment();
    let value = target.body.tree();
    let mut other = value.clone();
    other["spec"]["replicas"] = json!(17);
    bencher.bench(|| changes(Some(black_box(&value)), Some(black_box(&other))));
}

#[divan::bench]
fn plan_a_thousand_objects_with_one_change(bencher: Bencher<'_, '_>) {
    let target = deployment();
    let subjects: Vec<Subject> = (0..OBJECTS)
        .map(|number| {
            let id = ObjectId::new("apps", "Deployment", "shop", &format!("shop-{number}"));
            let target = Arc::new(Target { id, ..(*target).clone() });
            let state = if number == OBJECTS / 2 { State::Changed } else { State::Clean };
            Subject { target, state, health: None, yields: Vec::new() }
        })
        .collect();
    let mode = Mode {
        extent: Extent::All,
        waves: true,
        prune: PruneOrder::Last,
        force: false,
        replace: false,
        validate: true,
        propagation: "Foreground",
    };
    let prunable = [Arc::new(live(&target))];
    bencher
        .counter(ItemsCount::new(OBJECTS))
        .bench(|| decide(black_box(&subjects), &prunable, &mode));
}

#[divan::bench]
fn render_a_directory(bencher: Bencher<'_, '_>) {
    let tree = examples();
    bencher.bench(|| directory(black_box(&tree), &source(), &Limits::default()));
}

#[divan::bench]
fn read_set_check(bencher: Bencher<'_, '_>) {
    let tree = examples();
    let rendered = directory(&tree, &source(), &Limits::default());
    bencher.bench(|| rendered.reads.holds(black_box(&tree)));
}
