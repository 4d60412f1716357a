//! Kubernetes Events on Applications, as `kubectl describe application` shows them.
//!
//! In: what happened, with its time. Out: core/v1 Events. A pass only puts into a bounded queue and
//! never waits: when the queue is full the oldest entry goes, and a metric counts it. Entries that
//! say the same are counted on one Event instead of being written again, writes are paced, and each
//! has a deadline. Events are a courtesy: nothing depends on one being written.

mod queue;
mod writer;

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Notify;

use crate::report::metrics::{EventFate, Metrics};

use self::queue::Queue;
pub use self::writer::EventWriter;

/// The application that an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subject {
    /// Namespace of the Application resource; the Event is written there.
    pub namespace: String,
    /// Name of the application.
    pub name: String,
    /// `metadata.uid` of the Application resource.
    pub uid: String,
}

/// Why an event is written. The first four are Argo CD's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventReason {
    /// A sync operation began.
    OperationStarted,
    /// A sync operation ended.
    OperationCompleted,
    /// Sync or health status changed.
    ResourceUpdated,
    /// A refresh that somebody asked for was done.
    StatusRefreshed,
    /// Somebody changed a field that Steadfast owns.
    Drifted,
    /// A drift was put back.
    DriftCorrected,
    /// An object was removed because Git no longer names it.
    Pruned,
    /// Objects outlive their application, because its project forbids to touch them.
    LeftBehind,
    /// A condition of the application appeared.
    ConditionRaised,
    /// A condition of the application is gone.
    ConditionCleared,
}

impl EventReason {
    /// The reason as it stands in the Event.
    pub fn word(self) -> &'static str {
        match self {
            Self::OperationStarted => "OperationStarted",
            Self::OperationCompleted => "OperationCompleted",
            Self::ResourceUpdated => "ResourceUpdated",
            Self::StatusRefreshed => "StatusRefreshed",
            Self::Drifted => "Drifted",
            Self::DriftCorrected => "DriftCorrected",
            Self::Pruned => "Pruned",
            Self::LeftBehind => "LeftBehind",
            Self::ConditionRaised => "ConditionRaised",
            Self::ConditionCleared => "ConditionCleared",
        }
    }
}

/// Whether somebody should look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventType {
    /// All as it should be.
    Normal,
    /// Somebody should look.
    Warning,
}

impl EventType {
    fn word(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// One thing that happened to an application.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Occurrence {
    /// The application.
    pub subject: Subject,
    /// Normal or Warning.
    pub event_type: EventType,
    /// Why.
    pub reason: EventReason,
    /// What happened, for people, secrets masked; cut at [`MESSAGE_BYTES_MAX`].
    pub message: String,
}

/// Longest message in bytes: what the API server takes as the note of an Event.
pub const MESSAGE_BYTES_MAX: usize = 1024;

/// Where passes leave what happened. Cheap to clone.
#[derive(Debug, Clone)]
pub struct EventSink {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    queue: std::sync::Mutex<Queue>,
    /// Told after each entry; the writer is the only one who waits.
    filled: Notify,
    metrics: Arc<Metrics>,
}

impl EventSink {
    /// A sink, and the writer that has to [`run`](EventWriter::run) for anything to be written.
    /// `component` is who reports, for example `steadfast`; what is to be written while `permit` says
    /// no is given up.
    pub fn new(
        client: kube::Client,
        component: &'static str,
        metrics: Arc<Metrics>,
        permit: impl Fn() -> bool + Send + Sync + 'static,
    ) -> (Self, EventWriter) {
        let shared =
            Arc::new(Shared { queue: std::sync::Mutex::default(), filled: Notify::new(), metrics });
        let writer = EventWriter::new(client, component, Arc::clone(&shared), Box::new(permit));
        (Self { shared }, writer)
    }

    /// Leaves an occurrence. Never waits; the oldest entry goes when the queue is full.
    pub fn emit(&self, mut occurrence: Occurrence, at: Timestamp) {
        cut(&mut occurrence.message);
        let dropped = self.shared.lock().push(occurrence, at);
        if dropped {
            self.shared.metrics.event(EventFate::Dropped);
        }
        self.shared.filled.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn next(&self) -> Option<queue::Pending> {
        self.lock().pop()
    }
}

/// Cuts a message at a character's end and says that something is missing.
fn cut(message: &mut String) {
    const MORE: &str = " ...";
    if message.len() > MESSAGE_BYTES_MAX {
        let end = message.floor_char_boundary(MESSAGE_BYTES_MAX - MORE.len());
        message.truncate(end);
        message.push_str(MORE);
    }
}

#[cfg(test)]
mod tests;
