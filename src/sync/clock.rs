//! The one place of the loop that reads the clock.

use jiff::Timestamp;

/// The present time. Everything below the loop gets it as an argument.
#[expect(clippy::disallowed_methods, reason = "the loop is where time comes from")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
