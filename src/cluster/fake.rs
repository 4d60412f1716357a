//! An API server for tests, at the HTTP seam: a tower service under a real client.
//!
//! It answers from a script: each expected request, in any order of paths but in order within one
//! path, has one answer. An answer may be a watch that the test goes on writing to.

use std::{
    collections::{HashMap, VecDeque},
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::{StreamExt, channel::mpsc, stream};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, StreamBody};
use kube::{Client, client::Body};
use serde_json::{Value, json};
use tower::Layer as _;

use super::{
    Cluster, KindInfo, KindTable, Observer, Options,
    signal::{TellLayer, Teller},
};
use crate::object::GroupVersionKind;

/// A request as the server saw it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) content_type: String,
    pub(crate) body: Value,
}

enum Reply {
    Json(u16, Option<u32>, Value),
    Watch(mpsc::UnboundedReceiver<Value>),
    /// The connection breaks.
    Broken,
    /// No answer ever.
    Silence,
}

type Key = (Method, String);

#[derive(Default)]
struct State {
    replies: HashMap<Key, VecDeque<Reply>>,
    seen: Vec<Seen>,
}

/// The server. Clones share the script.
#[derive(Clone, Default)]
pub(crate) struct Server {
    state: Arc<Mutex<State>>,
}

/// The writing end of a watch; dropping it ends the watch.
pub(crate) struct Events(mpsc::UnboundedSender<Value>);

impl Events {
    pub(crate) fn send(&self, kind: &str, object: &Value) {
        self.0.unbounded_send(json!({"type": kind, "object": object})).unwrap();
    }

    /// The bookmark that ends a streaming list.
    pub(crate) fn listed(&self, version: &str) {
        self.send(
            "BOOKMARK",
            &json!({"apiVersion": "v1", "kind": "X", "metadata": {"resourceVersion": version,
                "annotations": {"k8s.io/initial-events-end": "true"}}}),
        );
    }
}

impl Server {
    /// A cluster that talks to this server and serves the usual kinds.
    pub(crate) fn cluster(&self) -> Cluster {
        self.observed_cluster(None)
    }

    /// The same, with somebody who is told what happens.
    pub(crate) fn observed_cluster(&self, observer: Option<Observer>) -> Cluster {
        let service = self.clone();
        let service = tower::service_fn(move |request| service.clone().answer(request));
        let teller = Teller::new("http://fake", observer);
        let client = Client::new(TellLayer(teller.clone()).layer(service), "default");
        let cluster = Cluster::with_client(client, teller, &Options::default());
        cluster.discovery().set(kinds());
        cluster
    }

    fn add(&self, method: Method, path: &str, reply: Reply) {
        let mut state = self.state.lock().unwrap();
        state.replies.entry((method, path.to_owned())).or_default().push_back(reply);
    }

    /// The next such request gets this answer.
    pub(crate) fn on(&self, method: Method, path: &str, code: u16, body: Value) {
        self.add(method, path, Reply::Json(code, None, body));
    }

    /// The next such request gets a failure.
    pub(crate) fn refuse(
        &self,
        method: Method,
        path: &str,
        code: u16,
        reason: &str,
        message: &str,
    ) {
        let body = status(code, reason, message, &json!({}));
        self.add(method, path, Reply::Json(code, None, body));
    }

    /// The next such request is turned away with a pause.
    pub(crate) fn turn_away(&self, method: Method, path: &str, retry_after_s: u32) {
        let body = status(429, "TooManyRequests", "slow down", &json!({}));
        self.add(method, path, Reply::Json(429, Some(retry_after_s), body));
    }

    /// The next such request finds a closed connection.
    pub(crate) fn break_off(&self, method: Method, path: &str) {
        self.add(method, path, Reply::Broken);
    }

    /// The next such request gets no answer.
    pub(crate) fn keep_silent(&self, method: Method, path: &str) {
        self.add(method, path, Reply::Silence);
    }

    /// The next GET of a collection opens this watch.
    pub(crate) fn watch(&self, path: &str) -> Events {
        let (sender, receiver) = mpsc::unbounded();
        self.add(Method::GET, path, Reply::Watch(receiver));
        Events(sender)
    }

    /// Everything that was asked so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.lock().unwrap().seen.clone()
    }

    /// The requests that change something.
    pub(crate) fn writes(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.method != Method::GET).collect()
    }

    async fn answer(
        self,
        request: Request<Body>,
    ) -> Result<
        Response<http_body_util::combinators::UnsyncBoxBody<hyper::body::Bytes, Infallible>>,
        &'static str,
    > {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| "no body")?.to_bytes();
        let path = parts.uri.path().to_owned();
        let content_type = parts.headers.get("content-type").and_then(|v| v.to_str().ok());
        let reply = {
            let mut state = self.state.lock().unwrap();
            state.seen.push(Seen {
                method: parts.method.clone(),
                path: path.clone(),
                query: parts.uri.query().unwrap_or_default().to_owned(),
                content_type: content_type.unwrap_or_default().to_owned(),
                body: serde_json::from_slice(&body).unwrap_or_default(),
            });
            let key = (parts.method.clone(), path.clone());
            state.replies.get_mut(&key).and_then(VecDeque::pop_front)
        };
        let text = |value: Value| {
            let frame =
                hyper::body::Frame::data(hyper::body::Bytes::from(value.to_string() + "\n"));
            Ok::<_, Infallible>(frame)
        };
        let (code, retry_after, body) = match reply {
            Some(Reply::Broken) => return Err("connection reset"),
            Some(Reply::Silence) => std::future::pending().await,
            Some(Reply::Json(code, retry_after, body)) => {
                (code, retry_after, stream::iter([text(body)]).boxed())
            }
            Some(Reply::Watch(events)) => (200, None, events.map(text).boxed()),
            // Nothing is said about it: it is not there.
            None => {
                let message = format!("nothing is said about {} {path}", parts.method);
                (
                    404,
                    None,
                    stream::iter([text(status(404, "NotFound", &message, &json!({})))]).boxed(),
                )
            }
        };
        let mut response = Response::builder().status(code);
        if let Some(seconds) = retry_after {
            response = response.header("retry-after", seconds);
        }
        Ok(response.body(BodyExt::boxed_unsync(StreamBody::new(body))).unwrap())
    }
}

/// A failure as API servers write it.
pub(crate) fn status(code: u16, reason: &str, message: &str, details: &Value) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "code": code, "reason": reason, "message": message, "details": details})
}

fn kinds() -> KindTable {
    let kind = |api_version: &str, kind: &str, plural: &str, namespaced: bool| KindInfo {
        gvk: GroupVersionKind::parse(api_version, kind),
        plural: plural.to_owned(),
        namespaced,
        verbs: ["get", "list", "watch", "create", "patch", "delete"].map(str::to_owned).into(),
        subresources: Vec::new(),
    };
    KindTable::of([
        kind("v1", "ConfigMap", "configmaps", true),
        kind("v1", "Secret", "secrets", true),
        kind("v1", "Service", "services", true),
        kind("v1", "Namespace", "namespaces", false),
        kind("v1", "Pod", "pods", true),
        kind("apps/v1", "Deployment", "deployments", true),
        kind("apps/v1", "ReplicaSet", "replicasets", true),
        kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", true),
        kind(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            "customresourcedefinitions",
            false,
        ),
        kind("argoproj.io/v1alpha1", "Application", "applications", true),
    ])
}

/// Polls until `condition` holds; panics after a generous while.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..2000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("waited in vain until {what}");
}
