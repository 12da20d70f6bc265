//! The messages as they stand on the wire. Unknown fields are ignored: recorders add their own. So is
//! much that is missing, null or out of range, where there is one safe way to read it: what cannot be
//! told is not sold.

use super::lenient::{Count, present, readable};
use crate::decimal::Decimal;
use serde::Deserialize;
use std::collections::HashMap;

/// The last instant taken for real, in milliseconds: in the year 5138. Numbers of up to fourteen digits
/// are spelled out by everything that they pass through, Redis's Lua included.
const PUBLISH_TIME_MAX: i64 = 99_999_999_999_999;
/// The longest delay taken for real, in seconds.
const BET_DELAY_S_MAX: u32 = 86_400;
/// The most winners taken for real.
const WINNERS_MAX: u32 = 65_535;
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
    /// Where the stream stands: what a subscription resumes with.
    #[serde(default, deserialize_with = "readable")]
    pub(super) initial_clk: Option<String>,
    #[serde(default, deserialize_with = "readable")]
    pub(super) clk: Option<String>,
    /// The heartbeat that the source keeps to, said with an image.
    #[serde(default, deserialize_with = "readable")]
    pub(super) heartbeat_ms: Option<Count>,
    #[serde(default, deserialize_with = "present")]
    mc: Vec<Change>,
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
    /// All markets of the subscription, whole.
    SubImage,
    /// What changed since the place that a subscription resumed from.
    ResubDelta,
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
    #[serde(other)]
    Whole,
}

/// What happened to one market.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Change {
    pub(super) id: String,
    img: Option<bool>,
    pub(super) market_definition: Option<Box<Definition>>,
    #[serde(default, deserialize_with = "present")]
    rc: Vec<RunnerChange>,
}

/// What happened to one runner's prices.
#[derive(Debug, Deserialize)]
pub(super) struct RunnerChange {
    pub(super) id: i64,
    hc: Option<Decimal>,
    pub(super) ltp: Option<Decimal>,
    #[serde(default, deserialize_with = "present")]
    pub(super) atb: Vec<(Decimal, Decimal)>,
    #[serde(default, deserialize_with = "present")]
    pub(super) bdatb: Vec<(Decimal, Decimal, Decimal)>,
    #[serde(default, deserialize_with = "present")]
    pub(super) batb: Vec<(Decimal, Decimal, Decimal)>,
    #[serde(default, deserialize_with = "present")]
    atl: Vec<(Decimal, Decimal)>,
    #[serde(default, deserialize_with = "present")]
    bdatl: Vec<(Decimal, Decimal, Decimal)>,
    #[serde(default, deserialize_with = "present")]
    batl: Vec<(Decimal, Decimal, Decimal)>,
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
    status: Option<StatusText>,
    in_play: Option<bool>,
    bet_delay: Option<Count>,
    number_of_winners: Option<Count>,
    price_ladder_definition: Option<Ladder>,
    #[serde(default, deserialize_with = "present")]
    pub(super) runners: Vec<Runner>,
}

/// The status of a market. What is not known, or not given, is taken as suspended.
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

#[derive(Debug, Clone, Deserialize)]
struct Ladder {
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// A runner as its market's definition lists it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Runner {
    pub(super) id: i64,
    hc: Option<Decimal>,
    status: Option<RunnerStatus>,
    sort_priority: Option<Count>,
    pub(super) name: Option<String>,
}

/// The status of a runner. What is not known, or not given, is taken as hidden: listed, without a price.
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
        for change in &message.mc {
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

    /// Whether it is the image of a subscription: all its markets, whole.
    pub(super) fn is_subscription_image(&self) -> bool {
        self.ct == Some(ChangeType::SubImage)
    }

    /// Whether it has what was missed while a subscription was cut.
    pub(super) fn is_resumption(&self) -> bool {
        self.ct == Some(ChangeType::ResubDelta)
    }

    /// Whether it says that the stream's contents are late.
    pub(super) fn is_late(&self) -> bool {
        self.status == Some(STATUS_LATE)
    }

    /// Takes its changes out of it.
    pub(super) fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.mc)
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

    /// Makes it one that replaces what is known.
    pub(super) fn mark_as_image(&mut self) {
        self.img = Some(true);
    }

    /// The changes of its runners.
    pub(super) fn runners(&self) -> &[RunnerChange] {
        &self.rc
    }
}

impl RunnerChange {
    /// The runner it is about.
    pub(super) fn key(&self) -> RunnerKey {
        RunnerKey { selection: self.id, handicap: self.hc.unwrap_or_default() }
    }

    /// Whether it carries an entry of any order book, on either side.
    pub(super) fn has_book(&self) -> bool {
        let levels = [&self.bdatb, &self.batb, &self.bdatl, &self.batl];
        !self.atb.is_empty() || !self.atl.is_empty() || levels.iter().any(|ladder| !ladder.is_empty())
    }
}

impl Definition {
    pub(super) fn status(&self) -> StatusText {
        self.status.unwrap_or(StatusText::Suspended)
    }

    /// Takes over what the definition before it said and it leaves out. A list of no runners says
    /// nothing of the runners: that all are gone is what their statuses, or the market's, would say.
    pub(super) fn inherit(&mut self, known: &Self) {
        fn fill<T: Clone>(now: &mut Option<T>, known: &Option<T>) {
            if now.is_none() {
                now.clone_from(known);
            }
        }
        fill(&mut self.event_id, &known.event_id);
        fill(&mut self.event_type_id, &known.event_type_id);
        fill(&mut self.event_name, &known.event_name);
        fill(&mut self.name, &known.name);
        fill(&mut self.market_type, &known.market_type);
        fill(&mut self.betting_type, &known.betting_type);
        fill(&mut self.number_of_winners, &known.number_of_winners);
        fill(&mut self.price_ladder_definition, &known.price_ladder_definition);
        if self.runners.is_empty() {
            self.runners.clone_from(&known.runners);
        }
        let names: HashMap<RunnerKey, &String> =
            known.runners.iter().filter_map(|runner| Some((runner.key(), runner.name.as_ref()?))).collect();
        for runner in &mut self.runners {
            if runner.name.is_none() {
                runner.name = names.get(&runner.key()).map(|name| (*name).clone());
            }
        }
    }

    pub(super) fn betting_type(&self) -> BettingType {
        self.betting_type.unwrap_or(BettingType::Odds)
    }

    pub(super) fn in_play(&self) -> bool {
        self.in_play == Some(true)
    }

    /// The delay of a bet in play, in milliseconds.
    pub(super) fn bet_delay_ms(&self) -> i64 {
        i64::from(self.bet_delay.map_or(0, |delay| delay.0.min(BET_DELAY_S_MAX))) * 1000
    }

    pub(super) fn number_of_winners(&self) -> u32 {
        self.number_of_winners.map_or(1, |winners| winners.0.min(WINNERS_MAX))
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

    pub(super) fn status(&self) -> RunnerStatus {
        self.status.unwrap_or(RunnerStatus::Hidden)
    }

    /// Its place in the order that runners are shown in; those without one come last.
    pub(super) fn sort_priority(&self) -> u32 {
        self.sort_priority.map_or(u32::MAX, |priority| priority.0)
    }

    /// Whether it takes part no more, so that bets on it are void.
    pub(super) fn is_removed(&self) -> bool {
        matches!(self.status(), RunnerStatus::Removed | RunnerStatus::RemovedVacant)
    }
}
