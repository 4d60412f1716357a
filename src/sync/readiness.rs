//! Whether the controller can do its work: the answer of `/readyz`, and the task that follows
//! whether the API server is there.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::context::Context;
use crate::{
    cluster::{Cluster, ClusterError},
    object::Turn,
};

/// Time between two questions whether the API server is there, where there is a reason to ask.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// Patience for its answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(3);
/// Without an answer for this long, contact is lost.
const LOST_AFTER: Duration = Duration::from_secs(10);

/// What has to be there before work can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Need {
    /// The API server answers.
    Contact,
    /// The projects are known.
    Projects,
    /// The credentials of repositories are known.
    Secrets,
    /// The applications are known.
    Applications,
    /// The other replicas are known, and our Lease is kept.
    Members,
}

/// Whether the controller can do its work, and if not, what it needs.
#[derive(Debug)]
pub(crate) struct Readiness(Mutex<BTreeMap<Need, String>>);

impl Default for Readiness {
    /// Nothing has been read yet; whoever makes one has just connected.
    fn default() -> Self {
        let unread = [
            (Need::Projects, "the projects have not been read yet"),
            (Need::Secrets, "the credentials of repositories have not been read yet"),
            (Need::Applications, "the applications have not been read yet"),
        ];
        Self(Mutex::new(unread.map(|(need, why)| (need, why.to_owned())).into()))
    }
}

impl Readiness {
    /// Everything is there.
    pub(crate) fn complete() -> Self {
        Self(Mutex::default())
    }

    /// This is there.
    pub(crate) fn good(&self, need: Need) {
        self.lock().remove(&need);
    }

    /// This is not there, for this reason.
    pub(crate) fn bad(&self, need: Need, why: impl Into<String>) {
        self.lock().insert(need, why.into());
    }

    /// True when this is there.
    pub(crate) fn is_good(&self, need: Need) -> bool {
        !self.lock().contains_key(&need)
    }

    /// Why this is not there; `None` when it is.
    pub(crate) fn lack(&self, need: Need) -> Option<String> {
        self.lock().get(&need).cloned()
    }

    /// Whether everything is there; if not, what is missing, one line each.
    pub(crate) fn get(&self) -> Result<(), String> {
        let missing = self.lock();
        if missing.is_empty() {
            return Ok(());
        }
        Err(missing.values().map(String::as_str).collect::<Vec<_>>().join("\n"))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Need, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Follows whether the API server is there, for ever. It is asked, for its version, at the start and
/// where something gives a reason to doubt it: while nothing changes, nothing is sent.
pub(crate) async fn follow_contact(ctx: Arc<Context>, readiness: Arc<Readiness>) {
    let cluster = &ctx.cluster;
    loop {
        while let Err(cause) = answer(cluster).await {
            let silent = cluster.heard().elapsed();
            if silent >= LOST_AFTER {
                if readiness.is_good(Need::Contact) {
                    tracing::warn!(cause = cause.chain(), "contact with the API server is lost");
                }
                let seconds = silent.as_secs();
                let why = format!("no answer for {seconds} s: {}", cause.chain());
                readiness.bad(Need::Contact, why);
            }
            sleep(ASK_AGAIN).await;
        }
        if !readiness.is_good(Need::Contact) {
            tracing::info!("the API server answers again");
        }
        readiness.good(Need::Contact);
        // Many requests may miss their answers at once: one question is enough.
        sleep(ASK_AGAIN).await;
        cluster.doubted().await;
    }
}

/// Asks whether the server is there. A refusal is an answer.
async fn answer(cluster: &Cluster) -> Result<(), ClusterError> {
    let answer = cluster.ask_version(Instant::now() + ANSWER_LIMIT).await;
    let refused = |cause: &ClusterError| cause.turn() != Turn::Cluster || cause.status().is_some();
    answer.or_else(|cause| if refused(&cause) { Ok(()) } else { Err(cause) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_missing_part_is_named_until_the_last_is_there() {
        let readiness = Readiness::default();
        let why = readiness.get().unwrap_err();
        assert_eq!(why.lines().count(), 3, "{why}");
        readiness.good(Need::Projects);
        readiness.good(Need::Applications);
        assert_eq!(
            readiness.get().unwrap_err(),
            "the credentials of repositories have not been read yet"
        );
        readiness.good(Need::Secrets);
        assert_eq!(readiness.get(), Ok(()));
        readiness.bad(Need::Contact, "no answer for 12 s");
        readiness.bad(Need::Applications, "may not watch");
        assert_eq!(readiness.get().unwrap_err(), "no answer for 12 s\nmay not watch");
    }
}
