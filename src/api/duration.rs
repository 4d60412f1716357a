//! Durations as Go writes them: `5s`, `3m`, `1h30m`, `1.5h`, `250ms`.

use std::time::Duration;

/// Units and their length in nanoseconds.
const UNITS: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// What Go can hold: about 292 years.
const NANOSECONDS_MAX: u64 = i64::MAX.unsigned_abs();

/// Reads a duration. A bare whole number is seconds, as in Argo CD's `backoff.duration`.
///
/// `None` for anything else: an empty text, an unknown unit, a negative value, or more than Go can
/// hold (about 292 years).
pub fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut nanoseconds = 0_u128;
    if let Some(bare) = whole(rest) {
        nanoseconds = bare.checked_mul(1_000_000_000)?;
        rest = "";
    } else if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (number, tail) = rest.split_at(rest.find(|c: char| !is_numeric(c))?);
        let (unit, next) = tail.split_at(tail.find(is_numeric).unwrap_or(tail.len()));
        let (_, length) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
        nanoseconds = nanoseconds.checked_add(part(number, length)?)?;
        rest = next;
    }
    let nanoseconds = u64::try_from(nanoseconds).ok()?;
    (nanoseconds <= NANOSECONDS_MAX).then(|| Duration::from_nanos(nanoseconds))
}

/// `1.5` times a unit. Not by floating point, which would lose nanoseconds.
fn part(number: &str, length: u128) -> Option<u128> {
    let (before, after) = number.split_once('.').unwrap_or((number, ""));
    let digits_only = after.bytes().all(|byte| byte.is_ascii_digit());
    if !digits_only || (before.is_empty() && after.is_empty()) {
        return None;
    }
    let mut sum = if before.is_empty() { 0 } else { whole(before)?.checked_mul(length)? };
    let mut place = length;
    for digit in after.bytes() {
        place /= 10;
        sum = sum.checked_add(u128::from(digit - b'0') * place)?;
    }
    Some(sum)
}

/// A number without sign and point; `None` also for one that no duration can reach.
fn whole(text: &str) -> Option<u128> {
    let digits_only = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits_only { text.parse().ok() } else { None }
}

fn is_numeric(c: char) -> bool {
    c.is_ascii_digit() || c == '.'
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
            ("5x", None),
            ("s", None),
            ("5s3", None),
            ("1d", None),
            (".5s", Some(Duration::from_millis(500))),
            ("1.s", Some(Duration::from_secs(1))),
            ("0.000000001s", Some(Duration::from_nanos(1))),
            ("9223372036854775807ns", Some(Duration::from_nanos(i64::MAX.unsigned_abs()))),
            ("9223372036854775808ns", None),
            (".s", None),
            ("1.2.3s", None),
            ("5 s", None),
            ("+", None),
            ("99999999999999999999", None),
            ("9999999999999999999999999999999999999999h", None),
            ("9999999999h", None),
        ];
        for (text, expected) in table {
            assert_eq!(parse(text), expected, "{text:?}");
        }
    }
}
