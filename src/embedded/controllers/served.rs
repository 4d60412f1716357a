//! The embedded server, as the driver sees it.

use jiff::Timestamp;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{Action, Actor, Cluster, Fault, Feed, Pace, Propagation, Settings, Told, run};
use crate::{
    embedded::{
        request::DeleteOptions,
        server::{Changes, Next, Server},
        status::Status,
    },
    object::{GroupKind, ObjectId},
};

/// The version that the node gives as that of its kubelet.
const VERSION: &str = concat!("steadfast-embedded-", env!("CARGO_PKG_VERSION"));

/// Runs the controllers of the embedded cluster until `stop`, or until the server is gone. Pods
/// start as fast as the server's options say; everything else goes at the given pace.
pub async fn control(server: Server, pace: Pace, stop: CancellationToken) {
    let feed = server.changes();
    let pace = Pace { pod_start: server.options().pod_start, ..pace };
    let root_ca = server.ca_pem();
    run(server, Settings { pace, root_ca, version: VERSION.to_owned() }, feed, stop).await;
}

impl Feed for Changes {
    async fn next(&mut self) -> Option<Told> {
        Some(match Self::next(self).await? {
            Next::Change(change) => Told::Changed { id: change.id, new: change.new },
            Next::Lagged => Told::Lagged,
        })
    }
}

impl From<Status> for Fault {
    fn from(status: Status) -> Self {
        match status.reason {
            "Conflict" | "NotFound" => Self::Stale,
            _ => Self::Refused(status.message),
        }
    }
}

impl Cluster for Server {
    fn now(&self) -> Timestamp {
        (self.options().clock)()
    }

    fn kinds(&self) -> Vec<GroupKind> {
        Self::kinds(self).into_iter().map(|(kind, _)| kind).collect()
    }

    fn get(&self, id: &ObjectId) -> Option<Value> {
        Self::get(self, id)
    }

    fn list(&self, kind: &GroupKind, namespace: Option<&str>) -> Vec<Value> {
        Self::list(self, kind, namespace)
    }

    fn perform(&self, actor: Actor, action: Action) -> Result<Value, Fault> {
        let manager = actor.manager();
        match action {
            Action::Create { object, .. } => return Ok(self.create(manager, object)?),
            Action::Update(object) => self.update(manager, object)?,
            Action::UpdateStatus(object) => self.update_status(manager, object)?,
            Action::Finalize(object) => self.finalize(manager, object)?,
            Action::Scale { id, replicas } => self.scale(manager, &id, replicas)?,
            Action::Bind { pod, node } => {
                self.assign(manager, &pod, node)?;
                Value::Null
            }
            Action::Delete { id, uid, propagation, at_once } => {
                let propagation = match propagation {
                    Propagation::Background => "Background",
                    Propagation::Foreground => "Foreground",
                };
                let how = DeleteOptions {
                    grace_period_s: at_once.then_some(0),
                    propagation: Some(propagation.to_owned()),
                    uid: Some(uid),
                    ..DeleteOptions::default()
                };
                self.delete(manager, &id, &how)?;
                Value::Null
            }
            Action::Tell(_) | Action::WakeAt(_) => Value::Null,
        };
        Ok(Value::Null)
    }
}

#[cfg(test)]
mod tests;
