//! Kinds that come and go with their definitions.

use super::*;

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const WIDGETS: &str = "/apis/test.dev/v1/namespaces/default/widgets";

fn definition() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.test.dev"},
        "spec": {
            "group": "test.dev", "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget", "shortNames": ["wd"]},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": {"type": "object", "properties": {
                        "size": {"type": "integer", "minimum": 1, "default": 3}}},
                    "status": {"type": "object", "properties": {"ready": {"type": "boolean"}}}}}},
            }],
        },
    })
}

fn widget(size: &Value) -> Value {
    json!({"apiVersion": "test.dev/v1", "kind": "Widget", "metadata": {"name": "a"},
        "spec": size, "status": {"ready": true}})
}

#[tokio::test]
async fn a_definition_serves_its_kind() {
    let admin = Caller::admin();
    assert_eq!(admin.get(WIDGETS).await.0, 404);
    let (code, created) = admin.post(DEFINITIONS, &definition()).await;
    assert_eq!(code, 201, "{created}");
    let (_, object) = admin.get(&format!("{DEFINITIONS}/widgets.test.dev")).await;
    let conditions = object["status"]["conditions"].as_array().unwrap();
    for kind in ["NamesAccepted", "Established"] {
        let condition = conditions.iter().find(|condition| condition["type"] == kind).unwrap();
        assert_eq!(condition["status"], "True", "{condition}");
    }
    assert_eq!(object["status"]["acceptedNames"]["listKind"], "WidgetList");
    assert_eq!(object["status"]["storedVersions"], json!(["v1"]));
    let (code, created) = admin.post(WIDGETS, &widget(&json!({"other": 1}))).await;
    assert_eq!(code, 201, "{created}");
    assert_eq!(created["spec"], json!({"size": 3}), "pruned and defaulted");
    assert!(created.get("status").is_none(), "{created}");
    assert_eq!(created["metadata"]["generation"], 1);
    let path = format!("{WIDGETS}/a");
    let (_, changed) = admin.patch(&path, "merge-patch+json", &json!({"spec": {"size": 4}})).await;
    assert_eq!(changed["metadata"]["generation"], 2);
    let ready = json!({"status": {"ready": true}});
    let (_, changed) = admin.patch(&format!("{path}/status"), "merge-patch+json", &ready).await;
    assert_eq!(changed["status"]["ready"], true, "{changed}");
    assert_eq!(changed["metadata"]["generation"], 2);
    let (code, status) =
        admin.patch(&path, "merge-patch+json", &json!({"spec": {"size": 0}})).await;
    assert_eq!((code, &status["reason"]), (422, &json!("Invalid")), "{status}");
    let (code, _) = admin.patch(&path, "strategic-merge-patch+json", &json!({})).await;
    assert_eq!(code, 415);
    let mut put = widget(&json!({"size": 5}));
    let (code, status) = admin.send("PUT", &path, &put).await;
    assert_eq!(code, 422, "{status}");
    put["metadata"]["resourceVersion"] = changed["metadata"]["resourceVersion"].clone();
    assert_eq!(admin.send("PUT", &path, &put).await.0, 200);
    let (_, list) = admin.get(WIDGETS).await;
    assert_eq!(list["kind"], "WidgetList");
    assert_eq!(list["items"][0]["kind"], "Widget", "custom objects carry their kind in lists");
}

#[tokio::test]
async fn a_definition_takes_its_objects_along() {
    let admin = Caller::admin();
    admin.post(DEFINITIONS, &definition()).await;
    let mut held = widget(&json!({}));
    held["metadata"]["finalizers"] = json!(["test.dev/hold"]);
    admin.post(WIDGETS, &held).await;
    let path = format!("{DEFINITIONS}/widgets.test.dev");
    let (code, _) = admin.delete(&path).await;
    assert_eq!(code, 200);
    let (_, object) = admin.get(&path).await;
    assert!(object["metadata"]["deletionTimestamp"].is_string(), "{object}");
    let mut other = widget(&json!({}));
    other["metadata"]["name"] = json!("b");
    assert_eq!(admin.post(WIDGETS, &other).await.0, 403);
    let none = json!({"metadata": {"finalizers": null}});
    admin.patch(&format!("{WIDGETS}/a"), "merge-patch+json", &none).await;
    assert_eq!(admin.get(&path).await.0, 404, "it went with the last of its objects");
    assert_eq!(admin.get(WIDGETS).await.0, 404);
    assert_eq!(admin.post(DEFINITIONS, &definition()).await.0, 201, "and can come back");
    assert_eq!(names(&admin.get(WIDGETS).await.1), Vec::<&str>::new());
}

#[tokio::test]
async fn two_definitions_can_not_have_one_kind() {
    let admin = Caller::admin();
    admin.post(DEFINITIONS, &definition()).await;
    let mut second = definition();
    second["metadata"]["name"] = json!("gadgets.test.dev");
    second["spec"]["names"] = json!({"plural": "gadgets", "kind": "Widget"});
    admin.post(DEFINITIONS, &second).await;
    let (_, object) = admin.get(&format!("{DEFINITIONS}/gadgets.test.dev")).await;
    assert_eq!(object["status"]["conditions"][0]["status"], "False", "{object}");
    assert_eq!(admin.get("/apis/test.dev/v1/gadgets").await.0, 404);
}
