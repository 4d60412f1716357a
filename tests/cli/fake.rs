//! A status API with one application, `web`, whose states a test writes down beforehand.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

use axum::{
    Json, Router,
    extract::{Path, Query, Request, State},
    http::{HeaderMap, StatusCode},
    middleware::{self, Next},
    response::{
        IntoResponse, Response,
        sse::{Event, Sse},
    },
    routing::{delete, get, post},
};
use futures::Stream;
use serde_json::{Value, json};
use tokio::sync::{broadcast, oneshot, watch};

/// What the API answers with.
#[derive(Default)]
pub(crate) struct Script {
    /// States of `web`: the first one holds at the start, the others follow an action (`sync`,
    /// `rollback`, `delete`) or, with `runs`, the first look.
    pub(crate) states: Vec<Value>,
    /// The states go on by themselves.
    pub(crate) runs: bool,
    /// The application is gone after its last state.
    pub(crate) ends_deleted: bool,
    /// The stream of changes is refused: clients have to look.
    pub(crate) no_stream: bool,
    /// So many requests are answered before anything has been read.
    pub(crate) unread: usize,
    /// Every request needs this token.
    pub(crate) token: Option<&'static str>,
    /// Other answers by path.
    pub(crate) answers: HashMap<&'static str, Value>,
}

/// A running API. It ends with the value.
pub(crate) struct Fake {
    /// Its address.
    pub(crate) url: String,
    world: Arc<World>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct World {
    script: Script,
    /// Which of the states holds; their number when the application is gone.
    at: Mutex<usize>,
    moving: Mutex<bool>,
    /// The last state that a client has seen since the states move: the next one waits for it, so
    /// that none is missed, however slow the machine is.
    seen: watch::Sender<usize>,
    changes: broadcast::Sender<usize>,
    requests: Mutex<Vec<String>>,
    unread: Mutex<usize>,
}

impl Fake {
    /// Starts it on a free port.
    pub(crate) fn start(script: Script) -> Self {
        let world = Arc::new(World {
            at: Mutex::default(),
            moving: Mutex::default(),
            seen: watch::channel(0).0,
            changes: broadcast::channel(64).0,
            requests: Mutex::default(),
            unread: Mutex::new(script.unread),
            script,
        });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let router = router(Arc::clone(&world));
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                listener.set_nonblocking(true).unwrap();
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    _ = stopped => {}
                    ended = axum::serve(listener, router) => ended.unwrap(),
                }
            });
        });
        Self { url, world, stop: Some(stop), thread: Some(thread) }
    }

    /// Method, path with query, and body of every request that changes something.
    pub(crate) fn actions(&self) -> Vec<String> {
        self.world.requests.lock().unwrap().clone()
    }
}

impl World {
    fn state(&self, at: usize) -> Option<Value> {
        self.script.states.get(at).cloned()
    }

    fn now(&self) -> Option<Value> {
        self.state(*self.at.lock().unwrap())
    }

    /// Lets the states follow one another, once: the second one at once, the others after their
    /// predecessor was seen.
    fn go_on(self: &Arc<Self>) {
        if std::mem::replace(&mut *self.moving.lock().unwrap(), true) {
            return;
        }
        let last = self.script.states.len() - usize::from(!self.script.ends_deleted);
        let world = Arc::clone(self);
        let mut seen = self.seen.subscribe();
        let publish = move |at: usize| {
            *world.at.lock().unwrap() = at;
            // Nobody may be listening.
            let _ = world.changes.send(at);
        };
        if last >= 1 {
            publish(1);
        }
        tokio::spawn(async move {
            for at in 2..=last {
                seen.wait_for(|seen| *seen + 1 >= at).await.expect("the world goes on");
                publish(at);
            }
        });
    }

    /// Counts the requests that come too early.
    fn is_unread(&self) -> bool {
        let mut unread = self.unread.lock().unwrap();
        let early = *unread > 0;
        *unread = unread.saturating_sub(1);
        early
    }

    fn saw(&self, at: usize) {
        if *self.moving.lock().unwrap() {
            self.seen.send_if_modified(|seen| std::mem::replace(seen, at.max(*seen)) < at);
        }
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.stop.take().map(|stop| stop.send(()));
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the API did not panic");
        }
    }
}

fn router(world: Arc<World>) -> Router {
    Router::new()
        .route("/api/v1/applications", get(list))
        .route("/api/v1/applications/{name}", get(one).delete(action))
        .route("/api/v1/applications/{name}/sync", post(action))
        .route("/api/v1/applications/{name}/rollback", post(action))
        .route("/api/v1/applications/{name}/operation", delete(action))
        .route("/api/v1/stream/applications", get(stream))
        .fallback(other)
        .layer(middleware::from_fn_with_state(Arc::clone(&world), known))
        .with_state(world)
}

fn refuse(status: StatusCode, message: &str) -> Response {
    let body = json!({"error": message, "code": 2, "message": message});
    (status, Json(body)).into_response()
}

fn absent(name: &str) -> Response {
    refuse(StatusCode::NOT_FOUND, &format!("application \"{name}\" not found"))
}

async fn known(
    State(world): State<Arc<World>>,
    headers: HeaderMap,
    request: Request,
    next: Next,
) -> Response {
    if world.is_unread() {
        let body = json!({"message": "not read yet", "code": 14, "reason": "NotReady"});
        return (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response();
    }
    let given = headers.get("authorization").and_then(|value| value.to_str().ok());
    match world.script.token {
        Some(token) if given != Some(&format!("Bearer {token}")) => {
            refuse(StatusCode::UNAUTHORIZED, "who are you?")
        }
        _ => next.run(request).await,
    }
}

async fn list(State(world): State<Arc<World>>) -> Response {
    let other = world.script.answers.get("list").cloned();
    let items: Vec<Value> = world.now().into_iter().collect();
    Json(other.unwrap_or(json!({"metadata": {}, "items": items}))).into_response()
}

async fn one(
    State(world): State<Arc<World>>,
    Path(name): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    if let Some(level) = query.get("refresh") {
        world.requests.lock().unwrap().push(format!("refresh {level}"));
    }
    let at = *world.at.lock().unwrap();
    world.saw(at);
    // Whoever follows has opened the stream before it looks.
    if world.script.runs && world.changes.receiver_count() > 0 {
        world.go_on();
    }
    match world.state(at).filter(|_| name == "web") {
        Some(now) => Json(now).into_response(),
        None => absent(&name),
    }
}

async fn action(
    State(world): State<Arc<World>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    world.requests.lock().unwrap().push(format!("{method} {uri} {body}").trim_end().to_owned());
    if name != "web" {
        return absent(&name);
    }
    if let Some(refusal) = world.script.answers.get("refuse") {
        return (StatusCode::BAD_REQUEST, Json(refusal.clone())).into_response();
    }
    // As Argo CD does, the answer shows the request in its slot.
    let mut now = world.now().unwrap();
    now["operation"] = json!({"sync": {}});
    world.go_on();
    Json(now).into_response()
}

async fn stream(State(world): State<Arc<World>>) -> Response {
    if world.script.no_stream {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "too many streams");
    }
    let changes = world.changes.subscribe();
    Sse::new(events(world, changes)).into_response()
}

fn events(
    world: Arc<World>,
    changes: broadcast::Receiver<usize>,
) -> impl Stream<Item = Result<Event, Infallible>> {
    futures::stream::unfold((world, changes), |(world, mut changes)| async move {
        let at = changes.recv().await.ok()?;
        let result = match world.state(at) {
            Some(app) => json!({"type": "MODIFIED", "application": app}),
            None => json!({"type": "DELETED", "application": {}}),
        };
        world.saw(at);
        let event = Event::default().data(json!({ "result": result }).to_string());
        Some((Ok(event), (world, changes)))
    })
}

async fn other(State(world): State<Arc<World>>, request: Request) -> Response {
    let uri = request.uri().to_string();
    match world.script.answers.get(uri.as_str()) {
        Some(answer) => Json(answer.clone()).into_response(),
        None => refuse(StatusCode::NOT_FOUND, &format!("there is no {uri}")),
    }
}

/// An application with a running history.
pub(crate) fn web(version: u32, sync: &str, health: &str) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "web", "namespace": "argocd", "resourceVersion": version.to_string()},
        "spec": {
            "project": "default",
            "source": {"repoURL": "https://git.example.com/shop/manifests", "path": "web"},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
        },
        "status": {
            "sync": {"status": sync, "revision": "0123456789abcdef0123456789abcdef01234567"},
            "health": {"status": health},
            "resources": [
                {"group": "apps", "version": "v1", "kind": "Deployment", "namespace": "shop",
                    "name": "web", "status": sync, "health": {"status": health}},
                {"version": "v1", "kind": "ConfigMap", "namespace": "shop", "name": "web",
                    "status": "Synced"},
            ],
            "history": [
                {"id": 0, "revision": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                    "deployedAt": "2026-11-20T10:00:00Z", "initiatedBy": {"username": "eva"},
                    "source": {"repoURL": "https://git.example.com/shop/manifests", "path": "web"}},
                {"id": 1, "revision": "0123456789abcdef0123456789abcdef01234567",
                    "deployedAt": "2026-11-21T10:00:00Z", "initiatedBy": {"automated": true},
                    "source": {"repoURL": "https://git.example.com/shop/manifests", "path": "web"}},
            ],
        },
    })
}

/// The same while or after an operation.
pub(crate) fn operating(mut app: Value, phase: &str, message: &str, results: &Value) -> Value {
    let finished = !matches!(phase, "Running" | "Terminating");
    if !finished {
        app["operation"] = json!({"sync": {}});
    }
    app["status"]["operationState"] = json!({
        "phase": phase,
        "message": message,
        "startedAt": "2026-11-21T11:00:00Z",
        "syncResult": {
            "revision": "0123456789abcdef0123456789abcdef01234567",
            "resources": results,
        },
    });
    if finished {
        app["status"]["operationState"]["finishedAt"] = json!("2026-11-21T11:00:05Z");
    }
    app
}
