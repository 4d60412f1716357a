//! `AppProject`: what the applications of a team may do.

use std::collections::BTreeMap;

use kube::core::ObjectMeta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Destination, is_default, namespaced_resource};

/// A project: the repositories, clusters, namespaces and kinds that its applications may use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppProject {
    /// Always `argoproj.io/v1alpha1`.
    #[serde(default = "api_version")]
    pub api_version: String,
    /// Always `AppProject`.
    #[serde(default = "kind")]
    pub kind: String,
    /// Name, namespace.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// The rules.
    #[serde(default)]
    pub spec: AppProjectSpec,
    /// Tokens that were issued for roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<AppProjectStatus>,
}

fn api_version() -> String {
    super::API_VERSION.to_owned()
}

fn kind() -> String {
    "AppProject".to_owned()
}

impl Default for AppProject {
    fn default() -> Self {
        Self {
            api_version: api_version(),
            kind: kind(),
            metadata: ObjectMeta::default(),
            spec: AppProjectSpec::default(),
            status: None,
        }
    }
}

namespaced_resource!(AppProject, "AppProject", "appprojects");

impl AppProject {
    /// The project that applications have when they name none: it allows everything.
    pub fn allow_all(name: &str, namespace: &str) -> Self {
        let any = || "*".to_owned();
        Self {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                namespace: Some(namespace.to_owned()),
                ..ObjectMeta::default()
            },
            spec: AppProjectSpec {
                source_repos: vec![any()],
                destinations: vec![Destination {
                    server: any(),
                    namespace: any(),
                    name: String::new(),
                }],
                cluster_resource_whitelist: vec![GroupKindGlob {
                    group: any(),
                    kind: any(),
                    name: String::new(),
                }],
                ..AppProjectSpec::default()
            },
            ..Self::default()
        }
    }
}

/// The rules of a project.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AppProjectSpec {
    /// Repositories, as globs; `!` before one forbids it.
    #[serde(skip_serializing_if = "is_default")]
    pub source_repos: Vec<String>,
    /// Clusters and namespaces, as globs; `!` before one forbids it.
    #[serde(skip_serializing_if = "is_default")]
    pub destinations: Vec<Destination>,
    /// For people.
    #[serde(skip_serializing_if = "is_default")]
    pub description: String,
    /// Rights of users and of tokens.
    #[serde(skip_serializing_if = "is_default")]
    pub roles: Vec<ProjectRole>,
    /// Cluster-scoped kinds that are allowed; absent allows none.
    #[serde(skip_serializing_if = "is_default")]
    pub cluster_resource_whitelist: Vec<GroupKindGlob>,
    /// Cluster-scoped kinds that are forbidden.
    #[serde(skip_serializing_if = "is_default")]
    pub cluster_resource_blacklist: Vec<GroupKindGlob>,
    /// Namespaced kinds that are allowed; absent allows all, an empty list none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace_resource_whitelist: Option<Vec<GroupKindGlob>>,
    /// Namespaced kinds that are forbidden.
    #[serde(skip_serializing_if = "is_default")]
    pub namespace_resource_blacklist: Vec<GroupKindGlob>,
    /// Look for objects that belong to no application.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orphaned_resources: Option<OrphanedResources>,
    /// When syncs are allowed or forbidden.
    #[serde(skip_serializing_if = "is_default")]
    pub sync_windows: Vec<SyncWindow>,
    /// Keys that must have signed a commit. Older form of `sourceIntegrity`.
    #[serde(skip_serializing_if = "is_default")]
    pub signature_keys: Vec<SignatureKey>,
    /// Which signatures a source must carry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_integrity: Option<SourceIntegrity>,
    /// Namespaces, as globs, that applications of this project may live in.
    #[serde(skip_serializing_if = "is_default")]
    pub source_namespaces: Vec<String>,
    /// Allow only clusters that belong to the project.
    #[serde(skip_serializing_if = "is_default")]
    pub permit_only_project_scoped_clusters: bool,
    /// Service accounts that syncs act as.
    #[serde(skip_serializing_if = "is_default")]
    pub destination_service_accounts: Vec<DestinationServiceAccount>,
}

/// A kind, as globs of group and kind, and of the name where it says so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct GroupKindGlob {
    /// API group; empty is the core group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Name; empty is any. Only lists of cluster-scoped kinds look at it.
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
}

/// Rights of users and of tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ProjectRole {
    /// Its name.
    pub name: String,
    /// For people.
    #[serde(skip_serializing_if = "is_default")]
    pub description: String,
    /// Policies in Casbin's form, `p, proj:a:b, applications, get, a/*, allow`.
    #[serde(skip_serializing_if = "is_default")]
    pub policies: Vec<String>,
    /// Tokens that were issued.
    #[serde(skip_serializing_if = "is_default")]
    pub jwt_tokens: Vec<JwtToken>,
    /// Groups of the identity provider.
    #[serde(skip_serializing_if = "is_default")]
    pub groups: Vec<String>,
}

/// A token that was issued; the token itself is kept nowhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct JwtToken {
    /// When it was issued, in seconds since 1970.
    pub iat: i64,
    /// When it ends, in seconds since 1970; 0 is never.
    #[serde(skip_serializing_if = "is_default")]
    pub exp: i64,
    /// Its id.
    #[serde(skip_serializing_if = "is_default")]
    pub id: String,
}

/// Looking for objects that belong to no application.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OrphanedResources {
    /// Make a condition of it; absent is yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warn: Option<bool>,
    /// Objects that do not count.
    #[serde(skip_serializing_if = "is_default")]
    pub ignore: Vec<OrphanedResource>,
}

/// Objects that do not count as orphaned, as globs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OrphanedResource {
    /// API group.
    #[serde(skip_serializing_if = "is_default")]
    pub group: String,
    /// Kind.
    #[serde(skip_serializing_if = "is_default")]
    pub kind: String,
    /// Name.
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
}

/// A time in which syncs are allowed or forbidden.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SyncWindow {
    /// `allow` or `deny`.
    #[serde(skip_serializing_if = "is_default")]
    pub kind: String,
    /// When it opens, as five fields of cron.
    #[serde(skip_serializing_if = "is_default")]
    pub schedule: String,
    /// How long it is open, such as `1h`.
    #[serde(skip_serializing_if = "is_default")]
    pub duration: String,
    /// Applications, as globs.
    #[serde(skip_serializing_if = "is_default")]
    pub applications: Vec<String>,
    /// Namespaces of destinations, as globs.
    #[serde(skip_serializing_if = "is_default")]
    pub namespaces: Vec<String>,
    /// Clusters, by URL or name, as globs.
    #[serde(skip_serializing_if = "is_default")]
    pub clusters: Vec<String>,
    /// Let people sync all the same.
    #[serde(skip_serializing_if = "is_default")]
    pub manual_sync: bool,
    /// Time zone of the schedule, such as `Europe/Berlin`; empty is UTC.
    #[serde(skip_serializing_if = "is_default")]
    pub time_zone: String,
    /// The three lists must all match, rather than one of them.
    #[serde(rename = "andOperator", skip_serializing_if = "is_default")]
    pub use_and_operator: bool,
    /// For people.
    #[serde(skip_serializing_if = "is_default")]
    pub description: String,
    /// Let a sync that began in time go on.
    #[serde(skip_serializing_if = "is_default")]
    pub sync_overrun: bool,
}

/// A key that must have signed a commit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SignatureKey {
    /// Id of the key, in hexadecimal.
    #[serde(rename = "keyID")]
    pub key_id: String,
}

/// Which signatures a source must carry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SourceIntegrity {
    /// Rules for Git repositories.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git: Option<GitIntegrity>,
}

/// Rules for Git repositories; the first that matches a repository holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct GitIntegrity {
    /// The rules.
    pub policies: Vec<GitIntegrityPolicy>,
}

/// A rule for some Git repositories.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct GitIntegrityPolicy {
    /// Repositories, as globs.
    pub repos: Vec<String>,
    /// Signatures by GPG.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpg: Option<GpgIntegrity>,
}

/// Signatures by GPG.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct GpgIntegrity {
    /// `none`, `head` or `strict`.
    pub mode: String,
    /// Ids of keys, in hexadecimal.
    pub keys: Vec<String>,
}

/// The service account that syncs to a destination act as.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DestinationServiceAccount {
    /// URL of the API server, as a glob.
    pub server: String,
    /// Namespace, as a glob.
    #[serde(skip_serializing_if = "is_default")]
    pub namespace: String,
    /// The account, as `name` or `namespace:name`.
    pub default_service_account: String,
}

/// Tokens that were issued for roles.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AppProjectStatus {
    /// By the name of the role.
    #[serde(skip_serializing_if = "is_default")]
    pub jwt_tokens_by_role: BTreeMap<String, JwtTokens>,
}

/// Tokens of one role.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct JwtTokens {
    /// The tokens.
    #[serde(skip_serializing_if = "is_default")]
    pub items: Vec<JwtToken>,
}
