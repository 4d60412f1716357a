//! A status API with one application, `web`, whose states a test writes down beforehand.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::Duration,
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
use tokio::sync::{broadcast, oneshot};

/// Time between two states, so that each is seen by itself.
const STEP: Duration = Duration::from_millis(30);

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
    now: Mutex<Option<Value>>,
    moving: Mutex<bool>,
    changes: broadcast::Sender<Option<Value>>,
    requests: Mutex<Vec<String>>,
}

impl Fake {
    /// Starts it on a free port.
    pub(crate) fn start(script: Script) -> Self {
        let world = Arc::new(World {
            now: Mutex::new(script.states.first().cloned()),
            moving: Mutex::default(),
            changes: broadcast::channel(64).0,
            requests: Mutex::default(),
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
    let items: Vec<Value> = world.now.lock().unwrap().iter().cloned().collect();
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
    let now = world.now.lock().unwrap().clone();
    let Some(now) = now.filter(|_| name == "web") else { return absent(&name) };
    if world.script.runs {
        go_on(&world);
    }
    Json(now).into_response()
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
        return refuse(StatusCode::BAD_REQUEST, refusal.as_str().unwrap());
    }
    // As Argo CD does, the answer shows the request in its slot.
    let mut now = world.now.lock().unwrap().clone().unwrap();
    now["operation"] = json!({"sync": {}});
    go_on(&world);
    Json(now).into_response()
}

/// Lets the states follow one another, once.
fn go_on(world: &Arc<World>) {
    let mut moving = world.moving.lock().unwrap();
    if std::mem::replace(&mut *moving, true) {
        return;
    }
    let world = Arc::clone(world);
    tokio::spawn(async move {
        for state in &world.script.states[1..] {
            tokio::time::sleep(STEP).await;
            *world.now.lock().unwrap() = Some(state.clone());
            let _ = world.changes.send(Some(state.clone()));
        }
        if world.script.ends_deleted {
            tokio::time::sleep(STEP).await;
            *world.now.lock().unwrap() = None;
            let _ = world.changes.send(None);
        }
    });
}

async fn stream(State(world): State<Arc<World>>) -> Response {
    if world.script.no_stream {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "too many streams");
    }
    Sse::new(events(world.changes.subscribe())).into_response()
}

fn events(
    changes: broadcast::Receiver<Option<Value>>,
) -> impl Stream<Item = Result<Event, Infallible>> {
    futures::stream::unfold(changes, |mut changes| async move {
        let change = changes.recv().await.ok()?;
        let result = match change {
            Some(app) => json!({"type": "MODIFIED", "application": app}),
            None => json!({"type": "DELETED", "application": {}}),
        };
        let event = Event::default().data(json!({ "result": result }).to_string());
        Some((Ok(event), changes))
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
pub(crate) fn operating(mut app: Value, phase: &str, message: &str, results: Value) -> Value {
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
