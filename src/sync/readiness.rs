//! Whether the controller can do its work: the answer of `/readyz`, and the task that asks the API
//! server whether it is there.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::context::Context;
use crate::object::Turn;

/// How often the API server is asked whether it is there, while it is.
const ASK_EVERY: Duration = Duration::from_secs(5);
/// The same while it is not.
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

/// Asks the API server for its version, for ever: the watches may say nothing for a minute and the
/// connection still be dead.
pub(crate) async fn ask_for_contact(ctx: Arc<Context>, readiness: Arc<Readiness>) {
    let mut heard = Instant::now();
    loop {
        let answer = ctx.cluster.ask_version(Instant::now() + ANSWER_LIMIT).await;
        // A refusal is an answer.
        let lost = answer.err().filter(|cause| cause.turn() == Turn::Cluster);
        let lost = lost.filter(|cause| cause.status().is_none());
        match lost {
            None => {
                heard = Instant::now();
                if !readiness.is_good(Need::Contact) {
                    tracing::info!("the API server answers again");
                }
                readiness.good(Need::Contact);
                sleep(ASK_EVERY).await;
            }
            Some(cause) => {
                let silent = heard.elapsed();
                if silent >= LOST_AFTER {
                    if readiness.is_good(Need::Contact) {
                        tracing::warn!(
                            cause = cause.chain(),
                            "contact with the API server is lost"
                        );
                    }
                    let seconds = silent.as_secs();
                    let why = format!("no answer for {seconds} s: {}", cause.chain());
                    readiness.bad(Need::Contact, why);
                }
                sleep(ASK_AGAIN).await;
            }
        }
    }
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
