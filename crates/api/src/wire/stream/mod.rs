//! What goes over a stream, both ways.

mod chronicle;

pub use chronicle::chronicle_text;

use crate::wire::names::{MarketStatus, SuspensionReason};
use crate::wire::{PriceTerms, Time};
use overround_app::{Chronicle, Frame, FrameKind, Position};
use overround_domain::ids::{AccountId, EventId, MarketId, OutcomeId};
use overround_domain::markets::{Line, Snapshot};
use overround_domain::time::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// What a reader asks for: one object a message, with one of the two or both.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// Channels to follow.
    #[serde(default)]
    pub subscribe: Vec<Subscribe>,
    /// Channels to follow no more.
    #[serde(default)]
    pub unsubscribe: Vec<String>,
}

/// A channel to follow, and how far the reader has read it; both of `epoch` and `seq`, or none.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscribe {
    /// The channel.
    pub channel: String,
    /// The epoch of the last frame that was read.
    #[serde(default)]
    pub epoch: Option<String>,
    /// Its seq.
    #[serde(default)]
    pub seq: Option<i64>,
    /// Whether the reader is present where the channel is, and not only reads.
    #[serde(default)]
    pub present: bool,
}

impl Subscribe {
    /// The wish to follow a channel from a place, or from how it stands.
    pub fn from_place((channel, seen): &(Channel, Option<Position>)) -> Self {
        let (epoch, seq) = match seen {
            Some(Position { epoch, seq }) => (Some(epoch.to_string()), Some(*seq)),
            None => (None, None),
        };
        Self { channel: channel.to_string(), epoch, seq, present: false }
    }
}

/// A channel's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// `markets:{market_id}`: the versions of a market.
    Market(MarketId),
    /// `events:{event_id}`: what happens to an event, and how many are present at it.
    Event(EventId),
    /// `account:{account_id}`: what happens to an account.
    Account(AccountId),
}

impl FromStr for Channel {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |id: &str, error: &dyn fmt::Display| format!("{id}: {error}");
        match text.split_once(':') {
            Some(("markets", id)) => id.parse().map(Self::Market).map_err(|error| wrong(id, &error)),
            Some(("events", id)) => id.parse().map(Self::Event).map_err(|error| wrong(id, &error)),
            Some(("account", id)) => id.parse().map(Self::Account).map_err(|error| wrong(id, &error)),
            _ => Err("a channel is called markets: and a market's id, events: and an event's, or account: and an account's".to_owned()),
        }
    }
}

impl From<Chronicle> for Channel {
    fn from(chronicle: Chronicle) -> Self {
        match chronicle {
            Chronicle::Account(id) => Self::Account(id),
            Chronicle::Event(id) => Self::Event(id),
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Market(id) => write!(f, "markets:{id}"),
            Self::Event(id) => write!(f, "events:{id}"),
            Self::Account(id) => write!(f, "account:{id}"),
        }
    }
}

impl Serialize for Channel {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// A frame as it is sent. Versions carry their place in the channel's order; notices carry the place that the reader is at.
#[derive(Serialize)]
struct Sent<'a, T> {
    channel: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<i64>,
    #[serde(rename = "type")]
    kind: &'a str,
    data: T,
    time: Time,
}

#[derive(Serialize)]
struct MarketData<'a> {
    market_id: MarketId,
    event_id: EventId,
    version: i64,
    status_version: i64,
    status: MarketStatus,
    in_play: bool,
    bet_delay_ms: i64,
    cutoff_at: Option<Time>,
    as_of: Time,
    outcomes: Vec<OutcomeData<'a>>,
}

#[derive(Serialize)]
struct OutcomeData<'a> {
    id: &'a OutcomeId,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<Line>,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<PriceTerms>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decimal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    suspended: Option<SuspensionReason>,
}

#[derive(Serialize)]
struct ConflatedData {
    frames: usize,
}

#[derive(Serialize)]
struct WindowData {
    confirmed_at: Option<Time>,
}

#[derive(Serialize)]
struct PresenceData {
    event_id: EventId,
    count: u64,
}

#[derive(Serialize)]
struct Nothing {}

#[derive(Serialize)]
struct ErrorData<'a> {
    code: &'a str,
    detail: &'a str,
}

/// A market's version as text. Its time is when its prices were set, so that whoever sends it sends the same bytes.
pub fn frame_text(kind: FrameKind, frame: &Frame) -> String {
    let snapshot = &frame.snapshot;
    let kind = match kind {
        FrameKind::Snapshot => "snapshot",
        FrameKind::Update => "update",
        FrameKind::Reset => "reset",
    };
    let channel = Channel::Market(snapshot.market_id);
    text(channel, Some(&frame.position), kind, market_data(snapshot), snapshot.as_of)
}

/// That so many frames were passed over, the last of them at that place. It is no part of the channel's order.
pub fn conflated_text(market_id: MarketId, at: &Position, frames: usize, now: Timestamp) -> String {
    text(Channel::Market(market_id), Some(at), "conflated", ConflatedData { frames }, now)
}

/// That prices may not be sold any more, or may again. It is no part of the channel's order.
pub fn window_text(
    market_id: MarketId,
    at: Option<&Position>,
    sellable: bool,
    confirmed_at: Option<Timestamp>,
    now: Timestamp,
) -> String {
    let data = WindowData { confirmed_at: confirmed_at.map(Time) };
    text(Channel::Market(market_id), at, if sellable { "fresh" } else { "stale" }, data, now)
}

/// How many users are present at an event now.
pub fn presence_text(event_id: EventId, count: u64, now: Timestamp) -> String {
    text(Channel::Event(event_id), None, "presence", PresenceData { event_id, count }, now)
}

/// That a channel is followed from now on, or no more.
pub fn followed_text(channel: Channel, follows: bool, now: Timestamp) -> String {
    text(channel, None, if follows { "subscribed" } else { "unsubscribed" }, Nothing {}, now)
}

/// That something about a channel was refused.
pub fn error_text(channel: &str, code: &str, detail: &str, now: Timestamp) -> String {
    text_of(&Sent {
        channel,
        epoch: None,
        seq: None,
        kind: "error",
        data: ErrorData { code, detail },
        time: Time(now),
    })
}

fn text<T: Serialize>(
    channel: Channel,
    at: Option<&Position>,
    kind: &str,
    data: T,
    time: Timestamp,
) -> String {
    let (epoch, seq) = (at.map(|at| &*at.epoch), at.map(|at| at.seq));
    text_of(&Sent { channel: &channel.to_string(), epoch, seq, kind, data, time: Time(time) })
}

/// Nothing in a frame can fail to be JSON; should it, the reader sees an empty object rather than the server a panic.
fn text_of(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| {
        tracing::error!(%error, "a frame has no JSON form");
        "{}".to_owned()
    })
}

fn market_data(snapshot: &Snapshot) -> MarketData<'_> {
    let priced = snapshot.prices.iter().map(|(id, quote)| OutcomeData {
        id,
        line: quote.line,
        price: Some(quote.price.into()),
        decimal: Some(quote.price.decimal()),
        suspended: None,
    });
    let suspended = snapshot.suspensions.iter().map(|one| OutcomeData {
        id: &one.outcome_id,
        line: None,
        price: None,
        decimal: None,
        suspended: Some(one.reason.into()),
    });
    MarketData {
        market_id: snapshot.market_id,
        event_id: snapshot.event_id,
        version: snapshot.version,
        status_version: snapshot.status_version,
        status: snapshot.status.into(),
        in_play: snapshot.in_play,
        bet_delay_ms: snapshot.bet_delay_ms,
        cutoff_at: snapshot.cutoff_at.map(Time),
        as_of: Time(snapshot.as_of),
        outcomes: priced.chain(suspended).collect(),
    }
}
