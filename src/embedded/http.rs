//! HTTP: who asks, what for, and how the answer looks.

use std::{sync::Arc, time::Duration};

use axum::body::Body;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Limited};
use tokio::time::timeout;

mod aggregated;
mod discovery;
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
    request::{Question, Rights, User},
    server::{Seen, Server},
    status::{Resource, Status},
};

/// Largest body of a request, as in the real server.
const BODY_BYTES_MAX: usize = 3 * 1024 * 1024;
/// Time for a body to arrive.
const BODY_DEADLINE: Duration = Duration::from_secs(30);
/// Paths that are answered without a token.
const OPEN_PATHS: [&str; 4] = ["/healthz", "/livez", "/readyz", "/version"];

/// Who asks without a token.
const ANONYMOUS: &str = "system:anonymous";

/// The media type of a server-side apply.
const APPLY_TYPE: &str = "application/apply-patch+yaml";

/// Answers one request.
pub(super) async fn answer(server: Server, request: Request<Body>) -> Response<Body> {
    let arrived = server.core().now();
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let route = Route::find(&server.core().registry.table(), &parts.method, &path);
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let known = match parts.headers.get(header::AUTHORIZATION) {
        Some(_) => caller(&server, &parts.headers),
        None => Some(Arc::new(anonymous())),
    };
    let user = known.map(|user| act_as(&server, user, &parts.headers));
    let mut seen = route.seen(&query, &path, parts.uri.query().unwrap_or_default());
    seen.arrived = arrived;
    seen.user_agent = text(&parts.headers, header::USER_AGENT.as_str()).to_owned();
    seen.applies = seen.verb == "patch"
        && text(&parts.headers, header::CONTENT_TYPE.as_str()).starts_with(APPLY_TYPE);
    if let Some(user) = &user {
        seen.user.clone_from(&user.name);
    }
    let reply = match admit(&server, user.as_deref(), &route, &seen) {
        Ok(user) => match read(body).await {
            Ok(body) => {
                let asked = Asked {
                    server: &server,
                    user: &user,
                    headers: &parts.headers,
                    query: &query,
                    body: &body,
                };
                respond(&asked, &route, &path)
            }
            Err(status) => Reply::refusal(&status),
        },
        Err(status) => Reply::refusal(&status),
    };
    seen.code = reply.code;
    server.saw(&seen);
    let mut response = reply.into_response();
    if parts.method == http::Method::HEAD {
        *response.body_mut() = Body::empty();
    }
    response
}

fn respond(asked: &Asked<'_>, route: &Route, path: &str) -> Reply {
    let answered = match route {
        Route::Objects(place) => Ok(objects::respond(asked, place)),
        Route::Page => Ok(pages::respond(asked, path)),
        Route::Nowhere => Ok(pages::nowhere(&asked.server.core().registry.table(), path)),
        Route::Absent { kind, name } => Err(Status::not_found(kind.resource(), name)),
    };
    answered.unwrap_or_else(|status| Reply::refusal(&status))
}

/// A user who may nothing but what is granted to that name.
fn anonymous() -> User {
    User {
        name: ANONYMOUS.to_owned(),
        groups: vec!["system:unauthenticated".to_owned()],
        rights: Rights::Granted,
    }
}

/// The user behind the token of a request.
fn caller(server: &Server, headers: &http::HeaderMap) -> Option<Arc<User>> {
    let token = text(headers, header::AUTHORIZATION.as_str()).strip_prefix("Bearer ")?;
    server.core().user(token.trim())
}

/// Who the caller wants to be taken for. Only who may do everything may ask for that; of others
/// the wish leaves nobody, who may do nothing.
fn act_as(server: &Server, user: Arc<User>, headers: &http::HeaderMap) -> Arc<User> {
    let name = text(headers, "impersonate-user");
    if name.is_empty() {
        return user;
    }
    let groups = headers.get_all("impersonate-group").iter();
    let groups: Vec<String> =
        groups.filter_map(|value| value.to_str().ok()).map(str::to_owned).collect();
    if user.rights == Rights::All {
        Arc::new(server.core().known_user(name, groups))
    } else {
        let name = format!("{} as {name}", user.name);
        Arc::new(User { name, groups: Vec::new(), rights: Rights::Granted })
    }
}

fn text<'a>(headers: &'a http::HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Lets a request in, or says who may not do what.
fn admit(server: &Server, user: Option<&User>, route: &Route, seen: &Seen) -> Result<User, Status> {
    let open = matches!(route, Route::Page)
        && OPEN_PATHS
            .iter()
            .any(|path| seen.path == *path || seen.path.starts_with(&format!("{path}/")));
    let Some(user) = user else {
        return if open { Ok(anonymous()) } else { Err(Status::unauthorized()) };
    };
    let question = Question {
        verb: seen.verb.clone(),
        group: seen.group.clone(),
        resource: seen.resource.clone(),
        subresource: seen.subresource.clone(),
        namespace: seen.namespace.clone(),
        name: seen.name.clone(),
        path: seen.path.clone(),
    };
    let stranger = user.name == ANONYMOUS && matches!(route, Route::Page);
    if open || !stranger && server.core().allows(user, &question) {
        return Ok(user.clone());
    }
    Err(forbidden(user, &question))
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

async fn read(body: Body) -> Result<Vec<u8>, Status> {
    let reading = Limited::new(body, BODY_BYTES_MAX).collect();
    match timeout(BODY_DEADLINE, reading).await {
        Ok(Ok(body)) => Ok(body.to_bytes().to_vec()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            Err(Status::too_large(BODY_BYTES_MAX))
        }
        Ok(Err(error)) => Err(Status::bad_request(format!("the body was not received: {error}"))),
        Err(_) => {
            Err(Status::new(504, "Timeout", "the body of the request did not arrive in time"))
        }
    }
}
