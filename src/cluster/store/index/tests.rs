use serde_json::json;

use super::*;

fn kind() -> GroupKind {
    GroupKind::new("", "ConfigMap")
}

fn map(name: &str, version: u64, app: Option<&str>, data: &str) -> Value {
    let mut annotations = json!({});
    if let Some(app) = app {
        annotations[tracking::ANNOTATION] = format!("{app}:/ConfigMap:n/{name}").into();
    }
    json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"key": data},
        "metadata": {"name": name, "namespace": "n", "uid": format!("uid-{name}"),
            "resourceVersion": version.to_string(), "annotations": annotations,
            "managedFields": [
                {"manager": "steadfast", "operation": "Apply", "time": format!("t{version}"),
                 "fieldsV1": {"f:data": {"f:key": {}}}},
                {"manager": "kubectl-edit", "operation": "Update", "fieldsV1": {"f:x": {}}}]}})
}

struct Bed {
    index: Index<String>,
    reduce: Reduce<String>,
}

impl Bed {
    fn new() -> Self {
        let mut index = Index::default();
        for kind in [
            kind(),
            GroupKind::new("apps", "Deployment"),
            GroupKind::new("apps", "ReplicaSet"),
            GroupKind::new("", "Pod"),
            GroupKind::new(AUTOSCALER.0, AUTOSCALER.1),
        ] {
            index.expect(&kind);
        }
        let reduce: Reduce<String> = Box::new(|object| {
            Some(object.pointer("/status/phase").and_then(Value::as_str).unwrap_or("-").to_owned())
        });
        Self { index, reduce }
    }

    fn take(&mut self, object: Value, origin: Origin) -> Vec<String> {
        let kind = meta::gvk(&object).unwrap().group_kind();
        self.index.apply(&kind, object, origin, &self.reduce).into_iter().collect()
    }

    fn listed(objects: Vec<Value>, at: u64) -> Self {
        let mut bed = Self::new();
        bed.index.begin_list(&kind());
        for object in objects {
            bed.take(object, Origin::List);
        }
        bed.index.end_list(&kind(), at);
        bed
    }

    fn presence(&self, name: &str) -> &'static str {
        match self.index.get(&ObjectId::new("", "ConfigMap", "n", name)) {
            Presence::Tracked(_) => "tracked",
            Presence::Untracked => "untracked",
            Presence::Absent => "absent",
            Presence::Unknown => "unknown",
        }
    }

    fn live(&self, name: &str) -> Arc<LiveObject> {
        match self.index.get(&ObjectId::new("", "ConfigMap", "n", name)) {
            Presence::Tracked(live) => live,
            other => panic!("{name} is {other:?}"),
        }
    }
}

#[test]
fn nothing_is_called_absent_before_the_list_is_complete() {
    let mut bed = Bed::new();
    assert_eq!(bed.presence("a"), "unknown");
    bed.index.begin_list(&kind());
    bed.take(map("a", 1, Some("shop"), ""), Origin::List);
    bed.take(map("b", 2, None, ""), Origin::List);
    assert_eq!((bed.presence("a"), bed.presence("c")), ("tracked", "unknown"));
    bed.index.end_list(&kind(), 5);
    assert_eq!(
        (bed.presence("a"), bed.presence("b"), bed.presence("c")),
        ("tracked", "untracked", "absent")
    );
    assert_eq!(bed.index.get(&ObjectId::new("", "Unwatched", "n", "a")).name(), "unknown");
}

#[test]
fn only_changes_that_matter_wake_the_application() {
    let mut bed = Bed::listed(vec![map("a", 1, Some("shop"), "x")], 5);
    assert!(bed.take(map("a", 6, Some("shop"), "x"), Origin::Watch).is_empty(), "only bookkeeping");
    assert_eq!(bed.live("a").resource_version, "6");
    assert_eq!(bed.take(map("a", 7, Some("shop"), "y"), Origin::Watch), ["shop"]);
    let mut taken = map("a", 8, Some("shop"), "y");
    taken["metadata"]["managedFields"][0]["fieldsV1"] = json!({});
    assert_eq!(bed.take(taken, Origin::Watch), ["shop"], "our fields were taken");
}

#[test]
fn an_object_that_changes_hands_wakes_both_applications() {
    let mut bed = Bed::listed(vec![map("a", 1, Some("shop"), "x")], 5);
    assert_eq!(bed.take(map("a", 6, Some("bank"), "x"), Origin::Watch), ["bank", "shop"]);
    assert!(bed.index.tracked("shop").is_empty());
    assert_eq!(bed.index.tracked("bank").len(), 1);
    assert_eq!(bed.take(map("a", 7, None, "x"), Origin::Watch), ["bank"]);
    assert_eq!(bed.presence("a"), "untracked");
    assert!(bed.index.apps().is_empty());
}

#[test]
fn what_a_new_list_leaves_out_is_gone() {
    let both = vec![map("a", 1, Some("shop"), ""), map("b", 2, Some("shop"), "")];
    let mut bed = Bed::listed(both, 5);
    bed.index.begin_list(&kind());
    bed.take(map("b", 2, Some("shop"), ""), Origin::List);
    assert_eq!(bed.presence("a"), "tracked", "served until the list is complete");
    assert_eq!(bed.index.end_list(&kind(), 9).into_iter().collect::<Vec<_>>(), ["shop"]);
    assert_eq!((bed.presence("a"), bed.presence("b")), ("absent", "tracked"));
}

#[test]
fn our_own_write_is_not_rolled_back_by_what_was_on_its_way() {
    let mut bed = Bed::listed(vec![map("a", 1, Some("shop"), "old")], 5);
    bed.index.observe(&map("a", 10, Some("shop"), "ours"), &bed.reduce);
    assert!(bed.take(map("a", 8, Some("shop"), "late"), Origin::Watch).is_empty());
    assert!(bed.live("a").body.mentions(&["ours"]));
    assert!(bed.take(map("a", 10, Some("shop"), "ours"), Origin::Watch).is_empty(), "its echo");
    // Deleted and created anew by us, then the event of the deletion comes.
    bed.index.observe(&map("a", 20, Some("shop"), "renewed"), &bed.reduce);
    assert!(bed.index.delete(&kind(), &map("a", 15, Some("shop"), "ours")).is_empty());
    assert!(bed.live("a").body.mentions(&["renewed"]));
    // A list that is older than our write does not know the object.
    bed.index.observe(&map("new", 30, Some("shop"), ""), &bed.reduce);
    bed.index.begin_list(&kind());
    bed.take(map("a", 20, Some("shop"), "renewed"), Origin::List);
    bed.index.end_list(&kind(), 25);
    assert_eq!(bed.presence("new"), "tracked");
}

#[test]
fn a_late_answer_does_not_bring_back_what_was_deleted_since() {
    let mut bed = Bed::listed(vec![], 5);
    bed.take(map("a", 10, Some("shop"), ""), Origin::Watch);
    bed.index.delete(&kind(), &map("a", 12, Some("shop"), ""));
    bed.index.observe(&map("a", 10, Some("shop"), ""), &bed.reduce);
    assert_eq!(bed.presence("a"), "absent");
}

#[test]
fn other_managers_are_kept_from_a_drift_until_it_is_settled() {
    let id = ObjectId::new("", "ConfigMap", "n", "a");
    let mut bed = Bed::listed(vec![map("a", 1, Some("shop"), "x")], 5);
    assert!(bed.live("a").others.is_none(), "a list is no drift");
    bed.take(map("a", 6, Some("shop"), "drifted"), Origin::Watch);
    assert_eq!(bed.live("a").others.as_ref().unwrap()[0].name, "kubectl-edit");
    bed.take(map("a", 7, Some("shop"), "drifted"), Origin::Watch);
    assert!(bed.live("a").others.is_some(), "not settled yet");
    bed.index.settle(&id);
    assert!(bed.live("a").others.is_none());
}

fn child(kind: &str, name: &str, owner: &str, version: u64, phase: &str) -> Value {
    let api_version = if kind == "Pod" { "v1" } else { "apps/v1" };
    json!({"apiVersion": api_version, "kind": kind, "status": {"phase": phase},
        "metadata": {"name": name, "namespace": "n", "uid": format!("uid-{name}"),
            "resourceVersion": version.to_string(), "ownerReferences": [{"uid": owner}]}})
}

fn deployment() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "n", "uid": "uid-web", "resourceVersion": "3",
            "annotations": {tracking::ANNOTATION: "shop:apps/Deployment:n/web"}}})
}

#[test]
fn a_pod_wakes_the_application_of_its_deployment() {
    let mut bed = Bed::new();
    bed.take(deployment(), Origin::List);
    assert_eq!(bed.take(child("ReplicaSet", "rs", "uid-web", 4, ""), Origin::Watch), ["shop"]);
    assert_eq!(bed.take(child("Pod", "p", "uid-rs", 5, "Pending"), Origin::Watch), ["shop"]);
    assert!(bed.take(child("Pod", "p", "uid-rs", 6, "Pending"), Origin::Watch).is_empty());
    assert_eq!(bed.take(child("Pod", "p", "uid-rs", 7, "Running"), Origin::Watch), ["shop"]);
    assert!(bed.take(child("Pod", "q", "uid-foreign", 8, "Running"), Origin::Watch).is_empty());
    assert_eq!(bed.index.children.below("uid-web").len(), 2);
    let pod = child("Pod", "p", "uid-rs", 9, "Running");
    let touched = bed.index.delete(&GroupKind::new("", "Pod"), &pod);
    assert!(touched.contains("shop"));
    assert_eq!(bed.index.children.below("uid-web").len(), 1);
}

#[test]
fn an_autoscaler_is_found_by_its_target() {
    let autoscaler = |target: &str, version: u64| {
        json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "hpa", "namespace": "n", "resourceVersion": version.to_string()},
            "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target}}})
    };
    let web = ObjectId::new("apps", "Deployment", "n", "web");
    let mut bed = Bed::new();
    bed.take(deployment(), Origin::List);
    assert_eq!(bed.take(autoscaler("web", 4), Origin::Watch), ["shop"]);
    assert_eq!(bed.index.autoscaler_of(&web).as_deref(), Some("hpa"));
    assert_eq!(bed.take(autoscaler("other", 5), Origin::Watch), ["shop"]);
    assert_eq!(bed.index.autoscaler_of(&web), None);
}

#[test]
fn a_kind_that_is_served_no_more_has_no_objects() {
    let mut bed = Bed::listed(vec![map("a", 1, Some("shop"), "")], 5);
    assert!(bed.index.clear_kind(&kind()).contains("shop"));
    bed.index.set_watch_state(&kind(), WatchState::NotServed);
    assert_eq!(bed.presence("a"), "absent");
    assert!(bed.index.tracked("shop").is_empty() && bed.index.apps().is_empty());
}

impl Presence {
    fn name(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            _ => "known",
        }
    }
}
