use serde_json::{Value, json};

use super::{Reason, RollbackRequest, SyncRequest, deletion, terminate};

fn sync(request: Value, app: &Value) -> Result<Value, Reason> {
    let request: SyncRequest = serde_json::from_value(request).unwrap();
    request.patch(app, "u").map_err(|error| error.reason)
}

#[test]
fn a_sync_is_refused_where_it_would_be_undone_or_lost() {
    let automated = json!({"spec": {"source": {"targetRevision": "main"},
                                    "syncPolicy": {"automated": {}}}});
    let mut manual = automated.clone();
    manual["spec"]["syncPolicy"]["automated"]["enabled"] = json!(false);
    let deleting = json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}});
    let busy = json!({"operation": {"sync": {}}});
    let table = [
        (json!({"revision": "other"}), &automated, Err(Reason::AutoSyncEnabled)),
        (json!({"revision": "other", "dryRun": true}), &automated, Ok(())),
        (json!({"revision": "main"}), &automated, Ok(())),
        (json!({}), &automated, Ok(())),
        (json!({"revision": "other"}), &manual, Ok(())),
        (json!({}), &deleting, Err(Reason::Deleting)),
        (json!({}), &busy, Err(Reason::OperationInProgress)),
        (json!({"manifests": ["{}"]}), &manual, Err(Reason::NotSupported)),
        (json!({"manifests": []}), &manual, Ok(())),
    ];
    for (request, app, expected) in table {
        assert_eq!(sync(request.clone(), app).map(drop), expected, "{request} {app}");
    }
}

#[test]
fn a_refusal_names_the_operation_that_stands_in_the_way() {
    let running = json!({"phase": "Running", "startedAt": "2026-11-21T11:00:00Z",
        "message": "waiting for healthy state of apps/Deployment/web"});
    let table = [
        (json!({"operation": {"sync": {}}}), "a sync, about to begin"),
        (
            json!({"operation": {"sync": {"revision": "v2"}, "initiatedBy": {"username": "eva"}},
                "status": {"operationState": running}}),
            "a sync to v2 by eva, Running since 2026-11-21T11:00:00Z (waiting for healthy state of \
             apps/Deployment/web)",
        ),
        (
            json!({"operation": {"sync": {"dryRun": true}},
                "status": {"operationState": {"phase": "Succeeded"}}}),
            "a dry run of a sync, about to begin",
        ),
    ];
    for (app, wanted) in table {
        let refused = SyncRequest::default().patch(&app, "u").unwrap_err();
        let wanted = format!("another operation is already in progress: {wanted}");
        assert_eq!(refused.message, wanted, "{app}");
    }
}

#[test]
fn the_smallest_sync_asks_for_nothing_in_particular() {
    let patch = sync(json!({}), &json!({"metadata": {"name": "web"}})).unwrap();
    let expected = json!({"operation": {"sync": {}, "initiatedBy": {"username": "u"}}});
    assert_eq!(patch, expected);
}

#[test]
fn revisions_go_to_the_sources_that_they_are_for() {
    let app = json!({"spec": {"sources": [{"targetRevision": "a"}, {"targetRevision": "b"}, {}]}});
    let request = json!({"revisions": ["x"], "sourcePositions": ["2"]});
    let patch = sync(request, &app).unwrap();
    assert_eq!(patch["operation"]["sync"]["revisions"], json!(["a", "x", ""]));
    for position in [0, 4] {
        let request = json!({"revisions": ["x"], "sourcePositions": [position]});
        assert_eq!(sync(request, &app), Err(Reason::InvalidRequest), "{position}");
    }
}

#[test]
fn a_rollback_needs_an_entry_that_says_what_was_deployed() {
    let app = json!({"status": {"history": [{"id": 1, "revision": "a", "source": {}}, {
        "id": 2, "revisions": ["a", "b"], "sources": [{"path": "x"}, {"path": "y"}],
    }]}});
    let back = |id: Value| {
        let request: RollbackRequest = serde_json::from_value(json!({"id": id})).unwrap();
        request.patch(&app, "u").map_err(|error| error.reason)
    };
    assert_eq!(back(json!(1)), Err(Reason::NoSuchDeployment));
    assert_eq!(back(json!(9)), Err(Reason::NoSuchDeployment));
    assert_eq!(back(json!(null)), Err(Reason::InvalidRequest));
    let sync = back(json!(2)).unwrap()["operation"]["sync"].clone();
    assert_eq!(sync["revisions"], json!(["a", "b"]));
    assert_eq!(sync["sources"], json!([{"path": "x"}, {"path": "y"}]));
    assert!(sync.get("revision").is_none(), "{sync}");
}

#[test]
fn terminating_touches_the_phase_only() {
    let running = json!({"status": {"operationState": {"phase": "Running"}}});
    let patch = json!({"status": {"operationState": {"phase": "Terminating"}}});
    assert_eq!(terminate(&running), Ok(patch));
    for app in [
        json!({}),
        json!({"operation": {}}),
        json!({"status": {"operationState": {"phase": "Failed"}}}),
    ] {
        assert_eq!(terminate(&app).map_err(|error| error.reason), Err(Reason::NoOperation));
    }
}

#[test]
fn finalizers_come_to_what_was_asked_for() {
    const PLAIN: &str = "resources-finalizer.argocd.argoproj.io";
    const FOREGROUND: &str = "resources-finalizer.argocd.argoproj.io/foreground";
    const BACKGROUND: &str = "resources-finalizer.argocd.argoproj.io/background";
    // finalizers, cascade, policy -> finalizers to write, None when they stay
    type Row = (
        &'static [&'static str],
        Option<bool>,
        Option<&'static str>,
        Option<&'static [&'static str]>,
    );
    let table: [Row; 9] = [
        (&[], None, None, Some(&[PLAIN])),
        (&["x"], Some(true), None, Some(&["x", PLAIN])),
        (&[BACKGROUND], Some(true), None, None),
        (&[PLAIN], None, Some("foreground"), Some(&[FOREGROUND])),
        (&[FOREGROUND], None, Some("Foreground"), None),
        (&[FOREGROUND, "x"], None, Some("background"), Some(&["x", BACKGROUND])),
        (&["x", PLAIN], Some(false), None, Some(&["x"])),
        (&["x"], Some(false), None, None),
        (&[], Some(false), None, None),
    ];
    for (present, cascade, policy, expected) in table {
        let app = json!({"metadata": {"finalizers": present}});
        let patch = deletion(&app, cascade, policy).unwrap();
        let expected = expected.map(|list| json!({"metadata": {"finalizers": list}}));
        assert_eq!(patch, expected, "{present:?} {cascade:?} {policy:?}");
    }
    let invalid =
        |cascade, policy| deletion(&json!({}), cascade, Some(policy)).map_err(|error| error.reason);
    assert_eq!(invalid(Some(false), "foreground"), Err(Reason::InvalidRequest));
    assert_eq!(invalid(None, "sometimes"), Err(Reason::InvalidRequest));
}
