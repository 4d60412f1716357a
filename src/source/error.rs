//! Why desired state could not be had.

use std::sync::Arc;

use super::url;
use crate::{
    object::Turn,
    worker::{
        WorkerError,
        git_fetch::{ABBREVIATED_CHARS_MIN, Failure, FailureKind, Missing, Target},
    },
};

/// What a server, a program or the disk said; the cause of a [`SourceError`]. Holds no credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Detail(pub Arc<str>);

/// Why a revision or its content could not be had. Each message says what to do about it.
///
/// It is `Clone`, because everybody who waited for the same poll gets the same error.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SourceError {
    /// No such repository for these credentials.
    #[error(
        "repository {repository} was not found: check the URL, and that the credentials may read it"
    )]
    NotFound {
        /// The repository's URL.
        repository: String,
        /// What the server said.
        #[source]
        cause: Detail,
    },
    /// The server wants credentials, or other ones.
    #[error(
        "repository {repository} refused the credentials: check the user, password, token or key \
         in its repository Secret"
    )]
    Authentication {
        /// The repository's URL.
        repository: String,
        /// What the server said.
        #[source]
        cause: Detail,
    },
    /// Credentials are never sent over plain http.
    #[error(
        "repository {repository} has credentials and a plain http URL, over which they are not \
         sent: use https"
    )]
    PlainHttp {
        /// The repository's URL.
        repository: String,
    },
    /// The server's certificate is not trusted.
    #[error(
        "no trusted TLS connection to repository {repository}: put its CA certificate into the \
         ConfigMap argocd-tls-certs-cm under the server's name"
    )]
    Tls {
        /// The repository's URL.
        repository: String,
        /// What is wrong with the certificate.
        #[source]
        cause: Detail,
    },
    /// The ssh server's key is not a known one.
    #[error(
        "the ssh host key of repository {repository} is not a known one: put it into the ConfigMap \
         argocd-ssh-known-hosts-cm after checking it"
    )]
    HostKey {
        /// The repository's URL.
        repository: String,
        /// What ssh said.
        #[source]
        cause: Detail,
    },
    /// The server fell silent.
    #[error("repository {repository} did not answer in time")]
    Timeout {
        /// The repository's URL.
        repository: String,
        /// What was waited for.
        #[source]
        cause: Detail,
    },
    /// No connection.
    #[error("repository {repository} cannot be reached")]
    Unreachable {
        /// The repository's URL.
        repository: String,
        /// What the network said.
        #[source]
        cause: Detail,
    },
    /// The repository, or one object of it, is larger than we take.
    #[error(
        "repository {repository} is too large: a mirror may have {bytes_max} bytes; keep large \
         files elsewhere or raise the limit"
    )]
    TooLarge {
        /// The repository's URL.
        repository: String,
        /// The limit.
        bytes_max: u64,
        /// What was too large.
        #[source]
        cause: Detail,
    },
    /// There is no commit in the repository.
    #[error("repository {repository} is empty: push a commit")]
    Empty {
        /// The repository's URL.
        repository: String,
    },
    /// The repository is there and the revision is not.
    #[error(
        "revision {revision:?} was not found in repository {repository}: {}",
        why(*missing, tag_prefix)
    )]
    RevisionNotFound {
        /// As in the application.
        revision: String,
        /// The prefix of tags that it was looked up among; empty for all.
        tag_prefix: String,
        /// The repository's URL.
        repository: String,
        /// What is missing.
        missing: Missing,
    },
    /// Something else is at that URL.
    #[error("{repository} is not a Git repository: check the URL")]
    NotARepository {
        /// The repository's URL.
        repository: String,
        /// What was found instead.
        #[source]
        cause: Detail,
    },
    /// The URL is of an unknown kind.
    #[error(
        "repository URL {repository} is not supported: use https://, ssh://, git@host:path, \
         git://, http:// or file://"
    )]
    Url {
        /// The repository's URL.
        repository: String,
        /// What is wrong with it.
        #[source]
        cause: Detail,
    },
    /// A certificate, a key or a proxy URL cannot be used.
    #[error("a setting of repository {repository} cannot be used: correct its repository Secret")]
    Setting {
        /// The repository's URL.
        repository: String,
        /// Which one.
        #[source]
        cause: Detail,
    },
    /// `git` or `ssh` is not there.
    #[error("a program that repository {repository} needs is not installed")]
    Program {
        /// The repository's URL.
        repository: String,
        /// Which one.
        #[source]
        cause: Detail,
    },
    /// The mirror cannot be read, and making a new one did not help.
    #[error("the mirror of repository {repository} in {directory} is damaged")]
    MirrorDamaged {
        /// The repository's URL.
        repository: String,
        /// The mirror's directory.
        directory: String,
        /// What is wrong with it.
        #[source]
        cause: Detail,
    },
    /// The data directory cannot be written.
    #[error(
        "the mirror of repository {repository} cannot be written to {directory}: free space or \
         correct its permissions"
    )]
    Disk {
        /// The repository's URL.
        repository: String,
        /// The directory.
        directory: String,
        /// What the system said.
        #[source]
        cause: Detail,
    },
    /// The child that polls did not do its work.
    #[error("polling repository {repository} failed")]
    Poll {
        /// The repository's URL.
        repository: String,
        /// Who has to act.
        turn: Turn,
        /// What happened.
        #[source]
        cause: Detail,
    },
}

fn why(missing: Missing, tag_prefix: &str) -> String {
    match missing {
        Missing::Unknown => "there is no such branch, tag or ref".to_owned(),
        Missing::NoVersion if tag_prefix.is_empty() => {
            "no tag is a version in this range".to_owned()
        }
        Missing::NoVersion => {
            format!("no tag {tag_prefix}VERSION has a version in this range; see tagPrefix")
        }
        Missing::Abbreviated => "no branch or tag has this name and no commit begins so".to_owned(),
        Missing::Ambiguous => {
            format!("more than one commit begins so; give more than {ABBREVIATED_CHARS_MIN} digits")
        }
        Missing::NotACommit => "it names something that is not a commit".to_owned(),
        Missing::NoCommit => "there is no such commit".to_owned(),
    }
}

/// What an error is about: the same for all errors of one poll.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    /// The repository's URL, as people may see it.
    pub(super) repository: String,
    /// The mirror's directory.
    pub(super) directory: String,
    /// How large a mirror may be.
    pub(super) bytes_max: u64,
}

impl SourceError {
    /// Says who has to act before trying again can help.
    pub fn turn(&self) -> Turn {
        match self {
            Self::Timeout { .. } | Self::Unreachable { .. } | Self::MirrorDamaged { .. } => {
                Turn::Cluster
            }
            Self::Empty { .. } | Self::RevisionNotFound { .. } => Turn::Author,
            Self::Poll { turn, .. } => *turn,
            Self::NotFound { .. }
            | Self::Authentication { .. }
            | Self::PlainHttp { .. }
            | Self::Tls { .. }
            | Self::HostKey { .. }
            | Self::TooLarge { .. }
            | Self::NotARepository { .. }
            | Self::Url { .. }
            | Self::Setting { .. }
            | Self::Program { .. }
            | Self::Disk { .. } => Turn::Operator,
        }
    }

    /// The same error about the same repository, whose URL somebody spells like this: an error
    /// names it as the one who reads it wrote it.
    #[must_use]
    pub fn spelled(mut self, url: &str) -> Self {
        *self.repository_mut() = url::redacted(url);
        self
    }

    fn repository_mut(&mut self) -> &mut String {
        match self {
            Self::NotFound { repository, .. }
            | Self::Authentication { repository, .. }
            | Self::PlainHttp { repository }
            | Self::Tls { repository, .. }
            | Self::HostKey { repository, .. }
            | Self::Timeout { repository, .. }
            | Self::Unreachable { repository, .. }
            | Self::TooLarge { repository, .. }
            | Self::Empty { repository }
            | Self::RevisionNotFound { repository, .. }
            | Self::NotARepository { repository, .. }
            | Self::Url { repository, .. }
            | Self::Setting { repository, .. }
            | Self::Program { repository, .. }
            | Self::MirrorDamaged { repository, .. }
            | Self::Disk { repository, .. }
            | Self::Poll { repository, .. } => repository,
        }
    }

    /// From what a poll found out itself.
    pub(super) fn from_failure(about: &Subject, failure: Failure) -> Self {
        let Subject { repository, directory, bytes_max } = about.clone();
        let cause = Detail(failure.detail.into());
        match failure.kind {
            FailureKind::Unreachable => Self::Unreachable { repository, cause },
            FailureKind::Timeout => Self::Timeout { repository, cause },
            FailureKind::Authentication => Self::Authentication { repository, cause },
            FailureKind::PlainHttp => Self::PlainHttp { repository },
            FailureKind::Tls => Self::Tls { repository, cause },
            FailureKind::HostKey => Self::HostKey { repository, cause },
            FailureKind::NotFound => Self::NotFound { repository, cause },
            FailureKind::NotARepository => Self::NotARepository { repository, cause },
            FailureKind::Empty => Self::Empty { repository },
            FailureKind::Url => Self::Url { repository, cause },
            FailureKind::Setting => Self::Setting { repository, cause },
            FailureKind::Program => Self::Program { repository, cause },
            FailureKind::Damaged => Self::MirrorDamaged { repository, directory, cause },
            FailureKind::DiskFull | FailureKind::Disk => {
                Self::Disk { repository, directory, cause }
            }
            FailureKind::TooLarge => Self::TooLarge { repository, bytes_max, cause },
            FailureKind::Refused | FailureKind::Other => {
                Self::Poll { repository, turn: Turn::Cluster, cause }
            }
        }
    }

    /// From what happened to the child that polled.
    pub(super) fn from_worker(about: &Subject, error: &WorkerError) -> Self {
        let Subject { repository, bytes_max, .. } = about.clone();
        let cause = Detail(chain(error).into());
        match error {
            WorkerError::Deadline { .. } => Self::Timeout { repository, cause },
            _ if error.hit_file_limit() => Self::TooLarge { repository, bytes_max, cause },
            _ => Self::Poll { repository, turn: error.turn(), cause },
        }
    }

    /// The revision means nothing in this repository.
    pub(super) fn missing(about: &Subject, target: &Target, missing: Missing) -> Self {
        let Target { revision, tag_prefix } = target.clone();
        let repository = about.repository.clone();
        Self::RevisionNotFound { revision, tag_prefix, repository, missing }
    }
}

/// An error with its causes in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
