use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::Method;
use serde_json::json;

use super::*;
use crate::{
    cluster::fake::{Server, status},
    object::{GroupVersionKind, Packed, meta},
    plan::Action,
};

fn step(kind: &str, name: &str, action: Action) -> Step {
    let api_version = if kind == "Deployment" { "apps/v1" } else { "v1" };
    let gvk = GroupVersionKind::parse(api_version, kind);
    let namespace = if kind == "Namespace" { "" } else { "n" };
    let body = json!({"apiVersion": api_version, "kind": kind,
        "metadata": {"name": name, "namespace": namespace}});
    let id = ObjectId::new(&gvk.group, kind, namespace, name);
    match action {
        Action::Prune => Step { uid: "u".into(), ..Step::new(id, gvk, action, None) },
        _ => Step::new(id, gvk, action, Some(Arc::new(body))),
    }
}

fn path(step: &Step) -> String {
    match step.id.kind.as_str() {
        "Namespace" => format!("/api/v1/namespaces/{}", step.id.name),
        "Deployment" => format!("/apis/apps/v1/namespaces/n/deployments/{}", step.id.name),
        kind => format!("/api/v1/namespaces/n/{}s/{}", kind.to_ascii_lowercase(), step.id.name),
    }
}

fn applied(step: &Step, version: &str) -> Value {
    let mut object = (**step.body.as_ref().unwrap()).clone();
    object["metadata"]["resourceVersion"] = version.into();
    object["metadata"]["uid"] = "u".into();
    object
}

/// Executes with everything permitted; tells the results in words.
async fn run(server: &Server, steps: Vec<Step>) -> Vec<String> {
    run_while(server, steps, &|| true).await
}

async fn run_while(
    server: &Server,
    steps: Vec<Step>,
    permit: &(dyn Fn() -> bool + Send + Sync),
) -> Vec<String> {
    let plan = Plan { steps };
    let told: Mutex<HashMap<usize, usize>> = Mutex::default();
    let run = Run {
        cluster: &server.cluster(),
        deadline: Instant::now() + Duration::from_mins(1),
        permit,
        live: &|_| None,
        observer: &|index, _| *told.lock().unwrap().entry(index).or_default() += 1,
    };
    let outcome = execute(&plan, &run).await;
    let told = told.into_inner().unwrap();
    assert!((0..plan.steps.len()).all(|index| told[&index] == 1), "each result is told once");
    outcome.results.iter().map(words).collect()
}

fn words(result: &StepResult) -> String {
    match result {
        StepResult::Applied { object, .. } => format!("applied {}", meta::name(object)),
        StepResult::Pruned { gone } => format!("pruned gone={gone}"),
        StepResult::Refused(refusal) => format!("{:?}: {}", refusal.turn, refusal.message),
        StepResult::Blocked { by } => format!("blocked by {by}"),
    }
}

#[tokio::test(start_paused = true)]
async fn tiers_run_in_order_and_needs_block_only_what_depends_on_them() {
    let server = Server::default();
    let mut steps = vec![
        step("ConfigMap", "late", Action::Create),
        step("Namespace", "bad", Action::Create),
        step("ConfigMap", "in-bad", Action::Create),
        step("ConfigMap", "free", Action::Create),
        step("ConfigMap", "chained", Action::Create),
    ];
    steps[0].tier = 9;
    steps[2].needs = vec![1];
    steps[4].needs = vec![2];
    server.refuse(Method::PATCH, &path(&steps[1]), 422, "Invalid", "no such name");
    for index in [0, 3] {
        server.on(Method::PATCH, &path(&steps[index]), 201, applied(&steps[index], "1"));
    }
    let last = path(&steps[0]);
    let told = run(&server, steps).await;
    assert_eq!(told[0], "applied late");
    assert!(told[1].starts_with("Author: could not apply Namespace bad"), "{}", told[1]);
    assert_eq!(
        told[2..],
        ["blocked by Namespace bad", "applied free", "blocked by ConfigMap n/in-bad"]
    );
    assert_eq!(server.writes().last().unwrap().path, last);
}

#[tokio::test(start_paused = true)]
async fn steps_that_need_each_other_end_blocked() {
    let mut steps =
        vec![step("ConfigMap", "a", Action::Create), step("ConfigMap", "b", Action::Create)];
    steps[0].needs = vec![1];
    steps[1].needs = vec![0];
    let told = run(&Server::default(), steps).await;
    assert!(told.iter().all(|told| told.starts_with("blocked by")), "{told:?}");
}

/// The object of a step as the live store knows it.
fn live(step: &Step, version: &str) -> Arc<LiveObject> {
    Arc::new(LiveObject {
        id: step.id.clone(),
        gvk: step.gvk.clone(),
        uid: "u".into(),
        resource_version: version.into(),
        app: None,
        body: Packed::of(&json!({})),
        own: None,
        others: None,
        has_owner: false,
        terminating: false,
        digests: std::sync::OnceLock::new(),
    })
}

#[tokio::test(start_paused = true)]
async fn an_apply_is_strict_and_forced_and_knows_whether_it_changed_anything() {
    let server = Server::default();
    let step = step("ConfigMap", "a", Action::Apply);
    server.on(Method::PATCH, &path(&step), 200, applied(&step, "7"));
    server.on(Method::PATCH, &path(&step), 200, applied(&step, "8"));
    // The watch is faster than the second answer: what it changes is known once it is sent.
    let known = ["7", "8"].map(|version| live(&step, version));
    let plan = Plan { steps: vec![step] };
    let cluster = server.cluster();
    for expected in [false, true] {
        let run = Run {
            cluster: &cluster,
            deadline: Instant::now() + Duration::from_mins(1),
            permit: &|| true,
            live: &|_| Some(Arc::clone(&known[usize::from(server.seen().len() > 1)])),
            observer: &|_, _| {},
        };
        match &execute(&plan, &run).await.results[0] {
            StepResult::Applied { changed, .. } => assert_eq!(*changed, expected),
            other => panic!("{}", words(other)),
        }
    }
    let seen = &server.seen()[0];
    assert_eq!(seen.query, "fieldManager=steadfast&force=true&fieldValidation=Strict");
    assert_eq!(seen.content_type, "application/apply-patch+yaml");
}

#[tokio::test(start_paused = true)]
async fn adoption_moves_ownership_first_and_starts_over_when_the_object_moved_on() {
    let server = Server::default();
    let step = step("ConfigMap", "a", Action::Adopt);
    for version in ["4", "5"] {
        let mut live = applied(&step, version);
        live["metadata"]["managedFields"] = json!([{"manager": "kubectl-client-side-apply",
            "operation": "Update", "apiVersion": "v1", "fieldsV1": {"f:data": {}}}]);
        server.on(Method::GET, &path(&step), 200, live);
    }
    server.refuse(Method::PATCH, &path(&step), 409, "Conflict", "modified");
    server.on(Method::PATCH, &path(&step), 200, applied(&step, "6"));
    server.on(Method::PATCH, &path(&step), 200, applied(&step, "7"));
    assert_eq!(run(&server, vec![step]).await, ["applied a"]);
    let writes = server.writes();
    assert_eq!(writes.len(), 3);
    assert_eq!(writes[1].content_type, "application/json-patch+json");
    assert_eq!(writes[1].body[0]["value"][0]["manager"], "steadfast");
    assert_eq!(writes[1].body[1]["value"], "5");
    assert_eq!(writes[2].content_type, "application/apply-patch+yaml");
}

fn immutable() -> Value {
    status(
        422,
        "Invalid",
        "is invalid",
        &json!({"causes": [{"reason": "FieldValueInvalid",
        "field": "spec.selector", "message": "Invalid value: {}: field is immutable"}]}),
    )
}

#[tokio::test(start_paused = true)]
async fn force_deletes_only_after_the_new_object_was_proven_valid() {
    let collection = "/apis/apps/v1/namespaces/n/deployments";
    for valid in [true, false] {
        let server = Server::default();
        let mut step = step("Deployment", "web", Action::Apply);
        step.force = true;
        let path = path(&step);
        server.on(Method::PATCH, &path, 422, immutable());
        if valid {
            server.refuse(Method::POST, collection, 409, "AlreadyExists", "already exists");
        } else {
            server.refuse(Method::POST, collection, 422, "Invalid", "image: Required value");
        }
        server.on(Method::GET, &path, 200, applied(&step, "4"));
        server.on(Method::DELETE, &path, 200, json!({"kind": "Status", "status": "Success"}));
        server.on(Method::GET, &path, 200, applied(&step, "5"));
        server.on(Method::PATCH, &path, 201, applied(&step, "9"));
        let told = run(&server, vec![step]).await;
        let methods: Vec<Method> = server.writes().into_iter().map(|seen| seen.method).collect();
        if valid {
            assert_eq!(told, ["applied web"]);
            assert_eq!(methods, [Method::PATCH, Method::POST, Method::DELETE, Method::PATCH]);
            assert_eq!(server.writes()[2].body["preconditions"]["uid"], "u");
            assert!(server.writes()[1].query.contains("dryRun=All"));
        } else {
            assert!(told[0].starts_with("Author:") && told[0].contains("Required"), "{told:?}");
            assert_eq!(methods, [Method::PATCH, Method::POST], "nothing was deleted");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_force_an_immutable_field_is_named_and_nothing_is_deleted() {
    let server = Server::default();
    let step = step("Deployment", "web", Action::Apply);
    server.on(Method::PATCH, &path(&step), 422, immutable());
    let told = run(&server, vec![step]).await;
    assert!(told[0].contains("spec.selector"), "{told:?}");
    assert_eq!(server.writes().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn replace_updates_with_the_live_version_and_creates_what_is_absent() {
    let server = Server::default();
    let there = step("ConfigMap", "there", Action::Replace);
    let absent = step("ConfigMap", "absent", Action::Replace);
    server.on(Method::GET, &path(&there), 200, applied(&there, "4"));
    server.on(Method::PUT, &path(&there), 200, applied(&there, "5"));
    server.on(Method::POST, "/api/v1/namespaces/n/configmaps", 201, applied(&absent, "6"));
    let told = run(&server, vec![there, absent]).await;
    assert_eq!(told, ["applied there", "applied absent"]);
    let put = server.writes().into_iter().find(|seen| seen.method == Method::PUT).unwrap();
    assert_eq!(put.body["metadata"]["resourceVersion"], "4");
}

#[tokio::test(start_paused = true)]
async fn prune_is_bound_to_the_uid_and_absence_is_success() {
    let server = Server::default();
    let gone = step("ConfigMap", "gone", Action::Prune);
    let held = step("ConfigMap", "held", Action::Prune);
    let renewed = step("ConfigMap", "renewed", Action::Prune);
    server.on(Method::DELETE, &path(&held), 200, json!({"kind": "ConfigMap", "metadata": {}}));
    server.refuse(Method::DELETE, &path(&renewed), 409, "Conflict", "the UID in the precondition");
    server.on(Method::GET, &path(&renewed), 200, json!({"metadata": {"uid": "another"}}));
    let told = run(&server, vec![gone, held, renewed]).await;
    assert_eq!(told, ["pruned gone=true", "pruned gone=false", "pruned gone=true"]);
    let body = &server.writes()[1].body;
    assert_eq!(
        (&body["preconditions"]["uid"], &body["propagationPolicy"]),
        (&json!("u"), &json!("Foreground"))
    );
}

#[tokio::test(start_paused = true)]
async fn no_write_leaves_once_the_right_to_write_is_withdrawn() {
    let server = Server::default();
    let steps: Vec<Step> = (0..4)
        .map(|n| Step { tier: n, ..step("ConfigMap", &format!("c{n}"), Action::Create) })
        .collect();
    for step in &steps {
        server.on(Method::PATCH, &path(step), 201, applied(step, "1"));
    }
    let leader = AtomicBool::new(true);
    let asked = AtomicUsize::new(0);
    let permit = || {
        // Asked once before the step and once before its request.
        if asked.fetch_add(1, Ordering::Relaxed) == 3 {
            leader.store(false, Ordering::Relaxed);
        }
        leader.load(Ordering::Relaxed)
    };
    let told = run_while(&server, steps, &permit).await;
    assert_eq!(told[0], "applied c0");
    assert!(told[1..].iter().all(|told| told.starts_with("Cluster:")), "{told:?}");
    assert_eq!(server.writes().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_away_is_not_asked_for_every_step() {
    let server = Server::default();
    let steps: Vec<Step> =
        (0..200).map(|n| step("ConfigMap", &format!("c{n}"), Action::Create)).collect();
    for step in &steps {
        server.break_off(Method::PATCH, &path(step));
    }
    let told = run(&server, steps).await;
    assert!(told.iter().all(|told| told.starts_with("Cluster:")));
    assert!(server.writes().len() <= crate::cluster::IN_FLIGHT_MAX, "{}", server.writes().len());
}

#[tokio::test(start_paused = true)]
async fn an_overloaded_server_gets_the_pause_it_asks_for() {
    let server = Server::default();
    let steps: Vec<Step> =
        (0..8).map(|n| step("ConfigMap", &format!("c{n}"), Action::Create)).collect();
    for step in &steps {
        server.turn_away(Method::PATCH, &path(step), 3);
        server.on(Method::PATCH, &path(step), 201, applied(step, "1"));
    }
    let begun = Instant::now();
    let told = run(&server, steps).await;
    assert!(told.iter().all(|told| told.starts_with("applied")), "{told:?}");
    let took = begun.elapsed();
    assert!(took >= Duration::from_secs(3) && took < Duration::from_secs(10), "{took:?}");
    assert_eq!(server.writes().len(), 16);
}

#[tokio::test(start_paused = true)]
async fn silence_ends_with_the_deadline() {
    let server = Server::default();
    let step = step("ConfigMap", "a", Action::Create);
    server.keep_silent(Method::PATCH, &path(&step));
    let begun = Instant::now();
    let told = run(&server, vec![step]).await;
    assert!(told[0].contains("no answer within 30 s"), "{told:?}");
    assert!(begun.elapsed() <= Duration::from_secs(31));
}

#[tokio::test(start_paused = true)]
async fn a_crd_counts_when_its_kinds_are_served() {
    let server = Server::default();
    let gvk = GroupVersionKind::parse("apiextensions.k8s.io/v1", "CustomResourceDefinition");
    let crd = |established: &str| {
        json!({"apiVersion": gvk.api_version(), "kind": gvk.kind, "metadata": {"name": "ws.x.io"},
            "spec": {"group": "x.io", "names": {"kind": "W"}, "versions": [{"name": "v1", "served": true}]},
            "status": {"conditions": [{"type": "Established", "status": established}]}})
    };
    let mut step = step("ConfigMap", "ws.x.io", Action::Create);
    step.id = ObjectId::new(&gvk.group, &gvk.kind, "", "ws.x.io");
    step.gvk = gvk.clone();
    step.body = Some(Arc::new(crd("")));
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/ws.x.io";
    server.on(Method::PATCH, path, 201, crd("False"));
    server.on(Method::GET, path, 200, crd("False"));
    server.on(Method::GET, path, 200, crd("True"));
    let nothing = json!({"kind": "APIGroupDiscoveryList", "items": []});
    for served in [false, true] {
        server.on(Method::GET, "/api", 200, nothing.clone());
        let groups = if served {
            json!({"kind": "APIGroupDiscoveryList", "items": [{"metadata": {"name": "x.io"},
                "versions": [{"version": "v1", "freshness": "Current", "resources": [
                    {"resource": "ws", "scope": "Namespaced", "verbs": ["get"],
                     "responseKind": {"group": "x.io", "version": "v1", "kind": "W"}}]}]}]})
        } else {
            nothing.clone()
        };
        server.on(Method::GET, "/apis", 200, groups);
    }
    assert_eq!(run(&server, vec![step]).await, ["applied ws.x.io"]);
    assert_eq!(server.seen().iter().filter(|seen| seen.path == "/apis").count(), 2);
}
