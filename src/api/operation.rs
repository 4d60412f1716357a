//! `operation`: a request that somebody writes and the controller takes away.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ApplicationSource, Info, RetryStrategy, is_default, option_value};
use crate::object::ObjectId;

/// A request, or the copy of it in `status.operationState`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Operation {
    /// Asks for a sync.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync: Option<SyncOperation>,
    /// Who asked.
    pub initiated_by: OperationInitiator,
    /// Notes for people.
    #[serde(skip_serializing_if = "is_default")]
    pub info: Vec<Info>,
    /// What to do when it fails.
    pub retry: RetryStrategy,
}

/// Who asked for an operation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OperationInitiator {
    /// A user.
    #[serde(skip_serializing_if = "is_default")]
    pub username: String,
    /// The controller itself.
    #[serde(skip_serializing_if = "is_default")]
    pub automated: bool,
}

/// What to sync, to which revision, and how.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SyncOperation {
    /// The revision; empty is the one of the spec.
    #[serde(skip_serializing_if = "is_default")]
    pub revision: String,
    /// The revisions, one a source, where there are several.
    #[serde(skip_serializing_if = "is_default")]
    pub revisions: Vec<String>,
    /// Delete what is no longer in the repository.
    #[serde(skip_serializing_if = "is_default")]
    pub prune: bool,
    /// Ask the API server what would happen, and change nothing.
    #[serde(skip_serializing_if = "is_default")]
    pub dry_run: bool,
    /// With hooks (the default) or without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync_strategy: Option<SyncStrategy>,
    /// Only these objects; empty is all.
    #[serde(skip_serializing_if = "is_default")]
    pub resources: Vec<SyncOperationResource>,
    /// Instead of the source of the spec, as a rollback needs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<ApplicationSource>,
    /// Instead of the sources of the spec.
    #[serde(skip_serializing_if = "is_default")]
    pub sources: Vec<ApplicationSource>,
    /// Instead of any source: the manifests themselves.
    #[serde(skip_serializing_if = "is_default")]
    pub manifests: Vec<String>,
    /// Options, as `Name=value`.
    #[serde(skip_serializing_if = "is_default")]
    pub sync_options: Vec<String>,
    /// How many times self-heal has put this revision back.
    #[serde(rename = "autoHealAttemptsCount", skip_serializing_if = "is_default")]
    pub self_heal_attempts_count: i64,
}

impl SyncOperation {
    /// True for a sync of some objects only; it writes no history and runs no hooks.
    pub fn is_selective(&self) -> bool {
        !self.resources.is_empty()
    }

    /// True when hooks are left out by the strategy.
    pub fn is_apply_strategy(&self) -> bool {
        self.sync_strategy.as_ref().is_some_and(|strategy| strategy.apply.is_some())
    }

    /// True when objects may be deleted and created again.
    pub fn force(&self) -> bool {
        self.sync_strategy.as_ref().is_some_and(|strategy| {
            let forced =
                |apply: &Option<SyncStrategyApply>| apply.as_ref().is_some_and(|a| a.force);
            forced(&strategy.apply) || forced(&strategy.hook)
        })
    }

    /// The value of a sync option of this operation.
    pub fn sync_option(&self, name: &str) -> Option<&str> {
        option_value(self.sync_options.iter().map(String::as_str), name)
    }

    /// True when `object` is to be synced.
    pub fn selects(&self, object: &ObjectId) -> bool {
        self.resources.is_empty() || self.resources.iter().any(|resource| resource.matches(object))
    }
}

/// With hooks or without. At most one of the two is there; neither is `hook`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SyncStrategy {
    /// Without hooks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apply: Option<SyncStrategyApply>,
    /// With hooks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hook: Option<SyncStrategyApply>,
}

/// How objects are applied.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SyncStrategyApply {
    /// Delete and create again what can't be changed.
    #[serde(skip_serializing_if = "is_default")]
    pub force: bool,
}

/// One object to sync.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SyncOperationResource {
    /// API group.
    #[serde(skip_serializing_if = "is_default")]
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Namespace; empty is any.
    #[serde(skip_serializing_if = "is_default")]
    pub namespace: String,
}

impl SyncOperationResource {
    /// True when `object` is the one that is named here.
    pub fn matches(&self, object: &ObjectId) -> bool {
        self.group == object.group
            && self.kind == object.kind
            && self.name == object.name
            && (self.namespace.is_empty() || self.namespace == object.namespace)
    }
}
