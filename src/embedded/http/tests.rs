//! Requests at the router, without a socket.

use axum::body::Body;
use http::{Request, Response};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::super::server::{Options, Server};

mod custom;
mod deletion;
mod doors;
mod lists;
mod watches;
mod writes;

/// A server, and one of its users.
#[derive(Clone)]
struct Caller {
    server: Server,
    user: &'static str,
}

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

impl Caller {
    fn admin() -> Self {
        Self { server: Server::new(Options::default()).unwrap(), user: "admin" }
    }

    fn as_user(&self, user: &'static str) -> Self {
        Self { server: self.server.clone(), user }
    }

    async fn open(&self, method: &str, path: &str, kind: &str, body: String) -> Response<Body> {
        let token = self.server.token(self.user).unwrap_or("wrong");
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {token}"))
            .header("user-agent", "test/1")
            .header("content-type", kind)
            .header("accept", "application/json")
            .body(Body::from(body))
            .unwrap();
        self.server.answer(request).await
    }

    async fn raw(&self, method: &str, path: &str, kind: &str, body: String) -> (u16, Value) {
        let response = self.open(method, path, kind, body).await;
        let code = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        (code, serde_json::from_slice(&bytes).unwrap_or(Value::from(text)))
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.raw("GET", path, "", String::new()).await
    }

    async fn send(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.raw(method, path, "application/json", body.to_string()).await
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.send("POST", path, body).await
    }

    async fn patch(&self, path: &str, form: &str, body: &Value) -> (u16, Value) {
        self.raw("PATCH", path, &format!("application/{form}"), body.to_string()).await
    }

    async fn delete(&self, path: &str) -> (u16, Value) {
        self.raw("DELETE", path, "", String::new()).await
    }

    /// Creates a config map and answers it.
    async fn map(&self, name: &str, labels: &Value) -> Value {
        let object = json!({"metadata": {"name": name, "labels": labels}, "data": {"a": "1"}});
        let (code, object) = self.post(MAPS, &object).await;
        assert_eq!(code, 201, "{object}");
        object
    }
}

fn names(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().unwrap();
    items.iter().map(|item| item["metadata"]["name"].as_str().unwrap()).collect()
}
