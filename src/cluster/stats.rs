//! How many requests were sent, by verb.

use std::sync::atomic::{AtomicU64, Ordering};

use http::{Method, Request};

/// What a request does, in the words of Kubernetes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Reads, lists included.
    Read,
    /// Opens a watch, streaming lists included.
    Watch,
    /// POST.
    Create,
    /// PUT.
    Update,
    /// PATCH, server-side apply included.
    Patch,
    /// DELETE.
    Delete,
}

impl Verb {
    /// All verbs, in the order of [`Stats::counts`].
    pub const ALL: [Self; 6] =
        [Self::Read, Self::Watch, Self::Create, Self::Update, Self::Patch, Self::Delete];

    /// The verb as a metric label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }

    fn of<B>(request: &Request<B>) -> Self {
        match *request.method() {
            Method::POST => Self::Create,
            Method::PUT => Self::Update,
            Method::PATCH => Self::Patch,
            Method::DELETE => Self::Delete,
            _ if request.uri().query().is_some_and(|query| query.contains("watch=true")) => {
                Self::Watch
            }
            _ => Self::Read,
        }
    }
}

/// Counters of requests sent to one cluster since the start.
#[derive(Debug, Default)]
pub struct Stats {
    sent: [AtomicU64; Verb::ALL.len()],
    /// Answers 429 and 503: the server asked us to slow down.
    pub(super) pushed_back: AtomicU64,
}

impl Stats {
    pub(super) fn count<B>(&self, request: &Request<B>) {
        self.sent[Verb::of(request) as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Requests of one verb.
    pub fn sent(&self, verb: Verb) -> u64 {
        self.sent[verb as usize].load(Ordering::Relaxed)
    }

    /// Requests by verb.
    pub fn counts(&self) -> [(Verb, u64); Verb::ALL.len()] {
        Verb::ALL.map(|verb| (verb, self.sent(verb)))
    }

    /// How often the server asked us to slow down.
    pub fn pushed_back(&self) -> u64 {
        self.pushed_back.load(Ordering::Relaxed)
    }
}
