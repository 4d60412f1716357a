//! The word of a person that some deletions wait for.

use jiff::Timestamp;

use super::{
    observe::View,
    pass::{Pass, Work},
    read::condition,
    status,
};
use crate::{
    api::{Application, ConditionType, SyncOperation},
    plan::prune::{self, Consent, Sorted},
};

/// Confirms a deletion; its value is a time.
const DELETION_APPROVED: &str = "argocd.argoproj.io/deletion-approved";

/// When somebody last confirmed a deletion of this application.
pub(crate) fn approved_at(app: &Application) -> Option<Timestamp> {
    app.metadata.annotations.as_ref()?.get(DELETION_APPROVED)?.parse().ok()
}

/// True when somebody confirmed the deletion of the application itself, after it was asked for.
pub(crate) fn cascade_approved(app: &Application) -> bool {
    let asked = app.metadata.deletion_timestamp.as_ref();
    asked.zip(approved_at(app)).is_some_and(|(asked, at)| at >= asked.0)
}

impl Pass<'_> {
    /// What Git no longer names, by what its deletion takes.
    pub(crate) fn sort_stale(&self, view: &View) -> Sorted {
        let of_app = self.app.spec.sync_option("Prune");
        let confirmed = self.deletion_approved();
        let mut sorted = Sorted::default();
        let itself = status::itself(&self.app);
        for live in &view.stale {
            let consent = match prune::consent(live, of_app) {
                // With its own resource the whole application may go.
                Consent::Given if live.id == itself => Consent::Asked,
                consent => consent,
            };
            sorted.put(live, consent, confirmed);
        }
        sorted
    }

    /// Says what waits for a person. It is said anew in each round of a pass.
    pub(crate) fn tell_unconfirmed(&mut self, sorted: &Sorted) {
        self.conditions.retain(|held| !held.message.starts_with(prune::WAITING));
        if let Some(objects) = sorted.waiting() {
            let text = prune::waits_for_a_word(&objects);
            self.conditions.push(condition(&ConditionType::SyncError, text));
        }
    }

    /// What a person's sync still waits for when all the rest is done, in Argo CD's words. An
    /// automated one does not wait: it ends, and what was confirmed goes with the next.
    pub(crate) fn unconfirmed(&self, work: &Work, sync: &SyncOperation) -> Option<String> {
        let state = self.operation.as_ref()?;
        if !sync.prune || sync.is_selective() || state.operation.initiated_by.automated {
            return None;
        }
        let waiting = self.sort_stale(&work.view).waiting()?;
        Some(format!("{}{waiting}", prune::WAITING))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_confirmation_counts_only_after_the_deletion_was_asked_for() {
        let app = |approved: Option<&str>| {
            let mut app = json!({"metadata": {"name": "shop", "annotations": {},
                "deletionTimestamp": "2026-05-05T12:00:05Z"}});
            if let Some(time) = approved {
                app["metadata"]["annotations"][DELETION_APPROVED] = json!(time);
            }
            Application::parse(app).unwrap()
        };
        let table = [
            (None, false),
            (Some("2026-05-05T12:00:04Z"), false),
            (Some("2026-05-05T12:00:05Z"), true),
            (Some("2026-05-05T14:00:06.5+02:00"), true),
            (Some("yes"), false),
        ];
        for (approved, wanted) in table {
            assert_eq!(cascade_approved(&app(approved)), wanted, "{approved:?}");
        }
    }
}
