//! Durations as Go's `time.ParseDuration` reads them: `300ms`, `1.5h`, `2h45m`.

use std::time::Duration;

/// Why a text is no duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Nothing was written.
    #[error("a duration is missing, for example 30s, 5m or 1h30m")]
    Empty,
    /// A number has no unit.
    #[error("the unit is missing: write ns, us, ms, s, m or h after the number")]
    NoUnit,
    /// The unit is not one of Go's.
    #[error("unknown unit: write ns, us, ms, s, m or h after the number")]
    Unit,
    /// The number can't be read.
    #[error("not a number with a unit, for example 30s, 5m or 1h30m")]
    Number,
    /// Less than nothing.
    #[error("a negative duration makes no sense here")]
    Negative,
    /// More than 292 years, Go's limit.
    #[error("longer than 292 years")]
    TooLong,
}

const NANOS_MAX: u128 = i64::MAX as u128;

/// Reads a Go duration. A lone `0` needs no unit.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    if text.starts_with('-') {
        return Err(DurationError::Negative);
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    match rest {
        "" => return Err(DurationError::Empty),
        "0" => return Ok(Duration::ZERO),
        _ => {}
    }
    let mut total_ns: u128 = 0;
    while !rest.is_empty() {
        let number_end =
            rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or(DurationError::NoUnit)?;
        let (number, tail) = rest.split_at(number_end);
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, next) = tail.split_at(unit_end);
        total_ns += nanos(number, unit_ns(unit).ok_or(DurationError::Unit)?)?;
        if total_ns > NANOS_MAX {
            return Err(DurationError::TooLong);
        }
        rest = next;
    }
    Ok(Duration::from_nanos(u64::try_from(total_ns).expect("checked against Go's limit")))
}

/// Reads a Go duration, or a lone number as seconds: what the `--timeout` of Argo CD's client takes.
pub fn parse_or_seconds(text: &str) -> Result<Duration, DurationError> {
    match text.parse::<u32>() {
        Ok(seconds) => Ok(Duration::from_secs(u64::from(seconds))),
        Err(_) => parse(text),
    }
}

fn unit_ns(unit: &str) -> Option<u128> {
    Some(match unit {
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// `1.5` times a unit in integer arithmetic: floats would lose nanoseconds and overflow silently.
fn nanos(number: &str, unit_ns: u128) -> Result<u128, DurationError> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return Err(DurationError::Number);
    }
    // 19 digits are more than Go's limit in the smallest unit, and fit.
    if whole.trim_start_matches('0').len() > 19 {
        return Err(DurationError::TooLong);
    }
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u128>().expect("19 digits") };
    let mut total = whole * unit_ns;
    let mut digit_ns = unit_ns;
    for digit in fraction.bytes() {
        digit_ns /= 10;
        total += u128::from(digit - b'0') * digit_ns;
    }
    Ok(total)
}

/// Writes a duration as people do: `1h30m`, `45s`, `250ms`.
pub fn text(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds == 0 {
        return match duration.subsec_millis() {
            0 => "0s".to_owned(),
            millis => format!("{millis}ms"),
        };
    }
    let parts = [(seconds / 3600, 'h'), (seconds / 60 % 60, 'm'), (seconds % 60, 's')];
    parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        let table = [
            ("0", Ok(0)),
            ("5s", Ok(5_000_000_000)),
            ("+5s", Ok(5_000_000_000)),
            ("1h30m", Ok(5_400_000_000_000)),
            ("1.5h", Ok(5_400_000_000_000)),
            (".5s", Ok(500_000_000)),
            ("1.s", Ok(1_000_000_000)),
            ("300ms", Ok(300_000_000)),
            ("3us4\u{b5}s", Ok(7_000)),
            ("9223372036854775807ns", Ok(i64::MAX.unsigned_abs())),
            ("9223372036854775808ns", Err(DurationError::TooLong)),
            ("99999999999999999999999999999999999999h", Err(DurationError::TooLong)),
            ("", Err(DurationError::Empty)),
            ("+", Err(DurationError::Empty)),
            ("5", Err(DurationError::NoUnit)),
            ("1h5", Err(DurationError::NoUnit)),
            ("5 s", Err(DurationError::Unit)),
            ("5d", Err(DurationError::Unit)),
            (".s", Err(DurationError::Number)),
            ("1.2.3s", Err(DurationError::Number)),
            ("s", Err(DurationError::Number)),
            ("-5s", Err(DurationError::Negative)),
        ];
        for (text, wanted) in table {
            assert_eq!(parse(text), wanted.map(Duration::from_nanos), "{text:?}");
        }
    }

    #[test]
    fn a_timeout_may_be_a_number_of_seconds() {
        assert_eq!(parse_or_seconds("90"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_or_seconds("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse_or_seconds("2x"), Err(DurationError::Unit));
    }

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
            assert_eq!(text(Duration::from_millis(millis)), wanted);
        }
    }
}
