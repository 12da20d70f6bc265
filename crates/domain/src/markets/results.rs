//! What a recorded result means for each outcome.

use super::{MarketKind, OutcomeStatus, TieRule};
use crate::betting::{Fraction, LegResult};
use crate::ids::OutcomeId;
use std::collections::BTreeMap;

/// Why bets on a removed runner are void.
pub const NON_RUNNER: &str = "NON_RUNNER";

/// Why a recorded result settles nothing: a person must.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResultError {
    /// A handicap or total is settled by score, never from winners and losers.
    #[error("a line market is settled by score, not by winners and losers")]
    NeedsScore,
    /// An outcome that takes part has no result.
    #[error("outcome {0} has no result")]
    Undecided(OutcomeId),
    /// Nothing won.
    #[error("no outcome won")]
    NoWinner,
    /// More outcomes won than places there are, and finishing positions are not known.
    #[error(
        "{winners} outcomes won where {number_of_winners} can: settling it takes their finishing positions"
    )]
    NeedsPositions {
        /// How many won.
        winners: u32,
        /// How many places there are.
        number_of_winners: u32,
    },
}

/// The result of each outcome of a market that its source settled by winners and losers. Removed runners
/// are void. Several winners of a market that has one: each has 1/winners of the win under DEAD_HEAT, its
/// stake back under PUSH (betting rules, "One formula settles every leg").
///
/// # Errors
/// When it takes a person, or a score, to settle the market.
pub fn results_from_winners(
    kind: MarketKind,
    number_of_winners: u32,
    tie_rule: TieRule,
    outcomes: &[(OutcomeId, OutcomeStatus, Option<bool>)],
) -> Result<BTreeMap<OutcomeId, LegResult>, ResultError> {
    if kind == MarketKind::Line {
        return Err(ResultError::NeedsScore);
    }
    let won = |(_, status, won): &&(_, OutcomeStatus, Option<bool>)| {
        *status == OutcomeStatus::Active && *won == Some(true)
    };
    let winners = u32::try_from(outcomes.iter().filter(won).count()).unwrap_or(u32::MAX);
    let winning = winner(winners, number_of_winners, tie_rule)?;
    let result = |(id, status, won): &(OutcomeId, OutcomeStatus, Option<bool>)| {
        let result = match (status, won) {
            (OutcomeStatus::Removed, _) => LegResult::refund(Some(NON_RUNNER.to_owned())),
            (OutcomeStatus::Active, Some(true)) => winning.clone(),
            (OutcomeStatus::Active, Some(false)) => LegResult::lose(),
            (OutcomeStatus::Active, None) => return Err(ResultError::Undecided(*id)),
        };
        Ok((*id, result))
    };
    outcomes.iter().map(result).collect()
}

/// What winning comes to. Where fewer won than could (few finished), each of them has won.
fn winner(winners: u32, number_of_winners: u32, tie_rule: TieRule) -> Result<LegResult, ResultError> {
    let needs_positions = ResultError::NeedsPositions { winners, number_of_winners };
    match (winners, number_of_winners.max(1)) {
        (0, _) => Err(ResultError::NoWinner),
        (winners, places) if winners <= places => Ok(LegResult::win()),
        (_, 2..) => Err(needs_positions),
        _ => match tie_rule {
            TieRule::DeadHeat => {
                Fraction::new(1, winners).map(LegResult::dead_heat).map_err(|_| needs_positions)
            }
            TieRule::Push => Ok(LegResult::refund(None)),
            TieRule::DrawIsAnOutcome => Err(needs_positions),
        },
    }
}

#[cfg(test)]
mod tests;
