//! All changes of all kinds, for readers in the process.

use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::Server;
use crate::embedded::store::Change;

/// Changes from a moment on.
pub struct Changes {
    receiver: Receiver<Change>,
}

/// What [`Changes::next`] tells.
#[derive(Debug, Clone)]
pub enum Next {
    /// An object changed.
    Change(Change),
    /// The reader was too slow and missed some: look at everything.
    Lagged,
}

impl Server {
    /// All changes from now on.
    pub fn changes(&self) -> Changes {
        Changes { receiver: self.core().store.changes() }
    }
}

impl Changes {
    /// The next change; `None` when the server is gone. Cancellation loses nothing.
    pub async fn next(&mut self) -> Option<Next> {
        match self.receiver.recv().await {
            Ok(change) => Some(Next::Change(change)),
            Err(RecvError::Lagged(_)) => Some(Next::Lagged),
            Err(RecvError::Closed) => None,
        }
    }
}
