//! Server-sent events: `data: {"result": ...}`, as grpc-gateway writes streams.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use axum::{
    Extension,
    extract::State,
    response::sse::{Event, KeepAlive, KeepAliveStream, Sse},
};
use futures::Stream;
use serde_json::{Value, json};
use tokio::{
    sync::{
        OwnedSemaphorePermit,
        broadcast::{Receiver, error::RecvError},
        mpsc,
    },
    time::{Instant, MissedTickBehavior, interval_at, sleep, timeout},
};

use crate::{
    object::Packed,
    report::board::{Change, ChangeKind},
};

use super::{
    App, STREAMS_MAX,
    about::About,
    access::Caller,
    error::{ApiError, Reason},
    filter::Filter,
    query::Query,
    shapes::{self, ObjectFilter},
};

/// A comment goes out this often, so that proxies don't cut a quiet stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How often the right to see a stream is asked for again.
const RECHECK: Duration = Duration::from_mins(1);
/// How often a watched tree is looked at when the board does not change: a child may have.
const TREE_PERIOD: Duration = Duration::from_secs(10);
/// A watched tree is looked at no more often than this, however often the board changes.
const TREE_PAUSE: Duration = Duration::from_secs(1);
/// Events on their way to one client: with this many unread, its reading sets the pace.
const EVENTS_BUFFERED_MAX: usize = 16;

/// The answer to a client that wants a stream.
type EventStream = Sse<KeepAliveStream<Events>>;

/// A stream of events, fed by a task that ends when nobody reads any more.
pub(super) struct Events {
    fed: mpsc::Receiver<Event>,
    /// Cancels the feeding task when the client is gone.
    _feeding: tokio::task::JoinSet<()>,
    _place: Place,
}

impl Stream for Events {
    type Item = Result<Event, Infallible>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.fed.poll_recv(context).map(|event| event.map(Ok))
    }
}

/// One of the places for streams, counted in a metric.
struct Place {
    app: App,
    permit: Option<OwnedSemaphorePermit>,
}

impl Place {
    fn take(app: &App) -> Result<Self, ApiError> {
        let Ok(permit) = Arc::clone(&app.streams).try_acquire_owned() else {
            let message = format!("{STREAMS_MAX} event streams are open, which is the limit");
            return Err(ApiError::new(Reason::Busy, message));
        };
        let place = Self { app: Arc::clone(app), permit: Some(permit) };
        place.count();
        Ok(place)
    }

    fn count(&self) {
        self.app.metrics.streams(STREAMS_MAX - self.app.streams.available_permits());
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.permit = None;
        self.count();
    }
}

fn answer(
    app: &App,
    caller: Caller,
    feed: impl Future<Output = Option<()>> + Send + 'static,
    events: mpsc::Receiver<Event>,
) -> Result<EventStream, ApiError> {
    let place = Place::take(app)?;
    let app = Arc::clone(app);
    let mut feeding = tokio::task::JoinSet::new();
    feeding.spawn(async move {
        tokio::select! {
            _ = feed => {}
            () = lost_right(&app, &caller) => {}
            () = app.stop.cancelled() => {}
        }
    });
    let stream = Events { fed: events, _feeding: feeding, _place: place };
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// Returns when the caller may no longer see the stream.
async fn lost_right(app: &App, caller: &Caller) {
    let mut ticks = interval_at(Instant::now() + RECHECK, RECHECK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match &caller.grant {
            Some(grant) if !grant.holds(app).await => return,
            _ => {}
        }
    }
}

/// All applications that match, then their changes.
pub(super) async fn applications(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    query: Query,
) -> Result<EventStream, ApiError> {
    let filter = Filter::parse(&query, &app.namespace)?;
    let (sender, events) = mpsc::channel(EVENTS_BUFFERED_MAX);
    // Subscribed before the first list: a change in between is seen twice rather than never.
    let changes = app.handle.board.subscribe();
    let feed = Feed { app: Arc::clone(&app), filter, sender, shown: BTreeMap::new() };
    answer(&app, caller, feed.run(changes), events)
}

/// What one client has been told.
struct Feed {
    app: App,
    filter: Filter,
    sender: mpsc::Sender<Event>,
    shown: BTreeMap<Arc<str>, Packed>,
}

impl Feed {
    /// Tells the client everything; `None` when it is gone.
    async fn run(mut self, mut changes: Receiver<Change>) -> Option<()> {
        self.list().await?;
        loop {
            match changes.recv().await {
                Ok(Change { kind: ChangeKind::Deleted, name, app }) => {
                    self.gone(&name, &app).await?;
                }
                Ok(Change { name, app, .. }) => self.there(name, app).await?,
                // It reads more slowly than the board changes: what it missed is made up for.
                Err(RecvError::Lagged(_)) => self.list().await?,
                Err(RecvError::Closed) => return None,
            }
        }
    }

    async fn list(&mut self) -> Option<()> {
        let all = self.app.handle.board.list();
        let names: BTreeSet<&str> = all.iter().map(|(name, _)| &**name).collect();
        let missing = self.shown.iter().filter(|(name, _)| !names.contains(&***name));
        let missing: Vec<_> = missing.map(|(name, app)| (Arc::clone(name), app.clone())).collect();
        for (name, app) in missing {
            self.gone(&name, &app).await?;
        }
        for (name, app) in all {
            self.there(name, app).await?;
        }
        Some(())
    }

    async fn there(&mut self, name: Arc<str>, app: Packed) -> Option<()> {
        let tree = app.tree();
        if !self.filter.matches(&tree) {
            // It matched before: for this client it is gone.
            return self.gone(&name, &app).await;
        }
        let kind = match self.shown.insert(name, app.clone()) {
            Some(known) if known == app => return Some(()),
            Some(_) => "MODIFIED",
            None => "ADDED",
        };
        self.send(kind, tree).await
    }

    async fn gone(&mut self, name: &str, app: &Packed) -> Option<()> {
        match self.shown.remove(name) {
            Some(_) => self.send("DELETED", app.tree()).await,
            None => Some(()),
        }
    }

    async fn send(&self, kind: &str, app: Value) -> Option<()> {
        let message = json!({"result": {"type": kind, "application": app}});
        send(&self.sender, &self.filter.fields.select(message)).await
    }
}

async fn send(sender: &mpsc::Sender<Event>, message: &Value) -> Option<()> {
    sender.send(Event::default().data(message.to_string())).await.ok()
}

/// The tree of one application, whenever it changes.
pub(super) async fn resource_tree(
    about: About,
    Extension(caller): Extension<Caller>,
) -> Result<EventStream, ApiError> {
    about.shown().await?;
    let About { app, name, query } = about;
    let filter = ObjectFilter::parse(&query);
    let (sender, events) = mpsc::channel(EVENTS_BUFFERED_MAX);
    let handle = app.handle.clone();
    let mut changes = handle.board.subscribe();
    let feed = async move {
        let mut last = Value::Null;
        loop {
            // Whoever asks again is led to the replica that acts for it now.
            if !handle.acts_for(&name) {
                return None;
            }
            let tree = shapes::tree(&handle.nodes(&name)?, &filter);
            if tree != last {
                send(&sender, &json!({"result": tree})).await?;
                last = tree;
            }
            sleep(TREE_PAUSE).await;
            // What changed in the pause waits in the channel and is seen at once.
            let _ = timeout(TREE_PERIOD, changed(&mut changes, &name)).await;
        }
    };
    answer(&app, caller, feed, events)
}

/// Returns when the board shows another state of the application.
async fn changed(changes: &mut Receiver<Change>, name: &str) {
    loop {
        match changes.recv().await {
            Ok(change) if *change.name != *name => {}
            Ok(_) | Err(RecvError::Lagged(_)) => return,
            Err(RecvError::Closed) => return std::future::pending().await,
        }
    }
}
