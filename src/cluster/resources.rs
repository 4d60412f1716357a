//! Following the few resources that steer us: applications, projects, labelled Secrets.

use std::{collections::HashSet, sync::Arc, time::Duration};

use futures::{Stream, stream};
use serde_json::Value;
use tokio::time::{Instant, timeout};

use super::{
    Cluster, ClusterError, KindInfo,
    watch::{Update, Watch},
};
use crate::object::{GroupKind, GroupVersionKind, Turn, meta};

/// How often a kind that is missing is looked for, when nothing else reads discovery.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Failures in a row before an interruption is told: some two seconds.
const FAILURES_TOLD_MIN: u32 = 3;
/// How often the same complaint is logged.
const COMPLAIN_EVERY: Duration = Duration::from_mins(5);

/// Which resources to follow.
#[derive(Debug, Clone)]
pub struct ResourceQuery {
    /// The kind, in the version to read it in.
    pub gvk: GroupVersionKind,
    /// The namespace; empty for all.
    pub namespace: String,
    /// A label selector; empty for none.
    pub labels: String,
    /// One object only; empty for all.
    pub name: String,
}

impl ResourceQuery {
    /// All resources of a kind in a namespace.
    pub fn all(gvk: GroupVersionKind, namespace: &str) -> Self {
        Self { gvk, namespace: namespace.to_owned(), labels: String::new(), name: String::new() }
    }
}

/// What happened to the resources.
#[derive(Debug)]
pub enum ResourceEvent {
    /// One was added or changed: as the server sent it, without `managedFields`.
    Applied(Value),
    /// One is gone.
    Deleted {
        /// Its namespace, empty for cluster-scoped ones.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// Everything that exists was told; sent after the first list and after each later one.
    Synced,
    /// The server does not serve the kind; its resources were reported deleted. The stream goes on
    /// and continues when the kind appears.
    NotServed,
    /// No contact for some tries, or no permission. The stream goes on.
    Lost {
        /// Why, in words.
        message: String,
        /// Who has to act.
        turn: Turn,
    },
    /// In contact again, nothing was missed.
    Alive,
}

/// Follows resources for ever. A malformed one arrives as it is and disturbs nobody.
pub fn watch_resources(
    cluster: &Cluster,
    query: ResourceQuery,
) -> impl Stream<Item = ResourceEvent> + Send + use<> {
    let follower = Follower {
        cluster: cluster.clone(),
        query,
        watch: None,
        known: HashSet::new(),
        listed: None,
        gone: Vec::new(),
        synced: false,
        missing: false,
        complained_at: None,
        failures: 0,
        lost: false,
    };
    stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await;
        Some((event, follower))
    })
}

struct Follower {
    cluster: Cluster,
    query: ResourceQuery,
    watch: Option<Watch>,
    /// Namespace and name of what was reported.
    known: HashSet<(String, String)>,
    /// What the running list has named so far.
    listed: Option<HashSet<(String, String)>>,
    /// Found missing by a list, to be reported.
    gone: Vec<(String, String)>,
    /// `Synced` is due once `gone` is empty.
    synced: bool,
    /// The kind was reported as not served.
    missing: bool,
    complained_at: Option<Instant>,
    /// Tries in a row that came to nothing.
    failures: u32,
    /// The loss of contact was told.
    lost: bool,
}

impl Follower {
    async fn next(&mut self) -> ResourceEvent {
        loop {
            if let Some((namespace, name)) = self.gone.pop() {
                return ResourceEvent::Deleted { namespace, name };
            }
            if std::mem::take(&mut self.synced) {
                return ResourceEvent::Synced;
            }
            let Some(watch) = &mut self.watch else {
                if let Some(event) = self.look().await {
                    return event;
                }
                continue;
            };
            let update = watch.next().await;
            if let Some(event) = self.take(update).await {
                return event;
            }
        }
    }

    /// Looks for the kind and opens the watch when it is there.
    async fn look(&mut self) -> Option<ResourceEvent> {
        let discovery = self.cluster.discovery();
        let mut changes = discovery.changes();
        match discovery.find(&self.cluster, &self.query.gvk).await {
            Ok(info) => {
                self.missing = false;
                self.watch = Some(self.open(&info));
                None
            }
            Err(ClusterError::NotServed { .. }) => {
                self.complain();
                if !std::mem::replace(&mut self.missing, true) {
                    self.gone = self.known.drain().collect();
                    return Some(ResourceEvent::NotServed);
                }
                // Another reading may have found it meanwhile: then this ends early.
                let _ = timeout(LOOK_EVERY, changes.changed()).await;
                None
            }
            Err(error) => {
                tokio::time::sleep(LOOK_EVERY / 10).await;
                self.failed(&error)
            }
        }
    }

    fn open(&self, info: &Arc<KindInfo>) -> Watch {
        let field = match self.query.name.as_str() {
            "" => String::new(),
            name => format!("metadata.name={name}"),
        };
        Watch::new(&self.cluster, info, &self.query.namespace)
            .select("labelSelector", &self.query.labels)
            .select("fieldSelector", &field)
    }

    async fn take(&mut self, update: Update) -> Option<ResourceEvent> {
        match update {
            Update::Begin => self.listed = Some(HashSet::new()),
            Update::Item(object) | Update::Applied(object) => return Some(self.applied(object)),
            Update::Deleted(object) => {
                let key = key(&object);
                if let Some(listed) = &mut self.listed {
                    listed.remove(&key);
                }
                self.known.remove(&key);
                return Some(ResourceEvent::Deleted { namespace: key.0, name: key.1 });
            }
            Update::Listed(_) => {
                let listed = self.listed.take().unwrap_or_default();
                self.gone = self.known.difference(&listed).cloned().collect();
                self.known = listed;
                self.synced = true;
            }
            Update::Progress(_) => {}
            Update::Alive => {
                self.failures = 0;
                return std::mem::take(&mut self.lost).then_some(ResourceEvent::Alive);
            }
            Update::Lost(error) if error.is_code(404) => {
                // The kind may be gone: ask before anything is believed.
                self.watch = None;
                // Discovery may still list what is not served yet, or any more.
                tokio::time::sleep(LOOK_EVERY / 10).await;
                if let Err(error) = self.cluster.discovery().refresh(&self.cluster).await {
                    return self.failed(&error);
                }
            }
            Update::Lost(error) => return self.failed(&error),
        }
        None
    }

    fn applied(&mut self, mut object: Value) -> ResourceEvent {
        let key = key(&object);
        if let Some(listed) = &mut self.listed {
            listed.insert(key.clone());
        }
        self.known.insert(key);
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
        }
        ResourceEvent::Applied(object)
    }

    /// An interruption is worth telling once it lasts, or when waiting can't help.
    fn failed(&mut self, error: &ClusterError) -> Option<ResourceEvent> {
        self.failures = self.failures.saturating_add(1);
        let turn = error.turn();
        if turn == Turn::Cluster && self.failures < FAILURES_TOLD_MIN {
            return None;
        }
        self.lost = true;
        Some(ResourceEvent::Lost { message: error.chain(), turn })
    }

    fn complain(&mut self) {
        let now = Instant::now();
        if self.complained_at.is_some_and(|at| at + COMPLAIN_EVERY > now) {
            return;
        }
        self.complained_at = Some(now);
        let kind = self.query.gvk.group_kind();
        if kind.group == "argoproj.io" {
            let crd = crd_name(&kind);
            tracing::warn!(
                "CRD {crd} is not installed: run `steadfast install --crds-only | kubectl apply -f -`"
            );
        } else {
            tracing::warn!(%kind, "the cluster does not serve this kind, waiting for it");
        }
    }
}

/// Our CRDs have regular plurals.
fn crd_name(kind: &GroupKind) -> String {
    format!("{}s.{}", kind.kind.to_ascii_lowercase(), kind.group)
}

fn key(object: &Value) -> (String, String) {
    (meta::namespace(object).to_owned(), meta::name(object).to_owned())
}

#[cfg(test)]
mod tests;
