//! Decimal numbers taken by their text, so that 1.01 is 101/100 and nothing else.

use overround_domain::betting::Fraction;
use overround_domain::markets::Line;
use overround_domain::odds::Price;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Digits kept of a number; beyond them a fraction is cut. Prices and lines have at most six.
const MANTISSA_MAX: i64 = 100_000_000_000_000_000;
/// The most digits behind the point, exponent included.
const SCALE_MAX: u32 = 40;
/// Fraction digits of a price: a price's denominator is at most 10^6.
const PRICE_SCALE: u32 = 6;

/// `mantissa / 10^scale`, without trailing zeros, so that equal numbers are equal values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Decimal {
    mantissa: i64,
    scale: u32,
}

impl Decimal {
    /// Parses a number as JSON has it; none when its magnitude is out of any sensible range.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (digits, exponent) = match text.split_once(['e', 'E']) {
            Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (negative, digits) = match digits.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, digits),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() {
            return None;
        }
        let mut mantissa = 0_i64;
        for byte in whole.bytes() {
            mantissa = mantissa.checked_mul(10)?.checked_add(digit(byte)?)?;
        }
        let mut scale = 0_i32;
        for byte in fraction.bytes() {
            let next = digit(byte)?;
            if mantissa < MANTISSA_MAX && scale < 18 {
                mantissa = mantissa * 10 + next;
                scale += 1;
            }
        }
        let mut scale = scale.checked_sub(exponent)?;
        while scale < 0 && mantissa != 0 {
            mantissa = mantissa.checked_mul(10)?;
            scale += 1;
        }
        let mantissa = if negative { -mantissa } else { mantissa };
        let number = Self { mantissa, scale: u32::try_from(scale).unwrap_or(0) }.normalized();
        (number.scale <= SCALE_MAX).then_some(number)
    }

    fn normalized(mut self) -> Self {
        if self.mantissa == 0 {
            return Self::default();
        }
        while self.scale > 0 && self.mantissa % 10 == 0 {
            self.mantissa /= 10;
            self.scale -= 1;
        }
        self
    }

    /// Whether it is above zero.
    pub(crate) fn is_positive(self) -> bool {
        self.mantissa > 0
    }

    /// Whether it is below zero.
    pub(crate) fn is_negative(self) -> bool {
        self.mantissa < 0
    }

    /// The number as a price. Numbers that were through floating point before they were recorded
    /// (2.5999999999999996) are rounded to six places. None for what is no price, such as 0.
    pub(crate) fn price(self) -> Option<Price> {
        let rounded = self.rounded(PRICE_SCALE)?;
        let num = u32::try_from(rounded.mantissa).ok()?;
        Price::new(num, 10_u32.checked_pow(rounded.scale)?).ok()
    }

    /// The number as a line; none when it is not a multiple of a quarter.
    pub(crate) fn line(self) -> Option<Line> {
        if self.scale > 2 {
            return None;
        }
        let hundredths = self.mantissa.checked_mul(10_i64.pow(2 - self.scale))?;
        let quarters = i32::try_from(hundredths / 25).ok()?;
        (hundredths % 25 == 0).then(|| Line::from_quarters(quarters))
    }

    /// The number as a fraction from 0 to 1; none when it is none, or has more than six places.
    pub(crate) fn fraction(self) -> Option<Fraction> {
        let num = u32::try_from(self.mantissa).ok()?;
        Fraction::new(num, 10_u32.checked_pow(self.scale)?).ok()
    }

    /// The number as a level of a ladder.
    pub(crate) fn level(self) -> Option<u32> {
        if self.scale == 0 { u32::try_from(self.mantissa).ok() } else { None }
    }

    fn rounded(self, scale: u32) -> Option<Self> {
        let Some(cut) = self.scale.checked_sub(scale).filter(|cut| *cut > 0) else {
            return Some(self);
        };
        let unit = 10_i64.checked_pow(cut)?;
        let mantissa = self.mantissa.checked_add(unit / 2)?.div_euclid(unit);
        Some(Self { mantissa, scale }.normalized())
    }
}

fn digit(byte: u8) -> Option<i64> {
    byte.is_ascii_digit().then(|| i64::from(byte - b'0'))
}

impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.is_negative() { "-" } else { "" };
        let width = usize::try_from(self.scale).unwrap_or(0);
        let digits = format!("{:0>width$}", self.mantissa.unsigned_abs(), width = width + 1);
        let (whole, fraction) = digits.split_at(digits.len() - width);
        let point = if fraction.is_empty() { "" } else { "." };
        write!(f, "{sign}{whole}{point}{fraction}")
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(d)?;
        Self::parse(raw.get()).ok_or_else(|| {
            let shown: String = raw.get().chars().take(40).collect();
            serde::de::Error::custom(format_args!("{shown} is not a number in range"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn prices_are_exact() {
        let cases = [
            ("1.01", 101, 100),
            ("8.8", 44, 5),
            ("7", 7, 1),
            ("7.0", 7, 1),
            ("1000", 1000, 1),
            ("1e3", 1000, 1),
            ("1.952", 244, 125),
            ("2.5999999999999996", 13, 5),
            ("2.6000000000000001", 13, 5),
            ("15.0E-1", 3, 2),
        ];
        for (text, num, den) in cases {
            assert_eq!(decimal(text).price(), Some(Price::new(num, den).unwrap()), "{text}");
        }
    }

    #[test]
    fn what_is_no_price_is_none() {
        for text in ["0", "1", "-2.5", "0.99", "1e9", "1.0000000001"] {
            assert_eq!(decimal(text).price(), None, "{text}");
        }
    }

    #[test]
    fn lines_are_quarters() {
        let cases = [("-3.75", -15), ("0", 0), ("-0.0", 0), ("4", 16), ("0.5", 2), ("2.50", 10)];
        for (text, quarters) in cases {
            assert_eq!(decimal(text).line(), Some(Line::from_quarters(quarters)), "{text}");
        }
        for text in ["0.1", "0.125", "1e15"] {
            assert_eq!(decimal(text).line(), None, "{text}");
        }
    }

    #[test]
    fn fractions_are_exact() {
        for (text, num, den) in [("0.5", 1, 2), ("1.0", 1, 1), ("0", 0, 1), ("0.333333", 333_333, 1_000_000)]
        {
            assert_eq!(Decimal::parse(text).unwrap().fraction(), Fraction::new(num, den).ok(), "{text}");
        }
        for text in ["-0.5", "1.5", "0.3333333"] {
            assert_eq!(Decimal::parse(text).unwrap().fraction(), None, "{text}");
        }
        for text in ["", ".5", "-", "NaN", "inf", "1,5", " 1"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn spells_itself_plainly() {
        for (text, shown) in
            [("-3.750", "-3.75"), ("0.05", "0.05"), ("-0.5", "-0.5"), ("12", "12"), ("-0", "0")]
        {
            assert_eq!(decimal(text).to_string(), shown);
        }
    }

    #[test]
    fn refuses_what_is_out_of_range_or_no_number() {
        for text in
            ["1e400", "123456789012345678901234567890", "\"1\"", "true", "1e-99999999999", "1e-2000000000"]
        {
            assert!(serde_json::from_str::<Decimal>(text).is_err(), "{text}");
        }
    }
}
