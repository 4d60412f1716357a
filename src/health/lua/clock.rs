//! `os.time` and `os.date`, in UTC whatever the machine's time zone, at the time of the pass.

use jiff::{Timestamp, civil, fmt::strtime, tz::TimeZone};
use mlua::{Lua, Table, Value};

/// The library `os`, as far as a health check has it.
pub(super) fn library(lua: &Lua, now: Timestamp) -> mlua::Result<Table> {
    let os = lua.create_table()?;
    let time = lua.create_function(move |_, fields: Option<Table>| match fields {
        None => Ok(now.as_second()),
        Some(fields) => seconds(&fields),
    })?;
    os.set("time", time)?;
    let date =
        lua.create_function(move |lua, (format, second): (Option<String>, Option<f64>)| {
            let at = second.map_or(Ok(now), at_second)?;
            date(lua, format.as_deref().unwrap_or("%c"), at)
        })?;
    os.set("date", date)?;
    Ok(os)
}

fn refused(what: &str) -> mlua::Error {
    mlua::Error::runtime(format!("{what} is out of range"))
}

fn at_second(second: f64) -> mlua::Result<Timestamp> {
    // The cast saturates, and what saturates is out of range.
    #[expect(clippy::cast_possible_truncation, reason = "fractions of a second are dropped")]
    let second = second as i64;
    Timestamp::from_second(second).map_err(|_| refused("the time given to os.date"))
}

/// Seconds since 1970 of a table with year, month, day and perhaps hour (12), min and sec (0).
/// Fields beyond their range carry over, as with mktime: the 32nd of January is the 1st of February.
fn seconds(fields: &Table) -> mlua::Result<i64> {
    let field = |name: &str, default: Option<i64>| -> mlua::Result<i64> {
        match (fields.raw_get::<Value>(name)?, default) {
            (Value::Nil, Some(default)) => Ok(default),
            (Value::Integer(number), _) => Ok(number),
            #[expect(clippy::cast_possible_truncation, reason = "checked below by its range")]
            (Value::Number(number), _) => Ok(number as i64),
            // Parts of a timestamp, cut out of its text.
            (Value::String(text), _) => {
                let number = text.to_string_lossy().trim().parse();
                number.map_err(|_| mlua::Error::runtime(format!("os.time: {name} is no number")))
            }
            _ => Err(mlua::Error::runtime(format!("os.time: the table has no {name}"))),
        }
    };
    let (year, month) = (field("year", None)?, field("month", None)?);
    let months = year.checked_mul(12).and_then(|months| months.checked_add(month)?.checked_sub(1));
    let clock = [
        (field("day", None)?.saturating_sub(1), 86_400),
        (field("hour", Some(12))?, 3_600),
        (field("min", Some(0))?, 60),
        (field("sec", Some(0))?, 1),
    ];
    let out_of_range = || refused("the time given to os.time");
    let months = months.ok_or_else(out_of_range)?;
    let year = i16::try_from(months.div_euclid(12)).map_err(|_| out_of_range())?;
    let month = i8::try_from(months.rem_euclid(12) + 1).map_err(|_| out_of_range())?;
    let first = civil::Date::new(year, month, 1)
        .and_then(|date| date.to_zoned(TimeZone::UTC))
        .map_err(|_| out_of_range())?;
    clock
        .iter()
        .try_fold(first.timestamp().as_second(), |sum, (number, unit_s)| {
            sum.checked_add(number.checked_mul(*unit_s)?)
        })
        .ok_or_else(out_of_range)
}

fn date(lua: &Lua, format: &str, at: Timestamp) -> mlua::Result<Value> {
    // "!" asks for UTC, which it is anyway.
    let format = format.strip_prefix('!').unwrap_or(format);
    let at = at.to_zoned(TimeZone::UTC);
    if !format.starts_with("*t") {
        let text = strtime::format(c_locale(format), &at)
            .map_err(|_| mlua::Error::runtime(format!("os.date: {format:?} is no format")))?;
        return lua.create_string(text).map(Value::String);
    }
    let fields = lua.create_table()?;
    fields.set("year", at.year())?;
    fields.set("month", at.month())?;
    fields.set("day", at.day())?;
    fields.set("hour", at.hour())?;
    fields.set("min", at.minute())?;
    fields.set("sec", at.second())?;
    fields.set("wday", at.weekday().to_sunday_one_offset())?;
    fields.set("yday", at.day_of_year())?;
    fields.set("isdst", false)?;
    Ok(Value::Table(fields))
}

/// Writes out the three conversions that depend on a locale, as the C locale has them.
fn c_locale(format: &str) -> String {
    let mut written = String::with_capacity(format.len());
    let mut rest = format.chars();
    while let Some(c) = rest.next() {
        written.push(c);
        if c != '%' {
            continue;
        }
        let Some(conversion) = rest.next() else { break };
        let plain = match conversion {
            'c' => "a %b %e %H:%M:%S %Y",
            'x' => "m/%d/%y",
            'X' => "H:%M:%S",
            other => {
                written.push(other);
                continue;
            }
        };
        written.push_str(plain);
    }
    written
}
