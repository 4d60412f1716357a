//! `status`: what the controller last saw and did.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ApplicationSource, ConditionType, Destination, HealthCode, HookType, IgnoreDifference,
    ManagedNamespaceMetadata, Operation, OperationInitiator, OperationPhase, ResultCode,
    SourceType, SyncCode, SyncPhase, is_default, source::SourceHydrator,
};
use crate::object::ObjectId;

/// What the controller last saw of an application and did to it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ApplicationStatus {
    /// The objects, by group, kind, namespace and name.
    #[serde(skip_serializing_if = "is_default")]
    pub resources: Vec<ResourceStatus>,
    /// Whether the cluster is as Git says.
    pub sync: SyncStatus,
    /// How well the application is doing.
    pub health: HealthStatus,
    /// Successful syncs, the newest last.
    #[serde(skip_serializing_if = "is_default")]
    pub history: Vec<RevisionHistory>,
    /// What is wrong, in words.
    #[serde(skip_serializing_if = "is_default")]
    pub conditions: Vec<ApplicationCondition>,
    /// When desired and live state were last compared at the newest revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reconciled_at: Option<Time>,
    /// The running operation, or the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation_state: Option<OperationState>,
    /// Of old versions; read, never written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_at: Option<Time>,
    /// How the one source is rendered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_type: Option<SourceType>,
    /// How each of several sources is rendered.
    #[serde(skip_serializing_if = "is_default")]
    pub source_types: Vec<SourceType>,
    /// Addresses and images.
    pub summary: ApplicationSummary,
    /// `appTree` when the health of objects is kept elsewhere; empty when it is in `resources`.
    #[serde(skip_serializing_if = "is_default")]
    pub resource_health_source: String,
    /// The namespace of the controller that wrote this.
    #[serde(skip_serializing_if = "is_default")]
    pub controller_namespace: String,
    /// State of the hydrator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_hydrator: Option<SourceHydratorStatus>,
}

impl ApplicationStatus {
    /// The entry of one object.
    pub fn resource(&self, id: &ObjectId) -> Option<&ResourceStatus> {
        self.resources.iter().find(|resource| {
            resource.name == id.name
                && resource.kind == id.kind
                && resource.namespace == id.namespace
                && resource.group == id.group
        })
    }

    /// The history entry with this id.
    pub fn history(&self, id: i64) -> Option<&RevisionHistory> {
        self.history.iter().find(|entry| entry.id == id)
    }

    /// The condition of this type.
    pub fn condition(&self, kind: &ConditionType) -> Option<&ApplicationCondition> {
        self.conditions.iter().find(|condition| condition.kind == *kind)
    }
}

/// The state of one object.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ResourceStatus {
    /// API group.
    #[serde(skip_serializing_if = "is_default")]
    pub group: String,
    /// API version.
    #[serde(skip_serializing_if = "is_default")]
    pub version: String,
    /// Kind.
    #[serde(skip_serializing_if = "is_default")]
    pub kind: String,
    /// Namespace; empty for cluster-scoped objects.
    #[serde(skip_serializing_if = "is_default")]
    pub namespace: String,
    /// Name.
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    /// Whether it is as Git says; absent where that does not count, as for hooks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<SyncCode>,
    /// How well it is doing; absent for kinds without a rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<HealthStatus>,
    /// It is a hook.
    #[serde(skip_serializing_if = "is_default")]
    pub hook: bool,
    /// It is live and no longer in the repository.
    #[serde(skip_serializing_if = "is_default")]
    pub requires_pruning: bool,
    /// Its wave.
    #[serde(skip_serializing_if = "is_default")]
    pub sync_wave: i64,
    /// Its deletion waits for a confirmation.
    #[serde(skip_serializing_if = "is_default")]
    pub requires_deletion_confirmation: bool,
}

/// Whether the cluster is as Git says, and what was compared.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SyncStatus {
    /// The answer.
    pub status: SyncCode,
    /// The parts of the spec that the answer is about.
    #[serde(skip_serializing_if = "is_default")]
    pub compared_to: ComparedTo,
    /// The revision that was compared.
    #[serde(skip_serializing_if = "is_default")]
    pub revision: String,
    /// The revisions, one a source, where there are several.
    #[serde(skip_serializing_if = "is_default")]
    pub revisions: Vec<String>,
}

/// The parts of the spec that a comparison is about.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ComparedTo {
    /// The one source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<ApplicationSource>,
    /// The sources where there are several.
    #[serde(skip_serializing_if = "is_default")]
    pub sources: Vec<ApplicationSource>,
    /// The destination.
    pub destination: Destination,
    /// The ignore rules.
    #[serde(skip_serializing_if = "is_default")]
    pub ignore_differences: Vec<IgnoreDifference>,
}

/// How well something is doing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HealthStatus {
    /// The answer; absent when there is none yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<HealthCode>,
    /// The reason, in words.
    #[serde(skip_serializing_if = "is_default")]
    pub message: String,
    /// When `status` last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<Time>,
}

/// A successful sync.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RevisionHistory {
    /// Number of the entry; it grows by one.
    pub id: i64,
    /// The revision.
    #[serde(skip_serializing_if = "is_default")]
    pub revision: String,
    /// The revisions, one a source, where there are several.
    #[serde(skip_serializing_if = "is_default")]
    pub revisions: Vec<String>,
    /// When the sync ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployed_at: Option<Time>,
    /// When the sync started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deploy_started_at: Option<Time>,
    /// The source as it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<ApplicationSource>,
    /// The sources as they were.
    #[serde(skip_serializing_if = "is_default")]
    pub sources: Vec<ApplicationSource>,
    /// Who asked for it.
    #[serde(skip_serializing_if = "is_default")]
    pub initiated_by: OperationInitiator,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationCondition {
    /// What it is about.
    #[serde(rename = "type")]
    pub kind: ConditionType,
    /// What happened and what to do.
    pub message: String,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<Time>,
}

/// The running operation, or the last one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperationState {
    /// The request.
    pub operation: Operation,
    /// How far it is.
    pub phase: OperationPhase,
    /// What happened or what it waits for.
    #[serde(default, skip_serializing_if = "is_default")]
    pub message: String,
    /// What it did so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync_result: Option<SyncOperationResult>,
    /// When it started.
    pub started_at: Time,
    /// When it ended, or when it failed if it waits for a retry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// Retries so far.
    #[serde(default, skip_serializing_if = "is_default")]
    pub retry_count: i64,
}

/// What a sync did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SyncOperationResult {
    /// What it did to each object.
    #[serde(skip_serializing_if = "is_default")]
    pub resources: Vec<ResourceResult>,
    /// The revision.
    pub revision: String,
    /// The revisions, one a source, where there are several.
    #[serde(skip_serializing_if = "is_default")]
    pub revisions: Vec<String>,
    /// The source as it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<ApplicationSource>,
    /// The sources as they were.
    #[serde(skip_serializing_if = "is_default")]
    pub sources: Vec<ApplicationSource>,
    /// Metadata that the created namespace got.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed_namespace_metadata: Option<ManagedNamespaceMetadata>,
}

/// What a sync did to one object.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ResourceResult {
    /// API group.
    pub group: String,
    /// API version.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Namespace; empty for cluster-scoped objects.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// What happened; absent while it is under way, and for hooks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<ResultCode>,
    /// What the API server said, or what it waits for.
    #[serde(skip_serializing_if = "is_default")]
    pub message: String,
    /// When the hook runs; absent for ordinary objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hook_type: Option<HookType>,
    /// How far the hook, or the wait for the object, is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hook_phase: Option<OperationPhase>,
    /// The part of the sync it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync_phase: Option<SyncPhase>,
    /// Images that it uses.
    #[serde(skip_serializing_if = "is_default")]
    pub images: Vec<String>,
}

/// Addresses and images of an application.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ApplicationSummary {
    /// Where it is reached from outside.
    #[serde(rename = "externalURLs", skip_serializing_if = "is_default")]
    pub external_urls: Vec<String>,
    /// The images that its pods run.
    #[serde(skip_serializing_if = "is_default")]
    pub images: Vec<String>,
    /// It holds other applications.
    #[serde(skip_serializing_if = "is_default")]
    pub is_app_of_apps: bool,
}

/// State of the hydrator.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SourceHydratorStatus {
    /// The last hydration that worked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_successful_operation: Option<HydratedRevision>,
    /// The running hydration, or the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_operation: Option<HydrateOperation>,
}

/// A hydration that worked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HydratedRevision {
    /// Commit of the dry source.
    #[serde(rename = "drySHA", skip_serializing_if = "is_default")]
    pub dry_sha: String,
    /// Commit of the result.
    #[serde(rename = "hydratedSHA", skip_serializing_if = "is_default")]
    pub hydrated_sha: String,
    /// The settings it ran with.
    pub source_hydrator: SourceHydrator,
}

/// A hydration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HydrateOperation {
    /// When it started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// `Hydrating`, `Failed` or `Hydrated`.
    pub phase: String,
    /// What happened.
    pub message: String,
    /// Commit of the dry source.
    #[serde(rename = "drySHA", skip_serializing_if = "is_default")]
    pub dry_sha: String,
    /// Commit of the result.
    #[serde(rename = "hydratedSHA", skip_serializing_if = "is_default")]
    pub hydrated_sha: String,
    /// The settings it ran with.
    pub source_hydrator: SourceHydrator,
}
