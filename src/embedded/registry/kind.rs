//! One kind in one version.

use std::sync::Arc;

use serde_json::Value;

use super::FieldRule;
use crate::{
    embedded::{
        schema::{Node, Schema},
        status::Resource,
        store::Marks,
    },
    object::{GroupKind, GroupVersionKind},
};

/// The verbs of a kind whose objects are kept, in the order of discovery.
pub(crate) const ALL_VERBS: &[&str] =
    &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// What hangs below an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sub {
    Status,
    /// Where a custom kind keeps what a Scale shows; of a kind of Kubernetes the usual places.
    Scale {
        spec: String,
        status: String,
        selector: String,
    },
    /// `finalize` of a namespace.
    Finalize,
    /// `binding` of a pod.
    Binding,
    /// `eviction` of a pod.
    Eviction,
    /// `token` of a service account.
    Token,
    /// What needs a machine behind it, such as `log`: name, kind, verbs.
    Machine(&'static str, &'static str, &'static [&'static str]),
}

impl Sub {
    /// The last part of the path.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Scale { .. } => "scale",
            Self::Finalize => "finalize",
            Self::Binding => "binding",
            Self::Eviction => "eviction",
            Self::Token => "token",
            Self::Machine(name, ..) => name,
        }
    }

    pub(crate) fn verbs(&self) -> &'static [&'static str] {
        match self {
            Self::Status | Self::Scale { .. } => &["get", "patch", "update"],
            Self::Finalize => &["update"],
            Self::Binding | Self::Eviction | Self::Token => &["create"],
            Self::Machine(_, _, verbs) => verbs,
        }
    }

    /// Group, version and kind of what is sent and answered; `None`: the object itself.
    pub(crate) fn gvk(&self) -> Option<GroupVersionKind> {
        match self {
            Self::Status | Self::Finalize => None,
            Self::Scale { .. } => Some(GroupVersionKind::parse("autoscaling/v1", "Scale")),
            Self::Binding => Some(GroupVersionKind::parse("v1", "Binding")),
            Self::Eviction => Some(GroupVersionKind::parse("policy/v1", "Eviction")),
            Self::Token => {
                Some(GroupVersionKind::parse("authentication.k8s.io/v1", "TokenRequest"))
            }
            Self::Machine(_, kind, _) => Some(GroupVersionKind::parse("v1", kind)),
        }
    }
}

/// What only custom kinds have.
pub(crate) struct Custom {
    pub(crate) schema: Arc<Schema>,
    /// `additionalPrinterColumns`.
    pub(crate) columns: Value,
    /// Whether objects are kept in this version.
    pub(crate) stored: bool,
    /// The version in which they are kept, as an `apiVersion`.
    pub(crate) stored_as: String,
    /// All versions that are served, as `apiVersion`s.
    pub(crate) served: Arc<[String]>,
    /// What is said to everybody who uses this version, where it is deprecated.
    pub(crate) deprecation: Option<String>,
}

/// A kind in one version, and how it is treated.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent traits of a kind, named at their use"
)]
#[expect(clippy::struct_field_names, reason = "`listKind` is its name in discovery")]
pub(crate) struct Kind {
    pub(crate) gvk: GroupVersionKind,
    pub(crate) list_kind: String,
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) short_names: Vec<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) namespaced: bool,
    pub(crate) verbs: &'static [&'static str],
    pub(crate) subs: Vec<Sub>,
    pub(crate) fields: FieldRule,
    /// A PUT of an object that is not there creates it.
    pub(crate) put_creates: bool,
    /// A PUT without a `resourceVersion` is taken.
    pub(crate) put_needs_version: bool,
    /// The answer of a deletion is the object.
    pub(crate) answers_deleted: bool,
    pub(crate) custom: Option<Custom>,
}

impl Kind {
    pub(crate) fn group_kind(&self) -> GroupKind {
        self.gvk.group_kind()
    }

    pub(crate) fn resource(&self) -> Resource<'_> {
        Resource { group: &self.gvk.group, plural: &self.plural }
    }

    /// True for `Kind` of the core group.
    pub(crate) fn is_core(&self, kind: &str) -> bool {
        self.gvk.group.is_empty() && self.gvk.kind == kind
    }

    pub(crate) fn is_definition(&self) -> bool {
        self.gvk.group == "apiextensions.k8s.io"
    }

    /// True for kinds of which nothing is kept: reviews.
    pub(crate) fn is_review(&self) -> bool {
        self.verbs == ["create"]
    }

    pub(crate) fn is_stored(&self) -> bool {
        self.custom.as_ref().is_none_or(|custom| custom.stored)
    }

    pub(crate) fn sub(&self, name: &str) -> Option<&Sub> {
        self.subs.iter().find(|sub| sub.name() == name)
    }

    pub(crate) fn has_status(&self) -> bool {
        self.subs.contains(&Sub::Status)
    }

    /// The schema of its objects.
    pub(crate) fn node(&self) -> Option<Node<'_>> {
        match &self.custom {
            Some(custom) => custom.schema.root(&self.gvk),
            None => Schema::builtin().root(&self.gvk),
        }
    }

    /// What selectors may ask of an object.
    pub(crate) fn marks(&self, object: &Value) -> Marks {
        Marks::new(object, self.fields.values(object))
    }
}
