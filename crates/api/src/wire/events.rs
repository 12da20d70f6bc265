//! Sporting events on the wire.

use super::{Time, schema};
use overround_app::EventInfo;
use overround_domain::ids::EventId;
use serde::Serialize;
use utoipa::ToSchema;

/// A sporting event, which has markets.
#[derive(Debug, Serialize, ToSchema)]
pub struct Event {
    /// The event.
    #[schema(value_type = schema::EventId)]
    pub id: EventId,
    /// A name a person can read.
    #[schema(example = "B Hassan v J Haerteis")]
    pub name: String,
    /// The sport, as a lower-case word.
    #[schema(example = "tennis")]
    pub sport: String,
    /// The scheduled start, if it is known.
    pub starts_at: Option<Time>,
    /// Counts what it was said to be: of two views the higher one's is the later.
    #[schema(example = 1, minimum = 1)]
    pub version: i64,
    /// When it became known.
    pub created_at: Time,
}

impl From<EventInfo> for Event {
    fn from(event: EventInfo) -> Self {
        Self {
            id: event.id,
            name: event.name,
            sport: event.sport,
            starts_at: event.starts_at.map(Time),
            version: event.version,
            created_at: event.created_at.into(),
        }
    }
}

/// How many users are present at an event.
#[derive(Debug, Serialize, ToSchema)]
pub struct Presence {
    /// The event.
    #[schema(value_type = schema::EventId)]
    pub event_id: EventId,
    /// How many users; one with several devices counts once.
    #[schema(example = 1280, minimum = 0)]
    pub count: u64,
    /// Whether a device of the caller's own is among them.
    pub is_present: bool,
}
