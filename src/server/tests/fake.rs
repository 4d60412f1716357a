//! An API server at the HTTP seam: token and access reviews, and Application resources with
//! resource versions, finalizers aside.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex},
};

use http_body_util::BodyExt as _;
use serde_json::{Value, json};

/// What the fake knows and has seen.
#[derive(Default)]
pub(super) struct State {
    /// Applications by name.
    pub(super) apps: BTreeMap<String, Value>,
    /// User and allowed verbs by token.
    pub(super) tokens: BTreeMap<String, (String, Vec<String>)>,
    /// Method, path with query, and body of every request.
    pub(super) seen: Vec<(String, String, Value)>,
    /// Somebody else writes before each of so many patches.
    pub(super) rivals: usize,
    /// Status code for everything, when it is not to answer properly.
    pub(super) broken: Option<u16>,
    version: u64,
}

pub(super) type Fake = Arc<Mutex<State>>;

const APPS: &str = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/";

pub(super) fn client(fake: &Fake) -> kube::Client {
    let fake = Arc::clone(fake);
    let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let fake = Arc::clone(&fake);
        async move {
            let (parts, body) = request.into_parts();
            let bytes = body.collect().await.expect("a body in memory").to_bytes();
            let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
            let (code, answer) =
                fake.lock().unwrap().answer(parts.method.as_str(), &parts.uri.to_string(), body);
            let response = http::Response::builder()
                .status(code)
                .body(axum::body::Body::from(answer.to_string()))
                .expect("a valid response");
            Ok::<_, Infallible>(response)
        }
    });
    kube::Client::new(service, "argocd")
}

fn failure(code: u16, reason: &str) -> (u16, Value) {
    let message = format!("{reason} by the fake");
    (
        code,
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
                  "reason": reason, "message": message}),
    )
}

impl State {
    pub(super) fn put(&mut self, name: &str, spec: &Value, status: &Value) {
        self.version += 1;
        let app = json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
            "metadata": {"name": name, "namespace": "argocd", "uid": format!("uid-{name}"),
                         "resourceVersion": self.version.to_string(),
                         "managedFields": [{"manager": "kubectl"}]},
            "spec": spec, "status": status,
        });
        self.apps.insert(name.to_owned(), app);
    }

    pub(super) fn count(&self, what: &str) -> usize {
        self.seen
            .iter()
            .filter(|(method, path, _)| format!("{method} {path}").contains(what))
            .count()
    }

    fn answer(&mut self, method: &str, uri: &str, body: Value) -> (u16, Value) {
        self.seen.push((method.to_owned(), uri.to_owned(), body.clone()));
        if let Some(code) = self.broken {
            return failure(code, if code == 403 { "Forbidden" } else { "InternalError" });
        }
        let path = uri.split('?').next().unwrap_or_default();
        match (method, path.strip_prefix(APPS)) {
            ("GET", Some(name)) => match self.apps.get(name) {
                Some(app) => (200, app.clone()),
                None => failure(404, "NotFound"),
            },
            ("PATCH", Some(name)) => self.patch(name, &body),
            ("DELETE", Some(name)) => match self.apps.remove(name) {
                Some(_) => {
                    (200, json!({"kind": "Status", "apiVersion": "v1", "status": "Success"}))
                }
                None => failure(404, "NotFound"),
            },
            _ if path.ends_with("/tokenreviews") => self.token_review(body),
            _ if path.ends_with("/subjectaccessreviews") => self.access_review(body),
            _ if path.ends_with("/events") => (
                200,
                json!({"kind": "EventList", "apiVersion": "v1",
                             "metadata": {"resourceVersion": "7"},
                             "items": [{"metadata": {"name": "e"}, "involvedObject": {},
                                        "reason": "Drifted"}]}),
            ),
            _ => failure(404, "NotFound"),
        }
    }

    fn patch(&mut self, name: &str, patch: &Value) -> (u16, Value) {
        self.version += 1;
        let version = self.version.to_string();
        let Some(app) = self.apps.get_mut(name) else { return failure(404, "NotFound") };
        if self.rivals > 0 {
            self.rivals -= 1;
            app["metadata"]["resourceVersion"] = json!(version);
        }
        if patch["metadata"]["resourceVersion"] != app["metadata"]["resourceVersion"] {
            return failure(409, "Conflict");
        }
        json_patch::merge(app, patch);
        app["metadata"]["resourceVersion"] = json!(version);
        (200, app.clone())
    }

    fn token_review(&self, mut review: Value) -> (u16, Value) {
        let known = self.tokens.get(review["spec"]["token"].as_str().unwrap_or_default());
        review["status"] = match known {
            Some((user, _)) => {
                json!({"authenticated": true, "user": {"username": user, "groups": ["devs"]}})
            }
            None => json!({"authenticated": false}),
        };
        (201, review)
    }

    fn access_review(&self, mut review: Value) -> (u16, Value) {
        let asked = &review["spec"]["resourceAttributes"];
        let verb = asked["verb"].as_str().unwrap_or_default();
        let right_place = asked["group"] == "argoproj.io"
            && asked["resource"] == "applications"
            && asked["namespace"] == "argocd";
        let user = review["spec"]["user"].as_str().unwrap_or_default();
        let allowed = right_place
            && self
                .tokens
                .values()
                .any(|(name, verbs)| name == user && verbs.iter().any(|known| known == verb));
        review["status"] = json!({"allowed": allowed});
        (201, review)
    }
}
