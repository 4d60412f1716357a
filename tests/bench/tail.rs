//! What a watch tells, with the moment at which it was told.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use futures::StreamExt;
use serde::Deserialize;
use serde_json::Value;
use tokio::{sync::watch, task::AbortHandle};

use crate::bare::Bare;

/// The pause before a server is asked again that did not answer.
const RETRY: Duration = Duration::from_millis(100);
/// How long anything may take before the benchmark gives up.
const LIMIT: Duration = Duration::from_mins(30);

/// What was told of one object.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    /// What [`Tail`] extracts of the object.
    pub(crate) value: String,
    /// When it became that.
    pub(crate) at: Instant,
}

/// Namespace and name.
pub(crate) type Id = (String, String);

/// Objects as they were told last.
pub(crate) type Seen = HashMap<Id, Told>;

/// A watch that goes on until this is dropped.
pub(crate) struct Tail {
    seen: watch::Receiver<Seen>,
    task: AbortHandle,
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Deserialize)]
struct Event {
    r#type: String,
    object: Value,
}

impl Tail {
    /// Follows the objects of a path, such as `/api/v1/configmaps`, that have a label. Of each,
    /// `extract` says what matters.
    pub(crate) fn open(
        bare: &Bare,
        path: &str,
        selector: Option<String>,
        extract: fn(&Value) -> String,
    ) -> Self {
        let (sender, seen) = watch::channel(Seen::new());
        let selector = selector.map(|label| format!("&labelSelector={label}")).unwrap_or_default();
        let (bare, path) = (bare.clone(), path.to_owned());
        let task = tokio::spawn(async move {
            loop {
                // A watch ends after some minutes, and with the server; the list tells what was
                // missed in between.
                if list_and_follow(&bare, &path, &selector, &sender, extract).await.is_err() {
                    tokio::time::sleep(RETRY).await;
                }
            }
        });
        Self { seen, task: task.abort_handle() }
    }

    /// Waits until what was told is as `wanted` says.
    pub(crate) async fn until(&mut self, what: &str, wanted: impl FnMut(&Seen) -> bool) {
        let waited = tokio::time::timeout(LIMIT, self.seen.wait_for(wanted)).await;
        assert!(waited.is_ok_and(|seen| seen.is_ok()), "waited {LIMIT:?} for {what} in vain");
    }

    /// Waits until one object is told with a value; returns when that was.
    pub(crate) async fn value(&mut self, object: &Id, value: &str) -> Instant {
        self.values(std::slice::from_ref(object), value).await
    }

    /// Waits until all of these are told with a value; returns when the last was.
    pub(crate) async fn values(&mut self, objects: &[Id], value: &str) -> Instant {
        self.changed(objects, value, None).await
    }

    /// The same of those that became it after a moment.
    pub(crate) async fn values_since(
        &mut self,
        objects: &[Id],
        value: &str,
        since: Instant,
    ) -> Instant {
        self.changed(objects, value, Some(since)).await
    }

    async fn changed(&mut self, objects: &[Id], value: &str, since: Option<Instant>) -> Instant {
        let is = |told: &Told| told.value == value && since.is_none_or(|since| told.at > since);
        // One is looked at until it is there: thousands are waited for, and told one by one.
        let mut missing = objects.to_vec();
        let mut last = None;
        let all = |seen: &Seen| {
            while let Some(told) = missing.last().and_then(|object| seen.get(object)) {
                if !is(told) {
                    break;
                }
                last = last.max(Some(told.at));
                missing.pop();
            }
            missing.is_empty()
        };
        self.until(&format!("{} objects to be {value}", objects.len()), all).await;
        last.expect("there are objects")
    }

    /// The value of an object that was told.
    pub(crate) fn now(&self, object: &Id) -> String {
        self.seen.borrow()[object].value.clone()
    }
}

async fn list_and_follow(
    bare: &Bare,
    path: &str,
    selector: &str,
    sender: &watch::Sender<Seen>,
    extract: fn(&Value) -> String,
) -> reqwest::Result<()> {
    let list = bare.get(&format!("{path}?{}", selector.trim_start_matches('&'))).await?;
    let list: Value = list.json().await?;
    let objects = list["items"].as_array().into_iter().flatten();
    let there: HashSet<Id> = objects.clone().map(id).collect();
    objects.for_each(|object| note(sender, object, extract));
    sender.send_if_modified(|seen| {
        let before = seen.len();
        seen.retain(|object, _| there.contains(object));
        seen.len() < before
    });
    let from = list["metadata"]["resourceVersion"].as_str().unwrap_or("0");
    let query = format!("?watch=true&resourceVersion={from}{selector}");
    follow(bare.get(&format!("{path}{query}")).await?, sender, extract).await;
    Ok(())
}

async fn follow(
    watch: reqwest::Response,
    sender: &watch::Sender<Seen>,
    extract: fn(&Value) -> String,
) {
    let mut bytes = watch.bytes_stream();
    let mut rest = Vec::new();
    while let Some(Ok(chunk)) = bytes.next().await {
        rest.extend_from_slice(&chunk);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            let Ok(event) = serde_json::from_slice::<Event>(&line) else { return };
            match event.r#type.as_str() {
                "ADDED" | "MODIFIED" => note(sender, &event.object, extract),
                "DELETED" => {
                    sender.send_modify(|seen| {
                        seen.remove(&id(&event.object));
                    });
                }
                // A bookmark is not asked for; an error means that it has to be listed again.
                _ => return,
            }
        }
    }
}

fn note(sender: &watch::Sender<Seen>, object: &Value, extract: fn(&Value) -> String) {
    let (id, value, at) = (id(object), extract(object), Instant::now());
    sender.send_if_modified(|seen| {
        let news = seen.get(&id).is_none_or(|told| told.value != value);
        if news {
            seen.insert(id, Told { value, at });
        }
        news
    });
}

fn id(object: &Value) -> Id {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
    (text("namespace"), text("name"))
}
