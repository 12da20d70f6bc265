//! The rules that a bet is checked against, in one table: the order of [`CHECKS`] is the order of the
//! checks, and a test holds it to the order of [`RefusalCode`].

use super::limits::{Ceilings, house_stake, largest_paying, largest_stake};
use super::product::Product;
use super::{
    CapLevel, Factor, Fence, FillMode, LEGS_MAX, LegLimits, LegRequest, LegType, PlaceBet, PlaceContext,
    RefusalCode, RefusalData,
};
use crate::ids::OutcomeId;
use crate::markets::{MarketStatus, Quote, Snapshot, SuspensionReason};
use crate::money::Cents;
use crate::wallet::AccountStatus;

/// A leg beside what is known of its market.
pub(super) struct SeenLeg<'a> {
    pub(super) request: &'a LegRequest,
    pub(super) fence: Option<Fence>,
    pub(super) snapshot: Option<&'a Snapshot>,
    /// The outcome's price on offer; there on every leg that passed BETTING_SUSPENDED.
    pub(super) quote: Option<&'a Quote>,
    pub(super) limits: LegLimits,
}

/// A bet as it is checked.
pub(super) struct Attempt<'a> {
    pub(super) request: &'a PlaceBet,
    pub(super) legs: Vec<SeenLeg<'a>>,
    /// The product of the prices on offer, and what may be staked at it; there once every leg passed
    /// BETTING_SUSPENDED.
    pub(super) offer: Option<(Product, Ceilings)>,
    pub(super) context: &'a PlaceContext<'a>,
}

/// What broke a rule, for the refusal.
pub(super) struct Finding {
    pub(super) message: String,
    pub(super) data: RefusalData,
}

type BetCheck = fn(&Attempt<'_>) -> Option<Finding>;
type LegCheck = fn(&SeenLeg<'_>, &Attempt<'_>) -> Option<Finding>;

/// A rule on the bet as a whole, or on each of its legs by position.
pub(super) enum Check {
    Bet(BetCheck),
    Leg(LegCheck),
}

/// Every rule that is checked here, in its order. Idempotency comes before (the use case's), and the
/// codes that are missing belong to checks whose inputs do not exist yet.
pub(super) const CHECKS: &[(RefusalCode, Check)] = &[
    (RefusalCode::DuplicatedRequest, Check::Bet(duplicated)),
    (RefusalCode::AccountClosed, Check::Bet(account_closed)),
    (RefusalCode::AccountFrozen, Check::Bet(account_frozen)),
    (RefusalCode::UnknownMarket, Check::Bet(no_legs)),
    (RefusalCode::UnknownMarket, Check::Leg(unknown_market)),
    (RefusalCode::UnknownOutcome, Check::Leg(unknown_outcome)),
    (RefusalCode::OutcomeRemoved, Check::Leg(outcome_removed)),
    (RefusalCode::OfflineEvent, Check::Leg(offline_event)),
    (RefusalCode::MarketClosed, Check::Leg(market_closed)),
    (RefusalCode::PastCutoff, Check::Leg(past_cutoff)),
    (RefusalCode::BettingSuspended, Check::Leg(betting_suspended)),
    (RefusalCode::StalePrice, Check::Leg(stale_price)),
    (RefusalCode::LineChanged, Check::Leg(line_changed)),
    (RefusalCode::PriceChanged, Check::Leg(price_changed)),
    (RefusalCode::PriceChanged, Check::Bet(total_price_changed)),
    (RefusalCode::Correlated, Check::Leg(correlated)),
    (RefusalCode::TooManyLegs, Check::Bet(too_many_legs)),
    (RefusalCode::LegTypeNotAllowed, Check::Leg(leg_type_not_allowed)),
    (RefusalCode::CurrencyMismatch, Check::Bet(currency_mismatch)),
    (RefusalCode::BelowMin, Check::Bet(below_min)),
    (RefusalCode::AboveEventMax, Check::Bet(above_event_max)),
    (RefusalCode::AboveMax, Check::Bet(above_max)),
    (RefusalCode::CombinationMax, Check::Bet(combination_max)),
    (RefusalCode::MaxPayout, Check::Bet(max_payout)),
    (RefusalCode::InsufficientFunds, Check::Bet(insufficient_funds)),
];

impl<'a> Attempt<'a> {
    pub(super) fn new(request: &'a PlaceBet, context: &'a PlaceContext<'a>) -> Self {
        let legs: Vec<SeenLeg<'a>> = request.legs.iter().map(|leg| SeenLeg::new(leg, context)).collect();
        let prices: Option<Vec<_>> = legs.iter().map(|leg| leg.quote.map(|quote| quote.price)).collect();
        let offer = prices.map(|prices| {
            let price = Product::of(prices);
            let ceilings = ceilings(&legs, &price, context);
            (price, ceilings)
        });
        Self { request, legs, offer, context }
    }

    /// What is staked if nothing refuses the bet, in minor units.
    pub(super) fn stake(&self) -> Cents {
        let asked = self.request.stake;
        match (self.request.fill, &self.offer) {
            (FillMode::FillAndKill, Some((_, ceilings))) => asked.min(ceilings.all()),
            _ => asked,
        }
    }

    /// The potential payout of that; none while a leg has no price, or past the end of the numbers.
    pub(super) fn payout(&self) -> Option<Cents> {
        self.offer.as_ref()?.0.floor_of(self.stake())
    }

    /// Whatever the rules' number, a stake is money.
    fn stake_min(&self) -> Cents {
        self.context.rules.stake_min.max(Cents::new(1))
    }

    /// Whether a ceiling stands in the bet's way: above it nothing is taken, or so much as it leaves.
    fn is_above(&self, ceiling: impl Fn(&Ceilings) -> Cents) -> bool {
        self.offer.as_ref().is_none_or(|(_, ceilings)| match self.request.fill {
            FillMode::Normal => self.request.stake > ceiling(ceilings),
            FillMode::FillAndKill => ceiling(ceilings) < self.stake_min(),
        })
    }
}

impl<'a> SeenLeg<'a> {
    fn new(request: &'a LegRequest, context: &PlaceContext<'a>) -> Self {
        let market = context.markets.get(&request.market_id);
        let snapshot = market.and_then(|market| market.snapshot.as_deref());
        let quote = snapshot.and_then(|snapshot| snapshot.prices.get(&request.outcome_id));
        let limits = market.map(|market| market.limits).unwrap_or_default();
        Self { request, fence: market.and_then(|market| market.fence), snapshot, quote, limits }
    }

    fn status(&self) -> Option<MarketStatus> {
        self.fence.map(|fence| fence.status)
    }

    fn suspension(&self) -> Option<SuspensionReason> {
        let suspensions = &self.snapshot?.suspensions;
        suspensions.iter().find(|one| one.outcome_id == self.request.outcome_id).map(|one| one.reason)
    }

    /// The finding, with the market as it is now.
    fn finding(&self, message: impl Into<String>) -> Finding {
        Finding {
            message: message.into(),
            data: RefusalData {
                current_price: self.quote.map(|quote| quote.price),
                current_version: self.snapshot.map(|snapshot| snapshot.version),
                current_line: self.quote.and_then(|quote| quote.line),
                ..RefusalData::default()
            },
        }
    }
}

/// The largest stakes at a total price, by every leg's limits and the house's own numbers.
fn ceilings(legs: &[SeenLeg<'_>], price: &Product, context: &PlaceContext<'_>) -> Ceilings {
    let rules = context.rules;
    let factor = legs.iter().map(|leg| leg.limits.factor).min().unwrap_or(Factor::ONE);
    let by_limits = legs.iter().filter(|leg| !leg.limits.limits.is_none()).filter_map(|leg| {
        let in_play = leg.snapshot.is_some_and(|snapshot| snapshot.in_play);
        largest_stake(&leg.limits, in_play.then_some(rules.in_play_limit_pct), price)
    });
    let by_caps = |levels: [CapLevel; 2]| {
        let rooms = context.caps.iter().filter(move |room| levels.contains(&room.cap.level));
        rooms.map(|room| room.largest_stake(price))
    };
    let any = Cents::new(i64::MAX);
    Ceilings {
        event: by_caps([CapLevel::Sport, CapLevel::Event]).fold(any, Cents::min),
        stake: by_limits
            .chain(by_caps([CapLevel::Market, CapLevel::Outcome]))
            .fold(house_stake(rules.stake_max, factor), Cents::min),
        combination: by_caps([CapLevel::Combination; 2]).fold(any, Cents::min),
        payout: largest_paying(context.payout_max(), price),
    }
}

fn plain(message: impl Into<String>) -> Finding {
    Finding { message: message.into(), data: RefusalData::default() }
}

fn duplicated(bet: &Attempt<'_>) -> Option<Finding> {
    if bet.request.confirm_duplicate || bet.context.player.recent.is_empty() {
        return None;
    }
    let window_ms = bet.context.rules.duplicate_window_ms;
    let now = bet.context.now.millis();
    let fingerprint = bet.request.fingerprint();
    // Either way: clocks of two processes differ a little, and one that was set back by an hour must not refuse
    // for an hour.
    let is_repeat =
        |at: i64, other: i64| now.saturating_sub(at).saturating_abs() < window_ms && other == fingerprint;
    let repeated = bet.context.player.recent.iter().any(|bet| is_repeat(bet.at.millis(), bet.fingerprint));
    repeated.then(|| {
        plain(format!(
            "the same bet was placed less than {window_ms} ms ago; send confirm_duplicate if it is meant twice"
        ))
    })
}

fn account_closed(bet: &Attempt<'_>) -> Option<Finding> {
    (bet.context.player.status == AccountStatus::Closed).then(|| plain("the account is closed"))
}

fn account_frozen(bet: &Attempt<'_>) -> Option<Finding> {
    bet.context.player.status.is_debit_frozen().then(|| plain("the account is frozen"))
}

/// The API refuses the shape before; the rules do not rest on it.
fn no_legs(bet: &Attempt<'_>) -> Option<Finding> {
    bet.legs.is_empty().then(|| plain("the bet names no market: it has no legs"))
}

fn unknown_market(leg: &SeenLeg<'_>, _: &Attempt<'_>) -> Option<Finding> {
    leg.fence.is_none().then(|| plain(format!("there is no market {}", leg.request.market_id)))
}

/// Only a snapshot that is not behind the fence can say that an outcome does not exist: one may have
/// been added since. Behind it the market counts as suspended.
fn unknown_outcome(leg: &SeenLeg<'_>, _: &Attempt<'_>) -> Option<Finding> {
    let up_to_date = leg.snapshot?.status_version >= leg.fence?.status_version;
    let known = leg.quote.is_some() || leg.suspension().is_some();
    (up_to_date && !known)
        .then(|| plain(format!("market {} has no outcome {}", leg.request.market_id, leg.request.outcome_id)))
}

fn outcome_removed(leg: &SeenLeg<'_>, _: &Attempt<'_>) -> Option<Finding> {
    let removed = leg.suspension() == Some(SuspensionReason::Removed);
    removed.then(|| leg.finding("the outcome does not take part"))
}

fn offline_event(leg: &SeenLeg<'_>, _: &Attempt<'_>) -> Option<Finding> {
    (leg.status()? == MarketStatus::Inactive).then(|| leg.finding("the event is not on sale"))
}

fn market_closed(leg: &SeenLeg<'_>, _: &Attempt<'_>) -> Option<Finding> {
    leg.status()?.is_over().then(|| leg.finding("the market takes no more bets"))
}

fn past_cutoff(leg: &SeenLeg<'_>, bet: &Attempt<'_>) -> Option<Finding> {
    let cutoff_at = leg.snapshot?.cutoff_at?;
    (cutoff_at <= bet.context.now).then(|| leg.finding(format!("the market took bets until {cutoff_at}")))
}

/// Suspended: by the fence or the snapshot; for want of a snapshot; because the snapshot is of another
/// status version than the fence, and the right one on its way; or because the outcome has no price.
fn betting_suspended(leg: &SeenLeg<'_>, _: &Attempt<'_>) -> Option<Finding> {
    let on_sale = leg.fence.zip(leg.snapshot).is_some_and(|(fence, snapshot)| {
        fence.status == MarketStatus::Open
            && snapshot.status == MarketStatus::Open
            && snapshot.status_version == fence.status_version
    });
    if !on_sale {
        return Some(leg.finding("the market is suspended, or its prices are too old to be sold; try again"));
    }
    leg.quote.is_none().then(|| leg.finding("the outcome is suspended: it has no price now; try again"))
}

fn stale_price(leg: &SeenLeg<'_>, _: &Attempt<'_>) -> Option<Finding> {
    let (asked, current) = (leg.request.market_version, leg.snapshot?.version);
    (asked > current)
        .then(|| leg.finding(format!("the market is at version {current} and has not had version {asked}")))
}

fn line_changed(leg: &SeenLeg<'_>, _: &Attempt<'_>) -> Option<Finding> {
    (leg.request.line != leg.quote?.line).then(|| leg.finding("the line is another one now"))
}

fn price_changed(leg: &SeenLeg<'_>, bet: &Attempt<'_>) -> Option<Finding> {
    let moved = !bet.request.price_policy.allows(leg.request.price, leg.quote?.price);
    moved.then(|| leg.finding("the price moved by more than the price policy allows"))
}

fn total_price_changed(bet: &Attempt<'_>) -> Option<Finding> {
    // On one leg it is the check before this.
    if bet.legs.len() < 2 {
        return None;
    }
    let submitted = Product::of(bet.legs.iter().map(|leg| leg.request.price));
    let current = Product::of(bet.legs.iter().filter_map(|leg| leg.quote).map(|quote| quote.price));
    let moved = !bet.request.price_policy.allows_product(&submitted, &current);
    moved.then(|| plain("the legs' prices together moved by more than the price policy allows"))
}

/// A parlay takes one leg of an event.
fn correlated(leg: &SeenLeg<'_>, bet: &Attempt<'_>) -> Option<Finding> {
    let shared = |leg: &SeenLeg<'_>| {
        let event = leg.snapshot.map(|snapshot| snapshot.event_id);
        bet.legs.iter().filter(|other| other.snapshot.map(|snapshot| snapshot.event_id) == event).count() > 1
    };
    shared(leg).then(|| {
        let related: Vec<OutcomeId> =
            bet.legs.iter().filter(|leg| shared(leg)).map(|leg| leg.request.outcome_id).collect();
        let mut finding = plain("a parlay takes one leg of an event");
        finding.data.related_outcomes = related;
        finding
    })
}

fn too_many_legs(bet: &Attempt<'_>) -> Option<Finding> {
    let legs_max = bet.context.rules.legs_max.min(LEGS_MAX);
    (bet.legs.len() > legs_max)
        .then(|| plain(format!("a bet has at most {legs_max} legs, this one {}", bet.legs.len())))
}

fn leg_type_not_allowed(leg: &SeenLeg<'_>, _: &Attempt<'_>) -> Option<Finding> {
    let leg_type = leg.request.leg_type;
    (leg_type != LegType::Straight).then(|| plain(format!("the market takes STRAIGHT legs, not {leg_type}")))
}

fn currency_mismatch(bet: &Attempt<'_>) -> Option<Finding> {
    let (account, stake) = (bet.context.player.currency, bet.request.currency);
    (account != stake).then(|| plain(format!("the account is in {account}, the stake in {stake}")))
}

fn below_min(bet: &Attempt<'_>) -> Option<Finding> {
    let stake_min = bet.stake_min();
    (bet.request.stake < stake_min)
        .then(|| bounded(format!("the stake is below the least, {stake_min} minor units"), bet))
}

fn above_event_max(bet: &Attempt<'_>) -> Option<Finding> {
    bet.is_above(|ceilings| ceilings.event).then(|| {
        let most = bet.offer.as_ref().map_or(Cents::ZERO, |(_, ceilings)| ceilings.event);
        bounded(format!("the house still takes {most} minor units on the event or its sport"), bet)
    })
}

fn above_max(bet: &Attempt<'_>) -> Option<Finding> {
    bet.is_above(|ceilings| ceilings.stake).then(|| {
        let most = bet.offer.as_ref().map_or(Cents::ZERO, |(_, ceilings)| ceilings.stake);
        bounded(format!("the stake is above the largest by the limits and caps, {most} minor units"), bet)
    })
}

/// The finding, with the stakes that would be taken. Where the largest is below the least, none would: it is 0.
fn bounded(message: String, bet: &Attempt<'_>) -> Finding {
    let mut finding = plain(message);
    let most = bet.offer.as_ref().map_or(Cents::ZERO, |(_, ceilings)| ceilings.all());
    let most = if most < bet.stake_min() { Cents::ZERO } else { most };
    finding.data.stake_cents_min = Some(bet.stake_min().get());
    finding.data.stake_cents_max = Some(most.get());
    finding
}

fn combination_max(bet: &Attempt<'_>) -> Option<Finding> {
    bet.is_above(|ceilings| ceilings.combination).then(|| {
        let most = bet.offer.as_ref().map_or(Cents::ZERO, |(_, ceilings)| ceilings.combination);
        bounded(format!("the house still takes {most} minor units on this combination of legs"), bet)
    })
}

fn max_payout(bet: &Attempt<'_>) -> Option<Finding> {
    let payout_max = bet.context.payout_max();
    bet.is_above(|ceilings| ceilings.payout)
        .then(|| bounded(format!("the potential payout is above the largest, {payout_max} minor units"), bet))
}

fn insufficient_funds(bet: &Attempt<'_>) -> Option<Finding> {
    let available = bet.context.player.available;
    (bet.stake() > available).then(|| {
        let mut finding = plain(format!("the stake is above the balance, {available} minor units"));
        finding.data.available_cents = Some(available.get());
        finding
    })
}

#[cfg(test)]
mod tests {
    use super::CHECKS;

    #[test]
    fn checks_stand_in_the_order_of_the_codes() {
        assert!(CHECKS.windows(2).all(|pair| pair[0].0 <= pair[1].0));
    }
}
