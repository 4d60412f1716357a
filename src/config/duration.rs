//! Durations on the command line: Go's syntax, as everywhere around Kubernetes.

use std::time::Duration;

use crate::api;

/// Why a text is no duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write a number with a unit, such as 30s, 5m or 1h30m (a number alone is seconds)")]
pub struct DurationError;

/// Reads a Go duration (`300ms`, `1.5h`, `2h45m`) or a number of seconds, which is what the
/// `--timeout` of Argo CD's client takes.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    api::duration::parse(text).ok_or(DurationError)
}

/// Writes a duration as people do: `1h30m`, `45s`, `250ms`; what is shorter than a millisecond is
/// left out.
pub fn text(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds == 0 {
        return match duration.subsec_millis() {
            0 => "0s".to_owned(),
            millis => format!("{millis}ms"),
        };
    }
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let parts = parts.iter().filter(|(number, _)| *number > 0);
    parts.flat_map(|(number, unit)| [number.to_string(), (*unit).to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_people_write_them() {
        let table = [
            (0, "0s"),
            (250, "250ms"),
            (1_000, "1s"),
            (60_000, "1m"),
            (3_601_000, "1h1s"),
            (5_400_000, "1h30m"),
        ];
        for (millis, wanted) in table {
            let duration = Duration::from_millis(millis);
            assert_eq!(text(duration), wanted);
            assert_eq!(parse(wanted), Ok(duration), "what is written can be read again");
        }
    }
}
