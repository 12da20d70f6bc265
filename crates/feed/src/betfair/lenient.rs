//! Readers that take what recorders and archivers are known to write in place of what is documented.

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// A list whose nulls are passed over; null itself is an empty list.
pub(super) fn present<'de, D, T>(d: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let given = Option::<Vec<Option<T>>>::deserialize(d)?;
    Ok(given.into_iter().flatten().flatten().collect())
}

/// What can be read as one; none for all else. For what only a live session has a use for: a recorder may
/// have written anything there.
pub(super) fn readable<'de, D, T>(d: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let given = Option::<&RawValue>::deserialize(d)?;
    Ok(given.and_then(|raw| serde_json::from_str(raw.get()).ok()))
}

/// A number of something. What is below zero is none of it, and what is too large the largest number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Count(pub(super) u32);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(CountVisitor)
    }
}

struct CountVisitor;

impl Visitor<'_> for CountVisitor {
    type Value = Count;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Count, E> {
        Ok(Count(u32::try_from(number).unwrap_or(u32::MAX)))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Count, E> {
        self.visit_u64(u64::try_from(number).unwrap_or(0))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Count, E> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the cast cuts the fraction and stops at the ends of the range, which is what is wanted"
        )]
        let whole = number as u32;
        Ok(Count(whole))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[test]
    fn counts_stay_in_range() {
        let cases = [
            ("2", 2),
            ("-1", 0),
            ("2.0", 2),
            ("4294967295", u32::MAX),
            ("4294967296", u32::MAX),
            ("99999999999999999999999", u32::MAX),
            ("-1e30", 0),
        ];
        for (text, count) in cases {
            assert_eq!(serde_json::from_str::<Count>(text).unwrap(), Count(count), "{text}");
        }
        assert!(serde_json::from_str::<Count>("\"2\"").is_err());
    }

    #[test]
    fn nulls_are_passed_over() {
        #[derive(Deserialize)]
        struct Holder {
            #[serde(default, deserialize_with = "present")]
            list: Vec<u8>,
        }
        for (text, list) in
            [("{}", &[][..]), (r#"{"list":null}"#, &[]), (r#"{"list":[null,1,null,2]}"#, &[1, 2])]
        {
            assert_eq!(serde_json::from_str::<Holder>(text).unwrap().list, list, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_none() {
        #[derive(Deserialize)]
        struct Holder {
            #[serde(default, deserialize_with = "readable")]
            clk: Option<String>,
        }
        for (text, clk) in [
            ("{}", None),
            (r#"{"clk":null}"#, None),
            (r#"{"clk":[7]}"#, None),
            (r#"{"clk":"A\n"}"#, Some("A\n")),
        ] {
            assert_eq!(serde_json::from_str::<Holder>(text).unwrap().clk.as_deref(), clk, "{text}");
        }
    }
}
