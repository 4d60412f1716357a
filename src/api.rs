//! The Kubernetes resources that we define and read: `Application` and `AppProject` in the group
//! `argoproj.io`, version `v1alpha1`, with the fields, names and JSON shapes of Argo CD.
//!
//! In: the JSON of a resource. Out: plain values, and the JSON to write back. Nothing here does I/O,
//! and no value of another program breaks the reading of a resource: a word that we do not know is
//! kept as it is, a field that we do not know is left to the API server, which preserves it.
//!
//! Where Argo CD has an optional pointer, there is an `Option`. Where it has a plain value that is
//! left out when empty, there is a plain value that is left out when it equals its default, so that
//! `prune: false` and no `prune` at all compare as equal, as they do there.
//!
//! The CRD manifests, [`crate::api::crds`], are generated from these types.

pub mod application;
pub mod duration;
pub mod operation;
pub mod project;
pub mod source;
pub mod status;
pub mod words;

mod crd;
mod parse;

pub use application::{
    Application, ApplicationSpec, Automated, Backoff, Destination, IgnoreDifference, Info,
    ManagedNamespaceMetadata, RetryStrategy, SyncPolicy,
};
pub use crd::crds;
pub use operation::{
    Operation, OperationInitiator, SyncOperation, SyncOperationResource, SyncStrategy,
};
pub use parse::ParseError;
pub use project::{AppProject, AppProjectSpec, GroupKindGlob, SyncWindow};
pub use source::{ApplicationSource, DirectorySource, Jsonnet};
pub use status::{
    ApplicationCondition, ApplicationStatus, ApplicationSummary, ComparedTo, HealthStatus,
    OperationState, ResourceResult, ResourceStatus, RevisionHistory, SyncOperationResult,
    SyncStatus,
};
pub use words::{
    ConditionType, HealthCode, HookType, OperationPhase, ResultCode, SourceType, SyncCode,
    SyncPhase,
};

/// The API group of all resources here.
pub const GROUP: &str = "argoproj.io";
/// The version of all resources here.
pub const VERSION: &str = "v1alpha1";
/// Group and version as `apiVersion` has them.
pub const API_VERSION: &str = "argoproj.io/v1alpha1";

/// True for a value that JSON leaves out.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The value of `Name=value` in a list of sync options; the last entry of a name wins.
///
/// Names are compared exactly, spaces around the entry are ignored, as Argo CD does.
pub fn option_value<'a>(
    options: impl DoubleEndedIterator<Item = &'a str>,
    name: &str,
) -> Option<&'a str> {
    options
        .rev()
        .filter_map(|option| option.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

/// Implements `kube::Resource` for a namespaced resource of our group.
macro_rules! namespaced_resource {
    ($type:ty, $kind:literal, $plural:literal) => {
        impl kube::Resource for $type {
            type DynamicType = ();
            type Scope = kube::core::NamespaceResourceScope;

            fn kind((): &()) -> std::borrow::Cow<'_, str> {
                $kind.into()
            }

            fn group((): &()) -> std::borrow::Cow<'_, str> {
                crate::api::GROUP.into()
            }

            fn version((): &()) -> std::borrow::Cow<'_, str> {
                crate::api::VERSION.into()
            }

            fn plural((): &()) -> std::borrow::Cow<'_, str> {
                $plural.into()
            }

            fn meta(&self) -> &kube::core::ObjectMeta {
                &self.metadata
            }

            fn meta_mut(&mut self) -> &mut kube::core::ObjectMeta {
                &mut self.metadata
            }
        }
    };
}
use namespaced_resource;

#[cfg(test)]
mod tests;
