//! What a plain scalar means: the table of Go's yaml v2 (`resolve.go`, v2.4.2).

/// The meaning of a scalar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar {
    /// `null`, `~`, nothing at all.
    Null,
    /// `true`, `yes`, `on`, `y` and their opposites, in exactly three spellings each.
    Bool(bool),
    /// A whole number that fits 64 bits with a sign.
    Int(i64),
    /// A whole number that only fits 64 bits without a sign.
    Uint(u64),
    /// Any other number; also `.inf` and `.nan`, which JSON can't hold.
    Float(f64),
    /// Everything else: the text itself.
    Text,
}

/// Resolves a plain (unquoted, untagged) scalar.
///
/// Dates and base 60 numbers (`12:30:45`) stay text, as in Go, where decoding into an untyped value
/// keeps the text of a timestamp and base 60 is left out on purpose.
pub fn resolve(plain: &str) -> Scalar {
    let Some(first) = plain.bytes().next() else {
        return Scalar::Null;
    };
    match first {
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => word(plain),
        b'.' => match infinity(plain) {
            Some(value) => Scalar::Float(value),
            None => fraction(plain),
        },
        b'+' | b'-' | b'0'..=b'9' => match infinity(plain) {
            Some(value) => Scalar::Float(value),
            None => numeric(plain),
        },
        _ => Scalar::Text,
    }
}

fn word(plain: &str) -> Scalar {
    match plain {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Scalar::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Scalar::Bool(false)
        }
        "~" | "null" | "Null" | "NULL" => Scalar::Null,
        _ => Scalar::Text,
    }
}

fn infinity(plain: &str) -> Option<f64> {
    match plain {
        ".nan" | ".NaN" | ".NAN" => Some(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Some(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// A scalar that starts with a digit or a sign: whole number, decimal number, or text.
fn numeric(plain: &str) -> Scalar {
    let stripped;
    let digits = if plain.contains('_') {
        stripped = plain.replace('_', "");
        stripped.as_str()
    } else {
        plain
    };
    if let Some(scalar) = whole(digits) {
        return scalar;
    }
    if is_decimal(digits)
        && let Scalar::Float(value) = finite(digits)
    {
        return Scalar::Float(value);
    }
    // Go tries `0b` once more with the rest as a base 2 number, which may carry its own sign.
    match digits.strip_prefix("0b") {
        Some(rest) => i64::from_str_radix(rest, 2).map_or(Scalar::Text, Scalar::Int),
        None => Scalar::Text,
    }
}

/// Go's `ParseInt(s, 0, 64)`, then `ParseUint(s, 0, 64)`: the prefix chooses the base, a bare
/// leading zero means octal.
fn whole(digits: &str) -> Option<Scalar> {
    let (negative, signed, rest) = match digits.as_bytes().first()? {
        b'-' => (true, true, &digits[1..]),
        b'+' => (false, true, &digits[1..]),
        _ => (false, false, digits),
    };
    let (radix, body) = match rest.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &rest[2..]),
        [b'0', b'b' | b'B', ..] => (2, &rest[2..]),
        [b'0', b'o' | b'O', ..] => (8, &rest[2..]),
        [b'0', _, ..] => (8, &rest[1..]),
        _ => (10, rest),
    };
    // Rust's parser would take a second sign.
    if !body.bytes().next()?.is_ascii_alphanumeric() {
        return None;
    }
    let magnitude = u64::from_str_radix(body, radix).ok()?;
    if negative {
        return 0_i64.checked_sub_unsigned(magnitude).map(Scalar::Int);
    }
    match i64::try_from(magnitude) {
        Ok(value) => Some(Scalar::Int(value)),
        // Go's ParseUint takes no sign.
        Err(_) if signed => None,
        Err(_) => Some(Scalar::Uint(magnitude)),
    }
}

/// Go's pattern `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`.
fn is_decimal(text: &str) -> bool {
    let skip_digits = |bytes: &[u8]| bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    let mut rest = text.as_bytes();
    if let [b'+' | b'-', tail @ ..] = rest {
        rest = tail;
    }
    let whole = skip_digits(rest);
    rest = &rest[whole..];
    if let [b'.', tail @ ..] = rest {
        let fraction = skip_digits(tail);
        if whole == 0 && fraction == 0 {
            return false;
        }
        rest = &tail[fraction..];
    } else if whole == 0 {
        return false;
    }
    if let [b'e' | b'E', tail @ ..] = rest {
        rest = tail;
        if let [b'+' | b'-', tail @ ..] = rest {
            rest = tail;
        }
        let exponent = skip_digits(rest);
        if exponent == 0 {
            return false;
        }
        rest = &rest[exponent..];
    }
    rest.is_empty()
}

/// A scalar that starts with a point goes to Go's `ParseFloat` as it is, which takes underscores
/// between two digits.
fn fraction(plain: &str) -> Scalar {
    if !plain.contains('_') {
        return finite(plain);
    }
    let bytes = plain.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let separates = |at: usize| at > 0 && digit(at - 1) && digit(at + 1);
    if (0..bytes.len()).all(|at| bytes[at] != b'_' || separates(at)) {
        finite(&plain.replace('_', ""))
    } else {
        Scalar::Text
    }
}

/// A decimal number; one that is too large for 64 bits of floating point stays text, as in Go.
fn finite(text: &str) -> Scalar {
    if !is_decimal(text) {
        return Scalar::Text;
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Scalar::Float(value),
        _ => Scalar::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_mean_what_go_says() {
        use Scalar::{Bool, Float, Int, Null, Text, Uint};
        let table = [
            ("", Null),
            ("~", Null),
            ("null", Null),
            ("nULL", Text),
            ("yes", Bool(true)),
            ("yEs", Text),
            ("y", Bool(true)),
            ("off", Bool(false)),
            ("oFF", Text),
            ("0644", Int(420)),
            ("-0644", Int(-420)),
            ("0o644", Int(420)),
            ("0x1F", Int(31)),
            ("0b101", Int(5)),
            ("0b-101", Int(-5)),
            ("-0b101", Int(-5)),
            ("1_000", Int(1000)),
            ("08", Float(8.0)),
            ("0_9", Float(9.0)),
            ("1e3", Float(1000.0)),
            (".5", Float(0.5)),
            ("1.", Float(1.0)),
            (".5_0", Float(0.5)),
            (".5_", Text),
            ("._5", Text),
            (".", Text),
            ("+", Text),
            ("-", Text),
            ("1e400", Text),
            (".5e999", Text),
            ("2001-01-01", Text),
            ("12:30:45", Text),
            ("1.2.3", Text),
            ("--1", Text),
            ("+-1", Text),
            ("0x", Text),
            ("0x-1", Text),
            ("9223372036854775807", Int(i64::MAX)),
            ("-9223372036854775808", Int(i64::MIN)),
            ("9223372036854775808", Uint(1 << 63)),
            ("+9223372036854775808", Float(9_223_372_036_854_775_808.0)),
            ("18446744073709551616", Float(18_446_744_073_709_551_616.0)),
            (".inf", Float(f64::INFINITY)),
            ("-.INF", Float(f64::NEG_INFINITY)),
            ("<<", Text),
            ("web", Text),
        ];
        for (plain, scalar) in table {
            assert_eq!(resolve(plain), scalar, "{plain:?}");
        }
        assert!(matches!(resolve(".NaN"), Float(value) if value.is_nan()));
    }
}
