//! A snapshot as the fields of a Redis hash, and back.

use crate::{Error, Freshness, Held, Lifetime};
use overround_domain::ids::MarketId;
use overround_domain::markets::Snapshot;
use overround_domain::time::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Display;
use std::sync::Arc;

/// The fields that the write script is given as such, in the order in which they are read.
const VERSION: &str = "version";
const CONFIRMED_AT: &str = "confirmedAt";
const AGES_FROM: &str = "agesFrom";

/// The fields of the hash, in the order in which their values are taken.
pub(crate) const NAMES: [&str; 14] = [
    VERSION,
    CONFIRMED_AT,
    AGES_FROM,
    "freshMs",
    "staleMs",
    "statusVersion",
    "eventId",
    "status",
    "inPlay",
    "betDelayMs",
    "cutoffAt",
    "asOf",
    "prices",
    "suspensions",
];

/// How many of them, the first ones, say which version it is and how old.
pub(crate) const HEAD: usize = 5;

/// The key of a market's snapshot. The braces are Redis's hash tag.
pub(crate) fn key_of(market: MarketId) -> String {
    format!("markets:{{{market}}}")
}

/// The key of its floor, in the same slot.
pub(crate) fn floor_key_of(market: MarketId) -> String {
    format!("markets:{{{market}}}:floor")
}

/// What a snapshot says, as names and values: all fields but its version and those of its two clocks.
pub(crate) fn pairs_of(snapshot: &Snapshot) -> Result<[(&'static str, String); 9], Error> {
    let key = key_of(snapshot.market_id);
    Ok([
        ("statusVersion", snapshot.status_version.to_string()),
        ("eventId", snapshot.event_id.to_string()),
        ("status", word(&key, "status", &snapshot.status)?),
        ("inPlay", if snapshot.in_play { "1" } else { "0" }.to_owned()),
        ("betDelayMs", snapshot.bet_delay_ms.to_string()),
        ("cutoffAt", snapshot.cutoff_at.map(|at| at.millis().to_string()).unwrap_or_default()),
        ("asOf", snapshot.as_of.millis().to_string()),
        ("prices", json(&key, "prices", &snapshot.prices)?),
        ("suspensions", json(&key, "suspensions", &snapshot.suspensions)?),
    ])
}

/// The version that the first values of [`NAMES`] say; none where there is no value at all, which is a
/// market that the cache does not hold.
pub(crate) fn version_held(market_id: MarketId, values: &[Option<String>]) -> Result<Option<i64>, Error> {
    if values.iter().all(Option::is_none) {
        return Ok(None);
    }
    Row { key: key_of(market_id), values }.number(VERSION).map(Some)
}

/// A snapshot with its age at `now`, by the first values of [`NAMES`].
pub(crate) fn held_of(
    snapshot: Arc<Snapshot>,
    values: &[Option<String>],
    now: Timestamp,
) -> Result<Held, Error> {
    let row = Row { key: key_of(snapshot.market_id), values };
    let lifetime = Lifetime { fresh_ms: row.number("freshMs")?, stale_ms: row.number("staleMs")? };
    let age_ms = now.millis().saturating_sub(row.number(AGES_FROM)?);
    let confirmed_at = row.instant(CONFIRMED_AT)?;
    let freshness = lifetime.freshness(age_ms);
    let sellable_ms = if freshness == Freshness::Expired { 0 } else { lifetime.end_ms() - age_ms };
    Ok(Held { snapshot, confirmed_at, age_ms: age_ms.max(0), freshness, sellable_ms })
}

/// The snapshot that the values of [`NAMES`] say.
pub(crate) fn snapshot_of(market_id: MarketId, values: &[Option<String>]) -> Result<Snapshot, Error> {
    let row = Row { key: key_of(market_id), values };
    let cutoff = row.text("cutoffAt")?;
    Ok(Snapshot {
        market_id,
        event_id: row.text("eventId")?.parse().map_err(|error| row.unreadable("eventId", error))?,
        version: row.number(VERSION)?,
        status_version: row.number("statusVersion")?,
        status: row.word("status")?,
        in_play: row.flag("inPlay")?,
        bet_delay_ms: row.number("betDelayMs")?,
        cutoff_at: if cutoff.is_empty() { None } else { Some(row.instant("cutoffAt")?) },
        as_of: row.instant("asOf")?,
        prices: row.json("prices")?,
        suspensions: row.json("suspensions")?,
    })
}

/// A value as JSON text.
fn json<T: Serialize>(key: &str, field: &'static str, value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::Unwritable {
        key: key.to_owned(),
        field,
        detail: error.to_string(),
    })
}

/// An enum's spelling, without the quotes that JSON puts around it.
fn word<T: Serialize>(key: &str, field: &'static str, value: &T) -> Result<String, Error> {
    json(key, field, value).map(|text| text.trim_matches('"').to_owned())
}

/// The values of one hash, read by name.
struct Row<'a> {
    key: String,
    values: &'a [Option<String>],
}

impl Row<'_> {
    fn unreadable(&self, field: &'static str, detail: impl Display) -> Error {
        Error::Unreadable { key: self.key.clone(), field, detail: detail.to_string() }
    }

    fn text(&self, field: &'static str) -> Result<&str, Error> {
        let value = NAMES.iter().position(|name| *name == field).and_then(|at| self.values.get(at));
        value.and_then(Option::as_deref).ok_or_else(|| self.unreadable(field, "it is missing"))
    }

    fn number(&self, field: &'static str) -> Result<i64, Error> {
        self.text(field)?.parse().map_err(|error| self.unreadable(field, error))
    }

    fn instant(&self, field: &'static str) -> Result<Timestamp, Error> {
        self.number(field).map(Timestamp::from_millis)
    }

    fn flag(&self, field: &'static str) -> Result<bool, Error> {
        match self.text(field)? {
            "0" => Ok(false),
            "1" => Ok(true),
            other => Err(self.unreadable(field, format!("{other:?} is neither 0 nor 1"))),
        }
    }

    fn json<T: DeserializeOwned>(&self, field: &'static str) -> Result<T, Error> {
        serde_json::from_str(self.text(field)?).map_err(|error| self.unreadable(field, error))
    }

    fn word<T: DeserializeOwned>(&self, field: &'static str) -> Result<T, Error> {
        let quoted = serde_json::Value::String(self.text(field)?.to_owned());
        serde_json::from_value(quoted).map_err(|error| self.unreadable(field, error))
    }
}
