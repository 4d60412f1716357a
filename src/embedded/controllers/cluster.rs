//! What the driver needs of the server that it drives.

use std::{future::Future, sync::Arc};

use jiff::Timestamp;
use serde_json::Value;

use super::{Action, Actor};
use crate::object::{GroupKind, ObjectId};

/// Why an action was not performed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The object changed meanwhile, or is gone: look again.
    Stale,
    /// The server refused it, in these words.
    Refused(String),
}

/// What a feed of changes tells.
#[derive(Debug, Clone)]
pub(crate) enum Told {
    /// An object is now like this, as JSON; `None` when it is gone.
    Changed {
        /// The object.
        id: ObjectId,
        /// Its state.
        new: Option<Arc<[u8]>>,
    },
    /// Some changes were missed: look at everything.
    Lagged,
}

/// The objects, and who writes them.
pub(crate) trait Cluster: Send + 'static {
    /// The present time.
    fn now(&self) -> Timestamp;
    /// All kinds that are kept.
    fn kinds(&self) -> Vec<GroupKind>;
    /// One object.
    fn get(&self, id: &ObjectId) -> Option<Value>;
    /// All objects of a kind, or those of one namespace.
    fn list(&self, kind: &GroupKind, namespace: Option<&str>) -> Vec<Value>;
    /// Writes. Answers the object that was created, `null` for everything else.
    ///
    /// [`Action::Tell`] and [`Action::WakeAt`] are not for the server: they do nothing here.
    fn perform(&self, actor: Actor, action: Action) -> Result<Value, Fault>;
}

/// The changes of all objects, from before the driver begins.
pub(crate) trait Feed: Send + 'static {
    /// The next one; `None` when there will be none. Cancellation loses nothing.
    fn next(&mut self) -> impl Future<Output = Option<Told>> + Send;
}
