//! What a pass notes of what it saw in the cluster: conditions, and what others hold.

use super::{
    observe::{Note, Seen, View},
    pass::Pass,
    read::condition,
};
use crate::api::ConditionType;

impl Pass<'_> {
    /// Conditions that follow from what was seen.
    pub(crate) fn note_view(&mut self, view: &View) {
        let app = self.ctx.instance(&self.app);
        let mut shared = Vec::new();
        let mut forbidden = Vec::new();
        let mut unseen = view.problems.clone();
        let left = view
            .forbidden
            .iter()
            .map(|(_, why)| format!("{why}; Git no longer names it, and it is not deleted"));
        forbidden.extend(left);
        for seen in &view.seen {
            let id = &seen.subject.target.id;
            match &seen.note {
                Some(Note::Shared(other)) => shared.push(format!("{id} belongs to {other}")),
                Some(Note::Forbidden(why) | Note::Withheld(why)) => forbidden.push(why.clone()),
                Some(Note::Unseen(why)) => unseen.push(why.clone()),
                None => {
                    let others = self.ctx.claims.others(&app, id);
                    if !others.is_empty() {
                        shared.push(format!("{id} is also in {}", others.join(", ")));
                    }
                }
            }
        }
        let mut hold = |kind: ConditionType, mut texts: Vec<String>, hint: &str| {
            texts.dedup();
            if !texts.is_empty() {
                let text = format!("{}{hint}", texts.join("; "));
                self.conditions.push(condition(&kind, text));
            }
        };
        let hint = "; what belongs to another application is left alone: remove it from all \
                    applications but one";
        hold(ConditionType::SharedResourceWarning, shared, hint);
        hold(ConditionType::SyncError, forbidden, "");
        hold(ConditionType::ComparisonError, unseen, "");
    }

    /// Keeps what Git names and what is not ours (yet): the resource tree shows it.
    pub(crate) fn note_unmanaged(&self, view: &View) {
        let instance = self.ctx.instance(&self.app);
        let ours = |owner: &str| self.ctx.is_owner(&instance, owner);
        // What the project forbids is not the application's to show.
        let forbidden = |seen: &&Seen| matches!(seen.note, Some(Note::Forbidden(_)));
        let live = view.seen.iter().filter(|seen| !forbidden(seen)).filter_map(|s| s.live.clone());
        let unmanaged = live.filter(|live| !live.app.as_deref().is_some_and(ours));
        self.entry.set_unmanaged(unmanaged.collect());
    }
}
