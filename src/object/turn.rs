//! Who has to act before trying again can help.

use serde::{Deserialize, Serialize};

/// The owner of a failure. Retries, alerts, exit codes and API answers follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Turn {
    /// The cluster, the network, a server: retry with backoff, alert only if it lasts.
    Cluster,
    /// The author of the manifests: wait for a commit.
    Author,
    /// Whoever runs Steadfast: credentials, permissions, configuration.
    Operator,
    /// Us: a bug.
    Us,
}
