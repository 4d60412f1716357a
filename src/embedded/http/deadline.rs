//! `timeout`: how long a client would wait. Answers come at once here, but what is no time is refused.

use crate::embedded::status::Status;

/// Refuses a `timeout` that is no duration, as Go reads one.
pub(super) fn expect_duration(text: &str) -> Result<(), Status> {
    match fault(text) {
        None => Ok(()),
        Some(why) => Err(Status::bad_request(format!(
            "invalid timeout specified in the request URL - time: {why}"
        ))),
    }
}

/// Why a text is no duration. An empty one says nothing.
fn fault(text: &str) -> Option<String> {
    const UNITS: [&str; 8] = ["ns", "us", "µs", "μs", "ms", "s", "m", "h"];
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if text.is_empty() || rest == "0" {
        return None;
    }
    if rest.is_empty() {
        return Some(format!("invalid duration {text:?}"));
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(end);
        if !number.contains(|c: char| c.is_ascii_digit()) || number.matches('.').count() > 1 {
            return Some(format!("invalid duration {text:?}"));
        }
        let end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        if unit.is_empty() {
            return Some(format!("missing unit in duration {text:?}"));
        }
        if !UNITS.contains(&unit) {
            return Some(format!("unknown unit {unit:?} in duration {text:?}"));
        }
        rest = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        for good in ["", "0", "5s", "-5s", "1m5s", "1.5h", ".5ms", "1h2m3s4us"] {
            assert_eq!(fault(good), None, "{good}");
        }
        let table = [
            ("abc", "invalid duration \"abc\""),
            ("5", "missing unit in duration \"5\""),
            ("1d", "unknown unit \"d\" in duration \"1d\""),
            ("-", "invalid duration \"-\""),
        ];
        for (bad, why) in table {
            assert_eq!(fault(bad).as_deref(), Some(why));
        }
    }
}
