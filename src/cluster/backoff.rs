//! How long to wait after a failure.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    time::Duration,
};

/// Doubles from `first` up to `cap`; `attempt` counts from 0. Without jitter, so that it can be
/// tested.
pub(super) fn delay(attempt: u32, first: Duration, cap: Duration) -> Duration {
    // 2^16 times any first delay is beyond every cap.
    first.saturating_mul(1 << attempt.min(16)).min(cap)
}

/// Something between half of `delay` and `delay`: many clients that failed together must not come
/// back together.
pub(super) fn jittered(delay: Duration) -> Duration {
    // The keys of every RandomState differ: a random number without a dependency.
    let random = RandomState::new().build_hasher().finish();
    let per_mille = u32::try_from(random % 500).expect("less than 500");
    delay / 2 + delay * per_mille / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_doubles_up_to_its_cap() {
        let delay = |attempt| delay(attempt, Duration::from_millis(200), Duration::from_secs(30));
        assert_eq!(delay(0), Duration::from_millis(200));
        assert_eq!(delay(3), Duration::from_millis(1600));
        assert_eq!(delay(8), Duration::from_secs(30));
        assert_eq!(delay(u32::MAX), Duration::from_secs(30));
    }

    #[test]
    fn jitter_takes_at_most_half() {
        let full = Duration::from_secs(4);
        for _ in 0..100 {
            let jittered = jittered(full);
            assert!(jittered >= full / 2 && jittered < full, "{jittered:?}");
        }
    }
}
