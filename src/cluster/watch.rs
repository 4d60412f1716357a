//! One list and watch, for ever: what a server tells about one collection.
//!
//! kube's own `watcher` does not say when a connection is up again after a failure, and we must
//! know before anything is pruned on what the store holds; it also turns objects into typed
//! metadata, which loses fields. Hence this one, on raw JSON.

use std::{collections::VecDeque, time::Duration};

use futures::{StreamExt, stream::BoxStream};
use http::{Method, Request, header};
use kube::core::{Status, WatchEvent};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Instant, sleep_until, timeout};

use super::{
    CALL_LIMIT, Call, Cluster, ClusterError, KindInfo,
    backoff::{delay, jittered},
    call::unreachable,
};
use crate::object::{Turn, meta};

/// The server ends a watch after at least this long, and some time more, so that the watches of one
/// start don't end together.
const WATCH_MIN: Duration = Duration::from_mins(4);
const WATCH_SPREAD: Duration = Duration::from_mins(1);
/// A watch that says nothing for this much longer than it should last is dead.
const WATCH_GRACE: Duration = Duration::from_secs(15);
/// A streaming list that sends nothing for so long comes from a server that ignored our wish.
const STREAM_SILENCE_MAX: Duration = Duration::from_secs(10);
/// Objects in one page of a list, where lists don't stream.
const PAGE_OBJECTS: usize = 500;
const RETRY_FIRST: Duration = Duration::from_millis(200);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// The same where a person has to act first.
const RETRY_DENIED_MAX: Duration = Duration::from_secs(30);
/// A watch that lived shorter than this counts as a failure when it ends.
const LIFE_MIN: Duration = Duration::from_secs(1);
/// The annotation of the bookmark that ends a streaming list.
const LIST_END: &str = "k8s.io/initial-events-end";
/// Asks for the metadata of objects alone. A server that can't sends whole ones, which do as well.
const METADATA: &str =
    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
const METADATA_LIST: &str =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

/// What the server told.
#[derive(Debug)]
pub(crate) enum Update {
    /// A full list begins: objects that it leaves out are gone when [`Update::Listed`] comes.
    Begin,
    /// An object of the list.
    Item(Value),
    /// The list is complete as of this resource version.
    Listed(String),
    /// An object was added or changed.
    Applied(Value),
    /// An object was deleted; this is its last state.
    Deleted(Value),
    /// Everything up to this resource version was told.
    Progress(String),
    /// The server answers again, from where it left off.
    Alive,
    /// No contact. The watch tries again by itself, a little later each time.
    Lost(ClusterError),
}

type Events = BoxStream<'static, Result<WatchEvent<Value>, kube::Error>>;

enum State {
    /// A list has to be begun.
    Empty,
    /// The next page has to be asked for; the token is empty for the first.
    Page { token: String },
    /// The watch has to be opened from this resource version.
    Listed { version: String },
    /// Events arrive. `listing` until the bookmark that ends a streaming list.
    Open { events: Events, version: String, listing: bool, since: Instant, ends: Duration },
}

/// A collection to follow.
pub(crate) struct Watch {
    cluster: Cluster,
    kind: String,
    api_version: String,
    /// Path of the collection.
    path: String,
    /// Selectors, as query parameters with a leading `&`, or empty.
    selectors: String,
    streams: bool,
    /// Only the metadata of objects is asked for.
    metadata_only: bool,
    state: State,
    /// Told, but not yet fetched by `next`.
    ready: VecDeque<Update>,
    not_before: Option<Instant>,
    attempt: u32,
    lost: bool,
}

#[derive(Deserialize)]
struct Page {
    metadata: PageMeta,
    #[serde(default)]
    items: Option<Vec<Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageMeta {
    #[serde(default)]
    resource_version: String,
    #[serde(default, rename = "continue")]
    token: String,
}

impl Watch {
    /// Follows the objects of a kind: in one namespace, or in all when it is empty.
    pub(crate) fn new(cluster: &Cluster, info: &KindInfo, namespace: &str) -> Self {
        Self {
            streams: cluster.streams_lists(),
            cluster: cluster.clone(),
            kind: info.gvk.kind.clone(),
            api_version: info.gvk.api_version(),
            path: info.collection(namespace),
            selectors: String::new(),
            metadata_only: false,
            state: State::Empty,
            ready: VecDeque::new(),
            not_before: None,
            attempt: 0,
            lost: false,
        }
    }

    /// Only objects that match. `parameter` is `labelSelector` or `fieldSelector`.
    pub(crate) fn select(mut self, parameter: &str, selector: &str) -> Self {
        if !selector.is_empty() {
            let selector: String =
                url::form_urlencoded::byte_serialize(selector.as_bytes()).collect();
            for part in ["&", parameter, "=", &selector] {
                self.selectors.push_str(part);
            }
        }
        self
    }

    /// Only what objects are called, not what they hold.
    pub(crate) fn metadata_only(mut self) -> Self {
        self.metadata_only = true;
        self
    }

    /// The next thing that the server tells. Never ends. May be dropped at any time: what was not
    /// returned is told again.
    pub(crate) async fn next(&mut self) -> Update {
        loop {
            if let Some(update) = self.ready.pop_front() {
                return update;
            }
            if let Some(at) = self.not_before {
                sleep_until(at).await;
                self.not_before = None;
            }
            let step = match &mut self.state {
                State::Empty => self.begin().await,
                State::Page { token } => {
                    let token = token.clone();
                    self.page(&token).await
                }
                State::Listed { version } => {
                    let version = version.clone();
                    self.open(version, false).await
                }
                State::Open { .. } => self.read().await,
            };
            if let Err(error) = step {
                self.fail(error);
            }
        }
    }

    fn what(&self, verb: &str) -> String {
        format!("could not {verb} {}", self.path)
    }

    fn fail(&mut self, error: ClusterError) {
        tracing::debug!(path = self.path, error = error.chain(), "watch interrupted");
        if error.status().is_none() {
            self.cluster.contact().missed();
        }
        let status = error.status().filter(|status| !is_starting(status));
        let asked = status.and_then(|status| status.details.as_ref());
        let asked = asked.map_or(0, |details| details.retry_after_seconds);
        let cap = if error.turn() == Turn::Cluster { RETRY_MAX } else { RETRY_DENIED_MAX };
        let own = delay(self.attempt, RETRY_FIRST, cap);
        let asked = Duration::from_secs(asked.into()).min(RETRY_DENIED_MAX);
        self.attempt = self.attempt.saturating_add(1);
        self.not_before = Some(Instant::now() + jittered(own).max(asked));
        self.lost = true;
        self.ready.push_back(Update::Lost(error));
    }

    fn succeeded(&mut self) {
        self.attempt = 0;
        if std::mem::take(&mut self.lost) {
            self.ready.push_back(Update::Alive);
        }
    }

    async fn begin(&mut self) -> Result<(), ClusterError> {
        self.streams &= self.cluster.streams_lists();
        if !self.streams {
            self.ready.push_back(Update::Begin);
            self.state = State::Page { token: String::new() };
            return Ok(());
        }
        match self.open(String::new(), true).await {
            Err(error) if does_not_stream(&error) => {
                tracing::info!("the API server does not stream lists, reading them in pages");
                self.cluster.lists_do_not_stream();
                Ok(())
            }
            other => other,
        }
    }

    async fn page(&mut self, token: &str) -> Result<(), ClusterError> {
        let mut url = format!("{}?limit={PAGE_OBJECTS}{}", self.path, self.selectors);
        if !token.is_empty() {
            let token: String = url::form_urlencoded::byte_serialize(token.as_bytes()).collect();
            url.push_str("&continue=");
            url.push_str(&token);
        }
        let mut call = Call::new(Method::GET, url, self.what("list"));
        if self.metadata_only {
            call = call.accept(METADATA_LIST);
        }
        // A list that outlived its snapshot begins anew, like any other that failed.
        let answer = self.cluster.call(call).await.inspect_err(|_| self.state = State::Empty)?;
        let page = Page::deserialize(answer.body).map_err(|cause| {
            self.state = State::Empty;
            ClusterError::Unreadable { what: self.what("list"), cause }
        })?;
        self.succeeded();
        for mut item in page.items.unwrap_or_default() {
            // Items of a list leave out what the list says.
            if let Some(item) = item.as_object_mut() {
                item.entry("apiVersion").or_insert_with(|| self.api_version.clone().into());
                item.entry("kind").or_insert_with(|| self.kind.clone().into());
            }
            self.ready.push_back(Update::Item(item));
        }
        self.state = if page.metadata.token.is_empty() {
            let version = page.metadata.resource_version;
            self.ready.push_back(Update::Listed(version.clone()));
            State::Listed { version }
        } else {
            State::Page { token: page.metadata.token }
        };
        Ok(())
    }

    /// Opens the watch: from a version, or with a streaming list first.
    async fn open(&mut self, version: String, listing: bool) -> Result<(), ClusterError> {
        let wait = self.cluster.inner.pace.wait();
        tokio::time::sleep(wait).await;
        let ends = WATCH_MIN + jittered(WATCH_SPREAD);
        let from = if listing {
            "sendInitialEvents=true&resourceVersionMatch=NotOlderThan".to_owned()
        } else {
            format!("resourceVersion={version}")
        };
        let url = format!(
            "{}?watch=true&allowWatchBookmarks=true&timeoutSeconds={}&{from}{}",
            self.path,
            ends.as_secs(),
            self.selectors
        );
        let what = self.what("watch");
        let accept = if self.metadata_only { METADATA } else { "application/json" };
        let request = Request::get(url).header(header::ACCEPT, accept);
        let request = request.body(Vec::new()).map_err(|cause| ClusterError::Unreachable {
            what: what.clone(),
            cause: Box::new(cause),
        })?;
        let client = self.cluster.client();
        let opened = timeout(CALL_LIMIT, client.request_events::<Value>(request)).await;
        let events = match opened {
            Err(_) => {
                return Err(ClusterError::Silent { what, limit_s: CALL_LIMIT.as_secs() });
            }
            Ok(Err(error)) => return self.refused(what, error, listing),
            Ok(Ok(events)) => events.boxed(),
        };
        tracing::debug!(path = self.path, version, listing, "watch opened");
        if listing {
            self.ready.push_back(Update::Begin);
        }
        self.succeeded();
        self.state = State::Open { events, version, listing, since: Instant::now(), ends };
        Ok(())
    }

    /// An open or running watch failed.
    fn refused(
        &mut self,
        what: String,
        error: kube::Error,
        listing: bool,
    ) -> Result<(), ClusterError> {
        match error {
            kube::Error::Api(status) => self.told(what, status, listing),
            error => {
                if listing {
                    self.state = State::Empty;
                }
                Err(unreachable(&what, error, self.cluster.url()))
            }
        }
    }

    /// The server said why a watch can't go on.
    fn told(
        &mut self,
        what: String,
        status: Box<Status>,
        listing: bool,
    ) -> Result<(), ClusterError> {
        let expired = status.code == 410 || matches!(status.reason.as_str(), "Expired" | "Gone");
        if expired || listing {
            self.state = State::Empty;
        }
        if expired && !listing {
            // The history that we need is gone. Nothing is wrong: list again, and what was deleted
            // meanwhile is found missing. A server that expires everything is slowed down.
            self.not_before =
                Some(Instant::now() + jittered(delay(self.attempt, RETRY_FIRST, RETRY_MAX)));
            self.attempt = self.attempt.saturating_add(1);
            return Ok(());
        }
        Err(ClusterError::Refused { what, status })
    }

    /// Reads one event.
    async fn read(&mut self) -> Result<(), ClusterError> {
        let State::Open { events, version, listing, since, ends } = &mut self.state else {
            return Ok(());
        };
        let listing_now = *listing;
        let silence_max = if listing_now { STREAM_SILENCE_MAX } else { *ends + WATCH_GRACE };
        let Ok(event) = timeout(silence_max, events.next()).await else {
            if listing_now {
                // Takes our parameters for granted and never ends the list.
                self.streams = false;
                self.state = State::Empty;
                return Ok(());
            }
            let version = version.clone();
            self.state = State::Listed { version };
            return Err(ClusterError::Silent {
                what: self.what("watch"),
                limit_s: silence_max.as_secs(),
            });
        };
        match event {
            Some(Ok(event)) => {
                self.cluster.contact().heard();
                self.take(event)
            }
            Some(Err(error)) => {
                let version = version.clone();
                self.state = State::Listed { version };
                self.refused(self.what("watch"), error, listing_now)
            }
            None => {
                let short = since.elapsed() < LIFE_MIN;
                let version = version.clone();
                self.state = if listing_now { State::Empty } else { State::Listed { version } };
                if !short && !listing_now {
                    return Ok(());
                }
                Err(ClusterError::Unreachable {
                    what: self.what("watch"),
                    cause: "the server closed the watch early".into(),
                })
            }
        }
    }

    fn take(&mut self, event: WatchEvent<Value>) -> Result<(), ClusterError> {
        let State::Open { version, listing, .. } = &mut self.state else { return Ok(()) };
        match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                meta::resource_version(&object).clone_into(version);
                let update = if *listing { Update::Item(object) } else { Update::Applied(object) };
                self.ready.push_back(update);
            }
            WatchEvent::Deleted(object) => {
                meta::resource_version(&object).clone_into(version);
                self.ready.push_back(Update::Deleted(object));
            }
            WatchEvent::Bookmark(bookmark) => {
                let now = bookmark.metadata.resource_version;
                version.clone_from(&now);
                let ends_list = bookmark.metadata.annotations.contains_key(LIST_END);
                let update = if *listing && ends_list {
                    *listing = false;
                    Update::Listed(now)
                } else {
                    Update::Progress(now)
                };
                self.ready.push_back(update);
            }
            WatchEvent::Error(status) => {
                let listing = *listing;
                let version = version.clone();
                self.state = State::Listed { version };
                return self.told(self.what("watch"), status, listing);
            }
        }
        Ok(())
    }
}

/// True while the storage of a new CRD is set up. The server asks for a second, but takes some ten
/// milliseconds, and a sync waits for this list.
fn is_starting(status: &Status) -> bool {
    status.message.contains("storage is (re)initializing")
}

/// True for the answers of servers that don't know or don't allow streaming lists.
fn does_not_stream(error: &ClusterError) -> bool {
    error.status().is_some_and(|status| {
        matches!(status.code, 400 | 422) && status.message.contains("sendInitialEvents")
    })
}

#[cfg(test)]
mod tests;
