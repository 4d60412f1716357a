//! Quantities: `100m`, `1Gi`, `1e3`.
//!
//! Rule: `k8s.io/apimachinery/pkg/api/resource`. A decimal number and one suffix: a binary one
//! (`Ki` to `Ei`), a decimal one (`n`, `u`, `m`, none, `k`, `M` to `E`) or an exponent (`e3`,
//! `E-2`). Two texts may mean the same: `0.1` and `100m`, `1Gi` and `1024Mi`.

use std::{cmp::Ordering, str::FromStr};

use serde_json::Value;

/// The smallest amount a server keeps is `1n`; what is finer is rounded up, away from zero.
const SCALE_MIN: i32 = -9;
/// Exponents beyond this are no quantity: a server caps them, and nothing real comes near.
const EXPONENT_MAX: i32 = 1000;

/// An exact amount: `mantissa` times ten to the power of `scale`.
///
/// Equal amounts have equal fields (the mantissa ends in no zero), so equality and hash are those
/// of the amount, however it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Quantity {
    mantissa: i128,
    scale: i32,
}

/// Why a text is no quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// It is not of the form `<number><suffix>`.
    #[error("not a quantity")]
    Form,
    /// It has more digits than can be held exactly (about 38).
    #[error("a quantity of too many digits")]
    Size,
}

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self { mantissa: 0, scale: 0 };

    /// The amount in a manifest: a string, or a bare number as authors write it (`cpu: 2`).
    pub fn of(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => text.parse().ok(),
            Value::Number(number) => number.to_string().parse().ok(),
            _ => None,
        }
    }

    /// About as much, as a floating-point number.
    #[must_use]
    pub fn as_f64(&self) -> f64 {
        format!("{}e{}", self.mantissa, self.scale).parse().unwrap_or_default()
    }

    /// True when both are quantities and mean the same amount.
    pub fn same(a: &Value, b: &Value) -> bool {
        Self::of(a).is_some_and(|a| Self::of(b) == Some(a))
    }

    fn new(mut mantissa: i128, mut scale: i32) -> Self {
        if scale < SCALE_MIN {
            mantissa = rounded_up(mantissa, SCALE_MIN.abs_diff(scale));
            scale = SCALE_MIN;
        }
        if mantissa == 0 {
            return Self::ZERO;
        }
        while mantissa % 10 == 0 {
            mantissa /= 10;
            scale += 1;
        }
        Self { mantissa, scale }
    }

    /// Digits before the point, as if written out; 0 or less for a fraction.
    fn magnitude(self) -> i32 {
        digits(self.mantissa.unsigned_abs()) + self.scale
    }
}

fn digits(number: u128) -> i32 {
    number.checked_ilog10().map_or(0, |log| i32::try_from(log + 1).expect("a u128 has 39 digits"))
}

/// Divides by ten to the power of `places`, away from zero.
fn rounded_up(mantissa: i128, places: u32) -> i128 {
    let Some(divisor) = 10_i128.checked_pow(places) else {
        return mantissa.signum();
    };
    let rest = mantissa % divisor;
    mantissa / divisor + rest.signum()
}

/// What a suffix multiplies by: a power of two and a power of ten.
fn suffix(text: &str) -> Option<(u32, i32)> {
    let factors = match text {
        "" => (0, 0),
        "n" => (0, -9),
        "u" => (0, -6),
        "m" => (0, -3),
        "k" => (0, 3),
        "M" => (0, 6),
        "G" => (0, 9),
        "T" => (0, 12),
        "P" => (0, 15),
        "E" => (0, 18),
        "Ki" => (10, 0),
        "Mi" => (20, 0),
        "Gi" => (30, 0),
        "Ti" => (40, 0),
        "Pi" => (50, 0),
        "Ei" => (60, 0),
        _ => {
            let exponent = text.strip_prefix(['e', 'E'])?;
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            let exponent: i32 = exponent.parse().ok()?;
            (0, Some(exponent).filter(|exponent| exponent.abs() <= EXPONENT_MAX)?)
        }
    };
    Some(factors)
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let end =
            unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
        let (number, rest) = unsigned.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return Err(QuantityError::Form);
        }
        let (binary, decimal) = suffix(rest).ok_or(QuantityError::Form)?;
        // Zeros at the ends are no digits that have to be held.
        let fraction = fraction.trim_end_matches('0');
        let mut mantissa: i128 = 0;
        for digit in whole.bytes().chain(fraction.bytes()) {
            mantissa = mantissa
                .checked_mul(10)
                .and_then(|mantissa| mantissa.checked_add(i128::from(digit - b'0')))
                .ok_or(QuantityError::Size)?;
        }
        if text.starts_with('-') {
            mantissa = -mantissa;
        }
        let mantissa = mantissa.checked_mul(1 << binary).ok_or(QuantityError::Size)?;
        let places = i32::try_from(fraction.len()).map_err(|_| QuantityError::Size)?;
        Ok(Self::new(mantissa, decimal - places))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        let signs = self.mantissa.signum().cmp(&other.mantissa.signum());
        if signs != Ordering::Equal || self.mantissa == 0 {
            return signs;
        }
        let magnitudes = self.magnitude().cmp(&other.magnitude()).then_with(|| {
            // Equal magnitudes: written out to the same place, neither has more than 39 digits. A
            // product that does not fit is larger than any that does.
            let lowest = self.scale.min(other.scale);
            let aligned = |quantity: &Self| {
                let factor = 10_u128.checked_pow(quantity.scale.abs_diff(lowest))?;
                quantity.mantissa.unsigned_abs().checked_mul(factor)
            };
            match (aligned(self), aligned(other)) {
                (Some(a), Some(b)) => a.cmp(&b),
                (None, _) => Ordering::Greater,
                (_, None) => Ordering::Less,
            }
        });
        if self.mantissa < 0 { magnitudes.reverse() } else { magnitudes }
    }
}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn quantity(text: &str) -> Quantity {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn one_amount_has_many_spellings() {
        let groups: [&[&str]; 10] = [
            &["0.1", "100m", ".1", "+0.100", "1e-1", "100000u", "100000000n", "1E-1"],
            &["1Gi", "1024Mi", "1048576Ki", "1073741824"],
            &["1k", "1e3", "1E3", "1000", "1000000m", "0.001M", "1e+3"],
            &["1.5Gi", "1536Mi"],
            &["0.1Ki", "102.4", "102400m"],
            &["0", "-0", "0.0", "0Gi", "00", "0e5"],
            &["1E", "1000P", "1e18"],
            &["-1.5", "-1500m"],
            &["1Ei", "1152921504606846976"],
            &["1.", "1", "01"],
        ];
        for group in groups {
            for text in group {
                assert_eq!(quantity(text), quantity(group[0]), "{text}");
            }
        }
    }

    #[test]
    fn amounts_are_ordered() {
        let order = [
            "-1Ei",
            "-2",
            "-1.5",
            "-1n",
            "0",
            "1n",
            "1u",
            "999u",
            "1m",
            "0.5",
            "1",
            "1.000000001",
            "999m1",
            "1k",
            "1Ki",
            "1M",
            "1Mi",
            "1G",
            "1Gi",
            "1E",
            "1Ei",
            "1e30",
            "1e1000",
        ];
        let order: Vec<Quantity> = order.iter().filter_map(|text| text.parse().ok()).collect();
        assert_eq!(order.len(), 22, "all but one are quantities");
        assert!(order.is_sorted_by(|a, b| a < b), "{order:?}");
    }

    #[test]
    fn other_texts_are_no_quantity() {
        for text in [
            "",
            "+",
            ".",
            "1..2",
            "1.2.3",
            "Gi",
            "1gi",
            "1GI",
            "1K",
            "1 Gi",
            " 1",
            "1e",
            "1e+",
            "1e1.5",
            "1e--1",
            "1e99999999999",
            "0x10",
            "1_000",
            "NaN",
            "inf",
            "١",
            "--1",
            "1mi",
            "1i",
            "1B",
        ] {
            assert_eq!(text.parse::<Quantity>(), Err(QuantityError::Form), "{text}");
        }
        let long = "9".repeat(60);
        assert_eq!(long.parse::<Quantity>(), Err(QuantityError::Size));
    }

    #[test]
    fn what_is_finer_than_a_nano_is_rounded_away_from_zero() {
        assert_eq!(quantity("0.0000000001"), quantity("1n"));
        assert_eq!(quantity("-0.0000000001"), quantity("-1n"));
        assert_eq!(quantity("1.0000000010001"), quantity("1.000000002"));
        assert_eq!(quantity("0.1n"), quantity("1n"));
        assert_eq!(quantity("1e-900"), quantity("1n"));
    }

    #[test]
    fn values_of_manifests_are_compared_by_amount() {
        assert!(Quantity::same(&json!(1), &json!("1000m")));
        assert!(Quantity::same(&json!(0.5), &json!("500m")));
        assert!(!Quantity::same(&json!("1"), &json!("2")));
        assert!(!Quantity::same(&json!("a"), &json!("a")), "no quantities");
        assert!(!Quantity::same(&json!(null), &json!(0)));
    }

    proptest! {
        #[test]
        fn amounts_of_nanos_compare_as_their_numbers_do(a: i64, b: i64) {
            let (x, y) = (quantity(&format!("{a}n")), quantity(&format!("{b}n")));
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
            prop_assert_eq!(x == y, a == b);
        }

        #[test]
        fn a_unit_is_a_thousand_or_1024_of_the_next_smaller(number in 0_u32..1_000_000) {
            for pair in ["", "k", "M", "G", "T", "P", "E"].windows(2).chain(["n", "u", "m", ""].windows(2)) {
                let (small, large) = (format!("{number}000{}", pair[0]), format!("{number}{}", pair[1]));
                prop_assert_eq!(quantity(&small), quantity(&large));
            }
            for pair in ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].windows(2) {
                let small = format!("{}{}", u64::from(number) * 1024, pair[0]);
                let large = format!("{number}{}", pair[1]);
                prop_assert_eq!(quantity(&small), quantity(&large));
            }
        }

        #[test]
        fn order_is_that_of_exact_arithmetic(
            a: i32, b: i32, x in -9_i32..12, y in -9_i32..12,
        ) {
            let exact = |number: i32, exponent: i32| {
                i128::from(number) * 10_i128.pow(u32::try_from(exponent + 9).unwrap())
            };
            let left = quantity(&format!("{a}e{x}"));
            let right = quantity(&format!("{b}e{y}"));
            prop_assert_eq!(left.cmp(&right), exact(a, x).cmp(&exact(b, y)));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[-+]?[0-9.]{0,45}(e[-+]?[0-9]{0,5}|[a-zA-Z]{0,3}|\\PC{0,3})") {
            if let Ok(quantity) = text.parse::<Quantity>() {
                prop_assert_eq!(quantity.cmp(&quantity), Ordering::Equal);
            }
        }
    }
}
