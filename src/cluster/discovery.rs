//! What the cluster serves: kinds, their versions, scopes and paths.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use http::Method;
use kube::client::APIGroupDiscoveryList;
use tokio::{
    sync::{Mutex, watch},
    time::Instant,
};

use super::{Call, Cluster, ClusterError, Waiting, call::segment};
use crate::object::{GroupKind, GroupVersionKind, ObjectId};

/// Two readings that somebody asks for because a kind is missing are at least this far apart.
const REFRESH_EVERY: Duration = Duration::from_secs(5);
/// Aggregated discovery, stable since Kubernetes 1.30, beta since 1.26.
const ACCEPT: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
    application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";

/// One kind in one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindInfo {
    /// The kind.
    pub gvk: GroupVersionKind,
    /// Its name in paths: `deployments`.
    pub plural: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// What can be done with it: `get`, `list`, `watch`, `patch` ...
    pub verbs: Vec<String>,
    /// Its subresources: `status`, `scale` ...
    pub subresources: Vec<String>,
}

impl KindInfo {
    /// True when the server lets clients do this with the kind.
    pub fn allows(&self, verb: &str) -> bool {
        self.verbs.iter().any(|known| known == verb)
    }

    /// The path of all objects of the kind, or of those in a namespace.
    pub(crate) fn collection(&self, namespace: &str) -> String {
        let GroupVersionKind { group, version, .. } = &self.gvk;
        let mut path = match group.as_str() {
            "" => format!("/api/{version}"),
            group => format!("/apis/{group}/{version}"),
        };
        if self.namespaced && !namespace.is_empty() {
            path.push_str("/namespaces/");
            path.push_str(&segment(namespace));
        }
        path.push('/');
        path.push_str(&self.plural);
        path
    }

    /// The path of one object.
    pub(crate) fn object(&self, id: &ObjectId) -> String {
        format!("{}/{}", self.collection(&id.namespace), segment(&id.name))
    }
}

/// Everything that the cluster serves, at one moment.
#[derive(Debug, Default)]
pub struct KindTable {
    kinds: HashMap<GroupVersionKind, Arc<KindInfo>>,
    preferred: HashMap<GroupKind, Arc<KindInfo>>,
    /// Group versions whose own server (an aggregated API) did not answer.
    stale: HashSet<String>,
}

impl KindTable {
    /// A kind in this very version.
    pub fn get(&self, gvk: &GroupVersionKind) -> Option<&Arc<KindInfo>> {
        self.kinds.get(gvk)
    }

    /// A kind in the version that the server prefers.
    pub fn preferred(&self, kind: &GroupKind) -> Option<&Arc<KindInfo>> {
        self.preferred.get(kind)
    }

    /// All kinds in all versions.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<KindInfo>> {
        self.kinds.values()
    }

    /// Versions in which a kind is served, in no particular order.
    pub fn versions(&self, kind: &GroupKind) -> Vec<&str> {
        let of_kind =
            |info: &&Arc<KindInfo>| info.gvk.group == kind.group && info.gvk.kind == kind.kind;
        self.iter().filter(of_kind).map(|info| info.gvk.version.as_str()).collect()
    }

    /// True when the server that should serve this version did not answer: a kind that is missing
    /// may be back soon.
    pub fn is_stale(&self, gvk: &GroupVersionKind) -> bool {
        self.stale.contains(&gvk.api_version())
    }

    /// True when some server that extends the API did not answer.
    pub fn has_stale(&self) -> bool {
        !self.stale.is_empty()
    }

    /// Adds what one answer lists. Kinds of a group version whose server does not answer are taken
    /// over from `before`: one broken extension must not take kinds away.
    fn add(&mut self, list: &APIGroupDiscoveryList, before: &Self) {
        for group in &list.items {
            let name = group.metadata.as_ref().and_then(|metadata| metadata.name.clone());
            let name = name.unwrap_or_default();
            for version in &group.versions {
                let Some(version_name) = version.version.as_deref() else { continue };
                let api_version = GroupVersionKind {
                    group: name.clone(),
                    version: version_name.to_owned(),
                    kind: String::new(),
                }
                .api_version();
                if version.freshness.as_deref() == Some("Stale") {
                    self.keep(&name, version_name, before);
                    self.stale.insert(api_version);
                    continue;
                }
                for resource in &version.resources {
                    if let Some(info) = kind_info(&name, version_name, resource) {
                        self.insert(Arc::new(info));
                    }
                }
            }
        }
    }

    fn keep(&mut self, group: &str, version: &str, before: &Self) {
        for info in before.kinds.values() {
            if info.gvk.group == group && info.gvk.version == version {
                self.insert(Arc::clone(info));
            }
        }
    }

    /// Versions arrive in the server's order of preference.
    fn insert(&mut self, info: Arc<KindInfo>) {
        self.preferred.entry(info.gvk.group_kind()).or_insert_with(|| Arc::clone(&info));
        self.kinds.entry(info.gvk.clone()).or_insert(info);
    }

    /// A table of just these kinds, the preferred version of each first.
    pub fn of(kinds: impl IntoIterator<Item = KindInfo>) -> Self {
        let mut table = Self::default();
        for info in kinds {
            table.insert(Arc::new(info));
        }
        table
    }
}

fn kind_info(
    group: &str,
    version: &str,
    resource: &kube::client::APIResourceDiscovery,
) -> Option<KindInfo> {
    let kind = resource.response_kind.as_ref()?.kind.clone()?;
    let plural = resource.resource.clone()?;
    // Review kinds and the like can only be created; they still are kinds that may be asked for.
    (!kind.is_empty()).then(|| KindInfo {
        gvk: GroupVersionKind { group: group.to_owned(), version: version.to_owned(), kind },
        plural,
        namespaced: resource.scope.as_deref() == Some("Namespaced"),
        verbs: resource.verbs.clone(),
        subresources: resource
            .subresources
            .iter()
            .filter_map(|subresource| subresource.subresource.clone())
            .collect(),
    })
}

/// The current table and the means to read it again.
#[derive(Debug)]
pub struct Discovery {
    table: watch::Sender<Arc<KindTable>>,
    /// When the last good reading was begun; held while one is under way.
    read_at: Mutex<Option<Instant>>,
    /// How many wait for a kind that is not served.
    waiting: watch::Sender<usize>,
}

impl Default for Discovery {
    fn default() -> Self {
        let (table, _) = watch::channel(Arc::default());
        Self { table, read_at: Mutex::default(), waiting: watch::Sender::new(0) }
    }
}

impl Discovery {
    /// The table as last read.
    pub fn table(&self) -> Arc<KindTable> {
        Arc::clone(&self.table.borrow())
    }

    /// Wakes whoever waits for a kind to appear or to go.
    pub fn changes(&self) -> watch::Receiver<Arc<KindTable>> {
        self.table.subscribe()
    }

    /// Waits for a kind that is not served: until the value is dropped, the table is read again
    /// whenever something may have changed in it. [`Self::changes`] tells.
    pub fn wait(&self) -> Waiting {
        Waiting::new(&self.waiting)
    }

    /// How many wait for a kind.
    pub(super) fn waiting(&self) -> watch::Receiver<usize> {
        self.waiting.subscribe()
    }

    /// Reads the table again. Whoever asks while a reading is under way that began later than the
    /// question gets that one.
    pub async fn refresh(&self, cluster: &Cluster) -> Result<Arc<KindTable>, ClusterError> {
        self.refresh_if(cluster, Duration::ZERO).await
    }

    async fn refresh_if(
        &self,
        cluster: &Cluster,
        older_than: Duration,
    ) -> Result<Arc<KindTable>, ClusterError> {
        let asked = Instant::now();
        let mut read_at = self.read_at.lock().await;
        if read_at.is_some_and(|read_at| read_at + older_than > asked) {
            return Ok(self.table());
        }
        let begun = Instant::now();
        let (core, groups) = tokio::try_join!(read(cluster, "/api"), read(cluster, "/apis"))?;
        let before = self.table();
        let mut table = KindTable::default();
        table.add(&core, &before);
        table.add(&groups, &before);
        let table = Arc::new(table);
        *read_at = Some(begun);
        self.table.send_if_modified(|current| {
            let changed = current.kinds != table.kinds || current.stale != table.stale;
            if changed {
                *current = Arc::clone(&table);
            }
            changed
        });
        Ok(table)
    }

    /// A kind, asked of the server again when it is not in the table, but not more often than
    /// every few seconds.
    pub async fn find(
        &self,
        cluster: &Cluster,
        gvk: &GroupVersionKind,
    ) -> Result<Arc<KindInfo>, ClusterError> {
        if let Some(info) = self.table().get(gvk) {
            return Ok(Arc::clone(info));
        }
        let table = self.refresh_if(cluster, REFRESH_EVERY).await?;
        table.get(gvk).cloned().ok_or_else(|| ClusterError::NotServed { kind: gvk.to_string() })
    }

    /// The same for a kind in the version that the server prefers.
    pub async fn find_preferred(
        &self,
        cluster: &Cluster,
        kind: &GroupKind,
    ) -> Result<Arc<KindInfo>, ClusterError> {
        if let Some(info) = self.table().preferred(kind) {
            return Ok(Arc::clone(info));
        }
        let table = self.refresh_if(cluster, REFRESH_EVERY).await?;
        table
            .preferred(kind)
            .cloned()
            .ok_or_else(|| ClusterError::NotServed { kind: kind.to_string() })
    }

    #[cfg(test)]
    pub(crate) fn set(&self, table: KindTable) {
        self.table.send_replace(Arc::new(table));
    }
}

async fn read(cluster: &Cluster, path: &str) -> Result<APIGroupDiscoveryList, ClusterError> {
    let what = format!("could not ask what the cluster serves at {path}");
    let call = Call::new(Method::GET, path.to_owned(), what.clone()).accept(ACCEPT);
    let body = match cluster.call(call).await {
        Ok(answer) => answer.body,
        Err(error) if error.is_code(406) => {
            return Err(ClusterError::TooOld { url: cluster.url().to_owned() });
        }
        Err(error) => return Err(error),
    };
    if body.get("kind").and_then(serde_json::Value::as_str) != Some("APIGroupDiscoveryList") {
        return Err(ClusterError::TooOld { url: cluster.url().to_owned() });
    }
    serde_json::from_value(body).map_err(|cause| ClusterError::Unreadable { what, cause })
}

#[cfg(test)]
mod tests;
