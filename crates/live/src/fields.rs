//! A snapshot as the fields of a Redis hash, and back.

use crate::{Error, Held, Lifetime};
use overround_domain::ids::MarketId;
use overround_domain::markets::Snapshot;
use overround_domain::time::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Display;
use std::sync::Arc;

/// The fields that say how old a snapshot is and how long it may be sold.
pub(crate) const AGES: [&str; 4] = ["confirmedAt", "agesFrom", "freshMs", "staleMs"];

/// The fields that say what a version is; the version itself stands apart.
pub(crate) const BODY: [&str; 9] = [
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

/// The key of a market's snapshot. The braces are Redis's hash tag.
pub(crate) fn key_of(market: MarketId) -> String {
    format!("markets:{{{market}}}")
}

/// The key of its clock, in the same slot as all of a market's.
pub(crate) fn clock_key_of(market: MarketId) -> String {
    format!("markets:{{{market}}}:clock")
}

/// The key of its last versions.
pub(crate) fn stream_key_of(market: MarketId) -> String {
    format!("markets:{{{market}}}:stream")
}

/// The key of the lease of whoever loads it.
pub(crate) fn lease_key_of(market: MarketId) -> String {
    format!("markets:{{{market}}}:lease")
}

/// The market whose snapshot stands under a key, which is also the name of its channel.
pub(crate) fn market_of(key: &str) -> Option<MarketId> {
    key.strip_prefix("markets:{")?.strip_suffix('}')?.parse().ok()
}

/// What a snapshot says: the values of [`BODY`].
pub(crate) fn body_of(snapshot: &Snapshot) -> Result<[String; BODY.len()], Error> {
    let key = key_of(snapshot.market_id);
    Ok([
        snapshot.status_version.to_string(),
        snapshot.event_id.to_string(),
        word(&key, "status", &snapshot.status)?,
        if snapshot.in_play { "1" } else { "0" }.to_owned(),
        snapshot.bet_delay_ms.to_string(),
        snapshot.cutoff_at.map(|at| at.millis().to_string()).unwrap_or_default(),
        snapshot.as_of.millis().to_string(),
        json(&key, "prices", &snapshot.prices)?,
        json(&key, "suspensions", &snapshot.suspensions)?,
    ])
}

/// A version as text: a whole number from 1 on.
pub(crate) fn version_of(market_id: MarketId, text: &str) -> Result<i64, Error> {
    text.parse().map_err(|error| unreadable(&key_of(market_id), "version", error))
}

/// A snapshot with its age at `now`, by the values of [`AGES`]. One that nobody's word stands behind has no age.
pub(crate) fn held_of(
    snapshot: Arc<Snapshot>,
    values: &[Option<String>],
    now: Timestamp,
) -> Result<Held, Error> {
    let row = Row { key: key_of(snapshot.market_id), names: &AGES, values };
    if row.text("agesFrom")?.is_empty() {
        return Ok(Held::unconfirmed(snapshot));
    }
    let lifetime = Lifetime { fresh_ms: row.number("freshMs")?, stale_ms: row.number("staleMs")? };
    let age_ms = now.millis().saturating_sub(row.number("agesFrom")?);
    Ok(Held::confirmed(snapshot, row.instant("confirmedAt")?, age_ms, lifetime))
}

/// The snapshot at `version` that the values of [`BODY`] say.
pub(crate) fn snapshot_of(
    market_id: MarketId,
    version: i64,
    values: &[Option<String>],
) -> Result<Snapshot, Error> {
    let row = Row { key: key_of(market_id), names: &BODY, values };
    let cutoff = row.text("cutoffAt")?;
    Ok(Snapshot {
        market_id,
        event_id: row.text("eventId")?.parse().map_err(|error| row.unreadable("eventId", error))?,
        version,
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

/// The snapshot at `version` that a line of each value of [`BODY`] says.
pub(crate) fn snapshot_of_lines(market_id: MarketId, version: i64, lines: &str) -> Result<Snapshot, Error> {
    let values: Vec<Option<String>> = lines.split('\n').map(|value| Some(value.to_owned())).collect();
    snapshot_of(market_id, version, &values)
}

fn unreadable(key: &str, field: &'static str, detail: impl Display) -> Error {
    Error::Unreadable { key: key.to_owned(), field, detail: detail.to_string() }
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
    names: &'a [&'static str],
    values: &'a [Option<String>],
}

impl Row<'_> {
    fn unreadable(&self, field: &'static str, detail: impl Display) -> Error {
        unreadable(&self.key, field, detail)
    }

    fn text(&self, field: &'static str) -> Result<&str, Error> {
        let value = self.names.iter().position(|name| *name == field).and_then(|at| self.values.get(at));
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
