//! One scalar with its style and tag: its value, its key, and what is surprising about it.

use std::borrow::Cow;

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{GeneralPurpose, GeneralPurposeConfig},
};
use granit_parser::{ScalarStyle, Tag};
use serde_json::Value;

use crate::yaml::{Scalar, number, resolve};

/// Go's decoder wants padding and does not look at the unused bits.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// A scalar as the parser sees it.
#[derive(Clone)]
pub(super) struct Tagged<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) style: ScalarStyle,
    pub(super) tag: Option<&'a Tag>,
}

/// The tags that Go's yaml v2 gives a meaning; all others leave the text as it is.
#[derive(Clone, Copy, PartialEq)]
enum Meaning {
    Str,
    Bool,
    Int,
    Float,
    Null,
    Timestamp,
    Binary,
    Merge,
    Other,
}

impl Tagged<'_> {
    /// The value in JSON.
    pub(super) fn into_value(self) -> Result<Value, String> {
        match self.scalar()? {
            Scalar::Text => Ok(Value::String(self.into_text()?)),
            scalar => {
                let text = &self.text;
                number::to_json(scalar)
                    .ok_or_else(|| format!("`{text}` has no equal in JSON; quote it"))
            }
        }
    }

    /// The key of a JSON object.
    pub(super) fn into_key(self) -> Result<String, String> {
        match self.scalar()? {
            Scalar::Text => self.into_text(),
            scalar => {
                let text = &self.text;
                number::to_key(scalar).ok_or_else(|| format!("`{text}` can't be a key; quote it"))
            }
        }
    }

    /// True for a plain `<<`.
    pub(super) fn is_merge(&self) -> bool {
        self.text == "<<"
            && match self.meaning() {
                None => self.style == ScalarStyle::Plain,
                Some(meaning) => meaning == Meaning::Merge,
            }
    }

    /// What a person may not expect of this scalar as a value. Numbers are not shown: they may be
    /// secrets.
    pub(super) fn surprise(&self) -> Option<String> {
        let text = &self.text;
        match self.plain()? {
            Scalar::Bool(value) if !matches!(text.as_bytes(), [b't' | b'T' | b'f' | b'F', ..]) => {
                Some(format!("`{text}` is read as {value}; write {value}, or quote it"))
            }
            Scalar::Float(_) if is_spoiled_octal(text) => Some(
                "a number with a leading zero and a digit above 7 is no octal number and is read \
                 as decimal; leave the zero out, or quote it"
                    .to_owned(),
            ),
            Scalar::Int(_) if text.contains('_') => Some(
                "a number with underscores is read without them; quote it if text is meant"
                    .to_owned(),
            ),
            Scalar::Uint(_) => {
                Some("a number beyond 63 bits loses digits; quote it if text is meant".to_owned())
            }
            _ => None,
        }
    }

    /// What a person may not expect of this scalar as a key: that it becomes another text.
    pub(super) fn key_surprise(&self) -> Option<String> {
        let scalar = self.plain()?;
        let key = number::to_key(scalar)?;
        (key != self.text)
            .then(|| format!("the key `{}` is read as \"{key}\"; quote it", self.text))
    }

    /// The resolved scalar when it is plain and has no tag.
    fn plain(&self) -> Option<Scalar> {
        (self.style == ScalarStyle::Plain && self.tag.is_none()).then(|| resolve(&self.text))
    }

    fn meaning(&self) -> Option<Meaning> {
        let tag = self.tag?;
        // The handle may hold any part of the tag, by a %TAG directive.
        let full = format!("{}{}", tag.handle(), tag.suffix());
        Some(match full.strip_prefix("tag:yaml.org,2002:") {
            Some("str") => Meaning::Str,
            Some("bool") => Meaning::Bool,
            Some("int") => Meaning::Int,
            Some("float") => Meaning::Float,
            Some("null") => Meaning::Null,
            Some("timestamp") => Meaning::Timestamp,
            Some("binary") => Meaning::Binary,
            Some("merge") => Meaning::Merge,
            _ => Meaning::Other,
        })
    }

    /// Go's `resolve(tag, text)`: a tag must agree with what the text is.
    fn scalar(&self) -> Result<Scalar, String> {
        let Some(meaning) = self.meaning() else {
            return Ok(self.plain().unwrap_or(Scalar::Text));
        };
        let agreed = match (meaning, resolve(&self.text)) {
            (Meaning::Str | Meaning::Binary | Meaning::Merge | Meaning::Other, _) => {
                Some(Scalar::Text)
            }
            (Meaning::Bool, scalar @ Scalar::Bool(_))
            | (Meaning::Int, scalar @ (Scalar::Int(_) | Scalar::Uint(_)))
            | (Meaning::Float, scalar @ Scalar::Float(_))
            | (Meaning::Null, scalar @ Scalar::Null) => Some(scalar),
            #[expect(clippy::cast_precision_loss, reason = "the tag asks for a float")]
            (Meaning::Float, Scalar::Int(value)) => Some(Scalar::Float(value as f64)),
            (Meaning::Timestamp, Scalar::Text) if is_timestamp(&self.text) => Some(Scalar::Text),
            _ => None,
        };
        agreed.ok_or_else(|| {
            let tag = self.tag.map(Tag::suffix).unwrap_or_default();
            format!("the value does not fit the tag !!{tag}")
        })
    }

    fn into_text(self) -> Result<String, String> {
        if self.meaning() != Some(Meaning::Binary) {
            return Ok(self.text.into_owned());
        }
        let text: String = self.text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
        let bytes = BASE64
            .decode(text)
            .map_err(|error| format!("the value of !!binary is not base64: {error}"))?;
        Ok(go_text(&bytes))
    }
}

/// Bytes as Go's JSON encoder writes them: each byte that is not UTF-8 becomes U+FFFD.
fn go_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}

/// `08`, `-09`, `0_8`: a leading zero announces an octal number, a digit 8 or 9 takes that back.
fn is_spoiled_octal(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-']);
    digits.len() > 1
        && digits.starts_with('0')
        && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
}

/// The four layouts of Go's `parseTimestamp`, as far as digits and separators go: a four-digit
/// year, short month and day, and a time with or without a zone.
fn is_timestamp(text: &str) -> bool {
    let Some((year, rest)) = text.split_once('-') else { return false };
    let date_end = rest.find(['T', 't', ' ']).unwrap_or(rest.len());
    let (date, time) = rest.split_at(date_end);
    let within = |part: &str, range: std::ops::RangeInclusive<u32>| {
        (1..=2).contains(&part.len())
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && part.parse().is_ok_and(|value| range.contains(&value))
    };
    let dated = year.len() == 4
        && year.bytes().all(|byte| byte.is_ascii_digit())
        && date.split_once('-').is_some_and(|(m, d)| within(m, 1..=12) && within(d, 1..=31));
    if !dated || time.is_empty() {
        return dated;
    }
    let zoned = !time.starts_with(' ');
    let time = &time[1..];
    let clock_end = time.find(['Z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at(clock_end);
    let clock = clock.split_once('.').map_or(clock, |(clock, _)| clock);
    let parts: Vec<_> = clock.split(':').collect();
    let timed = matches!(parts[..], [h, m, s]
        if within(h, 0..=23) && within(m, 0..=59) && within(s, 0..=59));
    timed && zone.is_empty() != zoned
}
