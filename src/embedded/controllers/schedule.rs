//! Schedules of CronJobs: when is the next time?
//!
//! Rule: `github.com/robfig/cron` v3, which Kubernetes uses. Five fields (minute, hour, day of the
//! month, month, day of the week), the macros `@hourly` to `@yearly`, and `@every <duration>`.

use jiff::{
    SignedDuration, Timestamp, ToSpan,
    civil::{Date, date},
    tz::TimeZone,
};

/// Years after which no next time is looked for.
const YEARS_MAX: i16 = 5;

/// When something is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Schedule {
    /// At the minutes that all fields allow.
    Fields(Fields),
    /// Again and again after this time, in whole seconds.
    Every(SignedDuration),
}

/// The allowed values of each field, one bit each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fields {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// True when both days have to fit; otherwise one is enough.
    both_days: bool,
    zone: TimeZone,
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// The bounds of a field and the names of its values, the first one for `low`.
struct Bounds {
    low: u32,
    high: u32,
    names: &'static [&'static str],
}

impl Schedule {
    /// Reads a schedule; times are those of `zone`.
    pub(super) fn parse(text: &str, zone: TimeZone) -> Result<Self, String> {
        if let Some(every) = text.strip_prefix("@every ") {
            let every: SignedDuration =
                every.trim().parse().map_err(|_| format!("failed to parse duration {text}"))?;
            let seconds = every.as_secs().max(1);
            return Ok(Self::Every(SignedDuration::from_secs(seconds)));
        }
        let fields = match text {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            text if text.starts_with('@') => {
                return Err(format!("unrecognized descriptor: {text}"));
            }
            text => text,
        };
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields.as_slice() else {
            return Err(format!("expected exactly 5 fields, found {}: {fields:?}", fields.len()));
        };
        let bounds = |low, high, names| Bounds { low, high, names };
        let (days, any_day) = bits(days, &bounds(1, 31, &[]))?;
        let (weekdays, any_weekday) = bits(weekdays, &bounds(0, 6, &WEEKDAYS))?;
        Ok(Self::Fields(Fields {
            minutes: bits(minutes, &bounds(0, 59, &[]))?.0,
            hours: bits(hours, &bounds(0, 23, &[]))?.0,
            days,
            months: bits(months, &bounds(1, 12, &MONTHS))?.0,
            weekdays,
            both_days: any_day || any_weekday,
            zone,
        }))
    }

    /// The first time after `after`; `None` when there is none within some years.
    pub(super) fn next(&self, after: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every(every) => {
                Timestamp::from_second(after.as_second()).ok()?.checked_add(*every).ok()
            }
            Self::Fields(fields) => fields.next(after),
        }
    }
}

impl Fields {
    fn allows(&self, day: Date) -> bool {
        let has = |bits: u64, value: i8| bits >> value & 1 == 1;
        let weekday = day.weekday().to_sunday_zero_offset();
        let (by_month, by_week) = (has(self.days, day.day()), has(self.weekdays, weekday));
        let fits = if self.both_days { by_month && by_week } else { by_month || by_week };
        has(self.months, day.month()) && fits
    }

    fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let first = after.to_zoned(self.zone.clone()).date();
        let last = date(first.year().checked_add(YEARS_MAX)?, 12, 31);
        let mut day = first;
        while day <= last {
            let time = if self.allows(day) { self.next_on(day, after) } else { None };
            if time.is_some() {
                return time;
            }
            day = day.checked_add(1.day()).ok()?;
        }
        None
    }

    /// The first time of a day after `after`. An hour that the clock skips has none, one that it
    /// repeats has two.
    fn next_on(&self, day: Date, after: Timestamp) -> Option<Timestamp> {
        let mut best: Option<Timestamp> = None;
        for hour in (0..24_i8).filter(|hour| self.hours >> hour & 1 == 1) {
            for minute in (0..60_i8).filter(|minute| self.minutes >> minute & 1 == 1) {
                let at = self.zone.to_ambiguous_timestamp(day.at(hour, minute, 0, 0));
                if matches!(at.offset(), jiff::tz::AmbiguousOffset::Gap { .. }) {
                    continue;
                }
                let times = [at.earlier().ok(), at.later().ok()];
                let time = times.into_iter().flatten().filter(|time| *time > after).min();
                best = best.into_iter().chain(time).min();
            }
            // A repeated hour may lie behind a later one, never behind two.
            if best.is_some_and(|best| best.duration_since(after).as_hours() < 1) {
                break;
            }
        }
        best
    }
}

/// The bits of one field, and whether it is a plain star.
fn bits(field: &str, bounds: &Bounds) -> Result<(u64, bool), String> {
    let (mut all, mut star) = (0, false);
    for part in field.split(',') {
        let (bits, is_star) = range(part, bounds)?;
        all |= bits;
        star |= is_star;
    }
    Ok((all, star))
}

/// `*`, `a`, `a-b`, each with an optional `/step`.
fn range(part: &str, bounds: &Bounds) -> Result<(u64, bool), String> {
    let (range, step) = match part.split_once('/') {
        Some((range, step)) => (range, Some(number(step, &[], 0)?)),
        None => (part, None),
    };
    let is_star = matches!(range, "*" | "?");
    let (low, high) = if is_star {
        (bounds.low, bounds.high)
    } else if let Some((low, high)) = range.split_once('-') {
        (value(low, bounds)?, value(high, bounds)?)
    } else {
        let low = value(range, bounds)?;
        (low, if step.is_some() { bounds.high } else { low })
    };
    if low < bounds.low {
        return Err(format!("beginning of range ({low}) below minimum ({}): {part}", bounds.low));
    }
    if high > bounds.high {
        return Err(format!("end of range ({high}) above maximum ({}): {part}", bounds.high));
    }
    if low > high {
        return Err(format!("beginning of range ({low}) beyond end of range ({high}): {part}"));
    }
    if step == Some(0) {
        return Err(format!("step of range should be a positive number: {part}"));
    }
    let step = step.unwrap_or(1);
    let values = (low..=high).step_by(usize::try_from(step).unwrap_or(usize::MAX));
    Ok((values.fold(0, |bits, value| bits | 1 << value), is_star && step == 1))
}

fn value(text: &str, bounds: &Bounds) -> Result<u32, String> {
    number(text, bounds.names, bounds.low)
}

fn number(text: &str, names: &[&str], first: u32) -> Result<u32, String> {
    let lower = text.to_ascii_lowercase();
    if let Some(place) = names.iter().position(|name| *name == lower) {
        return Ok(first + u32::try_from(place).unwrap_or_default());
    }
    text.parse().map_err(|_| format!("failed to parse int from {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(schedule: &str, zone: &str, after: &str) -> String {
        let zone = TimeZone::get(zone).unwrap();
        let schedule = Schedule::parse(schedule, zone).unwrap();
        let next = schedule.next(after.parse().unwrap());
        next.map_or("never".to_owned(), |next| next.to_string())
    }

    #[test]
    fn the_next_time_is_the_one_that_cron_finds() {
        let table = [
            ("* * * * *", "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"),
            ("*/15 * * * *", "2026-01-01T00:00:30Z", "2026-01-01T00:15:00Z"),
            ("5/20 * * * *", "2026-01-01T00:26:00Z", "2026-01-01T00:45:00Z"),
            ("30 4 1,15 * *", "2026-01-02T00:00:00Z", "2026-01-15T04:30:00Z"),
            // Either day is enough when both are named: the 13th, and every Friday.
            ("0 0 13 * fri", "2026-01-03T00:00:00Z", "2026-01-09T00:00:00Z"),
            ("0 0 13 * *", "2026-01-03T00:00:00Z", "2026-01-13T00:00:00Z"),
            ("0 0 * * MON-WED", "2026-01-02T00:00:00Z", "2026-01-05T00:00:00Z"),
            // A star with a step is no plain star: either day is enough here, too.
            ("0 0 */10 * 0", "2026-01-02T00:00:00Z", "2026-01-04T00:00:00Z"),
            ("0 0 29 2 *", "2026-03-01T00:00:00Z", "2028-02-29T00:00:00Z"),
            ("0 0 31 2 *", "2026-03-01T00:00:00Z", "never"),
            ("59 23 31 dec ?", "2026-12-31T23:59:00Z", "2027-12-31T23:59:00Z"),
            ("@hourly", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"),
            ("@daily", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
            ("@weekly", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z"),
            ("@monthly", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"),
            ("@yearly", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("@every 1h30m", "2026-01-01T00:00:00.7Z", "2026-01-01T01:30:00Z"),
        ];
        for (schedule, after, wanted) in table {
            assert_eq!(next(schedule, "UTC", after), wanted, "{schedule} after {after}");
        }
    }

    #[test]
    fn a_time_zone_moves_the_times_and_skips_the_hour_that_is_skipped() {
        let berlin = "Europe/Berlin";
        assert_eq!(next("0 9 * * *", berlin, "2026-01-01T00:00:00Z"), "2026-01-01T08:00:00Z");
        assert_eq!(next("0 9 * * *", berlin, "2026-07-01T00:00:00Z"), "2026-07-01T07:00:00Z");
        // The clock goes from 2 to 3 on 2026-03-29: half past two comes the day after.
        assert_eq!(next("30 2 * * *", berlin, "2026-03-28T12:00:00Z"), "2026-03-30T00:30:00Z");
        // And from 3 back to 2 on 2026-10-25: half past two comes twice.
        assert_eq!(next("30 2 * * *", berlin, "2026-10-24T12:00:00Z"), "2026-10-25T00:30:00Z");
        assert_eq!(next("30 2 * * *", berlin, "2026-10-25T00:30:00Z"), "2026-10-25T01:30:00Z");
        assert_eq!(next("30 * * * *", berlin, "2026-10-25T00:30:00Z"), "2026-10-25T01:30:00Z");
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for text in [
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 7",
            "5-1 * * * *",
            "*/0 * * * *",
            "a * * * *",
            "@sometimes",
            "@every x",
        ] {
            assert!(Schedule::parse(text, TimeZone::UTC).is_err(), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_next_time_lies_ahead_and_no_earlier_one_fits(
            minute in 0_u32..60, hour in 0_u32..24, step in 1_u32..30, second in 0_i64..63_072_000,
        ) {
            let after = Timestamp::from_second(1_767_225_600 + second).unwrap();
            let text = format!("{minute}/{step} {hour} * * *");
            let schedule = Schedule::parse(&text, TimeZone::UTC).unwrap();
            let next = schedule.next(after).unwrap();
            proptest::prop_assert!(next > after);
            let fits = |time: Timestamp| {
                let time = time.to_zoned(TimeZone::UTC);
                let m = u32::try_from(time.minute()).unwrap();
                let on = m >= minute && (m - minute).is_multiple_of(step);
                time.second() == 0 && on && u32::try_from(time.hour()).unwrap() == hour
            };
            proptest::prop_assert!(fits(next));
            let mut time = Timestamp::from_second(after.as_second() / 60 * 60 + 60).unwrap();
            while time < next {
                proptest::prop_assert!(!fits(time));
                time += SignedDuration::from_mins(1);
            }
        }
    }
}
