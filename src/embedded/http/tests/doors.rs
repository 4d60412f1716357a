//! Who may do what, discovery, and the pages around.

use super::*;

#[tokio::test]
async fn a_token_decides_who_asks() {
    let admin = Caller::admin();
    let stranger = admin.as_user("stranger");
    let (code, status) = stranger.get(MAPS).await;
    assert_eq!((code, &status["reason"]), (401, &json!("Unauthorized")));
    assert_eq!(stranger.get("/healthz").await.0, 401);
    let viewer = admin.as_user("viewer");
    assert_eq!(viewer.get(MAPS).await.0, 200);
    let (code, status) = viewer.post(MAPS, &json!({"metadata": {"name": "a"}})).await;
    assert_eq!(code, 403);
    assert_eq!(
        status["message"],
        "configmaps is forbidden: User \"viewer\" cannot create resource \"configmaps\" in API \
         group \"\" in the namespace \"default\""
    );
    assert_eq!(viewer.get("/api/v1/secrets").await.0, 403);
    let nobody = admin.as_user("nobody");
    assert_eq!(nobody.get(MAPS).await.0, 403);
    assert_eq!(nobody.get("/apis").await.0, 200);
    assert_eq!(nobody.get("/metrics").await.0, 403);
}

#[tokio::test]
async fn a_role_grants_what_it_names() {
    let admin = Caller::admin();
    let base = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";
    let role = json!({"metadata": {"name": "maps"},
        "rules": [{"verbs": ["get", "list"], "apiGroups": [""], "resources": ["configmaps"]}]});
    let (code, role) = admin.post(&format!("{base}/roles"), &role).await;
    assert_eq!(code, 201, "{role}");
    let account = json!({"metadata": {"name": "robot"}});
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    admin.post(accounts, &account).await;
    let (code, token) = admin.post(&format!("{accounts}/robot/token"), &json!({})).await;
    assert_eq!(code, 201, "{token}");
    let token = token["status"]["token"].as_str().unwrap();
    let ask = || {
        let request = Request::get(MAPS)
            .header("authorization", format!("Bearer {token}"))
            .body(Body::empty())
            .unwrap();
        let server = admin.server.clone();
        async move { server.answer(request).await.status().as_u16() }
    };
    assert_eq!(ask().await, 403);
    let binding = json!({"metadata": {"name": "maps"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "maps"},
        "subjects": [{"kind": "ServiceAccount", "name": "robot", "namespace": "default"}]});
    let (code, binding) = admin.post(&format!("{base}/rolebindings"), &binding).await;
    assert_eq!(code, 201, "{binding}");
    assert_eq!(ask().await, 200);
}

#[tokio::test]
async fn reviews_answer_at_once() {
    let admin = Caller::admin();
    let token = admin.server.token("viewer").unwrap();
    let path = "/apis/authentication.k8s.io/v1/tokenreviews";
    let (code, review) = admin.post(path, &json!({"spec": {"token": token}})).await;
    assert_eq!((code, &review["status"]["user"]["username"]), (201, &json!("viewer")));
    let (_, review) = admin.post(path, &json!({"spec": {"token": "x"}})).await;
    assert_ne!(review["status"]["authenticated"], true);
    let may = |user: &'static str, verb: &'static str| {
        let admin = admin.clone();
        async move {
            let body = json!({"spec": {"user": user, "resourceAttributes": {
                "verb": verb, "resource": "pods", "namespace": "default"}}});
            let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
            admin.post(path, &body).await.1["status"]["allowed"].clone()
        }
    };
    assert_eq!(may("admin", "delete").await, true);
    assert_eq!(may("viewer", "list").await, true);
    assert_eq!(may("viewer", "delete").await, false);
    assert_eq!(may("nobody", "list").await, false);
    let nobody = admin.as_user("nobody");
    let body = json!({"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}});
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    assert_eq!(nobody.post(path, &body).await.1["status"]["allowed"], false);
}

#[tokio::test]
async fn kinds_are_discovered_in_both_forms() {
    let admin = Caller::admin();
    let (_, core) = admin.get("/api/v1").await;
    let resources = core["resources"].as_array().unwrap();
    let pods = resources.iter().find(|resource| resource["name"] == "pods").unwrap();
    assert_eq!(pods["shortNames"], json!(["po"]));
    assert!(resources.iter().any(|resource| resource["name"] == "pods/log"));
    let (_, groups) = admin.get("/apis").await;
    let groups = groups["groups"].as_array().unwrap();
    let apps = groups.iter().find(|group| group["name"] == "apps").unwrap();
    assert_eq!(apps["preferredVersion"]["groupVersion"], "apps/v1");
    let token = admin.server.token("admin").unwrap();
    let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    let request = Request::get("/apis")
        .header("authorization", format!("Bearer {token}"))
        .header("accept", accept)
        .body(Body::empty())
        .unwrap();
    let response = admin.server.answer(request).await;
    let media_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(media_type.contains("as=APIGroupDiscoveryList"), "{media_type}");
    for path in ["/apis/none", "/apis/apps/v2", "/api/v1/nothing", "/nothing"] {
        assert_eq!(admin.get(path).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn the_server_says_what_it_is_and_counts_requests() {
    let admin = Caller::admin();
    let (_, version) = admin.get("/version").await;
    let name = version["gitVersion"].as_str().unwrap();
    assert!(name.ends_with("+steadfast-embedded"), "{name}");
    admin.map("a", &json!({})).await;
    let (_, page) = admin.get("/metrics").await;
    let page = page.as_str().unwrap();
    let line = page.lines().find(|line| line.contains("verb=\"POST\"")).unwrap();
    assert!(line.contains("resource=\"configmaps\"") && line.contains("code=\"201\""), "{line}");
    assert_eq!(admin.get("/openapi/v2").await.1["swagger"], "2.0");
    let (_, index) = admin.get("/openapi/v3").await;
    assert!(index["paths"]["apis/apps/v1"].is_object(), "{index}");
    let (_, document) = admin.get("/openapi/v3/apis/apps/v1").await;
    assert!(document["components"]["schemas"].is_object());
}

#[tokio::test]
async fn an_observer_is_told_of_each_request() {
    use std::sync::{Arc, Mutex};
    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&seen);
    let observer = move |one: &super::super::super::server::Seen| {
        record.lock().unwrap().push(one.clone());
    };
    let options = Options { observer: Some(Arc::new(observer)), ..Options::default() };
    let admin = Caller { server: Server::new(options).unwrap(), user: "admin" };
    admin.post(&format!("{MAPS}?dryRun=All"), &json!({"metadata": {"name": "a"}})).await;
    let seen = seen.lock().unwrap();
    let one = seen.last().unwrap();
    assert_eq!((one.verb.as_str(), one.resource.as_str()), ("create", "configmaps"));
    assert_eq!((one.user.as_str(), one.user_agent.as_str()), ("admin", "test/1"));
    assert_eq!((one.code, one.dry_run), (201, true));
}
