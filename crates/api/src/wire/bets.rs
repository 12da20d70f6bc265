//! Bets on the wire.

use super::input::{Amount, Attrs, Version};
use super::names::{BetAcceptance, BetKind, BetResult, BetStatus, FillMode, LegType, VoidFactor, VoidPolicy};
use super::{PriceTerms, Time, schema};
use overround_app::{BetReceipt, BetView, LegReceipt};
use overround_domain::betting::{Fraction, LegRequest, LegResult, PlaceBet as Command, PricePolicy};
use overround_domain::ids::{AccountId, BetId, EventId, LegId, MarketId, OutcomeId};
use overround_domain::markets::Line;
use overround_domain::money::{Cents, Currency};
use overround_domain::odds::Price;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A bet to place.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "stake_cents": 500, "currency": "EUR", "price_policy": "NONE", "confirm_duplicate": false,
    "legs": [{
        "market_id": "mkt_1C4KqX7YvQe3Jm9TzR5bNd", "outcome_id": "out_1C4KqX7YvQe3Jm9TzR5bNd",
        "price": {"num": 21, "den": 11}, "market_version": 17
    }]
}))]
pub struct PlaceBet {
    /// The stake in minor units.
    #[schema(value_type = i64, minimum = 1, maximum = 9_007_199_254_740_991_i64, example = 500)]
    pub stake_cents: Amount,
    /// What becomes of a stake above the largest that may be taken: `NORMAL` refuses the bet, `FILL_AND_KILL` stakes
    /// so much of it as may be, if that is at least the least stake; the receipt says how much.
    #[serde(default = "all_or_nothing")]
    #[schema(default = "NORMAL")]
    pub fill: FillMode,
    /// The account's currency.
    #[schema(value_type = String, pattern = "^[A-Z]{3}$", example = "EUR")]
    pub currency: Currency,
    /// Which moves of the price are taken: `NONE` (not a worse nor a better one), `HIGHER`, `ANY`, or
    /// `WITHIN_` and the percentage by which it may fall.
    #[serde(default = "no_move")]
    #[schema(value_type = String, default = "NONE", example = "WITHIN_5",
        pattern = "^(NONE|HIGHER|ANY|WITHIN_(0|[1-9][0-9]?|100))$")]
    pub price_policy: PricePolicy,
    /// Places the bet though the same one was placed moments ago under another key.
    #[serde(default)]
    pub confirm_duplicate: bool,
    /// One leg for a single, more for a parlay.
    #[serde(deserialize_with = "some_legs")]
    #[schema(min_items = 1)]
    pub legs: Vec<Leg>,
}

fn all_or_nothing() -> FillMode {
    FillMode::Normal
}

fn no_move() -> PricePolicy {
    PricePolicy::None
}

fn some_legs<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Leg>, D::Error> {
    let legs = Vec::<Leg>::deserialize(d)?;
    if legs.is_empty() {
        return Err(serde::de::Error::custom("a bet has at least one leg"));
    }
    Ok(legs)
}

/// One selection of a bet.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LegRequest)]
pub struct Leg {
    /// The market.
    #[schema(value_type = schema::MarketId)]
    pub market_id: MarketId,
    /// The outcome of that market.
    #[schema(value_type = schema::OutcomeId)]
    pub outcome_id: OutcomeId,
    /// The price that the player saw.
    #[serde(deserialize_with = "exact_price")]
    #[schema(value_type = PriceTerms)]
    pub price: Price,
    /// The handicap or total that the player saw, on line markets.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = r"^-?[0-9]{1,5}(\.(25|5|75))?$", example = "-0.25")]
    pub line: Option<Line>,
    /// The market's version that the player saw.
    #[schema(value_type = i64, minimum = 1, maximum = 9_007_199_254_740_991_i64, example = 17)]
    pub market_version: Version,
    /// The kind of selection.
    #[serde(default = "straight")]
    #[schema(default = "STRAIGHT")]
    pub leg_type: LegType,
    /// What the client wants to keep with the leg: a JSON object of at most 1024 bytes.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub attrs: Attrs,
}

fn straight() -> LegType {
    LegType::Straight
}

fn exact_price<'de, D: Deserializer<'de>>(d: D) -> Result<Price, D::Error> {
    let terms = PriceTerms::deserialize(d)?;
    Price::new(terms.num, terms.den).map_err(serde::de::Error::custom)
}

impl From<PlaceBet> for Command {
    fn from(body: PlaceBet) -> Self {
        Self {
            stake: body.stake_cents.0,
            fill: body.fill.into(),
            currency: body.currency,
            price_policy: body.price_policy,
            confirm_duplicate: body.confirm_duplicate,
            legs: body.legs.into_iter().map(LegRequest::from).collect(),
        }
    }
}

impl From<Leg> for LegRequest {
    fn from(leg: Leg) -> Self {
        Self {
            market_id: leg.market_id,
            outcome_id: leg.outcome_id,
            price: leg.price,
            line: leg.line,
            market_version: leg.market_version.0,
            leg_type: leg.leg_type.into(),
            attrs: leg.attrs.0,
        }
    }
}

/// The receipt of an accepted bet: what was frozen, which never changes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BetReceipt)]
pub struct Receipt {
    /// What was frozen.
    #[serde(flatten)]
    pub terms: BetTerms,
    /// Always ACCEPTED on a receipt.
    pub acceptance: BetAcceptance,
    /// The legs by position.
    pub legs: Vec<ReceiptLeg>,
}

/// What a bet was accepted under.
#[derive(Debug, Serialize, ToSchema)]
pub struct BetTerms {
    /// The bet.
    #[schema(value_type = schema::BetId)]
    pub id: BetId,
    /// The account that placed it.
    #[schema(value_type = schema::AccountId)]
    pub account_id: AccountId,
    /// When it was accepted.
    pub accepted_at: Time,
    /// Single or parlay.
    pub kind: BetKind,
    /// The stake in minor units: what was taken of what was asked for.
    #[schema(example = 500)]
    pub stake_cents: i64,
    /// The stake that was asked for, where less was taken (`FILL_AND_KILL`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 800, nullable = false)]
    pub requested_stake_cents: Option<i64>,
    /// The currency.
    #[schema(value_type = String, example = "EUR")]
    pub currency: Currency,
    /// The return if every leg wins, in minor units.
    #[schema(example = 954)]
    pub potential_payout_cents: i64,
    /// Which moves of the price were allowed.
    #[schema(value_type = String, example = "NONE")]
    pub price_policy: PricePolicy,
    /// What a void leg does to the bet.
    pub void_policy: VoidPolicy,
    /// The betting rules it was taken under.
    #[schema(example = 1)]
    pub rules_version: i32,
    /// The in-play delay of its markets, in milliseconds.
    #[schema(example = 0)]
    pub bet_delay_ms: i64,
}

/// One leg as it was accepted.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReceiptLeg {
    /// The leg.
    #[schema(value_type = schema::LegId)]
    pub id: LegId,
    /// Its place in the bet, from 0.
    pub position: i16,
    /// The event.
    #[schema(value_type = schema::EventId)]
    pub event_id: EventId,
    /// The market.
    #[schema(value_type = schema::MarketId)]
    pub market_id: MarketId,
    /// The outcome.
    #[schema(value_type = schema::OutcomeId)]
    pub outcome_id: OutcomeId,
    /// The price it was taken at.
    pub price: PriceTerms,
    /// The handicap or total, on line markets.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "-0.25", nullable = false)]
    pub line: Option<Line>,
    /// The market's version that the price is of.
    pub market_version: i64,
    /// The kind of selection.
    pub leg_type: LegType,
    /// What the client attached.
    #[schema(value_type = Object)]
    pub attrs: Map<String, Value>,
}

/// A bet as it stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct Bet {
    /// What was frozen when it was accepted.
    #[serde(flatten)]
    pub terms: BetTerms,
    /// Whether it was accepted.
    pub acceptance: BetAcceptance,
    /// Whether it is open.
    pub status: BetStatus,
    /// How it ended; null while it is open or void.
    pub result: Option<BetResult>,
    /// Paid back so far, in minor units.
    #[schema(example = 954)]
    pub return_cents: i64,
    /// When it was last settled.
    pub settled_at: Option<Time>,
    /// When it was placed.
    pub created_at: Time,
    /// The legs by position.
    pub legs: Vec<BetLeg>,
}

/// One leg as it stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct BetLeg {
    /// The leg as it was accepted.
    #[serde(flatten)]
    pub leg: ReceiptLeg,
    /// Its result; null while it is open.
    pub result: Option<LegOutcome>,
}

/// How a leg ended: its return on one unit is void + (1 - void) * won * dead_heat * price.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LegResult)]
pub struct LegOutcome {
    /// Whether the part that is not void won.
    pub won: bool,
    /// The part that is void.
    pub void: VoidFactor,
    /// The share of a dead heat; 1/1 without one.
    pub dead_heat: FractionTerms,
    /// Why it is void, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "NON_RUNNER", nullable = false)]
    pub void_reason: Option<String>,
}

/// A fraction of at most 1.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Fraction, example = json!({"num": 1, "den": 2}))]
pub struct FractionTerms {
    /// Numerator.
    #[schema(minimum = 0)]
    pub num: u32,
    /// Denominator.
    #[schema(minimum = 1)]
    pub den: u32,
}

impl From<Fraction> for FractionTerms {
    fn from(fraction: Fraction) -> Self {
        Self { num: fraction.num(), den: fraction.den() }
    }
}

impl From<BetReceipt> for Receipt {
    fn from(receipt: BetReceipt) -> Self {
        let (terms, legs) = split(receipt);
        Self { terms, acceptance: BetAcceptance::Accepted, legs }
    }
}

impl From<BetView> for Bet {
    fn from(view: BetView) -> Self {
        let (terms, legs) = split(view.receipt);
        let results = view.leg_results.into_iter().chain(std::iter::repeat(None));
        Self {
            terms,
            acceptance: view.acceptance.into(),
            status: view.status.into(),
            result: view.result.map(Into::into),
            return_cents: view.returned.get(),
            settled_at: view.settled_at.map(Time),
            created_at: view.created_at.into(),
            legs: legs
                .into_iter()
                .zip(results)
                .map(|(leg, result)| BetLeg { leg, result: result.map(Into::into) })
                .collect(),
        }
    }
}

fn split(receipt: BetReceipt) -> (BetTerms, Vec<ReceiptLeg>) {
    let terms = BetTerms {
        id: receipt.id,
        account_id: receipt.account_id,
        accepted_at: receipt.accepted_at.into(),
        kind: receipt.kind.into(),
        stake_cents: receipt.stake.get(),
        requested_stake_cents: receipt.requested_stake.map(Cents::get),
        currency: receipt.currency,
        potential_payout_cents: receipt.potential_payout.get(),
        price_policy: receipt.price_policy,
        void_policy: receipt.void_policy.into(),
        rules_version: receipt.rules_version,
        bet_delay_ms: receipt.bet_delay_ms,
    };
    (terms, receipt.legs.into_iter().map(Into::into).collect())
}

impl From<LegReceipt> for ReceiptLeg {
    fn from(leg: LegReceipt) -> Self {
        Self {
            id: leg.id,
            position: leg.position,
            event_id: leg.event_id,
            market_id: leg.market_id,
            outcome_id: leg.outcome_id,
            price: leg.price.into(),
            line: leg.line,
            market_version: leg.market_version,
            leg_type: leg.leg_type.into(),
            attrs: leg.attrs,
        }
    }
}

impl From<LegResult> for LegOutcome {
    fn from(result: LegResult) -> Self {
        Self {
            won: result.won,
            void: result.void.into(),
            dead_heat: result.dead_heat.into(),
            void_reason: result.void_reason,
        }
    }
}
