//! How a bet is decided and what it returns (betting rules, "Placement" and "One formula settles every leg").

use super::limits::{Factors, WideBounds, largest_stake};
use super::market::Market;
use super::ratio::Ratio;
use super::{Limits, Purse, Slip};
use overround_domain::betting::{
    BetResult, BetStatus, FillMode, Fraction, LegRequest, LegResult, LegType, PlaceBet, PricePolicy,
    RefusalCode, RefusalData, VoidFactor,
};
use overround_domain::ids::{EventId, OutcomeId};
use overround_domain::markets::MarketStatus;
use overround_domain::odds::Price;

/// How a leg ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Win,
    Lose,
    Push,
    /// By decree: a non-runner, or a trader's word.
    Void,
    HalfWin,
    HalfLose,
    /// So many share the win.
    DeadHeat(u32),
}

impl Ending {
    /// The ending that a result means.
    pub fn of(result: &LegResult) -> Self {
        match (result.won, result.void) {
            (_, VoidFactor::Full) if result.void_reason.is_some() => Self::Void,
            (_, VoidFactor::Full) => Self::Push,
            (true, VoidFactor::Half) => Self::HalfWin,
            (false, VoidFactor::Half) => Self::HalfLose,
            (false, VoidFactor::None) => Self::Lose,
            (true, VoidFactor::None) if result.dead_heat == Fraction::ONE => Self::Win,
            (true, VoidFactor::None) => Self::DeadHeat(result.dead_heat.den()),
        }
    }

    /// What one unit on it returns.
    fn factor(self, price: Price) -> Ratio {
        let price = Ratio::of(price);
        match self {
            Self::Win => price,
            Self::Lose => Ratio::ZERO,
            Self::Push | Self::Void => Ratio::ONE,
            Self::HalfWin => price.halfway_to_one(),
            Self::HalfLose => Ratio::HALF,
            Self::DeadHeat(sharing) => price.times(Ratio::new(1, sharing.into())),
        }
    }
}

/// What a closed bet came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    pub status: BetStatus,
    pub result: Option<BetResult>,
    pub returned: i64,
}

/// What a bet comes to; none while it is open. A parlay is lost at its first lost leg.
pub fn close(stake: i64, legs: &[(Price, Option<Ending>)]) -> Option<Closed> {
    let settled =
        |result, returned| Some(Closed { status: BetStatus::Settled, result: Some(result), returned });
    if legs.iter().any(|(_, ending)| *ending == Some(Ending::Lose)) {
        return settled(BetResult::Lost, 0);
    }
    let ended: Vec<(Price, Ending)> =
        legs.iter().map(|(price, ending)| Some((*price, (*ending)?))).collect::<Option<_>>()?;
    let all = |which: &[Ending]| ended.iter().all(|(_, ending)| which.contains(ending));
    if all(&[Ending::Void]) {
        return Some(Closed { status: BetStatus::Void, result: None, returned: stake });
    }
    let product =
        ended.iter().fold(Ratio::ONE, |product, (price, ending)| product.times(ending.factor(*price)));
    let returned = product.floor_of(stake);
    let single = ended.len() == 1;
    let result = if returned == 0 {
        BetResult::Lost
    } else if all(&[Ending::Win]) {
        BetResult::Won
    } else if all(&[Ending::Push, Ending::Void]) {
        BetResult::Pushed
    } else if single && all(&[Ending::HalfWin]) {
        BetResult::HalfWon
    } else if single && all(&[Ending::HalfLose]) {
        BetResult::HalfLost
    } else {
        BetResult::Partial
    };
    settled(result, returned)
}

/// A market as a leg may have been seen: its fence by one state of it, its snapshot by the same or an
/// earlier one, or by none.
#[derive(Debug, Clone, Copy)]
pub struct Sight<'a> {
    pub fence: &'a Market,
    pub shown: Option<&'a Market>,
}

/// A leg as it is filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filled {
    pub event: EventId,
    pub price: Price,
    pub version: i64,
}

/// What becomes of a bet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Accepted { stake: i64, payout: i64, bet_delay_ms: i64, legs: Vec<Filled> },
    Refused { code: RefusalCode, leg: Option<usize>, data: RefusalData },
}

/// A leg with its market; none where there is none of that id.
type Seen<'a> = (&'a LegRequest, Option<Sight<'a>>);

/// Decides a bet over what was seen of its legs' markets, of the account's factors, and of what limits more than a market.
pub fn judge(
    limits: &Limits,
    purse: &Purse,
    (factors, wide): (&Factors, &WideBounds),
    bet: &PlaceBet,
    sights: &[Option<Sight<'_>>],
    now: i64,
) -> Verdict {
    let legs: Vec<Seen<'_>> = bet.legs.iter().zip(sights.iter().copied()).collect();
    if !bet.confirm_duplicate && purse.repeats(&Slip::of(bet), now - limits.duplicate_window_ms) {
        return refused(RefusalCode::DuplicatedRequest);
    }
    if purse.stops.debits {
        return refused(RefusalCode::AccountFrozen);
    }
    for code in LEG_RULES {
        if let Some((leg, data)) =
            legs.iter().enumerate().find_map(|(at, leg)| Some((at, broken(code, leg, bet)?)))
        {
            return Verdict::Refused { code, leg: Some(leg), data };
        }
    }
    match taken(limits, purse, (factors, wide), bet, &legs) {
        Ok(stake) => accept(stake, &legs),
        Err(refused) => refused,
    }
}

/// The rules on each leg, in their order.
const LEG_RULES: [RefusalCode; 9] = [
    RefusalCode::UnknownMarket,
    RefusalCode::UnknownOutcome,
    RefusalCode::OutcomeRemoved,
    RefusalCode::OfflineEvent,
    RefusalCode::MarketClosed,
    RefusalCode::BettingSuspended,
    RefusalCode::StalePrice,
    RefusalCode::LineChanged,
    RefusalCode::PriceChanged,
];

fn refused(code: RefusalCode) -> Verdict {
    Verdict::Refused { code, leg: None, data: RefusalData::default() }
}

/// What the leg's refusal says, if it breaks the rule.
fn broken(code: RefusalCode, (leg, sight): &Seen<'_>, bet: &PlaceBet) -> Option<RefusalData> {
    let Some(sight) = sight else {
        return (code == RefusalCode::UnknownMarket).then(RefusalData::default);
    };
    let runner = sight.shown.and_then(|shown| shown.runners.iter().find(|one| one.id == leg.outcome_id));
    let offer = runner.and_then(|runner| Some((runner.offer?, runner.line)));
    let up_to_date = |shown: &Market| shown.status_version >= sight.fence.status_version;
    let breaks = match code {
        RefusalCode::UnknownOutcome => {
            let unknown = sight.shown.is_some_and(up_to_date) && runner.is_none();
            return unknown.then(RefusalData::default);
        }
        RefusalCode::OutcomeRemoved => runner.is_some_and(|runner| runner.removed),
        RefusalCode::OfflineEvent => sight.fence.status == MarketStatus::Inactive,
        RefusalCode::MarketClosed => sight.fence.status.is_over(),
        RefusalCode::BettingSuspended => {
            let on_sale = sight.shown.is_some_and(|shown| {
                (shown.status, sight.fence.status) == (MarketStatus::Open, MarketStatus::Open)
                    && shown.status_version == sight.fence.status_version
            });
            !on_sale || offer.is_none()
        }
        RefusalCode::StalePrice => sight.shown.is_some_and(|shown| leg.market_version > shown.version),
        RefusalCode::LineChanged => offer.is_some_and(|(_, line)| line != leg.line),
        RefusalCode::PriceChanged => offer
            .is_some_and(|(price, _)| !allows(bet.price_policy, Ratio::of(price).over(Ratio::of(leg.price)))),
        _ => false,
    };
    breaks.then(|| RefusalData {
        current_price: offer.map(|(price, _)| price),
        current_line: offer.and_then(|(_, line)| line),
        current_version: sight.shown.map(|shown| shown.version),
        ..RefusalData::default()
    })
}

/// Whether a policy allows a price that is so many times the submitted one.
fn allows(policy: PricePolicy, times: Ratio) -> bool {
    match policy {
        PricePolicy::None => times == Ratio::ONE,
        PricePolicy::Higher => times.num >= times.den,
        PricePolicy::Any => true,
        PricePolicy::Within(percent) => times.is_at_least_percent(100 - u128::from(percent)),
    }
}

/// The rules after those on the legs' markets: how much is staked.
fn taken(
    limits: &Limits,
    purse: &Purse,
    (factors, wide): (&Factors, &WideBounds),
    bet: &PlaceBet,
    legs: &[Seen<'_>],
) -> Result<i64, Verdict> {
    let times = filled(legs).iter().zip(&bet.legs).fold(Ratio::ONE, |product, (filled, leg)| {
        product.times(Ratio::of(filled.price).over(Ratio::of(leg.price)))
    });
    if legs.len() > 1 && !allows(bet.price_policy, times) {
        return Err(refused(RefusalCode::PriceChanged));
    }
    if let Some(verdict) = correlated(legs) {
        return Err(verdict);
    }
    if legs.len() > limits.legs_max {
        return Err(refused(RefusalCode::TooManyLegs));
    }
    if let Some(leg) = bet.legs.iter().position(|leg| leg.leg_type != LegType::Straight) {
        let code = RefusalCode::LegTypeNotAllowed;
        return Err(Verdict::Refused { code, leg: Some(leg), data: RefusalData::default() });
    }
    if bet.currency != purse.currency {
        return Err(refused(RefusalCode::CurrencyMismatch));
    }
    let stake = bet.stake.get();
    let markets: Vec<(&Market, bool)> = legs
        .iter()
        .filter_map(|(_, sight)| sight.and_then(|sight| Some((sight.fence, sight.shown?.in_play))))
        .collect();
    let most = largest_stake(limits, factors, wide, bet.currency, &markets, total(&filled(legs)));
    let payable = largest(limits, most, &filled(legs));
    let fills = bet.fill == FillMode::FillAndKill;
    // What is to be taken at least: all of it, or so much of it as makes a bet.
    let least = if fills { limits.stake_min } else { stake };
    let broken = [
        (RefusalCode::BelowMin, stake < limits.stake_min),
        (RefusalCode::AboveMax, least > most),
        (RefusalCode::MaxPayout, payout(least, &filled(legs)) > limits.payout_max),
    ];
    if let Some((code, _)) = broken.into_iter().find(|(_, is_broken)| *is_broken) {
        let data = RefusalData {
            stake_cents_min: Some(limits.stake_min),
            stake_cents_max: Some(payable),
            ..RefusalData::default()
        };
        return Err(Verdict::Refused { code, leg: None, data });
    }
    let stake = if fills { stake.min(payable) } else { stake };
    if stake > purse.balance { Err(purse.insufficient()) } else { Ok(stake) }
}

/// Legs of one event: the first of them is named, with the outcomes of all.
fn correlated(legs: &[Seen<'_>]) -> Option<Verdict> {
    let event = |(_, sight): &Seen<'_>| sight.and_then(|sight| sight.shown).map(|shown| shown.event);
    let shares = |leg: &Seen<'_>| legs.iter().filter(|other| event(other) == event(leg)).count() > 1;
    let first = legs.iter().position(shares)?;
    let related: Vec<OutcomeId> =
        legs.iter().filter(|leg| shares(leg)).map(|(leg, _)| leg.outcome_id).collect();
    let data = RefusalData { related_outcomes: related, ..RefusalData::default() };
    Some(Verdict::Refused { code: RefusalCode::Correlated, leg: Some(first), data })
}

fn filled(legs: &[Seen<'_>]) -> Vec<Filled> {
    let fill = |(leg, sight): &Seen<'_>| {
        let shown = sight.and_then(|sight| sight.shown)?;
        let runner = shown.runners.iter().find(|runner| runner.id == leg.outcome_id)?;
        Some(Filled { event: shown.event, price: runner.offer?, version: shown.version })
    };
    legs.iter().filter_map(fill).collect()
}

/// The largest stake up to one that would be taken; 0 where none would.
fn largest(limits: &Limits, most: i64, legs: &[Filled]) -> i64 {
    // Payouts grow with stakes: halve what is between one that is payable and one that is not.
    let (mut payable, mut not) = (0, most + 1);
    while not - payable > 1 {
        let stake = payable + (not - payable) / 2;
        let is_payable = payout(stake, legs) <= limits.payout_max;
        *(if is_payable { &mut payable } else { &mut not }) = stake;
    }
    if payable < limits.stake_min { 0 } else { payable }
}

fn payout(stake: i64, legs: &[Filled]) -> i64 {
    total(legs).floor_of(stake)
}

fn total(legs: &[Filled]) -> Ratio {
    legs.iter().fold(Ratio::ONE, |product, leg| product.times(Ratio::of(leg.price)))
}

fn accept(stake: i64, legs: &[Seen<'_>]) -> Verdict {
    let delay = |(_, sight): &Seen<'_>| {
        sight
            .and_then(|sight| sight.shown)
            .filter(|shown| shown.in_play)
            .map_or(0, |shown| shown.bet_delay_ms)
    };
    let bet_delay_ms = legs.iter().map(delay).max().unwrap_or(0);
    let legs = filled(legs);
    Verdict::Accepted { stake, payout: payout(stake, &legs), bet_delay_ms, legs }
}
