//! What a score means for a bet on a handicap or a total (betting rules, "Handicap").

use super::Line;
use crate::betting::LegResult;
use std::cmp::Ordering;

/// A bet on a line, as a score settles it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineBet {
    /// A side with its handicap: x = own score - opponent's + line.
    Handicap {
        /// The side's own score.
        own: i32,
        /// The opponent's.
        opponent: i32,
    },
    /// More than the line: x = total - line.
    Over {
        /// Both scores together.
        total: i32,
    },
    /// Less than the line: x = line - total.
    Under {
        /// Both scores together.
        total: i32,
    },
}

/// The result of a bet on a line by score: with x in quarters, 2 and more win, 1 half-win, 0 push,
/// -1 half-lose, -2 and less lose (betting rules, "Handicap").
pub fn line_result(bet: LineBet, line: Line) -> LegResult {
    let line = i64::from(line.quarters());
    let x = match bet {
        LineBet::Handicap { own, opponent } => quarters(own) - quarters(opponent) + line,
        LineBet::Over { total } => quarters(total) - line,
        LineBet::Under { total } => line - quarters(total),
    };
    match x {
        2.. => LegResult::win(),
        1 => LegResult::half_win(),
        0 => LegResult::refund(None),
        -1 => LegResult::half_lose(),
        _ => LegResult::lose(),
    }
}

/// A side of a three-way handicap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThreeWaySide {
    /// The side that has the line wins with it.
    Own,
    /// The scores are level with the line.
    Draw,
    /// The other side wins in spite of it.
    Opponent,
}

/// The result of a bet on a three-way handicap: own score + line against the opponent's. The draw is an
/// outcome of its own, so that there is no push.
pub fn three_way_result(side: ThreeWaySide, own: i32, opponent: i32, line: Line) -> LegResult {
    let winner = match (quarters(own) + i64::from(line.quarters())).cmp(&quarters(opponent)) {
        Ordering::Greater => ThreeWaySide::Own,
        Ordering::Equal => ThreeWaySide::Draw,
        Ordering::Less => ThreeWaySide::Opponent,
    };
    if side == winner { LegResult::win() } else { LegResult::lose() }
}

fn quarters(score: i32) -> i64 {
    i64::from(score) * 4
}

#[cfg(test)]
mod tests;
