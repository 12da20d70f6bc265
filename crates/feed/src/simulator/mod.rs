//! Matches that are made up from a seed: chance plays them, prices follow from a model, and the stream of messages has
//! everything a recorded one has. Clubs and players are fictitious.

mod board;
mod chance;
mod football;
mod offer;
mod sides;
mod tennis;

pub use football::{Football, Phase, Summary};
pub use tennis::{Score, Tennis};

use crate::Applied;
use overround_domain::time::Timestamp;
use std::fmt;

/// The time from one message to the next.
pub const TICK_MS: i64 = 10_000;
const TICKS_A_MINUTE: u32 = 6;
/// How long a match is listed, and then on sale before it begins, in ticks.
const LISTED_TICKS: u32 = TICKS_A_MINUTE;
const PRE_MATCH_TICKS: u32 = 30 * TICKS_A_MINUTE;
/// The last ticks before the start, when sale stops until the match is in play.
const TURNING_IN_PLAY_TICKS: u32 = 3;

/// A sport that is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sport {
    /// By goals.
    Football,
    /// By points, best of three sets.
    Tennis,
}

/// A simulated match: an iterator over its messages, one every [`TICK_MS`] from the start instant on; the match begins 31
/// minutes after that. Its text says how it stands after the last message.
///
/// One seed is one match of a sport, bit for bit.
#[derive(Debug)]
pub enum Simulator {
    /// Football.
    Football(Box<Football>),
    /// Tennis.
    Tennis(Box<Tennis>),
}

impl Simulator {
    /// The match of that seed, whose first message is at `start`.
    pub fn new(sport: Sport, seed: u64, start: Timestamp) -> Self {
        match sport {
            Sport::Football => Self::Football(Box::new(Football::new(seed, start))),
            Sport::Tennis => Self::Tennis(Box::new(Tennis::new(seed, start))),
        }
    }
}

impl Iterator for Simulator {
    type Item = Applied;

    fn next(&mut self) -> Option<Applied> {
        match self {
            Self::Football(game) => game.next(),
            Self::Tennis(game) => game.next(),
        }
    }
}

impl fmt::Display for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Football(game) => game.summary().fmt(f),
            Self::Tennis(game) => game.fmt(f),
        }
    }
}
