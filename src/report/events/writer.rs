//! Writes what waits, at a limited pace, and counts repetitions on the Event that is there.

use std::{collections::HashMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{Event, EventSource, ObjectReference},
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
};
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::json;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::report::metrics::EventFate;

use super::{Shared, queue::Pending};

/// How long a repetition counts on the Event that was written first.
const AGGREGATION_WINDOW: Duration = Duration::from_mins(10);
/// Events remembered for counting on.
const WRITTEN_MAX: usize = 1024;
/// Deadline of one write.
const WRITE_DEADLINE: Duration = Duration::from_secs(5);
/// Writes a second in the long run.
const WRITES_PER_S: f64 = 10.0;
/// Writes that may go at once after a pause.
const WRITES_BURST: f64 = 50.0;
/// What is left when the process stops is written for this long.
const FLUSH_DEADLINE: Duration = Duration::from_secs(2);
/// Longest part of an Event's name that comes from the application: the name's limit of 253 minus
/// a dot and two hexadecimal numbers.
const NAME_BYTES_MAX: usize = 200;

/// The one task that writes Events.
pub struct EventWriter {
    client: Client,
    component: &'static str,
    shared: Arc<Shared>,
    permit: Box<dyn Fn() -> bool + Send + Sync>,
    written: HashMap<u64, Written>,
    pace: Pace,
    serial: u32,
}

struct Written {
    name: String,
    count: i32,
    at: Instant,
}

/// A bucket of permissions to write.
struct Pace {
    left: f64,
    at: Instant,
}

impl Pace {
    /// Takes one permission, waiting for it when there is none.
    async fn take(&mut self) {
        loop {
            let now = Instant::now();
            let earned = (now - self.at).as_secs_f64() * WRITES_PER_S;
            (self.left, self.at) = ((self.left + earned).min(WRITES_BURST), now);
            if self.left >= 1.0 {
                self.left -= 1.0;
                return;
            }
            let missing = Duration::from_secs_f64((1.0 - self.left) / WRITES_PER_S);
            tokio::time::sleep(missing).await;
        }
    }
}

impl EventWriter {
    pub(super) fn new(
        client: Client,
        component: &'static str,
        shared: Arc<Shared>,
        permit: Box<dyn Fn() -> bool + Send + Sync>,
    ) -> Self {
        Self {
            client,
            component,
            shared,
            permit,
            written: HashMap::new(),
            pace: Pace { left: WRITES_BURST, at: Instant::now() },
            serial: 0,
        }
    }

    /// Writes until `stop`; then what is left, for a short time.
    pub async fn run(mut self, stop: CancellationToken) {
        let written = stop.run_until_cancelled(async {
            loop {
                let Some(pending) = self.shared.next() else {
                    self.shared.filled.notified().await;
                    continue;
                };
                self.pace.take().await;
                self.write(pending).await;
            }
        });
        let _: Option<()> = written.await;
        let flush = async {
            while let Some(pending) = self.shared.next() {
                self.write(pending).await;
            }
        };
        // What does not make it in this time is lost; nothing depends on it.
        let _ = timeout(FLUSH_DEADLINE, flush).await;
    }

    async fn write(&mut self, pending: Pending) {
        if !(self.permit)() {
            self.shared.metrics.event(EventFate::Dropped);
            return;
        }
        let fate = match timeout(WRITE_DEADLINE, self.try_write(&pending)).await {
            Ok(Ok(())) => EventFate::Written,
            Ok(Err(cause)) => {
                let app = &pending.occurrence.subject.name;
                tracing::debug!(%app, %cause, "event was not written");
                EventFate::Failed
            }
            Err(_) => EventFate::Failed,
        };
        self.shared.metrics.event(fate);
    }

    async fn try_write(&mut self, pending: &Pending) -> Result<(), kube::Error> {
        let subject = &pending.occurrence.subject;
        let api: Api<Event> = Api::namespaced(self.client.clone(), &subject.namespace);
        let times = i32::try_from(pending.count).unwrap_or(i32::MAX);
        self.written.retain(|_, known| known.at.elapsed() < AGGREGATION_WINDOW);
        if let Some(known) = self.written.get_mut(&pending.key) {
            let count = known.count.saturating_add(times);
            let patch = json!({"count": count, "lastTimestamp": seconds(pending.last)});
            match api.patch(&known.name, &PatchParams::default(), &Patch::Merge(patch)).await {
                Ok(_) => {
                    known.count = count;
                    return Ok(());
                }
                // Its time to live was over: a new one is written.
                Err(kube::Error::Api(status)) if status.is_not_found() => {}
                Err(cause) => return Err(cause),
            }
        }
        let event = self.event(pending, times);
        let name = event.metadata.name.clone().unwrap_or_default();
        api.create(&PostParams::default(), &event).await?;
        if self.written.len() < WRITTEN_MAX || self.written.contains_key(&pending.key) {
            let known = Written { name, count: times, at: Instant::now() };
            self.written.insert(pending.key, known);
        }
        Ok(())
    }

    fn event(&mut self, pending: &Pending, count: i32) -> Event {
        let occurrence = &pending.occurrence;
        let subject = &occurrence.subject;
        self.serial = self.serial.wrapping_add(1);
        let prefix = &subject.name[..subject.name.floor_char_boundary(NAME_BYTES_MAX)];
        let nanos = pending.first.as_nanosecond();
        Event {
            metadata: ObjectMeta {
                name: Some(format!("{prefix}.{nanos:x}{:x}", self.serial)),
                namespace: Some(subject.namespace.clone()),
                ..ObjectMeta::default()
            },
            involved_object: ObjectReference {
                api_version: Some("argoproj.io/v1alpha1".to_owned()),
                kind: Some("Application".to_owned()),
                name: Some(subject.name.clone()),
                namespace: Some(subject.namespace.clone()),
                uid: Some(subject.uid.clone()),
                ..ObjectReference::default()
            },
            type_: Some(occurrence.event_type.word().to_owned()),
            reason: Some(occurrence.reason.word().to_owned()),
            message: Some(occurrence.message.clone()),
            count: Some(count),
            first_timestamp: Some(Time(pending.first)),
            last_timestamp: Some(Time(pending.last)),
            source: Some(EventSource { component: Some(self.component.to_owned()), host: None }),
            ..Event::default()
        }
    }
}

/// A time as Events hold it: whole seconds.
fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
