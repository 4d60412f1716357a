//! Lists: selectors, pages, states, forms.

use super::*;

#[tokio::test]
async fn selectors_narrow_a_list() {
    let admin = Caller::admin();
    for (name, app) in [("a", "web"), ("b", "db"), ("c", "web")] {
        admin.map(name, &json!({"app": app})).await;
    }
    for (query, expected) in [
        ("labelSelector=app%3Dweb", vec!["a", "c"]),
        ("labelSelector=app%20notin%20(web)", vec!["b"]),
        ("fieldSelector=metadata.name%3Db", vec!["b"]),
        ("fieldSelector=metadata.name%21%3Db&labelSelector=app", vec!["a", "c"]),
    ] {
        let (code, list) = admin.get(&format!("{MAPS}?{query}")).await;
        assert_eq!((code, names(&list)), (200, expected), "{query}");
        assert_eq!(list["kind"], "ConfigMapList");
        assert!(list["items"][0].get("kind").is_none(), "items don't repeat their kind");
    }
    let (code, status) = admin.get(&format!("{MAPS}?fieldSelector=data.a%3D1")).await;
    assert_eq!(code, 400, "{status}");
    let (_, all) = admin.get("/api/v1/configmaps?labelSelector=app").await;
    assert_eq!(names(&all).len(), 3);
}

#[tokio::test]
async fn pages_show_one_state() {
    let admin = Caller::admin();
    for name in ["a", "b", "c", "d", "e"] {
        admin.map(name, &json!({})).await;
    }
    let (_, first) = admin.get(&format!("{MAPS}?limit=2")).await;
    assert_eq!(names(&first), ["a", "b"]);
    assert_eq!(first["metadata"]["remainingItemCount"], 3);
    admin.delete(&format!("{MAPS}/c")).await;
    admin.map("bb", &json!({})).await;
    let next = |list: &Value| {
        let token = list["metadata"]["continue"].as_str().unwrap().to_owned();
        format!("{MAPS}?limit=2&continue={token}")
    };
    let (_, second) = admin.get(&next(&first)).await;
    assert_eq!(names(&second), ["c", "d"], "as it was when the first page was read");
    assert_eq!(second["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
    let (_, third) = admin.get(&next(&second)).await;
    assert_eq!(names(&third), ["e"]);
    assert!(third["metadata"].get("continue").is_none());
    assert_eq!(admin.get(&format!("{MAPS}?limit=2&continue=x")).await.0, 400);
}

#[tokio::test]
async fn a_page_of_a_forgotten_state_can_go_on_with_the_present() {
    let admin = Caller::admin();
    for name in ["a", "b", "c"] {
        admin.map(name, &json!({})).await;
    }
    let (_, first) = admin.get(&format!("{MAPS}?limit=1")).await;
    for round in 0..5000 {
        let change = json!({"data": {"a": round.to_string()}});
        admin.patch(&format!("{MAPS}/a"), "merge-patch+json", &change).await;
    }
    let token = first["metadata"]["continue"].as_str().unwrap();
    let (code, status) = admin.get(&format!("{MAPS}?limit=5&continue={token}")).await;
    assert_eq!((code, &status["reason"]), (410, &json!("Expired")));
    let token = status["metadata"]["continue"].as_str().unwrap();
    let (code, rest) = admin.get(&format!("{MAPS}?limit=5&continue={token}")).await;
    assert_eq!((code, names(&rest)), (200, vec!["b", "c"]));
    let version = first["metadata"]["resourceVersion"].as_str().unwrap();
    let (code, _) =
        admin.get(&format!("{MAPS}?resourceVersion={version}&resourceVersionMatch=Exact")).await;
    assert_eq!(code, 410);
}

#[tokio::test]
async fn a_list_is_of_the_state_that_is_asked_for() {
    let admin = Caller::admin();
    let one = admin.map("a", &json!({})).await;
    let version = one["metadata"]["resourceVersion"].as_str().unwrap();
    admin.map("b", &json!({})).await;
    let list = |query: String| {
        let admin = admin.clone();
        async move { admin.get(&format!("{MAPS}?{query}")).await }
    };
    let exact = format!("resourceVersion={version}&resourceVersionMatch=Exact");
    assert_eq!(names(&list(exact).await.1), ["a"]);
    for query in [
        format!("resourceVersion={version}&resourceVersionMatch=NotOlderThan"),
        format!("resourceVersion={version}"),
        "resourceVersion=0".to_owned(),
        String::new(),
    ] {
        assert_eq!(names(&list(query).await.1), ["a", "b"]);
    }
    let (code, status) = list("resourceVersion=99999".to_owned()).await;
    assert_eq!((code, &status["reason"]), (504, &json!("Timeout")), "{status}");
    assert_eq!(list("resourceVersion=x".to_owned()).await.0, 400);
    assert_eq!(list("resourceVersionMatch=Exact".to_owned()).await.0, 422);
}

#[tokio::test]
async fn lists_come_as_tables_and_as_metadata() {
    let admin = Caller::admin();
    admin.map("a", &json!({"app": "web"})).await;
    let get = |accept: &'static str, path: String| {
        let admin = admin.clone();
        async move {
            let token = admin.server.token("admin").unwrap();
            let request = Request::get(path)
                .header("authorization", format!("Bearer {token}"))
                .header("accept", accept)
                .body(Body::empty())
                .unwrap();
            let response = admin.server.answer(request).await;
            let bytes = response.into_body().collect().await.unwrap().to_bytes();
            serde_json::from_slice::<Value>(&bytes).unwrap()
        }
    };
    let table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
    let list = get(table, MAPS.to_owned()).await;
    assert_eq!(list["kind"], "Table");
    assert_eq!(list["columnDefinitions"][0]["name"], "Name");
    assert_eq!(list["rows"][0]["cells"][0], "a");
    assert_eq!(list["rows"][0]["object"]["kind"], "PartialObjectMetadata");
    let whole = get(table, format!("{MAPS}?includeObject=Object")).await;
    assert_eq!(whole["rows"][0]["object"]["data"]["a"], "1");
    let none = get(table, format!("{MAPS}/a?includeObject=None")).await;
    assert_eq!(none["rows"][0]["object"], Value::Null);
    let metadata = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
    let list = get(metadata, MAPS.to_owned()).await;
    assert_eq!(list["kind"], "PartialObjectMetadataList");
    assert_eq!(list["items"][0]["metadata"]["labels"]["app"], "web");
    assert!(list["items"][0].get("data").is_none());
    let protobuf = get("application/vnd.kubernetes.protobuf", MAPS.to_owned()).await;
    assert_eq!(protobuf["code"], 406);
}
