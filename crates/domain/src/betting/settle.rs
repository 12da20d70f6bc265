//! What a bet returns.

use super::formula::{floor_cents, leg_factor};
use super::product::Product;
use super::{BetKind, BetResult, BetStatus, LegResult, VoidFactor};
use crate::money::Cents;
use crate::odds::Price;

/// What a decided bet comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BetSettlement {
    /// SETTLED, or VOID when every leg is void by decree.
    pub status: BetStatus,
    /// How it ended; none on a void bet.
    pub result: Option<BetResult>,
    /// What it returns in minor units, its stake included.
    pub returned: Cents,
}

/// Why a bet cannot be settled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettleError {
    /// Its legs are not those of its kind: one of a single, two or more of a parlay.
    #[error("a {kind} bet cannot have {legs} legs")]
    Legs {
        /// Its kind.
        kind: BetKind,
        /// How many legs it has.
        legs: usize,
    },
    /// Its stake is not above zero.
    #[error("a bet of {0} minor units cannot be settled")]
    Stake(Cents),
    /// Its return is past the end of the numbers, which placing it rules out.
    #[error("the return of the bet is above the range of 64 bits")]
    Overflow,
}

/// A stake below zero, or a payout past the end of the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the potential payout is outside the range of 64 bits")]
pub struct PayoutError;

/// What a bet returns if every leg wins in full: the stake times the product of the prices, with one
/// floor to the minor unit at the end.
///
/// # Errors
/// When the stake is negative, or the payout past the end of the numbers (MAX_PAYOUT at placing).
pub fn potential_payout(stake: Cents, prices: impl IntoIterator<Item = Price>) -> Result<Cents, PayoutError> {
    Product::of(prices).floor_of(stake).ok_or(PayoutError)
}

/// Settles a bet of legs with their results; none while it is open. A parlay is LOST at its first lost
/// leg and otherwise waits for all. A bet is VOID when every leg is void for a reason. What it returns is
/// `floor(stake * product of f)`, f being [`leg_factor`].
///
/// # Errors
/// When the legs are not those of its kind, the stake is not above zero, or the return overflows.
pub fn settle_bet(
    kind: BetKind,
    stake: Cents,
    legs: &[(Price, Option<LegResult>)],
) -> Result<Option<BetSettlement>, SettleError> {
    if legs.is_empty() || kind != BetKind::of_legs(legs.len()) {
        return Err(SettleError::Legs { kind, legs: legs.len() });
    }
    if stake <= Cents::ZERO {
        return Err(SettleError::Stake(stake));
    }
    if legs.iter().filter_map(|(_, result)| result.as_ref()).any(LegResult::returns_nothing) {
        return Ok(Some(settled(BetResult::Lost, Cents::ZERO)));
    }
    let decided: Option<Vec<_>> =
        legs.iter().map(|(price, result)| Some((*price, result.as_ref()?))).collect();
    let Some(decided) = decided else { return Ok(None) };
    if decided.iter().all(|(_, result)| result.is_void_by_decree()) {
        return Ok(Some(BetSettlement { status: BetStatus::Void, result: None, returned: stake }));
    }
    let factors = decided.iter().map(|(price, result)| leg_factor(*price, result));
    let returned = floor_cents(stake, &factors.product()).ok_or(SettleError::Overflow)?;
    Ok(Some(settled(result_of(&decided, returned), returned)))
}

const fn settled(result: BetResult, returned: Cents) -> BetSettlement {
    BetSettlement { status: BetStatus::Settled, result: Some(result), returned }
}

/// The result of a bet without a lost leg (betting rules, "States"): LOST if the floor leaves nothing,
/// WON if every leg won in full, PUSHED if every stake came back, HALF_* on singles, PARTIAL otherwise.
fn result_of(legs: &[(Price, &LegResult)], returned: Cents) -> BetResult {
    if returned == Cents::ZERO {
        return BetResult::Lost;
    }
    if legs.iter().all(|(_, result)| result.won_in_full()) {
        return BetResult::Won;
    }
    if legs.iter().all(|(_, result)| result.void == VoidFactor::Full) {
        return BetResult::Pushed;
    }
    match legs {
        [(_, result)] if **result == LegResult::half_win() => BetResult::HalfWon,
        [(_, result)] if **result == LegResult::half_lose() => BetResult::HalfLost,
        _ => BetResult::Partial,
    }
}

#[cfg(test)]
mod tests;
