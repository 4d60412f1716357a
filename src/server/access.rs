//! Who may do what. Kubernetes' own rights decide: a token is checked by TokenReview, each action by
//! SubjectAccessReview on `applications.argoproj.io` in our namespace.

use std::net::IpAddr;

use axum::{
    extract::{MatchedPath, RawPathParams, Request, State, rejection::RawPathParamsRejection},
    http::{HeaderMap, Method, header, uri::Authority},
    middleware::Next,
    response::Response,
};

use super::{
    App,
    endpoints::{self, Action},
    error::{ApiError, Reason},
    listener::Peer,
};

/// Name under which `--insecure-local` acts.
const LOCAL_USER: &str = "insecure-local";
/// Longest token that is looked at, in bytes.
const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// How callers are let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody needs a token.
    Tokens,
    /// Requests from loopback to loopback need none (`--insecure-local`).
    InsecureLocal,
}

/// Who asks, let in and allowed to do what the endpoint does.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// Name in `initiatedBy.username` and in logs.
    pub(super) user: String,
    /// What was allowed, to ask again while a stream lasts; `None` for a local caller.
    pub(super) grant: Option<Grant>,
}

/// A right that was given, with what is needed to ask for it again.
#[derive(Clone)]
pub(super) struct Grant {
    token: String,
    action: Action,
    name: String,
}

impl std::fmt::Debug for Grant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Grant").field("action", &self.action).finish_non_exhaustive()
    }
}

impl Grant {
    /// Whether the right still holds; an error of the cluster changes nothing.
    pub(super) async fn holds(&self, app: &App) -> bool {
        match authorize(app, &self.token, self.action, &self.name).await {
            Ok(_) => true,
            Err(error) => !matches!(error.reason, Reason::Unauthenticated | Reason::Forbidden),
        }
    }
}

/// Runs before every handler: finds the endpoint, then asks whether the caller may use it.
pub(super) async fn guard(
    State(app): State<App>,
    path: MatchedPath,
    params: Result<RawPathParams, RawPathParamsRejection>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let method = match request.method() {
        &Method::HEAD => &Method::GET,
        method => method,
    };
    let Some(endpoint) = endpoints::find(method, path.as_str()) else {
        let message = format!("{} has no method {method}", path.as_str());
        return Err(ApiError::new(Reason::MethodNotAllowed, message));
    };
    if endpoint.action == Action::Open {
        return Ok(next.run(request).await);
    }
    let params = params.map_err(|_| ApiError::invalid("the path is not UTF-8"))?;
    let name = params.iter().find(|(key, _)| *key == "name").map_or("", |(_, name)| name);
    if !name.is_empty() && !is_name(name) {
        return Err(ApiError::no_application(name));
    }
    let caller = match bearer(request.headers())? {
        Some(token) => {
            let token = token.to_owned();
            let user = authorize(&app, &token, endpoint.action, name).await?;
            let grant = Grant { token, action: endpoint.action, name: name.to_owned() };
            Caller { user, grant: Some(grant) }
        }
        None if app.access == Access::InsecureLocal => {
            local_only(&request)?;
            Caller { user: LOCAL_USER.to_owned(), grant: None }
        }
        None => return Err(no_token()),
    };
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

async fn authorize(app: &App, token: &str, action: Action, name: &str) -> Result<String, ApiError> {
    let user = app.reviews.who(token).await?;
    for verb in action.verbs() {
        if app.reviews.may(token, &user, verb, name).await? {
            return Ok(user.username.clone().unwrap_or_default());
        }
    }
    let verbs = action.verbs().join("\" or \"");
    let what = if name.is_empty() { String::new() } else { format!(" \"{name}\"") };
    Err(ApiError::new(
        Reason::Forbidden,
        format!(
            "user \"{}\" may not do this: grant the verb \"{verbs}\" on applications.argoproj.io{what} \
             in namespace \"{}\" with a Role and a RoleBinding",
            user.username.as_deref().unwrap_or_default(),
            app.namespace
        ),
    ))
}

fn no_token() -> ApiError {
    ApiError::new(
        Reason::Unauthenticated,
        "a token is needed: send \"Authorization: Bearer TOKEN\" with a Kubernetes token, for \
         example from: kubectl create token NAME",
    )
}

/// The bearer token of a request; `None` when it carries no credentials at all.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let token = match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => "",
    };
    if token.is_empty() || token.len() > TOKEN_BYTES_MAX {
        return Err(no_token());
    }
    Ok(Some(token))
}

/// Whether a name can be one of an Application: a DNS subdomain, which is also what keeps a name
/// from becoming another path on its way to Kubernetes.
fn is_name(name: &str) -> bool {
    name.len() <= 253
        && name.split('.').all(|label| {
            !label.is_empty()
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        })
}

/// Lets a request without a token in when it comes from this machine and no web page sent it.
fn local_only(request: &Request) -> Result<(), ApiError> {
    let refuse = |why: &str| {
        Err(ApiError::new(
            Reason::NotLocal,
            format!(
                "{why}: --insecure-local lets in only this machine, everybody else needs a token"
            ),
        ))
    };
    match request.extensions().get::<Peer>() {
        Some(peer) if peer.remote.ip().is_loopback() && peer.local.ip().is_loopback() => {}
        _ => return refuse("the connection does not come from loopback"),
    }
    let headers = request.headers();
    // A name that a stranger's DNS server points at 127.0.0.1 is not ours.
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    if !host.is_some_and(is_loopback_host) {
        return refuse("the Host header does not name loopback");
    }
    // A page of another site can send requests here from the user's own browser.
    if let Some(origin) = headers.get(header::ORIGIN) {
        let origin = origin.to_str().unwrap_or_default();
        if !origin.split_once("://").is_some_and(|(_, host)| is_loopback_host(host)) {
            return refuse("another site's page sent the request");
        }
    }
    let site = headers.get("sec-fetch-site").and_then(|site| site.to_str().ok());
    if site.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return refuse("another site's page sent the request");
    }
    Ok(())
}

/// Whether `host`, `host:port`, `[v6]` or `[v6]:port` names loopback.
fn is_loopback_host(text: &str) -> bool {
    let Ok(authority) = text.parse::<Authority>() else { return false };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_goes_by_these_names_only() {
        let loopback =
            ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "127.8.8.8", "[::1]:8080", "[::1]"];
        let other =
            ["evil.com", "localhost.evil.com", "127.0.0.1.evil.com", "10.0.0.1", "", "[::2]"];
        assert!(loopback.iter().all(|host| is_loopback_host(host)));
        for host in other {
            assert!(!is_loopback_host(host), "{host}");
        }
    }

    #[test]
    fn a_name_can_not_become_another_path() {
        for name in ["web", "web-1.shop", "0"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "..", "a/b", "a..b", "%2e", "A", "a_b", "a b", &"a".repeat(254)] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn only_a_bearer_token_counts_as_one() {
        let read = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            bearer(&headers).map(|token| token.map(str::to_owned)).map_err(|error| error.reason)
        };
        assert_eq!(read("Bearer abc"), Ok(Some("abc".into())));
        assert_eq!(read("bearer  abc"), Ok(Some("abc".into())));
        assert_eq!(read("Basic abc"), Err(Reason::Unauthenticated));
        assert_eq!(read("Bearer "), Err(Reason::Unauthenticated));
        assert_eq!(bearer(&HeaderMap::new()), Ok(None));
    }
}
