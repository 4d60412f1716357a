//! `Application`: which sources go to which cluster, and by which rules.

use std::{collections::BTreeMap, slice, time::Duration};

use kube::core::ObjectMeta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ApplicationSource, ApplicationStatus, Operation, duration, is_default, namespaced_resource,
    option_value, source::SourceHydrator,
};

/// Entries of `status.history` where the spec does not say how many.
const REVISION_HISTORY_LIMIT: usize = 10;
/// The project of an application that names none.
const DEFAULT_PROJECT: &str = "default";

/// An application: a set of objects that a repository describes and a cluster holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Application {
    /// Always `argoproj.io/v1alpha1`.
    #[serde(default = "api_version")]
    pub api_version: String,
    /// Always `Application`.
    #[serde(default = "kind")]
    pub kind: String,
    /// Name, namespace, annotations, finalizers.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    #[serde(default)]
    pub spec: ApplicationSpec,
    /// A request: whoever wants a sync writes it here, the controller takes it away when it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// What the controller last saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<ApplicationStatus>,
}

fn api_version() -> String {
    super::API_VERSION.to_owned()
}

fn kind() -> String {
    "Application".to_owned()
}

impl Default for Application {
    fn default() -> Self {
        Self {
            api_version: api_version(),
            kind: kind(),
            metadata: ObjectMeta::default(),
            spec: ApplicationSpec::default(),
            operation: None,
            status: None,
        }
    }
}

namespaced_resource!(Application, "Application", "applications");

/// The wanted state of an application.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ApplicationSpec {
    /// Where the manifests are, if there is one source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<ApplicationSource>,
    /// Where the manifests are, if there are several sources; then `source` is ignored.
    #[serde(skip_serializing_if = "is_default")]
    pub sources: Vec<ApplicationSource>,
    /// Renders a dry source and pushes the result to a branch that is synced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_hydrator: Option<SourceHydrator>,
    /// The cluster and the namespace that the objects go to.
    pub destination: Destination,
    /// The project whose rules hold; empty means `default`.
    pub project: String,
    /// When and how to sync.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync_policy: Option<SyncPolicy>,
    /// Fields whose differences do not count and that are never written.
    #[serde(skip_serializing_if = "is_default")]
    pub ignore_differences: Vec<IgnoreDifference>,
    /// Links and notes for people.
    #[serde(skip_serializing_if = "is_default")]
    pub info: Vec<Info>,
    /// Entries that `status.history` keeps: 10 where absent, 0 keeps none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision_history_limit: Option<i64>,
}

impl ApplicationSpec {
    /// All sources: `sources` if there are any, else the one `source`, else none.
    pub fn sources(&self) -> &[ApplicationSource] {
        match &self.source {
            Some(source) if self.sources.is_empty() => slice::from_ref(source),
            _ => &self.sources,
        }
    }

    /// True when `sources` is in use; then revisions are lists, one entry a source.
    pub fn has_multiple_sources(&self) -> bool {
        !self.sources.is_empty()
    }

    /// The name of the project, `default` when none is given.
    pub fn project(&self) -> &str {
        if self.project.is_empty() { DEFAULT_PROJECT } else { &self.project }
    }

    /// The rules of automated sync; `None` when it is off, also by `enabled: false`.
    pub fn automated(&self) -> Option<&Automated> {
        let automated = self.sync_policy.as_ref()?.automated.as_ref()?;
        (automated.enabled != Some(false)).then_some(automated)
    }

    /// The value of a sync option of the whole application: `sync_option("Prune")` is `Some("false")`
    /// for the entry `Prune=false`.
    pub fn sync_option(&self, name: &str) -> Option<&str> {
        let options = &self.sync_policy.as_ref()?.sync_options;
        option_value(options.iter().map(String::as_str), name)
    }

    /// True for the sync option `name=true`.
    pub fn has_sync_option(&self, name: &str) -> bool {
        self.sync_option(name) == Some("true")
    }

    /// Entries that `status.history` keeps. A negative limit counts as 0.
    pub fn revision_history_limit(&self) -> usize {
        self.revision_history_limit
            .map_or(REVISION_HISTORY_LIMIT, |limit| usize::try_from(limit).unwrap_or(0))
    }

    /// Metadata that the created namespace carries.
    pub fn managed_namespace_metadata(&self) -> Option<&ManagedNamespaceMetadata> {
        self.sync_policy.as_ref()?.managed_namespace_metadata.as_ref()
    }
}

/// The cluster, by URL or by name, and the namespace of objects that name none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Destination {
    /// URL of the API server; `https://kubernetes.default.svc` is the controller's own cluster.
    #[serde(skip_serializing_if = "is_default")]
    pub server: String,
    /// Namespace for namespaced objects that name none.
    #[serde(skip_serializing_if = "is_default")]
    pub namespace: String,
    /// Name of the cluster, instead of `server`; `in-cluster` is the controller's own.
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
}

impl Destination {
    /// The URL that stands for the controller's own cluster.
    pub const IN_CLUSTER_SERVER: &'static str = "https://kubernetes.default.svc";
    /// The name that stands for the controller's own cluster.
    pub const IN_CLUSTER_NAME: &'static str = "in-cluster";

    /// True when the destination is the controller's own cluster.
    pub fn is_in_cluster(&self) -> bool {
        match (self.server.as_str(), self.name.as_str()) {
            (server, "") => server.trim_end_matches('/') == Self::IN_CLUSTER_SERVER,
            ("", name) => name == Self::IN_CLUSTER_NAME,
            _ => false,
        }
    }
}

/// When and how to sync.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SyncPolicy {
    /// Sync without being asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub automated: Option<Automated>,
    /// Options of all objects, as `Name=value`.
    #[serde(skip_serializing_if = "is_default")]
    pub sync_options: Vec<String>,
    /// How often and when a failed sync is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryStrategy>,
    /// Metadata of the namespace that `CreateNamespace=true` makes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed_namespace_metadata: Option<ManagedNamespaceMetadata>,
}

/// The rules of automated sync.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Automated {
    /// Delete what is no longer in the repository.
    #[serde(skip_serializing_if = "is_default")]
    pub prune: bool,
    /// Put back what somebody changed in the cluster.
    #[serde(skip_serializing_if = "is_default")]
    pub self_heal: bool,
    /// Let a sync remove every object.
    #[serde(skip_serializing_if = "is_default")]
    pub allow_empty: bool,
    /// False switches automation off and keeps its settings; absent is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// How often and when a failed sync is tried again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RetryStrategy {
    /// Retries: 0 none, negative without end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
    /// Retry at the newest revision rather than at the one that failed.
    #[serde(skip_serializing_if = "is_default")]
    pub refresh: bool,
    /// The waiting times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff: Option<Backoff>,
}

/// Waiting times between retries. An entry that is absent or can't be read counts as its default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Backoff {
    /// The first wait, such as `5s` or `1m`; 5 s where absent.
    #[serde(skip_serializing_if = "is_default")]
    pub duration: String,
    /// What each further wait is multiplied by; 2 where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<i64>,
    /// The longest wait; 3 min where absent.
    #[serde(skip_serializing_if = "is_default")]
    pub max_duration: String,
}

impl Backoff {
    /// The wait before retry number `attempt`, where the first retry is 0; at least a second, so
    /// that no policy is a storm of writes.
    pub fn delay(&self, attempt: u32) -> Duration {
        let first = duration::parse(&self.duration).unwrap_or(Duration::from_secs(5));
        let longest = duration::parse(&self.max_duration).unwrap_or(Duration::from_mins(3));
        let factor = self.factor.and_then(|factor| u32::try_from(factor).ok()).unwrap_or(2).max(1);
        let delay = factor.checked_pow(attempt).and_then(|times| first.checked_mul(times));
        delay.map_or(longest, |delay| delay.min(longest)).max(Duration::from_secs(1))
    }
}

/// Labels and annotations of the namespace that `CreateNamespace=true` makes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ManagedNamespaceMetadata {
    /// Labels.
    #[serde(skip_serializing_if = "is_default")]
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    #[serde(skip_serializing_if = "is_default")]
    pub annotations: BTreeMap<String, String>,
}

/// Objects, and fields of them whose differences do not count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct IgnoreDifference {
    /// API group, with globs; empty is the core group.
    #[serde(skip_serializing_if = "is_default")]
    pub group: String,
    /// Kind, with globs.
    pub kind: String,
    /// Name; empty is any.
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    /// Namespace; empty is any.
    #[serde(skip_serializing_if = "is_default")]
    pub namespace: String,
    /// Fields as JSON pointers (RFC 6901).
    #[serde(skip_serializing_if = "is_default")]
    pub json_pointers: Vec<String>,
    /// Fields as jq path expressions.
    #[serde(rename = "jqPathExpressions", skip_serializing_if = "is_default")]
    pub jq_path_expressions: Vec<String>,
    /// Field managers whose fields are left to them.
    #[serde(skip_serializing_if = "is_default")]
    pub managed_fields_managers: Vec<String>,
}

/// A name and a text for people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Info {
    /// What it is.
    pub name: String,
    /// The text or the URL.
    pub value: String,
}
