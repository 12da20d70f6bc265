//! The smallest parts of request bodies. Each checks itself while it is read, so that the error
//! names its place.

use overround_domain::money::Cents;
use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// The largest whole number that every JSON reader keeps exactly (RFC 8785 and I-JSON: 2^53 - 1).
/// Amounts and versions above it are refused: two of them could have one canonical form.
pub const INTEGER_MAX: i64 = 9_007_199_254_740_991;

/// The most characters of a reason.
pub const REASON_CHARS_MAX: usize = 500;

/// The most bytes of a leg's attributes as JSON.
pub const ATTRS_BYTES_MAX: usize = 1024;

fn whole<'de, D: Deserializer<'de>>(d: D, least: i64) -> Result<i64, D::Error> {
    let number = i64::deserialize(d)?;
    if (least..=INTEGER_MAX).contains(&number) {
        return Ok(number);
    }
    let expected = format!("a whole number from {least} to {INTEGER_MAX}");
    Err(D::Error::invalid_value(Unexpected::Signed(number), &expected.as_str()))
}

/// An amount of at least one minor unit.
#[derive(Debug, Clone, Copy)]
pub struct Amount(pub Cents);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        whole(d, 1).map(|cents| Self(Cents::new(cents)))
    }
}

/// The amount of a limit, from zero; none where it is left out.
#[derive(Debug, Clone, Copy, Default)]
pub struct Level(pub Option<Cents>);

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        whole(d, 0).map(|cents| Self(Some(Cents::new(cents))))
    }
}

/// An amount above or below zero.
#[derive(Debug, Clone, Copy)]
pub struct SignedAmount(pub Cents);

impl<'de> Deserialize<'de> for SignedAmount {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        match whole(d, -INTEGER_MAX)? {
            0 => Err(D::Error::invalid_value(Unexpected::Signed(0), &"an amount above or below zero")),
            cents => Ok(Self(Cents::new(cents))),
        }
    }
}

/// A market's version, from 1.
#[derive(Debug, Clone, Copy)]
pub struct Version(pub i64);

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        whole(d, 1).map(Self)
    }
}

/// Why somebody did something: 1 to 500 characters on one line.
#[derive(Debug, Clone)]
pub struct Reason(pub String);

impl<'de> Deserialize<'de> for Reason {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        let length = text.chars().count();
        if text.trim().is_empty() || length > REASON_CHARS_MAX || text.chars().any(char::is_control) {
            return Err(D::Error::custom(
                "a reason is 1 to 500 characters without control characters, and not only spaces",
            ));
        }
        Ok(Self(text))
    }
}

/// What a client attaches to a leg: a small JSON object, kept as it is, but for a zero's sign.
#[derive(Debug, Clone, Default)]
pub struct Attrs(pub Map<String, Value>);

impl<'de> Deserialize<'de> for Attrs {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let mut attrs = Map::<String, Value>::deserialize(d)?;
        attrs.values_mut().for_each(unsign_zeros);
        let length = serde_json::to_string(&attrs).map_err(D::Error::custom)?.len();
        if length > ATTRS_BYTES_MAX {
            return Err(D::Error::custom(format!("attrs are at most {ATTRS_BYTES_MAX} bytes of JSON")));
        }
        if attrs.iter().any(|(name, value)| name.contains('\0') || !can_be_kept(value)) {
            return Err(D::Error::custom(
                "attrs hold no NUL character, and numbers only between -(2^53 - 1) and 2^53 - 1",
            ));
        }
        Ok(Self(attrs))
    }
}

/// Takes the sign off every zero, as the canonical form (RFC 8785) does. PostgreSQL's jsonb forgets it,
/// and a receipt is the same bytes before it was stored and after.
fn unsign_zeros(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() && number.as_f64() == Some(0.0) => *value = Value::from(0.0),
        Value::Array(values) => values.iter_mut().for_each(unsign_zeros),
        Value::Object(fields) => fields.values_mut().for_each(unsign_zeros),
        _ => {}
    }
}

/// PostgreSQL's jsonb takes no NUL; larger numbers have no canonical form of their own.
fn can_be_kept(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => true,
        Value::String(text) => !text.contains('\0'),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => (-INTEGER_MAX..=INTEGER_MAX).contains(&whole),
            // 2^53 as a double: what is below it in magnitude is exact.
            (None, Some(double)) => double.abs() < 9_007_199_254_740_992.0,
            (None, None) => false,
        },
        Value::Array(values) => values.iter().all(can_be_kept),
        Value::Object(fields) => {
            fields.iter().all(|(name, value)| !name.contains('\0') && can_be_kept(value))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_whole_positive_and_exact_everywhere() {
        let table = [
            ("1", true),
            ("9007199254740991", true),
            ("9007199254740992", false),
            ("0", false),
            ("-5", false),
            ("5.0", false),
            ("1e3", false),
            ("\"5\"", false),
            ("null", false),
            ("99999999999999999999", false),
        ];
        for (text, taken) in table {
            assert_eq!(serde_json::from_str::<Amount>(text).is_ok(), taken, "{text}");
        }
    }

    #[test]
    fn signed_amounts_are_whole_and_not_zero() {
        let table = [
            ("1", true),
            ("-1", true),
            ("-9007199254740991", true),
            ("-9007199254740992", false),
            ("0", false),
            ("-0", false),
            ("-5.0", false),
        ];
        for (text, taken) in table {
            assert_eq!(serde_json::from_str::<SignedAmount>(text).is_ok(), taken, "{text}");
        }
    }

    #[test]
    fn attributes_are_small_and_can_be_kept() {
        let table = [
            ("{}", true),
            (r#"{"a":[1,2.5,{"b":null}]}"#, true),
            (r#"{"a":"\u0000"}"#, false),
            (r#"{"a\u0000":1}"#, false),
            (r#"{"a":[{"b":"x\u0000"}]}"#, false),
            (r#"{"a":9007199254740993}"#, false),
            (r#"{"a":1e300}"#, false),
            ("[]", false),
        ];
        for (text, taken) in table {
            assert_eq!(serde_json::from_str::<Attrs>(text).is_ok(), taken, "{text}");
        }
        let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(ATTRS_BYTES_MAX));
        assert!(serde_json::from_str::<Attrs>(&long).is_err(), "too long");
    }

    #[test]
    fn a_zero_in_attributes_has_no_sign() {
        let table = [
            (r#"{"a":-0.0}"#, r#"{"a":0.0}"#),
            (r#"{"a":-0}"#, r#"{"a":0.0}"#),
            (r#"{"a":[{"b":-0e9}],"c":{"d":-0.0}}"#, r#"{"a":[{"b":0.0}],"c":{"d":0.0}}"#),
            (r#"{"a":0,"b":0.0,"c":-1,"d":-0.5}"#, r#"{"a":0,"b":0.0,"c":-1,"d":-0.5}"#),
        ];
        for (text, kept) in table {
            let attrs: Attrs = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&attrs.0).unwrap(), kept, "{text}");
        }
    }

    #[test]
    fn a_reason_says_something() {
        let table = [("\"fat finger\"", true), ("\"\"", false), ("\"  \"", false), (r#""a\nb""#, false)];
        for (text, taken) in table {
            assert_eq!(serde_json::from_str::<Reason>(text).is_ok(), taken, "{text}");
        }
    }
}
