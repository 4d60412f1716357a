use serde_json::json;

use super::*;
use crate::object::{GroupVersionKind, Origin, Packed};

fn subject(api_version: &str, kind: &str, name: &str, wave: i32, state: State) -> Subject {
    let gvk = GroupVersionKind::parse(api_version, kind);
    let namespace =
        if kind == "Namespace" || kind == "CustomResourceDefinition" { "" } else { "prod" };
    let value = json!({"metadata": {"name": name}});
    Subject {
        target: Arc::new(Target {
            id: ObjectId::new(&gvk.group, kind, namespace, name),
            gvk,
            digest: 0,
            body: Packed::of(&value),
            origin: Origin { file: String::new(), line: 0 },
            wave,
            awaits: None,
        }),
        state,
        health: None,
        yields: Vec::new(),
    }
}

fn stale(kind: &str, name: &str, wave: i32) -> Arc<LiveObject> {
    Arc::new(LiveObject {
        id: ObjectId::new("", kind, "prod", name),
        gvk: GroupVersionKind::parse("v1", kind),
        uid: format!("uid-{name}"),
        resource_version: "1".to_owned(),
        app: Some("shop".to_owned()),
        body: Packed::of(&json!({
            "metadata": {"name": name, "annotations": {WAVE_ANNOTATION: wave.to_string()}}})),
        own: None,
        others: None,
        has_owner: false,
        terminating: false,
        digests: std::sync::OnceLock::new(),
    })
}

const SYNC: Mode<'static> = Mode {
    extent: Extent::All,
    waves: true,
    prune: PruneOrder::Last,
    force: false,
    replace: false,
    validate: true,
    propagation: "Foreground",
};

fn names(decision: &Decision) -> Vec<&str> {
    decision.plan.steps.iter().map(|step| step.id.name.as_str()).collect()
}

#[test]
fn nothing_differs_nothing_is_done() {
    let subjects = [subject("v1", "ConfigMap", "a", 0, State::Clean)];
    let decision = decide(&subjects, &[], &SYNC);
    assert!(decision.plan.steps.is_empty() && decision.waiting.is_none());
}

#[test]
fn what_others_lean_on_comes_first_and_is_needed() {
    let subjects = [
        subject("apps/v1", "Deployment", "web", 0, State::Missing),
        subject("v1", "ConfigMap", "settings", 0, State::Missing),
        subject("v1", "Namespace", "prod", 0, State::Missing),
    ];
    let decision = decide(&subjects, &[], &SYNC);
    assert_eq!(names(&decision), ["prod", "settings", "web"]);
    assert_eq!(decision.plan.steps[2].needs, [0]);
    let tiers: Vec<u8> = decision.plan.steps.iter().map(|step| step.tier).collect();
    assert_eq!(tiers, [0, 1, 2]);
}

#[test]
fn a_wave_waits_for_the_health_of_the_one_before() {
    let mut subjects = [
        subject("apps/v1", "Deployment", "db", 0, State::Clean),
        subject("apps/v1", "Deployment", "web", 1, State::Missing),
    ];
    subjects[0].health = Some(HealthCode::Progressing);
    let decision = decide(&subjects, &[], &SYNC);
    assert!(decision.plan.steps.is_empty());
    assert_eq!(
        decision.waiting.map(|waiting| waiting.message).as_deref(),
        Some("waiting for healthy state of apps/Deployment/db")
    );
    subjects[0].health = Some(HealthCode::Healthy);
    assert_eq!(names(&decide(&subjects, &[], &SYNC)), ["web"]);
}

#[test]
fn a_namespace_moves_to_the_wave_of_what_lives_in_it() {
    let subjects = [
        subject("v1", "Namespace", "prod", 5, State::Missing),
        subject("v1", "ConfigMap", "settings", -1, State::Missing),
    ];
    assert_eq!(names(&decide(&subjects, &[], &SYNC)), ["prod", "settings"]);
}

#[test]
fn pruning_waits_until_the_rest_is_healthy() {
    let mut subjects = [subject("apps/v1", "Deployment", "web", 0, State::Clean)];
    subjects[0].health = Some(HealthCode::Degraded);
    let old = [stale("ConfigMap", "old", 0)];
    let decision = decide(&subjects, &old, &SYNC);
    let waiting = decision.waiting.unwrap();
    assert_eq!(waiting.message, "waiting for healthy state of apps/Deployment/web before pruning");
    assert!(waiting.degraded);
    let at_once = Mode { prune: PruneOrder::Applied, ..SYNC };
    assert_eq!(names(&decide(&subjects, &old, &at_once)), ["old"]);
    let never = Mode { prune: PruneOrder::Never, ..SYNC };
    assert!(decide(&subjects, &old, &never).plan.steps.is_empty());
}

#[test]
fn pruning_goes_backwards_through_the_waves() {
    let old = [stale("ConfigMap", "first", 0), stale("ConfigMap", "second", 1)];
    let decision = decide(&[], &old, &SYNC);
    assert_eq!(names(&decision), ["second"]);
    assert_eq!(decision.plan.steps[0].uid, "uid-second");
}

#[test]
fn an_object_that_stands_in_the_way_goes_first() {
    let subjects = [subject("v1", "Service", "new", 0, State::Missing)];
    let old = [stale("Service", "old", 0)];
    let first = Mode { prune: PruneOrder::First, ..SYNC };
    assert_eq!(names(&decide(&subjects, &old, &first)), ["old"]);
}

#[test]
fn barred_objects_are_left_alone_and_picked_ones_are_alone() {
    let subjects = [
        subject("v1", "ConfigMap", "theirs", 0, State::Barred),
        subject("v1", "ConfigMap", "a", 0, State::Changed),
        subject("v1", "ConfigMap", "b", 0, State::Drifted),
    ];
    assert_eq!(names(&decide(&subjects, &[], &SYNC)), ["a", "b"]);
    let heal = Mode { extent: Extent::Drifted, ..SYNC };
    assert_eq!(names(&decide(&subjects, &[], &heal)), ["b"]);
    let pick = |id: &ObjectId| id.name == "a";
    let picked = Mode { extent: Extent::Picked(&pick), ..SYNC };
    assert_eq!(names(&decide(&subjects, &[], &picked)), ["a"]);
}
