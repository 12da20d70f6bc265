//! Deciding a bet: every rule in its order, the first failure wins (betting rules, "Placement").

use super::checks::{Attempt, CHECKS, Check, Finding, SeenLeg};
use super::{
    BetKind, Cap, CapRoom, CapTake, Factor, LegType, LimitDecision, PlaceBet, PlaceContext, PricePolicy,
    Refusal, RefusalCode, VoidPolicy,
};
use crate::ids::{EventId, MarketId, OutcomeId};
use crate::markets::{Line, Snapshot};
use crate::money::{Cents, Currency};
use crate::odds::Price;
use crate::time::Timestamp;
use serde_json::{Map, Value};

/// A leg as it was accepted: frozen.
#[derive(Debug, Clone, PartialEq)]
pub struct AcceptedLeg {
    /// The event.
    pub event_id: EventId,
    /// The market.
    pub market_id: MarketId,
    /// The outcome.
    pub outcome_id: OutcomeId,
    /// The price it was filled at: the market's at `market_version`.
    pub price: Price,
    /// The handicap or total, on line markets.
    pub line: Option<Line>,
    /// The market's version it was filled at.
    pub market_version: i64,
    /// The market's status version at that.
    pub status_version: i64,
    /// What kind of selection it is.
    pub leg_type: LegType,
    /// What the client attached.
    pub attrs: Map<String, Value>,
}

/// A bet that was accepted: frozen.
#[derive(Debug, Clone, PartialEq)]
pub struct AcceptedBet {
    /// Single or parlay.
    pub kind: BetKind,
    /// The stake in minor units.
    pub stake: Cents,
    /// Its currency.
    pub currency: Currency,
    /// The return if every leg wins, in minor units.
    pub potential_payout: Cents,
    /// Which price moves the player allowed.
    pub price_policy: PricePolicy,
    /// What a void leg does to it.
    pub void_policy: VoidPolicy,
    /// The rules it was taken under.
    pub rules_version: i32,
    /// The longest delay of its markets in play, in milliseconds.
    pub bet_delay_ms: i64,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// How its stake was limited; none where nothing but the house's own numbers limits it, and all of it was taken.
    pub limited: Option<LimitDecision>,
    /// Its legs by position.
    pub legs: Vec<AcceptedLeg>,
}

/// Decides a bet.
///
/// # Errors
/// The first rule it breaks, in the order of [`RefusalCode`]; for each rule, legs by position.
pub fn place(request: &PlaceBet, context: &PlaceContext<'_>) -> Result<AcceptedBet, Refusal> {
    let bet = Attempt::new(request, context);
    match CHECKS.iter().find_map(|(code, check)| refusal(*code, check, &bet)) {
        Some(refusal) => Err(refusal),
        None => accept(&bet),
    }
}

fn refusal(code: RefusalCode, check: &Check, bet: &Attempt<'_>) -> Option<Refusal> {
    let (leg, finding) = match check {
        Check::Bet(check) => (None, check(bet)?),
        Check::Leg(check) => {
            let mut legs = bet.legs.iter().enumerate();
            legs.find_map(|(position, leg)| Some((Some(position), check(leg, bet)?)))?
        }
    };
    let Finding { message, data } = finding;
    Some(Refusal { code, leg, message, data })
}

fn accept(bet: &Attempt<'_>) -> Result<AcceptedBet, Refusal> {
    let Attempt { request, legs, context, .. } = bet;
    // The checks have seen a price on every leg and a payout of the whole; without, nothing is sold.
    let legs_accepted: Option<Vec<AcceptedLeg>> = legs.iter().map(SeenLeg::accepted).collect();
    let not_on_sale = || Refusal::new(RefusalCode::BettingSuspended, "an outcome is not on sale");
    let too_large = || Refusal::new(RefusalCode::MaxPayout, "the potential payout is too large");
    let legs_accepted = legs_accepted.ok_or_else(not_on_sale)?;
    let potential_payout = bet.payout().ok_or_else(too_large)?;
    Ok(AcceptedBet {
        kind: BetKind::of_legs(legs_accepted.len()),
        stake: bet.stake(),
        currency: request.currency,
        potential_payout,
        price_policy: request.price_policy,
        void_policy: VoidPolicy::Leg,
        rules_version: context.rules.rules_version,
        bet_delay_ms: legs.iter().filter_map(|leg| leg.snapshot).map(delay_ms).max().unwrap_or(0),
        accepted_at: context.now,
        limited: limited(bet, potential_payout),
        legs: legs_accepted,
    })
}

/// What is kept of how the stake was limited.
fn limited(bet: &Attempt<'_>, potential_payout: Cents) -> Option<LimitDecision> {
    let (_, ceilings) = bet.offer.as_ref()?;
    let by_limits =
        bet.legs.iter().any(|leg| !leg.limits.limits.is_none() || leg.limits.factor != Factor::ONE);
    let take = |room: &CapRoom| {
        let Cap { id: cap_id, measure, .. } = room.cap;
        CapTake { cap_id, measure, cents: measure.of(bet.stake(), potential_payout) }
    };
    let caps: Vec<CapTake> =
        bet.context.caps.iter().map(take).filter(|take| take.cents > Cents::ZERO).collect();
    let payout_day = bet.context.player.today.map(|today| today.day);
    let by_more = !bet.context.caps.is_empty() || payout_day.is_some();
    (by_limits || by_more || bet.stake() != bet.request.stake).then_some(LimitDecision {
        limits_version: bet.context.limits_version,
        stake_cents_max: ceilings.all(),
        requested_stake_cents: bet.request.stake,
        caps,
        payout_day,
    })
}

/// A market's delay counts only while its event is running.
const fn delay_ms(snapshot: &Snapshot) -> i64 {
    if snapshot.in_play { snapshot.bet_delay_ms } else { 0 }
}

impl SeenLeg<'_> {
    fn accepted(&self) -> Option<AcceptedLeg> {
        let (snapshot, quote) = (self.snapshot?, self.quote?);
        Some(AcceptedLeg {
            event_id: snapshot.event_id,
            market_id: self.request.market_id,
            outcome_id: self.request.outcome_id,
            price: quote.price,
            line: quote.line,
            market_version: snapshot.version,
            status_version: snapshot.status_version,
            leg_type: self.request.leg_type,
            attrs: self.request.attrs.clone(),
        })
    }
}

#[cfg(test)]
mod tests;
