//! What happens at this edge, told to whoever counts it: answers to requests, changes that watches
//! tell. Nothing here decides anything.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Method, Request, Response, StatusCode};
use tower::{Layer, Service};

use super::contact::Contact;
use crate::object::GroupKind;

/// One thing that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal<'a> {
    /// A request was answered or given up.
    Answered(&'a Answered),
    /// A watch of the live store told that an object of this kind has changed.
    Event(&'a GroupKind),
}

/// One request and how it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The verb as Kubernetes audits it: get, list, watch, create, update, patch, delete,
    /// deletecollection.
    pub verb: &'static str,
    /// The resource by its plural (`deployments`); of other paths the first segment (`version`).
    pub resource: String,
    /// HTTP status; 0 when there was no answer or nobody waited for it any longer.
    pub code: u16,
    /// True for a dry run.
    pub dry_run: bool,
}

/// Told everything, with the address of the API server. Called in the middle of requests: must be
/// quick and must not block.
pub type Observer = Arc<dyn Fn(&str, Signal<'_>) + Send + Sync>;

/// The API server's address and who wants to know what happens there.
#[derive(Clone)]
pub(super) struct Teller {
    pub(super) server: Arc<str>,
    observer: Option<Observer>,
    contact: Arc<Contact>,
}

impl Teller {
    pub(super) fn new(server: &str, observer: Option<Observer>) -> Self {
        Self { server: server.into(), observer, contact: Arc::default() }
    }

    /// What is known about contact with the server.
    pub(super) fn contact(&self) -> &Contact {
        &self.contact
    }

    pub(super) fn tell(&self, signal: Signal<'_>) {
        if let Some(observer) = &self.observer {
            observer(&self.server, signal);
        }
    }
}

impl Answered {
    /// What is known before the answer.
    fn asked<B>(request: &Request<B>) -> Self {
        let query = request.uri().query().unwrap_or_default();
        let has = |name: &str, value: &str| {
            query.split('&').any(|part| part.split_once('=') == Some((name, value)))
        };
        let (resource, named) = resource(request.uri().path());
        let verb = match *request.method() {
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE if named => "delete",
            Method::DELETE => "deletecollection",
            _ if has("watch", "true") => "watch",
            _ if named => "get",
            _ => "list",
        };
        let dry_run = has("dryRun", "All");
        Self { verb, resource: resource.to_owned(), code: 0, dry_run }
    }
}

/// The resource that a path is about, and whether it names one object (or no resource at all).
fn resource(path: &str) -> (&str, bool) {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let root = parts.next().unwrap_or_default();
    let versioned = match root {
        "api" => parts.next().is_some(),
        "apis" => parts.next().is_some() && parts.next().is_some(),
        _ => false,
    };
    let rest: Vec<&str> = parts.collect();
    match rest.as_slice() {
        _ if !versioned => (root, true),
        [] => (root, true),
        // `/namespaces/shop/status` is about the namespace itself, as the server reads it.
        ["namespaces", _, "status" | "finalize"] => ("namespaces", true),
        ["namespaces", _, resource, name @ ..] | [resource, name @ ..] => {
            (resource, !name.is_empty())
        }
    }
}

/// Tells of every request that passes through.
#[derive(Clone)]
pub(super) struct TellLayer(pub(super) Teller);

impl<S> Layer<S> for TellLayer {
    type Service = Telling<S>;

    fn layer(&self, inner: S) -> Telling<S> {
        Telling { inner, teller: self.0.clone() }
    }
}

/// A client that tells of its requests.
#[derive(Clone)]
pub(super) struct Telling<S> {
    inner: S,
    teller: Teller,
}

impl<S, A, B> Service<Request<A>> for Telling<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let mut open = Open { teller: self.teller.clone(), answered: Answered::asked(&request) };
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            if let Ok(answer) = &answer {
                open.answered_with(answer.status());
            }
            answer
        })
    }
}

/// A request under way. Told when it is dropped, because a caller who runs out of patience drops
/// the future.
struct Open {
    teller: Teller,
    answered: Answered,
}

impl Open {
    fn answered_with(&mut self, status: StatusCode) {
        self.answered.code = status.as_u16();
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        match self.answered.code {
            0 => self.teller.contact.missed(),
            _ => self.teller.contact.heard(),
        }
        self.teller.tell(Signal::Answered(&self.answered));
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, sync::Mutex};

    use tower::ServiceExt;

    use super::*;

    fn asked(method: Method, uri: &str) -> (&'static str, String, bool) {
        let request = Request::builder().method(method).uri(uri).body(()).unwrap();
        let Answered { verb, resource, dry_run, .. } = Answered::asked(&request);
        (verb, resource, dry_run)
    }

    #[test]
    fn requests_are_named_as_kubernetes_audits_them() {
        let table = [
            (Method::GET, "/api/v1/namespaces/a/pods/p", ("get", "pods", false)),
            (Method::GET, "/api/v1/pods?limit=500", ("list", "pods", false)),
            (Method::GET, "/api/v1/namespaces", ("list", "namespaces", false)),
            (Method::GET, "/api/v1/namespaces/a", ("get", "namespaces", false)),
            (Method::PATCH, "/api/v1/namespaces/a/status", ("patch", "namespaces", false)),
            (
                Method::GET,
                "/apis/apps/v1/deployments?watch=true&resourceVersion=1",
                ("watch", "deployments", false),
            ),
            (
                Method::PATCH,
                "/apis/apps/v1/namespaces/a/deployments/web?fieldManager=x&dryRun=All",
                ("patch", "deployments", true),
            ),
            (
                Method::PATCH,
                "/apis/apps/v1/namespaces/a/deployments/web/status",
                ("patch", "deployments", false),
            ),
            (
                Method::POST,
                "/apis/authorization.k8s.io/v1/subjectaccessreviews",
                ("create", "subjectaccessreviews", false),
            ),
            (Method::DELETE, "/api/v1/namespaces/a/services/s", ("delete", "services", false)),
            (Method::DELETE, "/api/v1/namespaces/a/pods", ("deletecollection", "pods", false)),
            (Method::GET, "/apis", ("get", "apis", false)),
            (Method::GET, "/version", ("get", "version", false)),
        ];
        for (method, uri, (verb, resource, dry_run)) in table {
            assert_eq!(asked(method, uri), (verb, resource.to_owned(), dry_run), "{uri}");
        }
    }

    #[tokio::test]
    async fn answers_failures_and_lost_patience_are_each_told_once() {
        let told: Arc<Mutex<Vec<(String, u16)>>> = Arc::default();
        let observer: Observer = {
            let told = Arc::clone(&told);
            Arc::new(move |server, signal| {
                assert_eq!(server, "https://k");
                if let Signal::Answered(answered) = signal {
                    told.lock().unwrap().push((answered.resource.clone(), answered.code));
                }
            })
        };
        let service = tower::service_fn(|request: Request<()>| async move {
            match request.uri().path() {
                "/good" => Ok(Response::builder().status(201).body(()).unwrap()),
                "/broken" => Err("connection reset"),
                _ => std::future::pending().await,
            }
        });
        let service = TellLayer(Teller::new("https://k", Some(observer))).layer(service);
        let request = |path: &str| Request::builder().uri(path).body(()).unwrap();
        assert!(service.clone().oneshot(request("/good")).await.is_ok());
        assert!(service.clone().oneshot(request("/broken")).await.is_err());
        let silent = service.clone().oneshot(request("/silent"));
        assert!(tokio::time::timeout(std::time::Duration::from_millis(5), silent).await.is_err());
        let expected = [("good", 201), ("broken", 0), ("silent", 0)];
        let expected = expected.map(|(path, code)| (path.to_owned(), code));
        assert_eq!(*told.lock().unwrap(), expected);
        // Nobody listens: nothing happens.
        let service =
            tower::service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(())) });
        let quiet = TellLayer(Teller::new("https://k", None)).layer(service);
        assert!(quiet.oneshot(request("/good")).await.is_ok());
    }
}
