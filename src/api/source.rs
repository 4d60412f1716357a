//! Where manifests come from and how they are made.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::{JsonSchema, Schema, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{SourceType, is_default};

/// One source of an application: a place in a repository and how to render it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ApplicationSource {
    /// URL of the repository.
    #[serde(rename = "repoURL")]
    pub repo_url: String,
    /// Directory in the repository.
    #[serde(skip_serializing_if = "is_default")]
    pub path: String,
    /// Branch, tag, commit or version range; empty is HEAD.
    #[serde(skip_serializing_if = "is_default")]
    pub target_revision: String,
    /// Settings of Helm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub helm: Option<HelmSource>,
    /// Settings of kustomize.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kustomize: Option<KustomizeSource>,
    /// Settings of a directory of manifests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<DirectorySource>,
    /// Settings of a config management plugin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<PluginSource>,
    /// Name of a chart in a Helm repository.
    #[serde(skip_serializing_if = "is_default")]
    pub chart: String,
    /// Name by which other sources refer to files of this one, as `$name/path`.
    #[serde(rename = "ref", skip_serializing_if = "is_default")]
    pub reference: String,
    /// Name for people.
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    /// Prefix of the tags among which a version range chooses.
    #[serde(skip_serializing_if = "is_default")]
    pub tag_prefix: String,
}

impl ApplicationSource {
    /// The wanted revision, `HEAD` when none is given.
    pub fn target_revision(&self) -> &str {
        if self.target_revision.is_empty() { "HEAD" } else { &self.target_revision }
    }

    /// The tool that the source names itself; `None` leaves it to the files.
    pub fn explicit_type(&self) -> Option<SourceType> {
        if self.kustomize.is_some() {
            Some(SourceType::Kustomize)
        } else if self.helm.is_some() || !self.chart.is_empty() {
            Some(SourceType::Helm)
        } else if self.directory.is_some() {
            Some(SourceType::Directory)
        } else if self.plugin.is_some() {
            Some(SourceType::Plugin)
        } else {
            None
        }
    }
}

/// Settings of a directory of manifests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DirectorySource {
    /// Read the directories below, too.
    #[serde(skip_serializing_if = "is_default")]
    pub recurse: bool,
    /// Settings of Jsonnet.
    #[serde(skip_serializing_if = "is_default")]
    pub jsonnet: Jsonnet,
    /// Glob of paths to leave out, such as `{config.yaml,env-*/*}`.
    #[serde(skip_serializing_if = "is_default")]
    pub exclude: String,
    /// Glob of paths to read; empty is all.
    #[serde(skip_serializing_if = "is_default")]
    pub include: String,
    /// Read files of any name as manifests.
    #[serde(skip_serializing_if = "is_default")]
    pub disable_extension_filter: bool,
}

/// Settings of Jsonnet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Jsonnet {
    /// External variables.
    #[serde(skip_serializing_if = "is_default")]
    pub ext_vars: Vec<JsonnetVar>,
    /// Top-level arguments.
    #[serde(skip_serializing_if = "is_default")]
    pub tlas: Vec<JsonnetVar>,
    /// Further directories of libraries.
    #[serde(skip_serializing_if = "is_default")]
    pub libs: Vec<String>,
}

/// A variable of Jsonnet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct JsonnetVar {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// The value is code, not text.
    #[serde(skip_serializing_if = "is_default")]
    pub code: bool,
}

/// Settings of Helm.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_excessive_bools, reason = "the shape is that of the JSON")]
pub struct HelmSource {
    /// Value files, with globs, in order.
    #[serde(skip_serializing_if = "is_default")]
    pub value_files: Vec<String>,
    /// Single values; they win over all others.
    #[serde(skip_serializing_if = "is_default")]
    pub parameters: Vec<HelmParameter>,
    /// Name of the release; empty is the name of the application.
    #[serde(skip_serializing_if = "is_default")]
    pub release_name: String,
    /// Values as a block of YAML.
    #[serde(skip_serializing_if = "is_default")]
    pub values: String,
    /// Values that are the content of a file.
    #[serde(skip_serializing_if = "is_default")]
    pub file_parameters: Vec<HelmFileParameter>,
    /// Version of Helm; kept for compatibility, not used.
    #[serde(skip_serializing_if = "is_default")]
    pub version: String,
    /// Hand credentials to all hosts that the chart names.
    #[serde(skip_serializing_if = "is_default")]
    pub pass_credentials: bool,
    /// Leave out value files that do not exist.
    #[serde(skip_serializing_if = "is_default")]
    pub ignore_missing_value_files: bool,
    /// Leave out the `crds` directory of the chart.
    #[serde(skip_serializing_if = "is_default")]
    pub skip_crds: bool,
    /// Values as an object; they win over `values`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_object")]
    pub values_object: Option<Value>,
    /// Namespace for the templates; empty is the one of the destination.
    #[serde(skip_serializing_if = "is_default")]
    pub namespace: String,
    /// Version of Kubernetes for the templates; empty is the one of the cluster.
    #[serde(skip_serializing_if = "is_default")]
    pub kube_version: String,
    /// API versions for the templates; empty are the ones of the cluster.
    #[serde(skip_serializing_if = "is_default")]
    pub api_versions: Vec<String>,
    /// Leave out test hooks.
    #[serde(skip_serializing_if = "is_default")]
    pub skip_tests: bool,
    /// Do not check values against the schema of the chart.
    #[serde(skip_serializing_if = "is_default")]
    pub skip_schema_validation: bool,
}

/// Any JSON object; the API server must keep all of it.
fn any_object(_: &mut schemars::SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
}

/// A single value of Helm.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HelmParameter {
    /// Path of the value, such as `image.tag`.
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    /// The value.
    #[serde(skip_serializing_if = "is_default")]
    pub value: String,
    /// Take the value as text even where it looks like a number or a boolean.
    #[serde(skip_serializing_if = "is_default")]
    pub force_string: bool,
}

/// A single value of Helm that is the content of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HelmFileParameter {
    /// Path of the value.
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    /// Path of the file.
    #[serde(skip_serializing_if = "is_default")]
    pub path: String,
}

/// Settings of kustomize.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_excessive_bools, reason = "the shape is that of the JSON")]
pub struct KustomizeSource {
    /// Prefix of all names.
    #[serde(skip_serializing_if = "is_default")]
    pub name_prefix: String,
    /// Suffix of all names.
    #[serde(skip_serializing_if = "is_default")]
    pub name_suffix: String,
    /// Image overrides, as `[old=]name[:tag|@digest]`.
    #[serde(skip_serializing_if = "is_default")]
    pub images: Vec<String>,
    /// Labels of all objects.
    #[serde(skip_serializing_if = "is_default")]
    pub common_labels: BTreeMap<String, String>,
    /// Version of kustomize.
    #[serde(skip_serializing_if = "is_default")]
    pub version: String,
    /// Annotations of all objects.
    #[serde(skip_serializing_if = "is_default")]
    pub common_annotations: BTreeMap<String, String>,
    /// Let `commonLabels` win over labels of the same name.
    #[serde(skip_serializing_if = "is_default")]
    pub force_common_labels: bool,
    /// Let `commonAnnotations` win over annotations of the same name.
    #[serde(skip_serializing_if = "is_default")]
    pub force_common_annotations: bool,
    /// Namespace of all objects.
    #[serde(skip_serializing_if = "is_default")]
    pub namespace: String,
    /// Replace variables of the build environment in annotations.
    #[serde(skip_serializing_if = "is_default")]
    pub common_annotations_envsubst: bool,
    /// Replica overrides.
    #[serde(skip_serializing_if = "is_default")]
    pub replicas: Vec<KustomizeReplica>,
    /// Patches.
    #[serde(skip_serializing_if = "is_default")]
    pub patches: Vec<KustomizePatch>,
    /// Components.
    #[serde(skip_serializing_if = "is_default")]
    pub components: Vec<String>,
    /// Leave out components that do not exist.
    #[serde(skip_serializing_if = "is_default")]
    pub ignore_missing_components: bool,
    /// Keep `commonLabels` out of selectors.
    #[serde(skip_serializing_if = "is_default")]
    pub label_without_selector: bool,
    /// Put `commonLabels` on pod templates, too.
    #[serde(skip_serializing_if = "is_default")]
    pub label_include_templates: bool,
    /// Version of Kubernetes for Helm charts inside.
    #[serde(skip_serializing_if = "is_default")]
    pub kube_version: String,
    /// API versions for Helm charts inside.
    #[serde(skip_serializing_if = "is_default")]
    pub api_versions: Vec<String>,
}

/// A replica override.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KustomizeReplica {
    /// Name of the Deployment or StatefulSet.
    pub name: String,
    /// Number of replicas, as a number or as text.
    #[schemars(schema_with = "int_or_string")]
    pub count: IntOrString,
}

fn int_or_string(_: &mut schemars::SchemaGenerator) -> Schema {
    json_schema!({ "x-kubernetes-int-or-string": true })
}

/// A patch of kustomize.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct KustomizePatch {
    /// File of the patch.
    #[serde(skip_serializing_if = "is_default")]
    pub path: String,
    /// The patch itself.
    #[serde(skip_serializing_if = "is_default")]
    pub patch: String,
    /// What it applies to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<KustomizeSelector>,
    /// Options, such as `allowNameChange`.
    #[serde(skip_serializing_if = "is_default")]
    pub options: BTreeMap<String, bool>,
}

/// The objects that a patch applies to; empty entries are any.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct KustomizeSelector {
    /// API group.
    #[serde(skip_serializing_if = "is_default")]
    pub group: String,
    /// API version.
    #[serde(skip_serializing_if = "is_default")]
    pub version: String,
    /// Kind.
    #[serde(skip_serializing_if = "is_default")]
    pub kind: String,
    /// Name.
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    /// Namespace.
    #[serde(skip_serializing_if = "is_default")]
    pub namespace: String,
    /// Annotations.
    #[serde(skip_serializing_if = "is_default")]
    pub annotation_selector: String,
    /// Labels.
    #[serde(skip_serializing_if = "is_default")]
    pub label_selector: String,
}

/// Settings of a config management plugin.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PluginSource {
    /// Name of the plugin; empty leaves it to discovery.
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    /// Environment variables.
    #[serde(skip_serializing_if = "is_default")]
    pub env: Vec<EnvEntry>,
    /// Parameters.
    #[serde(skip_serializing_if = "is_default")]
    pub parameters: Vec<PluginParameter>,
}

/// An environment variable.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct EnvEntry {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// A parameter of a plugin: a text, a list or a map. Present and empty differs from absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PluginParameter {
    /// Its name.
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    /// The value as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub string: Option<String>,
    /// The value as a map.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub map: Option<BTreeMap<String, String>>,
    /// The value as a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub array: Option<Vec<String>>,
}

/// Renders a dry source and pushes the result to a branch that is synced.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SourceHydrator {
    /// What is rendered.
    pub dry_source: DrySource,
    /// Where the result is synced from.
    pub sync_source: SyncSource,
    /// Where the result is pushed to, if that is not `syncSource` itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hydrate_to: Option<HydrateTo>,
}

/// What a hydrator renders.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DrySource {
    /// URL of the repository.
    #[serde(rename = "repoURL")]
    pub repo_url: String,
    /// Branch, tag or commit.
    pub target_revision: String,
    /// Directory in the repository.
    pub path: String,
    /// Settings of Helm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub helm: Option<HelmSource>,
    /// Settings of kustomize.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kustomize: Option<KustomizeSource>,
    /// Settings of a directory of manifests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<DirectorySource>,
    /// Settings of a config management plugin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<PluginSource>,
}

/// Where hydrated manifests are synced from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SyncSource {
    /// The branch.
    pub target_branch: String,
    /// Directory in the repository.
    pub path: String,
    /// URL of the repository; empty is the one of the dry source.
    #[serde(rename = "repoURL", skip_serializing_if = "is_default")]
    pub repo_url: String,
}

/// Where hydrated manifests are pushed to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HydrateTo {
    /// The branch.
    pub target_branch: String,
}
