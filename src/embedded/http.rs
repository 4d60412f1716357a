//! HTTP: who asks, what for, and how the answer looks.

use std::{sync::Arc, time::Duration};

use axum::body::Body;
use http::{Method, Request, Response, header};
use http_body_util::BodyExt;
use tokio::time::timeout;

mod aggregated;
mod deadline;
mod discovery;
mod identity;
mod listen;
mod metrics;
mod negotiate;
mod objects;
mod pages;
mod present;
mod query;
mod reply;
mod route;
mod stream;
#[cfg(test)]
mod tests;
mod tls;

pub use self::tls::TlsError;
pub(super) use self::{
    listen::run,
    metrics::Metrics,
    tls::{Authority, Identity},
};
use self::{objects::Asked, query::Query, reply::Reply, route::Route};
use super::{
    request::{Question, User},
    server::{Seen, Server},
    status::{Resource, Status},
};

/// Largest body of a request, as in the real server.
const BODY_BYTES_MAX: usize = 3 * 1024 * 1024;
/// How much is read of a body that is not wanted.
const BODY_BYTES_DISCARDED_MAX: usize = 16 * BODY_BYTES_MAX;
/// Time for a body to arrive.
const BODY_DEADLINE: Duration = Duration::from_secs(30);
/// Paths that are answered without a token.
const OPEN_PATHS: [&str; 4] = ["/healthz", "/livez", "/readyz", "/version"];

/// The media type of a server-side apply.
const APPLY_TYPE: &str = "application/apply-patch+yaml";

/// Answers one request.
pub(super) async fn answer(server: Server, request: Request<Body>) -> Response<Body> {
    let arrived = server.core().now();
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let route = Route::find(&server.core().registry.table(), &parts.method, &path);
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let user = identity::caller(&server, &parts.headers)
        .and_then(|user| identity::act_as(&server, user, &parts.headers));
    let mut seen = route.seen(&query, &path, parts.uri.query().unwrap_or_default());
    seen.arrived = arrived;
    seen.user_agent = text(&parts.headers, header::USER_AGENT.as_str()).to_owned();
    seen.applies = seen.verb == "patch"
        && text(&parts.headers, header::CONTENT_TYPE.as_str()).starts_with(APPLY_TYPE);
    if let Ok(user) = &user {
        seen.user.clone_from(&user.name);
    }
    // A watch has a time of its own.
    let timeout = if seen.verb == "watch" { "" } else { query.get("timeout") };
    let admitted = deadline::expect_duration(timeout)
        .and(user)
        .and_then(|user| admit(&server, user, &route, &seen));
    let sent = read(body, if admitted.is_ok() { BODY_BYTES_MAX } else { 0 }).await;
    let mut reply = match admitted.and_then(|user| Ok((user, sent?))) {
        Ok((user, body)) => {
            let asked = Asked {
                server: &server,
                user: &user,
                headers: &parts.headers,
                query: &query,
                body: &body,
            };
            respond(&asked, &route, &parts.method, &path)
        }
        Err(status) => Reply::refusal(&status),
    };
    if negotiate::wants_yaml(text(&parts.headers, header::ACCEPT.as_str())) {
        reply = reply.in_yaml().await;
    }
    seen.code = reply.code;
    server.saw(&seen);
    let mut response = reply.into_response();
    if parts.method == Method::HEAD {
        *response.body_mut() = Body::empty();
    }
    response
}

fn respond(asked: &Asked<'_>, route: &Route, method: &Method, path: &str) -> Reply {
    let described =
        ["api", "apis", "version"].contains(&path.split('/').nth(1).unwrap_or_default());
    let answered = match route {
        Route::Page if described && method != Method::GET => Err(Status::no_such_method()),
        Route::Objects(place) => Ok(objects::respond(asked, place)),
        Route::Page => Ok(pages::respond(asked, path)),
        Route::Nowhere => Ok(pages::nowhere(&asked.server.core().registry.table(), path)),
        Route::Absent { kind, name } => Err(Status::not_found(kind.resource(), name)),
    };
    answered.unwrap_or_else(|status| Reply::refusal(&status))
}

fn text<'a>(headers: &'a http::HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Lets a request in, or says who may not do what.
fn admit(
    server: &Server,
    user: Arc<User>,
    route: &Route,
    seen: &Seen,
) -> Result<Arc<User>, Status> {
    let open = matches!(route, Route::Page)
        && OPEN_PATHS
            .iter()
            .any(|path| seen.path == *path || seen.path.starts_with(&format!("{path}/")));
    let question = Question {
        verb: seen.verb.clone(),
        group: seen.group.clone(),
        resource: seen.resource.clone(),
        subresource: seen.subresource.clone(),
        namespace: seen.namespace.clone(),
        name: seen.name.clone(),
        path: seen.path.clone(),
    };
    if open || server.core().allows(&user, &question) {
        return Ok(user);
    }
    Err(forbidden(&user, &question))
}

fn forbidden(user: &User, asked: &Question) -> Status {
    let (name, verb) = (&user.name, &asked.verb);
    if asked.resource.is_empty() {
        let why = format!("User {name:?} cannot {verb} path {:?}", asked.path);
        return Status::forbidden(Resource { group: "", plural: "" }, "", &why);
    }
    let resource = match asked.subresource.as_str() {
        "" => asked.resource.clone(),
        sub => format!("{}/{sub}", asked.resource),
    };
    let place = match asked.namespace.as_str() {
        "" => "at the cluster scope".to_owned(),
        namespace => format!("in the namespace {namespace:?}"),
    };
    let group = &asked.group;
    let why =
        format!("User {name:?} cannot {verb} resource {resource:?} in API group {group:?} {place}");
    Status::forbidden(Resource { group, plural: &asked.resource }, &asked.name, &why)
}

/// The body, of at most so many bytes. The rest of a longer one is read, too, as far as that is
/// bearable: who is still sending does not listen.
async fn read(body: Body, bytes_max: usize) -> Result<Vec<u8>, Status> {
    match timeout(BODY_DEADLINE, collect(body, bytes_max)).await {
        Ok(collected) => collected,
        Err(_) => {
            Err(Status::new(504, "Timeout", "the body of the request did not arrive in time"))
        }
    }
}

async fn collect(mut body: Body, bytes_max: usize) -> Result<Vec<u8>, Status> {
    let (mut kept, mut bytes) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame
            .map_err(|error| Status::bad_request(format!("the body was not received: {error}")))?;
        let data = frame.data_ref().map(|data| &data[..]).unwrap_or_default();
        bytes += data.len();
        if bytes <= bytes_max {
            kept.extend_from_slice(data);
        } else if bytes > BODY_BYTES_DISCARDED_MAX {
            break;
        }
    }
    if bytes > bytes_max { Err(Status::too_large(BODY_BYTES_MAX)) } else { Ok(kept) }
}
