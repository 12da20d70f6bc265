//! The parameters of a query.

use crate::cursor;
use crate::problem::{FieldError, INVALID_QUERY, Problem};
use axum::extract::{FromRequestParts, Query};
use chrono::{DateTime, Datelike, Utc};
use http::request::Parts;
use overround_app::Page;
use overround_domain::time::Timestamp;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// How many rows a list gives unless told.
const LIMIT_DEFAULT: u32 = 50;
/// How many rows a list gives at most.
const LIMIT_MAX: u32 = 200;

/// The query's parameters as the fields of `T`, each a text. Unknown and repeated ones are refused.
pub struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|_| bad("query", "it is not a form of names and values"))?;
        let mut fields = Map::new();
        for (name, value) in pairs {
            if fields.insert(name.clone(), Value::String(value)).is_some() {
                return Err(bad(&name, "it is given more than once"));
            }
        }
        serde_path_to_error::deserialize(Value::Object(fields)).map(Self).map_err(|error| {
            let place = error.path().to_string();
            let message = error.into_inner().to_string();
            match field_after("unknown field", &message) {
                Some(name) => bad(name, "there is no such parameter here"),
                None => bad(&place, &message),
            }
        })
    }
}

fn bad(name: &str, detail: &str) -> Problem {
    Problem::invalid(INVALID_QUERY, FieldError::parameter(name, detail))
}

/// The field that serde complains of: the name in "`says` `name`...".
pub fn field_after<'a>(says: &str, message: &'a str) -> Option<&'a str> {
    message.strip_prefix(says)?.strip_prefix(" `")?.split('`').next()
}

/// A text that must be a whole number within bounds.
fn bounded<'de, D: Deserializer<'de>>(d: D, least: i64, most: i64) -> Result<i64, D::Error> {
    let text = String::deserialize(d)?;
    let digits_only = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse::<i64>().ok().filter(|number| digits_only && (least..=most).contains(number));
    number.ok_or_else(|| D::Error::custom(format!("a whole number from {least} to {most} is wanted")))
}

/// How many rows to give: 1 to 200.
#[derive(Debug, Clone, Copy)]
pub struct Limit(u32);

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let limit = bounded(d, 1, i64::from(LIMIT_MAX))?;
        Ok(Self(u32::try_from(limit).unwrap_or(LIMIT_MAX)))
    }
}

/// How often prices are sent at most: 0 to 60,000 milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct ConflateMs(pub i64);

impl<'de> Deserialize<'de> for ConflateMs {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        bounded(d, 0, 60_000).map(Self)
    }
}

/// How often a connection is looked at: 1,000 to 60,000 milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct HeartbeatMs(pub i64);

impl<'de> Deserialize<'de> for HeartbeatMs {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        bounded(d, 1_000, 60_000).map(Self)
    }
}

/// A market's version in a query.
#[derive(Debug, Clone, Copy)]
pub struct VersionText(pub i64);

impl<'de> Deserialize<'de> for VersionText {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        bounded(d, 1, crate::wire::input::INTEGER_MAX).map(Self)
    }
}

/// An instant in a query: RFC 3339 with whole milliseconds or less, in any of its zones.
#[derive(Debug, Clone, Copy)]
pub struct TimeText(pub Timestamp);

impl<'de> Deserialize<'de> for TimeText {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        let at = DateTime::parse_from_rfc3339(&text).ok().map(|at| at.with_timezone(&Utc));
        let at = at.filter(|at| (1..=9999).contains(&at.year()));
        at.map(|at| Self(at.into()))
            .ok_or_else(|| D::Error::custom("an instant is wanted, such as 2026-11-23T18:04:05.123Z"))
    }
}

/// Which part of a list is asked for.
#[derive(Debug, Default)]
pub struct PageQuery {
    /// How many rows.
    pub limit: Option<Limit>,
    /// Where to read on.
    pub cursor: Option<String>,
}

impl PageQuery {
    /// The page of the list named `list`: its route, owner and filters.
    ///
    /// # Errors
    /// When the cursor is not that list's.
    pub fn page(&self, list: &str) -> Result<Page, Problem> {
        let after = self.cursor.as_deref().map(|cursor| cursor::decode(list, cursor)).transpose()?;
        Ok(Page { limit: self.limit.map_or(LIMIT_DEFAULT, |limit| limit.0), after })
    }
}
