//! Waiting for a condition instead of for time to pass.

use std::time::{Duration, Instant};

/// Long enough for a machine that does much else.
pub const LIMIT: Duration = Duration::from_mins(3);
/// The pause between two looks, in milliseconds.
const POLL_MS: u64 = 50;

/// Calls `look` until it gives a value; `None` when `deadline` has passed without.
///
/// The last look begins before the deadline; a look that never ends is cut off at the deadline too.
pub async fn waited_for<T>(
    deadline: Duration,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> Option<T> {
    let looking = async {
        loop {
            if let Some(value) = look().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(POLL_MS)).await;
        }
    };
    tokio::time::timeout(deadline, looking).await.ok()
}

/// [`waited_for`] that panics with `what` when the deadline has passed.
///
/// `what` completes the sentence "waited 5 s for ...".
///
/// ```ignore
/// let look = async || pods.get_opt("a").await.ok()?;
/// let pod = eventually(Duration::from_secs(20), "the pod to be there", look).await;
/// ```
#[track_caller]
pub fn eventually<T>(
    deadline: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> impl Future<Output = T> {
    let place = std::panic::Location::caller();
    async move {
        let begin = Instant::now();
        let mut looks = 0_u32;
        let counted = async || {
            looks += 1;
            look().await
        };
        let Some(value) = waited_for(deadline, counted).await else {
            let waited_s = begin.elapsed().as_secs_f32();
            panic!("waited {waited_s:.1} s for {what} in vain ({looks} looks), at {place}");
        };
        value
    }
}

/// The same without an async runtime.
#[track_caller]
pub fn eventually_blocking<T>(
    deadline: Duration,
    what: &str,
    mut look: impl FnMut() -> Option<T>,
) -> T {
    let begin = Instant::now();
    loop {
        if let Some(value) = look() {
            return value;
        }
        assert!(begin.elapsed() < deadline, "waited {deadline:.1?} for {what} in vain");
        std::thread::sleep(Duration::from_millis(POLL_MS));
    }
}
