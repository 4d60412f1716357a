//! Which handler answers which endpoint, and what surrounds all of them.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{delete, get, post},
};
use tokio::time::timeout;

use super::{
    App, access, applications as apps,
    error::{ApiError, Reason},
    forward, probes, stream, webhook,
};

/// Time for an answer to begin. Refreshes and renders end before.
const ANSWER_DEADLINE: Duration = Duration::from_secs(75);

pub(super) fn router(app: App) -> Router {
    // These answer from what only the replica has that acts for the application.
    let of_owner = Router::new()
        .route("/api/v1/applications/{name}/resource-tree", get(apps::resource_tree))
        .route("/api/v1/applications/{name}/managed-resources", get(apps::managed_resources))
        .route("/api/v1/applications/{name}/manifests", get(apps::manifests))
        .route("/api/v1/applications/{name}/events", get(apps::events))
        .route("/api/v1/applications/{name}/diff", get(apps::diff))
        .route("/api/v1/applications/{name}/drift", get(apps::drift))
        .route("/api/v1/stream/applications/{name}/resource-tree", get(stream::resource_tree))
        .route_layer(middleware::from_fn_with_state(Arc::clone(&app), forward::to_owner));
    Router::new()
        .route("/healthz", get(probes::healthz))
        .route("/readyz", get(probes::readyz))
        .route("/metrics", get(probes::metrics))
        .route("/api/version", get(probes::version))
        .route("/api/openapi.json", get(probes::document))
        .route("/swagger.json", get(probes::document))
        .route("/api/webhook", post(webhook::receive))
        .route("/api/v1/applications", get(apps::list))
        .route("/api/v1/applications/{name}", get(apps::get).delete(apps::delete))
        .route("/api/v1/applications/{name}/sync", post(apps::sync))
        .route("/api/v1/applications/{name}/rollback", post(apps::rollback))
        .route("/api/v1/applications/{name}/operation", delete(apps::terminate))
        .route("/api/v1/stream/applications", get(stream::applications))
        .merge(of_owner)
        .route_layer(middleware::from_fn_with_state(Arc::clone(&app), access::guard))
        .fallback(unknown)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), limited))
        .layer(middleware::from_fn(sealed))
        .with_state(app)
}

async fn unknown(request: Request) -> ApiError {
    ApiError::new(Reason::NotFound, format!("there is no {}", request.uri().path()))
}

/// Answers at once with 503 when too much is under way. Probes always get through: a busy server
/// is alive.
async fn limited(State(app): State<App>, request: Request, next: Next) -> Response {
    if matches!(request.uri().path(), "/healthz" | "/readyz" | "/metrics") {
        return next.run(request).await;
    }
    let Ok(_place) = app.requests.try_acquire() else {
        return ApiError::new(Reason::Busy, "too many requests at once, try again").into_response();
    };
    timeout(ANSWER_DEADLINE, next.run(request)).await.unwrap_or_else(|_| {
        let message = format!("no answer within {} s, try again", ANSWER_DEADLINE.as_secs());
        ApiError::new(Reason::Busy, message).into_response()
    })
}

/// Headers of every answer: nothing of it is kept, guessed at, or put into another site's frame.
async fn sealed(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    response
}
