use super::*;

const ALL: &[&str] = &["create", "delete", "deletecollection", "get", "list", "patch", "update"];

fn parsed(group: &str, version: &str, served: &[Served<'_>]) -> Value {
    serde_json::from_str(&document(group, version, served)).unwrap()
}

/// Everything that is referred to.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (word, value) in fields {
                match value {
                    Value::String(name) if word == "$ref" => found.push(name.clone()),
                    value => references(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

fn deployments(gvk: &GroupVersionKind) -> Served<'_> {
    Served {
        gvk,
        list_kind: "DeploymentList",
        plural: "deployments",
        namespaced: true,
        verbs: ALL,
        subresources: vec![
            Subresource { name: "status", verbs: &["get", "patch", "update"], gvk: None },
            Subresource {
                name: "scale",
                verbs: &["get", "patch", "update"],
                gvk: Some(GroupVersionKind::parse("autoscaling/v1", "Scale")),
            },
        ],
        custom: None,
    }
}

#[test]
fn a_document_is_complete_in_itself() {
    let gvk = GroupVersionKind::parse("apps/v1", "Deployment");
    let document = parsed("apps", "v1", &[deployments(&gvk)]);
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 100);
    for name in found {
        let pointer = name.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{name}");
    }
    let schemas = document["components"]["schemas"].as_object().unwrap();
    assert!(schemas.contains_key("io.k8s.api.autoscaling.v1.Scale"));
    assert!(!schemas.contains_key("io.k8s.api.batch.v1.Job"));
}

#[test]
fn kubectl_finds_what_it_looks_for() {
    let gvk = GroupVersionKind::parse("apps/v1", "Deployment");
    let document = parsed("apps", "v1", &[deployments(&gvk)]);
    let list = &document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments"]["get"];
    let kind = json!({"group": "apps", "version": "v1", "kind": "Deployment"});
    assert_eq!(list["x-kubernetes-group-version-kind"], kind);
    let item = "/apis/apps/v1/namespaces/{namespace}/deployments/{name}";
    let patch = &document["paths"][item]["patch"];
    let in_query = |name: &str| {
        let all = patch["parameters"].as_array().unwrap();
        all.iter().any(|one| one["name"] == name && one["in"] == "query")
    };
    assert!(in_query("fieldValidation") && in_query("dryRun"));
    let strategic = "application/strategic-merge-patch+json";
    assert!(patch["requestBody"]["content"][strategic].is_object());
    let schema = &document["components"]["schemas"]["io.k8s.api.apps.v1.Deployment"];
    assert_eq!(schema["x-kubernetes-group-version-kind"], json!([kind]));
}

#[test]
fn a_custom_kind_is_published_with_its_metadata() {
    let gvk = GroupVersionKind::parse("example.com/v1", "Widget");
    let schema = json!({"type": "object", "description": "A widget.", "properties": {
        "spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}});
    let schema = Schema::of_crd(&schema, &gvk).unwrap();
    let widgets = || Served {
        gvk: &gvk,
        list_kind: "WidgetList",
        plural: "widgets",
        namespaced: false,
        verbs: ALL,
        subresources: Vec::new(),
        custom: Some(&schema),
    };
    let document = parsed("example.com", "v1", &[widgets()]);
    let types = &document["components"]["schemas"];
    let widget = &types["com.example.v1.Widget"];
    assert_eq!(widget["properties"]["spec"]["properties"]["size"]["type"], "integer");
    let meta = format!("#/components/schemas/{META}ObjectMeta");
    assert_eq!(widget["properties"]["metadata"]["allOf"][0]["$ref"], json!(meta));
    assert!(types[format!("{META}ObjectMeta")].is_object());
    assert!(types["com.example.v1.WidgetList"].is_object());
    let patch = &document["paths"]["/apis/example.com/v1/widgets/{name}"]["patch"];
    assert!(patch["requestBody"]["content"]["application/strategic-merge-patch+json"].is_null());
    assert_eq!(hash(&[widgets()]), hash(&[widgets()]));
    assert_ne!(hash(&[widgets()]), hash(&[]));
}

#[test]
fn the_index_names_documents_with_their_hashes() {
    let index = index([("api/v1", "AB"), (&*name("apps", "v1"), "CD")]);
    let url = |name: &str| index["paths"][name]["serverRelativeURL"].clone();
    assert_eq!(url("api/v1"), "/openapi/v3/api/v1?hash=AB");
    assert_eq!(url("apis/apps/v1"), "/openapi/v3/apis/apps/v1?hash=CD");
}
