//! Handicaps and totals.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A handicap or total, in quarters: -3.75 is -15. Lines are multiples of 1/4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line(i32);

/// A text that is not a multiple of a quarter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a line is a multiple of 0.25, such as -3.75")]
pub struct LineError;

impl Line {
    /// The line of that many quarters.
    pub const fn from_quarters(quarters: i32) -> Self {
        Self(quarters)
    }

    /// The line in quarters.
    pub const fn quarters(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, rest) = (self.0.unsigned_abs() / 4, self.0.unsigned_abs() % 4);
        let fraction = match rest {
            1 => ".25",
            2 => ".5",
            3 => ".75",
            _ => "",
        };
        write!(f, "{sign}{whole}{fraction}")
    }
}

impl FromStr for Line {
    type Err = LineError;
    fn from_str(text: &str) -> Result<Self, LineError> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        if whole.is_empty() || !whole.bytes().all(|b| b.is_ascii_digit()) {
            return Err(LineError);
        }
        let whole: i32 = whole.parse().map_err(|_| LineError)?;
        let rest = match fraction.trim_end_matches('0') {
            "" if !fraction.is_empty() => 0,
            "25" => 1,
            "5" => 2,
            "75" => 3,
            _ => return Err(LineError),
        };
        let quarters = whole.checked_mul(4).and_then(|q| q.checked_add(rest)).ok_or(LineError)?;
        Ok(Self(if negative { -quarters } else { quarters }))
    }
}

impl Serialize for Line {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
