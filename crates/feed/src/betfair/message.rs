//! The messages as they stand on the wire. Unknown fields are ignored: recorders add their own.

use super::decimal::Decimal;
use serde::Deserialize;

/// The last instant taken for real, the end of the year 9999, in milliseconds.
const PUBLISH_TIME_MAX: i64 = 253_402_300_799_999;
/// The longest id taken for one; Betfair's have a dozen characters.
const ID_CHARS_MAX: usize = 100;
/// The status of a message whose contents are late.
const STATUS_LATE: i64 = 503;

/// One line of the stream.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message {
    op: String,
    /// The subscription the message belongs to.
    pub(super) id: Option<i64>,
    /// When it was published, in milliseconds of Unix time.
    pub(super) pt: Option<i64>,
    ct: Option<ChangeType>,
    pub(super) segment_type: Option<SegmentType>,
    status: Option<i64>,
    mc: Option<Vec<Change>>,
}

/// Only what tells one operation from another.
#[derive(Deserialize)]
struct Operation {
    op: String,
}

/// Why a change message was sent; none for an ordinary update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum ChangeType {
    Heartbeat,
    #[serde(other)]
    Other,
}

/// Which part of a segmented message this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum SegmentType {
    #[serde(rename = "SEG_START")]
    Start,
    #[serde(rename = "SEG")]
    Middle,
    #[serde(rename = "SEG_END")]
    End,
    #[serde(rename = "NONE")]
    Whole,
}

/// What happened to one market.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Change {
    pub(super) id: String,
    img: Option<bool>,
    pub(super) market_definition: Option<Box<Definition>>,
    rc: Option<Vec<RunnerChange>>,
}

/// What happened to one runner's prices.
#[derive(Debug, Deserialize)]
pub(super) struct RunnerChange {
    pub(super) id: i64,
    hc: Option<Decimal>,
    pub(super) ltp: Option<Decimal>,
    pub(super) atb: Option<Vec<(Decimal, Decimal)>>,
    pub(super) bdatb: Option<Vec<(Decimal, Decimal, Decimal)>>,
    pub(super) batb: Option<Vec<(Decimal, Decimal, Decimal)>>,
    atl: Option<Vec<(Decimal, Decimal)>>,
    bdatl: Option<Vec<(Decimal, Decimal, Decimal)>>,
    batl: Option<Vec<(Decimal, Decimal, Decimal)>>,
}

/// A market as its source describes it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Definition {
    pub(super) event_id: Option<String>,
    pub(super) event_type_id: Option<String>,
    pub(super) event_name: Option<String>,
    pub(super) name: Option<String>,
    pub(super) market_type: Option<String>,
    betting_type: Option<BettingType>,
    pub(super) market_time: Option<String>,
    pub(super) open_date: Option<String>,
    pub(super) venue: Option<String>,
    pub(super) status: StatusText,
    in_play: Option<bool>,
    bet_delay: Option<u32>,
    number_of_winners: Option<u16>,
    price_ladder_definition: Option<Ladder>,
    #[serde(default)]
    pub(super) runners: Vec<Runner>,
}

/// The status of a market. What is not known is taken as suspended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum StatusText {
    Inactive,
    Open,
    Closed,
    #[serde(other)]
    Suspended,
}

/// How a market is bet on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum BettingType {
    AsianHandicapDoubleLine,
    AsianHandicapSingleLine,
    /// The "price" is a line, such as a number of runs, and every bet is at evens.
    Line,
    #[serde(other)]
    Odds,
}

#[derive(Debug, Deserialize)]
struct Ladder {
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// A runner as its market's definition lists it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Runner {
    pub(super) id: i64,
    hc: Option<Decimal>,
    pub(super) status: RunnerStatus,
    pub(super) sort_priority: Option<u32>,
    pub(super) name: Option<String>,
}

/// The status of a runner. What is not known is taken as hidden: listed, without a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum RunnerStatus {
    Active,
    Winner,
    Loser,
    Placed,
    Removed,
    RemovedVacant,
    #[serde(other)]
    Hidden,
}

/// A runner's name within its market: selection and handicap (0 where there is none).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct RunnerKey {
    pub(super) selection: i64,
    pub(super) handicap: Decimal,
}

impl Message {
    /// Reads one line. None for an operation that carries no market data (connection, status, orders).
    pub(super) fn parse(line: &str) -> Result<Option<Self>, String> {
        let message = match serde_json::from_str::<Self>(line) {
            Ok(message) => message,
            // Another operation may use the same field names for something else.
            Err(error) => match serde_json::from_str::<Operation>(line) {
                Ok(operation) if operation.op != "mcm" => return Ok(None),
                _ => return Err(error.to_string()),
            },
        };
        if message.op != "mcm" {
            return Ok(None);
        }
        if let Some(pt) = message.pt.filter(|pt| !(0..=PUBLISH_TIME_MAX).contains(pt)) {
            return Err(format!("its pt {pt} is not an instant in milliseconds"));
        }
        for change in message.mc.iter().flatten() {
            let event_id =
                change.market_definition.as_ref().and_then(|definition| definition.event_id.as_ref());
            if let Some(id) = [Some(&change.id), event_id].into_iter().flatten().find(|id| !is_id(id)) {
                return Err(format!("{:?} is not an id", id.chars().take(40).collect::<String>()));
            }
        }
        Ok(Some(message))
    }

    /// Whether it only says that the stream is alive.
    pub(super) fn is_heartbeat(&self) -> bool {
        self.ct == Some(ChangeType::Heartbeat)
    }

    /// Whether it says that the stream's contents are late.
    pub(super) fn is_late(&self) -> bool {
        self.status == Some(STATUS_LATE)
    }

    /// Takes its changes out of it.
    pub(super) fn take_changes(&mut self) -> Vec<Change> {
        self.mc.take().unwrap_or_default()
    }
}

/// Ids are kept and shown: they are short and printable.
fn is_id(text: &str) -> bool {
    (1..=ID_CHARS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

impl Change {
    /// Whether it replaces what is known of the market's prices.
    pub(super) fn is_image(&self) -> bool {
        self.img == Some(true)
    }

    /// The changes of its runners.
    pub(super) fn runners(&self) -> &[RunnerChange] {
        self.rc.as_deref().unwrap_or_default()
    }
}

impl RunnerChange {
    /// The runner it is about.
    pub(super) fn key(&self) -> RunnerKey {
        RunnerKey { selection: self.id, handicap: self.hc.unwrap_or_default() }
    }

    /// Whether it carries an entry of any order book, on either side.
    pub(super) fn has_book(&self) -> bool {
        let pairs = [&self.atb, &self.atl];
        let levels = [&self.bdatb, &self.batb, &self.bdatl, &self.batl];
        pairs.iter().any(|ladder| ladder.as_ref().is_some_and(|entries| !entries.is_empty()))
            || levels.iter().any(|ladder| ladder.as_ref().is_some_and(|entries| !entries.is_empty()))
    }
}

impl Definition {
    pub(super) fn betting_type(&self) -> BettingType {
        self.betting_type.unwrap_or(BettingType::Odds)
    }

    pub(super) fn in_play(&self) -> bool {
        self.in_play == Some(true)
    }

    /// The delay of a bet in play, in milliseconds.
    pub(super) fn bet_delay_ms(&self) -> i64 {
        i64::from(self.bet_delay.unwrap_or(0)) * 1000
    }

    pub(super) fn number_of_winners(&self) -> u32 {
        self.number_of_winners.map_or(1, u32::from)
    }

    /// Whether its "prices" are prices, and not lines that are bet on at evens.
    pub(super) fn has_prices(&self) -> bool {
        let ladder = self.price_ladder_definition.as_ref().and_then(|ladder| ladder.kind.as_deref());
        self.betting_type() != BettingType::Line && ladder != Some("LINE_RANGE")
    }
}

impl Runner {
    /// The runner's key.
    pub(super) fn key(&self) -> RunnerKey {
        RunnerKey { selection: self.id, handicap: self.hc.unwrap_or_default() }
    }

    /// Whether it takes part no more, so that bets on it are void.
    pub(super) fn is_removed(&self) -> bool {
        matches!(self.status, RunnerStatus::Removed | RunnerStatus::RemovedVacant)
    }
}
