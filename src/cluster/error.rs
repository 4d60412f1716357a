//! Why a call to the cluster gave no result.

use std::{error::Error, path::PathBuf};

use kube::core::Status;

use crate::object::Turn;

/// Why a call to the cluster gave no result.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The named kubeconfig can't be used.
    #[error("could not use the kubeconfig {}", .path.display())]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: Box<kube::config::KubeconfigError>,
    },
    /// Neither a kubeconfig nor a service account was found.
    #[error("found no cluster to connect to: give --kubeconfig, or run in a pod")]
    NoConfig(#[source] Box<kube::config::InferConfigError>),
    /// The connection could not be set up from its settings.
    #[error("could not set up the connection to {url}")]
    Setup {
        /// The API server.
        url: String,
        /// Why.
        #[source]
        cause: Box<kube::Error>,
    },
    /// The request did not reach the server, or the answer did not reach us.
    #[error("{what}: the API server could not be reached")]
    Unreachable {
        /// What was tried.
        what: String,
        /// Why.
        #[source]
        cause: Box<dyn Error + Send + Sync>,
    },
    /// No answer in time. Whether a write was done is not known.
    #[error("{what}: no answer within {limit_s} s")]
    Silent {
        /// What was tried.
        what: String,
        /// How long we waited.
        limit_s: u64,
    },
    /// The server answered with an error.
    #[error("{what}: the API server said no")]
    Refused {
        /// What was tried.
        what: String,
        /// Its answer.
        #[source]
        status: Box<Status>,
    },
    /// The answer is not what it should be.
    #[error("{what}: the answer of the API server can't be read")]
    Unreadable {
        /// What was tried.
        what: String,
        /// Why.
        #[source]
        cause: serde_json::Error,
    },
    /// The answer is larger than we are ready to hold.
    #[error("{what}: the answer is larger than {bytes_max} bytes")]
    TooLarge {
        /// What was tried.
        what: String,
        /// The limit.
        bytes_max: usize,
    },
    /// A write was about to be sent when the right to write was gone.
    #[error("{what}: not sent, this replica may not write any more")]
    NotPermitted {
        /// What was about to be done.
        what: String,
    },
    /// No API of the cluster serves the kind.
    #[error("the cluster does not serve {kind}")]
    NotServed {
        /// The kind, for people.
        kind: String,
    },
    /// The server does not speak a protocol that we need.
    #[error(
        "the API server at {url} is older than Kubernetes 1.27: it has no aggregated discovery"
    )]
    TooOld {
        /// The API server.
        url: String,
    },
}

impl ClusterError {
    /// Who has to act before trying again can help.
    pub fn turn(&self) -> Turn {
        match self {
            Self::Kubeconfig { .. }
            | Self::NoConfig(_)
            | Self::Setup { .. }
            | Self::TooOld { .. } => Turn::Operator,
            Self::Unreachable { .. }
            | Self::Silent { .. }
            | Self::Unreadable { .. }
            | Self::NotPermitted { .. } => Turn::Cluster,
            Self::NotServed { .. } | Self::TooLarge { .. } => Turn::Author,
            Self::Refused { status, .. } => match status.code {
                401 | 403 => Turn::Operator,
                400 | 404 | 405 | 409 | 413 | 415 | 422 => Turn::Author,
                _ => Turn::Cluster,
            },
        }
    }

    /// The server's answer, when there was one.
    pub fn status(&self) -> Option<&Status> {
        match self {
            Self::Refused { status, .. } => Some(status),
            _ => None,
        }
    }

    /// True for an answer with this HTTP code.
    pub(crate) fn is_code(&self, code: u16) -> bool {
        self.status().is_some_and(|status| status.code == code)
    }

    /// The whole chain in one line, for conditions and logs.
    pub fn chain(&self) -> String {
        if let Self::Refused { what, status } = self {
            return format!("{what}: {}", status.message);
        }
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(next) = cause {
            let next_text = next.to_string();
            // Several libraries repeat their cause in their own text.
            if !text.contains(&next_text) {
                text.push_str(": ");
                text.push_str(&next_text);
            }
            cause = next.source();
        }
        text
    }
}
