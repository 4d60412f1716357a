//! `/healthz`, `/readyz`, `/metrics`, `/api/version`, and the documents of the API.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use serde_json::{Value, json};

use super::{App, openapi};

/// Answers as long as the process can answer at all.
pub(super) async fn healthz() -> &'static str {
    "ok"
}

/// Whether the controller can do its work, and if not, why.
pub(super) async fn readyz(State(app): State<App>) -> (StatusCode, String) {
    match app.handle.readiness() {
        Ok(()) => (StatusCode::OK, "ok".to_owned()),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, why),
    }
}

pub(super) async fn metrics(State(app): State<App>) -> impl IntoResponse {
    app.handle.measure(&app.metrics);
    let text = app.metrics.render(&app.handle.board, |name| app.handle.acts_for(name));
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}

/// Argo CD's version message, with its capital letters.
pub(super) async fn version() -> Json<Value> {
    Json(json!({
        "Version": format!("v{}", env!("CARGO_PKG_VERSION")),
        "Platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
        "Compiler": "rustc",
        "ExtraBuildInfo": "steadfast",
    }))
}

pub(super) async fn document() -> Json<Value> {
    Json(openapi::document())
}
