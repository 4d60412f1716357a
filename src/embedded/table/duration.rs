//! Spans of time as kubectl prints them: two or three figures that people can use.

use jiff::Timestamp;

const MINUTE_S: i64 = 60;
const HOUR_S: i64 = 60 * MINUTE_S;
const DAY_H: i64 = 24;
const YEAR_H: i64 = 365 * DAY_H;

/// `seconds` as kubectl prints an age: `5s`, `3m20s`, `4h`, `2d5h`, `3y20d`. A little below zero,
/// from clocks that differ, is `0s`; more than that is `<invalid>`.
pub(crate) fn human(seconds: i64) -> String {
    let pair = |large: i64, unit: char, small: i64, small_unit: char| match small {
        0 => format!("{large}{unit}"),
        _ => format!("{large}{unit}{small}{small_unit}"),
    };
    let (minutes, hours) = (seconds / MINUTE_S, seconds / HOUR_S);
    let days = hours / DAY_H;
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        _ if minutes < 10 => pair(minutes, 'm', seconds % MINUTE_S, 's'),
        _ if minutes < 180 => format!("{minutes}m"),
        _ if hours < 8 => pair(hours, 'h', minutes % 60, 'm'),
        _ if hours < 2 * DAY_H => format!("{hours}h"),
        _ if hours < 8 * DAY_H => pair(days, 'd', hours % DAY_H, 'h'),
        _ if hours < 2 * YEAR_H => format!("{days}d"),
        _ if hours < 8 * YEAR_H => pair(hours / YEAR_H, 'y', days % 365, 'd'),
        _ => format!("{}y", hours / YEAR_H),
    }
}

/// The time from `from`, as the API writes times, to `to`. `<unknown>` without a time.
pub(super) fn between(from: &str, to: Timestamp) -> String {
    match from.parse::<Timestamp>() {
        Ok(from) => human(to.duration_since(from).as_secs()),
        Err(_) => "<unknown>".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_printed_as_kubectl_prints_them() {
        let table = [
            (-5, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (70, "70s"),
            (119, "119s"),
            (120, "2m"),
            (190, "3m10s"),
            (10 * 60, "10m"),
            (179 * 60 + 59, "179m"),
            (3 * 3600, "3h"),
            (3 * 3600 + 47 * 60, "3h47m"),
            (8 * 3600 + 1, "8h"),
            (47 * 3600, "47h"),
            (48 * 3600, "2d"),
            (49 * 3600, "2d1h"),
            (8 * 86400 + 3600, "8d"),
            (400 * 86400, "400d"),
            (730 * 86400, "2y"),
            (800 * 86400, "2y70d"),
            (3000 * 86400, "8y"),
        ];
        for (seconds, expected) in table {
            assert_eq!(human(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn ages_are_told_from_the_times_of_the_api() {
        let now = "2026-01-01T00:01:00Z".parse().unwrap();
        assert_eq!(between("2026-01-01T00:00:00Z", now), "60s");
        assert_eq!(between("2026-01-01T00:00:00.900000Z", now), "59s");
        assert_eq!(between("2026-01-01T00:01:00.500000Z", now), "0s");
        assert_eq!(between("", now), "<unknown>");
    }
}
