//! One pace for all calls to a cluster: when it says "slow down", everybody slows down.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::backoff;

/// First pause after an answer without Retry-After.
const PAUSE_FIRST: Duration = Duration::from_millis(250);
/// Longest pause, also when the server asks for more: a person should see us try.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// When calls may go out again.
#[derive(Debug, Default)]
pub(super) struct Pace {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// No call before this instant.
    until: Option<Instant>,
    /// When the current pause was set: calls sent before it don't lengthen it.
    set_at: Option<Instant>,
    /// Pauses in a row without a success between them.
    attempt: u32,
}

impl Pace {
    /// How long to wait before the next call; zero most of the time.
    pub(super) fn wait(&self) -> Duration {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.until.map_or(Duration::ZERO, |until| until.duration_since(Instant::now()))
    }

    /// The server asked to slow down, in answer to a call sent at `sent`.
    pub(super) fn slow_down(&self, sent: Instant, retry_after: Option<Duration>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        // 32 calls that are refused together are one reason to slow down, not 32.
        let known = state.set_at.is_some_and(|set_at| sent <= set_at);
        if !known {
            state.set_at = Some(now);
            state.attempt = state.attempt.saturating_add(1);
        }
        let own = backoff::delay(state.attempt.saturating_sub(1), PAUSE_FIRST, PAUSE_MAX);
        let pause = retry_after.map_or(own, |asked| asked.max(own)).min(PAUSE_MAX);
        let until =
            now + backoff::jittered(pause).max(retry_after.unwrap_or_default().min(PAUSE_MAX));
        if !known || state.until.is_none_or(|known| until > known) {
            state.until = Some(until);
        }
    }

    /// A call sent at `sent` was answered well.
    pub(super) fn answered(&self, sent: Instant) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.attempt > 0 && state.set_at.is_none_or(|set_at| sent > set_at) {
            *state = State::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn refusals_of_one_burst_make_one_pause() {
        let pace = Pace::default();
        let sent = Instant::now();
        tokio::time::advance(Duration::from_millis(5)).await;
        for _ in 0..32 {
            pace.slow_down(sent, None);
        }
        assert!(pace.wait() <= PAUSE_FIRST, "{:?}", pace.wait());
        assert!(pace.wait() >= PAUSE_FIRST / 2, "{:?}", pace.wait());
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_is_honoured_up_to_the_limit() {
        let pace = Pace::default();
        let mut sent = Instant::now();
        pace.slow_down(sent, Some(Duration::from_secs(7)));
        assert!(pace.wait() >= Duration::from_secs(7));
        sent += Duration::from_millis(1);
        pace.slow_down(sent, Some(Duration::from_secs(7000)));
        assert!(pace.wait() <= PAUSE_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_until_an_answer_comes() {
        let pace = Pace::default();
        for _ in 0..10 {
            tokio::time::advance(PAUSE_MAX).await;
            pace.slow_down(Instant::now(), None);
        }
        assert!(pace.wait() >= PAUSE_MAX / 2);
        tokio::time::advance(PAUSE_MAX).await;
        tokio::time::advance(Duration::from_millis(1)).await;
        pace.answered(Instant::now());
        assert_eq!(pace.wait(), Duration::ZERO);
        pace.slow_down(Instant::now(), None);
        assert!(pace.wait() <= PAUSE_FIRST);
    }
}
