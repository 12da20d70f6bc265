//! What traders do beyond one market, on the wire.

use super::input::Reason;
use super::names::{HoldKind, MarginMethod, ScopeKind};
use super::{PriceTerms, Time, schema};
use overround_app::{GroupAction as Done, HoldView};
use overround_domain::ids::{EventId, MarketId, OutcomeId};
use overround_domain::markets::{Group, Margin, MarginBps, Scope};
use overround_domain::odds::{LadderPrice, Price};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// The most characters of a sport.
const SPORT_LEN_MAX: usize = 100;

/// A sport, in a path or a body: a lower-case word.
#[derive(Debug, Clone, Serialize)]
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

/// Prices by hand.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"outcomes": [
    {"outcome_id": "out_1C4KqX7YvQe3Jm9TzR5bNd", "price": {"num": 21, "den": 10}}
], "reason": "the source lags"}))]
pub struct SetPrices {
    /// The outcomes, each with its price.
    #[serde(deserialize_with = "each_once")]
    #[schema(value_type = Vec<OutcomePrice>, min_items = 1)]
    pub outcomes: BTreeMap<OutcomeId, LadderPrice>,
    /// Why, for the records.
    #[schema(value_type = String, min_length = 1, max_length = 500, pattern = r"^[ -~]*[!-~][ -~]*$")]
    pub reason: Reason,
}

/// The price of one outcome by hand.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OutcomePrice {
    /// The outcome.
    #[schema(value_type = schema::OutcomeId)]
    pub outcome_id: OutcomeId,
    /// Its price, one of the ladder from 1.01 to 1000.
    #[serde(deserialize_with = "on_the_ladder")]
    #[schema(value_type = PriceTerms)]
    pub price: LadderPrice,
}

/// Prices by hand that are let go.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "the source is back"}))]
pub struct ReleasePrices {
    /// The outcomes; all that have one where this is left out.
    #[serde(default, deserialize_with = "some_outcomes")]
    #[schema(value_type = Option<Vec<schema::OutcomeId>>, min_items = 1, nullable = false)]
    pub outcomes: Option<BTreeSet<OutcomeId>>,
    /// Why, for the records.
    #[schema(value_type = String, min_length = 1, max_length = 500, pattern = r"^[ -~]*[!-~][ -~]*$")]
    pub reason: Reason,
}

fn on_the_ladder<'de, D: Deserializer<'de>>(d: D) -> Result<LadderPrice, D::Error> {
    let terms = PriceTerms::deserialize(d)?;
    let price = Price::new(terms.num, terms.den).map_err(serde::de::Error::custom)?;
    price.try_into().map_err(serde::de::Error::custom)
}

fn each_once<'de, D: Deserializer<'de>>(d: D) -> Result<BTreeMap<OutcomeId, LadderPrice>, D::Error> {
    let mut prices = BTreeMap::new();
    for OutcomePrice { outcome_id, price } in Vec::<OutcomePrice>::deserialize(d)? {
        if prices.insert(outcome_id, price).is_some() {
            return Err(serde::de::Error::custom(format!("{outcome_id} is named twice")));
        }
    }
    if prices.is_empty() {
        return Err(serde::de::Error::custom("at least one outcome is named"));
    }
    Ok(prices)
}

fn some_outcomes<'de, D: Deserializer<'de>>(d: D) -> Result<Option<BTreeSet<OutcomeId>>, D::Error> {
    let outcomes = BTreeSet::deserialize(d)?;
    if outcomes.is_empty() {
        return Err(serde::de::Error::custom("at least one outcome is named, or the field left out for all"));
    }
    Ok(Some(outcomes))
}

/// What is held: an outcome, a market, or many.
#[derive(Debug, Serialize, ToSchema)]
pub struct Hold {
    /// How much it covers.
    pub scope: ScopeKind,
    /// The market, also of an outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::MarketId>, nullable = false)]
    pub market_id: Option<MarketId>,
    /// The outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::OutcomeId>, nullable = false)]
    pub outcome_id: Option<OutcomeId>,
    /// The event.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::EventId>, nullable = false)]
    pub event_id: Option<EventId>,
    /// The sport.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "tennis", nullable = false)]
    pub sport: Option<String>,
    /// The producer of market data.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "betfair", nullable = false)]
    pub producer: Option<String>,
    /// What it keeps its markets at.
    pub kind: HoldKind,
    /// Who did it: a user, or `house`.
    #[schema(example = "usr_1C4KqX7YvQe3Jm9TzR5bNd")]
    pub actor: String,
    /// Why.
    #[schema(example = "injury on the court")]
    pub reason: String,
    /// When.
    pub changed_at: Time,
}

impl From<HoldView> for Hold {
    fn from(hold: HoldView) -> Self {
        let mut shown = Self {
            scope: hold.scope.kind().into(),
            market_id: None,
            outcome_id: None,
            event_id: None,
            sport: None,
            producer: None,
            kind: hold.kind.into(),
            actor: hold.actor,
            reason: hold.reason,
            changed_at: hold.changed_at.into(),
        };
        match hold.scope {
            Scope::Outcome(market, outcome) => {
                (shown.market_id, shown.outcome_id) = (Some(market), Some(outcome));
            }
            Scope::Market(market) => shown.market_id = Some(market),
            Scope::Group(Group::Event(event)) => shown.event_id = Some(event),
            Scope::Group(Group::Sport(sport)) => shown.sport = Some(sport),
            Scope::Group(Group::Producer(producer)) => shown.producer = Some(producer),
            Scope::Group(Group::All) => {}
        }
        shown
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
            // Nobody acts on a producer's markets by hand.
            Group::Producer(_) | Group::All => (None, None),
        };
        let (version, changed_at) = (done.version, done.changed_at.into());
        Self { event_id, sport, suspended: done.held, version, changed_at }
    }
}
