//! What every pass has at hand: the edges, the shared caches, the settings.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    claims::Claims, clock, entry::Resource, members::Members, sources::Sources, unwritten::Traffic,
};
use crate::{
    api::{AppProject, Application},
    cluster::{Cluster, ClusterError, Store},
    config::Settings,
    health::Child,
    object::{GroupVersionKind, LiveObject, ObjectId, tracking},
    render::RenderCache,
    report::{
        board::Board,
        events::{EventSink, Occurrence},
        metrics::Metrics,
    },
};

/// Patience for one Application that is read.
const READ_LIMIT: Duration = Duration::from_secs(10);

/// The handles of the loop.
pub(crate) struct Context {
    /// The destination cluster, which is also the one that holds the applications.
    pub(crate) cluster: Cluster,
    /// Its live objects.
    pub(crate) store: Store<Child>,
    /// The replicas, and which of them acts for which application.
    pub(crate) members: Members,
    /// Repositories and who reads them.
    pub(crate) sources: Arc<Sources>,
    /// Who names which object.
    pub(crate) claims: Claims,
    /// Rendered manifests by what they were rendered from.
    pub(crate) renders: Arc<RenderCache>,
    /// Projects by name.
    pub(crate) projects: RwLock<HashMap<String, Result<Arc<AppProject>, String>>>,
    /// What people see.
    pub(crate) board: Arc<Board>,
    /// Statuses that were written a moment ago.
    pub(crate) traffic: Traffic,
    /// Counters.
    pub(crate) metrics: Arc<Metrics>,
    /// Kubernetes Events.
    pub(crate) events: EventSink,
    /// Settings as used.
    pub(crate) settings: Arc<Settings>,
    /// Cancelled when nothing more may be written.
    pub(crate) stop: CancellationToken,
}

impl Context {
    /// The name of an application in tracking ids: `<name>`, or `<namespace>_<name>` when it lives
    /// outside the controller's namespace.
    pub(crate) fn instance(&self, app: &Application) -> String {
        let name = app.metadata.name.as_deref().unwrap_or_default();
        match app.metadata.namespace.as_deref() {
            Some(namespace) if namespace != self.settings.namespace => {
                format!("{namespace}_{name}")
            }
            _ => name.to_owned(),
        }
    }

    /// The live objects of an application: those that this installation wrote, and those that say
    /// nothing about an installation (Argo CD's).
    pub(crate) fn tracked(&self, instance: &str) -> Vec<Arc<LiveObject>> {
        let mut tracked =
            self.store.tracked(&tracking::owner_key(&self.settings.namespace, instance));
        tracked.extend(self.store.tracked(instance));
        tracked
    }

    /// True when the owner named by an object is this application.
    pub(crate) fn is_owner(&self, instance: &str, owner: &str) -> bool {
        owner == instance || owner == tracking::owner_key(&self.settings.namespace, instance)
    }

    /// True when the owner named by an object is an application of this installation that is no
    /// more: it was deleted without its objects, and they are free to be taken over. What belongs to
    /// another installation is not ours to judge.
    pub(crate) fn is_abandoned(&self, owner: &str) -> bool {
        let ours = tracking::owner_key(&self.settings.namespace, "");
        owner.strip_prefix(&ours).is_some_and(|app| !self.board.has(app))
    }

    /// The project of an application, or why it can't be used.
    pub(crate) fn project(&self, name: &str) -> Result<Arc<AppProject>, String> {
        let projects = self.projects.read().unwrap_or_else(PoisonError::into_inner);
        projects.get(name).cloned().unwrap_or_else(|| {
            Err(format!(
                "project {name} does not exist in namespace {}; create the AppProject or correct \
                 spec.project",
                self.settings.namespace
            ))
        })
    }
}

impl Context {
    /// True while writes are allowed: the process is not stopping, and nobody else can have taken
    /// over what it does.
    pub(crate) fn may_write(&self) -> bool {
        !self.stop.is_cancelled() && self.members.holds()
    }

    /// True while writes for an application are allowed: nobody else acts for it.
    pub(crate) fn may_act(&self, app: &str) -> bool {
        self.may_write() && self.members.acts(app)
    }

    /// Leaves a Kubernetes Event on an application that we act for. What a pass comes to that was
    /// interrupted because somebody else goes on is no news.
    pub(crate) fn tell(&self, occurrence: Occurrence) {
        if self.members.acts(&occurrence.subject.name) {
            self.events.emit(occurrence, clock::now());
        }
    }

    /// Reads an Application resource; `None` when it is not there.
    pub(crate) async fn read_application(&self, name: &str) -> Result<Option<Value>, ClusterError> {
        let (gvk, id) = self.application_id(name);
        self.cluster.get(&gvk, &id, Instant::now() + READ_LIMIT).await
    }

    fn application_id(&self, name: &str) -> (GroupVersionKind, ObjectId) {
        let gvk = application_kind();
        let id = ObjectId::new(&gvk.group, &gvk.kind, &self.settings.namespace, name);
        (gvk, id)
    }

    /// Changes an Application resource by a JSON merge patch; returns it as it then is.
    pub(crate) async fn patch_application(
        &self,
        name: &str,
        patch: &Value,
    ) -> Result<Value, ClusterError> {
        let (gvk, id) = self.application_id(name);
        self.cluster.patch_merge(&gvk, &id, "", patch, &|| self.may_act(name)).await
    }

    /// Reads again which kinds the cluster serves; true when that worked.
    pub(crate) async fn learn_kinds(&self) -> bool {
        match self.cluster.discovery().refresh(&self.cluster).await {
            Ok(_) => true,
            Err(cause) => {
                tracing::warn!(cause = cause.chain(), "the kinds of the cluster were not read");
                false
            }
        }
    }

    /// Gives up everything that is held for an application: watches, polls, claims.
    pub(crate) fn forget(&self, name: &str) {
        self.store.forget(name);
        self.sources.read_by_nobody(name);
        self.claims.set(name, &BTreeSet::new());
    }

    /// Puts an Application resource on the board, without `managedFields`. Returns what is kept of
    /// it: the largest thing that an application takes is there once.
    pub(crate) fn publish(&self, name: &str, mut resource: Value) -> Resource {
        if let Some(metadata) = resource.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
        }
        let body = self.board.publish(name, &resource);
        Resource::new(&resource, body)
    }

    /// Takes over a project as the watch has it.
    pub(crate) fn set_project(&self, name: &str, project: Option<Value>) {
        let mut projects = self.projects.write().unwrap_or_else(PoisonError::into_inner);
        match project {
            Some(value) => {
                let parsed = AppProject::parse(value).map(Arc::new).map_err(|why| {
                    format!("project {name} can't be read: {}", super::observe::chain(&why))
                });
                projects.insert(name.to_owned(), parsed);
            }
            None => drop(projects.remove(name)),
        }
    }

    /// True when the project is there, readable or not.
    pub(crate) fn has_project(&self, name: &str) -> bool {
        self.projects.read().unwrap_or_else(PoisonError::into_inner).contains_key(name)
    }
}

/// The kind of our main resource.
pub(crate) fn application_kind() -> GroupVersionKind {
    GroupVersionKind::parse(crate::api::API_VERSION, "Application")
}
