//! What traders do beyond one market, on the wire.

use super::input::Reason;
use super::names::MarginMethod;
use super::{Time, schema};
use overround_app::GroupAction as Done;
use overround_domain::ids::EventId;
use overround_domain::markets::{Group, Margin, MarginBps};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// The most characters of a sport.
const SPORT_LEN_MAX: usize = 100;

/// A sport in a path: a lower-case word.
#[derive(Debug, Clone)]
pub struct Sport(pub String);

impl<'de> Deserialize<'de> for Sport {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        let is_word = text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if is_word && (1..=SPORT_LEN_MAX).contains(&text.len()) {
            return Ok(Self(text));
        }
        Err(serde::de::Error::custom("a sport is a lower-case word, such as tennis or horse-racing"))
    }
}

/// A margin of a market's own.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"method": "POWER", "margin_bps": 600, "reason": "long shots are overbet"}))]
pub struct SetMargin {
    /// How it is spread over the outcomes.
    pub method: MarginMethod,
    /// How large it is, in hundredths of a per cent (600: prices add up to 106 %).
    #[schema(value_type = u32, minimum = 0, maximum = 5_000)]
    pub margin_bps: Bps,
    /// Why, for the records.
    #[schema(value_type = String, min_length = 1, max_length = 500, pattern = r"^[ -~]*[!-~][ -~]*$")]
    pub reason: Reason,
}

/// A size of a margin that was checked.
#[derive(Debug, Clone, Copy)]
pub struct Bps(MarginBps);

impl<'de> Deserialize<'de> for Bps {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        MarginBps::new(u32::deserialize(d)?).map(Self).map_err(serde::de::Error::custom)
    }
}

impl SetMargin {
    /// The margin.
    pub fn margin(&self) -> Margin {
        Margin { method: self.method.into(), bps: self.margin_bps.0 }
    }
}

/// What an act left the markets of an event, of a sport, or all at.
#[derive(Debug, Serialize, ToSchema)]
pub struct GroupAction {
    /// The event.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::EventId>, nullable = false)]
    pub event_id: Option<EventId>,
    /// The sport.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "tennis", nullable = false)]
    pub sport: Option<String>,
    /// Whether they are held, those that appear later included.
    pub suspended: bool,
    /// Counts the acts on these markets together.
    #[schema(example = 1)]
    pub version: i64,
    /// When it was done.
    pub changed_at: Time,
}

impl From<Done> for GroupAction {
    fn from(done: Done) -> Self {
        let (event_id, sport) = match done.group {
            Group::Event(event) => (Some(event), None),
            Group::Sport(sport) => (None, Some(sport)),
            Group::All => (None, None),
        };
        let (version, changed_at) = (done.version, done.changed_at.into());
        Self { event_id, sport, suspended: done.held, version, changed_at }
    }
}
