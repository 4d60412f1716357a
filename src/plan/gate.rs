//! Whether an automated sync may start now.

use std::time::Duration;

use crate::object::Turn;

/// The longest wait between two tries of a revision that keeps failing.
pub const RETRY_S_MAX: u64 = 180;
/// The longest wait when only a commit can help: looked at again in case the world has changed.
pub const RETRY_AUTHOR_S_MAX: u64 = 600;
/// Corrections of one object in a row that are made at once; more look like a fight.
pub const HEALS_AT_ONCE_MAX: u32 = 5;
/// The longest wait between two corrections in a fight.
pub const HEAL_S_MAX: u64 = 300;
/// Corrections that lie further apart than this do not count as a row.
pub const HEAL_ROW_S: u64 = 60;

/// What is asked before an automated sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent fact, named at its use")]
pub struct Question {
    /// `syncPolicy.automated` is set and not disabled.
    pub automated: bool,
    /// `selfHeal`.
    pub self_heal: bool,
    /// Objects are missing, changed or not yet ours.
    pub changed: bool,
    /// Objects drifted.
    pub drifted: bool,
    /// Objects wait to be pruned, and pruning is on.
    pub prunable: bool,
    /// The last sync was of this very revision and source, and ended well.
    pub synced_before: bool,
}

/// What an automated application does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Sync all of it.
    Sync,
    /// Put back what drifted, nothing else.
    Heal,
    /// Report only.
    Report,
}

/// Answers the question.
///
/// A revision that was synced once is not synced again by itself: what differs after that is
/// drift, and putting drift back is what `selfHeal` decides about. Unlike Argo CD, a sync that
/// failed is tried again (see [`retry_delay`]).
pub fn answer(question: Question) -> Answer {
    let Question { automated, self_heal, changed, drifted, prunable, synced_before } = question;
    if !automated {
        return Answer::Report;
    }
    match (synced_before, changed || prunable) {
        // A new revision is synced as a whole, drift and all.
        (false, true) => Answer::Sync,
        (true, true) if self_heal => Answer::Sync,
        (_, false) if drifted && self_heal => Answer::Heal,
        // Drift of a revision that was never synced by us: after a move from another tool, or when
        // the status was lost.
        (false, false) if drifted => Answer::Sync,
        _ => Answer::Report,
    }
}

/// How long to wait after try number `attempt` (from 0) of a revision failed, when the
/// application sets no `retry` of its own: 5 s doubling, up to a limit that depends on who has
/// to act.
pub fn retry_delay(attempt: u32, turn: Turn) -> Duration {
    let limit_s = match turn {
        Turn::Cluster | Turn::Us => RETRY_S_MAX,
        Turn::Author | Turn::Operator => RETRY_AUTHOR_S_MAX,
    };
    let delay_s = 2_u64.checked_pow(attempt).and_then(|times| times.checked_mul(5));
    Duration::from_secs(delay_s.map_or(limit_s, |delay_s| delay_s.min(limit_s)))
}

/// How long to wait before an object that was corrected `corrections` times in a row is corrected
/// again: at once at first, then 2 s times three each time, as Argo CD's self-heal backoff.
pub fn heal_delay(corrections: u32) -> Duration {
    let Some(over) = corrections.checked_sub(HEALS_AT_ONCE_MAX) else { return Duration::ZERO };
    let delay_s = 3_u64.checked_pow(over).and_then(|times| times.checked_mul(2));
    Duration::from_secs(delay_s.map_or(HEAL_S_MAX, |delay_s| delay_s.min(HEAL_S_MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Question = Question {
        automated: true,
        self_heal: true,
        changed: false,
        drifted: false,
        prunable: false,
        synced_before: true,
    };

    #[test]
    fn the_gate_answers_by_policy() {
        let table = [
            (QUIET, Answer::Report),
            (Question { drifted: true, ..QUIET }, Answer::Heal),
            (Question { drifted: true, self_heal: false, ..QUIET }, Answer::Report),
            (Question { changed: true, synced_before: false, ..QUIET }, Answer::Sync),
            (Question { changed: true, self_heal: false, ..QUIET }, Answer::Report),
            (Question { changed: true, ..QUIET }, Answer::Sync),
            (Question { prunable: true, synced_before: false, ..QUIET }, Answer::Sync),
            (
                Question { changed: true, automated: false, synced_before: false, ..QUIET },
                Answer::Report,
            ),
        ];
        for (question, wanted) in table {
            assert_eq!(answer(question), wanted, "{question:?}");
        }
    }

    #[test]
    fn waits_grow_to_a_limit() {
        let seconds = |attempt, turn| retry_delay(attempt, turn).as_secs();
        assert_eq!([0, 1, 2, 40].map(|n| seconds(n, Turn::Cluster)), [5, 10, 20, 180]);
        assert_eq!(seconds(99, Turn::Author), 600);
        assert_eq!([0, 4, 5, 6, 99].map(|n| heal_delay(n).as_secs()), [0, 0, 2, 6, 300]);
    }
}
