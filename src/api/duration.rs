//! Durations as Go writes them: `5s`, `3m`, `1h30m`, `1.5h`, `250ms`.

use std::time::Duration;

/// Units and their length in nanoseconds. Longer names first, so that `ms` is not read as `m`.
const UNITS: [(&str, f64); 8] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("\u{b5}s", 1e3),
    ("\u{3bc}s", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 60e9),
    ("h", 3600e9),
];

/// Reads a duration. A bare whole number is seconds, as in Argo CD's `backoff.duration`.
///
/// `None` for anything else: an empty text, an unknown unit, a negative value, or more than Go can
/// hold (about 292 years).
pub fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds: u64 = text.parse().ok()?;
        return (seconds <= i64::MAX.unsigned_abs() / 1_000_000_000)
            .then(|| Duration::from_secs(seconds));
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut nanoseconds = 0.0_f64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let (unit, length) = UNITS.iter().find(|(unit, _)| {
            rest.strip_prefix(unit)
                .is_some_and(|after| !after.starts_with(|c: char| c.is_alphabetic()))
        })?;
        nanoseconds += number * length;
        rest = &rest[unit.len()..];
    }
    #[expect(clippy::cast_precision_loss, reason = "a bound, not a value")]
    let limit = i64::MAX as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "within the bound that was just checked, and never negative: no sign is read"
    )]
    (nanoseconds < limit).then(|| Duration::from_nanos(nanoseconds.round() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_go_duration_is_read_and_nothing_else() {
        let table = [
            ("5s", Some(Duration::from_secs(5))),
            ("3m", Some(Duration::from_mins(3))),
            ("1h30m", Some(Duration::from_mins(90))),
            ("1.5h", Some(Duration::from_mins(90))),
            ("250ms", Some(Duration::from_millis(250))),
            ("1m500ms", Some(Duration::from_millis(60_500))),
            ("10", Some(Duration::from_secs(10))),
            ("0", Some(Duration::ZERO)),
            ("+5s", Some(Duration::from_secs(5))),
            ("100us", Some(Duration::from_micros(100))),
            ("", None),
            ("-5s", None),
            ("5", Some(Duration::from_secs(5))),
            ("5x", None),
            ("s", None),
            ("5s3", None),
            ("1d", None),
            ("99999999999999999999", None),
            ("9999999999h", None),
        ];
        for (text, expected) in table {
            assert_eq!(parse(text), expected, "{text:?}");
        }
    }
}
