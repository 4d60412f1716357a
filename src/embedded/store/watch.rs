//! A place in the history of a kind.

use tokio::sync::watch;

use super::Event;
use crate::object::GroupKind;

/// Where a watch stands. It holds nothing of what happened: that is read from the history.
pub(crate) struct Cursor {
    pub(super) kind: GroupKind,
    /// Everything up to this revision was read.
    pub(super) seen: u64,
    bell: watch::Receiver<()>,
}

/// What happened since the last look.
pub(crate) struct Progress {
    pub(crate) events: Vec<Event>,
    /// Everything up to this revision is in `events`.
    pub(crate) revision: u64,
}

impl Cursor {
    pub(super) fn new(kind: GroupKind, seen: u64, bell: watch::Receiver<()>) -> Self {
        Self { kind, seen, bell }
    }

    pub(super) fn listens_to(&self, bell: &watch::Sender<()>) -> bool {
        self.bell.same_channel(&bell.subscribe())
    }

    /// Waits until something may have happened; false when the kind is gone.
    pub(crate) async fn changed(&mut self) -> bool {
        self.bell.changed().await.is_ok()
    }
}
