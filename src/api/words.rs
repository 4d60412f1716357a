//! The words of status fields: closed sets for us, open ones for whoever else writes them.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Defines an enum that is a string in JSON and keeps a word that it does not know.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $word:ident,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$word_doc])* $word,)+
            /// A word that another program wrote.
            Other(String),
        }

        impl $name {
            /// The word as JSON has it.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$word => stringify!($word),)+
                    Self::Other(word) => word,
                }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                match word {
                    $(stringify!($word) => Self::$word,)+
                    other => Self::Other(other.to_owned()),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Ok(Self::from(Cow::<'de, str>::deserialize(deserializer)?.as_ref()))
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                String::json_schema(generator)
            }
        }
    };
}

words! {
    /// Whether the cluster is as Git says.
    #[derive(Default)]
    SyncCode {
        /// Nothing differs.
        Synced,
        /// Something differs.
        OutOfSync,
        /// It could not be found out.
        #[default]
        Unknown,
    }
}

words! {
    /// How well an object or an application is doing.
    HealthCode {
        /// It works.
        Healthy,
        /// It waits because somebody told it to.
        Suspended,
        /// It is on its way.
        Progressing,
        /// It is not in the cluster.
        Missing,
        /// It failed.
        Degraded,
        /// It could not be found out.
        Unknown,
    }
}

words! {
    /// How far an operation, or a hook in it, is.
    OperationPhase {
        /// It works or waits.
        Running,
        /// Somebody asked to end it.
        Terminating,
        /// It ended, and an object failed.
        Failed,
        /// It ended before objects were at stake, or by a fault of the machinery.
        Error,
        /// It ended well.
        Succeeded,
    }
}

impl OperationPhase {
    /// True once nothing more will happen.
    pub fn is_complete(&self) -> bool {
        matches!(self, Self::Failed | Self::Error | Self::Succeeded)
    }

    /// True for an end that is not a success.
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Failed | Self::Error)
    }
}

words! {
    /// What a sync did to one object.
    ResultCode {
        /// It was written.
        Synced,
        /// It was refused.
        SyncFailed,
        /// It was deleted.
        Pruned,
        /// It was not deleted, because pruning was not asked for or is forbidden for it.
        PruneSkipped,
    }
}

words! {
    /// When a hook runs.
    HookType {
        /// Before the objects are applied.
        PreSync,
        /// Together with them.
        Sync,
        /// After all of them are healthy.
        PostSync,
        /// When the sync failed.
        SyncFail,
        /// Never: the object is left out of a sync.
        Skip,
        /// Before the objects of a deleted application are deleted.
        PreDelete,
        /// After they are.
        PostDelete,
    }
}

words! {
    /// The part of a sync that an object belongs to.
    SyncPhase {
        /// Before the objects are applied.
        PreSync,
        /// The objects themselves.
        Sync,
        /// After all of them are healthy.
        PostSync,
        /// When the sync failed.
        SyncFail,
    }
}

words! {
    /// How a source is turned into objects.
    SourceType {
        /// A Helm chart.
        Helm,
        /// A kustomization.
        Kustomize,
        /// Plain manifests.
        Directory,
        /// A config management plugin.
        Plugin,
    }
}

words! {
    /// What a condition of an application is about.
    ConditionType {
        /// The deletion can't go on.
        DeletionError,
        /// The `spec` is wrong: nothing can be done until somebody edits it.
        InvalidSpecError,
        /// Desired or live state could not be found out.
        ComparisonError,
        /// A sync failed or is held back.
        SyncError,
        /// Anything else that went wrong.
        UnknownError,
        /// Another application claims an object of this one.
        SharedResourceWarning,
        /// The sources name one object twice.
        RepeatedResourceWarning,
        /// The sources hold something that is left out: a hook, a submodule, no manifest.
        ExcludedResourceWarning,
        /// The namespace holds objects that belong to no application.
        OrphanedResourceWarning,
        /// A manifest is used and says something that its author may not have meant. Ours, not
        /// Argo CD's.
        ManifestWarning,
        /// The application has more objects than its status can list. Ours, not Argo CD's.
        TruncatedStatusWarning,
    }
}

impl ConditionType {
    /// True for a condition that stops something, false for one that only informs.
    pub fn is_error(&self) -> bool {
        self.as_str().ends_with("Error")
    }
}
