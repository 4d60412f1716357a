//! What the JSON of a resource gives, and what is written back.

use std::{error::Error, time::Duration};

use kube::Resource;
use serde_json::{Value, json};

use super::{
    AppProject, Application, ApplicationSpec, Backoff, ConditionType, Destination, HealthCode,
    Operation, OperationPhase, ResultCode, SourceType, SyncCode, crds, option_value,
};
use crate::object::{ObjectId, Turn};

/// A source with every field that there is.
fn full_source() -> Value {
    json!({
        "repoURL": "https://git.example/shop.git",
        "path": "deploy",
        "targetRevision": "main",
        "chart": "shop",
        "ref": "values",
        "name": "shop",
        "tagPrefix": "v",
        "directory": {
            "recurse": true,
            "include": "*.yaml",
            "exclude": "{a,b}/*",
            "disableExtensionFilter": true,
            "jsonnet": {
                "extVars": [{ "name": "a", "value": "1", "code": true }],
                "tlas": [{ "name": "b", "value": "2" }],
                "libs": ["lib"],
            },
        },
        "helm": {
            "valueFiles": ["values.yaml"],
            "parameters": [{ "name": "image.tag", "value": "1", "forceString": true }],
            "fileParameters": [{ "name": "config", "path": "config.txt" }],
            "values": "a: 1\n",
            "valuesObject": { "removed": null, "kept": { "deep": [1, null] } },
            "releaseName": "shop",
            "namespace": "shop",
            "passCredentials": true,
            "ignoreMissingValueFiles": true,
            "skipCrds": true,
            "skipTests": true,
            "skipSchemaValidation": true,
            "kubeVersion": "1.33",
            "apiVersions": ["apps/v1"],
            "version": "v3",
        },
        "kustomize": {
            "namePrefix": "a-",
            "nameSuffix": "-b",
            "images": ["web=registry.example/web:1"],
            "replicas": [{ "name": "web", "count": 2 }, { "name": "api", "count": "3" }],
            "commonLabels": { "a": "b" },
            "commonAnnotations": { "c": "d" },
            "forceCommonLabels": true,
            "forceCommonAnnotations": true,
            "commonAnnotationsEnvsubst": true,
            "labelWithoutSelector": true,
            "labelIncludeTemplates": true,
            "namespace": "shop",
            "patches": [{
                "path": "patch.yaml",
                "patch": "[]",
                "target": {
                    "group": "apps", "version": "v1", "kind": "Deployment", "name": "web",
                    "namespace": "shop", "labelSelector": "a=b", "annotationSelector": "c=d",
                },
                "options": { "allowNameChange": true },
            }],
            "components": ["../component"],
            "ignoreMissingComponents": true,
            "kubeVersion": "1.33",
            "apiVersions": ["apps/v1"],
            "version": "v5",
        },
        "plugin": {
            "name": "cue",
            "env": [{ "name": "A", "value": "1" }],
            "parameters": [
                { "name": "text", "string": "" },
                { "name": "list", "array": [] },
                { "name": "map", "map": { "a": "b" } },
            ],
        },
    })
}

fn full_spec() -> Value {
    json!({
        "source": full_source(),
        "sources": [{ "repoURL": "https://git.example/other.git" }],
        "sourceHydrator": {
            "drySource": {
                "repoURL": "https://git.example/dry.git", "targetRevision": "main", "path": "dry",
                "helm": { "releaseName": "a" }, "kustomize": { "namePrefix": "a" },
                "directory": { "recurse": true }, "plugin": { "name": "a" },
            },
            "syncSource": { "targetBranch": "env", "path": "wet", "repoURL": "https://git.example/wet.git" },
            "hydrateTo": { "targetBranch": "env-next" },
        },
        "destination": { "server": "https://kubernetes.default.svc", "namespace": "shop", "name": "x" },
        "project": "team",
        "syncPolicy": {
            "automated": { "prune": true, "selfHeal": true, "allowEmpty": true, "enabled": false },
            "syncOptions": ["CreateNamespace=true"],
            "retry": {
                "limit": -1,
                "refresh": true,
                "backoff": { "duration": "5s", "factor": 2, "maxDuration": "3m" },
            },
            "managedNamespaceMetadata": { "labels": { "a": "b" }, "annotations": { "c": "d" } },
        },
        "ignoreDifferences": [{
            "group": "apps", "kind": "Deployment", "name": "web", "namespace": "shop",
            "jsonPointers": ["/spec/replicas"],
            "jqPathExpressions": [".spec.template"],
            "managedFieldsManagers": ["other"],
        }],
        "info": [{ "name": "url", "value": "https://shop.example" }],
        "revisionHistoryLimit": 3,
    })
}

fn full_operation() -> Value {
    json!({
        "sync": {
            "revision": "abc", "revisions": ["abc"], "prune": true, "dryRun": true,
            "syncStrategy": { "apply": { "force": true }, "hook": { "force": true } },
            "resources": [{ "group": "apps", "kind": "Deployment", "name": "web", "namespace": "shop" }],
            "source": full_source(), "sources": [full_source()],
            "manifests": ["{}"], "syncOptions": ["Validate=false"], "autoHealAttemptsCount": 2,
        },
        "initiatedBy": { "username": "ann", "automated": true },
        "info": [{ "name": "why", "value": "because" }],
        "retry": { "limit": 5 },
    })
}

fn full_status() -> Value {
    let hydrator = full_spec()["sourceHydrator"].clone();
    json!({
        "resources": [{
            "group": "apps", "version": "v1", "kind": "Deployment", "namespace": "shop",
            "name": "web", "status": "OutOfSync",
            "health": {
                "status": "Progressing", "message": "1 of 2",
                "lastTransitionTime": "2026-01-02T03:04:05Z",
            },
            "hook": true, "requiresPruning": true, "syncWave": -1,
            "requiresDeletionConfirmation": true,
        }],
        "sync": {
            "status": "OutOfSync",
            "comparedTo": {
                "source": full_source(), "sources": [full_source()],
                "destination": { "namespace": "shop" },
                "ignoreDifferences": [{ "kind": "Deployment" }],
            },
            "revision": "abc", "revisions": ["abc"],
        },
        "health": { "status": "Healthy", "lastTransitionTime": "2026-01-02T03:04:05Z" },
        "history": [{
            "id": 7, "revision": "abc", "revisions": ["abc"],
            "deployedAt": "2026-01-02T03:04:05Z", "deployStartedAt": "2026-01-02T03:04:05Z",
            "source": full_source(), "sources": [full_source()],
            "initiatedBy": { "username": "ann" },
        }],
        "conditions": [{
            "type": "SyncError", "message": "no", "lastTransitionTime": "2026-01-02T03:04:05Z",
        }],
        "reconciledAt": "2026-01-02T03:04:05Z",
        "observedAt": "2026-01-02T03:04:05Z",
        "operationState": {
            "operation": full_operation(), "phase": "Running", "message": "waiting",
            "startedAt": "2026-01-02T03:04:05Z", "finishedAt": "2026-01-02T03:04:05Z",
            "retryCount": 1,
            "syncResult": {
                "revision": "abc", "revisions": ["abc"], "source": full_source(),
                "sources": [full_source()],
                "managedNamespaceMetadata": { "labels": { "a": "b" } },
                "resources": [{
                    "group": "batch", "version": "v1", "kind": "Job", "namespace": "shop",
                    "name": "migrate", "status": "Synced", "message": "created",
                    "hookType": "PreSync", "hookPhase": "Succeeded", "syncPhase": "PreSync",
                    "images": ["migrate:1"],
                }],
            },
        },
        "sourceType": "Directory",
        "sourceTypes": ["Helm", "Kustomize"],
        "summary": { "externalURLs": ["https://shop.example"], "images": ["web:1"], "isAppOfApps": true },
        "resourceHealthSource": "appTree",
        "controllerNamespace": "argocd",
        "sourceHydrator": {
            "lastSuccessfulOperation": { "drySHA": "a", "hydratedSHA": "b", "sourceHydrator": hydrator },
            "currentOperation": {
                "startedAt": "2026-01-02T03:04:05Z", "finishedAt": "2026-01-02T03:04:05Z",
                "phase": "Hydrated", "message": "done", "drySHA": "a", "hydratedSHA": "b",
                "sourceHydrator": hydrator,
            },
        },
    })
}

fn full_application() -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": { "name": "shop", "namespace": "argocd", "finalizers": ["a"] },
        "spec": full_spec(),
        "operation": full_operation(),
        "status": full_status(),
    })
}

fn full_project() -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": { "name": "team", "namespace": "argocd" },
        "spec": {
            "sourceRepos": ["*"],
            "destinations": [{ "server": "*", "namespace": "!kube-system", "name": "x" }],
            "description": "a team",
            "roles": [{
                "name": "ci", "description": "d", "policies": ["p, x"], "groups": ["g"],
                "jwtTokens": [{ "iat": 1, "exp": 2, "id": "i" }],
            }],
            "clusterResourceWhitelist": [{ "group": "*", "kind": "Namespace", "name": "shop-*" }],
            "clusterResourceBlacklist": [{ "group": "", "kind": "Node" }],
            "namespaceResourceWhitelist": [],
            "namespaceResourceBlacklist": [{ "group": "", "kind": "ResourceQuota" }],
            "orphanedResources": {
                "warn": false, "ignore": [{ "group": "apps", "kind": "ConfigMap", "name": "kube-*" }],
            },
            "syncWindows": [{
                "kind": "deny", "schedule": "0 22 * * *", "duration": "1h", "applications": ["*"],
                "namespaces": ["n"], "clusters": ["c"], "manualSync": true,
                "timeZone": "Europe/Berlin", "andOperator": true, "description": "night",
                "syncOverrun": true,
            }],
            "signatureKeys": [{ "keyID": "0123456789ABCDEF" }],
            "sourceIntegrity": {
                "git": { "policies": [{ "repos": ["*"], "gpg": { "mode": "head", "keys": ["K"] } }] },
            },
            "sourceNamespaces": ["team-*"],
            "permitOnlyProjectScopedClusters": true,
            "destinationServiceAccounts": [
                { "server": "*", "namespace": "shop", "defaultServiceAccount": "shop:deployer" },
            ],
        },
        "status": { "jwtTokensByRole": { "ci": { "items": [{ "iat": 1 }] } } },
    })
}

#[test]
fn every_field_survives_reading_and_writing() {
    let application = Application::parse(full_application()).expect("a full application");
    assert_eq!(serde_json::to_value(&application).expect("JSON"), full_application());
    let project = AppProject::parse(full_project()).expect("a full project");
    assert_eq!(serde_json::to_value(&project).expect("JSON"), full_project());
}

#[test]
fn the_schema_of_the_crd_knows_every_field() {
    let [application, project] = &crds()[..] else { panic!("two resources") };
    for (crd, resource) in [(application, full_application()), (project, full_project())] {
        let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        for block in ["spec", "operation", "status"] {
            if let Some(value) = resource.get(block) {
                assert_known(&schema["properties"][block], value, block);
            }
        }
    }
}

/// Panics at the first field of `value` that `schema` does not name.
fn assert_known(schema: &Value, value: &Value, path: &str) {
    match value {
        Value::Object(map) => {
            for (key, entry) in map {
                let inner = match (&schema["properties"][key], &schema["additionalProperties"]) {
                    (Value::Null, Value::Null) => {
                        assert!(
                            path.ends_with("valuesObject"),
                            "{path}.{key} is not in the schema"
                        );
                        return;
                    }
                    (Value::Null, values) => values,
                    (property, _) => property,
                };
                assert_known(inner, entry, &format!("{path}.{key}"));
            }
        }
        Value::Array(items) => {
            for item in items {
                assert_known(&schema["items"], item, &format!("{path}[]"));
            }
        }
        _ => {}
    }
}

#[test]
fn an_empty_application_is_written_as_argo_cd_writes_it() {
    let application =
        Application { operation: Some(Operation::default()), ..Application::default() };
    assert_eq!(
        serde_json::to_value(&application).expect("JSON"),
        json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {},
            "spec": { "destination": {}, "project": "" },
            "operation": { "initiatedBy": {}, "retry": {} },
        })
    );
}

#[test]
fn an_error_names_the_resource_and_the_field() {
    // field, value, what the error names, what its cause says
    let table = [
        (
            "/spec/syncPolicy/automated/prune",
            json!("yes"),
            "spec.syncPolicy.automated.prune",
            "boolean",
        ),
        ("/spec/sources/0/repoURL", json!(7), "spec.sources[0].repoURL", "string"),
        ("/status/reconciledAt", json!("yesterday"), "status.reconciledAt", "year"),
        (
            "/spec/source/kustomize/replicas/1/count",
            json!([]),
            "spec.source.kustomize.replicas[1].count",
            "",
        ),
        ("/spec", json!("none"), "spec", "ApplicationSpec"),
    ];
    for (pointer, value, field, cause) in table {
        let mut application = full_application();
        *application.pointer_mut(pointer).expect(pointer) = value;
        let error = Application::parse(application).expect_err(pointer);
        assert_eq!(
            error.to_string(),
            format!("the field {field} of Application argocd/shop can't be read")
        );
        let source = error.source().expect("a cause").to_string();
        assert!(source.contains(cause), "{pointer}: {source}");
        assert_eq!(error.turn(), Turn::Author);
    }
}

#[test]
fn null_is_absent_but_for_the_values_of_helm() {
    let application = Application::parse(json!({
        "metadata": { "name": "shop" },
        "spec": {
            "source": { "repoURL": "r", "path": null, "helm": { "valuesObject": { "gone": null } } },
            "sources": null,
            "syncPolicy": { "syncOptions": null, "automated": null },
        },
        "operation": null,
    }))
    .expect("null is no error");
    assert_eq!(application.spec.sources().len(), 1);
    assert_eq!(application.spec.automated(), None);
    assert_eq!(application.operation, None);
    let helm = application.spec.sources()[0].helm.clone().expect("helm");
    assert_eq!(helm.values_object, Some(json!({ "gone": null })));
}

#[test]
fn unknown_fields_and_unknown_words_are_no_error() {
    let mut value = full_application();
    value["spec"]["new"] = json!({ "a": 1 });
    value["status"]["health"]["status"] = json!("Hibernating");
    let application = Application::parse(value).expect("nothing of this is an error");
    let health = application.status.expect("a status").health.status.expect("a word");
    assert_eq!(health, HealthCode::Other("Hibernating".to_owned()));
    assert_eq!(serde_json::to_value(&health).expect("JSON"), json!("Hibernating"));
}

#[test]
fn false_and_absent_are_equal() {
    let parse = |automated: Value| {
        let spec =
            json!({ "syncPolicy": { "automated": automated }, "source": { "repoURL": "r" } });
        Application::parse(json!({ "spec": spec })).expect("an application")
    };
    assert_eq!(parse(json!({ "prune": false })), parse(json!({})));
    assert_ne!(parse(json!({ "enabled": false })), parse(json!({})));
}

#[test]
fn the_spec_answers_what_a_pass_asks() {
    let spec = Application::parse(full_application()).expect("an application").spec;
    assert!(spec.has_multiple_sources());
    assert_eq!(spec.sources()[0].repo_url, "https://git.example/other.git");
    assert_eq!(spec.automated(), None, "enabled is false");
    assert!(spec.has_sync_option("CreateNamespace"));
    assert_eq!(spec.sync_option("Prune"), None);
    assert_eq!(spec.revision_history_limit(), 3);
    assert_eq!(spec.project(), "team");

    let spec = ApplicationSpec::default();
    assert_eq!((spec.sources().len(), spec.project()), (0, "default"));
    assert_eq!(spec.revision_history_limit(), 10);
    let none = ApplicationSpec { revision_history_limit: Some(-1), ..spec };
    assert_eq!(none.revision_history_limit(), 0);
}

#[test]
fn the_last_sync_option_of_a_name_wins() {
    let options = ["Prune=true", " Prune=false ", "Validate", "PruneLast=true"];
    assert_eq!(option_value(options.into_iter(), "Prune"), Some("false"));
    assert_eq!(option_value(options.into_iter(), "Validate"), None);
    assert_eq!(option_value(options.into_iter(), "Last"), None);
}

#[test]
fn backoff_doubles_up_to_its_longest_wait() {
    let seconds = |backoff: &Backoff, attempts: &[u32]| -> Vec<u64> {
        attempts.iter().map(|attempt| backoff.delay(*attempt).as_secs()).collect()
    };
    assert_eq!(seconds(&Backoff::default(), &[0, 1, 2, 5, 6, 4_000]), [5, 10, 20, 160, 180, 180]);
    let own = Backoff { duration: "1m".into(), factor: Some(3), max_duration: "1h".into() };
    assert_eq!(seconds(&own, &[0, 1, 2, 3, 4]), [60, 180, 540, 1620, 3600]);
    let odd = Backoff { duration: "soon".into(), factor: Some(-4), max_duration: "10s".into() };
    assert_eq!(odd.delay(9), Duration::from_secs(10));
    let none = Backoff { duration: "0s".into(), factor: None, max_duration: "0s".into() };
    assert_eq!(seconds(&none, &[0, 9]), [1, 1]);
}

#[test]
fn a_destination_knows_the_cluster_of_the_controller() {
    let destination = |server: &str, name: &str| Destination {
        server: server.to_owned(),
        name: name.to_owned(),
        namespace: String::new(),
    };
    assert!(destination("https://kubernetes.default.svc", "").is_in_cluster());
    assert!(destination("https://kubernetes.default.svc/", "").is_in_cluster());
    assert!(destination("", "in-cluster").is_in_cluster());
    assert!(!destination("", "").is_in_cluster());
    assert!(!destination("https://other.example", "").is_in_cluster());
    assert!(!destination("https://kubernetes.default.svc", "in-cluster").is_in_cluster());
}

#[test]
fn a_selective_sync_names_its_objects() {
    let operation: Operation = serde_json::from_value(full_operation()).expect("an operation");
    let sync = operation.sync.expect("a sync");
    let id = |namespace: &str, name: &str| ObjectId {
        group: "apps".to_owned(),
        kind: "Deployment".to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    };
    assert!(sync.is_selective() && sync.force() && sync.is_apply_strategy());
    assert!(sync.selects(&id("shop", "web")));
    assert!(!sync.selects(&id("other", "web")));
    assert!(!sync.selects(&id("shop", "api")));
    assert_eq!(sync.sync_option("Validate"), Some("false"));
}

#[test]
fn words_are_the_ones_of_argo_cd() {
    assert_eq!(SyncCode::OutOfSync.as_str(), "OutOfSync");
    assert_eq!(SyncCode::default(), SyncCode::Unknown);
    assert_eq!(ResultCode::from("PruneSkipped"), ResultCode::PruneSkipped);
    assert_eq!(format!("{:>9}", SourceType::Helm), "     Helm");
    assert!(OperationPhase::Error.is_complete() && !OperationPhase::Terminating.is_complete());
    assert!(ConditionType::SyncError.is_error());
    assert!(!ConditionType::SharedResourceWarning.is_error());
}

#[test]
fn the_resources_have_the_addresses_of_argo_cd() {
    let path = |namespace| Application::url_path(&(), Some(namespace));
    assert_eq!(path("argocd"), "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications");
    assert_eq!(AppProject::url_path(&(), None), "/apis/argoproj.io/v1alpha1/appprojects");
}

#[test]
fn the_default_project_allows_everything() {
    let project = AppProject::allow_all("default", "argocd");
    assert_eq!(
        serde_json::to_value(&project).expect("JSON"),
        json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "AppProject",
            "metadata": { "name": "default", "namespace": "argocd" },
            "spec": {
                "sourceRepos": ["*"],
                "destinations": [{ "server": "*", "namespace": "*" }],
                "clusterResourceWhitelist": [{ "group": "*", "kind": "*" }],
            },
        })
    );
}

#[test]
fn what_can_be_read_is_salvaged_and_the_rest_is_named() {
    let value = json!({
        "metadata": {"name": "shop", "finalizers": ["f"], "labels": {"a": 1}},
        "spec": {
            "source": {"repoURL": "https://git.example/r",
                "kustomize": {"replicas": [{"name": "web", "count": 3_000_000_000_u32}]}},
            "destination": {"server": "https://kubernetes.default.svc"},
        },
        "status": {
            "resources": [
                {"kind": "ConfigMap", "name": "a"},
                {"kind": "Secret", "name": "b", "syncWave": "late"},
                {"kind": 7, "name": "c"},
            ],
            "history": null,
        },
    });
    assert!(Application::parse(value.clone()).is_err());
    let (app, lost) = Application::salvage(value);
    assert_eq!(app.metadata.finalizers, Some(vec!["f".to_owned()]));
    assert!(app.spec.destination.is_in_cluster());
    let status = app.status.expect("it is readable but for an entry");
    let kinds: Vec<&str> = status.resources.iter().map(|entry| entry.kind.as_str()).collect();
    assert_eq!(kinds, ["ConfigMap", "Secret", ""]);
    let mut lost = lost;
    lost.sort();
    let wanted = [
        "metadata.labels.a",
        "spec.source.kustomize.replicas[0]",
        "spec.source.kustomize.replicas[0].count",
        "status.resources[1].syncWave",
        "status.resources[2].kind",
    ];
    assert_eq!(lost, wanted);
}

#[test]
fn of_something_that_is_no_application_nothing_is_salvaged() {
    for value in [json!(7), json!({"kind": [], "spec": 7})] {
        let (app, lost) = Application::salvage(value.clone());
        assert_eq!(app, Application::default(), "{value}");
        assert!(!lost.is_empty(), "{value}");
    }
}
